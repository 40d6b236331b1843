"""Embedding models on Collections: what can be chosen, what its vectors cost, its threshold, and what the index finds of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts.models import visitor
from pages.parts.safe_text import Node, draw, el, label, visible
from pages.parts.shared import count
from rag import ChunkOptions, RagError, Workbench

if TYPE_CHECKING:
    from rag.jobs import Job
    from rag.types import Collection

_MANY_CHUNKS = 1000  # of a collection that holds nothing yet
_RECALL = "collections.recall"
"""Session key of what the index finds, by (collection, revision of its chunks)."""


def is_remote(model: str) -> bool:
    return bool(model) and not model.startswith("local/")


def offered(bench: Workbench) -> tuple[list[str], list[str]]:
    """Return the embedding models that can be used, and a sentence for each that cannot."""
    models = [m for m in bench.models() if m.kind == "embedding"]
    return [m.name for m in models if not m.problem], [_why(bench, m.name, m.problem) for m in models if m.problem]


def _why(bench: Workbench, name: str, problem: str) -> str:
    """Return why a model cannot be used; a collection is everybody's, so a key of one session is not enough for it."""
    mine = next((card for card in bench.gateway.models(user=visitor()) if card.name == name), None)
    if mine is not None and not mine.problem:
        return f"{name}: its key is there for your session only; a collection needs one in the key file or the environment."
    return f"{name}: {problem}"


# --- before a build ---


def describe(bench: Workbench, model: str, options: ChunkOptions, ids: list[str], problems: list[str]) -> None:
    """Say what building will take, before anything is paid, and which models are missing why."""
    nodes = [el("p.muted", sentence) for sentence in _costs(bench, model, options, ids)]
    draw(*nodes, *(el("p.muted", visible(problem, 300)) for problem in problems), key="build.cost")


def _costs(
    bench: Workbench, model: str, options: ChunkOptions, ids: list[str], into: Collection | None = None
) -> list[str]:
    if not model:
        return ["Found by words alone: nothing is embedded."]
    if not is_remote(model):
        return ["Embedded on this machine: free, nothing leaves it."]
    try:
        found = rag.ingestion.estimate_embedding(bench, model, options, ids, into=into)
    except RagError as error:
        return [visible(str(error), 300)]
    texts = f"The text of {count(len(ids), 'document')} goes to {visible(model, 80)}"
    if found.measuring_texts:
        texts += f", with about {found.measuring_texts} short texts that measure the threshold"
    free = "What it embedded before is not sent again." if found.usd != 0 else ""
    warnings = bench.budgets.warnings(model.partition("/")[0]) if found.usd != 0 else []
    return [f"{texts}: {rag.reporting.foreseen(found.tokens, found.usd)}. {free}".strip(), *warnings]


def missing_cost(bench: Workbench, chosen: Collection) -> None:
    """Say what adding the documents that are missing will cost, where that is not nothing."""
    if not is_remote(chosen.embedding_model):
        return
    held = {d.id for d in bench.catalog.documents(chosen.id)}
    ids = [d.id for d in bench.catalog.documents() if d.id not in held]
    costs = _costs(bench, chosen.embedding_model, chosen.options, ids, chosen)
    draw(*(el("p.muted", sentence) for sentence in costs), key="missing.cost")


def sent_to(bench: Workbench, target: Collection, tokens: int, unread: int) -> None:
    """Say where the text of files goes that are added to a collection, and for how much, where that is not this machine.

    `tokens` are those of the files that were read; `unread` is how many more there are.
    """
    model = target.embedding_model
    if not is_remote(model):
        return
    try:
        usd = bench.likely_usd(model, tokens, 0)
        measured = f" It also gets {measuring(bench, target)}." if target.threshold_from == "default" else ""
    except RagError as error:
        draw(el("p.muted", visible(str(error), 300)), key="preview.sent")
        return
    more = f" for the files read so far; {count(unread, 'more is', 'more are')} not counted yet" if unread else ""
    free = " What it embedded before is not sent again." if usd != 0 else ""
    amount = rag.reporting.foreseen(tokens, usd)
    said = f"The text of what you add goes to {visible(model, 80)}: {amount}{more}.{free}{measured}"
    warnings = bench.budgets.warnings(model.partition("/")[0]) if usd != 0 else []
    draw(*(el("p.muted", sentence) for sentence in (said, *warnings)), key="preview.sent")


