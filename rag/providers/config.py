"""The providers that the user has set up, kept as settings without their keys.

A key is entered for an address: when that changes, the key goes, wherever it was from, and has to be entered again. So does the name of
a variable: whoever may change an address must not learn what the variable holds.
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from rag.errors import ProviderError
from rag.providers import presets
from rag.providers.limits import Limits
from rag.providers.prices import FIELDS
from rag.providers.transport import is_loopback
from rag.providers.wording import SETTINGS

SETTING: Final = "providers"
FALLBACKS: Final = "fallback_models"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")
_LONGEST_MODEL: Final = 200
_LARGEST_WINDOW: Final = 100_000_000
_HIGHEST_PRICE: Final = 100_000
_PRIVATE_ENDINGS: Final = (".local", ".lan", ".internal", ".intranet", ".home.arpa", ".localhost")


class SettingsStore(Protocol):
    """Keeps JSON by key; the catalog does."""

    def setting(self, key: str, default: Any = None) -> Any: ...

    def set_setting(self, key: str, value: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """One provider as the user set it up. It holds no key."""

    name: str
    """First half of PROVIDER/MODEL."""
    kind: str = "openai"
    """A preset: "openai", "anthropic", "deepseek", "cloudflare", "ollama", "vllm", "llamacpp", "lmstudio", "openai-compatible" or
    "anthropic-compatible"."""
    base_url: str = ""
    """Empty takes the preset's."""
    models: tuple[str, ...] = ()
    """Chat models on offer, the default first."""
    embedding_models: Mapping[str, int] = field(default_factory=dict)
    """Embedding models on offer, with their dimension; 0 is not known yet."""
    small: str = ""
    large: str = ""
    windows: Mapping[str, int] = field(default_factory=dict)
    """Context windows in tokens that the price list does not know or has wrong; of an embedding model, what it reads of a text."""
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """The user's own prices by model: "input", "output", "cache_read", "cache_write" in USD per million tokens."""
    is_active: bool = True
    key_env: str = ""
    """Variable of the environment or of secrets.toml that holds the key: named on the command line, whose user owns the machine."""
    key_is_stored: bool = False
    """The key is in the key file: one that cannot be read is an error, not a missing key."""
    limits: Limits = field(default_factory=Limits)
    per_user: Limits | None = None
    """Of each visitor of the pages, beside those of all."""
    embed_texts: int = 0
    """Texts per embedding request; 0 takes the preset's."""
    first_byte_s: float = 0.0
    """Seconds until the first byte; 0 takes the preset's."""

    @property
    def url(self) -> str:
        return self.base_url or presets.preset(self.kind).base_url

    @property
    def host(self) -> str:
        """Scheme, host and port: what a key is bound to."""
        return host_of(self.url)

    @property
    def wants_key(self) -> bool:
        """Whether a call without a key makes no sense."""
        own = presets.preset(self.kind).needs_key and presets.is_own_host(self.kind, self.url)
        return own or bool(self.key_env) or self.key_is_stored

    @property
    def is_local(self) -> bool:
        """Whether it runs on the user's own machines, at an explicit price of 0."""
        found = presets.preset(self.kind)
        may_cost = not found.base_url  # any server may pass on to one that costs, from this machine, too
        return found.is_local or (is_loopback(self.url) and not self.wants_key and not may_cost)

    @property
    def held_to(self) -> str:
        """The limits that the user set, for the screen; empty where there are none."""
        all_, each = (str(limits) if limits and limits != Limits() else "" for limits in (self.limits, self.per_user))
        parts = (f"at most {all_}" if all_ else "", f"each visitor at most {each}" if each else "")
        return "; ".join(part for part in parts if part)

    @property
    def default_model(self) -> str:
        found = presets.preset(self.kind)
        return self.models[0] if self.models else found.answer if presets.is_own_host(self.kind, self.url) else ""


def make_config(name: str, kind: str = "openai", **more: Any) -> ProviderConfig:
    """Return a configuration whose parts make sense together. Raises `ProviderError`, which says what to correct."""
    if kind not in presets.PRESETS:
        raise _wrong(f"There is no kind of provider {kind!r}; choose one of {', '.join(presets.PRESETS)}.")
    config = ProviderConfig(name.strip().lower(), kind, **_with_limits(more))
    config = replace(config, base_url=config.base_url.strip().rstrip("/"))
    if not _NAME.fullmatch(config.name) or config.name == "local":
        raise _wrong(
            f"{name!r} cannot be the name of a provider; use up to 40 small letters, digits, dots and dashes, not 'local'."
        )
    _check_address(config.url)
    _check_models(config)
    return _with_defaults(config)


