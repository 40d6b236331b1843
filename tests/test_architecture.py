"""The house rules that a machine can hold: who may import whom, what is public, how files and tests look."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = 7
LEVELS = {
    "rag.types": 0, "rag.errors": 0,
    "rag.settings": 1, "rag.text": 1, "rag.question": 1, "rag.recent": 1, "rag.clock": 1,
    "rag.providers": 2, "rag.store": 2, "rag.usage": 2,
    "rag.jobs": 3, "rag.indexing": 3, "rag.embedders": 3, "rag.workbench": 4,
    "rag.ingestion": 5, "rag.retrieval": 5, "rag.generation": 5, "rag.evaluation": 5,
    "rag.reporting": 6,
    "rag.cli": TOP, "app": TOP, "pages": TOP,
}  # fmt: skip
"""Rooms by row: an import goes to a lower row or stays in its room, never sideways. The facade, `rag`, is below the top row."""
NOUNS = {"rag", "rag.types", "rag.errors"}
"""What the top row may import: the facade, and the values that its functions take and return."""
THROUGH_THE_FACADE = {
    "rag/generation/research.py": "a model that searches by itself does it by the same search",
    "rag/generation/conversation.py": "ask is search, then generate; the facade is imported inside the function",
    "rag/evaluation/answers.py": "answers are measured as Ask gives them: search, then generate",
    "rag/ingestion/measuring.py": "the threshold of a new collection is measured by searching it",
    "rag/generation/suggesting.py": "a suggested question is one that the search answers",
    "rag/evaluation/gathering.py": "a question set is searched by the same fetch as one question",
    "rag/evaluation/variants.py": "a sweep cuts documents by the same rules as a preview",
}
VENDORS = {
    "chromadb": {"rag/store/chroma.py"},
    "pypdf": {"rag/ingestion/readers/pdf.py"},
    "pypdfium2": {"rag/ingestion/readers/pdf.py"},
    "onnxruntime": {"rag/providers/local.py"},
    "tokenizers": {"rag/providers/local.py"},
    "openai": {"rag/providers/openai_compatible.py"},
    "anthropic": {"rag/providers/anthropic_messages.py"},
}
"""One vendor in one file, and there only inside functions: starting must not wait for what may not be used."""
HEAVY = (*VENDORS, "streamlit", "pandas", "altair", "torch", "transformers", "sentence_transformers")
TOOLKITS = ("sqlalchemy", "pydantic", "numpy", "click")

CODE = sorted([ROOT / "app.py", *ROOT.glob("pages/**/*.py"), *ROOT.glob("rag/**/*.py")])
TESTS = sorted((ROOT / "tests").glob("**/test_*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> str:
    return name_of(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room_of(module: str) -> str:
    """Return the room of a module: `rag.store.catalog` is in `rag.store`, `pages.parts.hits` in `pages`."""
    parts = module.split(".")
    return parts[0] if parts[0] != "rag" else ".".join(parts[:2])


@cache
def imports(path: Path) -> tuple[tuple[str, ast.stmt, bool], ...]:
    """Return (module, statement, whether it stands inside a function) of every import of a file.

    `from rag import store` counts as `rag.store`, because that is what is imported. Imports for the type checker only are left out.
    """
    return tuple(_imports(path, ast.parse(path.read_text(encoding="utf-8"))))


def _imports(path: Path, tree: ast.Module) -> Iterator[tuple[str, ast.stmt, bool]]:
    inside = {
        id(node)
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(f)
    }
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node, id(node) in inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"{name_of(path)}:{node.lineno}: write imports from the top, so that rooms can be seen"
            )
            module = node.module or ""
            rooms = (
                [f"rag.{alias.name}" for alias in node.names if f"rag.{alias.name}" in LEVELS]
                if module == "rag"
                else []
            )
            yield from ((room, node, id(node) in inside) for room in rooms or [module])


def offences(path: Path) -> Iterator[str]:
    """Yield what the file imports against the rows."""
    own = room_of(module_of(path))
    for module, node, _ in imports(path):
        target = room_of(module)
        if target.partition(".")[0] not in ("rag", "pages", "app") or target == own:
            continue
        if own == "rag":
            allowed = LEVELS[target] < TOP
        elif LEVELS[own] == TOP:
            allowed = module in NOUNS or (own == "app" and target == "pages")
        elif target == "rag":
            allowed = name_of(path) in THROUGH_THE_FACADE
        else:
            allowed = LEVELS[target] < LEVELS[own]
        if not allowed:
            yield f"{name_of(path)}:{node.lineno} imports {module}"


def test_imports_point_down() -> None:
    """An import goes to a lower row of the house or stays in its room; pages and the command line see the facade only."""
    assert [] == [offence for path in CODE for offence in offences(path)]


def test_every_module_of_the_package_has_a_row() -> None:
    """A new room must be given its row before anything may live in it."""
    rooms = {room_of(module_of(path)) for path in CODE} - {"rag"}
    assert rooms <= set(LEVELS)


def test_streamlit_stays_in_the_pages() -> None:
    """The package works in a notebook, a script and the command line: nothing in it knows Streamlit."""
    users = {
        name_of(path) for path in CODE for module, _, _ in imports(path) if module.partition(".")[0] == "streamlit"
    }
    assert [] == sorted(user for user in users if user.startswith("rag/"))


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_is_known_to_one_file(vendor: str) -> None:
    """Each vendor is imported in its one file, and there inside a function."""
    uses = [
        (name_of(path), inside)
        for path in CODE
        for module, _, inside in imports(path)
        if module.partition(".")[0] == vendor
    ]
    assert {file for file, _ in uses} <= VENDORS[vendor]
    assert all(inside for _, inside in uses), f"{vendor} is imported at the top of its file"


def test_importing_rag_is_light() -> None:
    """`import rag` loads no vendor, no Streamlit, no data frame library, and none of the toolkits that only an open workbench needs."""
    code = "import json, sys, rag; print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set() == {*HEAVY, *TOOLKITS} & set(json.loads(out.stdout))


def test_the_facade_is_what_it_says() -> None:
    """`rag.__all__` is sorted, holds at most 25 names, and is exactly what the package imports from its rooms or defines."""
    import rag

    tree = ast.parse((ROOT / "rag/__init__.py").read_text(encoding="utf-8"))
    (typed,) = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imported = {
        alias.asname or alias.name
        for node in typed.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rag")
        for alias in node.names
    }
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    assert sorted(rag.__all__) == rag.__all__
    assert len(rag.__all__) <= 25
    assert {n for n in imported | defined if not n.startswith("_")} == set(rag.__all__)
    assert [] == [name for name in rag.__all__ if not getattr(rag, name).__doc__]
    assert {*rag._HOME, "open_workbench"} == set(rag.__all__)
    assert set(rag.__all__) <= set(dir(rag)) and not hasattr(rag, "nothing")


def test_packages_are_there_after_one_import() -> None:
    """`import rag` is enough for `rag.evaluation.evaluate`, whatever was imported before."""
    import rag

    code = "import sys, rag; name = sys.argv[1]; assert getattr(rag, name).__name__ == 'rag.' + name"
    for name in rag._PARTS:
        subprocess.run([sys.executable, "-c", code, name], check=True, cwd=ROOT)


# --- how files look ---


@pytest.mark.parametrize("path", CODE, ids=name_of)
def test_a_file_is_a_room_that_can_be_known(path: Path) -> None:
    """At most 400 lines, a docstring that says why it exists, nothing left open, and no drawer for odds and ends."""
    text = path.read_text(encoding="utf-8")
    assert path.stem not in {"utils", "helpers", "misc", "common"}
    assert len(text.splitlines()) <= 400
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", text)
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_functions_are_short() -> None:
    """Half of all functions take ten lines or fewer, nine in ten about thirty, and hardly any more than seventy."""
    own = [path for path in CODE if "migrations/versions" not in name_of(path)]  # those are lists of columns
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in own]
    functions = [f for tree in trees for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = sorted((node.end_lineno or node.lineno) - node.lineno + 1 for node in functions)
    assert lengths[len(lengths) // 2] <= 12
    assert lengths[len(lengths) * 9 // 10] <= 32
    assert [] == [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 70]


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_every_test_states_the_behaviour(path: Path) -> None:
    """A test's docstring says what must hold, so that a failure can be understood without reading the test."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and n.name.startswith("test_")
    ]
    assert [] == [test.name for test in tests if not ast.get_docstring(test)]


def test_test_files_have_names_of_their_own() -> None:
    """Two test files of one name hide each other: pytest imports them under that name."""
    assert [] == [name for name, times in Counter(path.name for path in TESTS).items() if times > 1]


def test_no_page_is_named_like_a_module() -> None:
    """The folder of the pages is first on the import path when they run: a page named like a module would be imported for it."""
    importable = set(sys.stdlib_module_names) | {"rag", "streamlit", "pandas", "numpy", "altair", "app"}
    assert set() == {path.stem for path in (ROOT / "pages").glob("*.py")} & importable
