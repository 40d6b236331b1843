"""What an answer from these hits would send to the chat model, before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pages.parts import models
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import cost, count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from rag.types import SearchResult


def line(bench: Workbench, result: SearchResult, model: str) -> Node:
    """Return how many chunks and tokens of this result the chat model would get, and about what that costs."""
    return el("div.sending", *_said(bench, result, model))


def _said(bench: Workbench, result: SearchResult, model: str) -> list[Node | str]:
    if not result.hits:
        return [el("span", "Nothing passes: Ask would say “not found” and send nothing, $0.")]
    tokens = bench.likely_tokens(hit.chunk.text for hit in result.hits) * (1 + 2 * result.options.neighbours)
    chunks = count(len(result.hits), "chunk")
    if (
        result.options.neighbours
    ):  # at most: at the ends of a document there are fewer, and what two hits share is sent once
        chunks += f" with {count(2 * result.options.neighbours, 'neighbour')} each"
    if model == models.EXTRACTS:
        return [
            el("span", "Ask would quote from ", el("b", chunks), f", about {tokens:,} tokens."),
            el("span.muted", "Extracts: nothing is sent, $0."),
        ]
    whole = tokens + models.PROMPT_OVERHEAD
    return [
        el("span", "Ask would send ", el("b", chunks), f", about {whole:,} tokens, to ", el("b", visible(model, 60))),
        el("span.muted", _price(bench, model, whole)),
    ]


def _price(bench: Workbench, model: str, tokens: int) -> str:
    try:
        usd = bench.likely_usd(model, tokens, user=models.visitor())
    except RagError as error:
        return visible(str(error), 200)
    return "price unknown" if usd is None else "free" if usd == 0 else f"about {cost(usd)} with the answer"
