"""Answers of a question set, drawn: what they take, how many are correct, what a correct one costs, and each with its verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import rag
from pages.parts.safe_text import Node, el, visible
from pages.parts.shared import cost, count, duration, moment
from pages.parts.tuning_view import settings_words
from rag import GenerateOptions

if TYPE_CHECKING:
    from rag.evaluation import AnswerPlan
    from rag.types import AnswerScore, QuestionScore, Run, RunInfo

VERDICTS = {
    "made_up": ("answered, though not in the documents", "bad"),
    "contradicted": ("contradicts its source", "bad"),
    "elsewhere": ("cites other places", "warn"),
    "not_found": ("says it is not there", "warn"),
    "failed": ("no answer", "bad"),
    "correct": ("correct", "good"),
    "rejected": ("rightly says it is not there", "good"),
}
"""In the order in which they are worth looking at."""
_MOST = 300


def plan(found: AnswerPlan) -> Node:
    """Return what answering takes."""
    price = price_words(found.cost_usd)
    time = "time not known yet" if found.seconds is None else f"about {duration(1000 * max(1.0, found.seconds))}"
    silent = found.questions - found.to_ask
    rest = (
        f"; {count(silent, 'question')} without a hit {'needs' if silent == 1 else 'need'} no model" if silent else ""
    )
    tokens = f"{found.input_tokens:,} tokens to read" if found.input_tokens else "nothing leaves this machine"
    return el(
        "div.plan", el("span.strong", f"{count(found.to_ask, 'answer')} · {price} · {time}"),
        el("span.muted", f"{tokens}{rest}." + (" Estimates; answers in the cache are free." if found.input_tokens else "")),
    )  # fmt: skip


def price_words(usd: float | None) -> str:
    """Return an estimated price; an unknown one is said to be unknown."""
    return "price unknown" if usd is None else "free" if usd == 0 else f"about {cost(usd)}"


def run_name(info: RunInfo) -> str:
    when = moment(info.at)
    rest = f" · {info.pending} left" if info.pending else ""
    return f"{when} · {info.answered_by} · {info.set_name} on {info.fingerprint.collection} · {settings_words(info.options)}{rest}"


def figures(run: Run) -> Node:
    """Return the headline figures of a run."""
    info, costs = run.info, run.info.costs
    made = [el("div.fact", el("span.name", name), el("span.value", value), el("span.range", about)) for name, value, about in (
        ("Correct answers", *_share(info, "correct")), ("Supported sentences", *_share(info, "supported")),
        ("A correct answer costs", _price(info, "correct_usd"), _cost_note(info)),
        ("All answers", _all(info), f"{_price(info, 'answer_usd')} an answer"),
        ("Time an answer", duration(costs.get("answer_ms")), "from the question to its end"),
    )]  # fmt: skip
    counts = {
        verdict: sum(s.answer is not None and s.answer.verdict == verdict for s in run.questions)
        for verdict in VERDICTS
    }
    chips = [el(f"span.chip.{VERDICTS[v][1]}", f"{VERDICTS[v][0]}: {number}") for v, number in counts.items() if number]
    return el("div", el("p.muted", how_words(info)), el("div.facts.tuned", *made), el("div.row", *chips))


def how_words(info: RunInfo) -> str:
    """Return how the model was asked to answer: profile, style, and what was changed in it."""
    how = info.generate or GenerateOptions()
    profile = f"Profile {visible(info.profile, 60)} · " if info.profile else ""
    own = [name for name in ("examples", "schema") if getattr(how, name)]
    edited = f" · own {' and '.join(own)}" if own else ""
    instruction = f" · instruction “{visible(how.instruction, 160)}”" if how.instruction else ""
    title = rag.generation.STYLES[how.style].title
    return f"{profile}{title}{instruction}{edited}"


def _share(info: RunInfo, name: str) -> tuple[str, str]:
    figure = info.figures.get(name)
    if figure is None or math.isnan(figure.value):
        done = any(name in info.costs for name in ("answer_ms", "answers_usd"))
        return "–", "quotes: nothing to check" if done and info.answered_by.startswith("local/") else "none yet"
    return (
        f"{100 * figure.value:.1f} %",
        f"{100 * figure.low:.0f}–{100 * figure.high:.0f} % · {count(figure.questions, 'answer')}",
    )


def _price(info: RunInfo, name: str) -> str:
    if name in info.costs:
        usd = info.costs[name]
        return "free" if usd == 0 else cost(usd)
    return "unknown" if info.costs.get("unknown_costs") else "–"


def _all(info: RunInfo) -> str:
    """Return what all answers cost; those of unknown price are counted beside the sum."""
    unknown = int(info.costs.get("unknown_costs", 0))
    return _price(info, "answers_usd") + (f" + {unknown} unknown" if unknown and "answers_usd" in info.costs else "")


def _cost_note(info: RunInfo) -> str:
    cached, unknown = int(info.costs.get("cached", 0)), int(info.costs.get("unknown_costs", 0))
    if unknown:
        return f"{count(unknown, 'answer')} of unknown price"
    if cached:
        return f"{cached} from the cache not counted"
    return "all that was paid, by those correct"


def first_to_see(run: Run) -> str:
    """Return the question to begin with: one that came out badly."""
    order = list(VERDICTS)
    answered = [score for score in run.questions if score.answer is not None]
    worst = min(answered, key=lambda s: order.index(s.answer.verdict) if s.answer else 99, default=None)
    return (worst or run.questions[0]).question.id if run.questions else ""


def questions(run: Run, opened: str | None) -> Node:
    """Return the questions by verdict, those worth looking at first."""
    parts, room = [], _MOST
    for verdict, (words, look) in VERDICTS.items():
        members = [s for s in run.questions if s.answer is not None and s.answer.verdict == verdict]
        if members:
            rows = [_question(score, score.answer, opened) for score in members[:room] if score.answer]
            room -= len(rows)
            is_open = look != "good" or any(score.question.id == opened for score in members)
            parts.append(
                el(
                    "details",
                    el("summary", f"{words[0].upper()}{words[1:]}: {len(members)}"),
                    el("ul.choices", *rows),
                    open="" if is_open else None,
                )
            )
    return el("div.asked", *parts)


def _question(score: QuestionScore, answer: AnswerScore, opened: str | None) -> Node:
    paid = (
        "cached"
        if answer.cached
        else "price unknown"
        if answer.cost_usd is None
        else "free"
        if answer.cost_usd == 0
        else cost(answer.cost_usd)
    )
    notes = " · ".join(
        filter(None, (_checked(answer), paid, duration(answer.duration_ms) if answer.duration_ms else ""))
    )
    look = "button.choice.current" if score.question.id == opened else "button.choice"
    return el(
        "li",
        el(
            look,
            el("span.strong", visible(score.question.text, 140)),
            el("span.muted", notes),
            data_pick=score.question.id,
        ),
    )


def _checked(answer: AnswerScore) -> str:
    parts = []
    if answer.sentences:
        parts.append(f"{answer.sentences_supported} of {count(answer.sentences, 'sentence')}")
    if answer.figures:
        parts.append(
            f"{answer.figures_supported} of {count(answer.figures, 'figure, date or name', 'figures, dates and names')}"
        )
    return f"{' and '.join(parts)} supported" if parts else ""


def detail(score: QuestionScore) -> Node:
    """Return one question with its answer and what is expected of it."""
    answer = score.answer
    head = el("h3", visible(score.question.text, 300))
    if answer is None:
        return el("div", head, el("p.muted", "Not answered yet."))
    words, look = VERDICTS[answer.verdict]
    expected = [
        f"expected in {piece.document_name}, " + (f"p. {piece.page}" if piece.page else f"“{piece.quote[:160]}”")
        for piece in score.question.evidence
    ]
    facts = [
        f"{answer.citations_right} of {count(answer.citations, 'citation')} into expected evidence" if score.question.evidence else "",
        _checked(answer), f"{answer.input_tokens:,} tokens read, {answer.output_tokens:,} written" if answer.input_tokens else "",
    ]  # fmt: skip
    lines = [el("p.said", visible(line, 2000)) for line in answer.text.splitlines() if line.strip()]
    return el(
        "div.scroller", head, el("div.row", el(f"span.chip.{look}", words), el("span.muted", " · ".join(filter(None, facts)))),
        *(el("p.muted", visible(each, 300)) for each in expected[:3] or ["It is not in the documents: the answer should say so."]),
        el("div.answer.kept", *lines) if lines else None, el("p.muted", visible(answer.note, 400)) if answer.note else None,
    )  # fmt: skip
