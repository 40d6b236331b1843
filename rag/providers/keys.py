"""Where a key comes from: the environment or secrets.toml, else this session, else the key file. Only its last four are ever shown.

A visitor's own key lives in memory under that visitor's id and the address that it was entered for; nobody else's calls can pick it up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from rag.errors import ProviderError
from rag.providers import presets
from rag.providers.config import ProviderConfig
from rag.providers.masking import last_four, remember_secret
from rag.providers.vault import Vault
from rag.providers.wording import SETTINGS

Source = Literal["environment", "secrets.toml", "session", "key file"]
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Key:
    value: str = field(repr=False)
    source: Source

    @property
    def hint(self) -> str:
        """The last four characters: all that is ever shown of it."""
        return last_four(self.value)


class Keys:
    """Finds the key of a provider for a visitor. Safe from any thread."""

    def __init__(
        self, environ: Mapping[str, str], secrets: Mapping[str, str] | None = None, vault: Vault | None = None
    ) -> None:
        """`secrets` are the top-level texts of secrets.toml."""
        self._environ, self._secrets, self.vault = environ, secrets or {}, vault
        self._session: dict[tuple[str, str, str], str] = {}
        self._lock = threading.Lock()

    def find(self, config: ProviderConfig, user: str = "") -> Key | None:
        """Return the key for a call, None where none is needed.

        Raises `ProviderError` when one is needed and there is none, and `KeyFileError` when it is stored and cannot be read.
        """
        key = self._configured(config) or self._of_session(config, user)
        if key is None and config.key_is_stored and self.vault is not None:
            key = Key(self.vault.get(config.name, config.host), "key file")
        if key is not None:
            remember_secret(key.value)
            return key
        if config.wants_key:
            raise ProviderError("auth", _missing(config), provider=config.name)
        return None

    def remember(self, config: ProviderConfig, value: str, user: str = "") -> Key:
        """Keep a key in memory for this visitor."""
        value = clean(value)
        with self._lock:
            self._session[user, config.name, config.url] = value
        remember_secret(value)
        return Key(value, "session")

    def store(self, config: ProviderConfig, value: str) -> Key:
        """Keep a key in the key file, sealed; the caller then sets `key_is_stored`. Raises `KeyFileError`."""
        value = clean(value)
        if self.vault is None:
            raise ProviderError("invalid", "Keys cannot be stored here; keep the key for this session only.")
        remember_secret(value)
        self.vault.put(config.name, config.host, value)
        return Key(value, "key file")

    def forget(self, config: ProviderConfig, user: str | None = None) -> None:
        """Forget a provider's key: of one visitor, or of everybody and in the key file."""
        with self._lock:
            for slot in [s for s in self._session if s[1] == config.name and user in (None, s[0])]:
                del self._session[slot]
        if user is None and self.vault is not None and config.key_is_stored:
            self.vault.delete(config.name)

    def remember_configured(self, configs: Iterable[ProviderConfig]) -> None:
        """Have the log mask every key that stands in the environment or in secrets.toml, before any is used."""
        variables = {preset.key_env for preset in presets.PRESETS.values()} | {config.key_env for config in configs}
        for value in (*(self._value(name)[0] for name in variables if name), *self._secrets.values()):
            if isinstance(value, str):
                remember_secret(value.strip())

    def usual(self, kind: str, url: str) -> tuple[str, bool]:
        """Return the vendor's usual variable and whether it is set, at the vendor's own address alone; ("", False) elsewhere."""
        try:
            name = presets.preset(kind).key_env if presets.is_own_host(kind, url) else ""
        except ValueError:  # no address at all
            return "", False
        return name, bool(name and self._value(name)[0])

    def configured(self, config: ProviderConfig) -> str:
        """Return the variable whose key goes before any that is entered; "" where none is set."""
        return (config.key_env or self.usual(config.kind, config.url)[0]) if self._configured(config) else ""

    def _configured(self, config: ProviderConfig) -> Key | None:
        """Return the key from the variable that was named, or from the vendor's usual one at the vendor's own address."""
        name = config.key_env or self.usual(config.kind, config.url)[0]
        value, source = self._value(name) if name else ("", "environment")
        return Key(value, source) if value else None

    def _value(self, variable: str) -> tuple[str, Source]:
        """Return what the variable holds, "" when it is not set, and where it was found."""
        if value := self._environ.get(variable, "").strip():
            return value, "environment"
        value = self._secrets.get(variable, "")
        return (value.strip() if isinstance(value, str) else ""), "secrets.toml"

    def _of_session(self, config: ProviderConfig, user: str) -> Key | None:
        with self._lock:
            value = self._session.get((user, config.name, config.url))
        return Key(value, "session") if value else None


def clean(value: str) -> str:
    """Return a key as it was meant, without what a copy brought along. Raises `ProviderError` for what cannot be one."""
    value = value.strip().removeprefix("Bearer ").strip()
    if (
        not value
        or len(value) > _LONGEST
        or not value.isascii()
        or any(c.isspace() or not c.isprintable() for c in value)
    ):
        raise ProviderError(
            "invalid", "That is no key; copy it again from the provider's page, without spaces or line breaks."
        )
    return value


def _missing(config: ProviderConfig) -> str:
    if config.key_env:
        return f"There is no key for {config.name}: the variable {config.key_env} is not set; set it, or enter a key in {SETTINGS}."
    usual = presets.preset(config.kind).key_env
    hint = f"set {usual}, or " if usual and presets.is_own_host(config.kind, config.url) else ""
    return f"There is no key for {config.name}; {hint}enter it in {SETTINGS}."
