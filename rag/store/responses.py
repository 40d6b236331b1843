"""Answers given before, in a SQLite file of their own: a cache that anybody may delete, and that is never part of the truth.

JSON only, so that a file from elsewhere can hold nothing that runs. An answer leaves when its time is over or when there are too many.
A file that cannot be read is an empty cache, not an error.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from rag.errors import StoreError
from rag.store.engine import connect

log = logging.getLogger(__name__)

FILE_NAME: Final = "responses.sqlite3"
MOST_ENTRIES: Final = 5000

_metadata = sa.MetaData()
_responses = sa.Table(
    "responses",
    _metadata,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False, index=True),
)


class Responses:
    """A store of answers by key. Safe from any thread; several processes may share the file."""

    def __init__(self, path: Path, *, most: int = MOST_ENTRIES, clock: Callable[[], float] = time.time) -> None:
        """Nothing is opened or made before the first use."""
        self._path, self._most, self._clock = path, most, clock
        self._engine: Engine | None = None
        self._lock = threading.Lock()

    def get(self, key: str) -> dict[str, Any] | None:
        """Return the answer under `key`, None when there is none, it is too old, or the file cannot be read."""
        if not self._path.exists():
            return None
        query = sa.select(_responses.c.value).where(_responses.c.key == key, _responses.c.expires_at > self._clock())
        try:
            with self._opened().connect() as connection:
                text = connection.execute(query).scalar_one_or_none()
            value = json.loads(text) if text else None
        except (StoreError, ValueError) as error:
            log.warning("the response cache %s cannot be read: %s", self._path, error)
            return None
        return value if isinstance(value, dict) else None

    def put(self, key: str, value: dict[str, Any], *, ttl_s: float) -> None:
        """Keep an answer for `ttl_s` seconds in place of any other under `key`. Raises `StoreError`."""
        now = self._clock()
        row = {"key": key, "value": json.dumps(value), "expires_at": now + ttl_s}
        with self._opened().begin() as connection:
            connection.execute(
                sa.delete(_responses).where((_responses.c.key == key) | (_responses.c.expires_at <= now))
            )
            connection.execute(sa.insert(_responses).values(row))
            kept = sa.select(_responses.c.key).order_by(_responses.c.expires_at.desc()).limit(self._most)
            connection.execute(sa.delete(_responses).where(_responses.c.key.not_in(kept)))

    def clear(self) -> None:
        """Forget every answer."""
        if self._path.exists():
            with self._opened().begin() as connection:
                connection.execute(sa.delete(_responses))

    def close(self) -> None:
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def _opened(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                engine = connect(self._path)
                _metadata.create_all(engine)
                self._engine = engine
            return self._engine
