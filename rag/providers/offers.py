"""What an answer will cost, said before it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rag.providers.prices import Tariff
from rag.types import Usage

if TYPE_CHECKING:
    from rag.providers.gateway import Gateway


def likely_usd(gateway: Gateway, model: str, prompt_tokens: int, output_tokens: int) -> float | None:
    """Return about what a call costs, None when there is no price; contacts nobody.

    `prompt_tokens` is our own estimate, which is corrected by what this model reported so far. Raises `ProviderError`.
    """
    provider, _, name = model.partition("/")
    if provider == "local":
        return 0.0
    config = gateway.book.get(provider)
    usage = Usage(gateway.runner.calibration.corrected(model, prompt_tokens), output_tokens, estimated=True)
    tariff = Tariff(config.name, config.kind, config.is_local)
    return gateway.prices.cost(tariff, name, usage).estimated_usd
