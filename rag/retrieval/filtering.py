"""Whether a candidate passes a filter, asked in memory; the catalog asks the same of all chunks (`Snapshot.rows`)."""

from __future__ import annotations

from rag.store.tags import tag_key
from rag.types import Chunk, DocumentFacts, Filters


def passes(chunk: Chunk, document: DocumentFacts | None, filters: Filters) -> bool:
    """Tell whether a chunk passes; one whose document is not known passes no filter by its facts."""
    return (
        (not filters.document_ids or chunk.document_id in filters.document_ids)
        and _touches(chunk.pages, filters)
        and (not _asks_for_facts(filters) or (document is not None and _fits(document, filters)))
    )


def _touches(pages: tuple[int, ...], filters: Filters) -> bool:
    if filters.page_from is None and filters.page_to is None:
        return True
    first, last = filters.page_from or 1, filters.page_to
    return bool(pages) and pages[-1] >= first and (last is None or pages[0] <= last)


def _asks_for_facts(filters: Filters) -> bool:
    return bool(filters.tags or filters.added_from or filters.added_to)


def _fits(document: DocumentFacts, filters: Filters) -> bool:
    day = document.added_at.astimezone().date()
    wanted = {tag_key(tag) for tag in filters.tags}
    return (
        (not wanted or not wanted.isdisjoint(map(tag_key, document.tags)))
        and (filters.added_from is None or day >= filters.added_from)
        and (filters.added_to is None or day <= filters.added_to)
    )


def described(filters: Filters) -> str:
    """Return what a filter asks for, for the user."""
    said = []
    if filters.document_ids:
        said.append("1 document" if len(filters.document_ids) == 1 else f"{len(filters.document_ids)} documents")
    if filters.tags:
        said.append("tagged " + " or ".join(repr(tag) for tag in filters.tags))
    if filters.page_from is not None or filters.page_to is not None:
        said.append(f"pages {filters.page_from or 1} to {filters.page_to or 'the last'}")
    if filters.added_from:
        said.append(f"added from {filters.added_from.isoformat()}")
    if filters.added_to:
        said.append(f"added to {filters.added_to.isoformat()}")
    return ", ".join(said)
