"""The report of a conversation: complete, true to what was answered, and inert whatever was written into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rag
from rag.reporting.trees import as_html, el, visible
from rag.store.conversations import Conversation, Turn
from rag.types import Answer, GenerateOptions, Paid, Upload, Usage
from tests.faultserver import FaultServer
from tests.pages.test_safe_text import HOSTILE

QUESTION = "Why was turbine 3 out of service and for how long?"
WRITTEN = datetime(2026, 3, 3, 9, 30, tzinfo=UTC)
MORE_HOSTILE = [
    *HOSTILE,
    '"><script>alert(1)</script>',
    "</title></style><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "<svg onload=alert(1)><base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9'>",
    "javascript:alert(1) \u202e\u2066 \x00\x1b[31m \ud800",
    "<!-- --><![CDATA[ ]]> &#x3c;script&#x3e;",
]


class Reader(HTMLParser):
    """What a browser would find in a file."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(data.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def assert_inert(found: Reader) -> None:
    """Fail on whatever could run, load or lead out of the file."""
    kinds = [tag for tag, _ in found.tags]
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "svg", "video", "input"} & set(kinds)
    assert (1, 1) == (kinds.count("style"), kinds.count("title"))
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
        assert tag != "meta" or attributes.get("http-equiv") in (None, "Content-Security-Policy")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory, samples: list[Upload]) -> Iterator[tuple[rag.Workbench, str]]:
    """A workbench with a conversation of three turns: extracts, a model that errs, and nothing found."""
    with (
        FaultServer() as server,
        rag.open_workbench(tmp_path_factory.mktemp("report") / "data") as bench,
    ):
        rag.ingest(bench, samples)
        bench.gateway.book.add(bench.gateway.configure("fault", base_url=server.openai_url, models=("ok",)))
        server.replies["ok"] = ["The gearbox of turbine 3 failed [1]. It stood still for 99 days [1]."]
        conversation_id = None
        for question, model in (
            (QUESTION, "local/extractive"),
            ("How long was turbine 3 out of service?", "fault/ok"),
            ("Who composed the opera Fidelio?", "local/extractive"),
        ):
            stream = rag.ask(
                bench, question, conversation_id=conversation_id, generate_options=GenerateOptions(model=model)
            )
            conversation_id = stream.conversation_id
            stream.wait(60)
        assert conversation_id
        yield bench, conversation_id


def test_it_holds_what_a_stakeholder_asks_for(shown: tuple[rag.Workbench, str]) -> None:
    """Questions, answers, quotes with document and page, pictures, settings, model, cost, checks, fingerprint and date."""
    bench, id = shown
    conversation = rag.conversation(bench, id)
    found = Reader(rag.reporting.report(bench, conversation, at=WRITTEN))
    digest = bench.fingerprints.of(bench.collection()).digest
    for words in (QUESTION, "brackwater-annual-report-2025.pdf", "p. 3", "Page 3 of 9, with the passage marked", "fault/ok",
                  "03 March 2026, 09:30 UTC", "3 documents", "local/all-MiniLM-L6-v2", digest, "at most 6 excerpts", "1 of 2 sentences",
                  "Not found in these documents"):  # fmt: skip
        assert words in found.text, words
    cited = [c for t in conversation.turns if t.answer for c in t.answer.citations]
    assert all(" ".join(c.quote.split()) in found.text for c in cited)
    assert any(tag == "img" for tag, _ in found.tags)
    assert_inert(found)


def test_what_is_not_supported_stands_in_words(shown: tuple[rag.Workbench, str]) -> None:
    """A wrong figure is listed with what was found of it: a tooltip cannot be printed."""
    bench, id = shown
    found = Reader(rag.reporting.report(bench, rag.conversation(bench, id)))
    listed = found.text.partition("1 of 2 sentences")[2]
    assert "99 days" in listed
    assert any("mark figure" in (attributes.get("class") or "") for _, attributes in found.tags)


def test_every_marker_leads_to_its_quote(shown: tuple[rag.Workbench, str]) -> None:
    """Each link stays in the file and its target is there, once."""
    bench, id = shown
    found = Reader(rag.reporting.report(bench, rag.conversation(bench, id)))
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    targets = {str(attributes["href"])[1:] for tag, attributes in found.tags if tag == "a"}
    assert targets and targets <= set(ids)
    assert len(ids) == len(set(ids))


