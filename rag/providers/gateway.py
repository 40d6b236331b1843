"""The way to every remote model: what the user set up, the right client for whoever asks, and one runner under it all.

A client belongs to one provider, address and key, so two visitors with different keys never share one. Nothing is imported or
connected before the first call.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from rag.errors import ProviderError, RagError
from rag.providers import masking, presets, prices
from rag.providers.adapter import Adapter
from rag.providers.attempts import Job, Route
from rag.providers.books import Books, Gate, Recorder, allow_all
from rag.providers.calls import Call
from rag.providers.config import ProviderBook, ProviderConfig, SettingsStore, make_config
from rag.providers.embedding import Keep, RemoteEmbedder
from rag.providers.keys import Key, Keys
from rag.providers.loop import finish, submit
from rag.providers.messages import Capabilities, ModelInfo, Request, Result, Reuse, StreamEvent
from rag.providers.offers import embedding_model, make_tariff, routing_of
from rag.providers.policy import RetryPolicy, Timeouts
from rag.providers.prices import PriceBook, Tariff, UnitPrice
from rag.providers.reuse import ResponseStore
from rag.providers.routing import Routing
from rag.providers.runner import Runner
from rag.providers.structured import Structured, ask_for_json
from rag.providers.tokens import Calibration, estimate_request
from rag.providers.tools import MOST_TURNS, ToolResult, converse
from rag.providers.vault import FILE_NAME as KEY_FILE
from rag.providers.vault import PASSPHRASE_ENV, Vault, keyring_is_usable
from rag.providers.wording import SETTINGS, Target
from rag.types import Stop, Usage, never

if TYPE_CHECKING:
    from rag.providers.trial import Trial

CALIBRATION: Final = "token_calibration"
_MOST_CLIENTS: Final = 64
_PATIENCE_S: Final = 5.0  # with connections that do not close
_GRACE_S: Final = 300.0  # a call that runs may use its client until then


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model on offer: what stands beside its name in a list."""

    name: str
    """PROVIDER/MODEL."""
    is_embedding: bool
    is_default: bool
    context_window: int | None
    price: UnitPrice | None
    """None is unknown; a local one costs 0."""
    retires: str
    """ISO date; empty when none is announced."""
    problem: str
    """Why it cannot be used now, as a sentence; empty when it can."""
    capabilities: Capabilities


