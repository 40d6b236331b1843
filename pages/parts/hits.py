"""Search results: every hit with its score taken apart, the threshold as a line in the list, near misses greyed below it."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from pages.parts import chunk_view, controls
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import count, duration, pages_text
from rag import Workbench

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rag.types import Context, Hit, SearchResult

_INDEX = {"chroma": "Chroma index", "exact": "exact search", "none": "keywords only"}


def settings_line(result: SearchResult) -> Node:
    """Return the settings and the time that made this result, so that a screenshot explains itself."""
    o = result.options
    weight = f" (semantic share {o.weight:.2f})" if o.mode == "hybrid" else ""
    used = controls.active(o, controls.FILTERS)
    only = f" · {count(used, 'filter')}" if used else ""
    diverse = f" · diversity {o.mmr:.2f}" if o.mmr else ""
    timing = f"fetched in {duration(result.timings.get('total'))}, ranked in {result.timings.get('rank', 0):.1f} ms"
    return el(
        "div.meta",
        el("span.strong", f"{len(result.hits)} of {len(result.candidates)} candidates"),
        el("span", f"{o.mode}{weight} · top {o.top_k} · threshold {result.threshold:.2f}{diverse}"),
        el("span", f"{visible(result.collection.name, 40)}{only} · {_INDEX.get(result.used_index, result.used_index)}"),
        el("span", timing),
    )


def cards(
    bench: Workbench,
    result: SearchResult,
    expected: frozenset[str] = frozenset(),
    around: Mapping[str, Context] = MappingProxyType({}),
) -> list[Node]:
    """Return hits, the threshold line, near misses: as many nodes as there are cards, plus the line.

    `expected` has the ids of chunks that are labelled as answering the question, `around` the text that an opened card shows.
    """
    best_keyword = max((h.parts.keyword for h in result.candidates), default=0.0)
    nodes = [_card(bench, hit, result, best_keyword, expected, around.get(hit.chunk.id)) for hit in result.hits]
    nodes.append(_line(result))
    nodes += [_card(bench, hit, result, best_keyword, expected, around.get(hit.chunk.id)) for hit in result.near_misses]
    return nodes


def _line(result: SearchResult) -> Node:
    spare = sum(h.score >= result.threshold for h in result.candidates) - len(result.hits)
    more = f"{spare} more above it, cut off by top {result.options.top_k}" if spare > 0 else ""
    if not result.hits:
        more = "no candidate reaches it: not found in these documents"
    return el(
        "div.threshold", el("span", f"threshold {result.threshold:.2f}"), el("span.muted", more) if more else None
    )


def short_text(hit: Hit) -> str:
    """Return by how much a near miss missed: never "0.00 short", which would read as a hit."""
    return f"{hit.short_by:.2f} short" if hit.short_by >= 0.005 else "just below"


def _card(
    bench: Workbench,
    hit: Hit,
    result: SearchResult,
    best_keyword: float,
    expected: frozenset[str],
    around: Context | None,
) -> Node:
    missed = hit.short_by > 0
    is_expected = hit.chunk.id in expected
    chunk = hit.chunk
    head = el(
        "div.head",
        el("span.name.clip", visible(hit.document_name)),
        el("span.muted", pages_text(chunk.pages)),
        el("span.muted.clip", visible(chunk.heading, 90)) if chunk.heading else None,
        el("span.score", f"{hit.score:.2f}"),
        el("span.chip.warn", short_text(hit)) if missed else None,
        el("span.chip.good", "expected", title="Labelled in the question set as answering it") if is_expected else None,
    )
    body = el(
        "div.body",
        head,
        el(
            "span.meter.long",
            el("span.fill.total", w=round(100 * hit.score, 1)),
            el("span.tick", l=round(100 * result.threshold, 1)),
        ),
        *_texts(hit, result.terms, around),
        el("div.parts", *_parts(hit, best_keyword), _actions(hit, is_expected)),
    )
    return el("div.card.miss" if missed else "div.card", el("span.place", str(hit.rank)), body, data_id=chunk.id)


def _texts(hit: Hit, terms: Sequence[str], around: Context | None) -> list[Node]:
    """Return the excerpt, which begins where the question's words are densest, and the whole with what stands around it."""
    chunk = hit.chunk
    return [excerpt(hit, terms), _whole(chunk.text, chunk.start, chunk.end, bool(chunk.pages), tuple(terms), around)]


def excerpt(hit: Hit, terms: Sequence[str]) -> Node:
    """Return the lines of a hit where the question's words are densest."""
    return _excerpt(hit.chunk.text, bool(hit.chunk.pages), tuple(terms))


# A slider that moves shows the same texts again: what was made of one once is kept. Nobody changes a node.


@lru_cache(maxsize=1024)
def _excerpt(text: str, has_pages: bool, terms: tuple[str, ...]) -> Node:
    text = chunk_view.flowing(text) if has_pages else text
    marks = Workbench.word_marks(text, terms)
    start = Workbench.excerpt_start(text, marks)
    return el("div.reading.excerpt", "… " if start else "", el("span", *_marked(text, marks, start), data_from=start))


