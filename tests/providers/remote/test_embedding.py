"""Vectors from a provider: batches, order, checks, halving, resuming, and the ledger."""

from __future__ import annotations

import numpy as np
import pytest

from rag.errors import ProviderError, StoppedError
from rag.providers.base import Vectors
from rag.providers.embedding import EmbeddingModel, RemoteEmbedder
from tests.providers.remote.kit import Bench

TEXTS = [f"text number {i} with a few words" for i in range(10)]


def embedder(bench: Bench, step: str, *, batch: int = 4, dimension: int = 8, **more: object) -> RemoteEmbedder:
    model = EmbeddingModel(dimension) if dimension else None
    return RemoteEmbedder(bench.runner, bench.route("openai", step), model, batch_texts=batch, **more)  # type: ignore[arg-type]


def test_texts_go_out_in_batches_and_come_back_in_order(bench: Bench) -> None:
    """Batches by count, unit vectors in the order of the texts, one row a request with its items and tokens."""
    kept: list[str] = []
    done: list[int] = []
    made = embedder(bench, "ok", keep=lambda texts, vectors: kept.extend(texts)).embed_documents(
        TEXTS, on_done=done.append
    )
    assert ((10, 8), np.float32) == (made.shape, made.dtype)
    assert np.allclose(1, np.linalg.norm(made, axis=1), atol=1e-6)
    alone = embedder(bench, "ok").embed_documents([TEXTS[7]])
    assert np.allclose(made[7], alone[0], atol=1e-6)
    rows = bench.rows.of("ok")
    assert sorted([4, 4, 2, 1]) == sorted(r.items for r in rows)
    assert sum(e.input_tokens for e in bench.server.exchanges) == sum(r.usage.input_tokens for r in rows)
    assert sorted(TEXTS) == sorted(kept) and 10 == sum(done)


def test_batches_keep_the_token_limit_too(bench: Bench) -> None:
    """A request holds no more tokens than allowed, however few texts that is."""
    embedder(bench, "ok", batch=100, batch_tokens=30).embed_documents(TEXTS)
    assert all(len(e.body["input"]) <= 4 for e in bench.server.exchanges)
    assert 10 == sum(len(e.body["input"]) for e in bench.server.exchanges)


def test_rows_in_another_order_are_put_right(bench: Bench) -> None:
    """The index of each vector says where it belongs."""
    mixed, straight = (embedder(bench, step).embed_documents(TEXTS) for step in ("reorder", "ok"))
    assert np.allclose(straight, mixed, atol=1e-6)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("wrong_count", "3 vectors for 4 texts"),
        ("wrong_dimension", "vectors of 9 numbers instead of 8"),
        ("nan", "values that are no numbers"),
        ("zeros", "a vector of zeros"),
    ],
)
def test_vectors_that_cannot_be_right_are_refused(bench: Bench, step: str, words: str) -> None:
    """Nothing wrong gets into a collection; it is not asked again, which would cost the same, and what it cost is recorded."""
    with pytest.raises(ProviderError, match=words):
        embedder(bench, step).embed_documents(TEXTS[:4])
    (row,) = bench.rows.of(step)
    (exchange,) = bench.server.of(step)
    assert exchange.input_tokens == row.usage.input_tokens > 0
    assert "ok" == row.status if step == "zeros" else "failed" == row.status


def test_a_batch_that_is_refused_as_too_large_goes_in_halves(bench: Bench) -> None:
    """The provider's own limit is found by halving; later batches begin small enough."""
    one = embedder(bench, "limit?max=3", batch=10)
    assert (10, 8) == one.embed_documents(TEXTS).shape
    assert "failed" in {r.status for r in bench.rows.rows}
    before = len(bench.server.exchanges)
    one.embed_documents(TEXTS)
    assert all(e.status == 200 for e in bench.server.exchanges[before:])


def test_a_text_that_is_too_long_costs_the_others_nothing(bench: Bench) -> None:
    """What was paid before it was found is kept, none of it is paid again, and later batches are no smaller."""
    texts = [*(f"{text} again" for text in TEXTS), *TEXTS, "a word " * 200]
    kept: list[str] = []
    one = embedder(bench, "ok?chars=600", batch=21, keep=lambda done, vectors: kept.extend(done))
    for _ in range(2):
        with pytest.raises(ProviderError, match="input exceeds the context"):
            one.embed_documents([text for text in texts if text not in kept])
        assert 20 == len(kept)
    paid = [t for e in bench.server.exchanges if e.status == 200 for t in e.body["input"]]
    assert sorted(texts[:20]) == sorted(paid)
    one.embed_documents([f"{text} once more" for text in texts[:20]])
    assert 20 == len(bench.server.exchanges[-1].body["input"])


