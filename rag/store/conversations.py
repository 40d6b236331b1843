"""Conversations and their turns, kept so that they survive a page switch, F5 and a restart.

A turn is stored as 'streaming' before its answer begins and closed when it ends. One that is still 'streaming' although
nobody writes it any more was cut off by a stop of the program; readers show it as partial, with the text saved last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from rag.errors import StoreError
from rag.store.schema import conversations, turns
from rag.types import Answer

TurnState = Literal["streaming", "complete", "partial", "failed"]
_ANSWER = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    id: str
    title: str
    """The first question, shortened."""
    collection: str
    """Name of the collection that was asked."""
    created_at: datetime
    updated_at: datetime
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Turn:
    """One question with what became of its answer."""

    question: str
    answer: Answer | None
    """None while nothing of it is saved yet."""
    state: TurnState
    stream_id: str
    """Id of the `AnswerStream` that writes or wrote it."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    collection: str
    turns: tuple[Turn, ...]


class Conversations:
    """The conversations of one catalog. Any process may add to them, also beside the owner of the data folder."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> list[ConversationInfo]:
        """Return all conversations, the one used last first."""
        count = sa.select(sa.func.count()).where(turns.c.conversation_id == conversations.c.id).scalar_subquery()
        query = sa.select(conversations, count.label("turns")).order_by(conversations.c.updated_at.desc())
        with self._engine.connect() as connection:
            return [_info(row) for row in connection.execute(query).mappings()]

    def get(self, conversation_id: str) -> Conversation:
        """Return a conversation with its turns in order; raises `StoreError` when it is not there."""
        query = sa.select(turns).where(turns.c.conversation_id == conversation_id).order_by(turns.c.position)
        with self._engine.connect() as connection:
            about = sa.select(conversations).where(conversations.c.id == conversation_id)
            row = connection.execute(about).one_or_none()
            if row is None:
                raise _gone()
            found = tuple(_turn(turn) for turn in connection.execute(query).mappings())
        return Conversation(row.id, row.title, row.collection, found)

    def create(self, conversation_id: str, title: str, collection: str) -> None:
        now = _now()
        values = {"id": conversation_id, "title": title, "collection": collection, "created_at": now, "updated_at": now}
        with self._writing() as connection:
            connection.execute(sa.insert(conversations).values(**values))

    def rename(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title; one that is gone already is fine."""
        with self._writing() as connection:
            connection.execute(
                sa.update(conversations).where(conversations.c.id == conversation_id).values(title=title)
            )

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation with its turns; one that is gone already is fine."""
        with self._writing() as connection:
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation_id))

    def begin_turn(self, conversation_id: str, turn_id: str, question: str) -> None:
        """Add a turn whose answer is about to be written; raises `StoreError` when the conversation is gone."""
        last = sa.select(sa.func.coalesce(sa.func.max(turns.c.position), 0)).where(
            turns.c.conversation_id == conversation_id
        )
        now = _now()
        with self._writing() as connection:
            touched = connection.execute(
                sa.update(conversations).where(conversations.c.id == conversation_id).values(updated_at=now)
            )
            if touched.rowcount == 0:
                raise _gone()
            connection.execute(
                sa.insert(turns).values(
                    id=turn_id,
                    conversation_id=conversation_id,
                    position=connection.execute(last).scalar_one() + 1,
                    question=question,
                    state="streaming",
                    body={},
                    created_at=now,
                )
            )

    def save_turn(self, turn_id: str, answer: Answer, state: TurnState) -> None:
        """Keep what is written of a turn so far, or its end; after its end nothing changes it.

        A turn whose conversation was deleted is let go.
        """
        body = _ANSWER.dump_python(answer, mode="json")
        with self._writing() as connection:
            connection.execute(
                sa.update(turns)
                .where(turns.c.id == turn_id, turns.c.state == "streaming")
                .values(state=state, body=body)
            )

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that has the write lock from its start, so that two writers wait for one another."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection


def _info(row: Any) -> ConversationInfo:
    return ConversationInfo(
        row["id"], row["title"], row["collection"], _time(row["created_at"]), _time(row["updated_at"]), row["turns"]
    )


def _turn(row: Any) -> Turn:
    try:
        answer = _ANSWER.validate_python(row["body"]) if row["body"] else None
    except ValidationError:  # written by another version: the question at least can be shown
        answer = None
    return Turn(row["question"], answer, cast(TurnState, row["state"]), row["id"], _time(row["created_at"]))


def _gone() -> StoreError:
    return StoreError("This conversation was deleted; start a new one.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
