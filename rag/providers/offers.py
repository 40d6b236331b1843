"""What an answer will cost, said before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Final

from rag.providers import presets
from rag.providers.embedding import KNOWN, EmbeddingModel
from rag.providers.prices import Tariff, UnitPrice
from rag.providers.routing import SETTING, Routing
from rag.types import Usage

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig, SettingsStore
    from rag.providers.gateway import Gateway
    from rag.providers.keys import Key


def make_tariff(config: ProviderConfig, key: Key | None) -> Tariff:
    """Return the tariff; an address of this machine that wants a key may lead to a service that costs."""
    is_local = config.is_local and (key is None or presets.preset(config.kind).is_local)
    own = {model: _unit_price(price) for model, price in config.prices.items()}
    return Tariff(config.name, config.kind, is_local, own)


def _unit_price(price: Mapping[str, float]) -> UnitPrice:
    return UnitPrice(price.get("input"), price.get("output"), price.get("cache_read"), price.get("cache_write"))


def embedding_model(config: ProviderConfig, model: str) -> EmbeddingModel | None:
    """Return what is known of an embedding model; None when its dimension has to be asked for."""
    known, dimension = KNOWN.get(model.removesuffix(":latest")), config.embedding_models.get(model, 0)
    if known is None:
        return (
            EmbeddingModel(dimension, config.windows.get(model) or EmbeddingModel(0).max_input_tokens)
            if dimension
            else None
        )
    shortened = dimension if dimension and dimension < known.dimension else None
    return replace(known, shortened_to=shortened, max_input_tokens=config.windows.get(model) or known.max_input_tokens)


def likely_usd(gateway: Gateway, model: str, prompt_tokens: int, output_tokens: int, user: str = "") -> float | None:
    """Return about what a call costs, None when there is no price; contacts nobody.

    `prompt_tokens` is our own estimate, which is corrected by what this model reported so far. Raises `ProviderError`.
    """
    provider, _, name = model.partition("/")
    if provider == "local":
        return 0.0
    config = gateway.book.get(provider)
    usage = Usage(gateway.runner.calibration.corrected(model, prompt_tokens), output_tokens, estimated=True)
    return gateway.prices.cost(gateway.tariff(config, user), name, usage).estimated_usd


def free_providers(gateway: Gateway, user: str = "") -> frozenset[str]:
    """Return the names of the providers at whose models every call is free, however it ends; contacts nobody."""
    return frozenset({"local", *(c.name for c in gateway.book.all() if gateway.tariff(c, user).is_local)})


def routing_of(gateway: Gateway, settings: SettingsStore, chosen: str, user: str = "") -> Routing:
    """Return the rule by which tasks go to models for somebody who chose `chosen`; contacts nobody.

    Where the user named no small or large model, those of the chosen model's provider stand in; one that cannot be used is left out.
    """
    kept = dict(settings.setting(SETTING, {}) or {})
    provider = chosen.partition("/")[0]
    configs = {config.name: config for config in gateway.book.all()}
    own = configs.get(provider)

    def usable(model: str) -> bool:
        config = configs.get(model.partition("/")[0])
        return config is not None and not gateway.problem(config, user)

    for size in ("small", "large"):
        name = getattr(own, size, "")
        kept.setdefault(size, f"{provider}/{name}" if own and name in own.models else "")
        if not usable(kept[size]):
            kept[size] = ""
    kept["overrides"] = {task: model for task, model in kept.get("overrides", {}).items() if usable(model)}
    return Routing(chosen, **{name: value for name, value in kept.items() if name in _RULE})


_RULE: Final = frozenset(f.name for f in fields(Routing)) - {"chosen"}
