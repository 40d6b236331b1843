"""What every page shares: the workbench of this server, the chosen collection, the list of pages, and words for figures."""

from __future__ import annotations

import gc
import logging
import threading
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts.safe_text import draw, el, say
from rag import RagError

if TYPE_CHECKING:
    from streamlit.navigation.page import StreamlitPage

    from rag.types import Collection

log = logging.getLogger("workbench")
FOLDER = Path(__file__).resolve().parents[1]
COLLECTION = "collection"
"""Session key of the chosen collection's name."""
NEXT_COLLECTION = "collection.next"
LOST_COLLECTION = "collection.lost"
"""Session key of the sentence for a chosen collection that went meanwhile; it is there for the run that finds it out."""
_PAGES = {
    "documents": ("Documents", ":material/description:"),
    "embedding": ("Collections", ":material/database:"),
    "search": ("Search", ":material/tune:"),
    "experiments": ("Experiments", ":material/science:"),
    "ask": ("Ask", ":material/forum:"),
    "usage": ("Usage", ":material/monitoring:"),
    "settings": ("Settings", ":material/settings:"),
}
_style = st.components.v2.component(
    "workbench.frame", css=(FOLDER / "parts" / "frame.css").read_text(encoding="utf-8"), isolate_styles=False
)
_FIRST_PAGE_S = 8.0  # without a visitor until then, warming up disturbs nobody
first_page = threading.Event()
"""Set when the first page of this server is drawn."""
_bench: rag.Workbench | None = None
_lock = threading.Lock()


def page(name: str) -> StreamlitPage:
    """Return the page of that file, for navigation, links and switches."""
    title, icon = _PAGES[name]
    path = "collections" if name == "embedding" else name
    return st.Page(FOLDER / f"{name}.py", title=title, icon=icon, url_path=path)


def style() -> None:
    """Put the few rules that Streamlit's theme has no option for on the page; the element itself takes no room."""
    with st.container(key="frame-style"):
        _style(key="frame.style")


def pages() -> dict[str, StreamlitPage]:
    return {name: page(name) for name in _PAGES}


# --- the workbench ---


def open_bench() -> rag.Workbench:
    """Return the one workbench of this server, opened at first use. Raises `StoreError`, each time anew until it opens."""
    global _bench
    with _lock:
        if _bench is None:
            _bench = rag.open_workbench()
        return _bench


def close_bench() -> None:
    """Stop the jobs and free the data folder."""
    global _bench
    with _lock:
        if _bench is not None:
            _bench.close()
        _bench = None


def warm_up() -> None:
    """Open the workbench, and once the first page stands its models and index; then freeze what will stay for good.

    Frozen objects are not walked by the garbage collector any more, which would stop every session each time.
    """
    try:
        bench = open_bench()
        first_page.wait(_FIRST_PAGE_S)
        import altair  # noqa: F401 - the first table and the first chart would wait for pandas and this

        bench.warm_up().wait()
    except RagError as error:
        log.warning("%s", error)  # the first page says it to the user
    except Exception:
        log.exception("warming up failed")
    gc.collect()
    gc.freeze()


def collection(bench: rag.Workbench) -> Collection:
    """Return the collection chosen in the sidebar. Raises `CollectionNotFoundError` when it was deleted since."""
    chosen = st.session_state.get(COLLECTION)
    return bench.catalog.collection(chosen) if chosen else bench.collection()


def choose(name: str) -> None:
    """Make a collection the chosen one at the next rerun: its widget is on the page already and keeps its value until then."""
    st.session_state[NEXT_COLLECTION] = name


def tidy_index(bench: rag.Workbench) -> None:
    """Let the index forget what was deleted, in the background; searching is exact until it has."""
    bench.jobs.start("tidy", "Tidying the index", lambda job: bench.sync_index(stop=job.stopping))


def show_failure(error: Exception) -> None:
    """Show one sentence for an error that ended the page."""
    if isinstance(error, RagError):
        say("error", error)
    else:
        say(
            "error",
            f"This page failed ({type(error).__name__}); reload it, and look into the server's log if it stays.",
        )


# --- words ---

cost, duration, pages_text = rag.reporting.cost, rag.reporting.duration, rag.reporting.pages_text


def count(number: int, noun: str, plural: str = "") -> str:
    """Return "1 chunk", "1,204 chunks"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def size(n_bytes: int) -> str:
    """Return a size in the unit that fits, as file managers count it (1 MB is 2**20): "48 kB", "1.3 MB", "50 MB"."""
    if n_bytes < 1024:
        return f"{n_bytes} B"
    if n_bytes < 2**20:
        return f"{n_bytes / 1024:,.0f} kB"
    return f"{n_bytes / 2**20:,.1f}".removesuffix(".0") + " MB"


def moment(at: datetime) -> str:
    """Return when something was, by the clock of this machine: "20 Nov, 14:12", with the year when it is another."""
    here = at.astimezone()
    year = "" if here.year == datetime.now().astimezone().year else f" {here.year}"
    return f"{here.day} {here:%b}{year}, {here:%H:%M}"


def by_our_clock(at: datetime) -> datetime:
    """Return a time by the clock of this machine, for tables: they show any other as UTC, and a time without a zone as it stands."""
    return at.astimezone().replace(tzinfo=None)


def empty_state(title: str, *sentences: str, key: str) -> None:
    """Say that there is nothing yet and what to do next."""
    draw(el("div.empty", el("h3", title), *(el("p", s) for s in sentences)), key=key)


def facts(*pairs: tuple[str, str], key: str, small: bool = False) -> None:
    """Draw figures with their names, side by side."""
    cells = [el("div.fact", el("span.name", name), el("span.value", value)) for name, value in pairs]
    draw(el("div.facts.small" if small else "div.facts", *cells), key=key)
