"""The answer to a question goes to the chosen model, or to the large one when there is much to read: by the rule of the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rag.generation.stream import AnswerStream
from rag.providers.routing import choose
from rag.providers.tokens import estimate
from rag.types import GenerateOptions

if TYPE_CHECKING:
    from rag.workbench import Workbench


def routed(bench: Workbench, stream: AnswerStream, options: GenerateOptions, user: str) -> GenerateOptions:
    """Return the options with the model that the rule sends this answer to; the stream tells its name and why it is another one.

    Only questions are routed: an evaluation measures the model that it was asked to.
    """
    if stream.result is None or options.model.startswith("local/"):
        return options
    hits = stream.result.hits
    size = bench.gateway.runner.calibration.corrected(options.model, sum(estimate(hit.chunk.text) for hit in hits))
    documents = len({hit.chunk.document_id for hit in hits})
    choice = choose("answer", bench.gateway.routing(options.model, user), prompt_tokens=size, documents=documents)
    if choice.model == options.model:
        return options
    stream.model, stream.routed = choice.model, choice.reason
    return replace(options, model=choice.model, fallbacks=_behind(bench, options, user))


def _behind(bench: Workbench, options: GenerateOptions, user: str) -> tuple[str, ...]:
    """Return who answers when the large model fails: the chosen one, then the others that would have stood in for it."""
    if options.fallbacks is not None:
        return (options.model, *options.fallbacks)
    book = bench.gateway.book
    usable = [n for n in book.fallbacks if not bench.gateway.problem(book.get(n.partition("/")[0]), user)]
    return (options.model, *usable)
