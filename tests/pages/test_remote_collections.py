"""Collections whose vectors a provider makes: the cost before, the build, what fails and goes on, and what is measured at its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.faultserver import FaultServer
from tests.waiting import until

Visit = Callable[..., Any]
SLOW = "ok;ok;slow?s=60;ok"
TOO_LONG = "ok;ok;context;context;context;context;context;ok"
"""The dimension, a document, one that is refused down to its single texts, and the rest."""


@pytest.fixture
def page(visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Collections page over the samples, with a provider of embedding models."""
    monkeypatch.setenv("FAULT_KEY", "sk-test-0123456789abcd")
    page = visit_with_samples("embedding")
    gateway = page.bench.gateway
    models = dict.fromkeys(("ok", "unpriced;ok", "ok;ok;401;ok", TOO_LONG, SLOW), 0)
    prices = {"ok": {"input": 10.0}}
    gateway.book.add(
        gateway.configure(
            "fault", base_url=server.openai_url, key_env="FAULT_KEY", embedding_models=models, prices=prices
        )
    )
    gateway.book.add(
        gateway.configure("mine", base_url=server.openai_url, key_env="NO_KEY", embedding_models={"ok": 8})
    )
    return page.run()


def choose(page: Any, model: str) -> Any:
    next(s for s in page.test.selectbox if s.label == "Embedding model").set_value(model)
    return page.run()


def build(page: Any, model: str, name: str = "remote") -> Any:
    choose(page, model)
    next(t for t in page.test.text_input if t.label == "Name").set_value(name)
    return page.press("Build").finish("build")


def sent(server: FaultServer) -> list[str]:
    """Return the texts that were embedded and paid."""
    return [text for e in server.exchanges if e.status == 200 for text in e.body.get("input", [])]


def test_tokens_and_cost_are_said_before(page: Any, server: FaultServer) -> None:
    """The local model is free, a price that is known is an amount, an unknown one is said to be unknown; nobody was asked for it."""
    assert "Embedded on this machine: free" in page.drawn("build.cost")
    said = choose(page, "fault/ok").drawn("build.cost")
    assert "The text of 3 documents goes to fault/ok, with about" in said and "tokens, about $0.0" in said
    assert "short texts that measure the threshold" in said
    assert "price unknown, so it counts in no budget" in choose(page, "fault/unpriced;ok").drawn("build.cost")
    assert [] == server.exchanges


def test_the_estimate_is_near_what_is_sent(page: Any, server: FaultServer) -> None:
    """Within a quarter of the tokens that really go out: of the chunks, and of what measures the threshold."""
    import rag
    from rag.providers.tokens import estimate

    ids = [d.id for d in page.bench.catalog.documents()]
    said = rag.ingestion.estimate_embedding(page.bench, "fault/ok", rag.ChunkOptions(), ids)
    build(page, "fault/ok")
    chunks = [c.text for d in ids for c in page.bench.catalog.chunks_of(page.bench.collection("remote").id, d)]
    others = set(sent(server)) - {*chunks, "dimension"}
    assert said.tokens == pytest.approx(sum(map(estimate, [*chunks, *others])), rel=0.25)
    assert said.measuring_texts == pytest.approx(len(others), rel=0.2)
    measuring = (
        said.tokens
        - rag.ingestion.estimate_embedding(page.bench, "fault/ok", rag.ChunkOptions(), ids, into=by_hand(page)).tokens
    )
    assert measuring == pytest.approx(sum(map(estimate, others)), rel=0.25)


def by_hand(page: Any) -> Any:
    """Set the threshold of the remote collection as a user does, and return it."""
    page.bench.catalog.set_threshold("remote", 0.77)
    return page.bench.collection("remote")


