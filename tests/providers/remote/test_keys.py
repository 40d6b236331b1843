"""Keys and providers: where a key comes from, how it rests, what it is bound to, and that it shows nowhere."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rag.errors import ProviderError
from rag.providers import masking
from rag.providers.config import ProviderBook, ProviderConfig, make_config
from rag.providers.gateway import Gateway
from rag.providers.keys import Keys
from rag.providers.masking import Private, mask
from rag.providers.messages import Message, Request
from rag.providers.trial import before, try_out
from rag.providers.vault import KeyFileError, Vault, keyring_is_usable
from rag.store.responses import Responses
from tests.faultserver import FaultServer
from tests.providers.remote.kit import KEY, POLICY, Rows

OTHER = "sk-other-1a2b3c4d5e6f7a8b-zz77"


class Memory:
    """Settings in memory, as JSON, like the catalog keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    def setting(self, key: str, default: Any = None) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else default

    def set_setting(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value)


@pytest.fixture
def settings() -> Memory:
    return Memory()


@pytest.fixture
def gateway(server: FaultServer, settings: Memory, tmp_path: Path) -> Iterator[Gateway]:
    environ = {"FAULT_KEY": KEY, "RAG_KEY_PASSPHRASE": "correct horse battery"}
    responses = Responses(tmp_path / "responses.sqlite3")
    gateway = Gateway.open(settings, Rows(), tmp_path, environ=environ, policy=POLICY, responses=responses)
    yield gateway
    gateway.close()
    responses.close()


def ask(model: str, question: str = "What?") -> Request:
    return Request(model, (Message("user", question),))


# --- configurations ---


def test_a_provider_is_kept_without_its_key(gateway: Gateway, settings: Memory, server: FaultServer) -> None:
    """What is stored round-trips, and no field of it can hold a key."""
    config = make_config("lab", "openai", base_url=f"{server.openai_url}/", models=("ok",), key_env="FAULT_KEY")
    gateway.book.add(config)
    assert [config] == list(gateway.book.all())
    assert KEY not in json.dumps(settings.kept)
    with pytest.raises(ProviderError, match="already"):
        gateway.book.add(config)


