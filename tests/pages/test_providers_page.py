"""Settings → Providers: add after a real test, switch, change, remove, and keys that nobody sees again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faultserver import FaultServer

Visit = Callable[..., Any]
KEY = "sk-canary-7f3a9c1e5b8d2460-end9"


@pytest.fixture
def elsewhere() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


def field(page: Any, key: str) -> Any:
    """Return the widget whose key ends like this; the beginning changes after each save."""
    t = page.test
    groups = (t.text_input, t.text_area, t.selectbox, t.radio, t.button, t.multiselect)
    return next(w for group in groups for w in group if (w.key or "").startswith("add.") and w.key.endswith(f".{key}"))


def fill(page: Any, url: str, *, name: str = "fault", models: str = "ok", key: str = KEY) -> Any:
    field(page, "name").set_value(name)
    field(page, "url").set_value(url)
    field(page, "models").set_value(models)
    field(page, "key").set_value(key)
    return page.run()


def click(page: Any, key: str) -> Any:
    field(page, key).click()
    return page.run()


def added(page: Any, server: FaultServer, **more: str) -> Any:
    return click(fill(page, server.openai_url, **more), "add")


def test_adding_makes_one_real_call_first(visit: Visit, server: FaultServer) -> None:
    """The provider is asked, its answer and cost are in the ledger, and then it stands in the list with its model."""
    page = added(visit("settings"), server)
    said = page.drawn("settings.provider.fault")
    assert "ready" in said and "ok chat, default window unknown; price unknown" in said
    assert 1 == len(server.of("ok"))
    assert ["test"] == [row.action for row in page.bench.ledger.records()]


def test_a_test_keeps_nothing(visit: Visit, server: FaultServer) -> None:
    """Test says what answered and for how much, and lists the models; the provider is not added."""
    page = click(fill(visit("settings"), server.openai_url), "test")
    assert any(
        "chat model fault/ok, at an unknown price" in c.value.replace("\\", "").replace("\u2060", "")
        for c in page.test.caption
    )
    assert any("fault/ok answered" in b.value.replace("\\", "").replace("\u2060", "") for b in page.test.success)
    assert () == page.bench.gateway.book.all()


def test_what_does_not_work_is_not_added(visit: Visit, server: FaultServer) -> None:
    """The sentence of the provider stands on the page; adding it all the same takes one more press."""
    page = added(visit("settings"), server, models="401")
    assert any("rejected" in sentence for sentence in page.boxes())
    assert () == page.bench.gateway.book.all()
    assert ["fault"] == [c.name for c in click(page, "anyway").bench.gateway.book.all()]


def test_a_wrong_address_is_a_sentence(visit: Visit) -> None:
    """What cannot be an address is refused before anything is sent."""
    page = click(fill(visit("settings"), "http://example.com/v1"), "test")
    assert any("use https" in sentence for sentence in page.boxes())


def everything_on(page: Any) -> str:
    t = page.test
    values = [str(w.value) for group in (t.text_input, t.text_area) for w in group]
    return page.markdown() + page.drawn() + " ".join(values) + str(page.address("m"))


def test_a_key_is_never_seen_again(visit: Visit, server: FaultServer, tmp_path: Path) -> None:
    """After Add only the last four characters are on the page; the session, the catalog and the folder hold no key."""
    page = added(visit("settings"), server)
    assert "key from session, ending …end9" in page.drawn("settings.provider.fault")
    assert KEY not in everything_on(page)
    assert KEY not in repr(page.test.session_state)
    kept = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert KEY.encode() not in kept and KEY[:16].encode() not in kept


def test_a_key_of_a_session_is_one_visitor_s(visit: Visit, server: FaultServer) -> None:
    """Another session sees the provider, but has no key for it."""
    page = added(visit("settings"), server)
    page.bench.gateway.book.change("fault", key_env="NOT_SET")
    assert "ready" in page.run().drawn("settings.provider.fault")
    other = visit("settings").drawn("settings.provider.fault")
    assert "not usable" in other and "end9" not in other


def test_a_key_goes_into_the_key_file(visit: Visit, server: FaultServer, tmp_path: Path) -> None:
    """With a passphrase the key is sealed, and every session may use it."""
    page = fill(visit("settings"), server.openai_url)
    field(page, "where").set_value("Key file, encrypted")
    page.run()
    field(page, "passphrase").set_value("a long passphrase")
    page = click(page.run(), "add")
    assert "key from key file, ending …end9" in visit("settings").drawn("settings.provider.fault")
    assert not [p for p in (tmp_path / "data").rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]


def test_stored_keys_are_unlocked_after_a_restart(visit: Visit, server: FaultServer) -> None:
    """A new start asks for the passphrase; a wrong one is a sentence, the right one makes the provider usable."""
    from pages.parts import shared

    page = fill(visit("settings"), server.openai_url)
    field(page, "where").set_value("Key file, encrypted")
    page.run()
    field(page, "passphrase").set_value("a long passphrase")
    click(page.run(), "add")
    shared.close_bench()
    page = visit("settings")
    assert "not usable" in page.drawn("settings.provider.fault")
    for passphrase in ("a wrong one", "a long passphrase"):
        next(w for w in page.test.text_input if (w.key or "").startswith("unlock.")).set_value(passphrase)
        page.press("Unlock the keys")
        assert bool(page.boxes()) == (passphrase == "a wrong one")
    assert "ready" in page.drawn("settings.provider.fault")


def test_a_changed_seal_leaves_the_pages_usable(
    visit_with_samples: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings says what is wrong at the provider, extracts answer all the same, and what it says to do mends it."""
    from pages.parts import shared

    monkeypatch.setenv("RAG_KEY_PASSPHRASE", "a long passphrase")
    bench = visit_with_samples("settings").bench
    bench.gateway.book.add(bench.gateway.configure("fault", base_url=server.openai_url, models=("ok",)))
    bench.gateway.set_key("fault", KEY, where="key file")
    path = bench.gateway.keys.vault.path
    path.write_text(path.read_text().replace("32768", "32767"))
    shared.close_bench()
    page = visit_with_samples("settings")
    assert "The seal of the key file" in page.drawn("settings.provider.fault")
    page.go("ask").test.chat_input[0].set_value("What did the gearbox cost?")
    page.run()
    for stream in page.bench.answers.values():
        stream.wait(30)
    assert "gearbox" in page.run().drawn("ask.last")
    path.unlink()
    page.go("settings").bench.gateway.set_key("fault", KEY, where="key file")
    assert "ready" in page.run().drawn("settings.provider.fault")


