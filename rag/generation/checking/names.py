"""Names of people, places and bodies: found by their capitals, looked up in a passage in whatever form it has them."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from rag.generation.checking.common_words import is_plain

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Name:
    start: int
    end: int
    words: tuple[str, ...]
    """Folded: lower case, no accents, no dots, no possessive s."""
    parts: tuple[Span, ...] = ()
    """Where a name of several names could be parted: Maria Lindqvist | Uppsala University."""


_CAPITAL = re.compile(r"(?:(?:[A-Z]\.){2,}|[A-ZÀ-ÖØ-Þ](?:[^\W_]|[&’'-](?=[^\W_]))*|[a-z]+[A-Z][^\W_]*)")
_TOKEN = re.compile(r"(?:[A-Z]\.){2,}|[^\W_](?:[^\W_]|[&’'/-](?=[^\W_]))*")
_LINK = re.compile(
    r" (?:of(?: the)?|de|de la|la|van|van der|von|der|den|di|du|el|al|bin|for|and(?= the\b)|&|\.) ?|[ \u00a0]|\. (?=[A-Z])"
)
_PARTING = re.compile(r" (?:of(?: the)?|for|&) ")

_TITLES = frozenset(
    "mr mrs ms miss mx dr prof professor sir dame lord lady president chancellor senator minister judge chief".split()
)
_NOT_NAMES = frozenset(
    "i january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept oct nov dec "
    "monday tuesday wednesday thursday friday saturday sunday fy q1 q2 q3 q4 h1 h2 usd eur gbp chf jpy inr cad aud "
    "kg km mw gw kw tw mwh gwh kwh twh kb mb gb tb hz khz mhz ghz kv am pm ok yes no gdp co2 a the an "
    "ii iii iv vi vii viii ix xi xii".split()
)
_STARTERS = frozenset(
    "the a an this that these those it its he she they we you i his her their our your my there here in on at by for from to with as of and but or "
    "so if when while where after before since during under over until between among within without about against through "
    "near outside inside across along around beyond despite except toward towards upon via per plus unlike "
    "however moreover furthermore therefore thus also although because despite both each every all many most some such no not "
    "one two three four five six seven eight nine ten then now today later meanwhile additionally finally first second third "
    "according based given overall note yes are is was were do does did can could should may might will what who which why how "
    "more less only another other any several few total section figure table page chapter article".split()
)
_ALIASES: dict[str, tuple[str, ...]] = {
    "us": ("united states", "usa", "america", "american"),
    "usa": ("united states", "us", "america"),
    "uk": ("united kingdom", "britain", "british"),
    "eu": ("european union",),
    "un": ("united nations",),
    "ceo": ("chief executive",),
    "cfo": ("chief financial officer", "finance director"),
    "cio": ("chief information officer",),
    "hr": ("human resources", "personnel"),
    "it": ("information technology",),
    "ai": ("artificial intelligence",),
    "nyc": ("new york city", "new york"),
    "united states": ("us", "usa"),
    "united kingdom": ("uk", "britain"),
    "european union": ("eu",),
    "france": ("french",), "french": ("france",), "netherlands": ("dutch", "holland"), "dutch": ("netherlands",),
    "switzerland": ("swiss",), "swiss": ("switzerland",), "spain": ("spanish",), "spanish": ("spain",),
    "greece": ("greek",), "greek": ("greece",), "denmark": ("danish",), "danish": ("denmark",), "poland": ("polish",),
    "polish": ("poland",), "turkey": ("turkish",), "turkish": ("turkey",), "britain": ("british", "uk"),
    "wales": ("welsh",), "ireland": ("irish",), "sweden": ("swedish",), "finland": ("finnish",), "japan": ("japanese",),
    "england": ("english",), "scotland": ("scottish",), "europe": ("european",), "european": ("europe",),
}  # fmt: skip
_DEMONYM = re.compile(r"(?:ians?|ans?|ese|ish|ic|i|y|any|a|ia|e)\Z")


def folded(word: str) -> str:
    """Return a word without case, accents, dots and possessive s.

    >>> [folded(w) for w in ("U.S.", "Müller’s", "COVID-19")]
    ['us', 'muller', 'covid-19']
    """
    word = re.sub(r"[’']s?\Z", "", word.replace(".", ""))
    plain = unicodedata.normalize("NFKD", word).casefold()
    return "".join(sign for sign in plain if not unicodedata.combining(sign))


class Tokens:
    """The words of a text, to look names up in."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.spans: list[Span] = [m.span() for m in _TOKEN.finditer(text)]
        self.words: list[str] = [folded(text[a:b]) for a, b in self.spans]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for i, word in enumerate(self.words):
            places.setdefault(word, []).append(i)
        return places

    def starting(self, letter: str) -> list[int]:
        """Return the places of the words that begin with a letter."""
        return [i for i, word in enumerate(self.words) if word[:1] == letter]

    def run(self, first: int, last: int) -> str:
        last = min(last, len(self.spans) - 1)
        return self.text[self.spans[first][0] : self.spans[last][1]]


