"""Text of documents made fit for a prompt: nothing invisible in it, and no bracketed number that could pass for a marker."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from rag.generation.markers import parted
from rag.types import Hit

LABEL_CHARACTERS = 120
"""Longest document name or heading in a prompt."""
_SOFT_HYPHEN = "\u00ad"
_BLANK_LOOKING = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_JOINERS = frozenset("\u200c\u200d")
_SELECTORS = re.compile(r"[\ufe00-\ufe0e\U000e0100-\U000e01ef]|(?<=[\ufe00-\ufe0f])\ufe0f")
_MANY_BLANK_LINES = re.compile(r"\n{4,}")


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def delimiter_of(texts: Sequence[str], secret: bytes) -> str:
    """Return a word to put around these texts that no document can know; the same for the same texts, so that answers can be kept.

    It has letters alone: who looks for a figure in a prompt finds none in it.
    """
    digest = hashlib.blake2b("\0".join(texts).encode("utf-8", "replace"), key=secret, digest_size=8)
    return "x" + digest.hexdigest().translate(_LETTERS)


@dataclass(frozen=True, slots=True)
class Sanitised:
    text: str
    hidden: int = 0
    """Invisible characters that were taken out; soft hyphens are not counted, every typesetter uses them."""
    brackets: int = 0
    """Bracketed numbers that were parted."""


@dataclass(frozen=True, slots=True)
class PromptExcerpt:
    """A hit as a prompt shows it."""

    number: int
    """1-based; `[number]` cites it."""
    title: str
    """Document, pages and heading."""
    text: str = field(repr=False)
    hidden: int = 0


def sanitised(text: str) -> Sanitised:
    """Return a document's text without characters that no reader sees, line breaks made plain, bracketed numbers parted.

    Joiners stay between letters of scripts that need them.

    >>> sanitised("pay\u200b now [3]")
    Sanitised(text='pay now [ 3 ]', hidden=1, brackets=1)
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    kept, hidden = _SELECTORS.subn("", text)
    seen: list[str] = []
    for at, sign in enumerate(kept):
        if sign.isascii() and (sign.isprintable() or sign in "\n\t"):
            seen.append(sign)
        elif _is_hidden(kept, at, sign):
            hidden += sign != _SOFT_HYPHEN
        else:
            seen.append("\ufffd" if "\ud800" <= sign <= "\udfff" else sign)
    shown, brackets = parted(_MANY_BLANK_LINES.sub("\n\n\n", "".join(seen)))
    return Sanitised(shown, hidden, brackets)


def _is_hidden(text: str, at: int, sign: str) -> bool:
    if sign in _JOINERS:
        around = text[max(0, at - 1) : at] + text[at + 1 : at + 2]
        return len(around) < 2 or around.isascii()
    return sign in _BLANK_LOOKING or unicodedata.category(sign) in ("Cf", "Cc", "Co", "Cn")


def label(text: str) -> Sanitised:
    """Return a document name or heading on one line and of bounded length: names are written by strangers, too."""
    clean = sanitised(text)
    line = " ".join(clean.text.split())
    if len(line) > LABEL_CHARACTERS:
        line = line[: LABEL_CHARACTERS - 1].rstrip() + "…"
    return Sanitised(line, clean.hidden, clean.brackets)


def document_names(hits: Sequence[Hit]) -> dict[str, str]:
    """Return the name by which a prompt calls each document, by its id; two documents of one name are told apart."""
    names = {hit.chunk.document_id: label(hit.document_name).text for hit in hits}
    counts = [name.casefold() for name in names.values()]
    return {
        document_id: f"{name} ({document_id[:6]})" if counts.count(name.casefold()) > 1 else name
        for document_id, name in names.items()
    }


def excerpt_of(hit: Hit, number: int, name: str) -> PromptExcerpt:
    """Return a hit as the prompt's excerpt of that number."""
    body, heading = sanitised(hit.chunk.text), label(hit.chunk.heading)
    title = " · ".join(part for part in (name, pages_text(hit.chunk.pages), heading.text) if part)
    return PromptExcerpt(
        number, title, body.text.strip("\n"), body.hidden + heading.hidden + label(hit.document_name).hidden
    )


def pages_text(pages: Sequence[int]) -> str:
    """Return e.g. "page 3" or "pages 3–4"; empty without pages."""
    if not pages:
        return ""
    return f"page {pages[0]}" if len(pages) == 1 else f"pages {pages[0]}–{pages[-1]}"