def test_a_preset_brings_address_and_models() -> None:
    """A name is enough for a known vendor; a server of one's own starts empty."""
    config = make_config("openai")
    assert "https://api.openai.com/v1" == config.url
    assert config.models and config.small and "text-embedding-3-small" in config.embedding_models
    assert () == make_config("lab", "openai", base_url="http://127.0.0.1:9/v1").models


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("local", {}, "cannot be the name"),
        ("a/b", {}, "cannot be the name"),
        ("", {}, "cannot be the name"),
        ("x", {"kind": "magic"}, "no kind of provider"),
        ("x", {"base_url": "ftp://host/"}, "no address"),
        ("x", {"base_url": "https://"}, "no address"),
        ("x", {"base_url": "https://me:pw@host/v1"}, "holds no user, key"),
        ("x", {"base_url": "https://host/v1?key=abc"}, "holds no user, key"),
        ("x", {"base_url": "http://api.example.com/v1"}, "use https"),
        ("x", {"kind": "cloudflare"}, "your account"),
        ("x", {"base_url": "https://host:99999/v1"}, "no address"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(name: str, more: dict[str, Any], words: str) -> None:
    """A key never goes over the network in clear, nor into an address."""
    with pytest.raises(ProviderError, match=words):
        make_config(name, **more)


def test_another_address_drops_the_key(gateway: Gateway, server: FaultServer) -> None:
    """Whoever changes the address gets no key with it: not the variable, not the session's, not the stored one."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url, key_env="FAULT_KEY"))
    gateway.set_key("lab", OTHER, where="key file")
    gateway.set_key("lab", OTHER, user="ann")
    changed = gateway.book.change("lab", base_url="http://127.0.0.1:9/v1")
    assert ("", False) == (changed.key_env, changed.key_is_stored)
    assert gateway.keys.find(changed, "ann") is None
    assert () == gateway.keys.vault.names()  # type: ignore[union-attr]
    same = gateway.book.change("lab", models=("a",))
    assert ("a",) == same.models


def test_another_path_drops_the_key(gateway: Gateway, server: FaultServer) -> None:
    """One host may serve many customers: a key, or the variable named for it, does not follow to another path either."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url, key_env="FAULT_KEY"))
    gateway.set_key("lab", OTHER, user="ann")
    changed = gateway.book.change("lab", base_url=f"{server.openai_url}/somebody-else")
    assert "" == changed.key_env and gateway.keys.find(changed, "ann") is None


@pytest.mark.parametrize(
    "url", ["https://api.openai.com\\.example.org/v1", "https://a b/v1", "https://a\tb/v1", "https://a\u202eb/v1"]
)
def test_an_address_that_programs_read_differently_is_refused(url: str) -> None:
    """What we take for the vendor's host must be what the request goes to."""
    with pytest.raises(ProviderError, match="no spaces, backslashes"):
        make_config("openai", base_url=url)


def test_a_key_of_the_environment_belongs_to_the_vendors_own_address() -> None:
    """OPENAI_API_KEY is found for OpenAI itself, not for another server of the same kind."""
    keys = Keys({"OPENAI_API_KEY": KEY})
    found = keys.find(make_config("openai"))
    assert found is not None and ("environment", "end9") == (found.source, found.hint)
    assert keys.find(make_config("lab", "openai", base_url="http://127.0.0.1:9/v1")) is None
    assert ("OPENAI_API_KEY", True) == keys.usual("openai", "https://api.openai.com/v1")
    for elsewhere in ("http://127.0.0.1:9/v1", "https://api.openai.com.example.org/v1", "https://[", ""):
        assert ("", False) == keys.usual("openai", elsewhere)


def test_the_order_of_sources(tmp_path: Path) -> None:
    """Environment, then secrets.toml, then this session, then the key file."""
    config = make_config("lab", "openai", base_url="https://host.example/v1", key_env="NAME", key_is_stored=True)
    vault = Vault(tmp_path / "keys.json", passphrase="open sesame")
    vault.put(config.name, config.host, "sk-stored-000000000000-aaaa")
    environ, secrets = {"NAME": "sk-environ-0000000000-bbbb"}, {"NAME": "sk-secrets-0000000000-cccc"}
    keys = Keys(environ, secrets, vault)
    keys.remember(config, "sk-session-0000000000-dddd", "ann")
    hints = []
    for clear in (environ.clear, secrets.clear, lambda: keys.forget(config, "ann"), lambda: None):
        found = keys.find(config, "ann")
        assert found is not None
        hints.append(found.hint)
        clear()
    assert ["bbbb", "cccc", "dddd", "aaaa"] == hints


def test_a_missing_key_is_said_before_any_request(gateway: Gateway) -> None:
    """The sentence names the variable."""
    gateway.book.add(make_config("openai"))
    with pytest.raises(ProviderError, match="set OPENAI_API_KEY, or enter it in Settings"):
        gateway.start(ask("openai/gpt-6-luna"))
    gateway.book.add(make_config("lab", "openai", base_url="https://host.example/v1", key_env="NOT_SET"))
    with pytest.raises(ProviderError, match="the variable NOT_SET is not set"):
        gateway.start(ask("lab/x"))


@pytest.mark.parametrize("text", ["", "two words and more", "ключ-ключ-ключ-ключ", "line\nbreak-000000", "x" * 5000])
def test_what_cannot_be_a_key_is_refused(gateway: Gateway, server: FaultServer, text: str) -> None:
    """A header would break, or nothing was pasted."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    with pytest.raises(ProviderError, match="That is no key"):
        gateway.set_key("lab", text)


# --- visitors ---


def test_two_visitors_with_different_keys_never_share_a_client(gateway: Gateway, server: FaultServer) -> None:
    """Each call goes out with its own visitor's key; one without a key gets none of theirs."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.set_key("lab", KEY, user="ann")
    gateway.set_key("lab", OTHER, user="bob")
    for user in ("ann", "bob", "ann", "cyd"):
        gateway.run(ask("lab/ok"), user=user)
    sent = [e.headers.get("authorization", "") for e in server.exchanges]
    assert [f"Bearer {KEY}", f"Bearer {OTHER}", f"Bearer {KEY}", ""] == sent
    assert 3 == len(gateway._clients)


def test_the_environment_of_the_sdks_changes_nothing(
    gateway: Gateway, server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their variables for addresses, organisations and headers are for other programs."""
    for name, value in {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/", "OPENAI_ORG_ID": "org", "OPENAI_PROJECT_ID": "proj", "OPENAI_API_KEY": OTHER,
        "OPENAI_CUSTOM_HEADERS": "x-leak: 1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:9/", "ANTHROPIC_API_KEY": OTHER,
        "ANTHROPIC_AUTH_TOKEN": OTHER, "ANTHROPIC_CUSTOM_HEADERS": "x-leak: 1", "OPENAI_ADMIN_KEY": OTHER,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url, key_env="FAULT_KEY"))
    gateway.book.add(make_config("claude", "anthropic", base_url=server.anthropic_url, key_env="FAULT_KEY"))
    gateway.run(ask("lab/ok"))
    gateway.run(ask("claude/ok"))
    for exchange in server.exchanges:
        assert f"Bearer {KEY}" == exchange.headers["authorization"]
        assert not {"x-leak", "openai-organization", "openai-project", "x-api-key"} & exchange.headers.keys()
        assert OTHER not in json.dumps(exchange.headers)


# --- at rest ---


def test_a_stored_key_survives_a_restart_and_is_sealed(tmp_path: Path) -> None:
    """The file is for its owner alone and holds neither the key nor a readable part of it."""
    path = tmp_path / "keys.json"
    Vault(path, passphrase="open sesame").put("lab", "https://host:443", KEY)
    assert KEY == Vault(path, passphrase="open sesame").get("lab", "https://host:443")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    text = path.read_text()
    assert not [part for part in (KEY, KEY[:16], KEY[16:], base64.b64encode(KEY.encode()).decode()) if part in text]
    assert ["keys.json"] == [p.name for p in tmp_path.iterdir()]


def test_a_wrong_passphrase_is_said(tmp_path: Path) -> None:
    """And changes nothing: the right one still opens the file."""
    path = tmp_path / "keys.json"
    Vault(path, passphrase="right").put("lab", "h", KEY)
    for act in (lambda v: v.get("lab", "h"), lambda v: v.put("new", "h", KEY)):
        with pytest.raises(KeyFileError, match="sealed with another passphrase"):
            act(Vault(path, passphrase="wrong"))
    with pytest.raises(KeyFileError, match="are locked"):
        Vault(path).get("lab", "h")
    vault = Vault(path)
    with pytest.raises(KeyFileError):
        vault.unlock("wrong")
    vault.unlock("right")
    assert KEY == vault.get("lab", "h")


def test_a_key_moved_to_another_provider_or_host_does_not_open(tmp_path: Path) -> None:
    """Associated data binds it: a swapped line is an error, not a key sent elsewhere."""
    path = tmp_path / "keys.json"
    vault = Vault(path, passphrase="p")
    vault.put("a", "https://a:443", KEY)
    vault.put("b", "https://b:443", OTHER)
    content = json.loads(path.read_text())
    content["keys"]["a"], content["keys"]["b"] = content["keys"]["b"], content["keys"]["a"]
    path.write_text(json.dumps(content))
    for name, host in (("a", "https://a:443"), ("b", "https://b:443"), ("a", "https://evil:443")):
        with pytest.raises(KeyFileError, match="another address or was changed"):
            Vault(path, passphrase="p").get(name, host)


@pytest.mark.parametrize(
    "content", ["", "not json", "{}", '{"version": 1}', '{"version": 9, "seal": {}, "keys": {}}', "[1]"]
)
def test_a_lost_or_changed_key_file_is_said_clearly(gateway: Gateway, server: FaultServer, content: str) -> None:
    """Every call of that provider fails with one sentence; there is no clear text to fall back to, and nothing is overwritten."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.set_key("lab", KEY, where="key file")
    path = gateway.keys.vault.path  # type: ignore[union-attr]
    path.unlink()
    with pytest.raises(KeyFileError, match="is gone, so the key of lab cannot be read; enter it again"):
        gateway.run(ask("lab/ok"))
    path.write_text(content)
    with pytest.raises(KeyFileError, match="damaged|newer version"):
        gateway.run(ask("lab/ok"))
    with pytest.raises(KeyFileError):
        gateway.set_key("lab", OTHER, where="key file")
    assert content == path.read_text()
    assert [] == server.exchanges
    assert "enter" in gateway.problem(gateway.book.get("lab"))


@pytest.mark.parametrize(
    "change",
    [
        {"n": 32767}, {"n": "many"}, {"n": None}, {"n": float("inf")}, {"n": 0}, {"r": 0}, {"salt": "no base64"}, {"salt": 7},
        {"salt": None}, {"by": "keyring"},
    ],
)  # fmt: skip
def test_a_changed_seal_is_said_clearly(gateway: Gateway, server: FaultServer, change: dict[str, Any]) -> None:
    """What no secret can be made from is a damaged file, in one sentence, and not overwritten; removing it is the way out."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.set_key("lab", KEY, where="key file")
    path = gateway.keys.vault.path  # type: ignore[union-attr]
    content = json.loads(path.read_text())
    content["seal"] = {name: value for name, value in (content["seal"] | change).items() if value is not None}
    path.write_text(json.dumps(content))
    said = f"The seal of the key file {path} was changed, so no key in it can be read; remove that file and enter the keys again."
    assert said == gateway.problem(gateway.book.get("lab"))
    for act in (lambda: gateway.run(ask("lab/ok")), lambda: gateway.set_key("lab", OTHER, where="key file")):
        with pytest.raises(KeyFileError, match="seal of the key file"):
            act()
    assert content == json.loads(path.read_text())
    assert [] == server.exchanges
    path.unlink()
    gateway.set_key("lab", OTHER, where="key file")
    assert "" == gateway.problem(gateway.book.get("lab"))


def test_every_changed_byte_of_a_sealed_key_is_noticed(tmp_path: Path) -> None:
    """A key is what was entered, or an error."""
    path = tmp_path / "keys.json"
    Vault(path, passphrase="p").put("a", "h", KEY)
    content = json.loads(path.read_text())
    sealed = bytearray(base64.b64decode(content["keys"]["a"]["data"]))
    vault = Vault(path, passphrase="p")
    for i in range(0, len(sealed), 5):
        sealed[i] ^= 1
        content["keys"]["a"]["data"] = base64.b64encode(sealed).decode()
        path.write_text(json.dumps(content))
        with pytest.raises(KeyFileError):
            vault.get("a", "h")
        sealed[i] ^= 1


def test_an_opened_up_key_file_is_closed_again(tmp_path: Path) -> None:
    """Somebody's chmod does not last."""
    path = tmp_path / "keys.json"
    Vault(path, passphrase="p").put("a", "h", KEY)
    path.chmod(0o644)
    assert KEY == Vault(path, passphrase="p").get("a", "h")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_without_passphrase_and_keyring_nothing_is_stored(tmp_path: Path) -> None:
    """Never in clear: the sentence says what to set."""
    with pytest.raises(KeyFileError, match="set RAG_KEY_PASSPHRASE"):
        Vault(tmp_path / "keys.json").put("a", "h", KEY)
    assert [] == list(tmp_path.iterdir())


def test_a_keyring_can_hold_the_secret(tmp_path: Path) -> None:
    """The key file is sealed with a secret that only the system's keyring has; without it the file says so."""
    import keyring
    from keyring.backend import KeyringBackend

    class InMemory(KeyringBackend):
        priority = 1  # type: ignore[assignment]

        def __init__(self) -> None:
            self.kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, username: str) -> str | None:
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

    before, ring = keyring.get_keyring(), InMemory()
    keyring.set_keyring(ring)
    try:
        path = tmp_path / "keys.json"
        Vault(path, use_keyring=True).put("a", "h", KEY)
        assert KEY == Vault(path, use_keyring=True).get("a", "h")
        ring.kept = dict.fromkeys(ring.kept, "no base64")
        with pytest.raises(KeyFileError, match="seal of the key file"):
            Vault(path, use_keyring=True).get("a", "h")
        ring.kept.clear()
        with pytest.raises(KeyFileError, match="keyring no longer has the secret"):
            Vault(path, use_keyring=True).get("a", "h")
    finally:
        keyring.set_keyring(before)


def test_a_keyring_that_keeps_nothing_is_none() -> None:
    """Build machines have one that forgets in silence: the key file would be sealed with a secret that is gone."""
    import keyring
    from keyring.backends import null

    before = keyring.get_keyring()
    keyring.set_keyring(null.Keyring())
    try:
        assert not keyring_is_usable()
        with pytest.raises(KeyFileError, match="no keyring"):
            Vault(Path("nowhere") / "keys.json", use_keyring=True).put("a", "h", KEY)
    finally:
        keyring.set_keyring(before)


# --- trying a provider out ---


def test_a_provider_is_tried_before_it_is_kept(gateway: Gateway, server: FaultServer) -> None:
    """One real call, its speed and cost said, with the provider's own list of models; the key is nowhere afterwards."""
    config = make_config("lab", "openai", base_url=server.openai_url)
    trial = try_out(gateway, config, key=KEY, model="gpt-6-sol")
    assert trial.ok and "lab/gpt-6-sol answered within" in trial.sentence and "the test cost $0." in trial.sentence
    assert ["ok", "small", "large"] == [m.id for m in trial.models]
    assert f"Bearer {KEY}" == server.exchanges[-1].headers["authorization"]
    assert () == gateway.book.all() and gateway.keys.find(config) is None
    assert ("test", "ok") == (
        gateway.runner.books._recorder.rows[-1].action,
        gateway.runner.books._recorder.rows[-1].status,
    )  # type: ignore[attr-defined]


def test_a_trial_says_what_is_wrong(gateway: Gateway, server: FaultServer) -> None:
    """The same sentences as everywhere."""
    config = make_config("lab", "openai", base_url=server.openai_url)
    assert "rejected the key ending …end9" in try_out(gateway, config, key=KEY, model="401").sentence
    assert "lab has no model missing" in try_out(gateway, config, key=KEY, model="missing").sentence
    trial = try_out(gateway, config, model="gpt-4o-mini")
    assert trial.ok and "out of service on 2027-01-14; choose another" in trial.sentence


def test_a_trial_without_a_model_takes_the_first_on_the_list(gateway: Gateway, server: FaultServer) -> None:
    """A local server is added by its address alone, and costs nothing."""
    trial = try_out(gateway, make_config("lab", "openai", base_url=server.openai_url))
    assert [("ok", 0.0)] == [
        (t.model, t.paid.cost_usd) for t in trial.tried
    ] and "the test cost nothing" in trial.sentence


def test_an_embedding_provider_is_tried_with_a_vector(gateway: Gateway, server: FaultServer) -> None:
    """Its dimension is told, to be kept with it."""
    config = make_config("vec", "openai", base_url=server.openai_url, embedding_models={"ok": 0})
    assert [8] == [tried.dimension for tried in try_out(gateway, config).tried]


def test_both_kinds_of_models_are_tried_each_at_its_price(gateway: Gateway, server: FaultServer) -> None:
    """What each will cost is said before and what it did after; a dimension that has to be asked for is part of it; unknown is said."""
    config = replace(
        make_config(
            "lab", "openai", base_url=server.openai_url, models=("ok",), embedding_models={"vec": 0, "other": 0}
        ),
        prices={"ok": {"input": 1.0, "output": 2.0}, "vec": {"input": 5.0}},
    )
    said = before(gateway, config, key=KEY)
    assert "chat model lab/ok, at most about $0.000" in said and "embedding model lab/vec, at most about $0.000" in said
    assert not server.exchanges
    trial = try_out(gateway, config, key=KEY)
    assert trial.ok and [("ok", False), ("vec", True)] == [(t.model, t.is_embedding) for t in trial.tried]
    rows = gateway.runner.books._recorder.rows  # type: ignore[attr-defined]
    for tried in trial.tried:
        own = [row for row in rows if row.model == tried.model]
        assert (
            own
            and tried.paid.cost_usd == pytest.approx(sum(row.cost_usd for row in own))
            and tried.paid.calls == len(own)
        )
        assert f"the test cost ${tried.paid.cost_usd:.6f}." in tried.sentence and tried.paid.cost_usd
    assert "with 8 numbers a vector" in trial.sentence and trial.paid.cost_usd == pytest.approx(
        sum(row.cost_usd for row in rows)
    )


def test_a_trial_without_a_price_or_a_count_says_so(gateway: Gateway, server: FaultServer) -> None:
    """No price is an unknown amount before and after, of an embedding model too; tokens that nobody reported are an estimate."""
    bare = make_config("lab", "openai", base_url=server.openai_url, models=("ok",), embedding_models={"vec": 0})
    assert 2 == before(gateway, bare, key=KEY).count("at an unknown price")
    trial = try_out(gateway, bare, key=KEY)
    assert 2 == trial.sentence.count("an unknown amount") and trial.paid.cost_usd is None
    priced = replace(bare, models=(), embedding_models={"vec?usage=none": 8}, prices={"vec?usage=none": {"input": 5.0}})
    trial = try_out(gateway, priced, key=KEY)
    assert "(estimated)" in trial.sentence and trial.paid.cost_usd is None and trial.paid.estimated_usd


def test_next_to_nothing_is_not_nothing(gateway: Gateway, server: FaultServer) -> None:
    """A ten-millionth of a dollar is not shown as $0, before or after: only what is free is."""
    config = make_config("lab", "openai", base_url=server.openai_url, embedding_models={"vec": 8})
    config = replace(config, prices={"vec": {"input": 0.01}})
    assert "vec, less than $0.000001 (estimated)" in before(gateway, config, key=KEY)
    assert "the test cost less than $0.000001." in try_out(gateway, config, key=KEY).sentence
    free = replace(config, embedding_models={"vec?usage=none": 8}, prices={"vec?usage=none": {"input": 0.0}})
    assert "the test cost nothing." in try_out(gateway, free, key=KEY).sentence


def test_a_chat_model_that_fails_hides_no_embedding_model(gateway: Gateway, server: FaultServer) -> None:
    """Both are told; what the others would meet as well, such as a rejected key, is told once."""
    config = make_config("lab", "openai", base_url=server.openai_url, models=("missing",), embedding_models={"vec": 8})
    trial = try_out(gateway, config, key=KEY)
    assert not trial.ok and [False, True] == [tried.ok for tried in trial.tried]
    assert "no model missing" in trial.sentence and "lab/vec answered" in trial.sentence
    config = make_config("lab", "openai", base_url=server.openai_url, models=("401",), embedding_models={"vec": 8})
    assert 1 == len(try_out(gateway, config, key=KEY).tried)


# --- the gateway ---


def test_models_come_with_window_price_and_problem(gateway: Gateway, server: FaultServer) -> None:
    """Everything that a list shows, without contacting anybody."""
    gateway.book.add(make_config("openai"))
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url, models=("x",), windows={"x": 4096}))
    cards = {c.name: c for c in gateway.models()}
    best = cards["openai/gpt-6.1-sol"]
    assert (True, False, 1_050_000) == (best.is_default, best.is_embedding, best.context_window)
    assert best.price is not None and best.price.input == 2.0
    assert "There is no key for openai" in best.problem
    assert cards["openai/text-embedding-3-small"].is_embedding
    local = cards["lab/x"]
    assert ("", 4096) == (local.problem, local.context_window)
    assert local.price is not None and (0.0, "local") == (local.price.input, local.price.source)
    assert [] == server.exchanges