def test_a_threshold_that_the_user_set_stays(page: Any, server: FaultServer) -> None:
    """No build and no file that is added measures over it, or embeds anything but the chunks; both pages say that it was set by hand."""
    import rag

    page = build(page, "fault/ok")
    assert "measured" == page.bench.collection("remote").threshold_from
    by_hand(page)
    before = set(sent(server))
    rag.ingest(page.bench, [rag.Upload("new.txt", b"The harbour wall was raised. " * 40)], collection="remote")
    chosen = page.bench.collection("remote")
    removed = next(d for d in page.bench.catalog.documents(chosen.id) if d.name != "new.txt")
    page.bench.catalog.remove_document(chosen.id, removed.id)
    page = page.run().press("Add 1 missing document").finish("build")
    kept = page.bench.collection("remote")
    assert (0.77, "user", None) == (kept.similarity_threshold, kept.threshold_from, kept.calibration)
    chunks = [
        c.text for d in page.bench.catalog.documents(kept.id) for c in page.bench.catalog.chunks_of(kept.id, d.id)
    ]
    assert set(sent(server)) - before <= set(chunks)
    assert "Threshold 0.77. Set by hand" in page.drawn("collection.threshold")
    assert "set by hand" in list(page.test.dataframe[0].value["Threshold from"])
    page.go("search")
    sliders = [
        e.proto.bytes for e in page.test.get("bidi_component") if e.proto.component_name == "workbench.live_slider"
    ]
    assert any(b"This collection's own is 0.77: set by hand." in data for data in sliders)


def test_a_threshold_set_while_one_is_measured_stays(page: Any) -> None:
    """What a build measured in the meantime does not take its place; a measurement that is asked for does."""
    import rag

    page = build(page, "fault/ok")
    by_hand(page)
    rag.retrieval.calibrate_threshold(page.bench, "remote", over_users=False)
    assert 0.77 == page.bench.collection("remote").similarity_threshold
    page.run().press("Measure the threshold").finish("measure")
    assert "measured" == page.bench.collection("remote").threshold_from


def test_a_collection_is_built_with_a_threshold(page: Any, server: FaultServer) -> None:
    """One that is given with the build is the user's from the beginning, so that nothing is embedded to measure another."""
    import rag

    rag.build_collection(page.bench, "given", embedding_model="fault/ok", similarity_threshold=0.31).wait(60)
    given = page.bench.collection("given")
    assert (0.31, "user", 3) == (given.similarity_threshold, given.threshold_from, given.documents)
    chunks = {
        c.text for d in page.bench.catalog.documents(given.id) for c in page.bench.catalog.chunks_of(given.id, d.id)
    }
    assert set(sent(server)) <= {*chunks, "dimension"}


def test_a_collection_is_built_and_its_threshold_measured(page: Any, server: FaultServer) -> None:
    """The vectors are the provider's, the threshold is the collection's own, and the page says so."""
    page = build(page, "fault/ok")
    collection = page.bench.collection("remote")
    assert ("fault/ok", 8, 3) == (collection.embedding_model, collection.dimension, collection.documents)
    assert collection.calibration is not None
    assert collection.similarity_threshold == collection.calibration.threshold
    assert "Measured on 'remote' for fault/ok" in page.drawn("collection.threshold")
    assert {"ok": 8}.items() <= page.bench.gateway.book.get("fault").embedding_models.items()
    rows = [r for r in page.bench.ledger.records() if r.provider == "fault"]
    assert rows and all(r.cost_usd is not None and r.price_source == "override" for r in rows)


def test_a_failed_build_goes_on_without_paying_twice(page: Any, server: FaultServer) -> None:
    """The provider fails at the second document: the first is in, nothing further is tried, and adding the rest pays for the rest."""
    page = build(page, "fault/ok;ok;401;ok")
    said = page.drawn("collections.report.build")
    assert "1 document with" in said and "stopped: the other files were left out" in said and "rejected" in said
    assert 1 == page.bench.collection("remote").documents
    failed = len(server.exchanges)
    page = page.press("Add 2 missing documents").finish("build")
    assert 3 == page.bench.collection("remote").documents
    assert failed == 3  # the dimension, the first document, and the one that was refused
    texts = sent(server)
    chunks = {
        c.text
        for d in page.bench.catalog.documents()
        for c in page.bench.catalog.chunks_of(page.bench.collection("remote").id, d.id)
    }
    assert all(1 == texts.count(text) for text in chunks)


