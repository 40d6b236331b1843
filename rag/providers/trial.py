"""Try a provider out before it is kept: the smallest real calls there are, one to each kind of model, what they cost said before and after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from rag.errors import ProviderError, ProviderErrorKind, RagError
from rag.providers import presets, prices
from rag.providers.accounts import counting
from rag.providers.adapter import Adapter
from rag.providers.attempts import Job, Route
from rag.providers.config import ProviderConfig
from rag.providers.embedding import RemoteEmbedder
from rag.providers.gateway import Gateway, make_adapter, make_route
from rag.providers.loop import finish, submit
from rag.providers.messages import Message, ModelInfo, Request
from rag.providers.offers import embedding_model
from rag.providers.tokens import estimate, estimate_request
from rag.providers.wording import SETTINGS
from rag.types import Paid, Usage

ACTION: Final = "test"
_QUESTION: Final = "Reply with the word ok."
_OUTPUT_TOKENS: Final = 64  # enough for a model that thinks before it writes
_LEAST_USD: Final = 0.000001
_HOPELESS: Final = ("auth", "quota", "network", "timeout")  # the provider's other models would meet the same


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one model."""

    model: str
    ok: bool
    sentence: str
    is_embedding: bool = False
    paid: Paid = field(default_factory=Paid)
    duration_ms: float = 0.0
    dimension: int = 0
    """Of an embedding model that answered."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test."""

    ok: bool
    """Whether every model that was tried answered, and one was."""
    sentence: str
    """For the screen: what answered, how fast and for how much, or what is wrong and what to do."""
    tried: tuple[Tried, ...] = ()
    models: tuple[ModelInfo, ...] = ()
    """The provider's own list; empty when it has none."""

    @property
    def paid(self) -> Paid:
        """What all of its calls took."""
        return sum((each.paid for each in self.tried), Paid())


def try_out(gateway: Gateway, config: ProviderConfig, *, key: str = "", model: str = "", user: str = "") -> Trial:
    """Call one chat and one embedding model of a configuration that need not be kept yet; `key` goes before any other.

    A `model` that is named is tried alone; without any named, the first of the provider's own list is. Raises nothing expected.
    """
    try:
        found = gateway.keys.remember(config, key, f"{user} (test)") if key else gateway.keys.find(config, user)
    except RagError as error:
        return Trial(False, str(error))
    finally:
        gateway.keys.forget(config, f"{user} (test)")
    adapter = make_adapter(config, found)
    try:
        adapter.prepare()
        listed = _listed(adapter)
        chosen = _to_try(config, model) or [(each.id, False) for each in listed[:1]]
        if not chosen:
            return Trial(False, f"{config.name} lists no models; name one to try.")
        routes = [(make_route(config, name, adapter, found), is_embedding) for name, is_embedding in chosen]
        tried = _in_turn(gateway, config, routes, user)
        return Trial(all(each.ok for each in tried), " ".join(each.sentence for each in tried), tried, listed)
    except RagError as error:
        return Trial(False, str(error))
    finally:
        finish(adapter.close(), 5.0)


def before(gateway: Gateway, config: ProviderConfig, *, key: str = "", model: str = "", user: str = "") -> str:
    """Return what a test will call and about what that costs, as a sentence; contacts nobody."""
    tariff = gateway.tariff(config, user)
    if key:  # with one that is entered, an address of this machine may lead to a service that costs
        tariff = replace(tariff, is_local=config.is_local and presets.preset(config.kind).is_local)
    parts = []
    for name, is_embedding in _to_try(config, model):
        usage = Usage(estimate(_QUESTION)) if is_embedding else Usage(estimate_request(_request(name)), _OUTPUT_TOKENS)
        usd = 0.0 if tariff.is_local else gateway.prices.cost(tariff, name, usage).estimated_usd
        if usd is None:
            price = "at an unknown price"
        else:
            price = "free" if usd == 0 else f"{'' if usd < _LEAST_USD else 'at most about '}{_dollars(usd)} (estimated)"
        parts.append(f"the {'embedding' if is_embedding else 'chat'} model {config.name}/{name}, {price}")
    if not parts:
        return f"Test makes one small call to the first model that {config.name} lists; its price is said after."
    return f"Test makes one small call to {'; and one to '.join(parts)}."


