"""What a question was asked of: the collection as it was then, and whether it is still the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rag.errors import RagError
from rag.generation import collection_of
from rag.reporting.trees import visible
from rag.reporting.words import count
from rag.store.conversations import Turn

if TYPE_CHECKING:
    from rag.workbench import Workbench

Facts = tuple[tuple[str, str], ...]
"""Names, each with its value."""


def about_collections(bench: Workbench, turns: Sequence[Turn]) -> tuple[Facts, list[Facts]]:
    """Return what is to be said of all turns together, and of each by itself: what is the same for all is said once."""
    each = [tuple(_about(bench, turn)) for turn in turns]
    if len(set(each)) <= 1:
        return (each[0] if each else ()), [() for _ in turns]
    names = dict.fromkeys(visible(turn.collection, 80) for turn in turns)
    return (("Collections" if len(names) > 1 else "Collection", ", ".join(names)),), each


def _about(bench: Workbench, turn: Turn) -> Iterator[tuple[str, str]]:
    """Yield what the collection of a turn held when it was asked; what was not kept then is not made up now."""
    yield "Collection", visible(turn.collection, 80)
    then, since = turn.searched, _since(bench, turn)
    if then is None:
        yield "Fingerprint", "; ".join(filter(None, ("not kept when this was asked", since)))
        return
    yield "Held", f"{count(then.documents, 'document')}, {count(then.chunks, 'chunk')}"
    yield "Embedding model", visible(then.embedding_model, 80) or "none, keyword search only"
    yield "Chunks of", f"{then.options.chunk_size_tokens} tokens, overlap {then.options.overlap_tokens}"
    yield "Fingerprint", "; ".join(filter(None, (then.digest, since)))


def _since(bench: Workbench, turn: Turn) -> str:
    """Return what became of the collection since; empty when it is still what was searched, or that cannot be told."""
    try:
        now = bench.fingerprints.of(collection_of(bench, turn))
    except RagError:
        return "the collection was deleted since"
    return "the collection has changed since" if turn.searched and now.digest != turn.searched.digest else ""
