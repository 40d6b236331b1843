"""Answers as something to show: text with its marks as trees, for the pages, and as one HTML file that can be handed on."""

from rag.reporting.marks import about_figure, about_sentence, answer_nodes, legend
from rag.reporting.model_text import markdown, verbatim
from rag.reporting.report import one_answer, report, report_name
from rag.reporting.trees import Child, Node, as_html, el, plain, visible
from rag.reporting.words import cost, duration, pages_text

__all__ = [
    "Child",
    "Node",
    "about_figure",
    "about_sentence",
    "answer_nodes",
    "as_html",
    "cost",
    "duration",
    "el",
    "legend",
    "markdown",
    "one_answer",
    "pages_text",
    "plain",
    "report",
    "report_name",
    "verbatim",
    "visible",
]
