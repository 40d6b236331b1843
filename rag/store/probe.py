"""A look at an index from a process of its own, because damaged index files can crash the process that reads them.

Run as `python -m rag.store.probe CATALOG FOLDER`, it writes a JSON list of sentences about what is wrong.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from rag.errors import RagError
from rag.store.catalog import Catalog

_TIMEOUT_S = 60.0
_CHUNKS_PER_S = 500
"""Far below what reading back takes; a damaged store can also hang for good."""


def probe(catalog: Catalog, folder: Path) -> tuple[str, ...]:
    """Return what is wrong with the index in `folder`, found by a child process; nothing else may have it open."""
    chunks = sum(collection.chunks for collection in catalog.collections())
    path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    try:
        done = subprocess.run(
            [sys.executable, "-m", "rag.store.probe", str(catalog.path), str(folder)],
            capture_output=True,
            timeout=_TIMEOUT_S + chunks / _CHUNKS_PER_S,
            env={**os.environ, "PYTHONPATH": path, "RAG_CRASH_AT": ""},
        )
    except subprocess.TimeoutExpired:
        return ("The index does not answer.",)
    if done.returncode != 0:
        return (f"Reading the index failed with code {done.returncode}.",)
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def look(catalog: Catalog, folder: Path) -> list[str]:
    """Return what is wrong with the index in `folder`: every vector is read, and a sample is searched for.

    What the catalog knows to be missing is not wrong.
    """
    from rag.store.chroma import ChromaIndex
    from rag.store.sync import missing_from

    problems = []
    index = ChromaIndex(folder)
    try:
        for collection in catalog.collections():
            held = set(index.ids(collection.id))
            table = catalog.vectors(collection.id)
            pending = set(catalog.pending(collection.id))
            due = [i for i, document in enumerate(table.document_ids) if document not in pending]
            ids = [table.chunk_ids[i] for i in due]
            lost = len(set(ids) - held)
            lost += missing_from(index, collection.id, ids, table.matrix[due]) if not lost else 0
            extra = held.difference(table.chunk_ids, catalog.removals(collection.id))
            if lost or extra:
                problems.append(f"Collection {collection.name!r} lacks {lost} vectors and has {len(extra)} too many.")
    finally:
        index.close()
    return problems


def main() -> None:
    catalog = Catalog.open(Path(sys.argv[1]), read_only=True)
    try:
        problems = look(catalog, Path(sys.argv[2]))
    except RagError as error:
        problems = [str(error)]
    sys.stdout.write(json.dumps(problems) + "\n")
    sys.stdout.flush()
    # Without the interpreter's orderly end: what a damaged index does to it on the way out says nothing.
    os._exit(0)


if __name__ == "__main__":
    main()
