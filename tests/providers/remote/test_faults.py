"""Every fault of a provider, on both wires: the kind, the sentence, the number of requests, one row an attempt, the partial text."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag.errors import ProviderError
from rag.providers.attempts import Job
from rag.providers.messages import Message, Request, Result, RetryingEvent
from rag.types import RestartEvent
from tests.faultserver import FaultServer
from tests.faultserver.wire import words
from tests.providers.remote.kit import KEY, WIRES, Bench, close, make_adapter

GOOD = "".join(words(12))

# step, kind, requests made, words that its sentence must hold
REFUSED = [
    ("429", "rate_limit", 3, "limits how often"),
    ("quota", "quota", 1, "used up"),
    ("spend", "quota", 1, "used up"),
    ("402", "quota", 1, "used up"),
    ("401", "auth", 1, "rejected the key ending …end9"),
    ("403", "auth", 1, "does not allow the key ending …end9"),
    ("param", "invalid", 1, "top_logprobs"),
    ("context", "context", 1, "fewer or shorter excerpts"),
    ("413", "context", 1, "fewer or shorter excerpts"),
    ("missing", "not_found", 1, "choose another one in Settings"),
    ("page404", "not_found", 1, "check the base URL"),
    ("redirect", "invalid", 1, "redirect"),
    ("500", "server", 3, "had an error (500)"),
    ("502?body=html", "server", 3, "had an error (502)"),
    ("503", "overloaded", 3, "overloaded"),
    ("529", "overloaded", 3, "overloaded"),
    ("504", "timeout", 3, "took too long"),
    ("408", "timeout", 3, "took too long"),
    ("html", "invalid", 1, "web page"),
]
UNKNOWN_COST = [
    ("close", "network", 3, "was lost"),
    ("reset", "network", 3, "was lost"),
    ("slow_body?s=3", "timeout", 3, "did not begin to answer"),
    ("slow?s=3", "timeout", 3, "did not begin to answer"),
    ("overload", "overloaded", 3, "overloaded"),
    ("error", "server", 3, "Internal error"),
    ("gzip", "truncated", 3, "broke off"),
    ("big_line", "server", 3, "far more than an answer"),
]
AFTER_TEXT = [
    ("cut", "network", 2, "was lost"),
    ("rst", "network", 2, "was lost"),
    ("early_end", "truncated", 2, "broke off before its end"),
    ("stall", "timeout", 2, "stopped sending"),
    ("garbage", "server", 2, "unreadable"),
    ("overload?after=6", "overloaded", 2, "overloaded"),
    ("error?after=6", "server", 2, "Internal error"),
]


def check(bench: Bench, wire: str, step: str, kind: str, requests: int, words: str) -> Any:
    if kind == "timeout" and not step.isdigit():
        bench.hurry()
    outcome = bench.run(wire, step)
    error, rows = outcome.error, bench.rows.of(step)
    assert isinstance(error, ProviderError), outcome.result
    assert (kind, requests) == (error.kind, len(bench.server.of(step)))
    assert words in str(error)
    assert str(error).endswith(".") and "\n" not in str(error)
    assert KEY not in str(error) and KEY not in repr(error.__cause__)
    assert requests == len(rows)
    assert {("failed", kind)} == {(r.status, r.error_kind) for r in rows}
    assert requests - 1 == len(outcome.of(RetryingEvent))
    if requests > 1:
        assert f"{requests} attempts" in str(error)
    return outcome


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("step", "kind", "requests", "words"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_refused_request_costs_nothing_and_says_what_to_do(
    bench: Bench, wire: str, step: str, kind: str, requests: int, words: str
) -> None:
    """A status instead of an answer: the kind, one sentence, no more requests than make sense, rows at an explicit 0."""
    check(bench, wire, step, kind, requests, words)
    for row in bench.rows.of(step):
        assert (0, 0, False) == (row.usage.input_tokens, row.usage.output_tokens, row.usage.estimated)
        assert (0.0, "not billed") == (row.cost_usd, row.price_source)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("step", "kind", "requests", "words"), UNKNOWN_COST, ids=[r[0] for r in UNKNOWN_COST])
def test_a_failure_without_text_has_an_unknown_cost(
    bench: Bench, wire: str, step: str, kind: str, requests: int, words: str
) -> None:
    """The provider may have worked and may bill: the tokens are estimates, marked so, and the cost is unknown, not 0."""
    outcome = check(bench, wire, step, kind, requests, words)
    assert "" == outcome.result.text
    for row in bench.rows.of(step):
        assert row.usage.estimated and row.usage.input_tokens > 0
        assert row.cost_usd is None


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(("step", "kind", "requests", "words"), AFTER_TEXT, ids=[r[0] for r in AFTER_TEXT])
def test_a_break_after_text_keeps_the_text_and_begins_again_once(
    bench: Bench, wire: str, step: str, kind: str, requests: int, words: str
) -> None:
    """What came is kept and never doubled; there is one restart at most, and every attempt's tokens are estimated."""
    outcome = check(bench, wire, step, kind, requests, words)
    assert outcome.result.text and GOOD.startswith(outcome.result.text)
    assert "stopped" == outcome.result.finish
    assert 1 == len(outcome.of(RestartEvent))
    assert all(r.usage.estimated and r.usage.output_tokens > 0 and r.cost_usd is None for r in bench.rows.of(step))


