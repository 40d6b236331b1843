"""Drafts of a question set: suggested by a model on request, its price said before, or come from gaps and imports; each is accepted,
labelled on Search, or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import answer_view, job_view, labelling, models, set_menu, shared, sweeps, tuning
from pages.parts.safe_text import Node, draw, el, label, say, visible
from pages.parts.shared import count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.evaluation import SuggestionPlan
    from rag.jobs import Job
    from rag.types import Collection, LabelledQuestion, QuestionSet

SET = "experiments.set"
_SEED = "drafts.seed"
_SHOWN = 60


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the request beside the drafts; return what the address says of them."""
    linked = st.query_params.get("set")
    if linked and st.session_state.get("drafts.linked") != linked:
        st.session_state["drafts.linked"] = st.session_state[SET] = linked
    controls, results = st.columns([1, 2.35], gap="large")
    with controls:
        chosen = sweeps.question_set(bench, target)
        if chosen is not None:
            _request(bench, target, chosen)
    with results:
        job = job_view.latest(bench, "suggest")
        if job is not None:
            _job(job)
        if chosen is not None:
            _drafts(bench, chosen)
    return {"set": chosen.id} if chosen else {}


def _request(bench: Workbench, target: Collection, chosen: QuestionSet) -> None:
    """Let the user choose who suggests how many, and say what it takes."""
    usable = {c.name: c for c in models.choices(bench) if not c.problem and c.name != models.EXTRACTS}
    if not usable:
        st.caption("A chat model can suggest questions from the documents: set one up in Settings, Providers.")
        st.page_link(shared.page("settings"), label="Open Settings", icon=":material/settings:")
        return
    model = st.selectbox(
        "Suggested by", list(usable), key="drafts.model", format_func=lambda n: visible(n, 60), persist_state="session"
    )
    st.caption(label(usable[model].note, 160))
    wanted = st.slider("Questions", 5, 60, 10, 5, key="drafts.number", persist_state="session")
    if not target.chunks:
        return
    try:
        plan = rag.evaluation.plan_suggestions(
            bench,
            model,
            int(wanted),
            collection=target,
            user=models.visitor(),
            seed=st.session_state.setdefault(_SEED, 1),
        )
    except RagError as error:
        say("warning", error)
        return
    draw(_plan(plan, target), key="drafts.plan")
    running = bool(bench.jobs.running("suggest"))
    st.button(
        "Suggest them", type="primary", icon=":material/lightbulb:", key="drafts.start", width="stretch", disabled=running,
        on_click=set_menu.guarded, args=(_begin, bench, chosen, plan),
        help="Questions are being suggested already." if running else None,
    )  # fmt: skip


def _plan(plan: SuggestionPlan, target: Collection) -> Node:
    price = answer_view.price_words(plan.cost_usd)
    chunks = count(len(plan.chunk_ids), "excerpt")
    return el(
        "div.plan", el("span.strong", f"{count(plan.calls, 'call')} · {price}"),
        el("span.muted", f"{chunks} of {visible(target.name, 40)} are sent, about {plan.input_tokens:,} tokens. An estimate."),
    )  # fmt: skip


def _begin(bench: Workbench, chosen: QuestionSet, plan: SuggestionPlan) -> None:
    job_view.own(rag.evaluation.start_suggestions(bench, chosen.id, plan, user=models.visitor()))
    st.session_state[_SEED] += 1  # the next time other excerpts are asked about


def _job(job: Job[Any]) -> None:
    job_view.progress(job)
    if job.running:
        return
    if job.error:
        say("warning", job.error)
    elif job.result is not None:
        found = job.result
        parts = [f"{count(len(found.questions), 'draft')} suggested"]
        if found.without_place:
            parts.append(f"{found.without_place} without a place, because the quote does not stand in the document")
        if found.known:
            parts.append(f"{found.known} that the set has already were left out")
        parts.append(f"cost {rag.reporting.price(found.paid)}")
        say("success" if found.questions else "info", f"{', '.join(parts)}.")
    job_view.put_away(job)


# --- the drafts ---


def _drafts(bench: Workbench, chosen: QuestionSet) -> None:
    """Draw the drafts of the set with what can be done with each."""
    drafts = chosen.labelled("draft")
    if not drafts:
        shared.empty_state(
            "No drafts in this set",
            "Questions suggested by a model, gaps of the log, and imported rows that fit no document wait here for a label.",
            key="drafts.empty",
        )
        return
    ready = [question for question in drafts if question.evidence]
    if len(ready) > 1:
        st.button(
            f"Accept all {len(ready):d} with a place", icon=":material/done_all:", key="drafts.all", on_click=set_menu.guarded,
            args=(_accept_all, bench, ready),
        )  # fmt: skip
    draw(
        el("p.finding", f"{count(len(drafts), 'draft')} of {visible(chosen.name, 60)}: search is not measured by them yet."),
        el("div.gaps", *(_draft(question) for question in drafts[:_SHOWN])),
        el("small.muted", f"{len(drafts) - _SHOWN} more follow.") if len(drafts) > _SHOWN else el("small.muted", ""),
        key="drafts.drawn", on_pick=lambda value: set_menu.guarded(_act, bench, chosen, value),
    )  # fmt: skip
    if tuning.NEXT_QUESTION in st.session_state:
        st.switch_page(shared.page("search"))


def _draft(question: LabelledQuestion) -> Node:
    piece = question.evidence[0] if question.evidence else None
    buttons = [
        el("button.link", "Accept", data_pick=f"accept:{question.id}") if piece else None,
        el("button.link", "Search it", data_pick=f"search:{question.id}"),
        el("button.link", "Not in the documents", data_pick=f"absent:{question.id}"),
        el("button.link", "Remove", data_pick=f"remove:{question.id}"),
    ]
    quote = el("div.reading.few.quote", visible(piece.quote, 400)) if piece else None
    return el(
        "div.gap", el("span.strong", visible(question.text, 300)), quote,
        el("div.row", el("span.muted", visible(question.note or "Nobody has said yet where the answer stands.", 200)), el("span.actions", *buttons)),
    )  # fmt: skip


def _act(bench: Workbench, chosen: QuestionSet, value: str) -> None:
    """Do what a button of a draft asks for."""
    verb, _, question_id = value.partition(":")
    question = next((q for q in chosen.questions if q.id == question_id), None)
    if question is None:
        return
    if verb == "accept":
        labelling.accept(bench, question)
    elif verb == "search":
        st.session_state[tuning.NEXT_QUESTION], st.session_state[tuning.SET] = question.text, chosen.id
    elif verb == "absent":
        rag.evaluation.label_question(bench, chosen.id, question.text, label="absent")
    elif verb == "remove":
        tuning.question_sets(bench).remove([question.id])


def _accept_all(bench: Workbench, ready: list[LabelledQuestion]) -> None:
    for question in ready:
        labelling.accept(bench, question)
