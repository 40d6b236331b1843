"""The server of the workbench: `streamlit run app.py`.

The script that draws is `pages/_frame.py`, so that no first visitor of a deep link gets a page without its frame. This file adds
what a script cannot: response headers, warming up, and one place where an unforeseen error becomes a sentence.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("workbench")
_INDEX = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
_INLINE = " ".join(
    f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    for script in re.findall(r"<script>(.*?)</script>", _INDEX, flags=re.DOTALL)
)
# The second wall behind pages/parts/safe_text.py: whatever text gets on the page, the browser asks no other host for anything.
# blob: carries the scripts of our own components and of tables; inline styles are how Streamlit's widgets are styled.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    f"script-src 'self' 'wasm-unsafe-eval' blob: {_INLINE}; worker-src 'self' blob:; connect-src 'self' data: blob:; "
    "frame-src 'self' blob:; frame-ancestors 'self'; base-uri 'self'; form-action 'self'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class SecureHeaders:
    """Adds `HEADERS` to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def warm_up() -> None:
    """Import and open what pages need while the browser loads its scripts, then models and index once the first page stands."""
    from pages.parts import shared

    shared.warm_up()


@asynccontextmanager
async def lifespan(_: st.App) -> AsyncIterator[None]:
    """Answer at once and warm up beside it; free the data folder at the end."""
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    yield
    from pages.parts import shared

    shared.close_bench()


def explain(error: Exception) -> bool:
    """Show one sentence for an error that nobody foresaw; the log has the rest. True: Streamlit shows nothing of its own."""
    log.error("a page failed", exc_info=error)
    try:
        from pages.parts import shared
    except ImportError:  # an incomplete installation: what explains errors is missing as well
        st.error("The workbench could not be loaded: run `make run` again, and look into the server's log if it stays.")
    else:
        shared.show_failure(error)
    return True


app = st.App("pages/_frame.py", lifespan=lifespan, middleware=[Middleware(SecureHeaders)], on_script_error=explain)
