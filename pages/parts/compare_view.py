"""Runs drawn: the list of them, two side by side in figures, question by question, and hit by hit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import rag
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import count, moment, pages_text
from pages.parts.tuning_view import settings_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.evaluation import Comparison, HitChange, QuestionChange
    from rag.types import Figure, RunInfo

    Texts = Callable[[str, int, int], tuple[str, str]]
    """Takes document id, start and end; returns the document's name and the text."""

_FIGURES = (
    "correct",
    "supported",
    "answered",
    "hit@1",
    "hit@5",
    "recall@10",
    "mrr",
    "ndcg@10",
    "evidence@4k",
    "rejected",
    "auroc",
)
_WORDS = {"answered": "answered", "missed": "missed", "wrongly_answered": "wrongly answered", "rejected": "rejected"}
_MOST_RUNS = 60
_MOST_QUESTIONS = 300
_EXCERPT = 260


def run_name(info: RunInfo) -> str:
    """Return a run in one line: when, what, under which settings."""
    when = moment(info.at)
    settings = "" if info.sweep_id else f" · {settings_words(info.options)}"
    return f"{when} · {info.title}{settings} · {info.set_name}"


# --- the list ---


def run_table(infos: Sequence[RunInfo], sweeps: dict[str, str], sure: str) -> Node:
    """Return a row a run, newest first; the runs of a sweep are one row that opens it."""
    names = ("When", "Run", "Searched", "Settings", "Answered", "nDCG@10", "Rejected", "Questions", "")
    head = el("tr", *(el("th.num" if 3 < at < 8 else "th", name) for at, name in enumerate(names)))
    rows, seen = [], set()
    for info in infos:
        if not info.sweep_id:
            rows.append(_run_row(info, sure))
        elif info.sweep_id not in seen:
            seen.add(info.sweep_id)
            done = sum(each.sweep_id == info.sweep_id for each in infos)
            rows.append(_sweep_row(info, sweeps.get(info.sweep_id, "a deleted sweep"), done))
    left = len(rows) - _MOST_RUNS
    more = el("small.muted", f"{left} older ones can be chosen above.") if left > 0 else None
    return el("div.runs", el("table", el("thead", head), el("tbody", *rows[:_MOST_RUNS])), more)


def _run_row(info: RunInfo, sure: str) -> Node:
    f = info.figures
    made = f"{info.profile}: {settings_words(info.options)}" if info.profile else settings_words(info.options)
    return el(
        "tr", el("td.muted", moment(info.at)), el("td.strong", visible(info.title, 80)),
        el("td", visible(_searched(info), 90), title=f"fingerprint {info.fingerprint.digest}"), el("td", visible(made, 90)),
        *(el("td.num", _value(f.get(name), name)) for name in ("answered", "ndcg@10", "rejected")),
        el("td.num", f"{_questions(info):,}"),
        el(
            "td.actions", el("button.link", "First", data_pick=f"first:{info.id}"), el("button.link", "Second", data_pick=f"second:{info.id}"),
            el("button.link", "Really delete" if sure == info.id else "Delete", data_pick=f"delete:{info.id}"),
        ),
    )  # fmt: skip


def _sweep_row(info: RunInfo, title: str, done: int) -> Node:
    return el(
        "tr", el("td.muted", moment(info.at)),
        el("td", el("span.strong", f"Sweep: {count(done, 'setting')} "), el("span.muted", visible(title.split(" · ")[-1], 90)), colspan=7),
        el("td.actions", el("button.link", "Open", data_pick=f"sweep:{info.sweep_id}")),
    )  # fmt: skip


def _searched(info: RunInfo) -> str:
    f = info.fingerprint
    model = f.embedding_model.rpartition("/")[2] or "keywords only"
    return f"{f.collection}: {count(f.documents, 'document')}, {count(f.chunks, 'chunk')} of {f.options.chunk_size_tokens} tokens, {model}"


def _questions(info: RunInfo) -> int:
    return max((f.questions for name, f in info.figures.items() if name == "auroc"), default=0) or sum(
        info.figures[name].questions for name in ("answered", "rejected") if name in info.figures
    )


# --- figures ---


def heads(found: Comparison) -> Node:
    """Return what either run is, and what keeps them from comparing like with like."""
    sides = [_head(name, run.info) for name, run in (("First", found.first), ("Second", found.second))]
    notes = []
    if not found.same_chunks:
        notes.append("The two searched different chunks: a hit counts as the same when either holds half of the other.")
    if found.only_in_one:
        notes.append(f"{count(found.only_in_one, 'question')} measured in only one of them are left out.")
    return el("div", el("div.sides", *sides), *(el("p.muted", note) for note in notes))


def _head(name: str, info: RunInfo) -> Node:
    profile = f" · profile {visible(info.profile, 60)}" if info.profile else ""
    when = moment(info.at)
    return el(
        "div.side", el("span.muted", f"{name} · {when}"), el("span.strong", visible(info.title, 100)),
        el("span", visible(_searched(info), 120)), el("span", f"{settings_words(info.options)}{profile}"),
        el("span.muted", visible(info.threshold_note, 500)) if info.threshold_note else None,
    )  # fmt: skip


def figures(found: Comparison) -> Node:
    """Return a column a measure: both values, and the difference with its interval."""
    shown = [name for name in _FIGURES if name in found.differences and not math.isnan(found.differences[name].value)]
    return el("div.facts.tuned", *(_figure(found, name) for name in shown))


