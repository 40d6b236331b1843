"""Keys at rest: one file, AES-256-GCM, opened by a passphrase (scrypt) or by a secret in the system's keyring. Never clear text.

Each key is bound to its provider and host as associated data: a line that was moved to another provider does not decrypt. A file that
is lost, changed or sealed with something else is said clearly; nothing is ever written in its place without the user's key.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import secrets
import stat
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from rag.errors import StoreError

log = logging.getLogger(__name__)

FILE_NAME: Final = "keys.json"
PASSPHRASE_ENV: Final = "RAG_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
_VERSION: Final = 1
_SERVICE: Final = "rag-workbench"
_CHECK: Final = b"rag-workbench key file"
_SCRYPT: Final = {"n": 2**15, "r": 8, "p": 1}
Seal = Literal["passphrase", "keyring"]


class KeyFileError(StoreError):
    """The stored keys cannot be read, or a key cannot be stored."""


class Vault:
    """The key file of one data folder. Safe from any thread."""

    def __init__(self, path: Path, *, passphrase: str = "", use_keyring: bool = False) -> None:
        """Without a passphrase and without the keyring, stored keys can be neither read nor added."""
        self.path = path
        self._passphrase, self._use_keyring = passphrase, use_keyring
        self._opened: tuple[bytes, bytes] | None = None
        self._lock = threading.RLock()

    @property
    def can_store(self) -> bool:
        """Whether there is something to seal a key with."""
        return bool(self._passphrase) or self._use_keyring

    def unlock(self, passphrase: str) -> None:
        """Use this passphrase from now on. Raises `KeyFileError` when it does not open the file that is there."""
        with self._lock:
            before = self._passphrase
            self._passphrase, self._opened = passphrase, None
            if self.path.exists():
                try:
                    self._secret(self._read())
                except KeyFileError:
                    self._passphrase = before
                    raise

    def names(self) -> tuple[str, ...]:
        """Return the providers with a stored key; readable without unlocking. Raises `KeyFileError` for a damaged file."""
        return tuple(self._read()["keys"]) if self.path.exists() else ()

    def get(self, name: str, host: str) -> str:
        """Return the key that was stored for the provider at that host. Raises `KeyFileError`."""
        with self._lock:
            if not self.path.exists():
                raise KeyFileError(
                    f"The key file {self.path} is gone, so the key of {name} cannot be read; enter it again."
                )
            content = self._read()
            entry = content["keys"].get(name)
            if entry is None:
                raise KeyFileError(f"The key file holds no key of {name}; enter it again.")
            secret = self._secret(content)
            try:
                return _decrypt(secret, entry, _bound_to(name, host)).decode()
            except ValueError:
                raise KeyFileError(
                    f"The stored key of {name} was made for another address or was changed since; enter it again."
                ) from None

    def put(self, name: str, host: str, key: str) -> None:
        """Store a key, sealed. Raises `KeyFileError` when there is nothing to seal it with."""
        with self._lock:
            content = self._read() if self.path.exists() else self._new()
            content["keys"][name] = _encrypt(self._secret(content), key.encode(), _bound_to(name, host))
            self._write(content)

    def delete(self, name: str) -> None:
        """Forget the key of a provider; needs no unlocking."""
        with self._lock:
            if self.path.exists():
                content = self._read()
                if content["keys"].pop(name, None) is not None:
                    self._write(content)

    # --- the secret that the keys are sealed with ---

    def _new(self) -> dict[str, Any]:
        if self._passphrase:
            seal: dict[str, Any] = {"by": "passphrase", "salt": _text(secrets.token_bytes(16)), **_SCRYPT}
        elif self._use_keyring:
            seal = {"by": "keyring", "id": uuid.uuid4().hex}
            _keyring_set(seal["id"], _text(secrets.token_bytes(32)))
        else:
            raise KeyFileError(
                f"There is nothing to encrypt a key with; set {PASSPHRASE_ENV}, or keep the key for this session only."
            )
        content: dict[str, Any] = {"version": _VERSION, "seal": seal, "keys": {}}
        content["check"] = _encrypt(self._derive(seal), _CHECK, _CHECK)
        return content

    def _secret(self, content: Mapping[str, Any]) -> bytes:
        """Return the 32 bytes that open the file, proven on its check line."""
        seal = content["seal"]
        stamp = json.dumps(seal, sort_keys=True).encode()
        if self._opened is not None and self._opened[0] == stamp:
            return self._opened[1]
        secret = self._derive(seal)
        try:
            _decrypt(secret, content["check"], _CHECK)
        except ValueError:
            raise KeyFileError(_wrong_secret(seal["by"], self.path)) from None
        self._opened = stamp, secret
        return secret

    def _derive(self, seal: Mapping[str, Any]) -> bytes:
        """Return the secret that a seal stands for. Raises `KeyFileError`, also for a seal that no secret can be made from."""
        try:
            return self._derived(seal)
        except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
            raise KeyFileError(
                f"The seal of the key file {self.path} was changed, so no key in it can be read; "
                "remove that file and enter the keys again."
            ) from error

    def _derived(self, seal: Mapping[str, Any]) -> bytes:
        if seal["by"] == "keyring":
            found = _keyring_get(str(seal["id"]))
            if not found:
                raise KeyFileError(
                    f"The system's keyring no longer has the secret of {self.path}; remove that file and enter the keys again."
                )
            return _bytes(found)
        if not self._passphrase:
            raise KeyFileError(f"The stored keys are locked; set {PASSPHRASE_ENV} or enter the passphrase in Settings.")
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        n, r, p = (min(int(seal[k]), most) for k, most in (("n", 2**20), ("r", 16), ("p", 8)))
        return Scrypt(salt=_bytes(seal["salt"]), length=32, n=n, r=r, p=p).derive(self._passphrase.encode())

    # --- the file ---

    def _read(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            if content["version"] > _VERSION:
                raise KeyFileError(
                    f"The key file {self.path} is from a newer version; update, or enter the keys again."
                )
            if not isinstance(content["keys"], dict) or content["seal"]["by"] not in ("passphrase", "keyring"):
                raise ValueError("unexpected content")
            content["check"]["nonce"]
        except (ValueError, KeyError, TypeError) as error:
            raise KeyFileError(f"The key file {self.path} is damaged; remove it and enter the keys again.") from error
        except OSError as error:
            raise KeyFileError(
                f"The key file {self.path} cannot be read ({error.strerror}); check its permissions."
            ) from error
        self._tighten()
        found: dict[str, Any] = content
        return found

    def _tighten(self) -> None:
        """Take the file away from everybody else, should somebody have opened it up."""
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & 0o077:
            log.warning("the key file %s could be read by others (mode %o); it is 600 again", self.path, mode)
            self.path.chmod(0o600)

    def _write(self, content: Mapping[str, Any]) -> None:
        """Replace the file in one step; it is never readable for others, not even for a moment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex[:8]}")
        try:
            with os.fdopen(
                os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
            ) as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise KeyFileError(
                f"The key could not be stored in {self.path} ({error.strerror}); nothing was changed."
            ) from error


