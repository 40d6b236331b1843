"""Question sets as files: CSV and JSONL, read with a sentence about every row that does not fit, and written out again.

A row is a question, or one more piece of evidence of a question of the same words (or the same `qid`, where there is one).
Columns (any order, any case): `text` or `question`; `document` (name, name without its ending, or id); `page`, or `start` and `end`,
or `quote`, which is looked for in the document; `answerable` (false: not in the documents). Nothing is refused as a whole but a file
that is no table of questions.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rag.errors import QuestionSetError
from rag.types import Evidence, QuestionSet

Row = dict[str, Any]
COLUMNS = ("question", "answerable", "document", "page", "start", "end", "quote", "document_id", "label", "note")
_QUESTION = ("text", "question", "query")
_DELIMITERS = ",;\t|"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a cell for a formula; such a cell is written with an apostrophe before it."""


def rows(name: str, data: bytes) -> Iterator[tuple[int, Row | str]]:
    """Yield (row number as an editor counts it, row) of a CSV or JSONL file; a row that is none is yielded as a sentence.

    Raises `QuestionSetError` when the file is not a table of questions at all.
    """
    text = _decoded(name, data)
    if not text.strip():
        raise QuestionSetError(f"{name} is empty; give it one question a row.")
    yield from _json_rows(text) if _is_json(name, text) else _csv_rows(name, text)


def question_of(row: Mapping[str, Any]) -> str:
    """Return the words of a row's question, "" when it has none."""
    for key in _QUESTION:
        value = row.get(key)
        if isinstance(value, str | int | float) and str(value).strip():
            return " ".join(str(value).split())
    return ""


def _decoded(name: str, data: bytes) -> str:
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if is_wide else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding).replace("\x00", "")
        except UnicodeDecodeError:
            continue
    raise QuestionSetError(f"{name} is not a text file; save it as CSV or JSONL in UTF-8.")


def _is_json(name: str, text: str) -> bool:
    return name.lower().endswith((".jsonl", ".ndjson", ".json")) or text.lstrip()[0] in "{["


def _json_rows(text: str) -> Iterator[tuple[int, Row | str]]:
    if (whole := _whole_list(text)) is not None:
        lines: Iterable[tuple[int, Any]] = enumerate(whole, 1)
    else:
        lines = _json_lines(text)
    for number, value in lines:
        if isinstance(value, dict):
            yield number, {str(key).strip().lower(): each for key, each in value.items()}
        elif isinstance(value, str) and value.strip():
            yield number, {"question": value}
        else:
            yield number, f"Row {number} is not JSON with a question; correct it and import it again."


def _whole_list(text: str) -> list[Any] | None:
    """Return the rows of a file that is one JSON list, by itself or under "questions"."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = value.get("questions")
    return value if isinstance(value, list) else None


def _json_lines(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


_MORE_CELLS = "Row {} has more cells than the first row names; it was left out. Put what holds “{}” in quotation marks."


def _csv_rows(name: str, text: str) -> Iterator[tuple[int, Row | str]]:
    head = text.lstrip().splitlines()[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.DictReader(io.StringIO(text.lstrip(), newline=""), delimiter=delimiter)
    reader.fieldnames = [(field or "").strip().lower() for field in reader.fieldnames or ()]
    if not set(_QUESTION) & set(reader.fieldnames):
        raise QuestionSetError(
            f'{name} has no column "question" or "text"; its first row must name the columns, such as question,document,page.'
        )
    try:
        for row in reader:
            if surplus := row.pop(None, None):
                if len(reader.fieldnames) > 1:
                    yield reader.line_num, _MORE_CELLS.format(reader.line_num, delimiter)
                    continue
                (alone,) = row  # a list of questions: what looks like a further cell is the rest of the question
                row[alone] = delimiter.join([row[alone], *surplus])
            values = {key: _cell(value) for key, value in row.items() if key and isinstance(value, str)}
            if any(values.values()):
                yield reader.line_num, values
    except csv.Error as error:
        yield (
            reader.line_num + 1,
            f"Row {reader.line_num + 1} cannot be read ({error}); the rows after it were left out.",
        )


def _cell(value: str) -> str:
    return value[1:] if value[:1] == "'" and value[1:2] in _FORMULA else value


# --- writing --------------------------------------------------------------------------------------------------------


def to_csv(question_set: QuestionSet) -> bytes:
    """Return the set as CSV (UTF-8 with a mark, as spreadsheets like it), one row a piece of evidence."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for question in question_set.questions:
        answerable = {"evidence": "true", "absent": "false", "adversarial": "false", "draft": ""}[question.label]
        for piece in question.evidence or (None,):
            place = ("", "", "", "", "", "") if piece is None else _place(piece)
            document, page, start, end, quote, document_id = place
            cells = (
                question.text,
                answerable,
                document,
                page,
                start,
                end,
                quote,
                document_id,
                question.label,
                question.note,
            )
            writer.writerow([f"'{cell}" if str(cell).startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _place(piece: Evidence) -> tuple[str, ...]:
    page, start, end = (str(piece.page), "", "") if piece.page else ("", str(piece.start), str(piece.end))
    return piece.document_name, page, start, end, piece.quote, piece.document_id


def to_jsonl(question_set: QuestionSet) -> bytes:
    """Return the set as JSONL, one question a line with all of its evidence."""
    lines = []
    for question in question_set.questions:
        line: dict[str, Any] = {"question": question.text, "label": question.label}
        if question.label != "draft":
            line["answerable"] = question.label == "evidence"
        if question.evidence:
            line["evidence"] = [_evidence(piece) for piece in question.evidence]
        if question.note:
            line["note"] = question.note
        lines.append(json.dumps(line, ensure_ascii=False))
    return "".join(f"{line}\n" for line in lines).encode("utf-8")


def _evidence(piece: Evidence) -> dict[str, Any]:
    about: dict[str, Any] = {"document": piece.document_name, "document_id": piece.document_id}
    if piece.page:
        return {**about, "page": piece.page}
    return {**about, "start": piece.start, "end": piece.end, "quote": piece.quote}
