"""Answers that a user judged: candidates for a question set, until they are labelled or dismissed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from rag.store.schema import feedback
from rag.types import FeedbackItem

FeedbackState = Literal["open", "labelled", "dismissed"]


class Feedback:
    """The feedback of one catalog. Any process may add to it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        question: str,
        *,
        is_good: bool,
        note: str = "",
        collection: str = "",
        turn_id: str = "",
        settings: dict[str, Any] | None = None,
    ) -> str:
        """Keep a judgement with the settings of the answer and return its id.

        A later one on the same answer takes the place of an open earlier one.
        """
        row = {
            "id": uuid.uuid4().hex, "question": question, "is_good": is_good, "note": note, "collection": collection,
            "turn_id": turn_id, "state": "open", "at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "settings": settings,
        }  # fmt: skip
        with self._engine.begin() as connection:
            if turn_id:
                earlier = (feedback.c.turn_id == turn_id) & (feedback.c.state == "open")
                connection.execute(sa.delete(feedback).where(earlier))
            connection.execute(sa.insert(feedback).values(**row))
        return str(row["id"])

    def list(self, state: FeedbackState = "open") -> list[FeedbackItem]:
        """Return the judgements in that state, newest first."""
        query = sa.select(feedback).where(feedback.c.state == state).order_by(feedback.c.at.desc())
        with self._engine.connect() as connection:
            return [_item(row) for row in connection.execute(query)]

    def of_turns(self, turn_ids: Sequence[str]) -> dict[str, FeedbackItem]:
        """Return the newest judgement of each of these answers, whatever became of it."""
        query = sa.select(feedback).where(feedback.c.turn_id.in_(turn_ids)).order_by(feedback.c.at)
        with self._engine.connect() as connection:
            return {row.turn_id: _item(row) for row in connection.execute(query)}

    def withdraw(self, turn_id: str) -> None:
        """Take back the open judgement of an answer."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(feedback).where(feedback.c.turn_id == turn_id, feedback.c.state == "open"))

    def settle(self, feedback_id: str, state: FeedbackState) -> None:
        """Record what became of a judgement."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(feedback).where(feedback.c.id == feedback_id).values(state=state))


def _item(row: Any) -> FeedbackItem:
    return FeedbackItem(
        row.id,
        row.question,
        bool(row.is_good),
        row.note,
        row.collection,
        row.turn_id,
        datetime.fromisoformat(row.at),
        row.settings or {},
    )