def test_another_address_drops_the_key(visit: Visit, server: FaultServer, elsewhere: FaultServer) -> None:
    """The key was entered for the first address, and the page says so before."""
    page = added(visit("settings"), server)
    url = next(w for w in page.test.text_input if (w.key or "").startswith("change.fault") and w.key.endswith(".url"))
    url.set_value(elsewhere.openai_url)
    page.press("Save")
    said = page.drawn("settings.provider.fault")
    assert elsewhere.openai_url in said and "end9" not in said
    assert "drops the key" in page.markdown()
    assert elsewhere.exchanges and KEY not in "".join(str(asked.headers) for asked in elsewhere.exchanges)


def test_what_does_not_work_is_not_changed(visit: Visit, server: FaultServer) -> None:
    """A model or key that the provider refuses is a sentence, with the old ones kept until one more press."""
    page = added(visit("settings"), server)
    before = page.bench.gateway.book.get("fault")
    changing(page, "models").set_value("401")
    changing(page, "key").set_value("sk-another-key-of-this-provider-f00d")
    page.press("Save")
    assert any("rejected" in sentence for sentence in page.boxes())
    assert before == page.bench.gateway.book.get("fault")
    assert "ending …end9" in page.drawn("settings.provider.fault")
    assert ("401", "sk-another-key-of-this-provider-f00d") == (
        changing(page, "models").value, changing(page, "key").value,
    )  # fmt: skip
    changing(page, "models").set_value("ok")
    page.press("Save")
    assert "ending …f00d" in page.drawn("settings.provider.fault") and "" == changing(page, "key").value
    changing(page, "models").set_value("401")
    page.press("Save").press("Save it anyway")
    assert ("401",) == page.bench.gateway.book.get("fault").models and not page.boxes()


def test_a_failure_is_said_of_what_was_tried_alone(visit: Visit, server: FaultServer) -> None:
    """Once something else is entered, or the provider was removed, the sentence and the way past it are gone."""
    page = added(visit("settings"), server)
    changing(page, "models").set_value("401")
    page.press("Save")
    assert "rejected" in "".join(page.boxes())
    changing(page, "models").set_value("small")
    assert not page.run().boxes() and "Save it anyway" not in [b.label for b in page.test.button]
    changing(page, "models").set_value("401")
    assert page.run().boxes()
    page = page.go("usage").go("settings")
    assert not page.boxes() and "ok" == changing(page, "models").value
    page = added(page.press("Remove it"), server)
    assert not page.boxes()


