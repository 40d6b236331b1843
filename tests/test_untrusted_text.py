"""No text that we did not write reaches a place that reads markdown, except through `pages/parts/safe_text.py`.

Streamlit renders labels, captions, boxes and most other text as markdown, and markdown makes the browser fetch images. So every
text argument of such a call must be built here from literals, from numbers, and from what `label` and `paragraphs` return. What
cannot be seen to be safe is refused; `# trusted: reason` on the line of the call answers for the rest.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "app.py", *ROOT.glob("pages/**/*.py")])
FORBIDDEN = {"html", "write_stream", "table", "json", "exception", "iframe", "MarkdownColumn", "ImageColumn"}
"""Places for which there is always a safe one: `draw` for a tree of elements, `st.dataframe` for rows."""
FORBIDDEN_ARGUMENTS = {"unsafe_allow_html", "unsafe_allow_javascript"}
MARKDOWN = {
    "write", "markdown", "caption", "title", "header", "subheader", "error", "warning", "info", "success", "toast", "metric", "badge",
    "button", "download_button", "link_button", "form_submit_button", "page_link", "menu_button", "popover", "expander", "tabs",
    "dialog", "status", "spinner", "progress", "checkbox", "toggle", "radio", "pills", "segmented_control", "feedback",
    "selectbox", "multiselect", "slider", "select_slider", "number_input", "text_input", "text_area", "date_input", "chat_input",
    "file_uploader", "color_picker", "latex", "live_slider",
}  # fmt: skip
"""Calls of Streamlit, and of our own parts over it, whose texts are read as markdown."""
CHOICES = {"radio", "pills", "segmented_control"}
"""Calls that read their options as markdown, too; those of a selectbox are plain text."""
TEXTS = {
    "label",
    "body",
    "text",
    "help",
    "caption",
    "captions",
    "delta",
    "title",
    "message",
    "placeholder",
    "mark_title",
    "unit",
}
SAFE_CALLS = {"label", "paragraphs"}
"""What safe_text.py returns for markdown. `visible` is for plain text."""
FIGURES = {
    "count",
    "size",
    "duration",
    "cost",
    "pages_text",
    "len",
    "int",
    "float",
    "round",
    "min",
    "max",
    "sum",
    "strftime",
}
"""Functions that return numbers, or words of ours with numbers."""
NOT_TEXT = {"page_link", "progress"}
"""Calls whose first argument is a page or a number."""
PLAIN = {"chat_input"}
"""Calls whose first argument is shown as it is: `visible` is enough, as it is for every placeholder."""
NUMBER = re.compile(r"_(tokens|bytes|characters|ms|s|usd)$")
"""Names that say their unit are numbers."""
OTHERS = {"log", "logger", "logging", *(path.stem for path in ROOT.glob("pages/parts/*.py"))}
"""What a call may belong to besides Streamlit: logs, and our own parts, whose calls are looked at where they are made."""


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


class File:
    """One file with what its names are bound to, so that `what = count(n, "file")` is seen through."""

    def __init__(self, path: Path, text: str) -> None:
        self.name, self.lines, self.tree = path.relative_to(ROOT).as_posix(), text.splitlines(), ast.parse(text)
        self.accepted = SAFE_CALLS | FIGURES
        self.scopes = {
            id(child): f for f in ast.walk(self.tree) if isinstance(f, ast.FunctionDef) for child in ast.walk(f)
        }

    def values(self, name: ast.Name) -> list[ast.expr] | None:
        """Return all that the name is bound to in its function, else in the module; None when one of it cannot be seen."""
        scope = self.scopes.get(id(name))
        for argument in (*scope.args.args, *scope.args.kwonlyargs) if scope is not None else ():
            if argument.arg == name.id:
                return (
                    [ast.Constant(0)]
                    if argument.annotation and ast.unparse(argument.annotation) in ("int", "float")
                    else None
                )
        for place in (scope, self.tree):
            found: list[ast.expr] = []
            for node in ast.walk(place) if place is not None else ():
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                if any(isinstance(t, ast.Name) and t.id == name.id for t in targets):
                    value = (
                        node.value
                        if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.AugAssign)
                        else None
                    )
                    if value is None:
                        return None
                    found.append(value)
                elif any(
                    isinstance(c, ast.Name) and c.id == name.id for t in targets if t is not None for c in ast.walk(t)
                ):
                    return None
            if found:
                return found
        return None

    def safe(self, node: ast.expr | None, depth: int = 0) -> bool:
        """Say whether the expression can only be text of ours, numbers, or what safe_text.py made."""
        if node is None or depth > 20:
            return node is None
        match node:
            case ast.Constant():
                return True
            case ast.JoinedStr(values=parts):
                return all(self.safe_piece(part, depth) for part in parts)
            case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=[ast.GeneratorExp(elt=elt)]):
                return self.safe(elt, depth + 1)
            case ast.Call(func=ast.Name(id="list" | "sorted" | "tuple"), args=[values]):
                return self.safe(values, depth + 1)
            case ast.Call(func=function):
                return last_name(function) in self.accepted
            case ast.Attribute(attr=name) | ast.Name(id=name) if NUMBER.search(name):
                return True
            case ast.IfExp(body=body, orelse=orelse):
                return self.safe(body, depth + 1) and self.safe(orelse, depth + 1)
            case ast.BoolOp(values=values) | ast.List(elts=values) | ast.Tuple(elts=values):
                return all(self.safe(value, depth + 1) for value in values)
            case ast.Dict(keys=keys, values=values):
                return all(self.safe(value, depth + 1) for value in (*keys, *values))
            case ast.BinOp(left=left, right=right):
                return self.safe(left, depth + 1) and self.safe(right, depth + 1)
            case ast.Subscript(value=value):
                return self.safe(value, depth + 1)
            case ast.Name() as name:
                values = self.values(name)
                return values is not None and all(self.safe(value, depth + 1) for value in values)
        return False

    def shown_safely(self, kind: str, text: ast.expr) -> bool:
        self.accepted = SAFE_CALLS | FIGURES | ({"visible"} if kind in PLAIN else set())
        return self.safe(text)

    def safe_piece(self, piece: ast.expr, depth: int) -> bool:
        """A literal piece of an f-string; a number with a number's format, which refuses text; or a safe expression."""
        if not isinstance(piece, ast.FormattedValue):
            return True
        spec = ast.unparse(piece.format_spec) if piece.format_spec else ""
        return bool(re.search(r"[,dfeg%]'$", spec)) or self.safe(piece.value, depth + 1)

    def texts(self, call: ast.Call) -> Iterator[ast.expr]:
        """Yield the arguments of the call that are read as markdown."""
        kind = last_name(call.func)
        keywords = {keyword.arg: keyword.value for keyword in call.keywords}
        if kind not in NOT_TEXT:
            yield from call.args[: 3 if kind == "metric" else 1]
        yield from (value for name, value in keywords.items() if name in TEXTS)
        if kind in CHOICES:
            options = (call.args[1:2] or [keywords["options"]])[0]
            shown = keywords.get("format_func")
            if not self.safe(options):  # choices of ours are safe whatever words are made of them
                yield (
                    shown.body
                    if isinstance(shown, ast.Lambda)
                    else options
                    if shown is None
                    else ast.Call(shown, [], [])
                )

    def offences(self) -> Iterator[str]:
        for call in (node for node in ast.walk(self.tree) if isinstance(node, ast.Call)):
            at = f"{self.name}:{call.lineno}"
            if any(keyword.arg in FORBIDDEN_ARGUMENTS for keyword in call.keywords):
                yield f"{at} allows HTML"
            kind = last_name(call.func)
            owner = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
            if kind in FORBIDDEN and owner in {"st", "column_config"}:
                yield f"{at} uses {kind}"
            elif kind in MARKDOWN and owner not in OTHERS and (owner or kind == "live_slider"):
                lines = self.lines[call.lineno - 1 : (call.end_lineno or call.lineno) + 1]
                if not any("# trusted: " in line for line in lines):
                    yield from (
                        f"{at} gives {kind} `{ast.unparse(t)}`"
                        for t in self.texts(call)
                        if not self.shown_safely(kind, t)
                    )


