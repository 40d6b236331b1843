"""Whether a value that is in the passage is told there of something else: of plant B rather than plant A."""

from __future__ import annotations

from collections.abc import Sequence

from rag.generation.checking.comparing import agreement, comparable
from rag.generation.checking.cues import SAYS_HOW_MUCH
from rag.generation.checking.evidence import Passage
from rag.generation.checking.mentions import Mention
from rag.generation.checking.units import COUNT, NONE, same_things
from rag.generation.checking.words import told_stems

_CONTRASTS = [
    told_stems(line, 0, len(line))
    for line in (
        "men women male female", "gross net", "operating capital", "domestic foreign international", "north south east west",
        "adults children", "public private", "urban rural", "minimum maximum", "direct indirect", "fixed variable", "old new",
        "import imports export exports", "income expenditure", "assets liabilities", "winter summer spring autumn", "upper lower",
    )
]  # fmt: skip


_WEEKDAYS = told_stems("monday tuesday wednesday thursday friday saturday sunday", 0, 60)
_COVERED = 0.6


def said_of_another(
    sentence: frozenset[str], claim: Mention, is_one_of_several: bool, source: Mention, passage: Passage
) -> bool:
    """Tell whether the passage gives `source` to something else and another amount to what the sentence is about.

    Both are needed: a clause that names what the claim names with another amount of the same kind, and in the clause of
    `source` something that the claim does not name. `sentence` has the stems of the whole sentence; with several amounts of one kind each is told of its own clause.
    """
    stems = claim.stems if is_one_of_several and claim.stems and not source.in_table else sentence
    if claim.amount.of and source.amount.of and not set(claim.amount.of) & set(source.amount.of):
        return any(set(claim.amount.of) & set(m.amount.of) for m in passage.mentions)
    if claim.numbers & source.numbers:
        return False  # another figure of the clause agrees as well
    claimed = (claim.stems if len(claim.stems) > 1 else stems) - SAYS_HOW_MUCH
    rivals = [r for r in passage.mentions if r is not source and _is_rival(claim, source, r)]
    missing = source.stems - stems - SAYS_HOW_MUCH - _WEEKDAYS
    beside = [r for r in rivals if _is_beside(r, source)]
    if missing and any(_takes_it(claimed, missing, source, r, passage) for r in beside):
        return True
    if not source.years and any(claim.years & r.years for r in beside):
        return True
    if any(_has_its_lead(claim, source, r, sentence) for r in beside) or _is_all_of(claim, source, passage):
        return True
    if any(_has_its_head(claim, source, r) for r in beside) and (missing or source.head or source.role):
        return True
    if any(_goes_with_its_numbers(claim, source, r) or _is_part(claim, claimed, source, r) for r in beside):
        return True
    if any(_has_its_things(claim, source, r) for r in rivals if r.sentence == source.sentence):
        return True
    if any(
        _belongs_to_sentence(stems, source, r, passage) for r in rivals if _are_alike(claim, r) and claim.role == r.role
    ):
        return True
    told = (frozenset(claim.amount.of) or sentence - frozenset(claim.amount.things)) - SAYS_HOW_MUCH
    return not claim.role and any(
        _told_elsewhere(told, source, r, passage)
        for r in rivals
        if r.sentence != source.sentence and _are_alike(claim, r)
    )


def parted_claims(claim: Mention, others: Sequence[Mention]) -> bool:
    """Tell whether a sentence gives several amounts of one kind, so that each is only told of its own clause."""
    return any(o is not claim and o.clause != claim.clause and comparable(claim.amount, o.amount) for o in others)


def _is_rival(claim: Mention, source: Mention, rival: Mention) -> bool:
    if claim.years and rival.years and not claim.years & rival.years:
        return False
    if agreement(claim.amount, rival.amount) == "same":
        return False
    cells = source.in_table and rival.in_table and rival.amount.readings[0].dimension == NONE
    return cells or comparable(claim.amount, rival.amount)


def _are_alike(claim: Mention, rival: Mention) -> bool:
    """Tell whether two amounts are surely of one kind: of the same measure, or of the same things."""
    measured = claim.amount.readings[0].dimension not in (NONE, COUNT)
    return measured or bool(same_things(claim.amount.things, rival.amount.things))


def _is_beside(rival: Mention, source: Mention) -> bool:
    """Tell whether two amounts stand in two rows of a table, or in two clauses of one sentence."""
    if rival.in_table or source.in_table:
        return rival.in_table and source.in_table and rival.clause != source.clause
    return rival.sentence == source.sentence and rival.clause != source.clause


