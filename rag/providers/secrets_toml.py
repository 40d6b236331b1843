"""Keys that stand in `.streamlit/secrets.toml` of the working folder, for every front end, with or without a page."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path

log = logging.getLogger(__name__)


def read() -> dict[str, str]:
    """Return the plain texts of `.streamlit/secrets.toml`; a file that cannot be read counts as missing."""
    try:
        content = tomllib.loads(Path(".streamlit/secrets.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        log.warning("secrets.toml cannot be read; correct it or remove it")
        return {}
    return {name: value for name, value in content.items() if isinstance(value, str)}
