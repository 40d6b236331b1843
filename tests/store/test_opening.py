"""The catalog file: made, upgraded after a copy, and never replaced when it cannot be used."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from rag.errors import StoreDamagedError, StoreError, StoreReadOnlyError
from rag.store import engine as engines
from rag.store import migrations, opening, schema
from rag.store.catalog import Catalog
from rag.store.conversations import Conversations
from rag.store.finding import find
from rag.types import ChunkOptions
from rag.usage.ledger import Ledger
from tests.store.made import assert_sound, collection, document, put, words


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A catalog of a few documents that was closed in order."""
    path = tmp_path / "data" / "catalog.sqlite3"
    catalog = Catalog.open(path)
    main = collection(catalog)
    for n in range(5):
        put(catalog, main, f"{n}.txt", words(n, 300))
    catalog.close()
    return path


def run(path: Path, statement: str) -> None:
    """Change a closed catalog behind the workbench's back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


def test_the_migrations_make_the_schema_that_the_code_uses(catalog: Catalog) -> None:
    """Tables in `schema` and tables made by the migrations never drift apart; `HEAD` is the last migration."""
    with catalog.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        differences = [d for d in compare_metadata(context, schema.metadata) if "keywords_" not in str(d)]
        assert [] == differences
        assert schema.HEAD == context.get_current_revision() == max(migrations.known())


def test_what_was_put_is_there_after_opening_again(path: Path) -> None:
    """A closed catalog is one file, and opens with all that was in it."""
    assert [path.name] == [p.name for p in path.parent.iterdir()]
    catalog = Catalog.open(path)
    assert 5 == len(catalog.documents())
    assert_sound(catalog)
    catalog.close()


def test_reading_before_anything_was_ingested_says_what_to_do(tmp_path: Path) -> None:
    """A reader makes neither folder nor file."""
    with pytest.raises(StoreError, match="run `rag ingest` first"):
        Catalog.open(tmp_path / "none" / "catalog.sqlite3", read_only=True)
    assert [] == list(tmp_path.iterdir())


def test_a_disk_without_room_is_said_to_be_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite cannot even read then, and calls it an I/O error; with room left it stays one."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    room = shutil.disk_usage(path.parent)
    monkeypatch.setattr("rag.store.engine.shutil.disk_usage", lambda _: room._replace(free=0))
    assert "is full, nothing was changed" in str(engines.store_error(path, error))
    monkeypatch.setattr("rag.store.engine.shutil.disk_usage", lambda _: room._replace(free=2**30))
    assert "disk I/O error" in str(engines.store_error(path, error))


def test_a_reader_may_only_add_usage(path: Path) -> None:
    """Documents and settings are the owner's; the ledger is everybody's."""
    catalog = Catalog.open(path, read_only=True)
    main = catalog.collection("main")
    for write in (
        lambda: catalog.set_setting("k", 1),
        lambda: catalog.delete_document(catalog.documents()[0].id),
        lambda: catalog.put_document(main.id, document("a", "b"), b"", [], None),
        lambda: catalog.create_collection(
            "x", embedding_model="", dimension=0, options=ChunkOptions(), similarity_threshold=0.5
        ),
    ):
        with pytest.raises(StoreReadOnlyError, match="for reading only"):
            write()
    assert 1 == Ledger(catalog.engine).start("search", "local", "m")
    catalog.close()


def test_a_newer_catalog_is_refused_and_left_alone(path: Path) -> None:
    """A version that does not know the schema must not write into it."""
    run(path, "UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=r"newer version.*update the workbench"):
            Catalog.open(path, read_only=read_only)
    assert before == path.read_bytes()


@pytest.fixture
def next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A migration that follows the last: the file of a step to write into."""
    folder = tmp_path / "versions"
    folder.mkdir()
    monkeypatch.setattr(opening, "HEAD", "next")
    monkeypatch.setattr(migrations, "VERSION_FOLDERS", [*migrations.VERSION_FOLDERS, folder])
    step = folder / "next.py"
    step.write_text(
        f"from alembic import op\nrevision = 'next'\ndown_revision = {schema.HEAD!r}\n"
        "def upgrade():\n    op.execute('CREATE TABLE added (x)')\n"
    )
    return step


