"""The map of a collection: every chunk as a point in the colour of its document, the question among them with its hits.

The points are drawn by a component of ours on a canvas, because ten thousand of them have to be there within a second and their texts
must never be parsed: map_view.js makes text nodes of them.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

import rag
from pages.parts import job_view, passage, shared
from pages.parts.newest import packed, script
from pages.parts.safe_text import draw, el, say, visible
from pages.parts.shared import count, pages_text
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.evaluation import CollectionMap
    from rag.jobs import Job
    from rag.types import Collection, SearchResult

QUESTION = "map.question"
_HERE = Path(__file__).parent
_EXCERPT = 120  # characters of a chunk that its point shows
_METHODS = {"pca": "PCA", "umap": "UMAP"}
_JOB, _BASE, _OPEN = "map.job", "map.base", "map.open"
_SOON_S = 1.5
_map = st.components.v2.component(
    "workbench.map",
    css=(_HERE / "map_view.css").read_text(encoding="utf-8"),
    js=script("map_view.js"),
)


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the map of the chosen collection; return what the address says of it."""
    if QUESTION not in st.session_state:
        st.session_state[QUESTION] = st.query_params.get("q", "") or st.session_state.get("search.question", "")
    by_choice = rag.evaluation.umap_is_installed()
    asked, method = st.columns([4, 1], vertical_alignment="bottom") if by_choice else (st, st)
    question = asked.text_input(
        "Question", key=QUESTION, placeholder="A question, to see where it lies and what it finds", icon=":material/search:",
        label_visibility="collapsed", persist_state="session",
    )  # fmt: skip
    by = "pca"
    if by_choice:
        by = method.segmented_control(
            "Drawn by", list(_METHODS), default="pca", required=True, format_func=lambda m: _METHODS[m], key="map.by"
        )
    job = _job(bench, target, by)
    job.wait(_SOON_S)
    if job.running:
        job_view.progress(job)
        return {"q": question.strip()}
    if job.result is None:
        shared.empty_state("No map of this collection", job.error, key="map.none")
        return {"q": question.strip()}
    _draw(bench, target, job.result, question.strip())
    return {"q": question.strip()}


def _job(bench: Workbench, target: Collection, method: Any) -> Job[CollectionMap]:
    """Return the job that makes the map: a new one when the collection changed."""
    key = (target.id, bench.catalog.revision(target.id), method)
    kept = st.session_state.get(_JOB)
    if kept is None or kept[0] != key:

        def work(job: Job[CollectionMap]) -> CollectionMap:
            return rag.evaluation.map_collection(bench, target, method=method)

        kept = (key, bench.jobs.start("map", f"Drawing the map of {target.name}", work))
        st.session_state[_JOB] = kept
    job: Job[CollectionMap] = kept[1]
    return job


def _draw(bench: Workbench, target: Collection, made: CollectionMap, question: str) -> None:
    """Draw the points with the question, and its hits beside them."""
    base = _base(bench, target, made)
    result, place = _asked(bench, target, made, question)
    rows = {chunk_id: row for row, chunk_id in enumerate(made.chunk_ids)}
    hits = [rows[hit.chunk.id] for hit in result.hits if hit.chunk.id in rows] if result else []
    data = {**base, "question": _scaled(base, np.array([place]))[0] if place else None, "hits": hits}
    sheet, beside = st.columns([3, 1], gap="medium")

    def picked() -> None:
        value = st.session_state["map.drawn"].get("pick")
        if value is not None:
            st.session_state[_OPEN] = made.chunk_ids[int(value)]

    with sheet:
        data.pop("scale")
        _map(key="map.drawn", data=packed("map.drawn", data), on_pick_change=picked)
        draw(el("small.muted", _about(target, made)), key="map.about")
    with beside:
        _found(result, question)
    chunk_id = st.session_state.pop(_OPEN, None)
    if chunk_id is not None:
        _open(bench, made, chunk_id)