def names(text: str, sentence: Span, taken: Iterable[Span] = (), known: frozenset[str] = frozenset()) -> list[Name]:
    """Return the names of one sentence in order.

    A single capitalised first word is a name only if it is no plain word, or if it is among `known`: the words that
    passages write with a capital inside a sentence.
    """
    taken = list(taken)
    found: list[Name] = []
    at = sentence[0]
    while match := _CAPITAL.search(text, at, sentence[1]):
        start, end = _phrase(text, match, sentence[1])
        at = max(end, match.end())
        if match.start() and (text[match.start() - 1].isalnum() or text[match.start() - 1] in "'’-/"):
            at = match.end()
            continue
        found.extend(_trimmed(text, start, end, sentence, taken, known))
    return found


def _phrase(text: str, match: re.Match[str], end: int) -> Span:
    """Return the run of capitalised words and small links that begins with a match."""
    last = match.end()
    while (link := _LINK.match(text, last, end)) and (following := _CAPITAL.match(text, link.end(), end)):
        last = following.end()
    return match.start(), last


def _trimmed(text: str, start: int, end: int, sentence: Span, taken: list[Span], known: frozenset[str]) -> list[Name]:
    """Return the phrase as a name, without titles, dates and a first word that only begins the sentence."""
    words = [(m.start(), m.end(), folded(m.group())) for m in _TOKEN.finditer(text, start, end)]
    words = [w for w in words if not any(a < w[1] and w[0] < b for a, b in taken)]
    begins = not any(sign.isalnum() for sign in text[sentence[0] : start])
    if begins and words and words[0][2] in _STARTERS:
        words = words[1:]
        begins = False
        words = _from_capital(text, words)
    while words and words[0][2] in _TITLES:
        words, begins = words[1:], False
    words = [w for w in words if w[2] not in _NOT_NAMES]
    if not words or all(w[2] in _STARTERS for w in words):
        return []
    first, last = words[0][0], words[-1][1]
    if begins and len(words) == 1 and not _is_certain(text[first:last], words[0][2], known):
        return []
    if begins and text[last : last + 1] == ":" and not _is_certain(text[first:last], words[0][2], known):
        return []  # the label of a list item
    last = first + len(re.sub(r"[’']s?\Z", "", text[first:last]))
    parts = _parts(text, first, last)
    return [Name(first, last, tuple(w[2] for w in words if w[2] not in ("of", "the", "for", "and")), parts)]