def _bound_to(name: str, host: str) -> bytes:
    return f"{_SERVICE}\0{name}\0{host}".encode()


def _wrong_secret(by: str, path: Path) -> str:
    what = "passphrase" if by == "passphrase" else "secret in the system's keyring"
    return f"The stored keys in {path} were sealed with another {what}, or the file was changed; give the right one, or enter the keys again."


def _encrypt(secret: bytes, plain: bytes, bound: bytes) -> dict[str, str]:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(12)
    return {"nonce": _text(nonce), "data": _text(AESGCM(secret).encrypt(nonce, plain, bound))}


def _decrypt(secret: bytes, entry: Mapping[str, str], bound: bytes) -> bytes:
    """Return what was sealed; raises `ValueError` when anything of it was changed."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(secret).decrypt(_bytes(entry["nonce"]), _bytes(entry["data"]), bound)
    except (InvalidTag, KeyError, TypeError) as error:
        raise ValueError("not what was sealed") from error


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def keyring_is_usable() -> bool:
    """Tell whether this system has a keyring that keeps secrets; headless Linux has none.

    A keyring's priority is its own word for that: 0 for the one that always fails, -1 for the one that keeps nothing and says nothing.
    """
    try:
        import keyring

        return float(keyring.get_keyring().priority) > 0
    except Exception:  # noqa: BLE001 - a desktop service that misbehaves is no keyring
        return False


_NO_KEYRING: Final = (
    f"This system has no keyring to encrypt a key with; set {PASSPHRASE_ENV}, or keep the key for this session only."
)


def _keyring_get(id: str) -> str | None:
    import keyring
    from keyring.errors import KeyringError

    try:
        return keyring.get_password(_SERVICE, id)
    except KeyringError as error:
        raise KeyFileError("The system's keyring does not answer; unlock it, or enter the keys again.") from error


def _keyring_set(id: str, secret: str) -> None:
    import keyring
    from keyring.errors import KeyringError

    try:
        keyring.set_password(_SERVICE, id, secret)
        kept = keyring.get_password(_SERVICE, id) == secret
    except KeyringError as error:
        raise KeyFileError(_NO_KEYRING) from error
    if not kept:  # what is sealed with a secret that was not kept can never be read again
        raise KeyFileError(_NO_KEYRING)