def test_an_inactive_provider_is_out_of_play(gateway: Gateway, server: FaultServer) -> None:
    """It is listed nowhere, called never, and not fallen back on."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url, models=("ok",)))
    gateway.book.add(make_config("spare", "openai", base_url=server.openai_url, models=("ok",), is_active=False))
    gateway.book.set_fallbacks(["spare/ok"])
    assert () == gateway.book.fallbacks
    with pytest.raises(ProviderError, match="spare is switched off"):
        gateway.run(ask("spare/ok"))
    with pytest.raises(ProviderError):
        gateway.run(ask("lab/500"))
    gateway.book.change("spare", is_active=True)
    assert "spare/ok" == gateway.run(ask("lab/500")).model
    with pytest.raises(ProviderError, match="had an error"):
        gateway.run(ask("lab/500"), fallbacks=())


def test_an_unknown_provider_is_said_with_those_there_are(gateway: Gateway) -> None:
    """A typo in PROVIDER/MODEL finds its way back."""
    with pytest.raises(ProviderError, match=r"no provider 'opnai' \(there are: none yet\)"):
        gateway.run(ask("opnai/x"))
    with pytest.raises(ProviderError, match="name it as PROVIDER/MODEL"):
        gateway.run(ask("gpt"))


def test_removing_a_provider_removes_its_traces(gateway: Gateway, server: FaultServer) -> None:
    """Its key, and its place among the fallbacks."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.set_key("lab", KEY, where="key file")
    gateway.book.set_fallbacks(["lab/ok"])
    gateway.book.remove("lab")
    assert ((), ()) == (gateway.book.all(), gateway.book.fallbacks)
    assert () == gateway.keys.vault.names()  # type: ignore[union-attr]