def test_one_turn_can_be_handed_on_alone(shown: tuple[rag.Workbench, str]) -> None:
    """The report of a turn is titled with its question and holds no other."""
    bench, id = shown
    conversation = rag.conversation(bench, id)
    found = Reader(rag.reporting.report(bench, conversation, turn_id=conversation.turns[1].stream_id))
    assert conversation.turns[1].question in found.text
    assert QUESTION not in found.text


def test_the_policy_forbids_everything_but_the_files_own(shown: tuple[rag.Workbench, str]) -> None:
    """The browser is told to run and load nothing, and the style that it may use is exactly the one in the file."""
    import base64
    import hashlib

    bench, id = shown
    data = rag.reporting.report(bench, rag.conversation(bench, id))
    policy = next(str(a["content"]) for tag, a in Reader(data).tags if tag == "meta" and "http-equiv" in a)
    style = re.search(rb"<style>(.*?)</style>", data, flags=re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1]).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("text", MORE_HOSTILE)
def test_nothing_written_into_it_comes_alive(tmp_path: Path, text: str) -> None:
    """Whatever a title, a question, an answer, a document, its name or an error says stands in the file as text."""
    with rag.open_workbench(tmp_path / "data") as bench:
        clean = text.encode("utf-8", "ignore").decode()
        rag.ingest(
            bench, [Upload(f"{visible(clean, 60)}.txt", f"Harbour notes.\n\n{clean}\n\nDredged in 1931.".encode())]
        )
        result = rag.search(bench, "When was the harbour dredged?", options=rag.SearchOptions(similarity_threshold=0.0))
        answer = rag.generate(bench, result).wait(30)
        bad = Answer(text, answer.citations, True, text, "length", Usage(), None, label=text, error=text, note=text)
        turns = (Turn(text, answer, "complete", "1", WRITTEN), Turn(text, bad, "partial", "2", WRITTEN))
        found = Reader(rag.reporting.report(bench, Conversation("", text, clean, turns)))
    assert answer.citations
    assert_inert(found)


