"""What a research has seen: excerpts under numbers that stay, and the tools that bring more of them in.

Tools reach one collection, within the filter of the search, and nothing else; whatever they return of documents is excerpts
between the delimiters of the prompt, cleaned like those. An excerpt that was seen before keeps its number and is not sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from rag.errors import RagError
from rag.generation import calculator
from rag.generation.excerpts import document_names, excerpt_of, label, pages_text
from rag.generation.prompting import Count, Prompt
from rag.providers.messages import Tool
from rag.store.catalog import Catalog
from rag.types import Chunk, Collection, DocumentInfo, Filters, Hit, Parts, SearchOptions, SearchResult

Search = Callable[[str, SearchOptions], SearchResult]

MOST_CALLS = 24
"""Tool calls of one research."""
MOST_EXCERPTS = 60
_MOST_FOUND = 8
_MOST_READ = 10
"""Chunks that one call of `read_pages` brings."""
_MOST_LISTED = 100
_LONGEST_SHOWN = 120


class ToolError(RagError):
    """A tool cannot do what it was asked; the model may ask for something else."""


class Evidence:
    """The excerpts of one research, in the order of their numbers."""

    def __init__(self, catalog: Catalog, result: SearchResult, search: Search, prompt: Prompt, count: Count) -> None:
        self._catalog, self._search, self._count = catalog, search, count
        self._delimiter = prompt.delimiter
        self._collection: Collection = result.collection
        self._options = result.options
        self._hits = list(prompt.cited_hits)
        self._calls = 0
        self._said = ""
        self._documents: list[DocumentInfo] | None = None
        self.worked_out: dict[str, str] = {}
        """Expressions by their result, thousands not parted."""
        self.room_tokens = 0
        """What tools may still bring; it shrinks with everything that they return."""

    @property
    def hits(self) -> tuple[Hit, ...]:
        """`[n]` is `hits[n - 1]`."""
        return tuple(self._hits)

    @property
    def said(self) -> str:
        """What the last tool call brought, as a sentence for the user."""
        return self._said

    def tools(self) -> tuple[Tool, ...]:
        """Return the tools as a model is offered them."""
        text, page = {"type": "string"}, {"type": "integer", "minimum": 1}
        return (
            _tool("search", "Find excerpts that answer a query, by words and meaning. Ask one thing at a time, in the words of the documents.",
                  {"query": text, "document": {**text, "description": "only in the document of this name"}}, ["query"], self.search),
            _tool("read_pages", "Read a document from a page on; of a document without pages, from a part on. Pages and parts count from 1.",
                  {"document": text, "first": page, "last": page}, ["document", "first"], self.read_pages),
            _tool("list_documents", "List the documents there are, with their pages.",
                  {"containing": {**text, "description": "only those with these words in their name"}}, [], self.list_documents),
            _tool("compute", "Work out an expression with figures of the excerpts: + - * / ^ %, brackets, sum, mean, min, max, round, abs, sqrt; "
                  "arguments are parted by semicolons.", {"expression": text}, ["expression"], self.compute),
        )  # fmt: skip

    # --- the tools ---

    def search(self, query: str, document: str = "") -> str:
        self._begin_call()
        options = replace(self._options, top_k=min(self._options.top_k, _MOST_FOUND))
        if document:
            options = replace(options, document_ids=(self._document(document).id,))
        found = self._search(query, options)
        if not found.hits:
            self._said = "Nothing was found."
            return "Nothing was found. Try other words, or answer that the documents do not say it."
        return self._told(found.hits)

    def read_pages(self, document: str, first: int, last: int | None = None) -> str:
        self._begin_call()
        info = self._document(document)
        last = max(first, last or first)
        chunks = self._catalog.chunks_of(self._collection.id, info.id)
        wanted = [
            (Hit(c, info.name, 0, 0.0, Parts(0.0, 0.0, 0.0)), place)
            for i, c in enumerate(chunks)
            if (place := _place_in(c, i, first, last)) and self._passes(c)
        ]
        if not wanted:
            most = info.pages or -(-len(chunks) // _MOST_READ)
            raise ToolError(
                f"There is nothing to read there: the document has {most} {'pages' if info.pages else 'parts'}."
            )
        unread = [(hit, place) for hit, place in wanted if not self._number_of(hit)]
        until = unread[_MOST_READ:][:1]  # what was read before takes no room, so that reading on comes to the end
        told = self._told([hit for hit, _ in (wanted[: wanted.index(until[0])] if until else wanted)])
        if not until:
            return told
        left = len(unread) - _MOST_READ
        return (
            f"{told}\n{left} more excerpts stand there; read from {'page' if info.pages else 'part'} {until[0][1]} on."
        )

    def list_documents(self, containing: str = "") -> str:
        self._begin_call()
        words = containing.casefold().split()
        found = [d for d in self._all_documents() if all(w in d.name.casefold() for w in words)]
        self._said = f"{len(found)} document{'' if len(found) == 1 else 's'}."
        rows = [
            f"- {label(d.name).text} · {f'{d.pages} pages' if d.pages else 'no pages'}" for d in found[:_MOST_LISTED]
        ]
        more = [f"and {len(found) - _MOST_LISTED} more; narrow them down."] if len(found) > _MOST_LISTED else []
        return "\n".join(rows + more) or "No document has these words in its name."

    def compute(self, expression: str) -> str:
        self._begin_call()
        result = calculator.written(calculator.compute(expression))
        self.worked_out[result.replace(",", "")] = " ".join(expression.split())[:_LONGEST_SHOWN]
        strange = [n for n in calculator.numbers(expression) if not self._has_number(n)]
        self._said = f"= {result}" + (f", where {', '.join(strange)} stands in no excerpt" if strange else "") + "."
        return f"= {result}" + (f"\nIn no excerpt so far: {', '.join(strange)}." if strange else "")

    # --- what they share ---

    def _begin_call(self) -> None:
        self._calls += 1
        self._said = ""
        if self._calls > MOST_CALLS:
            raise ToolError(f"All {MOST_CALLS} tool calls are used; answer with what you have.")

    def _told(self, hits: Sequence[Hit]) -> str:
        """Give new excerpts their numbers and return them as the model reads them; known ones are named by number."""
        known = [(hit, self._number_of(hit)) for hit in hits]
        new = [hit for hit, number in known if not number]
        seen = list(dict.fromkeys(number for _, number in known if number))
        names = document_names([*self._hits, *new])
        fresh, blocks = self._fitting(new, names)
        self._hits += fresh
        self._said = _counted(fresh, len(seen), len(new) - len(fresh))
        if seen:
            blocks.append("You have these already: " + ", ".join(f"[{n}]" for n in seen) + ".")
        if len(fresh) < len(new):
            blocks.append("There is no room for more excerpts; answer with what you have.")
        return "\n\n".join(blocks)

    def _number_of(self, hit: Hit) -> int:
        """Return the number of the excerpt that holds this one whole; 0 when none does."""
        return next((n for n, old in enumerate(self._hits, 1) if hit.chunk.lies_within(old.chunk)), 0)

    def _fitting(self, hits: Sequence[Hit], names: dict[str, str]) -> tuple[list[Hit], list[str]]:
        """Return the hits, from the first on, that there is room for, and their blocks."""
        blocks: list[str] = []
        for hit in hits[: max(0, MOST_EXCERPTS - len(self._hits))]:
            block = self._block(hit, len(self._hits) + len(blocks) + 1, names)
            self.room_tokens -= self._count(block)
            if self.room_tokens < 0:
                break
            blocks.append(block)
        return list(hits[: len(blocks)]), blocks

    def _block(self, hit: Hit, number: int, names: dict[str, str]) -> str:
        excerpt = excerpt_of(hit, number, names[hit.chunk.document_id])
        return f"[{number}] {excerpt.title}\n<<<{self._delimiter}\n{excerpt.text}\n{self._delimiter}>>>"

    def _all_documents(self) -> list[DocumentInfo]:
        if self._documents is None:
            wanted = self._options.document_ids
            held = self._catalog.documents(self._collection.id)
            self._documents = [
                d for d in held if (not wanted or d.id in wanted) and _passes_tags(d, self._options.filters)
            ]
        return self._documents

    def _document(self, name: str) -> DocumentInfo:
        wanted = " ".join(name.casefold().split())
        named = [(label(d.name).text.casefold(), d) for d in self._all_documents()]
        exact = [d for known, d in named if wanted in (known, f"{known} ({d.id[:6]})")]
        alike = exact or [d for known, d in named if wanted and wanted in known]
        if len(alike) != 1:
            several = "several documents are" if alike else "no document is"
            raise ToolError(
                f"There {several} called {label(name).text!r}; list_documents tells the names.".replace(
                    "There ", "", 1
                ).capitalize()
            )
        return alike[0]

    def _passes(self, chunk: Chunk) -> bool:
        low, high = self._options.page_from, self._options.page_to
        return (low is None or any(p >= low for p in chunk.pages)) and (
            high is None or any(p <= high for p in chunk.pages)
        )

    def _has_number(self, number: str) -> bool:
        bare = number.replace(",", "")
        if len(bare) < 2:  # 1, 2, 100 as a factor need no source, nor do counts
            return True
        return bare in ("10", "100", "1000", "1000000") or any(
            bare in h.chunk.text.replace(",", "") for h in self._hits
        )


def _tool(name: str, about: str, properties: dict[str, Any], required: list[str], run: Callable[..., str]) -> Tool:
    schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return Tool(name, about, schema, run)


def _place_in(chunk: Chunk, index: int, first: int, last: int) -> int:
    """Return the first of the pages that a chunk touches, 0 for none; of a document without pages so many chunks are a part."""
    pages = chunk.pages or (index // _MOST_READ + 1,)
    return max(first, pages[0]) if pages[0] <= last and pages[-1] >= first else 0


def _passes_tags(document: DocumentInfo, filters: Filters) -> bool:
    day = document.added_at.astimezone().date()
    return (
        (not filters.tags or bool(set(filters.tags) & set(document.tags)))
        and (filters.added_from is None or day >= filters.added_from)
        and (filters.added_to is None or day <= filters.added_to)
    )


def _counted(fresh: Sequence[Hit], seen: int, left: int) -> str:
    """Return e.g. "3 new excerpts from report.pdf, pages 3–4; 2 known already."."""
    places = list(
        dict.fromkeys(" ".join(filter(None, (label(h.document_name).text, pages_text(h.chunk.pages)))) for h in fresh)
    )
    told = f"{len(fresh)} new excerpt{'' if len(fresh) == 1 else 's'}" + (
        f": {'; '.join(places[:4])}" if places else ""
    )
    return (
        told
        + (f" and {len(places) - 4} more places" if len(places) > 4 else "")
        + (f"; {seen} known already" if seen else "")
        + "."
    )