def test_what_a_half_cost_is_kept_when_the_other_fails(bench: Bench) -> None:
    """The first half is there already when the second is refused for good."""
    kept: list[str] = []
    one = embedder(bench, "limit?max=3;ok;401", batch=4, keep=lambda done, vectors: kept.extend(done))
    with pytest.raises(ProviderError, match="2 of 4 texts are embedded and kept"):
        one.embed_documents(TEXTS[:4])
    assert TEXTS[:2] == kept


def test_every_batch_under_way_learns_what_the_server_refuses(bench: Bench) -> None:
    """Several requests had the field already when the first of them was refused."""
    step = "refuse_field?field=encoding_format&s=0.2"
    made = embedder(bench, step, batch=2).embed_documents(TEXTS)
    assert np.allclose(made, embedder(bench, "ok", batch=2).embed_documents(TEXTS), atol=1e-6)
    assert "encoding_format" not in bench.server.of(step)[-1].body


def test_a_failed_batch_is_resumed_without_paying_twice(bench: Bench) -> None:
    """Batches that were done are kept and named in the sentence; the second run embeds only what is missing."""
    store: dict[str, Vectors] = {}

    def keep(texts: object, vectors: Vectors) -> None:
        store.update(zip(texts, vectors, strict=True))  # type: ignore[call-overload]

    with pytest.raises(ProviderError, match=r"of 40 texts are embedded and kept, start again to go on"):
        embedder(bench, "ok;ok;ok;401", batch=4, keep=keep).embed_documents(
            [f"{t} {i}" for i in range(4) for t in TEXTS]
        )
    assert 12 <= len(store) < 40
    missing = [t for t in (f"{t} {i}" for i in range(4) for t in TEXTS) if t not in store]
    embedder(bench, "ok", keep=keep).embed_documents(missing)
    assert 40 == len(store)
    sent = [t for e in bench.server.exchanges if e.status == 200 for t in e.body["input"]]
    assert len(sent) == len(set(sent)) == 40


def test_a_passing_fault_is_waited_out(bench: Bench) -> None:
    """Rate limits and server errors are tried again like any call, a row for each attempt."""
    made = embedder(bench, "429?retry=0.02;500;ok", batch=10).embed_documents(TEXTS)
    assert (10, 8) == made.shape
    assert ["failed", "failed", "ok"] == [r.status for r in bench.rows.rows]


def test_usage_that_is_missing_is_estimated(bench: Bench) -> None:
    """The cost is unknown then, not 0."""
    embedder(bench, "ok?usage=none").embed_documents(TEXTS[:2])
    (row,) = bench.rows.rows
    assert row.usage.estimated and row.cost_usd is None


def test_stop_keeps_what_is_done(bench: Bench) -> None:
    """Asked to stop while a request hangs for an hour, it ends; the finished batch, whichever came first, was handed over."""
    kept: list[str] = []
    with pytest.raises(StoppedError) as stopped:
        embedder(bench, "ok;slow?s=3600", keep=lambda texts, vectors: kept.extend(texts)).embed_documents(
            TEXTS, stop=lambda: bool(kept)
        )
    assert len(kept) in (2, 4) and f"{len(kept)} of 10 texts" in str(stopped.value)


def test_a_question_is_embedded_once(bench: Bench) -> None:
    """The same question again costs nothing; it has the prefix that the model wants, documents have theirs."""
    model = EmbeddingModel(8, query_prefix="query: ", document_prefix="passage: ")
    one = RemoteEmbedder(bench.runner, bench.route("openai", "ok"), model)
    assert (8,) == one.embed_query("what?").shape
    one.embed_query("what?")
    one.embed_documents(["that"])
    assert [["query: what?"], ["passage: that"]] == [e.body["input"] for e in bench.server.exchanges]


def test_an_unknown_dimension_is_asked_for(bench: Bench) -> None:
    """One vector tells it; the model is then used like any other."""
    one = embedder(bench, "ok", dimension=0)
    assert 8 == one.dimension
    assert (2, 8) == one.embed_documents(TEXTS[:2]).shape


def test_blank_and_endless_texts_do_not_spoil_a_batch(bench: Bench) -> None:
    """A provider refuses an empty text and one beyond the model's window; both are sent in a form that it takes."""
    model = EmbeddingModel(8, max_input_tokens=50)
    RemoteEmbedder(bench.runner, bench.route("openai", "ok"), model).embed_documents([" ", "word " * 5000])
    blank, long = bench.server.exchanges[0].body["input"]
    assert blank.strip() and len(long.split()) <= 50