def test_an_older_catalog_is_copied_and_brought_up_to_date(path: Path, next_step: Path) -> None:
    """The owner upgrades at opening and keeps a copy of what was; a reader asks for that."""
    with pytest.raises(StoreError, match="start the workbench once"):
        Catalog.open(path, read_only=True)

    catalog = Catalog.open(path)

    with catalog.engine.connect() as connection:
        assert 0 == connection.exec_driver_sql("SELECT count(*) FROM added").scalar_one()
    assert 5 == len(catalog.documents())
    catalog.close()
    with closing(sqlite3.connect(path.with_name(path.name + ".before-next"))) as copy:
        assert (5,) == copy.execute("SELECT count(*) FROM documents").fetchone()
        assert (schema.HEAD,) == copy.execute("SELECT version_num FROM alembic_version").fetchone()
    Catalog.open(path).close()


def test_turns_of_before_are_bound_to_the_collection_of_their_conversation(tmp_path: Path) -> None:
    """A turn that knew no collection gets the one that has the name now, and is found by its words; of a deleted one only the name stays."""
    path = tmp_path / "catalog.sqlite3"
    made_at(path, "0004")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "INSERT INTO collections (id, name, embedding_model, dimension, chunk_size_tokens, overlap_tokens,"
            " similarity_threshold, created_at, revision) VALUES ('m', 'main', '', 0, 200, 0, 0.5, '2026-01-01T00:00:00', 0)"
        )
        for name in ("main", "gone"):
            connection.execute(
                f"INSERT INTO conversations VALUES ('{name}', 'T', '{name}', '2026-01-01', '2026-01-01')"
            )
            connection.execute(
                "INSERT INTO turns (id, conversation_id, position, question, state, body, created_at, slot)"
                f" VALUES ('{name}1', '{name}', 1, 'Why?', 'complete', '{{\"text\": \"Because of {name}.\"}}', '2026-01-01', '{name}1')"
            )
    catalog = Catalog.open(path)
    turns = Conversations(catalog.engine)
    kept = [turns.turn(id) for id in ("main1", "gone1")]
    assert [("main", "m", None), ("gone", "", None)] == [(t.collection, t.collection_id, t.searched) for t in kept]
    assert ["gone"] == [found.info.id for found in find(catalog.engine, "why? BECAUSE gone.")]
    catalog.close()


def made_at(path: Path, revision: str) -> None:
    """Make a catalog as it was after that migration."""

    engine = engines.connect(path)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_an_older_catalog_learns_where_its_thresholds_are_from(tmp_path: Path) -> None:
    """What was measured is known by its measurement, what nobody set by its value; a sweep's setting that was measured at 0 says so."""
    path = tmp_path / "catalog.sqlite3"
    made_at(path, "0004")
    engine = engines.connect(path)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        rows = (
            ("guess", "a/m", 0.42, None),
            ("words", "", 0.5, None),
            ("mine", "a/m", 0.7, None),
            ("found", "a/m", 0.3, "{}"),
        )
        for name, model, threshold, calibration in rows:
            connection.exec_driver_sql(
                "INSERT INTO collections VALUES (?, ?, ?, 8, 200, 0, ?, '2026-01-01T00:00:00+00:00', 0, ?)",
                (name, name, model, threshold, calibration),
            )
        connection.exec_driver_sql(
            "INSERT INTO sweeps VALUES ('s', 'set', 'main', '{\"threshold\": null}', '2026-01-01')"
        )
        for run_id, threshold in (("zero", 0.0), ("fine", 0.4)):
            about = json.dumps({"options": {"similarity_threshold": threshold}})
            connection.exec_driver_sql(
                "INSERT INTO runs VALUES (?, 'set', 's', '', '2026-01-01', ?, x'00')", (run_id, about)
            )
    engine.dispose()
    with closing(Catalog.open(path)) as catalog, catalog.engine.connect() as connection:
        origins = dict(connection.exec_driver_sql("SELECT name, threshold_from FROM collections").all())
        notes = dict(connection.exec_driver_sql("SELECT id, json_extract(about, '$.threshold_note') FROM runs").all())
    assert {"guess": "default", "words": "default", "mine": "user", "found": "measured"} == origins
    assert notes["fine"] is None and "measured it at 0.00" in notes["zero"]


