"""A question set beside the sliders: chosen once, searched once, then scored anew at every move of a slider.

What the page keeps in the session: the chosen set, the job that fetched its candidates, and the settings that changes are
measured from. The arithmetic is `rag.evaluation`'s, the drawing `tuning_view`'s.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import controls, fetching, job_view, tuning_view
from pages.parts.options import told_apart
from pages.parts.safe_text import draw, el, label, say, visible
from rag import RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rag.evaluation import Evaluation, Pool, QuestionSets, Recommendation
    from rag.jobs import Job
    from rag.types import Collection, Profile, QuestionSet, QuestionSetInfo

SET = "tuning.set"
"""Id of the chosen question set, "" for none."""
NEXT_QUESTION = "search.next"
"""The question that a cell asked for; the page puts it into its box before it draws it."""
SAID = "tuning.said"
"""What went wrong in a callback, for the next drawing to say."""
_JOB = "tuning.job"
_KIND = "score"  # of jobs: they read only, and concern nobody but the session that chose the set
_BEFORE = "tuning.before"
_SOON_S = 0.5  # a set that is ready by then shows no progress bar


def question_sets(bench: Workbench) -> QuestionSets:
    return rag.evaluation.QuestionSets(bench.catalog.engine)


def slider_keys(target: Collection) -> dict[str, str]:
    """Return where the session keeps the value of each slider of the page."""
    return {"threshold": f"search.threshold.{target.id}", "top_k": "search.top_k", "weight": "search.weight"}


def chooser(bench: Workbench, infos: Sequence[QuestionSetInfo]) -> QuestionSet | None:
    """Let the user choose one of the sets there are; return it with its questions."""
    names = told_apart({"": "None: one question", **{info.id: f"{info.name} ({info.questions})" for info in infos}})
    if st.session_state.get(SET) not in names:  # also when it was deleted in another tab
        st.session_state[SET] = ""
    chosen = st.selectbox(
        "Question set", list(names), key=SET, format_func=lambda i: names.get(i, "deleted"),
        persist_state="session", help="With a set, every move of a slider shows what it does to all of its questions.",
    )  # fmt: skip
    try:
        return question_sets(bench).get(chosen) if chosen else None
    except RagError:  # deleted since the list was made
        return None


def measured(
    bench: Workbench, target: Collection, chosen: QuestionSet, options: SearchOptions, question: str
) -> Evaluation | None:
    """Return how the set does under `options`, None (with a sentence on the page) while or because it cannot be told."""
    job = _job(bench, target, chosen, options)
    job.wait(_SOON_S)
    if job.running:
        job_view.progress(job)
        return None
    if job.result is None:
        say("info", job.error)
        if job.state == "stopped":
            st.button("Measure the set", icon=":material/refresh:", on_click=st.session_state.pop, args=(_JOB, None))
        draw(
            tuning_view.unmeasured_strip(chosen.questions, question), key="tuning.set.unmeasured",
            on_pick=lambda value: act(target, chosen, value),
        )  # fmt: skip
        return None
    pool: Pool = job.result
    return rag.evaluation.rescore(pool, options)


def _job(bench: Workbench, target: Collection, chosen: QuestionSet, options: SearchOptions) -> Job[Pool]:
    """Return the job that fetches the candidates: a new one when the set, the documents that pass or the collection changed."""
    wanted = controls.ranked_over(options)
    key = (chosen.id, chosen.updated_at, fetching.state(bench, target, wanted), wanted)
    kept = st.session_state.get(_JOB)
    if kept is None or kept[0] != key:

        def work(job: Job[Any]) -> Pool:
            job.begin(len(chosen.questions), "questions", f"Searching the questions of {chosen.name}")
            return rag.evaluation.gather(
                bench, chosen, collection=target, options=wanted, stop=job.stopping,
                on_progress=lambda done, total: job.advance(done - job.progress.done),
            )  # fmt: skip

        kept = (key, bench.jobs.start(_KIND, f"Measuring {chosen.name}", work))
        st.session_state[_JOB] = kept
    job: Job[Pool] = kept[1]
    return job


def before(target: Collection, chosen: QuestionSet, now: Evaluation, profile: Profile) -> tuple[str, Evaluation]:
    """Return what changes are measured from, in words, and the set under it: the profile as it is saved, or a point that was chosen."""
    kept = st.session_state.get(_BEFORE)
    if kept is not None and kept[0] == (chosen.id, target.id, profile):
        words, base = "the point you chose", kept[1]
    else:
        words, base = visible(profile.name, 40) if profile.name else "the built-in settings", profile.search
        st.session_state.pop(_BEFORE, None)
    fetched_for = {name: getattr(now.options, name) for name in (*controls.FILTERS, "pool", "exact")}
    options: SearchOptions = replace(controls.as_shown(target, base), **fetched_for)
    return words, rag.evaluation.rescore(now.pool, options)


def show(
    bench: Workbench, target: Collection, chosen: QuestionSet, now: Evaluation, question: str, profile: Profile
) -> None:  # fmt: skip
    """Draw figures and strip as one element, and the near misses when they are asked for."""
    words, then = before(target, chosen, now, profile)

    def picked(value: str) -> None:
        if value == "keep:":
            keep(bench, chosen, now, profile)
        elif value == "from:":
            st.session_state[_BEFORE] = ((chosen.id, target.id, profile), now.options)
        elif value == "back:":
            controls.put(bench, target, then.options)
        else:
            act(target, chosen, value)

    draw(
        tuning_view.figures(now, then), tuning_view.since(words, then.options, now.options),
        tuning_view.strip(now, then, question), tuning_view.legend(now), key="tuning.set.drawn", on_pick=picked,
    )  # fmt: skip
    missed = now.counts["missed"]
    near = st.expander(
        "Near misses of the set", expanded=not question, key="tuning.near", icon=":material/adjust:", on_change="rerun"
    )
    if near.open:
        with near:
            _near_misses(target, chosen, now, missed)


def _near_misses(target: Collection, chosen: QuestionSet, now: Evaluation, missed: int) -> None:
    if not missed:
        draw(el("small.muted", "No question with evidence is missed at these settings."), key="tuning.near.none")
        return
    names = {piece.document_id: piece.document_name for q in now.pool.questions for piece in q.evidence}
    table = tuning_view.near_table(rag.evaluation.near_misses(now), names)
    draw(table, key="tuning.near.drawn", on_pick=lambda value: act(target, chosen, value))


def recommended(bench: Workbench, target: Collection, chosen: QuestionSet, now: Evaluation, profile: Profile) -> None:
    """Draw what each threshold answers and answers wrongly, and offer the one that the labels speak for."""
    found: Recommendation = rag.evaluation.recommend(now.pool, now.options)
    draws_level = tuning_view.changes_nothing(found)
    as_good = (
        [el("p.finding", el("span.strong", f"The present {found.current:.2f} is as good."))] if draws_level else []
    )
    draw(
        el("h3", "Recommended threshold"), *as_good, tuning_view.curve(found), tuning_view.curve_legend(), el("p.finding", found.sentence),
        tuning_view.shifts(found), key="tuning.threshold", on_pick=lambda value: act(target, chosen, value),
    )  # fmt: skip
    if found.threshold is None:
        return
    with st.container(horizontal=True):
        st.button(
            f"Apply {found.threshold:.2f}", icon=":material/check:", key="tuning.apply", width="stretch",
            type="tertiary" if draws_level else "secondary", disabled=round(found.current, 2) == found.threshold,
            on_click=_set, args=(target, {"threshold": found.threshold}),
        )  # fmt: skip
        if profile.name:
            st.button(
                f"Save it in {label(profile.name, 24)}", icon=":material/bookmark_added:", key="tuning.apply.profile", width="stretch",
                disabled=profile.search.similarity_threshold == found.threshold, on_click=_into_profile,
                args=(bench, target, profile, found.threshold), help="Search and Ask go by it wherever this profile is chosen.",
            )  # fmt: skip


def _into_profile(bench: Workbench, target: Collection, profile: Profile, threshold: float) -> None:
    """Make the recommended threshold the profile's, and nothing else of what is on screen."""
    try:
        bench.profiles.save(replace(profile, search=replace(profile.search, similarity_threshold=threshold)))
    except RagError as error:
        st.session_state[SAID] = str(error)
        return
    _set(target, {"threshold": threshold})
    before = profile.search.similarity_threshold
    st.toast(
        f"The profile now has {threshold:.2f}; it had {'the own one of each collection' if before is None else f'{before:.2f}'}."
    )