def _to_try(config: ProviderConfig, model: str) -> list[tuple[str, bool]]:
    """Return (model, whether it is an embedding model) of what is tried, as far as the configuration says."""
    if name := model.strip():
        return [(name, name in config.embedding_models and name not in config.models)]
    chat = config.default_model or next(iter(config.models), "")
    embedding = next(iter(config.embedding_models), "")
    return [(name, is_embedding) for name, is_embedding in ((chat, False), (embedding, True)) if name]


def _listed(adapter: Adapter) -> tuple[ModelInfo, ...]:
    """Return the provider's own list; one that keeps none is no reason to stop."""
    try:
        return tuple(submit(adapter.models()).result())
    except ProviderError:
        return ()


def _in_turn(
    gateway: Gateway, config: ProviderConfig, routes: Sequence[tuple[Route, bool]], user: str
) -> tuple[Tried, ...]:
    """Try one model after the other, up to a failure that the others would meet as well."""
    tried: list[Tried] = []
    for route, is_embedding in routes:
        one, kind = _one(gateway, config, route, is_embedding, user)
        tried.append(one)
        if kind in _HOPELESS:
            break
    return tuple(tried)


def _one(
    gateway: Gateway, config: ProviderConfig, route: Route, is_embedding: bool, user: str
) -> tuple[Tried, ProviderErrorKind | None]:
    """Call one model; return what became of it, and the kind of its failure."""
    began, problem, kind, dimension = time.monotonic(), "", None, 0
    with counting() as account:
        try:
            dimension = _embedded(gateway, config, route) if is_embedding else _answered(gateway, route, user)
        except RagError as error:
            problem, kind = str(error), error.kind if isinstance(error, ProviderError) else None
    ms, paid = (time.monotonic() - began) * 1000, account.paid
    made = f" with {dimension} numbers a vector" if dimension else ""
    said = f"{route.name} answered within {ms / 1000:.1f} s{made}; the test cost {_money(paid)}."
    if problem:
        said = problem if paid.cost_usd == 0 else f"{problem} The test cost {_money(paid)}."
    elif day := prices.retirement(config.kind, route.model):
        said = f"{said[:-1]}, but the model goes out of service on {day.isoformat()}; choose another."
    return Tried(route.model, not problem, said, is_embedding, paid, ms, dimension), kind


def _answered(gateway: Gateway, route: Route, user: str) -> int:
    """Have a chat model answer; there is no dimension to tell. Raises `ProviderError`."""
    gateway.runner.start(Job(_request(route.name), (route,), ACTION, user)).wait()
    return 0


def _embedded(gateway: Gateway, config: ProviderConfig, route: Route) -> int:
    """Have an embedding model make a vector; return its dimension. Raises `ProviderError`."""
    embedder = RemoteEmbedder(gateway.runner, route, embedding_model(config, route.model), action=ACTION)
    return len(embedder.embed_query(_QUESTION))


def _request(name: str) -> Request:
    return Request(name, (Message("user", _QUESTION),), max_output_tokens=_OUTPUT_TOKENS)


def _dollars(usd: float) -> str:
    """Return "$0.000670"; what would round to nothing is told as what it is less than, because it is not free."""
    return f"less than ${_LEAST_USD:f}" if usd < _LEAST_USD else f"${usd:.6f}"


def _money(paid: Paid) -> str:
    about, known = paid.estimated_usd, paid.cost_usd is not None
    usd = paid.cost_usd if known else about
    if usd is None:
        return f"an unknown amount (no price; add one in {SETTINGS})"
    if usd == 0:
        return "nothing"
    return _dollars(usd) if known else f"{'' if usd < _LEAST_USD else 'about '}{_dollars(usd)} (estimated)"


def known_kinds() -> dict[str, str]:
    """Return kind -> title of every preset, for a list to choose from."""
    return {kind: preset.title for kind, preset in presets.PRESETS.items()}
