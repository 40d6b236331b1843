"""Score parts that are looked up when somebody first looks at them.

A search by vectors alone ranks, thresholds and returns without the keyword side, which costs more than the search itself. Its hits
still carry every part: the first look at any of them looks all of that question's up, in one transaction, and what it finds stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from rag.errors import CollectionNotFoundError
from rag.types import Parts

Known = dict[str, float]
"""Parts by their names."""
_NAMES = ("cosine", "keyword", "coverage")


class LateParts(Parts):
    """Parts of which some are still to be looked up. Equal to others like it when all parts are."""

    def __init__(self, known: Known, question: Question) -> None:
        self.__dict__.update(known, _question=question)

    def __getattr__(self, name: str) -> float:
        if name not in _NAMES:
            raise AttributeError(name)
        self.__dict__["_question"].complete()
        return float(self.__dict__[name])

    def __reduce__(self) -> Any:
        return Parts, (self.cosine, self.keyword, self.coverage)


class Question:
    """All late parts of one question. Any thread may be the first to look."""

    def __init__(self, known: Mapping[int, Known], look_up: Callable[[], Mapping[int, Known]]) -> None:
        """`known` has what is known of each candidate; `look_up` returns the rest, by the same keys."""
        self.parts = {key: LateParts(parts, self) for key, parts in known.items()}
        self._look_up: Callable[[], Mapping[int, Known]] | None = look_up
        self._lock = Lock()

    def complete(self) -> None:
        """Look everything up, once. A part that nothing is found of is 0, as are all of a collection that is gone."""
        with self._lock:
            if self._look_up is None:
                return
            try:
                found = self._look_up()
            except CollectionNotFoundError:
                found = {}
            for key, parts in self.parts.items():
                parts.__dict__.update(dict.fromkeys(_NAMES, 0.0) | found.get(key, {}) | parts.__dict__)
            self._look_up = None
