"""A second model's check of an answer: offered with its price, run in the background, its verdicts below the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import job_view, models, turn_bar
from pages.parts.safe_text import Node, draw, el, say, visible
from pages.parts.shared import cost, count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.store.conversations import Turn
    from rag.types import Paid, SecondCheck, SecondVerdict

_KIND = turn_bar.CHECK
_CHIPS = {
    "supported": ("span.chip.good", "stands"),
    "partly": ("span.chip.warn", "partly"),
    "not_found": ("span.chip.bad", "does not stand"),
}

_SAME_WRITER = "It may overlook its own mistakes; for an independent check choose another model beside the question, or a small one in Settings."


def below(bench: Workbench, turns: Sequence[Turn]) -> dict[str, Node]:
    """Return, by the ids of the turns, what a second model said of an answer, or that it is reading; nothing where none was asked."""
    jobs = {job.subject: (job, job.running) for job in reversed(bench.jobs.recent(_KIND))}
    # read after that: the job is forgotten some time after it ended, and what it stored before its end is not
    checked = bench.turns.second_checks([t.stream_id for t in turns if t.answer and t.answer.model != models.EXTRACTS])
    found: dict[str, Node] = {}
    for turn in turns:
        job, is_running = jobs.get(turn.stream_id, (None, False))
        if job is not None and is_running:
            found[turn.stream_id] = el(
                "p.notice",
                el("span.chip", "Second check"),
                el("span", "A model is checking this answer."),
                el("button.act", "Stop", data_pick=f"{turn_bar.DO}{turn_bar.STOP_CHECK}:{turn.stream_id}"),
            )
        elif job is not None and job.state == "failed":
            found[turn.stream_id] = el(
                "p.notice", el("span.chip.warn", "Second check"), el("span", visible(job.error, 400))
            )
        elif turn.stream_id in checked:
            found[turn.stream_id] = _result(turn, *checked[turn.stream_id])
    return found


def _result(turn: Turn, found: SecondCheck, paid: Paid) -> Node:
    text = turn.answer.text if turn.answer else ""
    whole = all(v.verdict == "supported" for v in found.verdicts)
    calls = f" in {paid.calls} calls" if paid.calls > 1 else ""
    said = f"{rag.reporting.tokens(paid.usage)}, cost {rag.reporting.price(paid)}{calls}, beside that of the answer"
    head = el(
        "div.checks",
        el("span.chip.good" if whole else "span.chip.warn", f"Second check: {found}"),
        el("span.muted", f"{visible(found.model, 60)}: {said}"),
    )
    rows = [_row(v, text) for v in found.verdicts if v.verdict != "supported"]
    return el("div.answer", head, el("ul.citations", *rows) if rows else None)


def _row(verdict: SecondVerdict, text: str) -> Node:
    look, word = _CHIPS.get(verdict.verdict, _CHIPS["not_found"])
    return el(
        "li",
        el("div.citation", el(look, word), el("span", visible(text[verdict.start : verdict.end], 200))),
        el("p.muted.second", visible(verdict.reason, 300)) if verdict.reason else None,
    )


@st.dialog("Second check")
def dialog(bench: Workbench, turn: Turn) -> None:
    """Say who would check, why, and for how much; then start it."""
    answer = turn.answer
    if answer is None:
        return
    wanted = str(st.session_state.get(models.CHOSEN) or answer.model)
    try:
        offer = rag.generation.offer_second_check(bench, answer, wanted, user=models.visitor())
    except RagError as error:
        say("info", error)
        return
    price = (
        "price unknown"
        if offer.likely_usd is None
        else "free"
        if offer.likely_usd == 0
        else f"about {cost(offer.likely_usd)}"
    )
    is_writer = offer.model == answer.model
    reader = "The model that wrote the answer" if is_writer else "Another model"
    draw(
        el("p", f"{reader} reads each statement beside the passages that it cites, and says whether they say it."),
        el("p", el("span.strong", visible(offer.model, 80)), f": {price} for {count(offer.statements, 'statement')}."),
        el("p.muted", _SAME_WRITER if is_writer else visible(offer.reason, 200)),
        key="ask.second.offer",
    )

    def start() -> None:
        try:
            job = rag.generation.start_second_check(bench, turn.stream_id, offer.model, user=models.visitor())
            job_view.own(job)
        except RagError as error:
            st.session_state[turn_bar.SAID] = str(error)

    if st.button("Check", type="primary", key="ask.second.start", on_click=start):
        st.rerun()
