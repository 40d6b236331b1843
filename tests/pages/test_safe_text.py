"""The choke point for untrusted text: what goes in is shown as it is, and nothing of it is live."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pages.parts.safe_text import el, label, paragraphs, visible

HOSTILE = [
    "![x](http://127.0.0.1:9/leak)",
    "![x][ref]\n\n[ref]: http://127.0.0.1:9/leak",
    '<img src="http://127.0.0.1:9/leak">',
    "<script>alert(1)</script>",
    "[click](javascript:alert(1))",
    "https://evil.example/x www.evil.example mail@evil.example",
    ":material/home: :red[text] :smile: $x^2$ ~~gone~~ **bold** `code`",
    "# heading\n- list\n1. list\n> quote\n| a | b |\n|---|---|",
    "```\nfence\n```",
    "&lt;img&gt; &#33;[x](http://127.0.0.1:9/leak)",
    "\\![x](http://127.0.0.1:9/leak)",
]
LIVE = {
    "image",
    "link_open",
    "html_inline",
    "html_block",
    "heading_open",
    "fence",
    "code_inline",
    "strong_open",
    "em_open",
    "table_open",
}


def parsed(source: str) -> tuple[str, set[str]]:
    """Return the text that a markdown reader shows, and the kinds of elements it would make."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = [inner for token in reader.parse(source) for inner in (token, *(token.children or ()))]
    lines = (
        "\n" if t.type in ("hardbreak", "softbreak") else t.content
        for t in tokens
        if not t.children or t.type != "inline"
    )
    return "".join(lines), {t.type for t in tokens}


@pytest.mark.parametrize("text", HOSTILE)
def test_label_makes_nothing_live(text: str) -> None:
    """An escaped name makes no image, link, heading or code, whatever it holds."""
    shown, kinds = parsed(label(text))
    assert set() == kinds & LIVE
    assert visible(text) == shown.replace("\u2060", "")


@pytest.mark.parametrize("text", HOSTILE)
def test_every_beginning_of_a_running_answer_is_inert(text: str) -> None:
    """An answer is shown while it grows: no prefix of it may be live either."""
    for end in range(len(text) + 1):
        assert set() == parsed(paragraphs(text[:end]))[1] & LIVE


@given(st.text(max_size=200))
def test_label_shows_what_it_was_given(text: str) -> None:
    """Whatever the text, the reader sees exactly the visible form of it, and nothing live."""
    shown, kinds = parsed(label(text))
    assert visible(text).strip() == shown.replace("\u2060", "").strip()
    assert set() == kinds & LIVE


@given(st.text(max_size=400))
def test_visible_hides_nothing(text: str) -> None:
    """No control, format, private or unassigned character is left, and the length stays in its limit."""
    shown = visible(text)
    assert len(shown) <= 120
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs", "Cn"} for c in shown)


def test_a_name_cannot_turn_its_ending_around() -> None:
    """A right-to-left override, which makes "gpj.exe" read as "exe.jpg", is written out."""
    assert "report⟨202E⟩gpj.exe" == visible("report\u202egpj.exe")


@pytest.mark.parametrize(
    "text", [":material/home:", "see :smile: there", "http://x.example", "www.x.example", ":red[a]"]
)
def test_what_streamlit_reads_beyond_markdown_is_parted(text: str) -> None:
    """Icons, emoji, colours and bare addresses are found after the escapes are gone: a joiner keeps them from matching."""
    shown = label(text).replace("\\", "")
    assert not re.search(r":\w|://|www\.", shown)


def test_a_tree_keeps_texts_as_they_are() -> None:
    """Texts in a tree are not escaped: the component makes text nodes of them, which nothing parses."""
    assert ["p.quote", {"data-pick": 7}, "![x](y) <b>"] == el(
        "p.quote", "![x](y) <b>", None, "", data_pick=7, title=None
    )


def test_the_drawing_script_knows_no_way_to_load_or_run() -> None:
    """surface.js makes text nodes and sets listed attributes only; none of them can name an address, a style or a handler."""
    from pages.parts.shared import FOLDER

    script = (FOLDER / "parts" / "surface.js").read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|DOMParser", script)
    listed = re.search(r"ATTRIBUTES = new Set\(\[(.*?)\]\)", script, flags=re.DOTALL)
    assert listed is not None
    assert set() == set(re.findall(r'"([\w-]+)"', listed.group(1))) & {
        "href",
        "src",
        "srcset",
        "style",
        "srcdoc",
        "action",
        "xlink:href",
    }
    tags = set(
        re.findall(r'"(\w+)"', "".join(re.findall(r"(?:HTML|SVG) = new Set\(\[(.*?)\]\)", script, flags=re.DOTALL)))
    )
    assert set() == tags & {
        "a",
        "img",
        "image",
        "iframe",
        "script",
        "style",
        "link",
        "object",
        "embed",
        "use",
        "foreignObject",
        "form",
        "input",
    }
