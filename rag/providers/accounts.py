"""What everything that is done for one piece of work takes together: an answer with the rewriting before it, a second check, a test.

An account hears of every attempt from the books that write the ledger's rows, so the two always agree. It goes along with the context
of the thread that opens it, to the loop and into whatever is called on the way: a call that nobody thought of is counted all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rag.providers.messages import Attempt
from rag.types import Paid


class Account:
    """The attempts that are made while it is open. Safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paid = Paid()
        self._running = 0

    @property
    def paid(self) -> Paid:
        """What was taken so far; while an attempt runs that may cost something, the cost is unknown."""
        with self._changed:
            return self._paid + Paid(cost_usd=None, estimated_usd=None) if self._running else self._paid

    def settled(self, timeout: float) -> Paid:
        """Wait at most `timeout` seconds until no attempt is running, as shortly after a stop; return what was taken then."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout)
        return self.paid

    def begin(self) -> None:
        with self._changed:
            self._running += 1

    def end(self, attempt: Attempt | None) -> None:
        """Count an attempt; None is one that was not made after all."""
        with self._changed:
            self._running -= 1
            self._changed.notify_all()
            if attempt is not None:
                known, about = attempt.cost.usd, attempt.cost.estimated_usd
                self._paid += Paid(attempt.usage, known, about if known is None else None, 1)


_open: ContextVar[tuple[Account, ...]] = ContextVar("accounts", default=())


@contextmanager
def counting(account: Account | None = None) -> Iterator[Account]:
    """Count what is called inside, in this context and in what is started from it; accounts around it count it, too."""
    account = account or Account()
    token = _open.set((*_open.get(), account))
    try:
        yield account
    finally:
        _open.reset(token)


def begin() -> None:
    """Tell the open accounts that an attempt begins."""
    for account in _open.get():
        account.begin()


def end(attempt: Attempt | None) -> None:
    """Tell the open accounts of its end; None when it was not made after all."""
    for account in _open.get():
        account.end(attempt)