@pytest.mark.parametrize("wire", WIRES)
def test_a_break_is_mended_by_one_restart(bench: Bench, wire: str) -> None:
    """The second attempt's text takes the place of the first one's; both attempts are in the result and in the ledger."""
    outcome = bench.run(wire, "cut;ok")
    assert (GOOD, "complete") == (outcome.result.text, outcome.result.finish)
    assert (
        ["failed", "ok"] == [r.status for r in bench.rows.of("cut;ok")] == [a.status for a in outcome.result.attempts]
    )
    assert outcome.result.total_usd is None


@pytest.mark.parametrize("wire", WIRES)
def test_old_text_stays_until_new_text_is_there(bench: Bench, wire: str) -> None:
    """When the second attempt brings nothing, the text of the first is what the reader keeps."""
    outcome = bench.run(wire, "cut;500;500")
    assert isinstance(outcome.error, ProviderError)
    assert "server" == outcome.error.kind
    assert outcome.result.text and [] == outcome.of(RestartEvent)
    assert 3 == len(bench.rows.of("cut;500;500"))


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("header", ["retry=0.2", "ms=200"])
def test_retry_after_is_waited_for(bench: Bench, wire: str, header: str) -> None:
    """A wait that the provider asks for, in seconds or milliseconds, is a lower bound on ours, and the reader is told of it."""
    step = f"429?{header};ok"
    outcome = bench.run(wire, step)
    assert GOOD == outcome.result.text
    first, second = bench.server.of(step)
    assert second.at - first.at >= 0.2
    (retrying,) = outcome.of(RetryingEvent)
    assert ("rate_limit", 1, 3) == (retrying.kind, retrying.attempt, retrying.attempts)
    assert "Trying again in 0 s (2 of 3)." in retrying.sentence


@pytest.mark.parametrize("wire", WIRES)
def test_retry_after_as_a_date_is_understood(bench: Bench, wire: str) -> None:
    """HTTP allows a date as well; one in the past means at once."""
    outcome = bench.run(wire, "429?date=-30;ok")
    assert GOOD == outcome.result.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("header", ["retry=3600", "date=3600"])
def test_a_wait_beyond_a_minute_is_given_up_on(bench: Bench, wire: str, header: str) -> None:
    """Nobody waits an hour in front of a chat: one request, and the sentence names the wait and its end."""
    outcome = bench.run(wire, f"429?{header}")
    assert 1 == len(bench.server.exchanges)
    assert isinstance(outcome.error, ProviderError)
    assert outcome.error.retry_after_s == pytest.approx(3600, abs=2)
    assert "60 min (until " in str(outcome.error) and " UTC)" in str(outcome.error)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("header", ["retry=-5", "retry=soon", "ms=never", "retry=nan"])
def test_a_senseless_retry_after_is_ignored(bench: Bench, wire: str, header: str) -> None:
    """A header that makes no sense neither stops the retry nor makes it wait."""
    assert GOOD == bench.run(wire, f"429?{header};ok").result.text


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("at", [*range(420, 760, 34), 611, 612, 613])
@pytest.mark.parametrize("end", ["", "&clean"])
def test_a_cut_at_any_byte_is_never_a_complete_answer(bench: Bench, wire: str, at: int, end: str) -> None:
    """Also inside a letter of several bytes and inside a marker: the text is a prefix of the whole, and the call has failed."""
    bench.runner.policy = bench.runner.policy.__class__(attempts=1)
    outcome = bench.run(wire, f"cut_bytes?at={at}{end}")
    assert isinstance(outcome.error, ProviderError)
    assert outcome.error.kind in ("network", "truncated", "server")
    assert GOOD.startswith(outcome.result.text)
    assert 1 == len(bench.rows.rows)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize(
    ("step", "finish", "text"),
    [
        ("empty", "empty", ""),
        ("blank", "empty", " \n"),
        ("thoughts", "empty", ""),
        ("length", "length", GOOD),
        ("refusal", "refused", GOOD),
    ],
)
def test_an_answer_that_is_none_is_told_apart(bench: Bench, wire: str, step: str, finish: str, text: str) -> None:
    """No text, text cut at the limit, a refusal: each has its own finish and sentence, and its tokens are counted as reported."""
    outcome = bench.run(wire, step)
    assert outcome.error is None
    assert (finish, text) == (outcome.result.finish, outcome.result.text)
    assert outcome.result.problem.endswith(".")
    (row,) = bench.rows.of(step)
    (exchange,) = bench.server.of(step)
    assert ("ok", False) == (row.status, row.usage.estimated)
    assert (exchange.input_tokens, exchange.output_tokens) == (row.usage.input_tokens, row.usage.output_tokens)


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("usage", ["none", "zero", "negative"])
def test_usage_that_is_missing_or_impossible_is_estimated_and_marked(bench: Bench, wire: str, usage: str) -> None:
    """The answer is complete, its cost is unknown: NULL in the ledger, the estimate beside it."""
    model = f"ok?usage={usage}"
    outcome = bench.run(wire, model)
    assert "complete" == outcome.result.finish
    (row,) = bench.rows.of(model)
    assert row.usage.estimated and row.usage.input_tokens > 0 and row.usage.output_tokens > 0
    assert row.cost_usd is None


