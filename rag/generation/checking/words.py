"""The words of a text that say something, as stems."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rag.store.keywords import STOP_WORDS, terms, word_spans

Span = tuple[int, int]

_HELPERS = frozenset(
    stem
    for word in (
        "also according however therefore thus while than then such may might must shall should would could only up out over per about "
        "so any all each both more most some other its our his her he she us me my one been being were had "
        "because since during between through under within until upon still yet just very much many several various overall further "
        "those among against favour already now currently today off away together again too he's whereas although though after before"
    ).split()
    for stem in terms(word)
)
SILENT = frozenset(stem for word in STOP_WORDS for stem in terms(word)) | _HELPERS
"""Stems that do not count when two sentences are compared."""
_IRREGULAR = {
    past: terms(base)[0]
    for base, forms in (
        entry.split(":")
        for entry in (
            "feed:fed lead:led lose:lost hold:held keep:kept leave:left give:gave,given take:took,taken write:wrote,written "
            "speak:spoke,spoken choose:chose,chosen rise:rose,risen fall:fell,fallen grow:grew,grown know:knew,known draw:drew,drawn "
            "build:built buy:bought bring:brought think:thought teach:taught catch:caught sell:sold tell:told find:found pay:paid "
            "say:said make:made send:sent spend:spent lend:lent meet:met win:won sit:sat stand:stood begin:began,begun run:ran "
            "break:broke,broken freeze:froze,frozen steal:stole,stolen drive:drove,driven ride:rode,ridden shrink:shrank,shrunk "
            "swim:swam,swum drink:drank,drunk see:saw,seen go:went,gone come:came become:became wear:wore,worn bear:bore,born "
            "child:children man:men woman:women foot:feet tooth:teeth half:halved,halves ring:rang,rung sing:sang,sung sink:sank,sunk mean:meant sleep:slept deal:dealt feel:felt "
            "die:dead,death live:alive,life,lives able:ability long:length high:height deep:depth wide:width strong:strength"
        ).split()
    )
    for form in forms.split(",")
    for past in terms(form)
}
"""Stems of forms that no rule of English endings reaches, with the stem of their word."""
_MOST_CHARACTERS = 1500
"""Of one sentence or clause; what is longer is no sentence."""
_LETTER = re.compile(r"(?<=[a-z] )[A-HJ-Z](?![\w.’'])")
_DIGIT = re.compile(r"\d")


def told_stems(text: str, start: int, end: int, without: Sequence[Span] = ()) -> frozenset[str]:
    """Return the stems of a part of a text that count, numbers and the spans `without` left out.

    A capital letter alone, as in plant A, stays a capital: it tells things apart, the article does not.
    """
    part = text[start : min(end, start + _MOST_CHARACTERS)]
    stems = {
        _IRREGULAR.get(stem, stem)
        for a, b, stem in word_spans(part)
        if stem not in SILENT
        and not _DIGIT.search(stem)
        and not any(s < start + b and start + a < e for s, e in without)
    }
    return frozenset(stems | set(_LETTER.findall(part)))
