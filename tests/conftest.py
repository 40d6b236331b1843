"""What every test gets: no network, no settings of this machine, and a workbench of its own when it asks for one.

Real parts throughout: the embedding model, the store and the extractive answerer that ship with the product are quick enough
to be their own test doubles.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

# `rag` itself is imported inside the fixtures: a part that cannot be imported then fails its own tests only.
if TYPE_CHECKING:
    from rag import Upload, Workbench
    from tests.faultserver import FaultServer

ROOT = Path(__file__).resolve().parents[1]
SAMPLES = ROOT / "data" / "samples"
EVAL = ROOT.parent / "shared" / "eval"
"""Public evaluation sets that are too large for this repository; see `eval_dir`."""

# How long examples take on a busy machine is no failure: `pytest-timeout` ends what hangs.
settings.register_profile("here", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

# Before anything opens a connection: child processes inherit it, so that their clients meet a closed port at once.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HTTP_PROXY="http://127.0.0.1:9",
    HTTPS_PROXY="http://127.0.0.1:9",
    NO_PROXY="127.0.0.1,localhost,::1",
    PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",  # a developer's own keyring is none of a test's business
)


def _is_local(address: Any) -> bool:
    """Say whether a socket address stays on this machine; a path of a Unix socket does."""
    if not isinstance(address, tuple):
        return True
    try:
        return ip_address(address[0]).is_loopback
    except ValueError:
        return address[0] == "localhost"


def _guarded(call: Callable[..., Any], position: int) -> Callable[..., Any]:
    """Return `call` refusing to reach beyond this machine; the address is its argument at `position`."""

    def checked(*args: Any, **kwargs: Any) -> Any:
        if not _is_local(args[position]):
            raise AssertionError(f"a test tried to reach {args[position]!r}; tests use loopback addresses only")
        return call(*args, **kwargs)

    return checked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the files of browser tests, which wait more than they work, evenly among the others; long ones come first.

    Whole files go to a worker, in this order: so one waits while the other works, and neither ends long after the other.
    """
    seconds: dict[Path, float] = {}
    for item in items:
        is_slow = item.get_closest_marker("slow") is not None
        seconds[item.path] = seconds.get(item.path, 0.0) + (
            5.0 if "browser" in item.path.parts else 10.0 if is_slow else 0.4
        )
    place = {}
    for in_browser in (True, False):
        files = [path for path in seconds if ("browser" in path.parts) is in_browser]
        files.sort(key=lambda path: -seconds[path])
        whole = sum(seconds[path] for path in files)
        before = 0.0
        for path in files:
            place[path] = before / whole
            before += seconds[path]
    items.sort(key=lambda item: place[item.path])


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Fail whatever tries to leave this machine, names asked of a server included."""
    with pytest.MonkeyPatch.context() as patch:
        for method, position in (("connect", 1), ("connect_ex", 1), ("sendto", -1)):
            patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method), position))
        real = socket.getaddrinfo

        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name and not _is_local((name,)):
                raise AssertionError(f"a test tried to resolve {name!r}; tests use loopback addresses only")
            return real(host, *args, **kwargs)

        patch.setattr(socket, "getaddrinfo", resolve)
        yield


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see defaults and no key, whatever the developer's shell and .env hold."""
    for name in list(os.environ):
        if name.startswith("RAG_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)
    from rag.settings import Settings

    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(autouse=True)
def migrated_once(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A new catalog is a copy of the first one that was made: over a thousand tests need one. Tests of the store make theirs."""
    from rag.store import opening

    if "store" in request.path.parts:
        return
    real, first = opening._migrate, tmp_path_factory.getbasetemp() / "first-catalog.db"

    def copied(path: Path) -> None:
        if path.exists():  # one that is brought up to date
            return real(path)
        if not first.exists():
            real(path)
            shutil.copy(path, first)
        shutil.copy(first, path)
        return None

    monkeypatch.setattr(opening, "_migrate", copied)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    """An empty workbench of this test's own, with the shipped embedding model."""
    import rag

    bench = rag.open_workbench(tmp_path / "workbench")
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def samples() -> list[Upload]:
    """The documents that ship with the project: one PDF, one Markdown, one text."""
    from rag import Upload

    names = (
        "brackwater-annual-report-2025.pdf",
        "brackwater-board-minutes-2026-03.txt",
        "brackwater-staff-handbook.md",
    )
    return [Upload(name, (SAMPLES / name).read_bytes()) for name in names]


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]) -> Path:
    """A data folder with the sample documents in its default collection; tests work on copies."""
    import rag

    folder = tmp_path_factory.mktemp("samples") / "data"
    with rag.open_workbench(folder) as bench:
        report = rag.ingest(bench, samples)
    assert all(f.status == "added" for f in report.files)
    return folder


@pytest.fixture(scope="session")
def with_samples(sample_data: Path) -> Callable[[Path], Path]:
    """Return what makes a folder into a data folder with the sample documents, and returns it: embedding them takes two seconds."""
    return lambda folder: Path(shutil.copytree(sample_data, folder, dirs_exist_ok=True))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A provider that fails by script, over real HTTP."""
    from tests.faultserver import FaultServer

    with FaultServer() as running:
        yield running


@pytest.fixture(scope="session")
def eval_dir() -> Path:
    """Folder of the public evaluation sets; tests that need them skip where they are not beside the repository."""
    if not EVAL.is_dir():
        pytest.skip("the evaluation sets are not on this machine (expected in ../shared/eval)")
    return EVAL
