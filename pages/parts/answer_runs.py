"""Answers of a question set: a model chosen, price and time said, asked in the background; then what was correct and what that cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import answer_view, fetching, job_view, models, profiles, run_list, set_menu, shared, sweeps
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, label, say, visible
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.evaluation import AnswerPlan
    from rag.jobs import Job
    from rag.types import Collection, Profile, QuestionSet, Run, RunInfo

RUN = "answers.run"
QUESTION = "answers.question"
NEXT = "answers.next"
_PLAN = "answers.plan"
_SOON_S = 0.6


def show(bench: Workbench, target: Collection) -> dict[str, str]:
    """Draw the choice of a model beside the runs; return what the address says of them."""
    controls, results = st.columns([1, 2.35], gap="large")
    with controls:
        _start(bench, target)
    with results:
        job = job_view.latest(bench, "answers")
        if job is not None:
            _job(job)
        return _results(bench)


# --- before ---


def _start(bench: Workbench, target: Collection) -> None:
    chosen = sweeps.question_set(bench, target)
    if not target.chunks or chosen is None:
        return
    offered = {choice.name: choice for choice in models.choices(bench)}
    usable = [name for name, choice in offered.items() if not choice.problem]
    model = st.selectbox(
        "Answered by", usable, key="answers.model", format_func=lambda n: visible(n, 60), persist_state="session",
        help="Extracts quote the documents for free; other models are set up in Settings.",
    )  # fmt: skip
    st.caption(label(offered[model].note, 160))
    profile = profiles.picker(bench)
    fresh = st.checkbox(
        "Ask anew",
        key="answers.fresh",
        help="Do not take answers that were given before to the same prompt from the cache.",
    )
    plan = _planned(bench, target, chosen, model, profile)
    running = bool(bench.jobs.running("answers"))
    st.button(
        "Answer the questions", type="primary", icon=":material/forum:", key="answers.start", width="stretch", disabled=plan is None or running,
        on_click=set_menu.guarded, args=(_begin, bench, target, chosen, model, profile, not fresh),
        help="A run is being answered: wait for its end, or stop it." if running else None,
    )  # fmt: skip


def _planned(
    bench: Workbench, target: Collection, chosen: QuestionSet, model: str, profile: Profile
) -> AnswerPlan | None:
    """Say what answering takes; None while that is worked out, and when it cannot be done."""
    key = (chosen.id, chosen.updated_at, fetching.state(bench, target, profile.search), model, profile)
    kept = st.session_state.get(_PLAN)
    if kept is None or kept[0] != key:
        if kept is not None:
            kept[1].stop()

        def work(job: Job[AnswerPlan]) -> AnswerPlan:
            job.begin(len(chosen.questions), "questions", "Searching, to tell what it takes")
            return rag.evaluation.plan_answers(
                bench, chosen, model=model, collection=target, options=profile.search, generate=profile.generate, user=user,
                stop=job.stopping, on_progress=lambda done, total: job.advance(done - job.progress.done),
            )  # fmt: skip

        user = models.visitor()
        kept = (key, bench.jobs.start("plan", "Working out what it takes", work))
        st.session_state[_PLAN] = kept
    job: Job[AnswerPlan] = kept[1]
    job.wait(_SOON_S)
    if job.running:
        job_view.progress(job)
        return None
    if job.result is None:
        say("warning", job.error)
        return None
    draw(answer_view.plan(job.result), key="answers.plan.drawn")
    return job.result


def _begin(
    bench: Workbench, target: Collection, chosen: QuestionSet, model: str, profile: Profile, use_cache: bool
) -> None:
    job = rag.evaluation.start_answers(
        bench, chosen, model=model, collection=target, options=profile.search, generate=profile.generate, use_cache=use_cache,
        user=models.visitor(), profile=profile.name,
    )  # fmt: skip
    job_view.own(job)
    st.session_state[NEXT] = job.subject


def _resume(bench: Workbench, run_id: str, use_cache: bool) -> None:
    job_view.own(rag.evaluation.resume_answers(bench, run_id, use_cache=use_cache, user=models.visitor()))


# --- while it runs, and after ---


def _job(job: Job[Any]) -> None:
    job_view.progress(job)
    if not job.running:
        if job.error:
            say("info" if job.state == "stopped" else "warning", job.error)
        job_view.put_away(job)


def _results(bench: Workbench) -> dict[str, str]:
    """Draw the chosen run; return its place in the address."""
    infos = {info.id: info for info in run_list.runs(bench).list() if info.answered_by}
    wanted = st.session_state.get(NEXT)
    if wanted in infos:  # it is kept once its questions are searched
        st.session_state[RUN] = st.session_state.pop(NEXT)
    elif st.session_state.get(RUN) not in infos:
        st.session_state[RUN] = next((i for i in (st.query_params.get("answers"), *infos) if i in infos), None)
    if not infos:
        shared.empty_state(
            "What does a correct answer cost?",
            "Every question of the set is answered, and judged by the evidence that its label expects and by the checks of its sentences.",
            "Extracts are free; for other models the price is said before.",
            key="answers.empty",
        )
        return {}
    pick, delete = st.columns([5, 1.2], vertical_alignment="bottom")
    names = told_apart({info.id: answer_view.run_name(info) for info in infos.values()}, 140)
    run_id = str(pick.selectbox("Run", list(infos), key=RUN, format_func=lambda i: names.get(i, "deleted")))
    running = any(job.subject == run_id for job in bench.jobs.running("answers"))
    sure = st.session_state.get("answers.sure") == run_id
    delete.button(
        "Really delete" if sure else "Delete", key="answers.delete", icon=":material/delete:", on_click=_delete, args=(bench, run_id),
        width="stretch", disabled=running,
    )  # fmt: skip
    try:
        run = run_list.runs(bench).get(run_id)
    except RagError as error:
        say("warning", error)
        return {}
    if run.info.pending and not bench.jobs.running("answers"):
        st.button(
            f"Go on: {run.info.pending:d} of {len(run.questions):d} are left", icon=":material/play_arrow:", key="answers.resume",
            on_click=set_menu.guarded, args=(_resume, bench, run_id, not st.session_state.get("answers.fresh")),
        )  # fmt: skip
    _run(run, infos)
    return {"answers": run_id, "question": str(st.session_state.get(QUESTION) or "")}


def _run(run: Run, infos: dict[str, RunInfo]) -> None:
    """Draw figures and questions of a run, and the answer that is open."""
    draw(answer_view.figures(run), key="answers.figures")
    others = [info.id for info in infos.values() if info.id != run.info.id and info.set_id == run.info.set_id]
    if others:
        st.button(
            "Compare with the run before", icon=":material/compare_arrows:", key="answers.compare", type="tertiary",
            on_click=run_list.open_pair, args=(others[0], run.info.id),
        )  # fmt: skip
    known = {score.question.id for score in run.questions}
    pressed = st.session_state.get(QUESTION)
    opened = str(pressed) if pressed in known else answer_view.first_to_see(run)
    listed, detail = st.columns([1, 1.2], gap="medium")
    with listed:
        draw(answer_view.questions(run, opened), key="answers.questions", on_pick=_open)
    score = next((each for each in run.questions if each.question.id == opened), None)
    with detail:
        if score is not None:
            draw(answer_view.detail(score), key="answers.detail")


def _open(value: str) -> None:
    st.session_state[QUESTION] = value


def _delete(bench: Workbench, run_id: str) -> None:
    """Delete at the second press."""
    if st.session_state.get("answers.sure") != run_id:
        st.session_state["answers.sure"] = run_id
        return
    run_list.runs(bench).delete([run_id])