class Gateway:
    """Everything about remote models for one workbench. Safe from any thread."""

    def __init__(self, book: ProviderBook, keys: Keys, runner: Runner, settings: SettingsStore) -> None:
        self.book, self.keys, self.runner = book, keys, runner
        self._settings = settings
        self._clients: OrderedDict[tuple[str, ...], Adapter] = OrderedDict()
        self._lock = threading.Lock()
        book.on_forget_key = self._forget_key

    @classmethod
    def open(
        cls,
        settings: SettingsStore,
        recorder: Recorder,
        data_dir: Path,
        *,
        gate: Gate = allow_all,
        responses: ResponseStore | None = None,
        secrets: Mapping[str, str] | None = None,
        environ: Mapping[str, str] | None = None,
        policy: RetryPolicy | None = None,
    ) -> Gateway:
        """Set up the gateway of a data folder, which holds the key file and the user's prices."""
        masking.install()
        environ = os.environ if environ is None else environ
        passphrase = environ.get(PASSPHRASE_ENV, "")
        vault = Vault(data_dir / KEY_FILE, passphrase=passphrase, use_keyring=not passphrase and keyring_is_usable())
        keys = Keys(environ, secrets, vault)
        book = ProviderBook(settings)
        keys.remember_configured(book.all())
        books = Books(recorder, PriceBook(data_dir / prices.FILE_NAME), gate)
        calibration = Calibration(settings.setting(CALIBRATION, {}))
        return cls(book, keys, Runner(books, policy=policy, calibration=calibration, store=responses), settings)

    def close(self) -> None:
        """Close all connections and keep what was learned about token counts."""
        with self._lock:
            clients = list(self._clients.values())
            self._clients.clear()
        for client in clients:
            finish(client.close(), _PATIENCE_S)
        self.runner.close()

    def keep_calibration(self) -> None:
        """Store how far token estimates are off; raises `StoreError` in a workbench that was opened for reading."""
        self._settings.set_setting(CALIBRATION, self.runner.calibration.ratios())

    def warm_up(self) -> None:
        """Import what the first call to an active provider needs, which takes a second or two; from a background thread."""
        for config in self.book.all():
            if config.is_active and not self.problem(config):
                self._client(config, self.keys.find(config)).prepare()
                prices.context_window(config.kind, config.default_model)

    # --- keys ---

    def set_key(
        self, name: str, value: str, *, where: Literal["session", "key file"] = "session", user: str = ""
    ) -> Key:
        """Take a key for a provider at its present address. Raises `ProviderError`, and `KeyFileError` when it cannot be stored."""
        config = self.book.get(name)
        if where == "session":
            return self.keys.remember(config, value, user)
        key = self.keys.store(config, value)
        self.book.change(name, key_is_stored=True)
        return key

    def drop_key(self, name: str, *, user: str | None = None) -> None:
        """Forget a provider's key: of one visitor's session, or everywhere."""
        config = self.book.get(name)
        if user is not None:
            self.keys.forget(config, user)
            return
        self._forget_key(config)
        self.book.change(name, key_is_stored=False, key_env="")

    def _forget_key(self, config: ProviderConfig) -> None:
        """Forget the key of a provider with the clients that hold it; calls that run with it may end."""
        self.keys.forget(config)
        with self._lock:
            slots = [slot for slot in self._clients if slot[0] == config.name]
            retired = [self._clients.pop(slot) for slot in slots]
        for client in retired:
            submit(_close_later(client))

    # --- what there is ---

    @property
    def prices(self) -> PriceBook:
        return self.runner.books.prices

    def models(self, *, user: str = "") -> list[ModelCard]:
        """Return every model of the active providers; contacts nobody."""
        return [card for config in self.book.all() if config.is_active for card in self.cards(config, user)]

    def cards(self, config: ProviderConfig, user: str = "") -> Iterator[ModelCard]:
        """Yield the models of one provider; contacts nobody."""
        problem = self.problem(config, user)
        names = [(m, False) for m in config.models] + [(m, True) for m in config.embedding_models]
        for model, is_embedding in names:
            tariff = self.tariff(config, user)
            day = prices.retirement(config.kind, model)
            yield ModelCard(
                f"{config.name}/{model}", is_embedding, model == config.default_model, _capabilities(config, model).context_window,
                UnitPrice(0.0, 0.0, source="local") if tariff.is_local else self.prices.unit_price(tariff, model),
                day.isoformat() if day else "", problem, _capabilities(config, model),
            )  # fmt: skip

    def problem(self, config: ProviderConfig, user: str = "") -> str:
        """Return the sentence that says why a provider cannot be used, "" when it can; contacts nobody."""
        if not config.is_active:
            return f"{config.name} is switched off; activate it in {SETTINGS}."
        try:
            self.keys.find(config, user)
        except RagError as error:
            return str(error)
        return ""

    def tariff(self, config: ProviderConfig, user: str = "") -> Tariff:
        """Return what decides the price of a provider's models for a visitor; contacts nobody."""
        try:
            key = self.keys.find(config, user)
        except RagError:
            key = None
        return make_tariff(config, key)

    def key_hint(self, config: ProviderConfig, user: str = "") -> str:
        """Return where a provider's key is from with its last four characters, "" when there is none that can be used."""
        try:
            key = self.keys.find(config, user)
        except RagError:
            return ""
        return f"{key.source}, ending …{key.hint}" if key else ""

    def configure(self, name: str, kind: str = "openai", **more: Any) -> ProviderConfig:
        """Return a configuration that makes sense, not kept yet (`book.add`). Raises `ProviderError`."""
        return make_config(name, kind, **more)

    def try_out(self, config: ProviderConfig, *, key: str = "", model: str = "", user: str = "") -> Trial:
        """Make a small real call to each kind of model of a configuration that need not be kept yet. Raises nothing expected."""
        from rag.providers.trial import try_out

        return try_out(self, config, key=key, model=model, user=user)

    def before_trying(self, config: ProviderConfig, *, key: str = "", model: str = "", user: str = "") -> str:
        """Return what `try_out` will call and about what that costs, as a sentence; contacts nobody."""
        from rag.providers.trial import before

        return before(self, config, key=key, model=model, user=user)

    def routing(self, chosen: str, user: str = "") -> Routing:
        """Return the rule by which tasks go to small and large models, for somebody who chose PROVIDER/MODEL; contacts nobody."""
        return routing_of(self, self._settings, chosen, user)

    def capabilities(self, name: str) -> Capabilities:
        """Return what PROVIDER/MODEL can take. Raises `ProviderError` for a provider that is not set up."""
        provider, model = split(name)
        return _capabilities(self.book.get(provider), model)

    def listed_models(self, name: str, *, user: str = "") -> list[ModelInfo]:
        """Ask a provider which models it has. Raises `ProviderError`."""
        config = self.book.get(name)
        client = self._client(config, self.keys.find(config, user))
        client.prepare()
        return submit(client.models()).result()

    # --- calls ---

    def start(
        self,
        request: Request,
        *,
        fallbacks: Sequence[str] | None = None,
        action: str = "ask",
        user: str = "",
        reuse: Reuse = "off",
    ) -> Call:
        """Begin a call. `fallbacks` None takes the user's order, () none. Raises `ProviderError` when the model is not set up."""
        return self.runner.start(self._job(request, fallbacks, action, user, reuse))

    def run(
        self,
        request: Request,
        *,
        fallbacks: Sequence[str] | None = None,
        action: str = "ask",
        user: str = "",
        reuse: Reuse = "off",
    ) -> Result:
        """Run a call to its end. Raises `ProviderError`."""
        return self.start(request, fallbacks=fallbacks, action=action, user=user, reuse=reuse).wait()

    def map(
        self,
        requests: Sequence[Request],
        *,
        action: str = "ask",
        user: str = "",
        reuse: Reuse = "off",
        on_done: Callable[[int], None] | None = None,
        stop: Stop = never,
    ) -> list[Result | RagError]:
        """Run many calls side by side under the limits; results in order, a failure in the place of its own."""
        return self.runner.map([self._job(r, None, action, user, reuse) for r in requests], on_done=on_done, stop=stop)

    def ask_for_json(
        self, request: Request, *, action: str = "ask", user: str = "", reuse: Reuse = "off"
    ) -> Structured:
        """Return a value that fits `request.schema`, mended at most once. Raises `ProviderError`."""
        return ask_for_json(request, lambda r: self.run(r, action=action, user=user, reuse=reuse))

    def converse(
        self,
        request: Request,
        *,
        action: str = "research",
        user: str = "",
        most_turns: int = MOST_TURNS,
        stop: Stop = never,
    ) -> Iterator[StreamEvent | ToolResult]:
        """Yield the events of a call whose tools run here, until the model answers. Raises `ProviderError`."""
        return converse(request, lambda r: self.start(r, action=action, user=user), most_turns=most_turns, stop=stop)

    def embedder(self, name: str, *, action: str = "embed", user: str = "", keep: Keep | None = None) -> RemoteEmbedder:
        """Return the embedding model of that name; contacts nobody. Raises `ProviderError` when it is not set up."""
        provider, model = split(name)
        config = self.book.get(provider)
        quirks = presets.quirks(config.kind, config.url)
        return RemoteEmbedder(
            self.runner,
            self._route(name, user),
            embedding_model(config, model),
            batch_texts=config.embed_texts or quirks.embed_texts,
            batch_tokens=quirks.embed_tokens,
            action=action,
            user=user,
            keep=keep,
        )

    def likely_usd(self, request: Request, *, output_tokens: int = 500) -> float | None:
        """Return about what a call would cost, None when there is no price; contacts nobody."""
        provider, model = split(request.model)
        config = self.book.get(provider)
        tokens = self.runner.calibration.corrected(request.model, estimate_request(request))
        tariff = self.tariff(config)
        return self.prices.cost(tariff, model, Usage(tokens, output_tokens, estimated=True)).estimated_usd

    def _job(self, request: Request, fallbacks: Sequence[str] | None, action: str, user: str, reuse: Reuse) -> Job:
        chosen = [self._route(request.model, user)]
        for name in self.book.fallbacks if fallbacks is None else fallbacks:
            if name == request.model:
                continue
            try:
                chosen.append(self._route(name, user))
            except RagError:
                if fallbacks is not None:  # one that was asked for by name is an error, one of the list is left out
                    raise
        return Job(request, tuple(chosen), action, user, reuse)

    def _route(self, name: str, user: str) -> Route:
        provider, model = split(name)
        config = self.book.get(provider)
        if not config.is_active:
            raise ProviderError("invalid", self.problem(config, user), provider=provider, model=model)
        key = self.keys.find(config, user)
        return make_route(config, model, self._client(config, key), key)

    # --- clients ---

    def _client(self, config: ProviderConfig, key: Key | None) -> Adapter:
        """Return the client of a provider for that key, made at its first use and kept while it is used."""
        secret = hashlib.sha256((key.value if key else "").encode()).hexdigest()
        windows = str(sorted(config.windows.items()))
        slot = (config.name, config.kind, config.url, str(config.first_byte_s), windows, secret)
        with self._lock:
            client = self._clients.get(slot)
            if client is None:
                client = self._clients[slot] = make_adapter(config, key)
            self._clients.move_to_end(slot)
            while len(self._clients) > _MOST_CLIENTS:
                submit(_close_later(self._clients.popitem(last=False)[1]))
            return client