def keep(bench: Workbench, chosen: QuestionSet, now: Evaluation, profile: Profile) -> None:
    """Keep the set as it is measured on screen, to be held beside other runs; the profile is named if the settings are its own."""
    own = controls.as_shown(now.pool.collection, profile.search) == controls.as_shown(now.pool.collection, now.options)
    try:
        rag.evaluation.keep_run(bench, now, chosen, profile=profile.name if own else "")
        st.toast("Kept: Experiments, Runs shows it beside others.", icon=":material/bookmark_added:")
    except RagError as error:
        st.session_state[SAID] = str(error)


def act(target: Collection, chosen: QuestionSet, value: str) -> None:
    """Do what a drawn button asks for, before the rerun that follows."""
    verb, _, rest = value.partition(":")
    if verb == "ask":
        st.session_state[NEXT_QUESTION] = next((q.text for q in chosen.questions if q.id == rest), "")
    elif verb == "set":
        pairs = (pair.partition("=") for pair in rest.split(","))
        values = {name: float(number) for name, _, number in pairs}
        if "threshold" in values:  # remedies are finer than the slider; below is still enough
            values["threshold"] = math.floor(values["threshold"] * 100 + 1e-9) / 100
        _set(target, values)


def _set(target: Collection, values: dict[str, float]) -> None:
    keys = slider_keys(target)
    for name, value in values.items():
        if name in keys:
            st.session_state[keys[name]] = value
