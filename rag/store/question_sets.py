"""Question sets and their questions, kept so that labels survive re-chunking, a new collection and a restart.

Nothing here points into documents or collections: a label outlives the document it was made on, and says so (`rag.evaluation`).
Any process may add to them, also beside the owner of the data folder, as with conversations.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from rag.errors import QuestionSetError
from rag.store.schema import question_sets, questions
from rag.types import Evidence, LabelledQuestion, QuestionSet, QuestionSetInfo

_LONGEST_NAME = 200


class QuestionSets:
    """The question sets of one catalog."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> list[QuestionSetInfo]:
        """Return all sets by name, each with its number of questions of every label."""
        count = sa.select(questions.c.set_id, questions.c.label, sa.func.count().label("n"))
        with self._engine.begin() as connection:
            counts: dict[str, dict[str, int]] = {}
            for row in connection.execute(count.group_by(questions.c.set_id, questions.c.label)):
                counts.setdefault(row.set_id, {})[row.label] = row.n
            rows = connection.execute(sa.select(question_sets).order_by(question_sets.c.name)).all()
        return [_info(row, counts.get(row.id, {})) for row in rows]

    def get(self, id_or_name: str) -> QuestionSet:
        """Return a set with its questions, asked for by id or name. Raises `QuestionSetError`."""
        table = question_sets.c
        with self._engine.begin() as connection:
            row = connection.execute(
                sa.select(question_sets)
                .where(sa.or_(table.id == id_or_name, table.name == id_or_name))
                .order_by(table.id != id_or_name)
            ).first()
            if row is None:
                known = ", ".join(connection.execute(sa.select(table.name).order_by(table.name).limit(10)).scalars())
                raise QuestionSetError(
                    f"There is no question set {id_or_name!r}; {f'there are: {known}' if known else 'make or import one first'}."
                )
            return _question_set(row, connection.execute(_of_set(row.id)).all())

    def create(self, name: str, new: Sequence[LabelledQuestion] = ()) -> QuestionSet:
        """Make a set. Raises `QuestionSetError` when the name is taken or no name."""
        set_id, now = uuid.uuid4().hex, _now()
        with self._writing() as connection:
            name = _free_name(connection, name)
            connection.execute(sa.insert(question_sets).values(id=set_id, name=name, created_at=now, updated_at=now))
            _insert(connection, set_id, new)
        return self.get(set_id)

    def rename(self, set_id: str, name: str) -> None:
        """Give a set another name. Raises `QuestionSetError`."""
        with self._writing() as connection:
            name = _free_name(connection, name, unless=set_id)
            _touch(connection, set_id, name=name)

    def delete(self, set_id: str) -> None:
        """Delete a set with its questions; one that is gone already is fine. Its runs are the business of `Runs`."""
        with self._writing() as connection:
            connection.execute(sa.delete(question_sets).where(question_sets.c.id == set_id))

    def add(self, set_id: str, new: Sequence[LabelledQuestion]) -> QuestionSet:
        """Add questions at the end. Raises `QuestionSetError` when the set is gone."""
        with self._writing() as connection:
            _touch(connection, set_id)
            _insert(connection, set_id, new)
        return self.get(set_id)

    def save(self, question: LabelledQuestion) -> None:
        """Keep what was changed of a question: text, label, evidence or note. Raises `QuestionSetError` when it is gone."""
        with self._writing() as connection:
            set_id = connection.execute(
                sa.update(questions)
                .where(questions.c.id == question.id)
                .values(**_values(question))
                .returning(questions.c.set_id)
            ).scalar_one_or_none()
            if set_id is None:
                raise QuestionSetError("This question was deleted from its set; add it again.")
            _touch(connection, set_id)

    def remove(self, question_ids: Sequence[str]) -> None:
        """Delete questions; those that are gone already are fine."""
        gone = questions.c.id.in_(question_ids)
        with self._writing() as connection:
            for set_id in connection.execute(sa.select(questions.c.set_id).where(gone).distinct()).scalars().all():
                _touch(connection, set_id)
            connection.execute(sa.delete(questions).where(gone))

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that has the write lock from its start, so that two writers wait for one another."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection


def new_question(text: str, **rest: Any) -> LabelledQuestion:
    """Return a question with an id of its own; a draft unless `rest` labels it."""
    return LabelledQuestion(uuid.uuid4().hex, text, **rest)


def _of_set(set_id: str) -> sa.Select[Any]:
    return sa.select(questions).where(questions.c.set_id == set_id).order_by(questions.c.position)


def _touch(connection: sa.Connection, set_id: str, **values: str) -> None:
    changed = sa.update(question_sets).where(question_sets.c.id == set_id).values(updated_at=_now(), **values)
    if connection.execute(changed).rowcount == 0:
        raise QuestionSetError("This question set was deleted; choose or make another.")


def _free_name(connection: sa.Connection, name: str, *, unless: str = "") -> str:
    name = " ".join(name.split())
    if not name or len(name) > _LONGEST_NAME:
        raise QuestionSetError(f"A question set needs a name of 1 to {_LONGEST_NAME} characters; give it another.")
    taken = sa.select(question_sets.c.id).where(question_sets.c.name == name, question_sets.c.id != unless)
    if connection.execute(taken).first():
        raise QuestionSetError(f"There is a question set named {name!r} already; choose another name.")
    return name


def _insert(connection: sa.Connection, set_id: str, new: Sequence[LabelledQuestion]) -> None:
    """Add questions behind the last. One that comes from another set gets an id of its own."""
    ids = [question.id for question in new]
    taken = set(connection.execute(sa.select(questions.c.id).where(questions.c.id.in_(ids))).scalars())
    last = sa.select(sa.func.coalesce(sa.func.max(questions.c.position), 0)).where(questions.c.set_id == set_id)
    first = connection.execute(last).scalar_one() + 1
    rows = []
    for position, question in enumerate(new, first):
        if question.id in taken:
            question = replace(question, id=uuid.uuid4().hex)
        taken.add(question.id)
        rows.append({"id": question.id, "set_id": set_id, "position": position, **_values(question)})
    if rows:
        connection.execute(sa.insert(questions), rows)


def _values(question: LabelledQuestion) -> dict[str, Any]:
    return {
        "text": question.text,
        "label": question.label,
        "evidence": [astuple(piece) for piece in question.evidence],
        "note": question.note,
    }


def _question_set(row: Any, rows: Sequence[Any]) -> QuestionSet:
    found = tuple(
        LabelledQuestion(each.id, each.text, each.label, tuple(Evidence(*piece) for piece in each.evidence), each.note)
        for each in rows
    )
    return QuestionSet(row.id, row.name, found, _time(row.created_at), _time(row.updated_at))


def _info(row: Any, counts: dict[str, int]) -> QuestionSetInfo:
    return QuestionSetInfo(
        id=row.id,
        name=row.name,
        created_at=_time(row.created_at),
        updated_at=_time(row.updated_at),
        evidence=counts.get("evidence", 0),
        absent=counts.get("absent", 0),
        adversarial=counts.get("adversarial", 0),
        drafts=counts.get("draft", 0),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
