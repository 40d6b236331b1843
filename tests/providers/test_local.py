"""What all-MiniLM-L6-v2 on onnxruntime promises: the published vectors, whatever stands beside a text."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from rag.errors import StoppedError
from rag.providers import local, local_model_problem
from rag.providers.base import Vectors
from rag.providers.local import LocalEmbedder

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
pytestmark = pytest.mark.skipif(bool(local_model_problem()), reason="the embedding model's package is not installed")


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.fixture(scope="module")
def texts() -> list[str]:
    loaded: list[str] = json.loads((FIXTURES / "minilm_texts.json").read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def reference() -> Vectors:
    """Vectors of `texts` by sentence-transformers; made by bench/minilm_reference.py."""
    loaded: Vectors = np.load(FIXTURES / "minilm_vectors.npy", allow_pickle=False)
    return loaded


def words(count: int) -> list[str]:
    """Words that are one token each."""
    return [("time", "people", "water", "house", "money")[n % 5] for n in range(count)]


def test_vectors_are_those_of_sentence_transformers(
    embedder: LocalEmbedder, texts: list[str], reference: Vectors
) -> None:
    """Every vector of a document, and of a question, has a cosine of at least 0.9999 to the reference."""
    documents = embedder.embed_documents(texts)
    questions = np.stack([embedder.embed_query(text) for text in texts])
    assert np.sum(documents * reference, axis=1).min() >= 0.9999
    assert np.sum(questions * reference, axis=1).min() >= 0.9999


def test_vectors_are_float32_of_unit_length(embedder: LocalEmbedder, texts: list[str]) -> None:
    """A vector a text, in order, float32, length 1, even for blank texts."""
    vectors = embedder.embed_documents(texts)
    assert (vectors.shape, vectors.dtype) == ((len(texts), embedder.dimension), np.dtype(np.float32))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed_query("records").shape == (embedder.dimension,)


def test_no_texts_have_no_vectors(embedder: LocalEmbedder) -> None:
    """Nothing to embed is an empty array of the right width, not an error."""
    assert embedder.embed_documents([]).shape == (0, embedder.dimension)


@pytest.mark.parametrize("position", [130, 200, 253])
def test_text_within_256_tokens_is_read(embedder: LocalEmbedder, position: int) -> None:
    """A change anywhere before the 255th word changes the vector (the model's two marks complete the 256)."""
    before = words(254)
    after = [*before[:position], "dinosaur", *before[position + 1 :]]
    first, second = embedder.embed_documents([" ".join(before), " ".join(after)])
    assert float(first @ second) < 0.9999


def test_text_beyond_256_tokens_is_not_read(embedder: LocalEmbedder) -> None:
    """A change behind the 256th token leaves the vector as it was: the model was made for 256."""
    first, second = embedder.embed_documents([" ".join(words(256)), " ".join([*words(256), "dinosaur", "bones"])])
    np.testing.assert_array_equal(first, second)


def test_a_vector_does_not_depend_on_the_other_texts(embedder: LocalEmbedder, texts: list[str]) -> None:
    """Alone, beside others, in another order: the same vector to the last printed digit."""
    together = embedder.embed_documents(texts)
    reverse = embedder.embed_documents(texts[::-1])[::-1]
    alone = np.stack([embedder.embed_documents([text])[0] for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-6)
    np.testing.assert_allclose(together, reverse, atol=1e-6)


def test_more_texts_than_one_window_stay_in_order(embedder: LocalEmbedder) -> None:
    """Texts are embedded sorted by length and in windows, and still come back in the order they were given."""
    texts = [f"number {n} " + "and more " * (n % 7) for n in range(local.WINDOW_TEXTS + 40)]
    vectors = embedder.embed_documents(texts)
    for row in (0, 6, local.WINDOW_TEXTS - 1, local.WINDOW_TEXTS, len(texts) - 1):
        np.testing.assert_allclose(vectors[row], embedder.embed_query(texts[row]), atol=1e-6)


def test_progress_counts_every_text_in_the_callers_thread(embedder: LocalEmbedder) -> None:
    """`on_done` hears increments that add up to the number of texts, in the thread that asked."""
    heard: list[tuple[int, int]] = []
    embedder.embed_documents(["one two three " * 20] * 300, on_done=lambda n: heard.append((n, threading.get_ident())))
    assert sum(n for n, _ in heard) == 300
    assert len(heard) > 20
    assert {thread for _, thread in heard} == {threading.get_ident()}


def test_stop_is_heard_after_a_batch(embedder: LocalEmbedder) -> None:
    """Stop ends the work within a few batches, not after all of the texts."""
    done: list[int] = []
    with pytest.raises(StoppedError):
        embedder.embed_documents([" ".join(words(200))] * 200, on_done=done.append, stop=lambda: bool(done))
    assert sum(done) <= 10


def test_stop_takes_well_under_a_second(embedder: LocalEmbedder) -> None:
    """Work queued behind a stop is dropped, so that the caller has its thread back at once."""
    asked: list[float] = []

    def stop() -> bool:
        asked.append(time.process_time())
        return True

    with pytest.raises(StoppedError):
        embedder.embed_documents([" ".join(words(250))] * 200, stop=stop)
    assert time.process_time() - asked[0] < 1


def test_an_error_of_the_caller_comes_through(embedder: LocalEmbedder) -> None:
    """What `on_done` raises reaches the caller unchanged."""

    def fail(_: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        embedder.embed_documents(["a", "b"], on_done=fail)


def test_many_threads_share_one_embedder(texts: list[str], reference: Vectors) -> None:
    """Threads that all ask at the first use get the right vectors each."""
    shared = LocalEmbedder(workers=2)
    with ThreadPoolExecutor(6) as pool:
        for vectors in pool.map(shared.embed_documents, [texts] * 6):
            assert np.sum(vectors * reference, axis=1).min() >= 0.9999


@pytest.mark.parametrize("workers", [1, 3])
def test_the_number_of_workers_changes_no_vector(embedder: LocalEmbedder, texts: list[str], workers: int) -> None:
    """Workers are for speed alone."""
    other = LocalEmbedder(workers=workers)
    np.testing.assert_array_equal(other.embed_documents(texts), embedder.embed_documents(texts))


def test_token_spans_are_exact_and_never_cut_off(embedder: LocalEmbedder) -> None:
    """Every token has its place in the text, far beyond what the model reads, and in front of it no mark is counted."""
    text = " ".join(words(1000))
    spans = embedder.token_spans(text)
    assert [text[start:end] for start, end in spans] == words(1000)


def test_token_spans_count_characters_not_bytes(embedder: LocalEmbedder) -> None:
    """Offsets are characters of the text as given, whatever the tokenizer normalises."""
    text = "Größe\u00ad 東京 🙂 naïve\x00"
    spans = embedder.token_spans(text)
    assert text[slice(*spans[0])].startswith("Gr")
    assert [span for span in spans if text[slice(*span)] in "東京"] == [(7, 8), (8, 9)]
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert embedder.token_spans("") == []


def test_lone_surrogates_neither_fail_nor_shift_offsets(embedder: LocalEmbedder) -> None:
    """A character that no encoding can hold counts as one character and is no reason to fail."""
    text = "before \ud800 after"
    assert [text[start:end] for start, end in embedder.token_spans(text)] == ["before", "\ud800", "after"]
    assert embedder.embed_query(text).shape == (embedder.dimension,)


def test_fallback_counts_about_as_many_tokens(embedder: LocalEmbedder, texts: list[str]) -> None:
    """Without the model, chunk sizes stay within a tenth of what they would be with it."""
    text = texts[-1]
    spans = local.fallback_token_spans(text)
    assert len(spans) == pytest.approx(len(embedder.token_spans(text)), rel=0.1)
    assert "".join(text[start:end] for start, end in spans) == "".join(text.split())
