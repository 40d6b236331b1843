"""A served workbench and a real Chromium, for browser tests and for the pictures of the README."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_START_S = 60
_STATE = """() => {
    const app = document.querySelector("[data-testid=stApp]");
    return [app?.dataset.testScriptState, app?.dataset.testConnectionState, document.body.innerText.slice(0, 4000)].join("\\n");
}"""


def missing() -> str:
    """Return the sentence that says what a browser test lacks here; empty when nothing is."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "browser tests need playwright: install requirements-dev.txt"
    return "" if chromium() else "browser tests need Chromium: apt-get install chromium"


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_SETTLED = """async quiet => {
    const app = document.querySelector("[data-testid=stApp]");
    const look = () => app.dataset.testScriptState + app.innerText + [...app.querySelectorAll("[class*=st-key-]")].map(part => {
        const { x, y, width, height } = part.getBoundingClientRect();
        const drawn = [...part.querySelectorAll("*")].map(inner => inner.shadowRoot?.textContent ?? "");
        return [...[x, y, width, height].map(Math.round), ...drawn];
    }).join(" ");
    const end = performance.now() + 8000;
    let last = look(), since = performance.now();
    while (performance.now() < end && (performance.now() - since < quiet || app.dataset.testScriptState !== "notRunning")) {
        await new Promise(done => setTimeout(done, 50));
        const now = look();
        if (now !== last) [last, since] = [now, performance.now()];
    }
}"""


class Server:
    """`streamlit run app.py` over a data folder of its own."""

    def __init__(self, data: Path, script: Path = ROOT / "app.py") -> None:
        self.data, self.port = data, free_port()
        self.log = data.parent / f"server-{self.port}.log"
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(script),
            "--server.port",
            str(self.port),
            "--server.headless",
            "true",
        ]
        environment = {**os.environ, "RAG_DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(self.address("_stcore/health"), timeout=1):
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
                time.sleep(0.05)
        raise AssertionError(f"the server did not answer within {_START_S} s: {self.log.read_text(encoding='utf-8')}")

    def address(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def served(data: Path, script: Path = ROOT / "app.py") -> Iterator[Server]:
    server = Server(data, script)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def launched() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


def state_of_tabs(browser: Browser) -> str:
    """Return address, script state and text of every open tab, and save a picture of each: for the report of a failure."""
    told = []
    for number, page in enumerate(page for context in browser.contexts for page in context.pages):
        picture = Path(tempfile.mkdtemp(prefix="failed-page-")) / f"{number}.png"
        try:
            state = page.evaluate(_STATE)
            page.screenshot(path=picture, timeout=5_000)
        except Exception as error:  # a tab that hangs must not hide the failure that is reported
            state = f"could not be read: {error}"
        told.append(f"{page.url}\n{picture}\n{state}")
    return "\n\n".join(told)


class Visitor:
    """One tab that notes every address it asks for beyond the server, and every error the page reports."""

    def __init__(
        self,
        browser: Browser,
        server: Server,
        *,
        width: int = 1280,
        height: int = 900,
        scheme: Any = "light",
        page: Page | None = None,
    ) -> None:
        """Open a tab of a browser that was never here; `page` is one that is open already."""
        self.server = server
        self.page: Page = page or browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        self.strangers: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("websocket", self._watch)
        self._runs_due = 0.0
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _watch(self, socket: Any) -> None:
        """Take note of each run that the page asks for, until it is told that one has ended."""
        from streamlit.proto.BackMsg_pb2 import BackMsg
        from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

        def sent(frame: Any) -> None:
            self._runs_due += BackMsg.FromString(frame).WhichOneof("type") == "rerun_script"

        def heard(frame: Any) -> None:
            message = ForwardMsg.FromString(frame)
            ended = message.WhichOneof("type") == "script_finished"
            if ended and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                self._runs_due = 0

        self._note(socket.url)
        self._runs_due = 0
        socket.on("framesent", sent)
        socket.on("framereceived", heard)

    def _note(self, url: str) -> None:
        own = (self.server.address(), f"ws://127.0.0.1:{self.server.port}/", "data:", "blob:")
        if not url.startswith(own):
            self.strangers.append(url)

    def go(self, path: str) -> Visitor:
        self.page.goto(self.server.address(path))
        return self.idle()

    def idle(self, settle_ms: int = 300) -> Visitor:
        """Wait until no script runs and nothing on the page has changed for a moment: a menu closes when its page scrolls.

        A page that goes on changing, as one with a running job does, is waited for no longer than eight seconds.
        """
        self.page.wait_for_timeout(120)
        end = time.monotonic() + 60
        while self._runs_due and time.monotonic() < end:
            self.page.wait_for_timeout(20)
        self.page.wait_for_selector(IDLE, timeout=60_000)
        self.page.evaluate(_SETTLED, settle_ms)
        self.page.wait_for_selector(IDLE, timeout=60_000)
        return self

    def drop(self, *files: tuple[str, bytes]) -> Visitor:
        """Give files to the uploader, and wait until they are on the page."""
        payload: Any = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
        self.page.set_input_files("[data-testid=stFileUploaderDropzoneInput]", payload)
        self.page.locator(".st-key-preview-file").wait_for(timeout=30_000)
        return self.idle()

    def press(self, name: str) -> Visitor:
        self.page.get_by_role("button", name=name).first.click()
        return self.idle()

    def add_all(self) -> Visitor:
        """Press Add and wait for the report."""
        self.page.locator(".st-key-preview-add button").click()
        self.page.locator(".st-key-documents-report").wait_for(timeout=120_000)
        return self.idle()

    def ask(self, question: str) -> Visitor:
        box = self.page.get_by_test_id("stChatInputTextArea")
        box.fill(question)
        box.press("Enter")
        self.page.locator("section.turn", has_text=question).locator(".meta").wait_for(timeout=30_000)
        return self.idle()

    def text(self, key: str) -> str:
        """Return what a drawn tree shows; `key` as Streamlit writes it into the class."""
        return self.page.locator(f".st-key-{key} .surface").inner_text(timeout=15_000)