def test_stored_settings_of_a_later_version_are_read(settings: Memory) -> None:
    """A field that is not known yet is left alone."""
    settings.set_setting(
        "providers",
        [{"name": "a", "kind": "openai", "base_url": "https://h/v1", "new": 1, "limits": {"concurrent": 3, "x": 1}}],
    )
    (config,) = ProviderBook(settings).all()
    assert ("a", 3) == (config.name, config.limits.concurrent)
    assert isinstance(config, ProviderConfig)


# --- nothing leaks ---


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, at DEBUG, as a handler of somebody else would write it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_planted_key_is_found_nowhere(
    gateway: Gateway, server: FaultServer, tmp_path: Path, settings: Memory, log: io.StringIO
) -> None:
    """Logs, errors, settings, ledger, cache and files after good and bad calls: 0 finds of the key, its halves and its base64."""
    question = "the secret question of the canary"
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.book.add(make_config("claude", "anthropic", base_url=server.anthropic_url))
    for name in ("lab", "claude"):
        gateway.set_key(name, KEY, where="key file")
    said: list[str] = []
    for name in ("lab", "claude"):
        for step in (
            "ok",
            "401?echo=1",
            "500?echo=1",
            "cut",
            "garbage",
            "close",
            "429?retry=999&echo=1",
            "html",
            "redirect",
        ):
            try:
                result = gateway.run(ask(f"{name}/{step}", question), reuse="use")
                said += [repr(result), result.problem]
            except ProviderError as error:
                said += [str(error), repr(error), *traceback.format_exception(error), repr(vars(error))]
                cause: Any = error
                while cause is not None:
                    request = getattr(cause, "request", None)
                    said.append(repr(dict(getattr(request, "headers", {}))))
                    cause = cause.__cause__
    logging.getLogger("openai").debug("Request options: %s", {"headers": {"Authorization": f"Bearer {KEY}"}})
    logging.getLogger("somebody").error("failed with %s", KEY, exc_info=RuntimeError(f"Bearer {KEY}"))
    logging.getLogger("rag").info("asked %s with %s", Private(question), ask("lab/ok", question))
    said += [
        repr(gateway.keys.find(gateway.book.get("lab"))),
        repr(gateway.book.all()),
        json.dumps(settings.kept),
        log.getvalue(),
    ]
    said += [repr(r) for r in gateway.runner.books._recorder.rows]  # type: ignore[attr-defined]
    said += [
        repr(vars(adapter.target)) if hasattr(adapter.target, "__dict__") else repr(adapter.target)
        for adapter in gateway._clients.values()
    ]
    files = b"\n".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    everything = "\n".join(said).encode() + files
    middle = len(KEY) // 2
    needles = [
        KEY,
        KEY[:middle],
        KEY[middle:],
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(KEY.encode()).decode()[:20],
    ]
    assert [] == [n for n in needles if n.encode() in everything]
    assert "…end9" in "\n".join(said)
    assert question not in log.getvalue()


