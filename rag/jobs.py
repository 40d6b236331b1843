"""Long work in a thread of its own, so that a rerun, a page switch or a reload of the browser loses nothing.

A page only looks at a `Job`; nothing that a page does can end it but `stop()`. Jobs are kept for a while after they end, so
that their result can be shown to a page that comes back.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from rag.errors import RagError, StoppedError

T = TypeVar("T")
State = Literal["running", "done", "failed", "stopped"]
log = logging.getLogger(__name__)

_KEEP = 50  # finished jobs that can still be shown


@dataclass(frozen=True, slots=True)
class Progress:
    done: int = 0
    total: int = 0
    """0 while the amount of work is unknown."""
    unit: str = ""
    message: str = ""
    rate_per_s: float = 0.0
    """Units per second since the present step began."""
    remaining_s: float | None = None
    """Until the present step ends."""
    whole: float | None = None
    """Done part of the whole job, 0 to 1; None where the job has one step only, or does not know the others."""
    whole_remaining_s: float | None = None

    @property
    def share(self) -> float:
        """Done part of the present step, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


class Job(Generic[T]):
    """One piece of background work: its progress, its end and its result. Safe to read from any thread."""

    def __init__(self, kind: str, title: str, subject: str = "", once: str = "") -> None:
        self.id = uuid.uuid4().hex[:12]
        self.kind = kind
        self.title = title
        self.subject = subject
        """Id of what it works on, where two at once would be in each other's way."""
        self.once = once
        """What of its kind must not be done twice at a time; empty when that does no harm."""
        self.state: State = "running"
        self.error = ""
        """One sentence for the user; empty unless the job failed."""
        self.result: T | None = None
        """Of a job that failed: the report of what it had done until then, where it makes one."""
        self.started_at = time.time()
        self.ended_at: float | None = None
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._done, self._total, self._unit, self._message = 0, 0, "", ""
        self._begun = self._planned = time.monotonic()
        self._behind = self._part = self._whole = 0.0

    @property
    def running(self) -> bool:
        return self.state == "running"

    def is_same(self, other: Job[Any]) -> bool:
        """Tell whether this runs and does what the other shall do."""
        return self.running and (self.kind, self.once) == (other.kind, other.once)

    def stop(self) -> None:
        """Ask the work to stop; what it finished is kept."""
        self._stop.set()

    def stopping(self) -> bool:
        """Tell whether somebody asked to stop; the work looks here."""
        return self._stop.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; False when the time ran out first."""
        return self._ended.wait(timeout_s)

    # what the work calls

    def plan(self, behind: float, part: float, whole: float) -> None:
        """Say where the part that begins now stands in the whole, in any unit of work: what lies behind it, its size, all there is."""
        with self._lock:
            if not self._whole:
                self._planned = time.monotonic()
            self._behind, self._part, self._whole = behind, part, whole
            self._done, self._total = 0, 0

    def begin(self, total: int, unit: str, message: str = "") -> None:
        """Start a step of `total` units; rate and remaining time are measured from here."""
        with self._lock:
            self._done, self._total, self._unit, self._message = 0, total, unit, message
            self._begun = time.monotonic()

    def advance(self, n: int = 1, message: str | None = None) -> None:
        with self._lock:
            self._done += n
            if message is not None:
                self._message = message

    @property
    def progress(self) -> Progress:
        with self._lock:
            spent = max(time.monotonic() - self._begun, 1e-6)
            rate = self._done / spent
            left = (self._total - self._done) / rate if rate > 0 and self._total else None
            return Progress(self._done, self._total, self._unit, self._message, rate, left, *self._of_the_whole())

    def _of_the_whole(self) -> tuple[float | None, float | None]:
        if not self._whole:
            return None, None
        part = min(1.0, self._done / self._total) if self._total else 0.0
        whole = min(1.0, (self._behind + part * self._part) / self._whole)
        spent = time.monotonic() - self._planned
        return whole, spent / whole * (1 - whole) if whole > 0 else None

    def _run(self, work: Callable[[Job[T]], T]) -> None:
        try:
            self.result = work(self)
            self.state = "stopped" if self._stop.is_set() and getattr(self.result, "stopped", False) else "done"
        except StoppedError as error:
            self.error, self.state = str(error), "stopped"
        except RagError as error:
            self.result = getattr(error, "partial", None)
            self.error, self.state = str(error), "failed"
        except Exception:
            log.exception("job %s (%s) failed", self.id, self.kind)
            self.error = f"{self.title} failed for a reason that the log tells; nothing half-done was kept. Try again."
            self.state = "failed"
        finally:
            self.ended_at = time.time()
            self._ended.set()


class Jobs:
    """The jobs of one process, newest first."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def start(self, kind: str, title: str, work: Callable[[Job[T]], T], *, subject: str = "", once: str = "") -> Job[T]:
        """Run `work(job)` in a thread and return its job at once.

        While a job of the same kind that was given the same `once` runs, that one is returned and nothing begins: a second press, or
        the same in another tab, must not pay twice.
        """
        job: Job[T] = Job(kind, title, subject, once)
        with self._lock:
            if once and (same := next((j for j in self._jobs.values() if j.is_same(job)), None)):
                return same
            self._jobs[job.id] = job
            self._forget_old()
        context = contextvars.Context()  # a fresh one: a page's script context must not outlive its run
        threading.Thread(target=context.run, args=(job._run, work), name=f"job-{kind}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job[Any] | None:
        with self._lock:
            return self._jobs.get(job_id)

    def running(self, kind: str | None = None) -> list[Job[Any]]:
        return [job for job in self.recent() if job.running and kind in (None, job.kind)]

    def recent(self, kind: str | None = None) -> list[Job[Any]]:
        with self._lock:
            return [job for job in reversed(self._jobs.values()) if kind in (None, job.kind)]

    def stop_all(self, timeout_s: float = 5.0) -> None:
        """Stop every job and wait for them, together no longer than `timeout_s`."""
        running, deadline = self.running(), time.monotonic() + timeout_s
        for job in running:
            job.stop()
        for job in running:
            job.wait(max(0.0, deadline - time.monotonic()))

    def _forget_old(self) -> None:
        ended = [job_id for job_id, job in self._jobs.items() if not job.running]
        for job_id in ended[: max(0, len(self._jobs) - _KEEP)]:
            del self._jobs[job_id]
