"""Budgets: what calls may cost in a day and in a month, altogether and with one provider.

Before a call its likely cost is held against what was spent, in the same transaction that writes its row: two calls that each fit alone
never both get the last cent. The row keeps the likely cost until the real one is known, so a call that runs counts too. A call without
a price cannot be counted; it is never counted as $0, but told beside the sum, and not made any more once a budget is used up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

from rag.clock import midnight
from rag.errors import BudgetExceededError
from rag.usage.ledger import Ledger, Spent

Period = Literal["day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month")
SETTING: Final = "budgets"
NEAR: Final = 0.8
"""Share of a budget from which on it is warned of."""
WHERE: Final = "Settings → Budgets"
_CENT: Final = 1e-9  # sums of floats are never exact: what fits by less than this fits


class SettingsStore(Protocol):
    """Keeps JSON by key; the catalog does."""

    def setting(self, key: str, default: Any = None) -> Any: ...

    def set_setting(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Budget:
    """USD; None is no limit, 0 allows only what is free."""

    day: float | None = None
    month: float | None = None

    def __post_init__(self) -> None:
        for usd in (self.day, self.month):
            if usd is not None and not (math.isfinite(usd) and usd >= 0):
                raise ValueError("a budget is an amount of 0 or more")


@dataclass(frozen=True, slots=True)
class BudgetState:
    """How a budget stands now."""

    provider: str
    """Empty for all providers together."""
    period: Period
    limit_usd: float
    spent: Spent

    @property
    def left_usd(self) -> float:
        return max(0.0, self.limit_usd - self.spent.usd)

    @property
    def share(self) -> float:
        """What is used of it, 0 to 1; a budget of $0 is used up."""
        return min(1.0, self.spent.usd / self.limit_usd) if self.limit_usd else 1.0

    @property
    def is_near(self) -> bool:
        return self.share >= NEAR

    @property
    def name(self) -> str:
        """
        >>> BudgetState("openai", "day", 1.0, Spent()).name
        "today's budget for openai"
        """
        whose = f" for {self.provider}" if self.provider else ""
        return ("today's budget" if self.period == "day" else "this month's budget") + whose

    @property
    def warning(self) -> str:
        """A sentence once most of it is used, "" before."""
        if not self.is_near:
            return ""
        if self.left_usd <= _CENT:
            return f"{_capital(self.name)} of {money(self.limit_usd)} is used up; raise it in {WHERE}, or use a free model."
        return f"{self.share:.0%} of {self.name} of {money(self.limit_usd)} is used; {money(self.left_usd)} is left."


class Budgets:
    """The budgets of one workbench. Safe from any thread."""

    def __init__(self, ledger: Ledger, settings: SettingsStore) -> None:
        self._ledger, self._settings = ledger, settings

    def get(self, provider: str = "") -> Budget:
        """Return the budget of a provider, or of all together."""
        return _budgets(self._settings).get(provider, Budget())

    def set(self, provider: str = "", *, day: float | None = None, month: float | None = None) -> None:
        """Keep a budget; without both amounts it is gone. Raises `StoreError`."""
        kept = {**_budgets(self._settings), provider: Budget(day, month)}
        self._settings.set_setting(SETTING, {name: asdict(b) for name, b in kept.items() if b != Budget()})

    def spent(self, period: Period, provider: str = "") -> Spent:
        """Return what was spent today or this month, calls that run with their likely cost included."""
        return self._ledger.spent(begin(period), provider)

    def states(self) -> list[BudgetState]:
        """Return how every budget stands, the one for all providers first."""
        budgets = _budgets(self._settings)
        return [state for name in sorted(budgets) for state in self._of(name, budgets[name])]

    def warnings(self, provider: str | None = None) -> list[str]:
        """Return a sentence for each budget of which most is used; with a provider, only those that bind its calls."""
        return [s.warning for s in self.states() if s.warning and (provider is None or s.provider in ("", provider))]

    def allow(self, action: str, model: str, estimated_usd: float | None) -> None:
        """Raise `BudgetExceededError` for a call that may not be paid for any more; what is free is always allowed."""
        if estimated_usd == 0:
            return
        budgets = _budgets(self._settings)
        for name in ("", model.partition("/")[0]):
            for state in self._of(name, budgets.get(name, Budget())):
                _check(state, model, estimated_usd)

    def _of(self, provider: str, budget: Budget) -> list[BudgetState]:
        limits = [(period, getattr(budget, period)) for period in PERIODS]
        return [BudgetState(provider, p, usd, self.spent(p, provider)) for p, usd in limits if usd is not None]


def begin(period: Period, now: datetime | None = None) -> datetime:
    """Return when the day or the month began, in local time."""
    today = (now or datetime.now(UTC)).astimezone().date()
    return midnight(today if period == "day" else today.replace(day=1))


def end(period: Period, now: datetime | None = None) -> datetime:
    """Return when the next day or month begins, in local time."""
    began = begin(period, now).date()
    return midnight(began + timedelta(days=1) if period == "day" else (began + timedelta(days=31)).replace(day=1))


def money(usd: float) -> str:
    """Return "$12.50", "$0.0042": an amount with as many digits as tell something."""
    if 0 < usd < 0.0001:
        return "less than $0.0001"
    return f"${usd:,.2f}" if usd == 0 or usd > 0.0995 else f"${usd:.4f}"


def _check(state: BudgetState, model: str, estimated_usd: float | None) -> None:
    fits = state.left_usd > _CENT if estimated_usd is None else estimated_usd <= state.left_usd + _CENT
    if fits:
        return
    when = "tomorrow" if state.period == "day" else "next month"
    left = "nothing" if state.left_usd <= _CENT else money(state.left_usd)
    amount = "an amount that is not known" if estimated_usd is None else f"about {money(estimated_usd)}"
    raise BudgetExceededError(
        f"{model} would cost {amount}, but {left} is left of {state.name} of {money(state.limit_usd)}; raise it in {WHERE}, "
        f"use a free model, or wait until {when}."
    )


def _budgets(settings: SettingsStore) -> dict[str, Budget]:
    rows: Mapping[str, Mapping[str, float | None]] = settings.setting(SETTING, {}) or {}
    return {name: Budget(row.get("day"), row.get("month")) for name, row in rows.items()}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
