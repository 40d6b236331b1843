"""Background work on the page: its progress while it runs, in time for the user to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import streamlit as st

from pages.parts.safe_text import label
from rag import Workbench

if TYPE_CHECKING:
    from rag.jobs import Job, Progress

_REFRESH_S = 0.4
_MINE, _PUT_AWAY = "jobs.mine", "jobs.seen"  # session keys of the ids of jobs
_told: WeakSet[Job[Any]] = WeakSet()
"""Jobs whose end some session has shown."""
_QUIET = {"warm-up", "tidy", "plan", "gaps", "map", "score", "title"}  # of no interest to the user, or to no other one


def latest(bench: Workbench, kind: str) -> Job[Any] | None:
    """Return the newest job of that kind if it runs, or if its end is news here.

    It is for a session that started the job or saw it run, until put away: pages may be switched meanwhile. An end that nobody
    has seen yet, because the browser was closed, is for the next one that comes.
    """
    job = next(iter(bench.jobs.recent(kind)), None)
    if job is None or job.id in st.session_state.get(_PUT_AWAY, ()):
        return None
    if job.running or job not in _told:
        own(job)
    if not job.running:
        _told.add(job)
    return job if job.id in st.session_state.get(_MINE, ()) else None


def own(job: Job[Any]) -> None:
    """Show the job's end in this session."""
    st.session_state.setdefault(_MINE, set()).add(job.id)


def put_away(job: Job[Any]) -> None:
    """Do not show the job's end any longer in this session."""
    st.session_state.setdefault(_PUT_AWAY, set()).add(job.id)


def working_on(bench: Workbench, collection_id: str, *kinds: str) -> Job[Any] | None:
    """Return a running job of these kinds that works on the collection, or does not tell on which it does."""
    running = (job for job in bench.jobs.running() if job.kind in kinds)
    return next((job for job in running if job.subject in ("", collection_id)), None)


def summary(bench: Workbench) -> None:
    """Name the running jobs in the sidebar, whatever page is open; the page reruns once they have ended."""
    jobs = [job for job in bench.jobs.running() if job.kind not in _QUIET]
    if jobs:
        _summarize(jobs)


@st.fragment(run_every=1.0)
def _summarize(jobs: list[Job[Any]]) -> None:
    if not any(job.running for job in jobs):
        st.rerun()
    for job in jobs:
        now = job.progress
        share = f" {_share(now):.0%}" if now.total or now.whole is not None else ""
        st.caption(f":material/progress_activity: {label(job.title)}…{share}")


def progress(job: Job[Any]) -> None:
    """Show a running job with a Stop button, and rerun the page once it has ended."""
    _watch(job) if job.running else None


@st.fragment(run_every=_REFRESH_S)
def _watch(job: Job[Any]) -> None:
    if not job.running:
        st.rerun()
    now = job.progress
    bar, stop = st.columns([6, 1], vertical_alignment="bottom")
    bar.progress(_share(now), text=label(_words(job), limit=240))
    stop.button(
        "Stopping…" if job.stopping() else "Stop", key=f"stop.{job.id}", icon=":material/stop:", on_click=job.stop,
        disabled=job.stopping(), width="stretch",
    )  # fmt: skip


def _words(job: Job[Any]) -> str:
    now = job.progress
    parts = [now.message or job.title]
    if now.total:
        parts.append(f"{now.done:,} of {now.total:,} {now.unit}")
    if now.total and 0 < now.done < now.total:
        parts.append(f"{now.rate_per_s:.0f} {now.unit}/s")
    left = now.remaining_s if now.whole is None else now.whole_remaining_s
    if left is not None and 0 < _share(now) < 1:
        parts.append(f"{_rough(left)} left" if now.whole is None else f"about {_rough(left)} left in all")
    return " · ".join(parts)


def _share(now: Progress) -> float:
    """Return the done part of everything where that is known, else of the present step."""
    return now.share if now.whole is None else now.whole


def _rough(seconds: float) -> str:
    """Return "17 s" or "4 min": an estimate has no decimals."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"
