"""The numbers of an answer's citations: 1, 2, 3 in the order in which its text cites, whatever numbers the prompt gave.

A prompt numbers its excerpts by rank; a reader who meets `[4]` first wonders where 1 to 3 are. What was sent and not cited has
the numbers after those, by rank, so that every excerpt has one.
"""

from __future__ import annotations


class Numbering:
    """Grows while an answer is read. `sent` is the number in the prompt, `shown` the one that the reader sees."""

    def __init__(self) -> None:
        self._shown: dict[int, int] = {}
        self._sent: list[int] = []

    def cite(self, sent: int) -> int:
        """Return the number to show for an excerpt that is cited here."""
        if sent not in self._shown:
            self._sent.append(sent)
            self._shown[sent] = len(self._sent)
        return self._shown[sent]

    def sent(self, shown: int) -> int | None:
        """Return the excerpt that a shown number stands for; None when nothing was cited under it."""
        return self._sent[shown - 1] if 1 <= shown <= len(self._sent) else None

    def shown(self, sent: int) -> int | None:
        """Return the number of an excerpt that is cited already; None for the others."""
        return self._shown.get(sent)

    def all(self, count: int) -> dict[int, int]:
        """Return the shown number of each of `count` excerpts that were sent: the cited ones first, then the others by rank.

        >>> numbering = Numbering()
        >>> numbering.cite(3)
        1
        >>> numbering.all(3)
        {3: 1, 1: 2, 2: 3}
        """
        rest = (n for n in range(1, count + 1) if n not in self._shown)
        return {n: place for place, n in enumerate((*self._sent, *rest), 1)}
