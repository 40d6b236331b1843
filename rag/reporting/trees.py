"""Trees of elements: how text that we did not write is drawn, on a page or in a file. Texts in them are never parsed.

A tree becomes part of a page through `pages/parts/safe_text.draw`, and part of a file through `as_html`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

Node = list[Any]
"""`[tag, {attribute: value}, child, …]`; a child is a text or a node. Made by `el`."""
Child = Node | str

_VISIBLE_CHARACTERS = 120
_KEPT = {"\n", "\t", "\u200c", "\u200d"}  # joiners belong to the spelling of many languages
_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
_HIDDEN_IN_LINE = _HIDDEN | {"Zl", "Zp"}
_TAGS = frozenset(
    "a article aside b br code details div dl dt dd em figure figcaption footer h1 h2 h3 h4 header img li mark nav ol p pre section "
    "span strong summary sup table tbody td th thead tr ul".split()
)
_ATTRIBUTES = frozenset({"alt", "height", "href", "id", "src", "start", "title", "width"})
_VOID = frozenset({"br", "img"})


def el(tag: str, *children: str | Node | None, **attributes: str | int | float | None) -> Node:
    """Return an element: `el("p.quote", "text", title="…")`.

    `tag` is `name.class.class`. Underscores in attribute names become hyphens (`data_pick`, `aria_label`); None is left out.
    """
    kept = {name.replace("_", "-"): value for name, value in attributes.items() if value is not None}
    return [tag, kept, *(child for child in children if child not in (None, ""))]


def visible(text: str, limit: int = _VISIBLE_CHARACTERS) -> str:
    """Return one line of at most `limit` characters in which nothing is hidden.

    Characters that control, reorder or tag the text around them are written as their code: a name cannot pose as another.

    >>> visible("invoice\u202efdp.exe")
    'invoice⟨202E⟩fdp.exe'
    """
    line = " ".join(text[: 4 * limit].split())
    if line.isprintable():  # so nothing in it is hidden, and most texts are done quickly
        return line if len(line) <= limit else line[: limit - 1] + "…"
    shown = "".join(f"⟨{ord(c):04X}⟩" if unicodedata.category(c) in _HIDDEN_IN_LINE else c for c in line)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def plain(text: str) -> str:
    """Return the text, its lines kept, with the characters that hide or reorder others written as their code."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨{ord(c):04X}⟩" if c not in _KEPT and unicodedata.category(c) in _HIDDEN else c for c in text)


def text_of(nodes: Sequence[Child]) -> Iterator[str]:
    """Yield the texts of nodes in order."""
    for node in nodes:
        if isinstance(node, str):
            yield node
        else:
            yield from text_of(node[2:])


def as_html(*nodes: Child) -> str:
    """Return trees as HTML in which nothing runs or loads: known elements and attributes only, every text escaped.

    An address leads to a place in the same file, a picture is part of it; any other is left out.
    """
    return "".join(_text(node) if isinstance(node, str) else _element(node) for node in nodes)


def _text(text: str) -> str:
    return escape(plain(text), quote=False)


def _element(node: Node) -> str:
    tag, *classes = node[0].split(".")
    name = tag if tag in _TAGS else "span"
    attributes = {"class": " ".join(classes)} if classes else {}
    attributes |= {key: str(value) for key, value in node[1].items() if _is_inert(key, str(value))}
    head = name + "".join(f' {key}="{escape(plain(value))}"' for key, value in attributes.items())
    return f"<{head}>" if name in _VOID else f"<{head}>{as_html(*node[2:])}</{name}>"


def _is_inert(key: str, value: str) -> bool:
    if key == "href":
        return value.startswith("#")
    if key == "src":
        return value.startswith("data:image/jpeg;base64,")
    return key in _ATTRIBUTES