def test_a_build_is_stopped_at_once_and_goes_on(page: Any, server: FaultServer) -> None:
    """Stop cancels the request that is under way; what is in stays in, and the rest is added when it is wanted."""
    choose(page, f"fault/{SLOW}")
    next(t for t in page.test.text_input if t.label == "Name").set_value("remote")
    page.press("Build")
    (job,) = page.bench.jobs.running("build")
    until(lambda: len(server.exchanges) >= 3)
    began = time.monotonic()
    page.press("Stop")
    assert job.wait(30) and time.monotonic() - began < 20
    assert ("stopped", 1) == (job.state, page.bench.collection("remote").documents)
    assert "stopped: the other files were left out" in page.run().drawn("collections.report.build")
    page.press("Add 2 missing documents").finish("build")
    assert 3 == page.bench.collection("remote").documents


def test_a_text_that_one_document_has_leaves_the_others(page: Any, server: FaultServer) -> None:
    """A refusal that is about one text is told beside its document; the next one is tried."""
    build(page, f"fault/{TOO_LONG}")
    assert 2 == page.bench.collection("remote").documents
    assert "left out" not in page.drawn("collections.report.build")


def test_the_cost_of_what_is_missing_is_said(page: Any) -> None:
    """Before the button is pressed, as before a build."""
    page = build(page, "fault/ok")
    chosen = page.bench.collection("remote")
    page.bench.catalog.remove_document(chosen.id, page.bench.catalog.documents(chosen.id)[0].id)
    said = page.run().drawn("missing.cost")
    assert "The text of 1 document goes to fault/ok, with about" in said and "that measure the threshold: about" in said
    page.bench.catalog.set_threshold("remote", 0.77)
    assert "The text of 1 document goes to fault/ok: about" in page.run().drawn("missing.cost")


def test_a_model_that_cannot_be_used_says_why(page: Any) -> None:
    """One without a key is no choice; a key of this session alone is not enough for what everybody searches."""
    options = next(s for s in page.test.selectbox if s.label == "Embedding model").options
    assert "fault/ok" in options and "mine/ok" not in options
    assert "the variable NO_KEY is not set" in page.drawn("build.cost")
    page.bench.gateway.set_key("mine", "sk-test-0123456789abcd", user=page.test.session_state["visitor"])
    assert "mine/ok: its key is there for your session only" in page.run().drawn("build.cost")


def test_what_the_index_finds_is_measured_on_request(page: Any) -> None:
    """The share of the exact ten stands beside the other figures until the chunks change."""
    assert "index recall not measured" in page.drawn("collections.health")
    page = page.press("Measure the index").finish("measure")
    said = page.drawn("collections.health")
    assert "index recall 100.0%" in said or "index recall 9" in said
    chosen = page.bench.collection()
    page.bench.catalog.remove_document(chosen.id, page.bench.catalog.documents(chosen.id)[0].id)
    assert "index recall not measured" in page.run().drawn("collections.health")


def test_the_budget_ends_a_build(page: Any, server: FaultServer) -> None:
    """What does not fit is not sent; the sentence says so in the report."""
    page.bench.budgets.set(day=0.001)
    page.bench.gateway.book.change("fault", embedding_models={"ok": 8})
    page.run()
    said = build(page, "fault/ok").drawn("collections.report.build")
    assert "today's budget" in said and [] == sent(server)


def test_files_for_such_a_collection_say_where_their_text_goes(page: Any) -> None:
    """On Documents, before they are added, with all that it will take; what cannot go in, or is in already, counts nothing."""
    build(page, "fault/ok")
    old = page.bench.catalog.documents(page.bench.collection("remote").id)[0]
    files = (
        ("new.txt", b"The harbour wall was raised by two metres in the spring. " * 9),
        ("broken.pdf", b"%PDF-1.7 and then nothing"),
        (old.name, page.bench.catalog.file(old.id)),
    )
    page = page.go("documents").drop(*files)
    said = page.drawn("preview.sent")
    found = re.fullmatch(
        r"The text of what you add goes to fault/ok: about (\d+) tokens, about \$0\.00\d\d\. What it embedded before is not sent again\.",
        said,
    )
    assert found and 90 <= int(found[1]) <= 140, said
    page.bench.create_collection("fresh", embedding_model="fault/ok")
    page.test.session_state["collection.next"] = "fresh"
    said = page.run().drawn("preview.sent")
    assert "It also gets about 164 short texts that measure the threshold, about" in said
    page.test.session_state["collection.next"] = "main"
    assert not page.run().has("preview.sent")