def check(code: str) -> list[str]:
    return list(File(ROOT / "pages/example.py", code).offences())


def test_pages_show_untrusted_text_through_one_module() -> None:
    """Every text argument that reads markdown is ours, a number, or went through safe_text.py."""
    assert [] == [offence for path in PAGES for offence in File(path, path.read_text(encoding="utf-8")).offences()]


@pytest.mark.parametrize(
    "code",
    [
        "st.markdown(answer.text)",
        "st.error(str(error))",
        "st.error(f'{error}')",
        "column.button(document.name)",
        "st.caption(f'in {visible(name)}')",
        "st.metric('Documents', 3, name)",
        "st.button('Delete', help=name)",
        "st.radio('Document', names)",
        "st.radio('Document', names, format_func=str)",
        "def page(name):\n    st.title(name)",
        "def page():\n    for name in names():\n        st.title(name)",
        "what = document.name\nst.title(what)",
        "st.html('<b>x</b>')",
        "st.write(document.name)",
        "st.write_stream(answer)",
        "st.markdown('x', unsafe_allow_html=True)",
    ],
)
def test_a_leak_is_seen(code: str) -> None:
    """Document text, file names and errors in a label, a box or a choice are refused, by whatever detour they come."""
    assert check(code)


@pytest.mark.parametrize(
    "code",
    [
        "st.markdown('Text of ours')",
        "st.error(label(str(error)))",
        "st.title(f'{len(hits)} hits in {duration(ms)}, {score:.2f}')",
        "what = count(n, 'file')\nst.button(f'Add {what}')",
        "st.radio('Mode', ['hybrid', 'semantic'])",
        "st.radio('Document', names, format_func=label)",
        "st.selectbox('Document', names, format_func=visible)",
        "st.text(document.text)",
        "log.warning(name)",
        "st.title(name)  # trusted: a name of our own pages",
    ],
)
def test_what_is_safe_passes(code: str) -> None:
    """Literals, numbers and what safe_text.py returned are accepted, so that the rule can be kept without ignoring it."""
    assert [] == check(code)