@pytest.mark.parametrize("wire", WIRES)
def test_a_body_that_never_ends_after_the_last_event_changes_nothing(bench: Bench, wire: str) -> None:
    """The model said its end: a server that keeps the connection open costs a moment, not the answer."""
    began = time.monotonic()
    outcome = bench.run(wire, "no_done")
    assert (GOOD, "complete") == (outcome.result.text, outcome.result.finish)
    assert time.monotonic() - began < 1
    assert not bench.rows.of("no_done")[0].usage.estimated


@pytest.mark.parametrize("wire", WIRES)
def test_keep_alives_are_patience_not_an_answer(bench: Bench, wire: str) -> None:
    """Pings hold off the limit between chunks, but not for ever."""
    bench.hurry()
    assert GOOD == bench.run(wire, "pings?s=0.6").result.text
    bench.runner.policy = bench.runner.policy.__class__(attempts=1)
    outcome = bench.run(wire, "pings?s=20")
    assert isinstance(outcome.error, ProviderError) and "timeout" == outcome.error.kind


def test_a_server_that_refuses_an_optional_field_is_asked_without_it(bench: Bench) -> None:
    """Each such request is a row of its own; the next call leaves the field out from the start."""
    step = "refuse_field?field=stream_options"
    assert GOOD == bench.run("openai", step).result.text
    assert ["failed", "ok"] == [r.status for r in bench.rows.of(step)]
    assert GOOD == bench.run("openai", step).result.text
    assert 3 == len(bench.server.of(step))


def test_calls_side_by_side_learn_it_together(bench: Bench) -> None:
    """All were sent before the first refusal came; and what one model refuses is still sent to another."""
    step = "refuse_field?field=stream_options&s=0.3"
    asked = [Job(Request(step, (Message("user", str(n)),)), (bench.route("openai", step),)) for n in range(5)]
    assert [GOOD] * 5 == [found.text for found in bench.runner.map(asked) if isinstance(found, Result)]
    bench.run("openai", "ok")
    assert "stream_options" in bench.server.of("ok")[0].body


def test_the_limit_of_the_answer_changes_its_name_where_the_server_wants_it(bench: Bench) -> None:
    """`max_tokens` was renamed by OpenAI; a server tells by refusing one of them."""
    step = "refuse_field?field=max_tokens"
    assert GOOD == bench.run("openai", step, max_output_tokens=77).result.text
    assert [77, None] == [e.body.get("max_tokens") for e in bench.server.of(step)]
    assert 77 == bench.server.of(step)[1].body["max_completion_tokens"]


def test_an_answer_in_one_piece_is_read_like_a_stream(bench: Bench) -> None:
    """Some servers ignore that a stream was asked for."""
    outcome = bench.run("openai", "json")
    assert (GOOD, "complete") == (outcome.result.text, outcome.result.finish)
    assert not bench.rows.of("json")[0].usage.estimated


# --- no connection at all ---


def run_at(url: str, wire: str = "openai") -> tuple[ProviderError, list[Any]]:
    with FaultServer() as unused:
        from tests.providers.remote.kit import make_bench

        bench = make_bench(unused)
        bench.adapters[wire] = make_adapter(wire, url)
        try:
            outcome = bench.run(wire, "ok")
            assert isinstance(outcome.error, ProviderError)
            return outcome.error, bench.rows.rows
        finally:
            close(bench)


@pytest.mark.parametrize("wire", WIRES)
def test_a_closed_port_is_one_plain_sentence(wire: str) -> None:
    """Connection refused: host, cause, what to check; three attempts at most, none of which can have cost anything."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    error, rows = run_at(f"http://127.0.0.1:{port}/v1", wire)
    assert "network" == error.kind
    assert f"Nothing answers at 127.0.0.1:{port} (connection refused)" in str(error)
    assert [0.0] * 3 == [r.cost_usd for r in rows]


@pytest.mark.parametrize("wire", WIRES)
def test_an_unknown_host_is_one_plain_sentence(wire: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS: the sentence names the host and what to check."""

    def no_such_name(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    error, rows = run_at("https://nohost.invalid/v1", wire)
    assert "network" == error.kind
    assert "The host nohost.invalid of" in str(error) and "was not found" in str(error)
    assert 3 == len(rows)


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[FaultServer]:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = tmp_path / "server.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with FaultServer(context) as server:
        yield server


@pytest.mark.parametrize("wire", WIRES)
def test_a_certificate_that_is_not_trusted_is_one_plain_sentence(tls_server: FaultServer, wire: str) -> None:
    """TLS: the sentence never offers to switch the check off, and nothing of the request was sent."""
    error, _ = run_at(tls_server.openai_url, wire)
    assert "network" == error.kind
    assert "certificate was not accepted" in str(error)
    assert "disable" not in str(error) and [] == tls_server.exchanges
