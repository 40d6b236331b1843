"""The small words around an amount: where a clause ends, what rises, what is denied, what is a start and what an end."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.generation.checking.reading import Amount
from rag.generation.checking.words import told_stems
from rag.store.keywords import terms

Span = tuple[int, int]

SAYS_HOW_MUCH = frozenset(
    stem
    for word in (
        "reach reached rise rose risen fall fell fallen grow grew grown climb climbed drop dropped amount amounted total totalled come came "
        "stand stood increase increased decrease decreased decline declined remain remained hold held make made see saw produce produced "
        "generate generated get got give gave go goes went take took pay paid earn earned receive received count counted become became "
        "belong include included expect expected plan planned estimate estimated show showed find found say said put set "
        "down up less more lower higher fewer compare compared gain gained lose lost reduce reduced raise raised use used "
        "weigh measure last live contain run ran begin began begun start started end ended arrive arrived need require required charge charged "
        "about approximately roughly around nearly almost exactly only"
    ).split()
    for stem in terms(word)
)
"""Stems that say how much rather than of what."""

CUT = re.compile(
    r"[;:|]\s?|\s[-–—]+\s|—|,\s|[()]|\s(?:and|but|while|whereas|although|though|because|compared with|compared to|against|versus|vs\.?|"
    r"up from|down from|from|to|then|than|(?:above|below)(?= the| its| their))\s",
    re.IGNORECASE,
)
BIG_CUT = re.compile(
    r"[;|]\s?|,?\s(?:and|but|while|whereas|although|though|because|which|who|yet)\s|,\s(?!\d)(?!\s?(?:up|down|a loss|a profit)\b)",
    re.IGNORECASE,
)
FROM = re.compile(r"\bfrom\b", re.IGNORECASE)
LISTED = re.compile(r"\s?,\s|,?\s(?:and|or)\s")
COMPARES = re.compile(
    r"[\s,;(]*(?:and )?(?:compared (?:with|to)|up from|down from|against|versus|vs\.?|from|to|above|below|than|instead of|rather than)\b",
    re.IGNORECASE,
)
"""Begins a clause whose amount is told of the same thing as the one before it."""
NOT_BINDING = re.compile(
    r"\b(?:since|until|before|after|than(?: in)?|on|against|with|versus|over|founded in|compared to)\s\Z|\bsince\b[^,;.]{0,32}\Z",
    re.IGNORECASE,
)

UP = re.compile(
    r"\b(?:r[io]se[sn]?|rising|increas\w+|gr[eo]w(?:n|s|ing|th)?|gain(?:s|ed)?|up|higher|climb\w*|expand\w*|expansion|jump\w*|surg\w+|"
    r"soar\w*|add(?:s|ed)?|rais(?:e|es|ed|ing)|more|above|exceed\w*|over (?:the )?(?:budget|plan|target))\b",
    re.IGNORECASE,
)
DOWN = re.compile(
    r"\b(?:f[ae]ll(?:s|en|ing)?|decreas\w+|declin\w+|drop(?:s|ped)?|down|lower(?:ed|s)?|reduc\w+|shr[aiu]nk\w*|cut(?:s|ting)?|less|fewer|below|"
    r"dip(?:s|ped)?|slump\w*|plung\w*|shortened|shed|sheds|halved|los[et]s?|losing|under (?:the )?(?:budget|plan|target))\b",
    re.IGNORECASE,
)
PROFIT = re.compile(r"\b(?:profit\w*|surplus\w*|net income|earnings)\b", re.IGNORECASE)
LOSS = re.compile(r"\b(?:loss(?:es)?|deficits?|shortfalls?)\b", re.IGNORECASE)
_NO_DIRECTION = re.compile(
    r"\b(?:(?:more|less|fewer|higher|lower) than(?=\s(?:an?\s)?[$€£]?(?:\d|one|two|three|four|five|six|ten|twelve|half|third))|up to|added that|or more|or less|more or less|over and above|(?:above|below|over|under)(?=\s[$€£]?\d)|"
    r"falls? (?:in|on|under)|no longer)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|none|neither|nor|without|cannot|refus\w+|declin\w+ to|fail\w* to|den(?:y|ies|ied)|reject\w*|exempt\w*|(?:instead of|rather than)(?!\s(?:about |around |just |only )?[$€£]?\d)|(?:advis\w+|recommend\w*|decid\w+|warn\w+|vot\w+|came out|spoke) against|dropp\w+ support|remov\w+:? support)\b|n[’']t\b",
    re.IGNORECASE,
)
_NO_NEGATION = re.compile(
    r"\bnot only\b|\bno(?:t)? (?:more|less|fewer|later|earlier|longer|higher|lower) than\b|\bnot exceeding\b|\bno doubt\b|\bwhether or not\b|"
    r"\bno\. ?\d|\bnot least\b|\bat no (?:extra |additional )?(?:cost|charge)\b|\bwithout (?:delay|exception|a finding|restart|notice)\b|\bif not\b",
    re.IGNORECASE,
)
FIRST_WORD = re.compile(
    r"[\s,;:|()—–-]*(?:(?:and|but|while|whereas|then|now|than)\s)*"
    r"(?:(?P<small>it|they|he|she|this|which|to|from|by|in|at|of|with|for|on|over|up|down|is|are|was|were|has|have|had|be)\b|(?P<word>[^\W\d_]+))",
    re.IGNORECASE,
)
_IS = r"of|was|is|were|are|at|amounts? to|amounted to|comes? to|came to|stands at|stood at|total(?:led|s)|averaged?|reached"
_SOME = r"(?:only |about |around |nearly |almost |over |up to |at least |more than |less than )?\Z"
_HEAD = re.compile(
    rf"(?:\b(?:the|an?|its|their|our|his|her)\s(?:[a-z]+\s)?(?P<first>[^\W\d_]+)\s(?:for|of|in|on)\s[^,;.]{{1,40}}|(?P<head>[^\W\d_]+)),?"
    rf"\s(?:{_IS})\s{_SOME}",
    re.IGNORECASE,
)
_NEXT_WORD = re.compile(r"[^\W\d_]+")
_UP_FROM = re.compile(
    r"\b(?:up|down|instead of|against|versus|compared (?:with|to)|rather than)\s(?:from\s)?(?:[A-Z]{3}\s)?\Z",
    re.IGNORECASE,
)
_FROM_TO = re.compile(
    r"\b(?P<role>from|(?<!amount )(?<!amounts )(?<!amounted )(?<!comes )(?<!come )(?<!came )(?<!equal )(?<!up )(?<!close )(?<!due )(?<!according )to)\s(?:only |about |around |nearly |almost |some )?\Z",
    re.IGNORECASE,
)


def direction(text: str, part: Span, amount: Amount, until: int, up: re.Pattern[str], down: re.Pattern[str]) -> int:
    """Return the direction of the word that is nearest to an amount; one in front of it counts as nearer.

    `until` is where the next amount begins: what stands behind that is about it.
    """
    covered = _NO_DIRECTION.sub(lambda m: "_" * len(m.group()), text[part[0] : min(part[1], until)])
    best: tuple[int, int] | None = None
    for direction, words in ((1, up), (-1, down)):
        for found in words.finditer(covered):
            start, end = part[0] + found.start(), part[0] + found.end()
            distance = amount.start - end if end <= amount.start else start - amount.end + 12
            if best is None or distance < best[0]:
                best = distance, direction
    return best[1] if best else 0


def is_denied(text: str, start: int, end: int) -> bool:
    """Tell whether a part of a sentence is negated, idioms such as "not only" and "no later than" aside."""
    return len(_NEGATION.findall(_NO_NEGATION.sub(" ", text[start:end]))) % 2 == 1


def head(text: str, amount: Amount) -> str:
    found = _HEAD.search(text, max(0, amount.start - 80), amount.start)
    word = (found["first"] or found["head"]) if found else ""
    stems = told_stems(word, 0, len(word)) - SAYS_HOW_MUCH
    return next(iter(stems), "")


def lead(text: str, clause: Span, solid: Sequence[Span]) -> str:
    """Return the stem of the first word of a clause that says what it is about; "" when none does."""
    for word in _NEXT_WORD.finditer(text, *clause):
        if any(start <= word.start() < end for start, end in solid):
            continue
        stems = told_stems(word.group(), 0, len(word.group())) - SAYS_HOW_MUCH
        if stems:
            return next(iter(stems))
    return ""


def role(text: str, amount: Amount, group: list[Amount]) -> str:
    """Return "from" or "to" for the ends of a change that a sentence tells both of, "before" for what it only compares with."""
    if _UP_FROM.search(text, max(0, amount.start - 24), amount.start):
        return "before"
    found = _FROM_TO.search(text, max(0, amount.start - 24), amount.start)
    said = found["role"].lower() if found else ""
    if said == "from":
        ends = (_FROM_TO.search(text, max(0, o.start - 24), o.start) for o in group if o.start > amount.end)
        return said if any(end and end["role"].lower() == "to" for end in ends) else ""
    return said
