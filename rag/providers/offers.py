"""What an answer will cost, said before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.providers import presets
from rag.providers.prices import Tariff
from rag.types import Usage

if TYPE_CHECKING:
    from rag.providers.config import ProviderConfig
    from rag.providers.gateway import Gateway
    from rag.providers.keys import Key


def make_tariff(config: ProviderConfig, key: Key | None) -> Tariff:
    """Return the tariff; an address of this machine that wants a key may lead to a service that costs."""
    is_local = config.is_local and (key is None or presets.preset(config.kind).is_local)
    return Tariff(config.name, config.kind, is_local)


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
