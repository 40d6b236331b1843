"""Search: one question, its candidates fetched once, and every setting of the ranking moved live over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import (
    ab,
    address,
    controls,
    fetching,
    history,
    hits,
    labelling,
    offered,
    panel,
    passage,
    profiles,
    sending,
    set_menu,
    shared,
    surroundings,
    tuning,
)
from pages.parts.safe_text import draw, el, say, visible
from rag import RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from pages.parts.offered import Offered
    from rag.types import Collection, QuestionSet, SearchResult

QUESTION = "search.question"
OPEN = "search.open"  # id of the chunk that is open in its document


def main() -> None:
    bench = shared.open_bench()
    target = shared.collection(bench)
    st.title("Search")
    box, earlier = st.columns([14, 1], gap="small")
    with box:
        question = _question()
    history.said()
    if not target.chunks:
        shared.empty_state(
            "Nothing to search yet",
            f"The collection {visible(target.name, 60)} holds no documents: add some on Documents, or load the samples there.",
            key="search.empty",
        )
    else:
        _tune(bench, target, question, offered.look_up(bench, target))
    with earlier:  # after the search, which is part of it
        history.menu(bench)


def _question() -> str:
    """Return the question typed, or the one in the address: a search can be linked and survives a reload."""
    if tuning.NEXT_QUESTION in st.session_state:
        st.session_state[QUESTION] = st.session_state.pop(tuning.NEXT_QUESTION)
    elif QUESTION not in st.session_state:
        st.session_state[QUESTION] = st.query_params.get("q", "")
    typed = st.text_input(
        "Question", key=QUESTION, placeholder="What do you want to find?", label_visibility="collapsed", icon=":material/search:",
        persist_state="session",
    )  # fmt: skip
    question = (typed or "").strip()
    linked = address.fitting(question)
    if linked != st.query_params.get("q", ""):
        st.query_params.from_dict({"q": linked} if linked else {})
    return question


@st.fragment
def _tune(bench: Workbench, target: Collection, question: str, offer: Offered) -> None:
    """Rank and draw; a slider that moves reruns only this, on candidates that are in memory."""
    if tuning.NEXT_QUESTION in st.session_state:
        st.rerun()  # the question's box is outside
    left, results = st.columns([1, 2.35], gap="large")
    address.read(bench, target)
    panel.tidy(target, offer)
    infos = tuning.question_sets(bench).list()
    known = bench.profiles.list()
    profile = profiles.in_use(bench, target, known)
    with left:
        above = st.container()
        other = ab.chooser(known, offer)
        chosen = tuning.chooser(bench, infos)
        below = st.container()
    # What is looked at comes first; the controls, whose values the session has, follow into their places while the browser draws it.
    options = controls.current(target)
    with results:
        profiles.said()
        set_menu.said()
        set_menu.report()
        evaluation = tuning.measured(bench, target, chosen, options, question) if chosen is not None else None
        if chosen is not None and evaluation is not None:
            tuning.show(bench, target, chosen, evaluation, question, profile)
    if question:
        _one_question(bench, target, question, options, chosen, other, offer.model, left, results)
    elif chosen is None:
        with results:
            shared.empty_state(
                "Ask for something the documents should know",
                "Every candidate is shown with its score taken apart; threshold, number and weights can be moved while you look.",
                "Choose a question set to see what each move does to all of its questions.",
                key="search.hint",
            )
    with above:
        profiles.bar(bench, target, known, profile)
        panel.ranking(target)
        profiles.changes(bench, target, profile, options)
        panel.groups(target, offer)
    with below:
        set_menu.menu(bench, target, chosen, infos)
        if chosen is not None and evaluation is not None:  # last, because it takes longest
            tuning.recommended(bench, target, chosen, evaluation, profile)
    with left:
        _keep_threshold(bench, target, options)
        address.keep(
            target, question, options, chosen, profile, other, is_everybodys=profiles.is_everybodys(profile, known)
        )


def _one_question(
    bench: Workbench, target: Collection, question: str, options: SearchOptions, chosen: QuestionSet | None, other: str, model: str,
    left: Any, results: Any,
) -> None:  # fmt: skip
    """Draw the hits of the question, with its label in the set."""

    def picked(value: str) -> None:
        if value.partition(":")[0] in labelling.VERBS:
            labelling.act(bench, chosen, result, value)
        else:
            st.session_state[OPEN] = value

    try:
        found, is_new = fetching.candidates(bench, target, question, options)
        result = rag.rank(found, options)
        history.note(bench, result, is_new)
    except RagError as error:
        with results:
            say("warning", error)
        return
    around = surroundings.of(bench, result)
    with results:
        cards = [] if other else [labelling.line(bench, target, chosen, question)]
        cards += [] if other else hits.cards(bench, result, labelling.expected(chosen, result), around)
        draw(
            hits.settings_line(result), sending.line(bench, result, model), *cards, key="search.results",
            on_pick=picked,
        )  # fmt: skip
        if other:
            ab.show(bench, target, result, other)
    with left:
        draw(
            el("div", el("h3", "Scores of all candidates"), hits.score_chart(result), hits.chart_legend()),
            key="search.chart",
        )
    _opened(bench, result)


def _keep_threshold(bench: Workbench, target: Collection, options: SearchOptions) -> None:
    """Offer to make the threshold on screen the collection's own, which Ask goes by."""
    wanted = round(options.similarity_threshold or 0.0, 2)
    if wanted == round(target.similarity_threshold, 2):
        return
    if st.button(
        "Keep this threshold", icon=":material/bookmark:", help="Makes it this collection's default, also for Ask."
    ):
        bench.catalog.set_threshold(target.name, wanted)
        st.rerun()


def _opened(bench: Workbench, result: SearchResult) -> None:
    """Open the chosen hit at its place in the document."""
    chunk_id = st.session_state.pop(OPEN, None)
    hit = next((h for h in result.candidates if h.chunk.id == chunk_id), None)
    if hit is not None:
        _dialog(bench, passage.of_hit(hit))


@st.dialog("In its document", width=760, position="right")
def _dialog(bench: Workbench, shown: passage.Passage) -> None:
    passage.show(bench, shown, key="search.passage")


main()
