"""Names as they may be stored and shown: a label, never a path."""

from __future__ import annotations

import unicodedata

MOST_CHARACTERS = 200


def clean_name(name: str) -> str:
    """Return the last part of `name` without control and invisible characters, at most 200 characters, never empty.

    The end is kept with its extension when a name is too long.

    >>> clean_name("../../etc/pass\\x00wd.txt")
    'passwd.txt'
    """
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    kept = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C")
    kept = " ".join(kept.split()).strip(". ") or "unnamed"
    if len(kept) <= MOST_CHARACTERS:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    if not dot or len(suffix) > 10:
        return kept[: MOST_CHARACTERS - 1] + "…"
    return stem[: MOST_CHARACTERS - len(suffix) - 2] + "…" + dot + suffix
