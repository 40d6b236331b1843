"""Take questions in from files: every row becomes a question, and one that fits no document a draft that says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rag.errors import QuestionSetError
from rag.evaluation import tables
from rag.evaluation.quotes import locate
from rag.store.documents import name_key
from rag.store.question_sets import new_question
from rag.types import Collection, Document, DocumentInfo, Evidence, Label, LabelledQuestion

if TYPE_CHECKING:
    from rag.workbench import Workbench

_NO = frozenset({"false", "no", "0", "n", "absent", "unanswerable", "none"})
_YES = frozenset({"true", "yes", "1", "y"})
_PLACES = ("document", "document_id", "doc_id", "file", "page", "start", "end", "quote")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file gave; nothing is kept until `QuestionSets` is given the questions."""

    questions: tuple[LabelledQuestion, ...]
    problems: tuple[str, ...]
    """A sentence for each row that did not go in as it says: the question is a draft, or the row had none."""

    @property
    def drafts(self) -> int:
        return sum(question.label == "draft" for question in self.questions)


class _Misfit(Exception):
    """A row that fits no document; the text is the sentence behind "Row 7: "."""


def import_questions(bench: Workbench, name: str, data: bytes, *, collection: Collection | None = None) -> Imported:
    """Read a CSV or JSONL file of questions (`rag.evaluation.tables` tells its columns).

    Documents are looked for in the collection, or in the library. Raises `QuestionSetError` when the file is no table of
    questions; anything wrong with a single row is told in `Imported.problems`.
    """
    return _imported(tables.rows(name, data), _Finder(bench, collection))


def import_qrels(bench: Workbench, queries: bytes, qrels: bytes, *, collection: Collection | None = None) -> Imported:
    """Read questions and relevance in two JSONL files, as retrieval benchmarks come: `qid`, `text`, `answerable`, `kind`; and
    `qid`, `doc_id` with `start` and `end`, or `page`.

    `kind` (or a label) "adversarial" is a question that the documents are about and do not answer.
    """
    evidence: dict[str, list[tables.Row]] = {}
    for _, row in tables.rows("qrels.jsonl", qrels):
        if isinstance(row, dict):
            evidence.setdefault(str(row.get("qid")), []).append(row)
    merged: list[tuple[int, tables.Row | str]] = []
    for number, row in tables.rows("queries.jsonl", queries):
        if isinstance(row, dict) and "qid" in row:
            row = {**row, "evidence": evidence.get(str(row["qid"]), [])}
        merged.append((number, row))
    return _imported(merged, _Finder(bench, collection))


def _imported(rows: Iterable[tuple[int, tables.Row | str]], finder: _Finder) -> Imported:
    drafts: dict[str, _Draft] = {}
    problems: list[str] = []
    misfits: list[tuple[int, _Draft, str]] = []
    for number, row in rows:
        if isinstance(row, str):
            problems.append(row)
            continue
        text = tables.question_of(row)
        if not text:
            problems.append(f"Row {number} has no question; it was left out.")
            continue
        draft = drafts.setdefault(f"qid {row['qid']}" if _given(row.get("qid")) else text.casefold(), _Draft(text))
        try:
            draft.take(row, finder)
        except _Misfit as misfit:
            misfits.append((number, draft, str(misfit)))
    if not drafts and not problems:
        raise QuestionSetError("The file has no questions; give it one question a row.")
    for number, draft, sentence in misfits:
        if not (draft.note and draft.is_labelled):
            draft.note = f"{sentence[0].upper()}{sentence[1:]}"
        kept = "what else is known of the question is kept" if draft.is_labelled else "it is kept as a draft"
        problems.append(f"Row {number} ({_short(draft.text)}): {sentence[:-1]}; {kept}.")
    return Imported(tuple(draft.question() for draft in drafts.values()), tuple(problems))