async def _close_later(client: Adapter) -> None:
    await asyncio.sleep(_GRACE_S)
    await client.close()


def make_route(config: ProviderConfig, model: str, adapter: Adapter, key: Key | None) -> Route:
    return Route(adapter, model, make_tariff(config, key), config.limits, config.per_user)


def make_adapter(config: ProviderConfig, key: Key | None) -> Adapter:
    """Return a client for a provider and a key; nothing is imported or connected yet."""
    secret, hint = (key.value, key.hint) if key else ("", "")
    target = Target(config.name, "", config.url, hint, secret)
    found = presets.preset(config.kind)
    timeouts = Timeouts(first_byte_s=config.first_byte_s or presets.first_byte_s(config.kind, config.url))

    @lru_cache(maxsize=256)
    def can(model: str) -> Capabilities:
        return _capabilities(config, model)

    if found.wire == "anthropic":
        from rag.providers.anthropic_messages import AnthropicMessages

        return AnthropicMessages(target, timeouts, can)
    from rag.providers.openai_compatible import OpenAICompatible

    return OpenAICompatible(target, presets.quirks(config.kind, config.url), timeouts, can)


def _capabilities(config: ProviderConfig, model: str) -> Capabilities:
    window = config.windows.get(model) or prices.context_window(config.kind, model)
    return replace(presets.capabilities(config.kind, model), context_window=window)


def split(name: str) -> tuple[str, str]:
    """Return (provider, model) of PROVIDER/MODEL; the model may hold slashes of its own. Raises `ProviderError`."""
    provider, _, model = name.partition("/")
    if not provider or not model:
        example = f"openai/{presets.preset('openai').answer}"
        raise ProviderError("invalid", f"{name!r} is no model; name it as PROVIDER/MODEL, such as {example}.")
    return provider, model
