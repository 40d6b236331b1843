"""What a call costs: the user's own price first, from Settings or the price file, then the price list of `genai-prices`, else unknown, which is never 0.

A cost is computed per call, because some prices rise with the length of the prompt, and is stored with the unit price that made it, so
that history does not change when prices do. A server of the user's own costs an explicit 0.
"""

from __future__ import annotations

import logging
import re
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from rag.providers.messages import Cost
from rag.types import Usage

log = logging.getLogger(__name__)

FILE_NAME: Final = "prices.toml"
FREE: Final = Cost(0.0, "local", 0.0, "0 USD")
NOT_BILLED: Final = Cost(0.0, "not billed", 0.0, "")
"""Of a request that was refused before a model saw it."""
FROM_CACHE: Final = Cost(0.0, "cache", 0.0, "")
FIELDS: Final = ("input", "output", "cache_read", "cache_write")
_LISTS: Final = frozenset({"openai", "anthropic", "deepseek", "cloudflare"})

# Models of the list that neither answer in text nor make vectors.
_OTHER_USE: Final = re.compile(
    r"audio|cyber|davinci|guard|image|indictrans|live|moderation|ocr|realtime|reranker|tts|transcribe|whisper"
)

# Announced ends of service; a name that begins like one of these is never offered as a default.
_RETIREMENTS: Final[tuple[tuple[str, str, date], ...]] = (
    ("anthropic", "claude-sonnet-4-5", date(2026, 11, 30)),
    ("openai", "gpt-5-", date(2026, 12, 11)),
    ("openai", "o3", date(2026, 12, 11)),
    ("openai", "gpt-4o", date(2027, 1, 14)),
    ("openai", "gpt-4.1", date(2027, 1, 14)),
    ("openai", "gpt-5.1", date(2027, 4, 1)),
    ("openai", "gpt-5.4-nano", date(2027, 4, 1)),
    ("deepseek", "deepseek-chat", date(2026, 7, 24)),
    ("deepseek", "deepseek-reasoner", date(2026, 7, 24)),
)