def test_sdk_logs_stay_shut_even_when_asked_for(log: io.StringIO, gateway: Gateway, server: FaultServer) -> None:
    """At DEBUG they write whole prompts: those loggers are at WARNING, and what gets through is a length."""
    gateway.book.add(make_config("lab", "openai", base_url=server.openai_url))
    gateway.run(ask("lab/ok", "words that nobody should log"))
    assert logging.WARNING == logging.getLogger("openai").level == logging.getLogger("anthropic").level
    logging.getLogger("openai._base_client").setLevel(logging.DEBUG)
    try:
        gateway.run(ask("lab/ok", "words that nobody should log"))
    finally:
        logging.getLogger("openai._base_client").setLevel(logging.NOTSET)
    assert "words that nobody" not in log.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcd1234efgh5678ijkl", "{'api-key': 'abcd1234efgh5678ijkl'}", "key sk-proj-abcd1234efgh5678ijkl used",
        "x-api-key=abcd1234efgh5678ijkl", "Bearer abcd1234efgh5678ijkl",
    ],
)  # fmt: skip
def test_what_looks_like_a_key_is_masked(text: str) -> None:
    """Also one that nobody told us of; its last four stay, to tell which it was."""
    assert "abcd1234efgh5678" not in mask(text)
    assert "…ijkl" in mask(text)