def _figure(found: Comparison, name: str) -> Node:
    by = found.differences[name]
    first, second = (run.info.figures[name] for run in (found.first, found.second))
    sure = not math.isnan(by.low) and not by.low <= 0 <= by.high
    look = "span.change" + ((".up" if by.value > 0 else ".down") if sure else "")
    scale = 1 if name in ("mrr", "ndcg@10", "auroc") else 100
    change = f"{scale * by.value:+.3f}" if scale == 1 else f"{scale * by.value:+.1f}"
    extent = (
        ""
        if math.isnan(by.low)
        else f"{scale * by.low:+.2f} to {scale * by.high:+.2f}"
        if scale == 1
        else f"{scale * by.low:+.0f} to {scale * by.high:+.0f}"
    )
    verdict = "" if math.isnan(by.low) else "" if sure else " · within noise"
    measure = (rag.evaluation.ANSWER_MEASURES | rag.evaluation.MEASURES)[name]
    return el(
        "div.fact", el("span.name", measure.title),
        el("span.value", _value(second, name), el(look, change.replace("-", "−"), title="second minus first, on the questions of both")),
        el("span.range", f"was {_value(first, name)}"), el("span.range", f"{extent}{verdict}".replace("-", "−"), title="95 % interval of the difference"),
        title=measure.about,
    )  # fmt: skip


def _value(figure: Figure | None, name: str) -> str:
    if figure is None or math.isnan(figure.value):
        return "–"
    return f"{figure.value:.3f}" if name in ("mrr", "ndcg@10", "auroc") else f"{100 * figure.value:.1f} %"


# --- questions ---


def questions(found: Comparison, opened: str) -> Node:
    """Return the questions that came out otherwise, then those whose hits changed, then the rest."""
    groups: dict[str, list[QuestionChange]] = {
        "Gained": [],
        "Lost": [],
        "Other hits, same outcome": [],
        "No change": [],
    }
    for each in found.questions:
        if each.verdict != "same":
            groups["Gained" if each.verdict == "gained" else "Lost"].append(each)
        else:
            stayed = all(hit.change == "stayed" for hit in each.hits)
            groups["No change" if stayed else "Other hits, same outcome"].append(each)
    parts, room = [], _MOST_QUESTIONS
    for title, members in groups.items():
        if members:
            rows = [_question(each, opened) for each in members[:room]]
            room -= len(rows)
            is_open = title != "No change" or any(each.question.id == opened for each in members)
            parts.append(
                el(
                    "details",
                    el("summary", f"{title}: {len(members)}"),
                    el("ul.choices", *rows),
                    open="" if is_open else None,
                )
            )
    return el("div.asked", *parts)


def _question(each: QuestionChange, opened: str) -> Node:
    before, after = _WORDS[each.before], _WORDS[each.after]
    outcome = after if before == after else f"{before} → {after}"
    counts = {kind: sum(hit.change == kind for hit in each.hits) for kind in ("entered", "left", "moved")}
    changes = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
    look = "button.choice.current" if each.question.id == opened else "button.choice"
    return el(
        "li", el(look, el("span.strong", visible(each.question.text, 140)), el("span.muted", " · ".join(filter(None, (outcome, changes)))), data_pick=each.question.id)
    )  # fmt: skip


# --- hits ---


def detail(change: QuestionChange, texts: Texts) -> Node:
    """Return one question with the hits of the second run, what they were in the first, and those that left."""
    wanted = [_evidence(piece) for piece in change.question.evidence] or [
        "It is not in the documents: no hit is right."
    ]
    head = el(
        "div", el("h3", visible(change.question.text, 300)), el("p.muted", f"{_WORDS[change.before]} → {_WORDS[change.after]} · ", *(visible(each, 200) for each in wanted[:3]))
    )  # fmt: skip
    if not change.hits:
        return el("div", head, el("p.muted", "Neither run has a hit for it."))
    return el("div.scroller.pair", head, *(_hit(hit, texts) for hit in change.hits))


def _evidence(piece: Any) -> str:
    where = f"p. {piece.page}" if piece.page else f"“{piece.quote[:90]}”"
    return f"expected in {piece.document_name}, {where} "


def _hit(each: HitChange, texts: Texts) -> Node:
    hit = each.after or each.before
    assert hit is not None
    name, text = texts(hit.document_id, hit.start, hit.end)
    before = f"{each.before.rank}" if each.before else "–"
    after = f"{each.after.rank}" if each.after else "–"
    look = {"entered": "good", "left": "bad", "moved": "warn", "stayed": ""}[each.change]
    scores = " → ".join(f"{side.score:.2f}" for side in (each.before, each.after) if side is not None)
    excerpt = visible(text, _EXCERPT) if text else "The document was deleted, so its text cannot be shown."
    return el(
        f"div.hit.{each.change}", el("span.place.num", before if before == after else f"{before} → {after}"),
        el(
            "div.body",
            el("div.row", el(f"span.chip.{look}" if look else "span.chip", each.change), el("span.chip.good", "right") if hit.is_right else None,
               el("span.strong", visible(name or "deleted document", 60)), el("span.muted", pages_text(hit.pages)), el("span.num.push", scores)),
            el("div.reading", excerpt),
        ),
    )  # fmt: skip
