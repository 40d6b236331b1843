"""Answers as something to show: text with its marks as trees, for the pages, and as one HTML file that can be handed on."""

from rag.reporting.marks import about_figure, about_sentence, answer_nodes, legend
from rag.reporting.model_text import markdown, verbatim
from rag.reporting.points import open_points
from rag.reporting.report import one_answer, report, report_name
from rag.reporting.searched import Facts, about_collections
from rag.reporting.sources import Source, by_marker, place_of, sources
from rag.reporting.trees import Child, Node, as_html, el, plain, visible
from rag.reporting.words import cost, duration, foreseen, narrowed, pages_text, price, price_of, spent, tokens, total

__all__ = [
    "Child",
    "Facts",
    "Node",
    "Source",
    "about_collections",
    "about_figure",
    "about_sentence",
    "answer_nodes",
    "as_html",
    "by_marker",
    "cost",
    "duration",
    "el",
    "foreseen",
    "legend",
    "markdown",
    "narrowed",
    "one_answer",
    "open_points",
    "pages_text",
    "place_of",
    "plain",
    "price",
    "price_of",
    "report",
    "report_name",
    "sources",
    "spent",
    "tokens",
    "total",
    "verbatim",
    "visible",
]
