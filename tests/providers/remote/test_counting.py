"""Counting without asking: token estimates and their correction, prices, and the limits on this side."""

from __future__ import annotations

import asyncio
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rag.providers import prices
from rag.providers.limits import Limiter, Limits
from rag.providers.presets import PRESETS
from rag.providers.prices import PriceBook, Tariff
from rag.providers.tokens import Calibration, estimate, with_margin
from rag.types import Usage
from tests.providers.remote.kit import on_a_loop

PROSE = (
    "The board met on Tuesday to review the annual report. Revenue rose by twelve per cent, mostly because the new plant in "
    "Ohio came on line in March, and the chair thanked everybody who had worked on it. "
) * 5

# --- tokens ---


@pytest.mark.parametrize(
    ("text", "characters_per_token", "tolerance"),
    [
        (PROSE, 4.7, 0.12),
        ("def spans(text: str) -> list[tuple[int, int]]:\n    return [(m.start(), m.end()) for m in RE.finditer(text)]\n" * 9, 3.6, 0.25),
        ("政府宣布了支持小企业的新措施,并将在明年减轻税收负担。" * 9, 1.4, 0.12),
        ("Правительство объявило о новых мерах поддержки малого бизнеса. " * 9, 3.9, 0.2),
    ],
)  # fmt: skip
def test_estimates_are_near_for_many_kinds_of_text(text: str, characters_per_token: float, tolerance: float) -> None:
    """Characters per token of o200k are known for these kinds of text; four characters a token would be off by up to two thirds."""
    assert estimate(text) == pytest.approx(len(text) / characters_per_token, rel=tolerance)


def test_a_margin_is_larger_for_text_with_accents() -> None:
    """Languages other than English split into more tokens."""
    assert with_margin(100, PROSE) < with_margin(100, "Prüfung für größere Häuser " * 9)
    assert 0 == estimate("")


def test_estimates_learn_from_what_is_reported() -> None:
    """A few calls bring the correction near the truth, per model; one wild report does not carry it away."""
    calibration = Calibration()
    for _ in range(8):
        calibration.learn("a/m", 1000, 1400)
    assert 1400 == pytest.approx(calibration.corrected("a/m", 1000), rel=0.01)
    assert 1000 == calibration.corrected("a/other", 1000)
    calibration.learn("a/m", 1000, 10**9)
    assert calibration.corrected("a/m", 1000) < 2000
    assert Calibration(calibration.ratios()).ratios() == calibration.ratios()


# --- prices ---


def test_an_unknown_price_is_unknown_never_zero(tmp_path: Path) -> None:
    """No price, no cost; a local server is an explicit 0."""
    book, usage = PriceBook(tmp_path / "prices.toml"), Usage(1000, 100)
    unknown = book.cost(Tariff("lab", "openai"), "nobody-knows-this", usage)
    assert (None, None, "unknown") == (unknown.usd, unknown.estimated_usd, unknown.source)
    assert book.unit_price(Tariff("lab", "openai"), "nobody-knows-this") is None
    local = book.cost(Tariff("ollama", "ollama", is_local=True), "llama", usage)
    assert (0.0, "local") == (local.usd, local.source)


def test_cached_input_and_long_prompts_have_their_own_price(tmp_path: Path) -> None:
    """Prices are per call: a long prompt costs more per token, a cached one less."""
    book, tariff = PriceBook(), Tariff("openai", "openai")
    plain = book.cost(tariff, "gpt-6-sol", Usage(100_000, 0)).usd
    cached = book.cost(tariff, "gpt-6-sol", Usage(100_000, 0, cache_read_tokens=100_000)).usd
    long = book.cost(tariff, "gpt-6-sol", Usage(400_000, 0)).usd
    assert (0.2, 0.02) == (pytest.approx(plain), pytest.approx(cached))
    assert plain is not None and long is not None and long > 4 * plain


def test_an_estimate_never_stands_in_for_a_cost() -> None:
    """Estimated tokens give an estimated cost, in its own field."""
    cost = PriceBook().cost(Tariff("openai", "openai"), "gpt-6-sol", Usage(1000, 100, estimated=True))
    assert cost.usd is None and cost.estimated_usd == pytest.approx(0.003)


def test_the_users_own_prices_go_first_and_are_read_again(tmp_path: Path) -> None:
    """By the provider's name or its kind, with what the file leaves out of caching at the price of input."""
    path, tariff = tmp_path / "prices.toml", Tariff("mine", "openai")
    book = PriceBook(path)
    path.write_text(
        '["mine/gpt-6-sol"]\ninput = 1.0\noutput = 4\n["openai/own"]\ninput = 2\noutput = 2\ncache_read = 0.5\n'
    )
    cost = book.cost(tariff, "gpt-6-sol", Usage(1_000_000, 1_000_000, cache_read_tokens=500_000))
    assert (5.0, "override") == (cost.usd, cost.source)
    assert "in 1, out 4" in cost.unit_price
    assert book.cost(tariff, "own", Usage(1_000_000, 0, cache_read_tokens=1_000_000)).usd == 0.5
    path.write_text('["mine/gpt-6-sol"]\ninput = 10\noutput = 40\n# longer now\n')
    assert 10.0 == book.cost(tariff, "gpt-6-sol", Usage(1_000_000, 0)).usd