Nodes = st.recursive(
    st.text(max_size=30),
    lambda inner: st.builds(
        lambda tag, attributes, children: [tag, attributes, *children],
        st.sampled_from(["p", "a", "img", "script", "span.x", "iframe", "b onclick=x"]),
        st.dictionaries(st.sampled_from(["href", "src", "title", "onclick", "style", "id"]), st.text(max_size=20)),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


@given(Nodes)
def test_no_tree_makes_anything_but_known_elements(node: Any) -> None:
    """Unknown elements become spans, unknown attributes and addresses that lead out go, and no text opens a tag."""
    found = Reader(as_html(node).encode("utf-8", "replace"))
    assert {"p", "a", "img", "span", "b"} >= {tag for tag, _ in found.tags}
    assert {"href", "src", "title", "id", "class"} >= {name for _, attributes in found.tags for name in attributes}
    assert all(
        (a.get("href") or "#").startswith("#") and (a.get("src") or "data:").startswith("data:") for _, a in found.tags
    )


def test_hidden_characters_are_written_as_their_code() -> None:
    """In text and in attributes nothing reorders what stands around it."""
    assert '<b title="a⟨202E⟩b">x⟨200B⟩y</b>' == as_html(el("b", "x\u200by", title="a\u202eb"))


def test_a_document_that_is_gone_is_quoted_without_a_picture(tmp_path: Path, samples: list[Upload]) -> None:
    """Deleting the document and the collection later leaves the words, and a sentence says why there is no picture."""
    with rag.open_workbench(tmp_path / "data") as bench:
        rag.ingest(bench, samples[:1])
        stream = rag.ask(bench, QUESTION)
        quote = " ".join(stream.wait(30).citations[0].quote.split())
        conversation = rag.conversation(bench, str(stream.conversation_id))
        bench.catalog.delete_document(conversation.turns[0].answer.citations[0].hit.chunk.document_id)  # type: ignore[union-attr]
        found = Reader(rag.reporting.report(bench, conversation))
    assert quote in found.text
    assert "no longer in the library" in found.text
    assert not any(tag == "img" for tag, _ in found.tags)


def test_an_unknown_cost_is_never_nothing() -> None:
    """The head says how much of the cost is not known."""

    def told(*paid: Paid) -> str:
        return rag.reporting.total(paid, "answer")

    known, about, unknown = Paid(cost_usd=0.012), Paid(cost_usd=None, estimated_usd=0.5), Paid(cost_usd=None)
    assert "$0.0120 and 1 answer of unknown cost" == told(known, unknown)
    assert "unknown" == told(unknown)
    assert "$0.00" == told(Paid())
    assert "about $0.5120 (partly estimated) and 1 answer of unknown cost" == told(known, about, unknown)


def test_the_fingerprint_is_of_what_was_searched(bench: rag.Workbench) -> None:
    """Documents that came later are not certified: report and Markdown name what was held then, and that it has changed since."""
    from pages.parts import export

    rag.ingest(bench, [Upload("ferries.txt", b"The ferries leave Port Ellen at noon on every Monday.")])
    then = bench.fingerprints.of(bench.collection()).digest
    asked = rag.ask(bench, "When do ferries leave Port Ellen?")
    asked.wait(30)

    def told() -> tuple[str, str]:
        found = rag.conversation(bench, asked.conversation_id or "")
        return Reader(rag.reporting.report(bench, found)).text, export.conversation(bench, found)

    for text in told():
        assert then in text and "1 document, 1 chunk" in text and "since" not in text
    rag.ingest(bench, [Upload("tides.txt", b"The tide turns at six on every Tuesday.")])
    now = bench.fingerprints.of(bench.collection()).digest
    for text in told():
        assert f"{then}; the collection has changed since" in text and now not in text and "1 document, 1 chunk" in text
    bench.catalog.delete_collection("main")
    for text in told():
        assert f"{then}; the collection was deleted since" in text
    bench.create_collection("main")
    for text in told():
        assert f"{then}; the collection has changed since" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (rag.SearchOptions(tags=("2024", "<b>bold</b>")), "tagged '2024' or '<b>bold</b>'"),
        (rag.SearchOptions(page_from=2, page_to=3), "pages 2 to 3"),
        (rag.SearchOptions(added_from=date(2020, 1, 2)), "added from 2020-01-02"),
    ],
)
def test_a_filter_is_named(bench: rag.Workbench, samples: list[Upload], options: rag.SearchOptions, said: str) -> None:
    """Report and Markdown say what the answer was narrowed down to; without a filter they say nothing of one."""
    from pages.parts import export

    rag.ingest(bench, samples[:1])
    bench.catalog.set_tags(bench.catalog.documents()[0].id, ["2024"])
    for options_now in (options, rag.SearchOptions()):
        asked = rag.ask(bench, QUESTION, search_options=options_now)
        asked.wait(30)
        found = rag.conversation(bench, asked.conversation_id or "")
        read = Reader(rag.reporting.report(bench, found))
        assert_inert(read)
        assert (options_now is options) == (f"within a filter ({said})" in read.text)
        escaped = f"within a filter ({said.replace('<', '&lt;')})"
        assert (options_now is options) == (escaped in export.conversation(bench, found))
        assert (options_now is options) == ("filter" in read.text)


def test_turns_of_two_collections_each_say_their_own(bench: rag.Workbench) -> None:
    """The head names both; what was searched stands with the turn that searched it."""
    for name, text in (("main", b"The ferries leave Port Ellen at noon."), ("tides", b"The tide turns at six.")):
        if name != "main":
            bench.create_collection(name)
        rag.ingest(bench, [Upload(f"{name}.txt", text)], collection=name)
    first = rag.ask(bench, "When do ferries leave Port Ellen?")
    first.wait(30)
    rag.ask(bench, "When does the tide turn?", conversation_id=first.conversation_id, collection="tides").wait(30)
    found = rag.conversation(bench, first.conversation_id or "")
    text = Reader(rag.reporting.report(bench, found)).text
    head, one = text.split("Extracts, no AI-written answer")[:2]
    two = text.partition("When does the tide turn?")[2]
    assert "Collections main, tides" in head and "Fingerprint" not in head
    digests = [bench.fingerprints.of(bench.collection(name)).digest for name in ("main", "tides")]
    assert digests[0] in one and digests[1] not in one
    assert digests[1] in two and digests[0] not in two


def test_an_answer_of_before_claims_no_fingerprint(shown: tuple[rag.Workbench, str]) -> None:
    """What was not kept when it was asked is not made up at export."""
    bench, id = shown
    conversation = rag.conversation(bench, id)
    turns = tuple(replace(turn, searched=None) for turn in conversation.turns)
    text = Reader(rag.reporting.report(bench, replace(conversation, turns=turns))).text
    assert "not kept when this was asked" in text
    assert bench.fingerprints.of(bench.collection()).digest not in text
