"""Opening the catalog file: make it, bring it to the newest schema, or say in one sentence why it cannot be used.

A damaged or missing file is never replaced by an empty one: what looks like an empty library would be lost work.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy.engine import Engine

from rag.errors import RagError, StoreError
from rag.store import engine as engines
from rag.store import migrations
from rag.store.schema import HEAD

INDEX_PREFIX = "chroma-"
"""Folders of the index are named so; one of them beside a missing catalog means that the catalog was lost."""
_CHECKED_BYTES = 64 * 1024 * 1024
"""Catalogs up to this size are checked page by page at every start, which takes less than 0.1 s; `rag doctor` checks any."""


def open_existing(path: Path, *, migrate: bool) -> Engine:
    """Return an engine for the catalog at `path`, with its schema checked and, if wanted, brought to the newest."""
    if not path.exists():
        raise StoreError(f"Nothing has been ingested in {path.parent} yet; run `rag ingest` first.")
    _check_file(path)
    version = _version(path)
    if version != HEAD:
        _upgrade(path, version, migrate)
    return engines.connect(path)


def open_or_create(path: Path) -> Engine:
    """Return an engine for the catalog at `path`, made when there is none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _create(path)
    except OSError as error:
        raise StoreError(
            f"The data folder {path.parent} cannot be used ({error.strerror}); choose another with RAG_DATA_DIR or --data."
        ) from error
    return open_existing(path, migrate=True)


def _create(path: Path) -> None:
    """Make a catalog under another name and move it into place, so that a file half made is never taken for a damaged one."""
    left_over = [p.name for p in path.parent.glob(f"{path.name}-wal")] + [
        p.name for p in path.parent.glob(f"{INDEX_PREFIX}*")
    ]
    if left_over:
        raise engines.damaged(path, f"it is missing, but {left_over[0]} is there")
    fresh = path.with_name(path.name + ".new")
    for old in path.parent.glob(f"{fresh.name}*"):
        old.unlink()
    _migrate(fresh)
    fresh.rename(path)


def _migrate(path: Path) -> None:
    engine = engines.connect(path)
    try:
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            migrations.upgrade(connection)
    finally:
        engine.dispose()  # the last connection to close moves the WAL into the file


def _upgrade(path: Path, version: str, migrate: bool) -> None:
    if version not in migrations.known():
        raise StoreError(
            f"The catalog {path} was made by a newer version of the workbench (schema {version}); update the workbench to open it."
        )
    if not migrate:
        raise StoreError(
            f"The catalog {path} is from an older version; start the workbench once to bring it up to date."
        )
    _back_up(path, path.with_name(f"{path.name}.before-{HEAD}"))
    try:
        _migrate(path)
    except RagError:
        raise
    except Exception as error:
        raise StoreError(
            f"The catalog {path} could not be brought to schema {HEAD} ({error}) and is unchanged; report this and go on with "
            "the version you had."
        ) from error


def _back_up(path: Path, copy: Path) -> None:
    """Copy a catalog as it is, changes that still stand in its WAL included."""
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        raise engines.store_error(path, error) from error


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise StoreError(f"The catalog {path} cannot be read ({error.strerror}); check its permissions.") from error
    if start != b"SQLite format 3\0":
        raise engines.damaged(path, "it is empty" if not start else "it is not a database")


def _version(path: Path) -> str:
    """Return the migration that the catalog is at, after a look at its pages."""
    try:
        with closing(sqlite3.connect(path, timeout=engines.BUSY_TIMEOUT_S)) as connection:
            if path.stat().st_size <= _CHECKED_BYTES:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
                if found != "ok":
                    raise engines.damaged(path, str(found).splitlines()[-1])
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            raise engines.damaged(path, "it is not a catalog of the workbench") from error
        raise engines.store_error(path, error) from error
    except sqlite3.DatabaseError as error:
        raise engines.store_error(path, error) from error
    except UnicodeDecodeError as error:  # SQLite's own message quotes the damaged bytes
        raise engines.damaged(path, "its schema is not readable") from error
    if row is None:
        raise engines.damaged(path, "it does not say which version made it")
    return str(row[0])
