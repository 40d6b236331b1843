"""Whether a value that is in the passage is told there of something else: of plant B rather than plant A."""

from __future__ import annotations

from collections.abc import Sequence

from rag.generation.checking.comparing import agreement, comparable
from rag.generation.checking.evidence import Passage
from rag.generation.checking.mentions import Mention
from rag.store.keywords import terms

_VERBS = frozenset(
    stem
    for word in (
        "reach reached rise rose fall fell grow grew climb climbed drop dropped amount amounted total totalled come came stand stood report "
        "reported record recorded increase increased decrease decreased remain remained hold held make made see saw produce produced "
        "generate generated get got give gave take took pay paid cost costs earn earned receive received count counted become became "
        "belong include included expect expected plan planned estimate estimated show showed find found say said put set spend spent"
    ).split()
    for stem in terms(word)
)
"""Stems that say how much rather than of what."""
_CONTRASTS = [
    {stem for word in line.split() for stem in terms(word)}
    for line in (
        "men women male female", "gross net", "operating capital", "domestic foreign international", "north south east west",
        "adults children", "public private", "urban rural", "minimum maximum", "direct indirect", "fixed variable", "old new",
        "import imports export exports", "income expenditure", "assets liabilities", "winter summer spring autumn", "upper lower",
    )
]  # fmt: skip


_COVERED = 0.6


def said_of_another(stems: frozenset[str], claim: Mention, source: Mention, passage: Passage) -> bool:
    """Tell whether the passage gives `source` to something else and another amount to what the sentence is about.

    Both are needed: a clause that names what the claim names with another amount of the same kind, and in the clause of
    `source` something that the claim does not name. `stems` are those of the whole sentence.
    """
    claimed = (claim.stems if len(claim.stems) > 1 else stems) - _VERBS
    rivals = [r for r in passage.mentions if r is not source and _is_rival(claim, r)]
    missing = source.stems - stems - _VERBS
    if missing and any(_takes_it(claimed, missing, source, r, passage) for r in rivals if _is_beside(r, source)):
        return True
    things = frozenset(claim.amount.things)
    return any(_told_elsewhere(stems - things, source, r, passage) for r in rivals if r.sentence != source.sentence)


def parted_claims(claim: Mention, others: Sequence[Mention]) -> bool:
    """Tell whether a sentence gives several amounts of one kind, so that each is only told of its own clause."""
    return any(o is not claim and o.clause != claim.clause and comparable(claim.amount, o.amount) for o in others)


def _is_rival(claim: Mention, rival: Mention) -> bool:
    if claim.years and rival.years and not claim.years & rival.years:
        return False
    return comparable(claim.amount, rival.amount) and agreement(claim.amount, rival.amount) != "same"


def _is_beside(rival: Mention, source: Mention) -> bool:
    """Tell whether two amounts stand in two rows of a table, or in two clauses of one sentence."""
    if rival.in_table or source.in_table:
        return rival.in_table and source.in_table and rival.clause != source.clause
    return rival.sentence == source.sentence and rival.clause != source.clause


def _takes_it(
    claimed: frozenset[str], missing: frozenset[str], source: Mention, rival: Mention, passage: Passage
) -> bool:
    """Tell whether a claim fits the clause of the rival better than the one of the source."""
    theirs = rival.stems if rival.amount.things else rival.stems | frozenset(source.amount.things[:1])
    gained = (claimed & theirs) - source.stems
    if not gained:
        return False
    if any(gained & group and missing & group for group in _CONTRASTS):
        return True
    if gained & passage.capital_stems and missing & passage.capital_stems:
        return True
    shared = claimed & source.stems
    covers = len(claimed & theirs) >= _COVERED * len(claimed) and len(shared) < len(claimed & theirs)
    return covers or (bool(shared) and shared <= theirs)


def _told_elsewhere(told: frozenset[str], source: Mention, rival: Mention, passage: Passage) -> bool:
    """Tell whether nothing that a claim tells stands in the sentence of the source, and most of it in that of a rival."""
    if source.in_table or rival.in_table or len(told) < 1:
        return False
    here, there = (passage.stems[passage.sentence_at(m.amount.start)] for m in (source, rival))
    return not told & here and not told & passage.context_stems and 2 * len(told & there) >= len(told)