@dataclass(frozen=True, slots=True)
class Tariff:
    """Whose prices hold for a provider: its name is for the override file, its kind names the price list."""

    provider: str
    kind: str
    is_local: bool = False
    own: Mapping[str, UnitPrice] = field(default_factory=dict, hash=False)
    """Prices that the user entered with the provider, by model; before everything else."""


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """USD per million tokens. None where the list says nothing."""

    input: float | None = None
    output: float | None = None
    cache_read: float | None = None
    cache_write: float | None = None
    source: str = "override"

    def __str__(self) -> str:
        named = (
            ("in", self.input),
            ("out", self.output),
            ("cached in", self.cache_read),
            ("cache write", self.cache_write),
        )
        return ", ".join(f"{name} {value:g}" for name, value in named if value is not None) + " USD per million tokens"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model of the price list."""

    id: str
    context_window: int | None
    price: UnitPrice | None
    retires: date | None = None


class PriceBook:
    """Prices of all providers. Safe from any thread; the override file is read again when it changes."""

    def __init__(self, overrides: Path | None = None) -> None:
        """`overrides` is a TOML file: a table per "PROVIDER/MODEL" with input, output, cache_read, cache_write in USD per million."""
        self._path = overrides
        self._read_at: tuple[int, int] | None = None
        self._overrides: Mapping[str, UnitPrice] = {}
        self._problem = ""
        self._lock = threading.Lock()

    @property
    def problem(self) -> str:
        """The sentence about an override file that cannot be used; its prices are unknown until it is corrected."""
        self._own_prices()
        return self._problem

    def cost(self, tariff: Tariff, model: str, usage: Usage) -> Cost:
        """Return the cost of one call. Of estimated tokens it is an estimate, and `usd` stays None."""
        if tariff.is_local:
            return FREE
        price = self.unit_price(tariff, model)
        if price is None:
            return Cost()
        usd = _own_cost(price, usage) if price.source == "override" else _list_cost(tariff.kind, model, usage)
        if usd is None:
            return Cost()
        return Cost(None if usage.estimated else usd, price.source, usd, str(price))

    def unit_price(self, tariff: Tariff, model: str) -> UnitPrice | None:
        """Return the price per million tokens at the beginning of the scale; None when it is unknown."""
        if entered := tariff.own.get(model):
            return entered
        own = self._own_prices()
        for name in (tariff.provider, tariff.kind):
            if price := own.get(f"{name}/{model}"):
                return price
        if self._problem and self._path is not None:
            return None  # the user had a reason to correct prices: the list may be wrong
        return _list_price(tariff.kind, model)

    def _own_prices(self) -> Mapping[str, UnitPrice]:
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._read_at:
                self._read_at = stamp
                self._overrides, self._problem = _read(self._path) if stamp and self._path else ({}, "")
                if self._problem:
                    log.warning("%s", self._problem)
            return self._overrides


def known_models(kind: str) -> list[KnownModel]:
    """Return the models of a kind of provider that the price list knows, those without an end in sight first."""
    provider = _list(kind)
    if provider is None:
        return []
    found = [
        KnownModel(m.id, m.context_window, _unit_price(m.get_prices(_now()), _source()), retirement(kind, m.id))
        for m in provider.models
        if not m.deprecated and not _OTHER_USE.search(m.id)
    ]
    return sorted(found, key=lambda m: (m.retires is not None, m.id))


def context_window(kind: str, model: str) -> int | None:
    """Return the window of a model in tokens, None when the price list does not say."""
    found = _list_model(kind, model)
    window: int | None = found.context_window if found is not None else None
    return window


def retirement(kind: str, model: str) -> date | None:
    """Return the day on which a model goes out of service, None when none is announced."""
    whole = f"{model}-"
    return next(
        (day for k, start, day in _RETIREMENTS if k == kind and (model.startswith(start) or whole == start)), None
    )


# --- the price list -------------------------------------------------------------------------------------------------


def _list(kind: str) -> Any:
    if kind not in _LISTS:
        return None
    from genai_prices.data_snapshot import get_snapshot

    return next((p for p in get_snapshot().providers if p.id == kind), None)


@lru_cache(maxsize=512)
def _list_model(kind: str, model: str) -> Any:
    if kind not in _LISTS:
        return None
    from genai_prices.data_snapshot import get_snapshot

    try:
        return get_snapshot().find_provider_model(model, None, kind, None)[1]
    except LookupError:
        return None


def _list_price(kind: str, model: str) -> UnitPrice | None:
    found = _list_model(kind, model)
    return None if found is None else _unit_price(found.get_prices(_now()), _source())


def _list_cost(kind: str, model: str, usage: Usage) -> float | None:
    from genai_prices import Usage as Counted
    from genai_prices import calc_price

    counted = Counted(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens or None,
        cache_write_tokens=usage.cache_write_tokens or None,
    )
    try:
        return float(calc_price(counted, model_ref=model, provider_id=kind).total_price)
    except (LookupError, ValueError) as error:
        log.warning("no price for %s/%s: %s", kind, model, error)
        return None


def _unit_price(prices: Any, source: str) -> UnitPrice | None:
    values = [_base(getattr(prices, f"{name}_mtok", None)) for name in FIELDS]
    if values[0] is None and values[1] is None:
        return None
    return UnitPrice(values[0], values[1], values[2], values[3], source)


def _base(value: Any) -> float | None:
    """Return a price, at the beginning of its scale when it rises with the length of the prompt."""
    return None if value is None else float(getattr(value, "base", value))


def _source() -> str:
    import genai_prices

    return f"genai-prices {genai_prices.__version__}"


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


# --- the user's own prices ------------------------------------------------------------------------------------------


def _own_cost(price: UnitPrice, usage: Usage) -> float | None:
    """Return the cost by the override file. What it leaves out of caching costs as much as other input."""
    if price.input is None or (price.output is None and usage.output_tokens):
        return None
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    plain = max(0, usage.input_tokens - usage.cache_read_tokens - usage.cache_write_tokens)
    millionths = plain * price.input + usage.cache_read_tokens * read + usage.cache_write_tokens * write
    return (millionths + usage.output_tokens * (price.output or 0.0)) / 1e6


def _stamp(path: Path | None) -> tuple[int, int] | None:
    try:
        stat = path.stat() if path is not None else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size) if stat else None


def _read(path: Path) -> tuple[Mapping[str, UnitPrice], str]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: _own_price(name, table) for name, table in tables.items()}, ""
    except (OSError, ValueError) as error:
        return {}, f"The price file {path} cannot be used ({error}); correct it, costs are unknown until then."


def _own_price(name: str, table: Any) -> UnitPrice:
    if "/" not in name or not isinstance(table, dict):
        raise ValueError(f'expected a table ["PROVIDER/MODEL"], found {name!r}')
    for key, value in table.items():
        if key not in FIELDS or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise ValueError(f"{name}: {key} = {value!r} is not one of {', '.join(FIELDS)} with a price of 0 or more")
    if "input" not in table:
        raise ValueError(f"{name}: input is missing")
    own = {key: float(value) for key, value in table.items()}
    return UnitPrice(own["input"], own.get("output"), own.get("cache_read"), own.get("cache_write"))
