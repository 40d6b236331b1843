"""Profiles: search and answer settings under a name. Any process may keep some, as with conversations.

Stored as JSON by field name, so that versions read each other's: a field that this version does not know is passed over, one that is
missing or holds what this version does not allow takes its default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import date
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from rag.errors import ProfileError
from rag.store.documents import name_key, now
from rag.store.schema import profiles
from rag.types import GenerateOptions, Profile, SearchOptions

LONGEST_NAME = 100
O = TypeVar("O", SearchOptions, GenerateOptions)  # noqa: E741 - the options


class Profiles:
    """The profiles of one catalog."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def list(self) -> list[Profile]:
        """Return all profiles in alphabetical order."""
        with self._engine.begin() as connection:
            return [_profile(row) for row in connection.execute(sa.select(profiles).order_by(profiles.c.name_key))]

    def get(self, name: str) -> Profile:
        """Return the profile of that name; case does not count. Raises `ProfileError`."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(profiles).where(profiles.c.name_key == _key(name))).one_or_none()
        if row is None:
            raise _missing(name)
        return _profile(row)

    def default(self) -> Profile | None:
        """Return the profile that Ask takes when none is chosen; None when there is none, which means the built-in settings."""
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(profiles).where(profiles.c.is_default)).first()
        return _profile(row) if row else None

    def save(self, profile: Profile) -> Profile:
        """Keep a profile in place of any of its name. Raises `ProfileError` for a name that cannot be used.

        Saving one with `is_default` makes it the only default; without, one that was the default stays it.
        """
        name = _checked(profile.name)
        key = _key(name)
        row = {
            "name_key": key,
            "name": name,
            "search": to_json(profile.search),
            "generate": to_json(profile.generate),
            "is_default": False,
            "updated_at": now(),
        }
        kept = {column: row[column] for column in ("name", "search", "generate", "updated_at")}
        with self._writing() as connection:
            connection.execute(insert(profiles).values(row).on_conflict_do_update(["name_key"], set_=kept))
            if profile.is_default:
                _make_default(connection, key)
        return self.get(name)

    def rename(self, old: str, new: str) -> Profile:
        """Give a profile another name. Raises `ProfileError` when it is gone or the name is taken."""
        name = _checked(new)
        with self._writing() as connection:
            taken = connection.execute(sa.select(sa.exists().where(profiles.c.name_key == _key(name)))).scalar_one()
            if taken and _key(name) != _key(old):
                raise ProfileError(f"There is a profile named {name!r} already; choose another name.")
            changed = sa.update(profiles).where(profiles.c.name_key == _key(old))
            if not connection.execute(changed.values(name_key=_key(name), name=name)).rowcount:
                raise _missing(old)
        return self.get(name)

    def set_default(self, name: str | None) -> None:
        """Make a profile the one that Ask takes; None goes back to the built-in settings. Raises `ProfileError`."""
        with self._writing() as connection:
            if _make_default(connection, None if name is None else _key(name)) == 0 and name is not None:
                raise _missing(name)

    def delete(self, name: str) -> None:
        """Delete a profile; one that is gone already is fine."""
        with self._writing() as connection:
            connection.execute(sa.delete(profiles).where(profiles.c.name_key == _key(name)))

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that has the write lock from its start, so that two writers wait for one another."""
        with self._engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection


def to_json(options: SearchOptions | GenerateOptions) -> dict[str, Any]:
    """Return options as JSON can hold them, by field name."""
    return {field.name: _plain(getattr(options, field.name)) for field in fields(options)}


def from_json(kind: type[O], kept: Mapping[str, Any]) -> O:
    """Return the options that `to_json` made JSON of, also in another version; never fails."""
    options = kind()
    for field in fields(kind):
        if field.name not in kept:
            continue
        try:
            value = _restored(kept[field.name], getattr(options, field.name), str(field.type))
            options = replace(options, **{field.name: value})
        except (TypeError, ValueError):  # of a version that allows more: the default stays
            continue
    return options


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _restored(value: Any, default: Any, kind: str) -> Any:
    """Return a value as its field takes it. Raises TypeError and ValueError when it is of another kind."""
    if value is None and "None" in kind:
        return None
    if kind.startswith("date"):
        return date.fromisoformat(value)
    if isinstance(default, tuple):
        if isinstance(value, str) or not all(isinstance(part, str) for part in value):
            raise TypeError(value)
        return tuple(value)
    number = kind.startswith(("int", "float"))
    allowed = (int, float) if kind.startswith("float") else int if number else type(default)
    if not isinstance(value, allowed) or (number and isinstance(value, bool)):
        raise TypeError(value)
    return value


def _profile(row: Any) -> Profile:
    search, generate = (row.search or {}), (row.generate or {})
    return Profile(
        row.name, from_json(SearchOptions, search), from_json(GenerateOptions, generate), bool(row.is_default)
    )


def _make_default(connection: sa.Connection, key: str | None) -> int:
    """Make the profile of that key the only default; return how many were found."""
    connection.execute(sa.update(profiles).where(profiles.c.is_default).values(is_default=False))
    return connection.execute(sa.update(profiles).where(profiles.c.name_key == key).values(is_default=True)).rowcount


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise ProfileError(f"A profile needs a name of 1 to {LONGEST_NAME} characters; give it another.")
    return name


def _key(name: str) -> str:
    return name_key(" ".join(name.split()))


def _missing(name: str) -> ProfileError:
    return ProfileError(f"There is no profile named {name!r} any more; choose another.")
