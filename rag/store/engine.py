"""Connections to the catalog file: WAL, foreign keys, a five second wait for locks, and errors as sentences.

Every failure of the database, on whichever connection, leaves here as a `StoreError`: there is no second place that translates.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, ExceptionContext

from rag.errors import StoreDamagedError, StoreError, StoreInUseError

BUSY_TIMEOUT_S = 5.0
PAGE_BYTES = 8192
"""Five vectors of 384 numbers fill a page of this size; of the default 4096 bytes they waste a quarter."""
_CACHE_KIB = 16 * 1024
_LEAST_FREE_BYTES = 64 * 1024


def connect(path: Path) -> Engine:
    """Return an engine for the catalog at `path`; the file is made at the first write when it is missing."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", lambda context: _translate(path, context))
    return engine


@contextmanager
def reading(engine: Engine, path: Path) -> Iterator[sqlite3.Connection]:
    """Give the driver's own connection in one read transaction, for what has to be quick; its errors leave as sentences too."""
    pooled = engine.raw_connection()
    try:
        driver = cast(sqlite3.Connection, pooled.driver_connection)
        driver.execute("BEGIN")
        try:
            yield driver
        finally:
            if driver.in_transaction:  # some errors end it
                driver.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise store_error(path, error) from error
    finally:
        pooled.close()


def _prepare(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver, so that DDL is part of them
    for pragma in (f"page_size={PAGE_BYTES}", "journal_mode=WAL", "foreign_keys=ON", f"cache_size=-{_CACHE_KIB}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """Begin a transaction; with the option `writes` take the write lock at once and flush to the disk at commit; `alone` only locks.

    Taking the lock late fails at once when another connection wrote since the first read, without any waiting.
    """
    options = connection.get_execution_options()
    writes = options.get("writes", False)
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA synchronous=FULL" if writes else "PRAGMA synchronous=NORMAL")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes or options.get("alone", False) else "BEGIN")


def _translate(path: Path, context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.IntegrityError):
        raise store_error(path, error) from error


def store_error(path: Path, error: Exception) -> StoreError:
    """Return the sentence for a failure of the catalog at `path`.

    Python 3.11 gives SQLite's own code with the error; its message is kept where the code says too little.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreInUseError(f"The catalog {path} was locked by another program for too long; try again in a moment.")
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path.parent)):
        return StoreError(f"The disk of {path.parent} is full, nothing was changed; free some space and try again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(
            f"The catalog {path} cannot be opened for writing, which searching and asking need as well (calls are counted); "
            f"check the permissions of {path.parent}, or copy it to where you may write."
        )
    return StoreError(f"The catalog {path} could not be used ({error}); check the disk, then run `rag doctor`.")


def _is_full(folder: Path) -> bool:
    """Tell whether there is no room left for what SQLite needs beside the catalog even to read it."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES
    except OSError:
        return False


def damaged(path: Path, reason: str) -> StoreDamagedError:
    """Return the error for a catalog that is not what it should be; it is never replaced by an empty one."""
    return StoreDamagedError(
        f"The catalog {path} is damaged ({reason}) and was left as it is; put back a copy of it, or move the folder "
        "away and add the documents again."
    )
