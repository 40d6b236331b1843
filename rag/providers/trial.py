"""Try a provider out before it is kept: one real call, the smallest there is, its cost said, and nothing stored unless it works."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from rag.errors import ProviderError, RagError
from rag.providers import presets, prices
from rag.providers.adapter import Adapter
from rag.providers.attempts import Job
from rag.providers.config import ProviderConfig
from rag.providers.embedding import RemoteEmbedder
from rag.providers.gateway import Gateway, make_adapter, make_route
from rag.providers.keys import Key
from rag.providers.loop import finish, submit
from rag.providers.messages import Message, ModelInfo, Request
from rag.providers.offers import embedding_model
from rag.providers.wording import SETTINGS
from rag.types import Usage

ACTION: Final = "test"
_QUESTION: Final = "Reply with the word ok."
_OUTPUT_TOKENS: Final = 64  # enough for a model that thinks before it writes


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of a test call."""

    ok: bool
    sentence: str
    """For the screen: what answered, how fast and for how much, or what is wrong and what to do."""
    model: str = ""
    cost_usd: float | None = None
    duration_ms: float = 0.0
    models: tuple[ModelInfo, ...] = ()
    """The provider's own list; empty when it has none."""
    dimension: int = 0
    """Of the embedding model, when one was tried."""


def try_out(gateway: Gateway, config: ProviderConfig, *, key: str = "", model: str = "", user: str = "") -> Trial:
    """Make one call with a configuration that need not be kept yet; `key` goes before any other. Raises nothing expected.

    Without a model named anywhere, the first of the provider's own list is asked.
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
        chosen = (
            model or config.default_model or next(iter(config.embedding_models), "") or (listed[0].id if listed else "")
        )
        if not chosen:
            return Trial(False, f"{config.name} lists no models; name one to try.")
        if chosen in config.embedding_models and not model.strip() and not config.models:
            return _try_embedding(gateway, config, chosen, adapter, found, listed)
        return _try_chat(gateway, config, chosen, adapter, found, listed, user)
    except RagError as error:
        return Trial(False, str(error))
    finally:
        finish(adapter.close(), 5.0)


def _listed(adapter: Adapter) -> tuple[ModelInfo, ...]:
    """Return the provider's own list; one that keeps none is no reason to stop."""
    try:
        return tuple(submit(adapter.models()).result())
    except ProviderError:
        return ()


def _try_chat(
    gateway: Gateway,
    config: ProviderConfig,
    model: str,
    adapter: Adapter,
    key: Key | None,
    listed: tuple[ModelInfo, ...],
    user: str,
) -> Trial:
    route = make_route(config, model, adapter, key)
    request = Request(route.name, (Message("user", _QUESTION),), max_output_tokens=_OUTPUT_TOKENS)
    result = gateway.runner.start(Job(request, (route,), ACTION, user)).wait()
    speed = f"{result.duration_ms / 1000:.1f} s"
    sentence = (
        f"{route.name} answered within {speed}; the test cost {_money(result.cost.usd, result.cost.estimated_usd)}."
    )
    if day := prices.retirement(config.kind, model):
        sentence = f"{sentence[:-1]}, but the model goes out of service on {day.isoformat()}; choose another."
    return Trial(True, sentence, model, result.cost.usd, result.duration_ms, listed)


def _try_embedding(
    gateway: Gateway,
    config: ProviderConfig,
    model: str,
    adapter: Adapter,
    key: Key | None,
    listed: tuple[ModelInfo, ...],
) -> Trial:
    route = make_route(config, model, adapter, key)
    began = time.monotonic()
    embedder = RemoteEmbedder(gateway.runner, route, embedding_model(config, model), action=ACTION)
    used: list[Usage] = []
    (vector,) = embedder.embed_documents([_QUESTION], on_used=used.append)
    ms = (time.monotonic() - began) * 1000
    cost = gateway.prices.cost(route.tariff, model, Usage.total(used))
    sentence = (
        f"{route.name} answered within {ms / 1000:.1f} s with {len(vector)} numbers a vector; "
        f"the test cost {_money(cost.usd, cost.estimated_usd)}."
    )
    return Trial(True, sentence, model, cost.usd, ms, listed, len(vector))


def _money(usd: float | None, estimated: float | None) -> str:
    if usd is not None:
        return "nothing" if usd == 0 else f"${usd:.6f}"
    return (
        f"about ${estimated:.6f} (estimated)"
        if estimated is not None
        else f"an unknown amount (no price; add one in {SETTINGS})"
    )


def known_kinds() -> dict[str, str]:
    """Return kind -> title of every preset, for a list to choose from."""
    return {kind: preset.title for kind, preset in presets.PRESETS.items()}
