"""`rag search`, and the options by which any command searches."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

import rag
from rag import RagError
from rag.cli.show import print_hits, print_json, search_json
from rag.types import GenerateOptions, SearchOptions

F = TypeVar("F", bound=Callable[..., Any])
_MODES = click.Choice(["hybrid", "semantic", "keyword"])
_BATCH = 64  # questions searched, and then printed, together


class _Pages(click.ParamType[tuple[int | None, int | None]]):
    """ "7", "3-7", "3-" or "-7"."""

    name = "pages"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int | None, int | None]:
        first, dash, last = str(value).partition("-")
        try:
            found = (int(first) if first else None, int(last) if last else None) if dash else (int(first), int(first))
        except ValueError:
            found = (None, None)
        first_page, last_page = found
        if found == (None, None) or 0 in found or (first_page and last_page and last_page < first_page):
            self.fail(f"{value!r} is no range of pages; give 7, 3-7, 3- or -7.", param, ctx)
        return found


class Share(click.FloatRange):
    """A number from 0 to 1; NaN, which every comparison lets pass, is none."""

    def __init__(self) -> None:
        super().__init__(0, 1)

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        found = super().convert(value, param, ctx)
        return self.fail(f"{value} is not in the range 0<=x<=1.", param, ctx) if math.isnan(found) else found


@dataclass(frozen=True)
class Flags:
    """What the options of a command say; None where they were not given."""

    collection: str | None
    top_k: int | None
    threshold: float | None
    mode: Any
    weight: float | None
    exact: bool
    documents: tuple[str, ...]
    tags: tuple[str, ...]
    pages: tuple[int | None, int | None]
    profile: str | None

    def options(self, bench: rag.Workbench) -> SearchOptions:
        """Return the profile's settings, or the built-in ones, with what was given in their place. Raises `RagError`."""
        base = bench.profiles.get(self.profile).search if self.profile else SearchOptions()
        given: dict[str, Any] = {
            "top_k": self.top_k, "similarity_threshold": self.threshold, "mode": self.mode, "weight": self.weight,
            "exact": self.exact or None, "tags": self.tags or None, "page_from": self.pages[0], "page_to": self.pages[1],
            "document_ids": document_ids(bench, self.collection, self.documents) or None,
        }  # fmt: skip
        return replace(base, **{key: value for key, value in given.items() if value is not None})

    def generate_options(self, bench: rag.Workbench) -> GenerateOptions:
        """Return how the profile answers, or the built-in way. Raises `RagError`."""
        return bench.profiles.get(self.profile).generate if self.profile else GenerateOptions()


def search_options(command: F) -> F:
    """Give a command the search options; it gets them as one argument, `flags`."""

    @wraps(command)
    def with_flags(**given: Any) -> Any:
        pages = given.pop("pages") or (None, None)
        own = {key: given.pop(key) for key in Flags.__annotations__ if key in given}
        return command(flags=Flags(pages=pages, **own), **given)

    decorated: Any = with_flags
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


_OPTIONS = (
    click.option("--top-k", type=click.IntRange(1, 200), help="At most N hits; 6 when not given."),
    click.option("--threshold", type=Share(), help="Keep hits with at least this match score."),
    click.option("--mode", type=_MODES, help="hybrid when not given."),
    click.option("--weight", type=Share(), help="Share of the semantic side; 0.5 when not given."),
    click.option("--exact", is_flag=True, help="Compare with every vector rather than through the index."),
    click.option("--collection", metavar="NAME", help="Collection to search; the default one when not given."),
    click.option("--document", "documents", multiple=True, metavar="NAME", help="Only this document; repeatable."),
    click.option("--tag", "tags", multiple=True, metavar="TAG", help="Only documents with this tag; repeatable."),
    click.option("--pages", type=_Pages(), metavar="M-N", help="Only chunks that touch these pages."),
    click.option("--profile", metavar="NAME", help="Settings saved on the Search page; other options go before them."),
)


@click.command()
@click.argument("question", required=False)
@click.option(
    "--questions",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Search every question of a JSONL file (`text` or `question`), one result a line, in order.",
)
@search_options
@click.option("--data", type=click.Path(path_type=Path), help="Data folder; else RAG_DATA_DIR, else data/workbench.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON and nothing else on stdout.")
def search(question: str | None, questions: Path | None, flags: Flags, data: Path | None, as_json: bool) -> None:
    """Find the chunks that answer QUESTION, with every part of their score."""
    if (question is None) == (questions is None):
        raise click.UsageError("Give one QUESTION, or --questions FILE.jsonl.")
    with rag.open_workbench(data, read_only=True) as bench:
        options = flags.options(bench)
        if question is not None:
            result = rag.search(bench, question, collection=flags.collection, options=options)
            print_json(search_json(result)) if as_json else print_hits(result)
        elif questions is not None:
            _search_all(bench, list(_questions(questions)), questions, flags.collection, options)


def _search_all(
    bench: rag.Workbench, asked: list[tuple[int, str]], path: Path, collection: str | None, options: SearchOptions
) -> None:
    """Print a line for every question, one that cannot be searched with its error; raise `RagError` in the end if there was one."""
    wrong: list[tuple[int, RagError]] = []
    for at in range(0, len(asked), _BATCH):
        batch = asked[at : at + _BATCH]
        found = rag.retrieval.search_many(bench, [text for _, text in batch], collection=collection, options=options)
        for (number, text), result in zip(batch, found, strict=True):
            if isinstance(result, RagError):
                wrong.append((number, result))
                print_json({"question": text, "hits": [], "near_misses": [], "error": str(result)})
            else:
                print_json(search_json(result))
    if wrong:
        number, error = wrong[0]
        raise RagError(
            f"{len(wrong)} of {len(asked)} questions could not be searched; line {number} of {path}: {error}"
        )


def _questions(path: Path) -> Iterator[tuple[int, str]]:
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")  # only these end a line of JSONL
    except UnicodeDecodeError:
        raise RagError(f"{path} is not UTF-8 text; save it as UTF-8 and try again.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            text = row if isinstance(row, str) else row["text" if "text" in row else "question"]
        except (ValueError, KeyError, TypeError):
            raise RagError(f'Line {number} of {path} is not JSON with a "text" or "question"; correct it.') from None
        if not isinstance(text, str):
            raise RagError(f"The question in line {number} of {path} is not text; correct it.")
        yield number, text


def document_ids(bench: rag.Workbench, collection: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the ids of the documents of these names, or ids. Raises `RagError` for a name that the collection does not hold."""
    target = bench.collection(collection)
    held = bench.catalog.documents(target.id) if names else []
    found: list[str] = []
    for name in names:
        wanted = unicodedata.normalize("NFC", name).casefold()
        ids = [d.id for d in held if wanted in (unicodedata.normalize("NFC", d.name).casefold(), d.id)]
        if not ids:
            known = ", ".join(d.name for d in held[:10])
            raise RagError(
                f"No document is named {name!r} in collection {target.name!r}; it holds: {known or 'nothing'}."
            )
        found += ids
    return tuple(found)
