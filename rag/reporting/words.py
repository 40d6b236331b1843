"""Figures of an answer in words, the same in every report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rag.types import Answer, Paid, SearchOptions, Usage


def narrowed(options: SearchOptions) -> str:
    """Return what a search was narrowed down to, "" when it was to nothing."""
    from rag.retrieval.filtering import described  # here, because all of retrieval comes with it

    return f"within a filter ({described(options.filters)})" if options.filters else ""


def cost(usd: float | None) -> str:
    """Return "$0.00", "$0.0042", "< $0.0001"; "unknown" is never $0."""
    if usd is None:
        return "unknown"
    if 0 < usd < 0.0001:
        return "< $0.0001"
    return f"${usd:.2f}" if usd == 0 or usd >= 1 else f"${usd:.4f}"


def spent(totals: Sequence[Mapping[str, Any]]) -> str:
    """Return what calls cost, by rows of `Ledger.totals`: "$0.0100 + about $0.0020 + 4 calls of unknown price".

    What is estimated says so, and what has no price is told, neither left out nor $0.
    """
    known = [t["cost_usd"] for t in totals if t["cost_usd"] is not None]
    likely = [t["estimated_usd"] for t in totals if t["estimated_usd"] is not None]
    unpriced = sum(t["unpriced"] for t in totals)
    parts = (
        cost(sum(known)) if known else "",
        f"about {cost(sum(likely))}" if likely else "",
        f"{count(unpriced, 'call')} of unknown price" if unpriced else "",
    )
    return " + ".join(part for part in parts if part)


def foreseen(tokens: int, usd: float | None) -> str:
    """Return what something will take: "about 1,200 tokens, about $0.0120"; a price that is not known is said to be unknown."""
    price = "price unknown, so it counts in no budget" if usd is None else "free" if usd == 0 else f"about {cost(usd)}"
    return f"about {round(tokens, -2 if tokens >= 1000 else 0):,} tokens, {price}"


def price(paid: Paid) -> str:
    """Return what was paid: "$0.0042", "about $0.0042 (estimated)" or "unknown"."""
    if paid.cost_usd is not None:
        return cost(paid.cost_usd)
    return "unknown" if paid.estimated_usd is None else f"about {cost(paid.estimated_usd)} (estimated)"


def price_of(answer: Answer) -> str:
    """Return what an answer cost, all that was called for it included."""
    if not answer.cached:
        return price(answer.paid)
    return "from the cache, free" if answer.cost_usd == 0 else f"{price(answer.paid)}, the answer itself from the cache"


def total(parts: Sequence[Paid], noun: str) -> str:
    """Return what several answers or checks cost together; those of unknown cost are counted beside the sum, never in it as $0.

    >>> total([Paid(cost_usd=0.5), Paid(cost_usd=None, estimated_usd=0.25), Paid(cost_usd=None)], "answer")
    'about $0.7500 (partly estimated) and 1 answer of unknown cost'
    """
    counted = [part for part in parts if part.cost_usd is not None or part.estimated_usd is not None]
    left = len(parts) - len(counted)
    if parts and not counted:
        return "unknown"
    whole = sum(counted, Paid())
    said = (
        cost(whole.cost_usd) if whole.cost_usd is not None else f"about {cost(whole.estimated_usd)} (partly estimated)"
    )
    return said + (f" and {count(left, noun)} of unknown cost" if left else "")


def duration(ms: float | None) -> str:
    """Return "8 ms", "1.4 s", "2 min 5 s"; "–" when it was not measured."""
    if ms is None:
        return "–"
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 60_000 else f"{ms // 60_000:.0f} min {ms % 60_000 / 1000:.0f} s"


def pages_text(numbers: tuple[int, ...]) -> str:
    """Return "p. 3" or "p. 3–4"; empty for a document without pages."""
    if not numbers:
        return ""
    return f"p.\u00a0{numbers[0]}" if len(numbers) == 1 else f"p.\u00a0{numbers[0]}–{numbers[-1]}"


def count(number: int, noun: str) -> str:
    """Return "1 chunk", "1,204 chunks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def tokens(used: Usage) -> str:
    """Return the tokens of calls, said to be estimated where they are; empty when none were used."""
    if not used.input_tokens and not used.output_tokens:
        return ""
    about = "about " if used.estimated else ""
    return f"{about}{used.input_tokens:,} in, {used.output_tokens:,} out"
