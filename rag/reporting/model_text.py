"""What a model wrote, as a tree: its Markdown is read for structure only, and nothing in it can load, link or run.

Links become their words with the host behind them, images become a note, HTML stays the text that it is. Every piece of text
comes with its offset in the source, so that markers and checks can be put where they belong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rag.reporting.trees import Child, Node, el, plain

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

Inline = Callable[[str, int], list[Child]]
"""Turns a piece of text and its offset in the source into what is drawn for it."""

LONGEST = 200_000
"""Characters that are read as Markdown; a longer text is shown as it is."""
_TAGS = {
    "paragraph": "p", "bullet_list": "ul", "ordered_list": "ol", "list_item": "li", "blockquote": "div.quote", "table": "table",
    "thead": "thead", "tbody": "tbody", "tr": "tr", "th": "th", "td": "td", "strong": "strong", "em": "em", "s": "span.struck",
    "link": "span.linked",
}  # fmt: skip


@lru_cache(maxsize=1)
def _reader() -> MarkdownIt:
    """Return the reader. Without reference definitions, which would take a marker like `[1]` out of the text."""
    from markdown_it import MarkdownIt  # importing `rag` stays light

    reader = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    reader.disable(["reference", "text_join", "autolink", "lheading"])
    reader.validateLink = lambda url: True  # type: ignore[method-assign] # a link is only ever shown, so any may be named
    return reader


def words(text: str, at: int) -> list[Child]:
    """Draw a piece as its words alone."""
    return [plain(text)]


def markdown(text: str, inline: Inline = words) -> list[Node]:
    """Return the nodes of a Markdown text, any beginning of one included."""
    if len(text) > LONGEST:
        return verbatim(text, inline)
    return _Builder(text, inline).build()


def verbatim(text: str, inline: Inline = words) -> list[Node]:
    """Return the nodes of a text that is no Markdown, such as extracts of documents: every character as it stands."""
    return [el("div.verbatim", *inline(text, 0))]


class _Builder:
    """Walks the tokens and the source side by side."""

    def __init__(self, source: str, inline: Inline) -> None:
        self._source, self._inline = source, inline
        self._lines = [0]
        for line in source.splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        self._at = 0

    def build(self) -> list[Node]:
        children, _ = self._siblings(_reader().parse(self._source), 0)
        return [child if isinstance(child, list) else el("p", child) for child in children]

    def _siblings(self, tokens: Sequence[Token], place: int) -> tuple[list[Child], int]:
        """Return the nodes up to the token that closes the parent, and where that stands."""
        children: list[Child] = []
        while place < len(tokens) and tokens[place].nesting >= 0:
            token = tokens[place]
            if token.nesting == 1:
                inner, place = self._siblings(tokens, place + 1)
                children += self._parent(token, inner)
            else:
                children += self._leaf(token)
            place += 1
        return children, place

    def _parent(self, token: Token, inner: list[Child]) -> list[Child]:
        kind = token.type.removesuffix("_open")
        if kind == "paragraph" and token.hidden:
            return inner
        if kind == "heading":
            return [el("h3" if token.tag in ("h1", "h2") else "h4", *inner)]
        if kind == "link":
            self._skip_address()
            return [el("span.linked", *inner, el("span.muted", f" ({_host(token.attrs.get('href'))})"))]
        start = token.attrs.get("start") if kind == "ordered_list" else None
        return [el(_TAGS.get(kind, "span"), *inner, start=int(start) if start is not None else None)]

    def _leaf(self, token: Token) -> list[Child]:
        match token.type:
            case "inline":
                self._go_to_line(token)
                return self._siblings(token.children or [], 0)[0]
            case "text":
                return self._inline(token.content, self._find(token.content))
            case "text_special":
                self._find(token.markup)
                return [plain(token.content)]
            case "code_inline":
                self._find(token.content)
                return [el("code", plain(token.content))]
            case "softbreak" | "hardbreak":
                return [el("br")]
            case "image":
                self._find(token.content)
                self._skip_address()
                return [el("span.chip.warn", f"image blocked: {_host(token.attrs.get('src'))}")]
            case "fence" | "code_block":
                return [el("pre", plain(token.content))]
            case "hr":
                return [el("div.rule")]
        return [plain(token.content)]

    # --- where a piece stands in the source ---

    def _go_to_line(self, token: Token) -> None:
        if token.map:
            self._at = max(self._at, self._lines[min(token.map[0], len(self._lines) - 1)])

    def _find(self, piece: str) -> int:
        """Return the offset of the next occurrence; where the source has it in another form, the place that was reached."""
        found = self._source.find(piece, self._at)
        if found < 0 or found - self._at > 400:
            return self._at
        self._at = found + len(piece)
        return found

    def _skip_address(self) -> None:
        if self._source.startswith("](", self._at):
            end = self._source.find(")", self._at)
            self._at = end + 1 if end >= 0 else self._at


def _host(address: Any) -> str:
    """Return what an address leads to: its host, else the beginning of it."""
    text = plain(str(address or ""))
    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    return (host or text or "no address")[:80]
