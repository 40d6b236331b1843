"""Conversations and their turns, kept so that they survive a page switch, F5 and a restart.

A turn is stored as 'streaming' before its answer begins and closed when it ends. One that is still 'streaming' although
nobody writes it any more was cut off by a stop of the program; readers show it as partial, with the text saved last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, TypeAlias, TypeVar, cast

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.dialects.sqlite import insert

from rag.errors import StoreError
from rag.store.schema import collections, conversations, turn_records, turn_words, turns
from rag.types import Answer, Collection, Fingerprint, Paid, SecondCheck, TurnRecord

T = TypeVar("T")
TurnState = Literal["streaming", "complete", "partial", "failed"]
Checked: TypeAlias = tuple[SecondCheck, Paid]
"""What a second model said of an answer, and what all second checks of it took."""
_ANSWER = TypeAdapter(Answer)
_RECORD = TypeAdapter(TurnRecord)
_FINGERPRINT = TypeAdapter(Fingerprint)


@dataclass(frozen=True, slots=True)
class ConversationInfo:
    id: str
    title: str
    """The first question, shortened."""
    collection: str
    """Name of the collection that its first question was asked of, as it was then."""
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
    slot: str = ""
    """The same for all answers to one question: the id of the first."""
    versions: tuple[str, ...] = ()
    """Ids of all answers to this question, oldest first, its own among them."""
    searched_for: str = ""
    """What was searched for in place of the question; empty when it was the question."""
    collection: str = ""
    """Name of the collection that it was asked of: the one that it has now, of a deleted one the last that is known."""
    collection_id: str = ""
    """Empty when that collection is not there any more."""
    searched: Fingerprint | None = None
    """What that collection held when it was asked; None when that was not kept."""


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
        own = turns.c.conversation_id == conversations.c.id
        count = sa.select(sa.func.count()).where(own, turns.c.is_kept).scalar_subquery()
        query = sa.select(conversations, count.label("turns")).order_by(conversations.c.updated_at.desc())
        with self._engine.connect() as connection:
            return [_info(row) for row in connection.execute(query).mappings()]

    def asked_of(self, conversation_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Return, for these conversations, the collection that was asked last and the model that answered, "" while it does."""
        model = sa.func.coalesce(sa.func.json_extract(turns.c.body, "$.model"), "")
        name = sa.func.coalesce(collections.c.name, turns.c.collection)
        query = (
            sa.select(turns.c.conversation_id, name, model)
            .outerjoin(collections, collections.c.id == turns.c.collection_id)
            .where(turns.c.conversation_id.in_(conversation_ids) & turns.c.is_kept)
            .order_by(turns.c.position)
        )
        with self._engine.connect() as connection:
            return {row[0]: (row[1], row[2]) for row in connection.execute(query)}

    def get(self, conversation_id: str) -> Conversation:
        """Return a conversation with its questions in order, each with the answer that is kept.

        Raises `StoreError` when it is not there.
        """
        here = turns.c.conversation_id == conversation_id
        places = sa.select(turns.c.id, turns.c.slot).where(here).order_by(turns.c.position)
        with self._engine.connect() as connection:
            about = sa.select(conversations).where(conversations.c.id == conversation_id)
            row = connection.execute(about).one_or_none()
            if row is None:
                raise _gone()
            versions: dict[str, tuple[str, ...]] = {}
            for turn_id, slot in connection.execute(places):
                versions[slot] = (*versions.get(slot, ()), turn_id)
            kept = connection.execute(_with_collection().where(here, turns.c.is_kept)).mappings()
            found = {turn["slot"]: _turn(turn, versions[turn["slot"]]) for turn in kept}
        return Conversation(row.id, row.title, row.collection, tuple(found[slot] for slot in versions if slot in found))

    def turn(self, turn_id: str) -> Turn:
        """Return one answer with its question, kept or not. Raises `StoreError`."""
        with self._engine.connect() as connection:
            row = connection.execute(_with_collection().where(turns.c.id == turn_id)).mappings().one_or_none()
            if row is None:
                raise _gone()
            others = sa.select(turns.c.id).where(turns.c.slot == row["slot"]).order_by(turns.c.position)
            return _turn(row, tuple(connection.execute(others).scalars()))

    def keep(self, turn_id: str) -> None:
        """Make an answer the one of its question that counts; what follows in the conversation goes by it."""
        with self._writing() as connection:
            slot = connection.execute(sa.select(turns.c.slot).where(turns.c.id == turn_id)).scalar_one_or_none()
            if slot is not None:
                connection.execute(sa.update(turns).where(turns.c.slot == slot).values(is_kept=turns.c.id == turn_id))

    def take_in(self, old_id: str, new_id: str) -> None:
        """Delete an answer that a newer one to the same question begins with; that one takes its place."""
        place = sa.select(turns.c.position, turns.c.slot).where(turns.c.id == old_id)
        with self._writing() as connection:
            row = connection.execute(place).one_or_none()
            if row is not None:
                connection.execute(sa.delete(turns).where(turns.c.id == old_id))
                here = (turns.c.id == new_id) & (turns.c.slot == row.slot)
                connection.execute(sa.update(turns).where(here).values(position=row.position))

    def give_up(self, new_id: str, old_id: str, answer: Answer) -> None:
        """Delete an answer that went on with an older one in vain; that one counts again, as `answer`."""
        body = _ANSWER.dump_python(answer, mode="json")
        with self._writing() as connection:
            connection.execute(sa.delete(turns).where(turns.c.id == new_id))
            connection.execute(sa.update(turns).where(turns.c.id == old_id).values(is_kept=True, body=body))

    def put_record(self, turn_id: str, record: TurnRecord) -> None:
        """Keep how an answer came about, in place of what was kept of it before."""
        data = zlib.compress(_RECORD.dump_json(record))
        with self._writing() as connection:
            if connection.execute(sa.select(sa.exists().where(turns.c.id == turn_id))).scalar_one():
                connection.execute(
                    insert(turn_records)
                    .values(turn_id=turn_id, data=data)
                    .on_conflict_do_update(["turn_id"], set_={"data": data})
                )
                connection.execute(
                    sa.update(turns).where(turns.c.id == turn_id).values(searched_for=record.searched_for)
                )

    def record(self, turn_id: str) -> TurnRecord | None:
        """Return how an answer came about; None when that was not kept, or by another version in another form."""
        with self._engine.connect() as connection:
            query = sa.select(turn_records.c.data).where(turn_records.c.turn_id == turn_id)
            data = connection.execute(query).scalar_one_or_none()
        return _unpacked(data) if data else None

    def second_checks(self, turn_ids: Sequence[str]) -> dict[str, Checked]:
        """Return what second models said of these answers, and what that took; of an answer that none was asked about, nothing.

        It is cheap to ask again: what is stored is read, and unpacked anew where it changed, whoever changed it.
        """
        query = sa.select(turn_records).where(turn_records.c.turn_id.in_(turn_ids))
        with self._engine.connect() as connection:
            found = {row.turn_id: _checked(row.data) for row in connection.execute(query)}
        return {turn_id: checked for turn_id, checked in found.items() if checked}

    def create(self, conversation_id: str, title: str, collection: str) -> None:
        now = _now()
        values = {"id": conversation_id, "title": title, "collection": collection, "created_at": now, "updated_at": now}
        with self._writing() as connection:
            connection.execute(sa.insert(conversations).values(**values))

    def rename(self, conversation_id: str, title: str, *, instead_of: str | None = None) -> None:
        """Give a conversation another title, or only where it has the one named; a conversation that is gone already is fine."""
        meant = conversations.c.id == conversation_id
        if instead_of is not None:
            meant &= conversations.c.title == instead_of
        with self._writing() as connection:
            connection.execute(sa.update(conversations).where(meant).values(title=title))

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation with its turns; one that is gone already is fine."""
        with self._writing() as connection:
            connection.execute(sa.delete(conversations).where(conversations.c.id == conversation_id))

    def begin_turn(
        self,
        conversation_id: str,
        turn_id: str,
        question: str,
        *,
        collection: Collection | None = None,
        searched: Fingerprint | None = None,
        slot: str = "",
        is_kept: bool = True,
    ) -> None:
        """Add a turn whose answer is about to be written; raises `StoreError` when the conversation is gone.

        `collection` is the one that it is asked of, `searched` what that holds. With the `slot` of another turn it is one more answer to that question, and unless `is_kept` is false the one that counts.
        """
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
            if slot and is_kept:
                connection.execute(sa.update(turns).where(turns.c.slot == slot).values(is_kept=False))
            connection.execute(
                sa.insert(turns).values(
                    id=turn_id,
                    slot=slot or turn_id,
                    is_kept=is_kept,
                    conversation_id=conversation_id,
                    position=connection.execute(last).scalar_one() + 1,
                    question=question,
                    state="streaming",
                    body={},
                    created_at=now,
                    collection_id=collection.id if collection else "",
                    collection=collection.name if collection else "",
                    searched=_FINGERPRINT.dump_python(searched, mode="json") if searched else None,
                )
            )
            connection.execute(sa.insert(turn_words).values(turn_id=turn_id, words=question.casefold()))

    def save_turn(self, turn_id: str, answer: Answer, state: TurnState) -> None:
        """Keep what is written of a turn so far, or its end; after its end nothing changes it.

        A turn whose conversation was deleted is let go.
        """
        body = _ANSWER.dump_python(answer, mode="json")
        with self._writing() as connection:
            written = (
                sa.update(turns).where(turns.c.id == turn_id, turns.c.state == "streaming").returning(turns.c.question)
            )
            question = connection.execute(written.values(state=state, body=body)).scalar_one_or_none()
            if question is not None:
                words = f"{question}\n{answer.text}".casefold()
                connection.execute(sa.update(turn_words).where(turn_words.c.turn_id == turn_id).values(words=words))

    def put_answer(self, turn_id: str, answer: Answer, *, instead_of: Answer) -> None:
        """Keep what is known better of an answer that has ended; its text stays.

        A turn that was deleted is let go, and so is one whose answer is another by now, such as one that was gone on with again.
        """
        ended = (turns.c.id == turn_id) & (turns.c.state != "streaming")
        body = _ANSWER.dump_python(answer, mode="json")
        with self._writing() as connection:
            kept = connection.execute(sa.select(turns.c.body).where(ended)).scalar_one_or_none()
            now = None if kept is None else _ANSWER.validate_python(kept)
            if now is not None and (now.text, now.paid) == (instead_of.text, instead_of.paid):
                connection.execute(sa.update(turns).where(ended).values(body=body))

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


def _with_collection() -> sa.Select[Any]:
    """Select turns, each with what its collection is called now; NULL when that is gone."""
    now = collections.c.name.label("collection_now")
    return sa.select(turns, now).outerjoin(collections, collections.c.id == turns.c.collection_id)


def _turn(row: Any, versions: tuple[str, ...]) -> Turn:
    return Turn(
        question=row["question"],
        answer=_read(_ANSWER, row["body"]),
        state=cast(TurnState, row["state"]),
        stream_id=row["id"],
        created_at=_time(row["created_at"]),
        slot=row["slot"],
        versions=versions,
        searched_for=row["searched_for"],
        collection=row["collection_now"] or row["collection"],
        collection_id=row["collection_id"] if row["collection_now"] else "",
        searched=_read(_FINGERPRINT, row["searched"]),
    )


def _unpacked(data: bytes) -> TurnRecord | None:
    try:
        return _RECORD.validate_json(zlib.decompress(data))
    except (ValidationError, zlib.error):
        return None


@lru_cache(maxsize=512)
def _checked(data: bytes) -> Checked | None:
    record = _unpacked(data)
    return (record.second, record.checked) if record and record.second else None


def _read(kind: TypeAdapter[T], data: Any) -> T | None:
    """Return what was stored; None when nothing was, or by another version: the question at least can be shown."""
    try:
        return kind.validate_python(data) if data else None
    except ValidationError:
        return None


def _gone() -> StoreError:
    return StoreError("This conversation was deleted; start a new one.")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
