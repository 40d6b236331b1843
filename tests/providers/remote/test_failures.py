"""Telling failures apart: replies as providers word them, without a provider."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import openai
import pytest

from rag.errors import ProviderError
from rag.providers.failures import classify, counted, given_up, retry_after_s
from rag.providers.policy import RetryPolicy
from rag.providers.wording import Target
from tests.providers.remote.kit import KEY

TARGET = Target("lab", "model-x", "https://api.example.com/v1", KEY[-4:], KEY)


def replied(status: int, body: Any, headers: dict[str, str] | None = None) -> ProviderError:
    """Classify a reply as the SDK raises it."""
    client = openai.OpenAI(
        api_key=KEY,
        base_url=TARGET.base_url,
        max_retries=0,
        http_client=httpx2.Client(
            transport=httpx2.MockTransport(
                lambda request: httpx2.Response(
                    status, content=body if isinstance(body, str) else json.dumps(body), headers=headers
                )
            )
        ),
    )
    with client, pytest.raises(openai.APIError) as caught:
        client.models.list()
    return classify(caught.value, TARGET)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # A rate limit that links to the billing page is not a used-up budget.
        (429, {"error": {"message": "Rate limit reached. Add a payment method at https://x/account/billing.", "code": "rate_limit_exceeded"}}, "rate_limit"),
        (429, {"error": {"message": "Request too large for gpt: too many tokens per min", "type": "tokens"}}, "rate_limit"),
        (429, {"errors": [{"message": "You have used up your daily free allocation of 10,000 neurons.", "code": 3036}], "success": False}, "quota"),
        (429, {"errors": [{"message": "Capacity temporarily exceeded, please try again.", "code": 3040}]}, "overloaded"),
        (400, {"error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}}, "quota"),
        (400, {"error": {"type": "invalid_request_error", "message": "You have reached your specified API usage limits."}}, "quota"),
        (402, {"error": {"message": "Insufficient Balance"}}, "quota"),
        (401, {"error": {"type": "invalid_request_error", "code": "invalid_api_key", "message": "Incorrect API key"}}, "auth"),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400}, "context"),
        (400, {"error": {"code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error"}}, "context"),
        (404, {"error": "model 'llama9' not found, try pulling it first"}, "not_found"),
        (422, {"detail": [{"loc": ["body"], "msg": "field required"}]}, "invalid"),
        (500, {"error": {"message": "context window manager crashed"}}, "server"),
        (520, "error code: 520", "server"),
        (409, {"error": {"message": "conflict"}}, "server"),
    ],
)  # fmt: skip
def test_replies_as_providers_word_them(status: int, body: Any, kind: str) -> None:
    """The type or code inside comes first, then the status; the same words mean different things at different statuses."""
    error = replied(status, body)
    assert kind == error.kind, str(error)
    assert str(error).endswith(".")


def test_a_missing_model_and_a_wrong_address_are_told_apart() -> None:
    """Both are a 404: one comes with words about a model, the other with a web page."""
    assert "has no model model-x" in str(replied(404, {"error": "model not found"}))
    assert "check the base URL" in str(replied(404, "<html>Not Found</html>"))


def test_a_sentence_has_no_key_no_markup_and_no_end_of_line() -> None:
    """A provider's own words are quoted on one line, short, without a key that it quotes back."""
    error = replied(400, {"error": {"message": f"bad\n\nkey {KEY} and Bearer {KEY} \u202e " + "x" * 900}})
    text = str(error)
    assert KEY not in text and "…end9" in text
    assert "\n" not in text and "\u202e" not in text and len(text) < 450


def test_the_request_is_named() -> None:
    """Its id is what a provider's support asks for."""
    error = replied(500, {"error": {}}, {"x-request-id": "req_42"})
    assert "req_42" == error.request_id and str(error).endswith("(request req_42).")
    assert str(counted(error, 3)).endswith("(request req_42, 3 attempts).")


def test_waits_are_read_in_every_form() -> None:
    """Seconds, milliseconds, a date; what makes no sense is no wait."""
    now = datetime.now(UTC)
    date = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert 7.0 == retry_after_s({"retry-after": "7"})
    assert 0.25 == retry_after_s({"retry-after-ms": "250", "retry-after": "9"})
    assert 90 == pytest.approx(retry_after_s({"retry-after": date}, now=now.timestamp()), abs=1)
    for value in ("-1", "soon", "nan", "inf", "1e30", ""):
        assert retry_after_s({"retry-after": value}) is None


@pytest.mark.parametrize(("seconds", "words"), [(90, "90 s"), (600, "10 min"), (7200, "2 h"), (90_000, "25 h")])
def test_a_long_wait_is_said_in_words(seconds: float, words: str) -> None:
    """With the time at which it ends; a day ahead with its date."""
    error = ProviderError("rate_limit", "x", retry_after_s=seconds)
    text = str(given_up(error, TARGET))
    assert f"asks to wait {words} (until " in text
    assert (seconds > 20 * 3600) == ("-" in text.split("until ")[1].split(" UTC")[0])


def test_waits_grow_and_are_spread() -> None:
    """Full jitter: anywhere between nothing and a bound that doubles up to a cap; a provider's wait is a lower bound."""
    policy = RetryPolicy(base_s=1.0, cap_s=5.0)
    for failures, bound in ((1, 1.0), (2, 2.0), (3, 4.0), (4, 5.0)):
        waits = [policy.wait_s(failures, None) for _ in range(200)]
        assert all(w is not None and 0 <= w <= bound for w in waits)
        assert max(w for w in waits if w is not None) > bound / 2
    assert all(3 <= (policy.wait_s(1, 3.0) or 0) <= 3.25 for _ in range(50))
    assert policy.wait_s(1, 61.0) is None


def test_a_connection_that_does_not_close_fails_nobody() -> None:
    """Tidying up is waited for a moment and then left to itself."""
    from rag.providers.loop import finish

    began = time.monotonic()
    finish(asyncio.sleep(30), 0.1)
    assert time.monotonic() - began < 10