@lru_cache(maxsize=512)
def _whole(text: str, start: int, end: int, has_pages: bool, terms: tuple[str, ...], around: Context | None) -> Node:
    flow = chunk_view.flowing if has_pages else str
    before = flow(around.text[: start - around.start]) if around else ""
    after = flow(around.text[end - around.start :]) if around else ""
    text = flow(text)
    return el(
        "div.reading.whole",
        el("span.around", before) if before.strip() else None,
        el("span", *_marked(text, Workbench.word_marks(text, terms)), data_from=0),
        el("span.around", after) if after.strip() else None,
    )


def _parts(hit: Hit, best_keyword: float) -> list[Node]:
    p = hit.parts
    return [
        _part("meaning", "cosine", p.cosine, f"{p.cosine:.2f}", "Cosine of question and chunk"),
        _part("words", "coverage", p.coverage, f"{p.coverage:.0%}", "Share of the question's telling words in the chunk"),
        _part(
            "keyword", "keyword", p.keyword / best_keyword if best_keyword else 0.0, f"{p.keyword:.1f}",
            "BM25, drawn relative to the best candidate; it decides the order, not the score",
        ),
    ]  # fmt: skip


def _part(name: str, look: str, share: float, text: str, title: str) -> Node:
    bar = el("span.meter", el(f"span.fill.{look}", w=round(100 * min(1.0, max(0.0, share)), 1)))
    return el("span.part", name, bar, el("span.num", text), title=title)


def _actions(hit: Hit, is_expected: bool) -> Node:
    label, verb = ("Not this", "unlabel") if is_expected else ("This answers it", "label")
    return el(
        "span.actions",
        el("button.link.take", "These words answer it", data_words=f"words:{hit.chunk.id}"),
        el("button.link", label, data_pick=f"{verb}:{hit.chunk.id}"),
        el("button.link", "More", data_toggle="card", aria_label="Show the whole chunk and the text around it"),
        el("button.link", "Open", data_pick=hit.chunk.id, aria_label="Open in document"),
    )


def marked(bench: Workbench, text: str, terms: Sequence[str]) -> list[Node | str]:
    """Return the text with the question's words marked, as children of an element."""
    return _marked(text, bench.word_marks(text, terms))


def _marked(text: str, marks: Sequence[tuple[int, int]], place: int = 0) -> list[Node | str]:
    """Return the text from `place` on with these spans marked."""
    children: list[Node | str] = []
    for start, end in marks:
        if start >= place:
            children += [text[place:start], el("mark", text[start:end])]
            place = end
    return [*children, text[place:]]


def score_chart(result: SearchResult) -> Node:
    """Return a bar for each candidate's score, best first, with the threshold across: where a gap is, a threshold fits."""
    hits = {h.chunk.id for h in result.hits}
    near = {h.chunk.id for h in result.near_misses}
    ordered = sorted(result.candidates, key=lambda h: -h.score)
    width, height, left = 290.0, 130.0, 22.0
    step = (width - left) / max(len(ordered), 20)
    bars = [_bar(h, place, step, left, height, hits, near, result.threshold) for place, h in enumerate(ordered)]
    y = height * (1 - result.threshold)
    grid = [el("line.axis", x1=left, x2=width, y1=height * (1 - v), y2=height * (1 - v)) for v in (0, 0.5, 1)]
    names = [el("text", f"{v:g}", x=left - 5, y=height * (1 - v) + 3.5, text_anchor="end") for v in (0, 0.5, 1)]
    return el(
        "svg", *grid, *names, *bars,
        el("line.line", x1=left, x2=width, y1=round(y, 2), y2=round(y, 2)),
        el("text.line-name", f"threshold {result.threshold:.2f}", x=width, y=round(y - 4, 2), text_anchor="end"),
        viewBox=f"0 -8 {width:.0f} {height + 14:.0f}", role="img",
        aria_label=f"Scores of {len(ordered)} candidates; {len(hits)} are hits at threshold {result.threshold:.2f}",
    )  # fmt: skip


def _bar(
    hit: Hit, place: int, step: float, left: float, height: float, hits: set[str], near: set[str], threshold: float
) -> Node:
    chunk_id = hit.chunk.id
    look = "hit" if chunk_id in hits else "spare" if hit.score >= threshold else "near" if chunk_id in near else "rest"
    tall = max(0.8, height * hit.score)
    title = f"{hit.score:.2f}  {visible(hit.document_name, 60)} {pages_text(hit.chunk.pages)}"
    return el(
        f"rect.bar.{look}", el("title", title), x=round(left + place * step, 2), y=round(height - tall, 2),
        width=round(max(1.0, step * 0.76), 2), height=round(tall, 2), rx=0.8,
    )  # fmt: skip


def chart_legend() -> Node:
    entries = (("hit", "hit"), ("spare", "passes, beyond top k"), ("near", "near miss"), ("rest", "below"))
    return el("div.legend", *(el("span", _swatch(look), name) for look, name in entries))


def _swatch(look: str) -> Node:
    return el(
        "svg.key", el(f"rect.bar.{look}", x=0, y=0, width=12, height=9, rx=1.5), viewBox="0 0 12 9", width=12, height=9
    )