def test_a_key_that_would_not_be_used_is_not_kept(
    visit: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key of a variable goes before one that is entered: that is said, and nothing vouches for the other."""
    monkeypatch.setenv("CORPORATE_KEY", KEY)
    page = visit("settings")
    gateway = page.bench.gateway
    gateway.book.add(gateway.configure("fault", base_url=server.openai_url, key_env="CORPORATE_KEY", models=("ok",)))
    page.run()
    changing(page, "key").set_value("sk-another-key-of-this-provider-f00d")
    page.press("Save")
    assert any("The key in CORPORATE_KEY goes before" in said for said in page.boxes()) and not server.exchanges


def test_saving_says_what_its_calls_cost(visit: Visit, server: FaultServer) -> None:
    """Before, under what was entered, and after, beside the provider."""
    page = added(visit("settings"), server)
    assert "Save tries that out first" not in page.markdown()
    changing(page, "models").set_value("small")
    said = [c.value.replace("\\", "").replace("\u2060", "") for c in page.run().test.caption]
    assert any("Save tries that out first" in text and "fault/small, at an unknown price" in text for text in said)
    page.press("Save")
    assert any("the test cost an unknown amount" in box.value for box in page.test.success)


def test_what_no_call_depends_on_is_saved_without_one(visit: Visit, server: FaultServer) -> None:
    """Limits and further models cost no test."""
    page = added(visit("settings"), server)
    asked = len(server.exchanges)
    changing(page, "rpm").set_value(7)
    changing(page, "models").set_value("ok\nsmall")
    page.press("Save")
    assert 7 == page.bench.gateway.book.get("fault").limits.requests_per_minute
    assert asked == len(server.exchanges)


def changing(page: Any, part: str) -> Any:
    """Return the field of Change whose key ends like this."""
    groups = (page.test.text_input, page.test.text_area, page.test.number_input, page.test.selectbox)
    return next(
        w for group in groups for w in group if (w.key or "").startswith("change.fault") and w.key.endswith(f".{part}")
    )


def test_everything_of_a_provider_can_be_changed(visit: Visit, server: FaultServer) -> None:
    """Embedding models, limits, the window and the price of a model; they are kept and shown as the user's own."""
    page = added(visit("settings"), server, models="ok\nsmall")
    for part, value in (
        ("embedding", "vectors\nother-vectors"),
        ("rpm", 30),
        ("tpm", 9000),
        ("at_once", None),
        ("user_rpm", 5),
    ):
        changing(page, part).set_value(value)
    changing(page, "of").set_value("small")
    page.run()
    for part, value in (("small.window", 32_000), ("small.input", 0.5), ("small.output", 2.0)):
        changing(page, part).set_value(value)
    page.press("Save")
    config = page.bench.gateway.book.get("fault")
    assert (30, 9000, None) == (
        config.limits.requests_per_minute, config.limits.tokens_per_minute, config.limits.concurrent,
    )  # fmt: skip
    assert (5, None, None) == (
        config.per_user.requests_per_minute, config.per_user.tokens_per_minute, config.per_user.concurrent,
    )  # fmt: skip
    assert {"vectors": 0, "other-vectors": 0} == config.embedding_models
    said = page.drawn("settings.provider.fault")
    assert "small chat 32,000 tokens; your price: in 0.5, out 2 USD per million tokens" in said
    assert "ok chat, default window unknown; price unknown" in said and "vectors embedding" in said
    assert (
        "Limits: at most 30 requests a minute, 9,000 tokens a minute; each visitor at most 5 requests a minute." in said
    )
    changing(page, "user_rpm").set_value(None)
    page.press("Save")
    assert page.bench.gateway.book.get("fault").per_user is None


def test_a_price_can_be_taken_back(visit: Visit, server: FaultServer) -> None:
    """Emptied, the fields mean the price of the list again."""
    page = added(visit("settings"), server)
    page.bench.gateway.book.change("fault", prices={"ok": {"input": 1.0}}, windows={"ok": 1000})
    page.run()
    assert (1.0, 1000) == (changing(page, "ok.input").value, changing(page, "ok.window").value)
    for part in ("ok.input", "ok.window"):
        changing(page, part).set_value(None)
    page.press("Save")
    config = page.bench.gateway.book.get("fault")
    assert ({}, {}) == (config.prices, config.windows)


@pytest.mark.parametrize(
    ("part", "value", "words"),
    [
        ("embedding", "two words", "is no name of a model"),
        ("ok.output", 2.0, "lacks the part for input"),
        ("ok.input", 1e9, "no amount from 0 to 100,000"),
        ("ok.window", 12, "cannot be; enter 256 to"),
        ("url", "http://example.com", "use https"),
    ],
)
def test_what_makes_no_sense_changes_nothing_and_stays_typed(
    visit: Visit, server: FaultServer, part: str, value: Any, words: str
) -> None:
    """One sentence says what to correct; the fields keep what was entered."""
    page = added(visit("settings"), server)
    before = page.bench.gateway.book.get("fault")
    changing(page, "rpm").set_value(7)
    changing(page, part).set_value(value)
    page.press("Save")
    assert any("Nothing was changed" in said and words in said for said in page.boxes())
    assert before == page.bench.gateway.book.get("fault")
    assert (7, value) == (changing(page, "rpm").value, changing(page, part).value)


def test_a_price_of_the_user_is_what_calls_cost(visit: Visit, server: FaultServer) -> None:
    """It goes before the price list and the price file, and the ledger says whose it is."""
    page = added(visit("settings"), server)
    gateway = page.bench.gateway
    (page.bench.data_dir / "prices.toml").write_text('["fault/ok"]\ninput = 9.0\noutput = 9.0\n')
    gateway.book.change("fault", prices={"ok": {"input": 1e3, "output": 0.0}})
    page.test.button("test.fault").click()
    page.run()
    row = page.bench.ledger.records()[0]
    assert "override" == row.price_source and row.cost_usd == pytest.approx(row.usage.input_tokens / 1000)


def test_a_visitor_names_no_variable(visit: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of this machine's environment is used at its vendor's own address, and no field says otherwise."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    page = visit("settings")
    with pytest.raises(StopIteration):
        field(page, "env")
    assert "`OPENAI_API_KEY` is set here" in page.markdown()
    page = fill(page, server.openai_url, key="")
    assert "OPENAI_API_KEY" not in page.markdown() and "a variable of this machine goes to nobody" in page.markdown()
    click(page, "add")
    (asked,) = server.of("ok")
    assert KEY not in str(asked.headers)


def test_a_variable_of_the_command_line_stays_with_its_address(
    visit: Visit, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is shown for the address that it was named for; who changes the address on the page loses it."""
    monkeypatch.setenv("CORPORATE_KEY", KEY)
    page = visit("settings")
    book = page.bench.gateway.book
    book.add(page.bench.gateway.configure("corp", base_url="https://llm.corp.example/v1", key_env="CORPORATE_KEY"))
    page.run()
    assert "key from environment, ending …end9" in page.drawn("settings.provider.corp")
    assert "variable CORPORATE" in page.markdown() and "command line" in page.markdown()
    url = next(w for w in page.test.text_input if (w.key or "").startswith("change.corp") and w.key.endswith(".url"))
    url.set_value(server.openai_url)
    page.press("Save")
    assert "" == book.get("corp").key_env
    assert "no key" in page.drawn("settings.provider.corp")
    page.test.button("test.corp").click()
    page.run()
    assert server.exchanges and KEY not in "".join(str(asked.headers) for asked in server.exchanges)


def test_switch_off_and_remove(visit: Visit, server: FaultServer) -> None:
    """One that is off offers no models; one that is removed is gone with its key."""
    page = added(visit("settings"), server).press("Switch off")
    assert "off" in page.drawn("settings.provider.fault")
    assert [] == page.bench.gateway.models()
    page.press("Switch on").press("Remove it")
    assert () == page.bench.gateway.book.all()
    assert page.has("settings.providers.none")


def test_the_fallback_order_is_kept(visit: Visit, server: FaultServer) -> None:
    """The order in which models were chosen is the one in which they are asked."""
    page = added(visit("settings"), server, models="ok\nsmall")
    page.test.multiselect("settings.fallbacks").set_value(["fault/small", "fault/ok"])
    page.run()
    assert ("fault/small", "fault/ok") == page.bench.gateway.book.fallbacks
