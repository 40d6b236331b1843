"""The frame around every page: navigation, the chosen collection, what is being worked on. Streamlit runs it at every rerun."""

from __future__ import annotations

import streamlit as st

from pages.parts import job_view, shared
from pages.parts.safe_text import draw, el, say, visible
from rag import RagError, Workbench

ASSETS = shared.FOLDER / "parts" / "assets"


def start() -> None:
    """The address without a page's name: go to where the work begins."""
    st.switch_page(shared.page("documents"), query_params=st.query_params.to_dict())


def choose_collection(bench: Workbench) -> None:
    """Let the user choose the collection that all pages work with; a link may name it."""
    names = [c.name for c in bench.catalog.collections()] or [bench.collection().name]  # the first of a new folder
    linked = st.query_params.get("collection")
    if shared.NEXT_COLLECTION in st.session_state:
        st.session_state[shared.COLLECTION] = st.session_state.pop(shared.NEXT_COLLECTION)
    before = st.session_state.get(shared.COLLECTION)
    st.session_state.pop(shared.LOST_COLLECTION, None)
    if before not in names:
        usual = bench.settings.default_collection
        now = linked if linked in names else usual if usual in names else names[0]
        st.session_state[shared.COLLECTION] = now
        if before:
            gone = f"The collection {visible(before, 60)} is not there any more, deleted or renamed; this is {visible(now, 60)}."
            st.session_state[shared.LOST_COLLECTION] = gone
    st.selectbox("Collection", names, key=shared.COLLECTION, format_func=visible, help="All pages work with this one.")
    if lost := st.session_state.get(shared.LOST_COLLECTION):
        say("warning", lost)
    held = shared.collection(bench)
    model = held.embedding_model.rpartition("/")[2] or "keywords only"
    parts = (shared.count(held.documents, "document"), shared.count(held.chunks, "chunk"), model)
    draw(el("div.muted", el("small", " · ".join(parts))), key="frame.collection")


def main() -> None:
    st.set_page_config(page_title="RAG workbench", page_icon=str(ASSETS / "icon.png"), layout="wide")
    st.logo(str(ASSETS / "logo.svg"), icon_image=str(ASSETS / "icon.png"), size="large")
    first = st.Page(start, title="Start", default=True, visibility="hidden")
    page = st.navigation([first, *shared.pages().values()])
    if page == first:
        start()
    try:
        bench = shared.open_bench()
        with st.sidebar:
            choose_collection(bench)
            job_view.summary(bench)
            shared.style()
        page.run()
    except RagError as error:
        say("error", error)
    finally:
        shared.first_page.set()


main()
