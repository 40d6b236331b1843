"""What a user waits for: the server's start to the first usable page, and a moved slider to the redrawn result.

    .venv/bin/python bench/cold_start.py [--rounds 5] [--moves 24]

Measured on the wall in a real browser (Chromium, by Playwright) with the sample documents in a new data folder. The browser is
running already; its cache is empty at every start. Both figures depend on what else the machine does: the load is printed too.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright
from side_by_side import ROOT, cpu_seconds, machine, print_table

sys.path.insert(0, str(ROOT))
import rag

Times = tuple[float, float]
"""On the wall, and of the server's processor: the second hardly depends on what else the machine does."""
START_TARGET_S, MOVE_TARGET_MS = 3.0, 100.0
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUESTION = "How many days of annual leave do employees have?"
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"
# From the browser's own input event to the frame after the one in which the results name the new threshold.
WATCH = """
() => {
  const shown = () => {
    const hosts = document.querySelectorAll(".st-key-search-results *");
    return [...hosts].map((host) => host.shadowRoot?.textContent ?? "").join("");
  };
  window.addEventListener("input", (event) => {
    const began = performance.now();
    const wanted = "threshold " + Number(event.composedPath()[0].value).toFixed(2);
    const look = () => {
      if (shown().includes(wanted)) requestAnimationFrame(() => window.moves.push(performance.now() - began));
      else requestAnimationFrame(look);
    };
    look();
  }, true);
  window.moves = [];
}
"""


def load_samples(folder: Path) -> None:
    bench = rag.open_workbench(folder)
    rag.ingest(bench, rag.load_samples().uploads)
    bench.close()


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """Start the workbench as a user does; give its address at once, before it answers, and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(ROOT / ".venv" / "bin" / "streamlit"), "run", "app.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    environment = {**os.environ, "RAG_DATA_DIR": str(folder)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


@contextmanager
def visit(browser: Browser, address: str) -> Iterator[Page]:
    """Open the address with an empty cache as soon as the server answers."""
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    page = context.new_page()
    port = int(address.split(":")[2].split("/")[0])
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.01)
    page.goto(address, wait_until="commit")
    yield page
    context.close()


def seconds_to(browser: Browser, folder: Path, path: str, usable: str) -> Times:
    """Return the seconds from the start of the server until `usable` is on the page and the page is at rest."""
    began = time.monotonic()
    with server(folder) as (address, pid), visit(browser, address + path) as page:
        page.locator(usable).first.wait_for(state="visible", timeout=60_000)
        page.locator(IDLE).wait_for(timeout=60_000)
        return time.monotonic() - began, cpu_seconds(pid)


def milliseconds_to_redraw(browser: Browser, folder: Path, moves: int) -> list[Times]:
    """Move the threshold by one step of the keyboard at a time; return what each took until the result was drawn."""
    with server(folder) as (address, pid), visit(browser, f"{address}/search?q={quote(QUESTION)}") as page:
        slider = page.get_by_role("slider", name="Threshold")
        slider.wait_for(timeout=60_000)
        page.locator(IDLE).wait_for()
        page.wait_for_timeout(3000)  # the models load beside the first page
        page.evaluate(WATCH)
        before = cpu_seconds(pid)
        for number in range(moves):
            slider.press("ArrowRight" if number < moves / 2 else "ArrowLeft")
            page.wait_for_function("count => window.moves.length > count", arg=number, timeout=20_000)
            page.wait_for_timeout(250)
        server_ms = 1000 * (cpu_seconds(pid) - before) / moves
        return [(milliseconds, server_ms) for milliseconds in page.evaluate("window.moves")]


def row(title: str, times: list[Times], unit: str, target: float) -> list[str]:
    wall = [first for first, _ in times]
    digits = 0 if unit == "ms" else 1
    spread = f"{min(wall):.{digits}f}-{max(wall):.{digits}f}"
    processor = f"{median(second for _, second in times):.{digits}f} {unit}"
    verdict = "met" if median(wall) <= target else "MISSED"
    return [
        title, f"{median(wall):.{digits}f} {unit}", spread, str(len(times)), processor, f"{target:.0f} {unit}: {verdict}"
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--moves", type=int, default=24)
    arguments = parser.parse_args()
    load_before = os.getloadavg()[0]
    with TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        load_samples(folder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        search = f"/search?q={quote(QUESTION)}"
        first = [
            seconds_to(browser, folder, "", "[data-testid=stFileUploaderDropzoneInput], [data-testid=stFileUploader]")
            for _ in range(arguments.rounds)
        ]
        found = [seconds_to(browser, folder, search, ".st-key-search-results") for _ in range(arguments.rounds)]
        moved = milliseconds_to_redraw(browser, folder, arguments.moves)
        browser.close()
    rows = [
        row("`streamlit run` to the first usable page", first, "s", START_TARGET_S),
        row("`streamlit run` to the results of a linked search", found, "s", START_TARGET_S),
        row("slider moved to the redrawn result", moved, "ms", MOVE_TARGET_MS),
    ]
    title = f"In Chromium, three sample documents ({machine()} after, {load_before:.1f} before)"
    print_table(title, ["", "median", "range", "times", "server's processor time", "aim"], rows)


if __name__ == "__main__":
    main()
