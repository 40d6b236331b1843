"""Kill a process that changes a data folder at every point where that could hurt, and look at what it leaves.

Run by `test_crash.py` in a process of its own, which loads everything once and then forks for every crash: a fork costs a
millisecond where a fresh start costs two seconds. Prints one line of JSON.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import chromadb.api.rust  # noqa: F401  # so that no fork has to import it

from rag.store import crash, sync
from rag.store.catalog import Catalog
from rag.store.chroma import ChromaIndex
from rag.store.lock import DataLock
from rag.store.probe import look
from tests.store.made import assert_agree, assert_sound, collection, put, words

LANES = 2
"""Points that are walked at the same time."""
State = dict[str, dict[str, int]]
"""Name of the collection -> name of the document -> seed of its words; "" is the whole library."""
Step = Callable[[Catalog], object]


def _id(catalog: Catalog, into: str, name: str) -> str:
    found = catalog.find_document(catalog.collection(into).id, name)
    assert found is not None
    return found


def _put(into: str, name: str, seed: int, replaces: bool = False) -> Step:
    def step(catalog: Catalog) -> None:
        old = _id(catalog, into, name) if replaces else None
        put(catalog, catalog.collection(into), name, f"seed {seed} " + words(seed), replaces=old)

    return step


STEPS: list[Step] = [
    _put("main", "first", 11, replaces=True),
    lambda catalog: catalog.delete_document(_id(catalog, "main", "first")),
    lambda catalog: collection(catalog, "brief"),
    _put("brief", "second", 2),
    lambda catalog: catalog.delete_collection("brief"),
]


def prepare(folder: Path) -> None:
    """Make a data folder with two collections whose index is up to date."""
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        collection(catalog), collection(catalog, "other")
        for step in (_put("main", "first", 1), _put("main", "second", 2), _put("other", "other", 3)):
            step(catalog)
        sync.rebuild(catalog, folder)


def state(catalog: Catalog) -> State:
    """Return what the catalog holds, read from the words of its documents."""

    def held(collection_id: str | None) -> dict[str, int]:
        return {d.name: int(catalog.document(d.id).text.split()[1]) for d in catalog.documents(collection_id)}

    return {"": held(None), **{c.name: held(c.id) for c in catalog.collections()}}


def run(folder: Path) -> None:
    """Take all steps as the owner of the folder does, and rebuild the index."""
    lock = DataLock(folder)
    lock.acquire()
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        with closing(ChromaIndex(sync.index_folder(catalog, folder))) as index:
            take_steps(catalog, index, 0)
        sync.rebuild(catalog, folder)
    lock.release()


def take_steps(catalog: Catalog, index: ChromaIndex, first: int) -> None:
    """Take the steps from `first` on, with the index brought up to date after each; note each step that is done."""
    for number, step in enumerate(STEPS[first:], first):
        step(catalog)
        (catalog.path.parent / "done").write_text(str(number + 1))
        sync_all(catalog, index)


def sync_all(catalog: Catalog, index: ChromaIndex) -> None:
    for into in catalog.collections():
        sync.sync(catalog, index, into.id)


def examine(folder: Path, states: list[State]) -> None:
    """Assert that everything done is there, the step in between is there wholly or not at all, the index is right after the next
    sync, and the rest of the work goes on to the same end."""
    lock = DataLock(folder)
    lock.acquire()
    done = int((folder / "done").read_text() or 0) if (folder / "done").exists() else 0
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        assert_sound(catalog)
        found = state(catalog)
        reached = done if found == states[done] else done + 1
        assert found == states[min(reached, len(STEPS))], f"after step {done}: {found}"
        with closing(ChromaIndex(sync.index_folder(catalog, folder))) as index:
            sync_all(catalog, index)
            assert_agree(catalog, index)
            take_steps(catalog, index, reached)
            assert_agree(catalog, index)
            assert set(index.collections()) <= {c.id for c in catalog.collections()}
        assert states[-1] == state(catalog)
        assert_sound(catalog)


def forked(work: Callable[[], object]) -> int:
    """Run `work` in a fork and return how it ended: 0, or minus the signal that killed it."""
    return ended(started(work))


def started(work: Callable[[], object]) -> int:
    """Start `work` in a fork and return its process id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:  # a fork must never return into the parent's code
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def expected_states(folder: Path) -> list[State]:
    """Return the state before the first step and after each."""
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        states = [state(catalog)]
        for step in STEPS:
            step(catalog)
            states.append(state(catalog))
        return states