@pytest.mark.parametrize(
    "text", ["[broken", '["a/b"]\ninput = -1', '["a/b"]\noutput = 1', '["ab"]\ninput = 1', '["a/b"]\ninput = "free"']
)
def test_a_price_file_that_cannot_be_used_is_said(tmp_path: Path, text: str) -> None:
    """One sentence; costs are unknown until it is corrected, rather than wrong."""
    path = tmp_path / "prices.toml"
    path.write_text(text)
    book = PriceBook(path)
    assert "cannot be used" in book.problem and book.problem.endswith("until then.")
    assert book.cost(Tariff("openai", "openai"), "gpt-6-sol", Usage(1000, 10)).usd is None


def test_no_default_goes_out_of_service_soon() -> None:
    """Each preset's models are in the price list and have no end announced; those that have are marked."""
    for kind, preset in PRESETS.items():
        for model in filter(None, (preset.small, preset.answer, preset.large, preset.embedding)):
            assert prices.retirement(kind, model) is None, model
            assert PriceBook().unit_price(Tariff(kind, kind), model) is not None, model
    assert date(2027, 1, 14) == prices.retirement("openai", "gpt-4o-mini")
    assert date(2026, 12, 11) == prices.retirement("openai", "gpt-5")
    assert prices.retirement("openai", "gpt-5.6-sol") is None
    assert date(2026, 11, 30) == prices.retirement("anthropic", "claude-sonnet-4-5-20250929")


def test_known_models_come_with_window_and_price() -> None:
    """What is offered first has no end in sight; models for other uses are left out."""
    known = {m.id: m for m in prices.known_models("anthropic")}
    assert 1_000_000 == known["claude-sonnet-5-5"].context_window
    price = known["claude-sonnet-5-5"].price
    assert price is not None and (2.0, 10.0) == (price.input, price.output)
    assert prices.known_models("anthropic")[0].retires is None
    assert not [m.id for m in prices.known_models("openai") if "realtime" in m.id or "whisper" in m.id]
    assert [] == prices.known_models("ollama")


# --- limits ---


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_no_minute_holds_more_requests_than_allowed() -> None:
    """A sliding window: whatever minute is looked at, it has at most that many."""
    clock = Clock()
    limiter, limits = Limiter(clock=clock), Limits(requests_per_minute=3, concurrent=None)

    async def run() -> list[float]:
        times = []
        for _ in range(9):
            permit = await _acquire(limiter, clock, 1, limits)
            times.append(clock.now)
            await limiter.release(permit, 1)
            clock.now += 5
        return times

    times = on_a_loop(run())
    for i, start in enumerate(times):
        assert sum(start <= t < start + 60 for t in times[i:]) <= 3
    assert times[-1] < 150


def test_tokens_are_corrected_after_the_call() -> None:
    """A call that took less than booked makes room, one that took more takes it."""
    clock = Clock()
    limiter, limits = Limiter(clock=clock), Limits(tokens_per_minute=1000, concurrent=None)

    async def run() -> tuple[float, float]:
        first = await _acquire(limiter, clock, 900, limits)
        await limiter.release(first, 100)
        second = await _acquire(limiter, clock, 800, limits)
        early = clock.now
        await limiter.release(second, 900)
        await _acquire(limiter, clock, 500, limits)
        return early, clock.now

    early, late = on_a_loop(run())
    assert (0.0, 60.0) == (early, pytest.approx(late, abs=0.1))


def test_a_call_larger_than_the_limit_goes_alone() -> None:
    """It would wait for ever otherwise."""
    clock = Clock()
    limiter, limits = Limiter(clock=clock), Limits(tokens_per_minute=100, concurrent=None)

    async def run() -> float:
        await _acquire(limiter, clock, 5000, limits)
        first = clock.now
        await _acquire(limiter, clock, 50, limits)
        assert 0.0 == first
        return clock.now

    assert 60.0 == pytest.approx(on_a_loop(run()), abs=0.1)


def test_one_visitor_cannot_use_up_what_others_may_have() -> None:
    """A limit per user holds beside the provider's own."""
    clock = Clock()
    limiter, everybody, each = Limiter(clock=clock), Limits(requests_per_minute=10), Limits(requests_per_minute=1)

    async def run() -> tuple[float, float]:
        await _acquire(limiter, clock, 1, everybody, "ann", each)
        await _acquire(limiter, clock, 1, everybody, "bob", each)
        both = clock.now
        await _acquire(limiter, clock, 1, everybody, "ann", each)
        return both, clock.now

    both, third = on_a_loop(run())
    assert (0.0, 60.0) == (both, pytest.approx(third, abs=0.1))


async def _acquire(
    limiter: Limiter, clock: Clock, tokens: int, limits: Limits, user: str = "", per_user: Limits | None = None
) -> Any:
    """Acquire a permit; whenever that has to wait, let the clock run on by itself."""
    task = asyncio.ensure_future(limiter.acquire("p", user, tokens, limits, per_user))
    for _ in range(100_000):
        await asyncio.sleep(0)
        if task.done():
            return task.result()
        clock.now += 0.05
        async with limiter._changed:
            limiter._changed.notify_all()
    raise AssertionError("no permit")


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute", "concurrent"])
def test_a_limit_of_nothing_is_a_mistake(field: str) -> None:
    """Zero would stop everything for ever; no limit is None."""
    with pytest.raises(ValueError, match="1 or more"):
        Limits(**{field: 0})
