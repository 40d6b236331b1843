"""The documents tell what is so: tree, settings, commands, dependencies, links and pictures."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
PICTURE_LIMIT_BYTES = 200_000  # a clone should not carry albums


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree() -> set[str]:
    """Return the paths that the README's tree names."""
    block = README.partition("## The house")[2].partition("```text\n")[2].partition("```")[0]
    paths: set[str] = set()
    folder = ""
    for line in block.splitlines():
        name = line.split()[0]
        if line.startswith("  "):
            paths.add(folder + name)
        else:
            folder = name
            paths.add(name)
    return paths


def test_the_tree_of_the_readme_is_the_tree() -> None:
    """Every path of the README's tree exists, and every room and page is in it."""
    named = {path.rstrip("/") for path in tree()}
    assert [] == sorted(path for path in named if not (ROOT / path).exists())
    rooms = {f"rag/{p.name}" for p in (ROOT / "rag").iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    pages = {f"pages/{p.name}" for p in (ROOT / "pages").glob("*.py")}
    assert set() == (rooms | pages) - named


@pytest.mark.parametrize("name", ["README.md", "docs/cli.md"])
def test_settings_and_commands_are_documented_as_they_are(name: str) -> None:
    """The table of settings and the help of the command line are what `make docs` writes."""
    text = (ROOT / name).read_text(encoding="utf-8")
    made = generator()
    assert set(re.findall(r"<!-- made: (\w+) -->", text)) <= set(made.MADE)
    assert made.renewed(text) == text, "run `make docs`"


def test_every_runtime_dependency_has_its_reason() -> None:
    """The table of docs/decisions.md names what pyproject.toml asks for, no more and no less."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {re.split(r"[<>=]", wanted)[0] for wanted in project["dependencies"]}
    table = (ROOT / "docs/decisions.md").read_text(encoding="utf-8").partition("## Runtime dependencies")[2]
    rows = re.findall(r"^\| ([^|]+) \| .+ \|$", table, flags=re.MULTILINE)[1:]
    assert {name for row in rows for name in row.split(", ")} == asked


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link and picture of a document that is not an address is a file of the repository."""
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))
    assert [] == [link for link in links if "://" not in link and not (path.parent / link).exists()]


def test_pictures_are_small() -> None:
    """A picture of the documents has at most 200 kB."""
    pictures = sorted((ROOT / "docs").glob("**/*.png"))
    assert {} == {p.name: p.stat().st_size for p in pictures if p.stat().st_size > PICTURE_LIMIT_BYTES}


def test_pins_name_no_place() -> None:
    """The pins hold names, versions and hashes: no address of a registry and no path of a machine, so that any mirror serves."""
    for path in ROOT.glob("requirements*.txt"):
        lines = path.read_text(encoding="utf-8").splitlines()
        assert [] == [line for line in lines if re.search(r"://|^-|(^|\s)[/~]", line)], path.name


def test_the_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Python of the README does what it says, on a report of one's own."""
    shutil.copy(ROOT / "data/samples/brackwater-annual-report-2025.pdf", tmp_path / "report.pdf")
    monkeypatch.chdir(tmp_path)
    code = README.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "README.md", "exec"), {})
    assert "[1]" in capsys.readouterr().out