@dataclass(slots=True)
class _Draft:
    """A question while its rows are read."""

    text: str
    label: Label | None = None
    note: str = ""
    evidence: list[Evidence] = field(default_factory=list)
    is_suggested: bool = False
    """It says itself that nobody has confirmed its place yet."""

    def take(self, row: Mapping[str, Any], finder: _Finder) -> None:
        pieces = row.get("evidence")
        answerable = _truth(row.get("answerable"))
        self.note = self.note or str(row.get("note") or "").strip()
        self.is_suggested = self.is_suggested or row.get("label") == "draft"
        if "adversarial" in (row.get("label"), row.get("kind")):
            self.label = "adversarial"
        elif row.get("label") == "absent" or answerable is False:
            self.label = "absent"
        elif isinstance(pieces, list) and pieces:
            self._add(finder(piece) for piece in pieces)
        elif any(_given(row.get(key)) for key in _PLACES):
            self._add([finder(row)])
        elif answerable:
            raise _Misfit("it says that the question can be answered, but not where.")

    def _add(self, pieces: Iterable[Evidence]) -> None:
        for piece in pieces:
            if piece not in self.evidence:
                self.evidence.append(piece)

    @property
    def is_labelled(self) -> bool:
        return not self.is_suggested and bool(self.label) != bool(self.evidence)  # both contradict one another

    def question(self) -> LabelledQuestion:
        if self.evidence and self.label is None:
            label: Label = "draft" if self.is_suggested else "evidence"
            return new_question(self.text, label=label, evidence=tuple(self.evidence), note=self.note)
        if self.evidence:
            note = "One row says that it is not in the documents, another says where it is."
            return new_question(self.text, note=note)
        return new_question(self.text, label=self.label or "draft", note=self.note)


class _Finder:
    """Makes evidence of a row: finds its document, and its place there."""

    def __init__(self, bench: Workbench, collection: Collection | None) -> None:
        self._infos = bench.catalog.documents(collection.id if collection else None)
        self._where = f"collection {collection.name!r}" if collection else "the library"
        self._document: Callable[[str], Document] = lru_cache(maxsize=16)(bench.catalog.document)

    def __call__(self, row: object) -> Evidence:
        if not isinstance(row, Mapping):
            raise _Misfit("its evidence is not a list of places.")
        info = self._info(row)
        page, start, end = (_number(row, key) for key in ("page", "start", "end"))
        quote = str(row.get("quote") or row.get("evidence") or "").strip()  # some sets call the quote evidence
        document = self._document(info.id)
        if quote or start is not None or end is not None:
            low, high = _span(document, quote, page, start, end)
            return Evidence(info.id, info.name, low, high, quote=document.text[low:high])
        if page is None:
            raise _Misfit("it names a document, but neither a page nor a place in it.")
        _check_page(document, page)
        return Evidence(info.id, info.name, page=page)

    def _info(self, row: Mapping[str, Any]) -> DocumentInfo:
        wanted = [
            str(row[key]).strip() for key in ("document_id", "document", "doc_id", "file") if _given(row.get(key))
        ]
        if not wanted:
            if len(self._infos) == 1:
                return self._infos[0]
            raise _Misfit("it names no document.")
        for name in wanted:
            if found := self._named(name):
                return found
        raise _Misfit(f"no document of {self._where} is named {wanted[-1][:_SHOWN]!r}.")

    def _named(self, name: str) -> DocumentInfo | None:
        """Return the document of that id, name, or name without its ending, the newest if there are several."""
        key = name_key(name)
        tests: Sequence[Callable[[DocumentInfo], bool]] = (
            lambda info: info.id == name,
            lambda info: name_key(info.name) == key,
            lambda info: name_key(PurePath(info.name).stem) == key,
        )
        return next((info for test in tests for info in self._infos if test(info)), None)


def _span(document: Document, quote: str, page: int | None, start: int | None, end: int | None) -> tuple[int, int]:
    if quote:
        within = _check_page(document, page) if page is not None else None
        found = locate(document.text, quote, within=within, near=start if start is not None and start >= 0 else 0)
        if found is None:
            place = f"page {page} of {document.name}" if page is not None else document.name
            raise _Misfit(f"its quote does not stand in {place}.")
        return found
    if start is None or end is None:
        raise _Misfit("it gives one end of its place and not the other.")
    if not 0 <= start < end <= len(document.text):
        raise _Misfit(
            f"its place {start} to {end} is not in {document.name}, which has {len(document.text):,} characters."
        )
    return start, end


def _check_page(document: Document, page: int) -> tuple[int, int]:
    """Return the span of a page."""
    for each in document.pages:
        if each.number == page:
            return each.start, each.end
    has = f"has {len(document.pages)} pages" if document.pages else "has no pages"
    raise _Misfit(f"{document.name} {has}, so there is no page {page}.")


def _number(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    if not _given(value):
        return None
    try:
        number = float(str(value))
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise _Misfit(f"its {key} is {str(value)[:_SHOWN]!r}, which is no whole number.") from None
    return int(number)


def _truth(value: object) -> bool | None:
    word = str(value).strip().casefold() if value is not None else ""
    return False if word in _NO else True if word in _YES else None


def _given(value: object) -> bool:
    return value is not None and str(value).strip() != ""


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