def test_ordinary_text_is_left_alone() -> None:
    """Masking is for keys."""
    for text in ("The key findings are below.", "sk-short", "a risk-adjusted return", "task-force-report-2026-draft"):
        assert text == mask(text)


def test_a_broken_log_call_stays_the_loggers_problem(log: io.StringIO) -> None:
    """Masking never raises where nobody expects it."""
    masking.install()
    record = logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, "%s %s", ("one",), None)
    assert "%s %s" == record.msg
    assert os.environ is not None


# --- before anything is called ---


def test_the_log_is_masked_from_the_start(tmp_path: Path) -> None:
    """Opening a workbench is enough, in the command line as in the app: no gateway, no key found, no call made yet."""
    code = (
        "import logging, sys, rag\n"
        "logging.basicConfig(stream=sys.stderr)\n"
        f"rag.open_workbench({str(tmp_path)!r}).close()\n"
        f"logging.getLogger('anything').warning('Authorization: Bearer {KEY}')\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert KEY[:16] not in done.stderr and "end9" in done.stderr


def test_keys_of_the_environment_are_masked_before_their_first_use(
    settings: Memory, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of the vendors' usual variables, of variables that were named, and of secrets.toml, whatever they look like."""
    plain = {"OPENAI_API_KEY": "plainlookingkey-aaa1", "CORP": "plainlookingkey-bbb2"}
    ProviderBook(settings).add(make_config("corp", base_url="https://corp.example/v1", key_env="CORP"))
    secrets = {"OTHER": "plainlookingkey-ccc3"}
    gateway = Gateway.open(settings, Rows(), tmp_path, environ=plain, secrets=secrets)
    try:
        logging.getLogger("anything").warning("have %s", [*plain.values(), *secrets.values()])
    finally:
        gateway.close()
    assert "plainlookingkey" not in caplog.text and "aaa1" in caplog.text