def _from_capital(text: str, words: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    while words and not text[words[0][0]].isupper():
        words = words[1:]
    return words


def _is_certain(word: str, fold: str, known: frozenset[str]) -> bool:
    bare = re.sub(r"[’']s?\Z", "", word)
    return (
        fold in known
        or fold in _ALIASES
        or sum(c.isupper() for c in bare) > 1
        or any(c.isdigit() for c in bare)
        or not is_plain(fold)
    )


def _parts(text: str, start: int, end: int) -> tuple[Span, ...]:
    cuts = list(_PARTING.finditer(text, start, end))
    if not cuts:
        return ()
    edges = [start, *(x for c in cuts for x in (c.start(), c.end())), end]
    return tuple(zip(edges[::2], edges[1::2], strict=True))


def capitals_inside(text: str, sentences: Sequence[Span]) -> frozenset[str]:
    """Return the folded words that stand with a capital inside a sentence: what a text uses as names."""
    firsts = {start for start, _ in sentences}
    found = [
        m for m in _CAPITAL.finditer(text) if text[m.start() - 1 : m.start()] in (" ", "\n", "(") or m.start() == 0
    ]
    inside = {folded(m.group()) for m in found if m.start() not in firsts or sum(c.isupper() for c in m.group()) > 1}
    firsts_twice = [word for word, times in Counter(folded(m.group()) for m in found).items() if times > 1]
    return frozenset(inside) | frozenset(w for w in firsts_twice if not re.search(rf"\b{re.escape(w)}\b", text))


# --- lookup ---------------------------------------------------------------------------------------------------------

_WINDOW = 8
"""Words within which all words of a name must stand."""
_SKIPPED = frozenset("of the for and de la van von der &".split())


def find_name(name: tuple[str, ...], tokens: Tokens) -> str:
    """Return how a text has the name: as it is, as an acronym or written out; "" when it does not."""
    whole = " ".join(name)
    for form in (name, *(tuple(alias.split()) for alias in _ALIASES.get(whole, ()))):
        if found := _together(form, tokens):
            return found
    if len(name) > 1:
        return _acronym_of(name, tokens) or _all_forms(name, tokens) or _begun_by_acronym(name, tokens)
    if 2 <= len(whole) <= 8 and whole.isalpha() and (found := _written_out(whole, tokens)):
        return found
    return _related(whole, tokens)


def other_bearer(name: tuple[str, ...], tokens: Tokens) -> str:
    """Return somebody else of the same last name, as Jane Doe is to John Doe; "" when there is nobody."""
    if len(name) != 2:
        return ""
    for i in tokens.places.get(name[-1], ()):
        before = tokens.text[slice(*tokens.spans[i - 1])] if i else ""
        if (
            before[:1].isupper()
            and folded(before) not in _TITLES | _STARTERS
            and not name[0].startswith(folded(before)[:1])
        ):
            return tokens.run(i - 1, i)
        if (
            before[:1].isupper()
            and len(before) > 2
            and folded(before) not in _TITLES | _STARTERS
            and folded(before) != name[0]
        ):
            return tokens.run(i - 1, i)
    return ""


def _together(name: tuple[str, ...], tokens: Tokens) -> str:
    """Return the shortest run of words that holds the name in order, with at most a few others between."""
    for first in _where(name[0], tokens):
        last = first
        for word in name[1:]:
            later = next((i for i in _where(word, tokens) if last < i <= first + _WINDOW), None)
            if later is None:
                break
            last = later
        else:
            return tokens.run(first, last)
    return ""


def _where(word: str, tokens: Tokens) -> list[int]:
    places = tokens.places.get(word, [])
    if not places and word.endswith("s"):
        places = tokens.places.get(word[:-1], [])
    return places or tokens.places.get(f"{word}s", [])


def _acronym_of(name: tuple[str, ...], tokens: Tokens) -> str:
    letters = "".join(word[0] for word in name)
    places = tokens.places.get(letters, ()) if len(letters) > 1 else ()
    return next((tokens.run(i, i) for i in places if tokens.run(i, i).replace(".", "").isupper()), "")


def _written_out(acronym: str, tokens: Tokens) -> str:
    """Return the words whose first letters spell an acronym, small words skipped or not."""
    for first in tokens.starting(acronym[0]):
        if (last := _spelled(acronym, tokens, first)) is not None:
            return tokens.run(first, last)
    return ""


def _begun_by_acronym(name: tuple[str, ...], tokens: Tokens) -> str:
    """Return the words that a name's first word stands for, with the others after them: CARES Act for Coronavirus … Security Act."""
    first, *others = name
    if not (3 <= len(first) <= 8 and first.isalpha()):
        return ""
    for start in tokens.starting(first[0]):
        last = _spelled(first, tokens, start)
        if last is not None and all(any(last < p <= last + _WINDOW for p in tokens.places.get(w, ())) for w in others):
            return tokens.run(start, last + len(others))
    return ""


def _spelled(acronym: str, tokens: Tokens, first: int) -> int | None:
    i, at = first, 0
    while i < len(tokens.words) and at < len(acronym):
        word = tokens.words[i]
        if word[:1] == acronym[at]:
            at += 1
        elif word not in _SKIPPED:
            return None
        i += 1
    return i - 1 if at == len(acronym) else None


def _all_forms(name: tuple[str, ...], tokens: Tokens) -> str:
    """Return the place where each word of a name stands in some form: US Department for United States Department."""
    places = []
    for word in name:
        found = next(
            (p for form in (word, *_ALIASES.get(word, ())) for p in tokens.places.get(form.split()[0], ())), None
        )
        if found is None:
            return ""
        places.append(found)
    return tokens.run(min(places), max(places)) if max(places) - min(places) <= _WINDOW else ""


def _related(word: str, tokens: Tokens) -> str:
    """Return the people of a country or the country of a people: German for Germany."""
    root = _DEMONYM.sub("", word)
    if len(root) < 4:
        return ""
    for i, other in enumerate(tokens.words):
        if other[:4] == root[:4] and _DEMONYM.sub("", other) == root and tokens.run(i, i)[0].isupper():
            return tokens.run(i, i)
    return ""
