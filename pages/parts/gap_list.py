"""Gaps: what was asked here and not answered, or weakly, grouped, each a candidate for a document or a label.

Read from the conversations and judgements of this machine alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import job_view, set_menu, shared, tuning
from pages.parts.options import told_apart
from pages.parts.safe_text import Node, draw, el, say, visible
from pages.parts.shared import count
from rag import Workbench

if TYPE_CHECKING:
    from rag.evaluation import Gap
    from rag.jobs import Job
    from rag.types import Collection

REASONS = {
    "not_found": ("not found", "warn", "Nothing reached the threshold, or the model found no answer in what did."),
    "weak": ("weak evidence", "warn", "The best citation was hardly above the threshold."),
    "unsupported": (
        "not supported",
        "bad",
        "Fewer than half of the answer's sentences are supported by their citations.",
    ),
    "disliked": ("thumbs down", "bad", "A user said that the answer was no good."),
}
NEW_SET = "Questions from gaps"
_JOB = "gaps.job"
_TALK = "gaps.talk"
_SOON_S = 1.0
_SHOWN = 40


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the gaps of the chosen collection, or of all; return what the address says of them."""
    names = {info.id: info.name for info in tuning.question_sets(bench).list()}
    where, into = st.columns(2, vertical_alignment="bottom")
    scope = where.segmented_control(
        "Asked of", ["this", "all"], default="this", required=True, key="gaps.scope", persist_state="session",
        format_func=lambda s: "This collection" if s == "this" else "All collections",
    )  # fmt: skip
    options = [*names, ""]
    labels = told_apart({**names, "": f"A new set, {NEW_SET}"})
    if st.session_state.get("gaps.into") not in options:
        before = st.session_state.get(tuning.SET)
        st.session_state["gaps.into"] = before if before in names else options[0]
    chosen = into.selectbox(
        "Drafts go into", options, key="gaps.into", persist_state="session",
        format_func=lambda i: labels.get(i, "deleted"),
    )  # fmt: skip
    job = _job(bench, target.name if scope == "this" else None)
    job.wait(_SOON_S)
    if job.running:
        job_view.progress(job)
        return {}
    if job.result is None:
        say("warning", job.error)
        return {}
    found: list[Gap] = job.result
    if not found:
        shared.empty_state(
            "No gaps",
            "Questions on Ask that find nothing, rest on weak evidence, or get a thumbs-down are gathered here.",
            "Nothing of it leaves this machine.",
            key="gaps.empty",
        )
        return {}
    asked = sum(len(gap.asked) for gap in found)
    draw(
        el("p.finding", f"{count(asked, 'question')} in {count(len(found), 'group')}: documents that are missing, or labels to make."),
        el("div.gaps", *(_gap(number, gap) for number, gap in enumerate(found[:_SHOWN]))),
        key="gaps.drawn", on_pick=lambda value: set_menu.guarded(_act, bench, found, str(chosen), value),
    )  # fmt: skip
    if tuning.NEXT_QUESTION in st.session_state:
        st.switch_page(shared.page("search"))
    if _TALK in st.session_state:
        st.switch_page(shared.page("ask"), query_params={"c": st.session_state.pop(_TALK)})
    return {}


def _job(bench: Workbench, collection: str | None) -> Job[list[Gap]]:
    """Return the job that reads the log: a new one when something was asked, judged or settled."""
    kept = rag.evaluation.Feedback(bench.catalog.engine)
    told = tuple(len(kept.list(state)) for state in ("open", "labelled", "dismissed"))
    talks = tuple((info.id, info.updated_at, info.turns) for info in rag.conversations(bench))
    key = (collection, told, talks)
    before = st.session_state.get(_JOB)
    if before is None or before[0] != key:
        work = bench.jobs.start(
            "gaps", "Reading the log", lambda job: rag.evaluation.gaps(bench, collection=collection)
        )
        before = st.session_state[_JOB] = (key, work)
    job: Job[list[Gap]] = before[1]
    return job


def _gap(number: int, gap: Gap) -> Node:
    reasons = list(dict.fromkeys(asked.reason for asked in gap.asked))
    chips = [el(f"span.chip.{REASONS[reason][1]}", REASONS[reason][0], title=REASONS[reason][2]) for reason in reasons]
    others = [el("li", visible(asked.question, 200)) for asked in gap.asked if asked.question != gap.title]
    notes = [visible(asked.note, 240) for asked in gap.asked if asked.note]
    talk = next((asked.conversation_id for asked in gap.asked if asked.conversation_id), "")
    last = shared.moment(gap.asked[0].at)
    times = f"asked once, {last}" if len(gap.asked) == 1 else f"{len(gap.asked)} questions, the last {last}"
    return el(
        "div.gap", el("div.row", el("span.strong", visible(gap.title, 220)), *chips),
        el(
            "div.row", el("span.muted", f"{times} · {visible(gap.asked[0].collection, 40)}"),
            el("span.actions", el("button.link", "Read it on Ask", data_pick=f"talk:{number}") if talk else None, el("button.link", "Search it", data_pick=f"search:{number}"),
               el("button.link", "Make it a draft", data_pick=f"draft:{number}"), el("button.link", "Dismiss", data_pick=f"dismiss:{number}")),
        ),
        *(el("div.said", f"“{note}”") for note in notes),
        el("details", el("summary", f"{count(len(others), 'other way', 'other ways')} of asking it"), el("ul", *others)) if others else None,
    )  # fmt: skip


def _act(bench: Workbench, found: list[Gap], set_id: str, value: str) -> None:
    """Do what a button of a gap asks for."""
    verb, _, number = value.partition(":")
    gap = found[int(number)]
    if verb == "search":
        st.session_state[tuning.NEXT_QUESTION] = gap.title
    elif verb == "talk":
        st.session_state[_TALK] = next(asked.conversation_id for asked in gap.asked if asked.conversation_id)
    elif verb == "dismiss":
        rag.evaluation.settle_gap(bench, gap, "dismissed")
    elif verb == "draft":
        _draft(bench, gap, set_id)


def _draft(bench: Workbench, gap: Gap, set_id: str) -> None:
    """Put the question into the set, where it waits for somebody to say where its answer stands."""
    sets = tuning.question_sets(bench)
    if not set_id:
        known = next((info.id for info in sets.list() if info.name == NEW_SET), None)
        set_id = known or sets.create(NEW_SET).id
        st.session_state["gaps.into"] = set_id
    chosen = sets.get(set_id)
    if not any(question.text.casefold() == gap.title.casefold() for question in chosen.questions):
        reasons = ", ".join(dict.fromkeys(REASONS[asked.reason][0] for asked in gap.asked))
        note = f"From the log: {count(len(gap.asked), 'question')}, {reasons}."
        sets.add(set_id, [rag.evaluation.new_question(gap.title, note=note)])
    rag.evaluation.settle_gap(bench, gap, "labelled")
    st.toast("It is a draft now: label it on Search.", icon=":material/checklist:")
