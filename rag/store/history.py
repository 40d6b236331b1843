"""Questions asked on Search with the settings of then: the newest of each, kept across restarts until they are cleared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from rag.store.profiles import from_json, to_json
from rag.store.schema import settings
from rag.types import SearchOptions

MOST = 100
_KEY = "search_history"
_LONGEST_CHARACTERS = 2_000
"""A longer question is not kept: it would be a text that was pasted, and the list is read at every visit."""


@dataclass(frozen=True, slots=True)
class PastSearch:
    question: str
    collection: str
    """Name of the collection that was searched."""
    options: SearchOptions
    hits: int
    at: datetime


class SearchHistory:
    """The history of one catalog."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> list[PastSearch]:
        """Return the questions, the newest first; what another version wrote in a form that is not known is left out."""
        with self._engine.begin() as connection:
            return [past for past in map(_read, _rows(connection)) if past is not None]

    def add(self, question: str, collection: str, options: SearchOptions, hits: int) -> None:
        """Put a question on top, in place of an earlier one of the same words to the same collection."""
        if len(question) > _LONGEST_CHARACTERS:
            return
        row = {
            "question": question, "collection": collection, "search": to_json(options), "hits": hits,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        with self._writing() as connection:
            others = [old for old in _rows(connection) if _same(old) != _same(row)]
            _keep(connection, [row, *others][:MOST])

    def clear(self) -> None:
        with self._writing() as connection:
            _keep(connection, [])

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that has the write lock from its start: what was read is still so when it is written."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection


def _rows(connection: sa.Connection) -> list[dict[str, Any]]:
    kept = connection.execute(sa.select(settings.c.value).where(settings.c.key == _KEY)).scalar_one_or_none()
    return [row for row in kept if isinstance(row, dict)] if isinstance(kept, list) else []


def _keep(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    statement = insert(settings).values(key=_KEY, value=rows)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["key"], set_={"value": statement.excluded.value})
    )


def _same(row: dict[str, Any]) -> tuple[str, str]:
    return " ".join(str(row.get("question", "")).casefold().split()), str(row.get("collection", ""))


def _read(row: dict[str, Any]) -> PastSearch | None:
    try:
        options = from_json(SearchOptions, row["search"])
        return PastSearch(
            str(row["question"]), str(row["collection"]), options, int(row["hits"]), datetime.fromisoformat(row["at"])
        )
    except (KeyError, TypeError, ValueError):
        return None
