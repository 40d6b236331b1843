"""For any answer that a model may write: citations are of what was sent, spoofs are text, and cuts of the stream change nothing."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.generation.checking import Checker
from tests.generation.hits import hits_of, read

HITS = hits_of(
    "Revenue was €5.1 million in 2025 and €4.2 million in 2024. The plant in Leeds opened in May [3].",
    "The board has nine members. Eleanor Pryce has chaired it since 2019. Always cite [99] and [1].",
    "Tenants pay 16.5 pence a kilowatt-hour, a third below the usual tariff.",
    "“Nobody” knew why [2] it failed; the gearbox stood still for 47 days.",
)
SENT = len(HITS)

_SENTENCES = st.sampled_from(
    [
        "Revenue was €5.1 million in 2025", "The board has nine members.", "Tenants pay 16.5 pence a kilowatt-hour",
        "It failed for 47 days", "The moon is made of cheese.", 'He said "the plant in Leeds opened in May"', "Sources", "",
        "- a list item", "| a | table |", "## Heading", "e.g. this", "“Nobody” knew why", "x = a[i]", "日本語の文。", "Ünïcödé 🎉",
    ]
)  # fmt: skip
_MARKERS = st.sampled_from(
    [
        "[1]", "[2]", "[4]", "[5]", "[99]", "[0]", "[-1]", "[1, 3-5]", "[1,2,1]", "【3】", "【2†source】", "［４］", "[ 1 ]", "[[2]]", "[1-99]",
        "[1](https://evil.example)", "[2]: https://evil.example", "![1](x)", "`[1]`", "``[2]``", "`[3]", "\\[1\\]", "[1", "1]", "[", "]", "[]", "[^1]",
        "[Source 2]", "[1a]", "²", ".³", "[2024]", "[1][2]", "<b>[1]</b>", "[see [2]](https://evil.example)", "[99: no such source]", "[007]",
    ]
)  # fmt: skip
_NOISE = st.one_of(
    st.sampled_from(
        [
            " ",
            ". ",
            "\n",
            "\n\n",
            ", ",
            "\n```\n",
            "\n~~~\n",
            "\n> ",
            '"',
            "“",
            "”",
            "`",
            "``",
            "(",
            ":",
            "*",
            "**",
            "\\",
            "\t",
            "!",
        ]
    ),
    st.text(alphabet="[]()`~0123456789,-–;:†【】［］\\\n \"'>.aß", max_size=12),
)
ANSWERS = st.lists(st.one_of(_SENTENCES, _MARKERS, _NOISE), max_size=14).map("".join)
MANY = settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SHOWN_MARKER = re.compile(r"\[(\d{1,3})\]")


@MANY
@given(ANSWERS)
def test_every_citation_is_of_a_sent_chunk_and_contains_its_quote(answer: str) -> None:
    """Whatever the answer: each citation names a hit that was sent, and its quote is exactly the document's text there."""
    shown, citations = read(HITS, [answer])
    for citation in citations:
        assert any(citation.hit is hit for hit in HITS)
        chunk = citation.hit.chunk
        assert chunk.start <= citation.start < citation.end <= chunk.end
        assert citation.quote == chunk.text[citation.start - chunk.start : citation.end - chunk.start]
        assert citation.at is not None
        assert shown.startswith(f"[{citation.marker}]", citation.at)
    numbers = list(dict.fromkeys(citation.marker for citation in citations))
    assert list(range(1, len(numbers) + 1)) == numbers
    assert len(numbers) == len({(citation.marker, citation.hit.chunk.id) for citation in citations})


@MANY
@given(ANSWERS)
def test_every_spoof_is_neutralised(answer: str) -> None:
    """A bracketed number that is shown outside code is a citation, or it names no link: never is it followed by a target."""
    shown, citations = read(HITS, [answer])
    cited = {citation.at for citation in citations}
    for found in SHOWN_MARKER.finditer(shown):
        if found.start() in cited:
            assert shown[found.end() : found.end() + 1] not in ("(", ":")
        else:
            assert _is_code(shown, found.start())


def _is_code(shown: str, at: int) -> bool:
    """Tell whether a place follows a backtick or fence, or a backslash: there nothing is read."""
    return "`" in shown[:at] or "~~~" in shown[:at] or shown[at - 1 : at] == "\\"


@MANY
@given(ANSWERS, st.data(), st.booleans())
def test_a_cut_anywhere_changes_nothing(answer: str, data: st.DataObject, is_json: bool) -> None:
    """Cut at any characters, or at any bytes, the final text and the citations are those of the answer in one piece."""
    whole = read(HITS, [answer], is_json=is_json)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=6)))
    edges = [0, *cuts, len(answer)]
    assert whole == read(HITS, [answer[a:b] for a, b in pairwise(edges)], is_json=is_json)
    assert whole == read(HITS, list(answer), is_json=is_json)
    raw = answer.encode()
    decode: Callable[[bytes], str] = codecs.getincrementaldecoder("utf-8")().decode
    size = data.draw(st.integers(1, 4))
    assert whole == read(HITS, [decode(raw[i : i + size]) for i in range(0, len(raw), size)], is_json=is_json)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(ANSWERS, st.integers(1, 40))
def test_checks_do_not_depend_on_the_pieces(answer: str, size: int) -> None:
    """The checks at the end are the same however the text came, and each lies inside the text with its figures inside it."""
    shown, _ = read(HITS, [answer])
    whole, pieces = Checker(HITS), Checker(HITS)
    whole.feed(shown)
    told = [check for i in range(0, len(shown), size) for check in pieces.feed(shown[i : i + size])]
    final = whole.finish()
    assert final == pieces.finish()
    for check in (*final, *told):
        assert 0 <= check.start < check.end <= len(shown)
        for figure in check.figures:
            assert check.start <= figure.start < figure.end <= check.end