def walk(root: Path) -> dict[str, object]:
    """Crash at point 1, 2, … until the steps are through; return the number of points and where something did not hold."""
    assert 0 == forked(lambda: prepare(root / "base"))
    states = expected_states(shutil.copytree(root / "base", root / "states"))
    walkers = [started(lambda lane=lane: walk_lane(root, states, lane)) for lane in range(LANES)]  # type: ignore[misc]
    assert [0] * LANES == [ended(walker) for walker in walkers]
    reports = [json.loads((root / f"report {lane}").read_text()) for lane in range(LANES)]
    return {
        "points": min(report["through"] for report in reports) - 1,
        "failed": sorted(number for report in reports for number in report["failed"]),
    }


def walk_lane(root: Path, states: list[State], lane: int) -> None:
    """Walk every point of one lane; write down the first number at which the steps were through, and where something did not hold."""
    failed: list[int] = []
    for number in itertools.count(lane + 1, LANES):
        folder = shutil.copytree(root / "base", root / f"lane {lane}")

        def crashing(folder: Path = folder, number: int = number) -> None:
            crash.arm(number)
            run(folder)

        code = forked(crashing)
        if code > 0 or forked(lambda folder=folder: examine(folder, states)):  # type: ignore[misc]
            sys.stderr.write(f"… at point {number}\n")
            failed.append(number)
        shutil.rmtree(folder)
        if code != -signal.SIGKILL:
            (root / f"report {lane}").write_text(json.dumps({"through": number, "failed": failed}))
            return


def churn(folder: Path, seed: int) -> None:
    """Put and delete documents, large ones among them, for ever; note what is in."""
    rng = random.Random(seed)
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        main = catalog.collection("main")
        index = ChromaIndex(sync.index_folder(catalog, folder))
        while True:
            name, size = f"churn {rng.randrange(4)}", rng.choice([20, 500, 9000])
            put(
                catalog,
                main,
                name,
                f"seed {size} " + words(rng.randrange(9), size),
                replaces=catalog.find_document(main.id, name),
            )
            (folder / "acknowledged").write_text(name)
            sync.sync(catalog, index, main.id)
            if rng.random() < 0.3:
                catalog.delete_document(_id(catalog, "main", name))


def recover(folder: Path) -> None:
    """Open the folder as the next start would, and assert that nothing is wrong in the end."""
    with closing(Catalog.open(folder / "catalog.sqlite3")) as catalog:
        assert_sound(catalog)
        main = catalog.collection("main")
        # What `sync.repair_after_crash` does, with a fork for its child process.
        if forked(lambda: _look(folder)):
            sync.start_over(catalog, folder)
        with closing(ChromaIndex(sync.index_folder(catalog, folder))) as index:
            sync.sync(catalog, index, main.id)
            assert sync.check(catalog, index, main).ok
            assert sorted(catalog.vectors(main.id).chunk_ids) == sorted(index.ids(main.id))


def _look(folder: Path) -> None:
    """Fail when the index must be started over."""
    with closing(Catalog.open(folder / "catalog.sqlite3", read_only=True)) as catalog:
        assert [] == look(catalog, sync.index_folder(catalog, folder))


def kill_at_random(root: Path, times: int) -> dict[str, object]:
    """Kill a busy process at random moments, again and again on the same folder; return how often something did not hold."""
    assert 0 == forked(lambda: prepare(root / "data"))
    rng, failed = random.Random(20261120), []
    for number in range(times):
        child = started(lambda number=number: churn(root / "data", number))  # type: ignore[misc]
        time.sleep(rng.uniform(0.1, 1.5))
        os.kill(child, signal.SIGKILL)
        ended(child)
        if forked(lambda: recover(root / "data")):
            failed.append(number)
    return {"kills": times, "failed": failed}


if __name__ == "__main__":
    what, where = sys.argv[1], Path(sys.argv[2])
    print(json.dumps(walk(where) if what == "walk" else kill_at_random(where, int(sys.argv[3]))))  # noqa: T201  # its result