def _takes_it(
    claimed: frozenset[str], missing: frozenset[str], source: Mention, rival: Mention, passage: Passage
) -> bool:
    """Tell whether a claim fits the clause of the rival better than the one of the source."""
    theirs = rival.stems if rival.is_compared else rival.subject
    theirs = theirs if rival.amount.things else theirs | frozenset(source.amount.things[:1])
    gained = (claimed & theirs) - source.subject
    if not gained:
        return False
    if any(gained & group and missing & group for group in _CONTRASTS):
        return True
    if gained & passage.capital_stems and missing & passage.capital_stems:
        return True
    shared = claimed & source.subject
    if source.in_table and not shared:
        return True
    covers = len(claimed & theirs) >= _COVERED * len(claimed) and len(shared) < len(claimed & theirs)
    return covers or (bool(shared) and shared <= theirs)


def _has_its_head(claim: Mention, source: Mention, rival: Mention) -> bool:
    """Tell whether the passage calls another amount what the claim calls this one: the goal of 25 percent."""
    return (
        bool(claim.head) and claim.head == rival.head and claim.head != source.head and claim.head not in source.stems
    )


def _has_its_lead(claim: Mention, source: Mention, rival: Mention, sentence: frozenset[str]) -> bool:
    """Tell whether the passage begins the rival's clause with what the claim begins with, and the source's with another thing."""
    if not claim.lead or claim.lead != rival.lead or claim.lead in source.subject:
        return False
    if claim.amount.things and rival.amount.things and not same_things(claim.amount.things, rival.amount.things):
        return False
    return bool(source.lead) and source.lead not in claim.subject


def _is_all_of(claim: Mention, source: Mention, passage: Passage) -> bool:
    """Tell whether a claim is about all of them where the passage is about some of them: of the 14 stations nine."""
    if not claim.amount.is_all or not source.amount.is_whole:
        return False
    total = source.amount.readings[0].low
    return any(
        m.sentence == source.sentence and 0 < m.amount.readings[0].low < total
        for m in passage.mentions
        if m is not source
    )


def _goes_with_its_numbers(claim: Mention, source: Mention, rival: Mention) -> bool:
    """Tell whether the other numbers of a claim's clause are those of the rival: the 7B model is not the 32B model."""
    reading = claim.amount.readings[0]
    if claim.amount.things or (reading.dimension == NONE and reading.step >= 1):
        return False  # a size or an age that says which, rather than how much
    return bool((claim.numbers & rival.numbers) - source.numbers and source.numbers - claim.numbers)


def _is_part(claim: Mention, claimed: frozenset[str], source: Mention, rival: Mention) -> bool:
    """Tell whether a claim says of the whole what the passage says of the part: of 64 posts, 52 are filled."""
    if not source.amount.is_whole or claim.amount.is_whole or rival.amount.start < source.amount.end:
        return False
    return bool((claimed & rival.stems) - source.stems)


def _has_its_things(claim: Mention, source: Mention, rival: Mention) -> bool:
    """Tell whether the passage counts with the rival what the claim counts: 734,000 retirement plans, not 662,000 welfare plans."""
    mine, here, there = (frozenset(m.amount.things) for m in (claim, source, rival))
    return bool(mine & here) and (mine & here) < (mine & there)


def _belongs_to_sentence(told: frozenset[str], source: Mention, rival: Mention, passage: Passage) -> bool:
    """Tell whether a claim is about what the rival's sentence is about and the source's is not.

    Something that it tells stands in the rival's sentence alone, and nothing in the source's alone.
    """
    if source.in_table or rival.in_table or source.sentence == rival.sentence:
        return False
    here, there = (passage.said_around(m.amount.start) for m in (source, rival))
    return tells_apart(told, here, there, passage)


def tells_apart(told: frozenset[str], here: frozenset[str], there: frozenset[str], passage: Passage) -> bool:
    """Tell whether a claim names what stands in one sentence of a passage alone, and nothing that stands in the other alone.

    A name is enough, else two words.
    """
    told = told - SAYS_HOW_MUCH - _WEEKDAYS - passage.context_stems
    own = told & there - here
    return not told & here - there and (len(own) > 1 or bool(own & passage.capital_stems))


def _told_elsewhere(told: frozenset[str], source: Mention, rival: Mention, passage: Passage) -> bool:
    """Tell whether nothing that a claim tells stands in the sentence of the source, and most of it in that of a rival."""
    if source.in_table or rival.in_table or len(told) < 1:
        return False
    here, there = (passage.stems[passage.sentence_at(m.amount.start)] for m in (source, rival))
    return not told & here and not told & passage.context_stems and 2 * len(told & there) >= len(told)