def measuring(bench: Workbench, target: Collection) -> str:
    """Return how much is embedded to measure the threshold of a collection of a remote model, and at what price."""
    texts, tokens = rag.retrieval.calibration_size(target.chunks or _MANY_CHUNKS)
    amount = rag.reporting.foreseen(tokens, bench.likely_usd(target.embedding_model, tokens, 0))
    return f"about {texts} short texts that measure the threshold, {amount}"


# --- what is measured of a collection ---


def threshold(bench: Workbench, chosen: Collection) -> None:
    """Say where the collection's threshold is from: the user, labelled questions, a measurement of its own, or a guess."""
    draw(el("p.muted", *_threshold(chosen)), key="collection.threshold")


def _threshold(chosen: Collection) -> list[str | Node]:
    value = el("span.strong", f"Threshold {chosen.similarity_threshold:.2f}. ")
    if chosen.calibration is not None:
        return [value, visible(chosen.calibration.note, 500)]
    if chosen.threshold_from == "user":
        return [value, "Set by hand: nothing measures over it, unless you ask for it."]
    if not chosen.embedding_model:
        return [value, "It compares the share of the question's words alone."]
    if is_remote(chosen.embedding_model):
        return [
            value,
            "A guess: nobody measured this model yet. It is measured at the end of a build, or by the button below.",
        ]
    return [value, "Measured for this model on labelled questions."]


def origin(chosen: Collection) -> str:
    """Return in a few words where the collection's threshold is from."""
    if chosen.threshold_from != "default":
        return {"measured": "measured on it", "user": "set by hand"}[chosen.threshold_from]
    if not chosen.embedding_model:
        return "default of word search"
    return "a guess, not measured" if is_remote(chosen.embedding_model) else "default of its model"


def recall_fact(chosen: Collection, revision: int) -> Node | None:
    """Return what share of the exact ten nearest the index finds, once that was measured for the chunks as they are."""
    if not chosen.embedding_model:
        return None
    share = st.session_state.get(_RECALL, {}).get((chosen.id, revision))
    value = "not measured" if share is None else f"{share:.1%}"
    title = "Share of the ten nearest chunks by exact search that the index finds too"
    return el("div.fact", el("span.name", "index recall", title=title), el("span.value", value))


def actions(bench: Workbench, chosen: Collection, busy: str, run: Callable[..., None]) -> None:
    """Draw the buttons that measure the chosen collection."""
    if not chosen.embedding_model or not chosen.chunks:
        return
    kept = st.session_state.setdefault(_RECALL, {})
    st.button(
        "Measure the index", icon=":material/network_check:", on_click=run, args=(_measure_index, bench, chosen, kept), disabled=bool(busy),
        help=label(busy, 200) if busy else "Asks the index for the ten nearest of a hundred made-up questions, and compares with exact search. Free.",
    )  # fmt: skip
    if is_remote(chosen.embedding_model):
        st.button(
            "Measure the threshold", icon=":material/speed:", on_click=run, args=(_measure_threshold, bench, chosen), disabled=bool(busy),
            help=label(busy or _before_measuring(bench, chosen), 300),
        )  # fmt: skip


def _before_measuring(bench: Workbench, chosen: Collection) -> str:
    """Return what measuring the threshold takes, and what it takes the place of."""
    try:
        takes = f"{visible(chosen.embedding_model, 80)} gets {measuring(bench, chosen)}."
    except RagError as error:
        return visible(str(error), 300)
    return takes + (" It takes the place of the one set by hand." if chosen.threshold_from == "user" else "")


def _measure_index(bench: Workbench, chosen: Collection, kept: dict[tuple[str, int], float]) -> Job[str]:
    def work(job: Job[str]) -> str:
        revision = bench.catalog.revision(chosen.id)
        share = rag.retrieval.index_recall(bench, chosen.name)
        kept[chosen.id, revision] = share
        return f"The index of {chosen.name} finds {share:.1%} of the ten nearest chunks that exact search finds."

    return bench.jobs.start("measure", f"Measuring the index of {chosen.name}", work, subject=chosen.id)


def _measure_threshold(bench: Workbench, chosen: Collection) -> Job[str]:
    def work(job: Job[str]) -> str:
        found: Any = rag.retrieval.calibrate_threshold(bench, chosen.name)
        return f"The threshold of {chosen.name} is {found.threshold:.2f}, measured on {found.sample_size} questions."

    return bench.jobs.start("measure", f"Measuring the threshold of {chosen.name}", work, subject=chosen.id)