def test_a_migration_that_fails_changes_nothing(path: Path, next_step: Path) -> None:
    """Half an upgrade would be worse than none."""
    next_step.write_text(next_step.read_text() + "    raise RuntimeError('no')\n")
    with pytest.raises(StoreError, match="unchanged"):
        Catalog.open(path)
    with closing(sqlite3.connect(path)) as left:
        assert (schema.HEAD,) == left.execute("SELECT version_num FROM alembic_version").fetchone()
        assert None is left.execute("SELECT 1 FROM sqlite_schema WHERE name = 'added'").fetchone()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"This is not a database. " * 1000,
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:8192] + bytes(len(whole) - 8192),
        lambda whole: whole[: 3 * 8192] + b"\xa5" * 8192 * 8 + whole[11 * 8192 :],
    ],
    ids=["empty", "text", "cut in half", "zeroed", "pages overwritten"],
)
def test_a_damaged_catalog_is_refused_and_left_alone(path: Path, damage: object, read_only: bool) -> None:
    """One sentence names the file; nothing is created in its place."""
    broken = damage(path.read_bytes())  # type: ignore[operator]
    path.write_bytes(broken)
    with pytest.raises(StoreDamagedError, match=r"catalog\.sqlite3 is damaged .* left as it is"):
        Catalog.open(path, read_only=read_only)
    assert broken == path.read_bytes()


def test_another_programs_database_is_refused(path: Path) -> None:
    """A database that is not ours is not filled with our tables."""
    path.unlink()
    run(path, "CREATE TABLE other (x)")
    with pytest.raises(StoreDamagedError, match="not a catalog of the workbench"):
        Catalog.open(path)


@pytest.mark.parametrize("witness", ["catalog.sqlite3-wal", "chroma-first"])
def test_a_lost_catalog_is_not_replaced_by_an_empty_one(path: Path, witness: str) -> None:
    """Where an index or a log is left of it, the catalog is missing, not new."""
    path.unlink()
    (path.parent / witness).mkdir()
    with pytest.raises(StoreDamagedError, match="it is missing"):
        Catalog.open(path)
    assert not path.exists()


def test_a_start_that_was_killed_half_way_is_taken_up(tmp_path: Path) -> None:
    """What is left of making the first catalog is no damage."""
    (tmp_path / "catalog.sqlite3.new").write_bytes(b"half")
    (tmp_path / "catalog.sqlite3.new-wal").write_bytes(b"half")
    catalog = Catalog.open(tmp_path / "catalog.sqlite3")
    assert [] == catalog.documents()
    catalog.close()


def test_flipped_bytes_are_noticed_or_harmless(path: Path) -> None:
    """Any single byte changed in the file either leaves it usable or gives a sentence, never another kind of error."""
    whole = path.read_bytes()
    refused = 0
    for at in [*range(16, 100, 7), *range(100, len(whole), len(whole) // 60)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            with closing(Catalog.open(path)) as catalog:
                catalog.problems()
                catalog.documents()
        except StoreError:
            refused += 1
    assert refused


def test_a_folder_that_cannot_be_made_gives_a_sentence(tmp_path: Path) -> None:
    """A file where the folder should be is told, with the way to choose another."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="choose another with RAG_DATA_DIR"):
        Catalog.open(tmp_path / "file" / "data" / "catalog.sqlite3")


def test_a_full_disk_changes_nothing(path: Path) -> None:
    """The sentence says that the disk is full; what was there stays, and deleting still works."""
    catalog = Catalog.open(path)
    main = catalog.collection("main")
    with catalog.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    # The pool hands out one connection to one thread: the limit holds for the put below.
    with catalog.engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="is full, nothing was changed"):
        put(catalog, main, "big.txt", words(99, 9000))
    assert 5 == len(catalog.documents())
    catalog.delete_document(catalog.documents()[0].id)
    assert_sound(catalog)
    catalog.close()
