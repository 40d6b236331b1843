"""What long work tells of itself while it goes on."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """What long work tells of itself; a `Job` is one."""

    def plan(self, behind: float, part: float, whole: float) -> None: ...
    def begin(self, total: int, unit: str, message: str = "") -> None: ...
    def advance(self, n: int = 1, message: str | None = None) -> None: ...
    def stopping(self) -> bool: ...


class Silent:
    """The reporter that nobody listens to."""

    def plan(self, behind: float, part: float, whole: float) -> None: ...
    def begin(self, total: int, unit: str, message: str = "") -> None: ...
    def advance(self, n: int = 1, message: str | None = None) -> None: ...
    def stopping(self) -> bool:
        return False


class Placed:
    """A reporter that says which file of how many."""

    def __init__(self, inner: Reporter, place: str) -> None:
        self._inner, self._place = inner, place

    def plan(self, behind: float, part: float, whole: float) -> None:
        self._inner.plan(behind, part, whole)

    def begin(self, total: int, unit: str, message: str = "") -> None:
        self._inner.begin(total, unit, f"{message} {self._place}")

    def advance(self, n: int = 1, message: str | None = None) -> None:
        self._inner.advance(n, message)

    def stopping(self) -> bool:
        return self._inner.stopping()
