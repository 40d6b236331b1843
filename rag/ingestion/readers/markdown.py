"""Markdown as it is written, with its headings found; the markup stays, so offsets are those of the file."""

from __future__ import annotations

import re
from dataclasses import replace

from rag.ingestion.readers.text import read_text
from rag.types import Document, Heading

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NOT_SETEXT = re.compile(r"\s*(?:[>|*+#-]|\d+[.)])|\s*$| {4}|\t")
_MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`~]+|<[^>]*>")
_LONGEST_HEADING = 500
"""Longer lines are no headings; it also bounds what the expressions above can cost."""
_TITLE = re.compile(r"""title:[ \t]*["']?(.*?)["']?[ \t]*$""")


def read_markdown(name: str, data: bytes) -> Document:
    """Return the document of a Markdown file with its headings; the first heading of level 1 is its title.

    Raises as `read_text` does.
    """
    document = read_text(name, data, "text/markdown")
    lines = document.text.split("\n")
    body, title = _front_matter(lines)
    headings = _headings(lines, body)
    title = title or next((h.text for h in headings if h.level == 1), "")
    return replace(document, headings=tuple(headings), title=title)


def _front_matter(lines: list[str]) -> tuple[int, str]:
    """Return the number of the line behind the YAML block on top, and the title that it states."""
    if lines[0].rstrip() != "---":
        return 0, ""
    for number, line in enumerate(lines[1:200], 1):
        if line.rstrip() in ("---", "..."):
            titles = (m.group(1) for m in map(_TITLE.match, lines[1:number]) if m)
            return number + 1, next(titles, "")
    return 0, ""


def _headings(lines: list[str], first: int) -> list[Heading]:
    found: list[Heading] = []
    offset = sum(len(line) + 1 for line in lines[:first])
    fence = ""
    previous = ""
    for source in lines[first:]:
        line = source if len(source) <= _LONGEST_HEADING else "#"
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
                fence = ""
            previous = ""
        elif mark:
            fence, previous = mark.group(1), ""
        elif atx := _ATX.match(line):
            found.extend(_heading(len(atx.group(1)), atx.group(2) or "", offset, line))
            previous = ""
        elif previous and (under := _UNDERLINE.match(line)):
            start = offset - len(previous) - 1
            found.extend(_heading(1 if under.group(1)[0] == "=" else 2, previous, start, f"{previous}\n{line}"))
            previous = ""
        else:
            previous = "" if _NOT_SETEXT.match(line) else line
        offset += len(source) + 1
    return found


def _heading(level: int, text: str, start: int, source: str) -> list[Heading]:
    plain = _MARKUP.sub(lambda m: m.group(1) or "", text).strip()
    indent = len(source) - len(source.lstrip())
    return [Heading(level, plain, start + indent, start + len(source.rstrip()))] if plain else []
