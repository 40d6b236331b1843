"""What the provider layer adds to the bare SDKs, against the same local server in another process.

    python bench/providers.py [--rounds N]

Rounds of the bare SDK and of ours take turns in one run. Ours includes what the product does around a call: limiter, price, budget, a row in a
SQLite ledger before and after. Only the differences and ratios mean anything on a machine that does other work.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rag.providers.attempts import Job  # noqa: E402
from rag.providers.books import Books  # noqa: E402 - the path is set above
from rag.providers.calls import Call  # noqa: E402
from rag.providers.config import make_config  # noqa: E402
from rag.providers.gateway import make_adapter, make_route  # noqa: E402
from rag.providers.keys import Key  # noqa: E402
from rag.providers.messages import Message, Request  # noqa: E402
from rag.providers.prices import PriceBook  # noqa: E402
from rag.providers.runner import Runner  # noqa: E402
from rag.store.catalog import Catalog  # noqa: E402
from rag.types import TextEvent  # noqa: E402
from rag.usage.budgets import Budgets  # noqa: E402
from rag.usage.ledger import Ledger  # noqa: E402

CHUNKS = 200
KEY = "sk-bench-0000000000000000"


class Ours:
    def __init__(self, urls: dict[str, str], folder: Path) -> None:
        self._catalog = Catalog.open(folder / "catalog.sqlite3")
        ledger = Ledger(self._catalog.engine)
        self.runner = Runner(Books(ledger, PriceBook(), Budgets(ledger, self._catalog).allow))
        self._configs = {kind: make_config(kind, kind, base_url=url) for kind, url in urls.items()}
        self._adapters = {kind: make_adapter(c, Key(KEY, "session")) for kind, c in self._configs.items()}

    def job(self, kind: str, model: str) -> Job:
        route = make_route(self._configs[kind], model, self._adapters[kind], Key(KEY, "session"))
        return Job(Request(f"{kind}/{model}", (Message("user", "What does it say?"),)), (route,))

    def start(self, kind: str, model: str) -> Call:
        return self.runner.start(self.job(kind, model))


@contextmanager
def server() -> Iterator[dict[str, str]]:
    command = [sys.executable, "-m", "tests.faultserver"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        openai_url, anthropic_url = process.stdout.readline().split()
        yield {"openai": openai_url, "anthropic": anthropic_url}


def bare_clients(urls: dict[str, str]) -> dict[str, Callable[[str], Iterator[str]]]:
    """Return one function a vendor that streams text as a tutorial would."""
    import anthropic
    import openai

    one = openai.OpenAI(api_key=KEY, base_url=urls["openai"], max_retries=0)
    two = anthropic.Anthropic(api_key=KEY, base_url=urls["anthropic"], max_retries=0)
    question: Any = [{"role": "user", "content": "What does it say?"}]

    def ask_openai(model: str) -> Iterator[str]:
        options: Any = {"include_usage": True}
        with one.chat.completions.create(model=model, messages=question, stream=True, stream_options=options) as stream:
            for chunk in stream:
                if chunk.choices and chunk.choices[0].delta.content:
                    yield chunk.choices[0].delta.content

    def ask_anthropic(model: str) -> Iterator[str]:
        with two.messages.create(model=model, messages=question, max_tokens=4096, stream=True) as stream:
            for event in stream:
                if event.type == "content_block_delta" and event.delta.type == "text_delta":
                    yield event.delta.text

    return {"openai": ask_openai, "anthropic": ask_anthropic}


def texts(call: Call) -> Iterator[str]:
    return (e.text for e in call if isinstance(e, TextEvent))


def first_and_rest(pieces: Callable[[], Iterator[str]]) -> tuple[float, float]:
    """Return (ms to the first text, ms per further piece)."""
    began = time.perf_counter()
    stream = pieces()
    next(stream)
    first = time.perf_counter()
    count = sum(1 for _ in stream)
    return (first - began) * 1000, (time.perf_counter() - first) * 1000 / max(1, count)


def overhead(ours: Ours, urls: dict[str, str], rounds: int) -> None:
    bare = bare_clients(urls)
    for kind in urls:
        model = f"ok?n={CHUNKS}"
        times: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
        for _ in range(rounds + 2):
            times["bare"].append(first_and_rest(lambda k=kind, m=model: bare[k](m)))  # type: ignore[misc]
            times["ours"].append(first_and_rest(lambda k=kind, m=model: texts(ours.start(k, m))))  # type: ignore[misc]
        (bare_first, bare_chunk), (our_first, our_chunk) = (
            [statistics.median(t[i] for t in times[who][2:]) for i in (0, 1)] for who in ("bare", "ours")
        )
        print(
            f"{kind:10} first token   bare {bare_first:6.2f} ms   ours {our_first:6.2f} ms   added {our_first - bare_first:+6.2f} ms   (aim ≤ 10)"
        )
        print(
            f"{'':10} per chunk     bare {bare_chunk:6.3f} ms   ours {our_chunk:6.3f} ms   added {our_chunk - bare_chunk:+6.3f} ms   (aim ≤ 0.5)"
        )


def stopping(ours: Ours, rounds: int) -> None:
    for step in ("slow?s=20", "stall?s=20&after=20"):
        waits = []
        for _ in range(rounds):
            call = ours.start("openai", step)
            reader = threading.Thread(target=lambda c=call: list(c))  # type: ignore[misc]
            reader.start()
            time.sleep(0.1)
            began = time.perf_counter()
            call.stop()
            reader.join()
            waits.append((time.perf_counter() - began) * 1000)
        what = "before the first byte" if step.startswith("slow") else "in mid-stream"
        print(f"stop {what:22} median {statistics.median(waits):5.1f} ms   most {max(waits):5.1f} ms   (aim ≤ 100)")


def fluidity(ours: Ours) -> None:
    gaps: list[float] = []

    def read(number: int) -> None:
        before = None
        for _ in texts(ours.start("openai" if number % 2 else "anthropic", f"ok?n=150&delay=0.02&i={number}")):
            now = time.perf_counter()
            if before is not None:
                gaps.append((now - before) * 1000)
            before = now

    threads = [threading.Thread(target=read, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gaps.sort()
    p95 = gaps[int(len(gaps) * 0.95)]
    print(
        f"8 streams at once, a chunk every 20 ms: gap median {statistics.median(gaps):.0f} ms, p95 {p95:.0f} ms, most {gaps[-1]:.0f} ms   (aim p95 ≤ 250)"
    )


def parallel(ours: Ours) -> None:
    def jobs() -> list[Job]:
        return [ours.job("openai", f"slow?s=0.5&n=5&i={i}") for i in range(20)]

    began = time.perf_counter()
    for job in jobs():
        ours.runner.start(job).wait()
    alone = time.perf_counter() - began
    began = time.perf_counter()
    ours.runner.map(jobs())
    together = time.perf_counter() - began
    print(
        f"20 calls of 0.5 s: one after another {alone:.1f} s, side by side {together:.2f} s: {alone / together:.1f}× faster   (aim ≥ 8×)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    with server() as urls, tempfile.TemporaryDirectory() as folder:
        ours = Ours(urls, Path(folder))
        overhead(ours, urls, rounds)
        stopping(ours, max(5, rounds // 2))
        fluidity(ours)
        parallel(ours)


if __name__ == "__main__":
    main()
