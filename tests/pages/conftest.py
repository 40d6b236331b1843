"""A running frame for page tests: real workbench, real models, pages as a browser would ask for them."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60
# Each AppTest reads the metadata of every installed package for components, a third of a second that never tells anything new.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


class Page:
    """One visitor's session."""

    def __init__(self, name: str, **query: str) -> None:
        self.test = AppTest.from_file(str(ROOT / "pages" / "_frame.py"), default_timeout=DEADLINE_S)
        self.test.run()
        self.go(name, **query)

    def go(self, name: str, **query: str) -> Page:
        """Open a page of the navigation, as a link with these parameters would."""
        self.test.query_params.clear()
        for key, value in query.items():
            self.test.query_params[key] = value
        self.test.switch_page(f"{name}.py")
        return self.run()

    def run(self) -> Page:
        self.test.run()
        assert not self.test.exception, self.test.exception[0].value
        return self

    def press(self, label: str) -> Page:
        """Press the button whose label begins with `label`."""
        button = next(b for b in self.test.button if b.label.startswith(label))
        button.click()
        return self.run()

    def drop(self, *files: tuple[str, bytes]) -> Page:
        uploader = self.test.get("file_uploader")[0]
        uploader.set_value([(name, data, "application/octet-stream") for name, data in files])
        return self.run()

    def pick(self, key: str, value: Any) -> Page:
        """Press a drawn button: what the component would report."""
        self.test.session_state[key] = value
        return self.run()

    def open(self, key: str) -> Page:
        """Open what is folded away: only then is drawn what is in it."""
        return self.pick(key, True)

    def finish(self, kind: str) -> Page:
        """Wait for the newest job of that kind, then look again."""
        assert self.bench.jobs.recent(kind)[0].wait(DEADLINE_S)
        return self.run()

    def address(self, key: str) -> str:
        """Return a parameter of the address as it is now; empty when it is not there."""
        value = self.test.query_params.get(key, "")
        return value if isinstance(value, str) else value[0]

    @property
    def bench(self) -> Any:
        from pages.parts import shared

        return shared.open_bench()

    def drawn(self, key: str = "") -> str:
        """Return all texts of the drawn trees, or of the one with that key, in one line."""
        found = []
        for element in self.test.get("bidi_component"):
            proto = element.proto
            if proto.component_name != "workbench.surface" or (key and not _has_key(proto.id, key)):
                continue
            found += [text for node in json.loads(proto.bytes)[2] for text in _texts(node)]
        return " ".join(" ".join(found).split())

    def has(self, key: str) -> bool:
        return any(_has_key(element.proto.id, key) for element in self.test.get("bidi_component"))

    def pictures(self) -> int:
        return len(self.test.image)

    def markdown(self) -> str:
        """Return every text on the page that the browser would read as markdown."""
        t = self.test
        values = [
            m.value
            for group in (t.markdown, t.caption, t.error, t.warning, t.info, t.success, t.subheader)
            for m in group
        ]
        labels = [w.label for group in (t.button, t.text_input, t.selectbox, t.multiselect) for w in group]
        return "\n".join(str(v) for v in values + labels)

    def boxes(self) -> list[str]:
        """Return the sentences in boxes, unescaped."""
        t = self.test
        return [
            str(b.value).replace("\\", "").replace("\u2060", "")
            for group in (t.error, t.warning, t.info)
            for b in group
        ]


def _has_key(element_id: str, key: str) -> bool:
    return element_id.endswith(f"-{key}")


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
        return
    for child in node[2:]:
        yield from _texts(child)


@pytest.fixture
def visit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Page]]:
    """Open a page of a server of this test's own, over an empty data folder."""
    from pages.parts import shared

    monkeypatch.setenv("RAG_DATA_DIR", str(tmp_path / "data"))
    logging.getLogger("streamlit").setLevel(logging.ERROR)  # it warns of every thread without a browser
    yield Page
    shared.close_bench()


@pytest.fixture
def visit_with_samples(
    visit: Callable[..., Page], with_samples: Callable[[Path], Path], tmp_path: Path
) -> Callable[..., Page]:
    """The same, with the sample documents in the default collection."""
    with_samples(tmp_path / "data")
    return visit