def _about(target: Collection, made: CollectionMap) -> str:
    shown = count(len(made.chunk_ids), "chunk")
    if len(made.chunk_ids) < target.chunks:
        shown = f"A fair choice of {shown} of {target.chunks:,}"
    if made.method == "pca":
        return (
            f"{shown}. The two directions show {made.explained:.0%} of the differences: what is far apart here is far apart, what is close may "
            "not be. Drag to move, turn the wheel to zoom, press a point to open it."
        )
    return f"{shown}, drawn by UMAP: neighbours stay neighbours, distances mean little. Press a point to open it."


def _base(bench: Workbench, target: Collection, made: CollectionMap) -> dict[str, Any]:
    """Return the points as the browser takes them, made once for a map: places from 0 to 1, documents by number, excerpts."""
    kept = st.session_state.get(_BASE)
    if kept is not None and kept[0] is made:
        base: dict[str, Any] = kept[1]
        return base
    texts = bench.catalog.excerpts(target.id, _EXCERPT + 20)
    numbers = {document_id: n for n, (document_id, _) in enumerate(Counter(made.document_ids).most_common())}
    low, high = made.points.min(axis=0), made.points.max(axis=0)
    scale = (low, np.where(high > low, high - low, 1))
    found = [texts.get(chunk_id, ("", ())) for chunk_id in made.chunk_ids]
    base = {
        "id": f"{target.id}.{made.method}", "scale": scale,
        "documents": [visible(made.names.get(i, "deleted document"), 60) for i in numbers],
        "d": [numbers[document_id] for document_id in made.document_ids],
        "t": [visible(text, _EXCERPT) for text, _ in found], "pages": [pages_text(pages) for _, pages in found],
    }  # fmt: skip
    places = _scaled(base, made.points)
    base |= {"x": [x for x, _ in places], "y": [y for _, y in places]}
    st.session_state[_BASE] = (made, base)
    return base


def _scaled(base: dict[str, Any], points: Any) -> list[list[float]]:
    low, extent = base["scale"]
    scaled: list[list[float]] = np.round((points - low) / extent, 4).tolist()
    return scaled


def _asked(
    bench: Workbench, target: Collection, made: CollectionMap, question: str
) -> tuple[SearchResult | None, tuple[float, float] | None]:
    """Return what the question finds and where it lies."""
    if not question:
        return None, None
    try:
        result = rag.search(bench, question, collection=target)
        return result, rag.evaluation.project_question(bench, made, question, target)
    except RagError as error:
        say("warning", error)
        return None, None


def _found(result: SearchResult | None, question: str) -> None:
    """List the hits by the numbers that they have on the map."""
    if result is None:
        words = "Type a question: it becomes a star among the chunks, and the hits get their rank."
        draw(el("p.muted", words), key="map.hint")
        return
    if not result.hits:
        near = result.near_misses[0].short_by if result.near_misses else 0.0
        words = f"No hit: the best candidate is {near:.2f} short of the threshold." if near else "No hit."
        draw(el("p.muted", words), key="map.nohit")
        return
    rows = [
        el(
            "li", el(
                "div.line", el("span.place.num", str(hit.rank)), el("span.strong", visible(hit.document_name, 40)),
                el("span.muted", pages_text(hit.chunk.pages)), el("span.num.push", f"{hit.score:.2f}"),
            ),
            el("div.reading.few", visible(hit.chunk.text, 170)),
        )
        for hit in result.hits
    ]  # fmt: skip
    draw(el("h3", f"Hits of {visible(question, 80)}"), el("ul.choices.tall", *rows), key="map.hits")


@st.dialog("In its document", width=760, position="right")
def _open(bench: Workbench, made: CollectionMap, chunk_id: str) -> None:
    chunk = bench.catalog.chunks([chunk_id]).get(chunk_id)
    if chunk is None:
        st.write("This chunk was deleted since the map was drawn.")
        return
    name = made.names.get(chunk.document_id, "")
    where = passage.Passage(chunk.document_id, name, chunk.pages, chunk.heading, chunk.start, chunk.end, chunk.text)
    passage.show(bench, where, key="map.passage")
