"""Data for our components, numbered so that the browser keeps to the newest: newest.js tells why the order is not its own.

Unchanged data keeps its number, so that it stays the message that Streamlit need not send again.
"""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_SENT = "newest.sent"
"""Session key: what each element was given last, as a digest, and its number."""


def script(name: str) -> str:
    """Return the script of a component whose data comes from `packed`; it begins with `newest(data, parentElement)`."""
    return "".join((_HERE / file).read_text(encoding="utf-8") for file in ("newest.js", name))


def packed(key: str, data: Any) -> bytes:
    """Return what the component with that key gets. As bytes: Streamlit looks into anything else for data frames, with pandas.

    The number is about the time in milliseconds, so that it goes on rising after a restart of the server.
    """
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    sent: dict[str, tuple[bytes, int]] = st.session_state.setdefault(_SENT, {})
    digest, (last, number) = hashlib.sha256(body).digest(), sent.get(key, (b"", 0))
    if digest != last:
        number = max(number + 1, time.time_ns() // 1_000_000)
        sent[key] = digest, number
    return b"[%s,%d,%s]" % (json.dumps(key).encode(), number, body)