def _with_limits(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a configuration with limits made of what JSON holds of them; those of a later version are left out."""
    made = dict(parts)
    for name in ("limits", "per_user"):
        if isinstance(given := made.get(name), Mapping):
            made[name] = Limits(**{f.name: given[f.name] for f in fields(Limits) if f.name in given})
    return made


def _with_defaults(config: ProviderConfig) -> ProviderConfig:
    """Fill in the models of the preset, where its own service is meant and the user named none."""
    found = presets.preset(config.kind)
    if config.models or config.embedding_models or not presets.is_own_host(config.kind, config.url):
        return config
    models = tuple(dict.fromkeys(m for m in (found.answer, found.small, found.large) if m))
    embedding = {found.embedding: 0} if found.embedding else {}
    return replace(config, models=models, small=found.small, large=found.large, embedding_models=embedding)


def host_of(url: str) -> str:
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def _check_address(url: str) -> None:
    if not url.isprintable() or any(c.isspace() or c == "\\" for c in url):  # programs disagree on what these mean
        raise _wrong("An address holds no spaces, backslashes or hidden characters; enter it again by hand.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _wrong(f"{url!r} is no address; enter one like https://api.example.com/v1.") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise _wrong(f"{url!r} is no address; enter one like https://api.example.com/v1.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise _wrong(
            "A base URL holds no user, key or question mark; enter the address alone and the key in its own field."
        )
    if "ACCOUNT_ID" in url:
        raise _wrong("Cloudflare needs your account in the address; put its id in place of ACCOUNT_ID in the base URL.")
    if parts.scheme == "http" and not _is_private(host):
        raise _wrong(f"http://{host} would send the key and the questions in clear over the network; use https.")


def _check_models(config: ProviderConfig) -> None:
    """Refuse names and figures of models that make no sense."""
    for model in (*config.models, *config.embedding_models):
        if not model or len(model) > _LONGEST_MODEL or not model.isprintable() or any(c.isspace() for c in model):
            raise _wrong(f"{model[:80]!r} is no name of a model; write each on a line of its own, without spaces.")
    for model, tokens in config.windows.items():
        if not 256 <= tokens <= _LARGEST_WINDOW:
            raise _wrong(
                f"A context window of {tokens:,} tokens for {model} cannot be; enter 256 to {_LARGEST_WINDOW:,}."
            )
    for model, price in config.prices.items():
        if any(name not in FIELDS or not 0 <= usd <= _HIGHEST_PRICE for name, usd in price.items()):
            raise _wrong(
                f"A price of {model} is no amount from 0 to {_HIGHEST_PRICE:,} USD per million tokens; correct it."
            )
        if "input" not in price:
            raise _wrong(
                f"The price of {model} lacks the part for input; enter it, 0 if it is free, or clear the others."
            )


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith(_PRIVATE_ENDINGS)
    return address.is_private or address.is_loopback


def _wrong(sentence: str) -> ProviderError:
    return ProviderError("invalid", sentence)


def _changed(old: ProviderConfig, changes: dict[str, Any]) -> ProviderConfig:
    new = make_config(old.name, **{**_fields(old), **changes})
    if new.url == old.url:
        return new
    return replace(
        new, key_is_stored=False, key_env=changes.get("key_env", "")
    )  # its path too: one host may serve many


class ProviderBook:
    """The providers of one workbench, in the order in which they were added. Safe from any thread."""

    def __init__(
        self, store: SettingsStore, on_forget_key: Callable[[ProviderConfig], None] = lambda config: None
    ) -> None:
        """`on_forget_key` hears of a provider whose key must be dropped: it was removed, or its address changed."""
        self._store, self.on_forget_key = store, on_forget_key
        self.on_remove: Callable[[str], None] = lambda name: None
        """Hears the name of a provider that was removed: what else was set for it goes as well."""
        self._lock = threading.Lock()

    def all(self) -> tuple[ProviderConfig, ...]:
        return tuple(_from_json(row) for row in self._store.setting(SETTING, []) or ())

    def get(self, name: str) -> ProviderConfig:
        """Return the provider of that name; raises `ProviderError` when there is none."""
        for config in self.all():
            if config.name == name:
                return config
        known = ", ".join(c.name for c in self.all()) or "none yet"
        sentence = (
            f"There is no provider {name!r} (there are: {known}); add it in {SETTINGS} or with `rag provider add`."
        )
        raise ProviderError("not_found", sentence, provider=name)

    def add(self, config: ProviderConfig) -> ProviderConfig:
        """Keep a new provider. Raises `ProviderError` when the name is taken."""
        with self._lock:
            if config.name in {c.name for c in self.all()}:
                raise _wrong(f"There is a provider {config.name!r} already; choose another name or remove it first.")
            self._save([*self.all(), config])
        return config

    def change(self, name: str, **changes: Any) -> ProviderConfig:
        """Change a provider and return it. With another address its key, or the variable named for it, is dropped."""
        with self._lock:
            old = self.get(name)
            new = _changed(old, changes)
            self._save([new if c.name == name else c for c in self.all()])
        if new.url != old.url:
            self.on_forget_key(old)
        return new

    def changed(self, name: str, **changes: Any) -> ProviderConfig:
        """Return the provider as `change` would leave it; nothing is kept. Raises `ProviderError`."""
        return _changed(self.get(name), changes)

    def remove(self, name: str) -> None:
        """Forget a provider with its key and whatever was set for it."""
        with self._lock:
            old = self.get(name)
            self._save([c for c in self.all() if c.name != name])
            self._store.set_setting(FALLBACKS, [m for m in self._fallbacks() if not m.startswith(f"{name}/")])
        self.on_remove(name)
        self.on_forget_key(old)

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """PROVIDER/MODEL to ask after the chosen one failed, in order; of active providers only."""
        active = {c.name for c in self.all() if c.is_active}
        return tuple(m for m in self._fallbacks() if m.partition("/")[0] in active)

    def set_fallbacks(self, models: Sequence[str]) -> None:
        for model in models:
            self.get(model.partition("/")[0])
        self._store.set_setting(FALLBACKS, list(dict.fromkeys(models)))

    def _fallbacks(self) -> list[str]:
        return [str(m) for m in self._store.setting(FALLBACKS, []) or ()]

    def _save(self, configs: Sequence[ProviderConfig]) -> None:
        self._store.set_setting(SETTING, [asdict(c) for c in configs])


def _fields(config: ProviderConfig) -> dict[str, Any]:
    return {f.name: getattr(config, f.name) for f in fields(config) if f.name != "name"}


def _from_json(row: Mapping[str, Any]) -> ProviderConfig:
    """Return a stored configuration; fields of a later version are left out."""
    known = _with_limits({f.name: row[f.name] for f in fields(ProviderConfig) if f.name in row})
    known["models"] = tuple(known.get("models") or ())
    return ProviderConfig(**known)
