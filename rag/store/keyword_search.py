"""Find chunks by words, and tell what words they hold.

FTS5 finds; every score is computed here by its formula, because FTS5 would walk the whole list of a word again for each chunk asked
for. Statements go to the driver itself: a search asks several, and each is as quick as the making of one by the toolkit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from rag.store.keyword_index import Frequencies, table_of

Rowids = NDArray[np.int64]
FREE_MATCHES = 10_000
"""Up to so many matches, summed over the words, every word finds: FTS5 ranks them in about ten milliseconds. Beyond, the rarest find
and the others rank what those found, no more."""
_SPARE = 2
"""Chunks that rarer words find for each one asked for, before the whole question has its say on their order."""
_READ_ALL = 300
_MATCHES_A_READ = 10
"""Reading the words of a chunk costs as much as FTS5 takes to rank so many."""
BATCH = 500
"""Values bound in one statement; SQLite's own limit is far above."""


def totals(connection: sqlite3.Connection, collection_id: str) -> tuple[int, int]:
    """Return how many chunks and words a collection has, as recorded with its documents."""
    sums = "SELECT coalesce(sum(chunks), 0), coalesce(sum(words), 0) FROM collection_documents WHERE collection_id = ?"
    chunks, words = connection.execute(sums, (collection_id,)).fetchone()
    return chunks, words


def containing(connection: sqlite3.Connection, collection_id: str, words: Iterable[str]) -> dict[str, int]:
    """Return how many chunks hold each of `words`; costs a millisecond for 50,000 such chunks."""
    query = f"SELECT doc FROM {table_of(collection_id)}_words WHERE term = ?"
    rows = {word: connection.execute(query, (word,)).fetchone() for word in words}
    return {word: row[0] if row else 0 for word, row in rows.items()}


@dataclass(frozen=True, slots=True)
class Matches:
    """What the words of a question say about the chunks that they find, and about others that were asked for. Chunks by rowid."""

    best: tuple[int, ...]
    """The chunks that the words find, best first."""
    scores: Mapping[int, float]
    """BM25, above 0; a chunk that holds none of the words has none."""
    present: Mapping[int, frozenset[str]]
    """Which of the words stand in a chunk's title, headings or text; a chunk without any is left out."""
    known: Frequencies


def look_up(
    connection: sqlite3.Connection,
    collection_id: str,
    words: Sequence[str],
    k: int,
    known: Frequencies,
    *,
    also: Iterable[int] = (),
    within: Rowids | None = None,
) -> Matches:
    """Return the best `k` chunks that hold any of `words`, with score and words of these and of the chunks of `also`.

    `k` 0 finds nothing: only what was asked for is looked at.

    `within` (ascending) names the chunks that may be found; few of them are all read, whatever the words. Otherwise, beyond
    `FREE_MATCHES`, a chunk that holds nothing but the more common words is not found.
    """
    words = [word for word in dict.fromkeys(words) if known.containing.get(word)]
    if not words:
        return Matches((), {}, {}, known)
    found = _nominated(connection, collection_id, words, k, known, within) if k else []
    held = dict(_held(connection, collection_id, list({*found, *also}), words))
    scores = {rowid: known.bm25(counts, length) for rowid, (counts, length) in held.items()}
    best = sorted((rowid for rowid in found if rowid in scores), key=lambda rowid: (-scores[rowid], rowid))
    return Matches(tuple(best[:k]), scores, {rowid: frozenset(counts) for rowid, (counts, _) in held.items()}, known)


def _nominated(
    connection: sqlite3.Connection,
    collection_id: str,
    words: Sequence[str],
    k: int,
    known: Frequencies,
    within: Rowids | None,
) -> list[int]:
    matches = sum(known.containing[word] for word in words)
    if within is not None and len(within) <= max(_READ_ALL, matches // _MATCHES_A_READ):
        return [int(rowid) for rowid in within]
    finders = _finders(words, known)
    if len(finders) < len(words):
        # The second half finds nothing more, but lets the common words count in the order.
        return _ranked(connection, collection_id, f"({_any(finders)}) AND ({_any(words)})", k * _SPARE, within)
    return _ranked(connection, collection_id, _any(words), k, within)


def _finders(words: Sequence[str], known: Frequencies) -> list[str]:
    """Return the rarest of the words, as many as match `FREE_MATCHES` chunks together, and one at least."""
    finders: list[str] = []
    left = FREE_MATCHES
    for word in sorted(words, key=lambda word: known.containing[word]):
        left -= known.containing[word]
        if finders and left < 0:
            break
        finders.append(word)
    return finders


def _any(words: Iterable[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)


def _ranked(connection: sqlite3.Connection, collection_id: str, match: str, k: int, within: Rowids | None) -> list[int]:
    """Return the rowids of the best `k` matches that lie `within`, by FTS5's own ranking."""
    table = table_of(collection_id)
    with _filtering(connection, within) as condition:
        # `+rowid`: else FTS5 would run the whole search once for every chunk that may be found.
        rows = connection.execute(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? {condition} ORDER BY rank LIMIT ?", (match, k)
        )
        return [row[0] for row in rows]


@contextmanager
def _filtering(connection: sqlite3.Connection, within: Rowids | None) -> Iterator[str]:
    """Give the condition that a row lies `within`: asked of matches in rank order, it is asked seldom."""
    if within is None:
        yield ""
        return
    first = int(within[0]) if len(within) else 0
    flags = np.zeros(int(within[-1]) - first + 1 if len(within) else 0, np.uint8)
    flags[within - first] = 1
    is_wanted = flags.tobytes().__getitem__
    last = len(flags)
    connection.create_function("is_wanted", 1, lambda rowid: 0 <= rowid - first < last and is_wanted(rowid - first))
    try:
        yield "AND is_wanted(+rowid)"
    finally:
        connection.create_function("is_wanted", 1, cast(Callable[..., int], None))


def _held(
    connection: sqlite3.Connection, collection_id: str, rowids: Sequence[int], words: Sequence[str]
) -> Iterator[tuple[int, tuple[dict[str, int], int]]]:
    """Yield (rowid, (how often it holds each of the words that it holds, its length in words)) of chunks that hold any."""
    table = table_of(collection_id)
    apart = [(word, f" {word} ", f" {word} {word} ") for word in words]
    for at in range(0, len(rowids), BATCH):
        batch = tuple(rowids[at : at + BATCH])
        rows = connection.execute(f"SELECT id, c0, c1 FROM {table}_content WHERE id IN ({marks(batch)})", batch)
        for rowid, title, body in rows:
            text = f" {title} {body} " if title and body else f" {title or body} "
            held = {word: _often(text, spaced, twice) for word, spaced, twice in apart if spaced in text}
            if held:
                yield rowid, (held, text.count(" ") - 1)


def _often(text: str, spaced: str, twice: str) -> int:
    """Return how often a word stands in a text of words parted by single spaces; `str.count` shares no space between two of them."""
    return text.count(spaced) if twice not in text else text.split().count(spaced.strip())


def marks(values: Sequence[object]) -> str:
    """Return a question mark a value, for a list in a statement."""
    return ", ".join("?" * len(values))
