"""Settings: where the data is, which models can be used, what is missing and how to add it, and the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import budgets, provider_form, providers, shared
from pages.parts.safe_text import Node, draw, el, say, visible
from rag import Workbench

if TYPE_CHECKING:
    from rag.workbench import ModelInfo


def main() -> None:
    bench = shared.open_bench()
    st.title("Settings")
    models, spending, here = st.tabs(["Providers", "Budgets", "This installation"])
    with models:
        _providers(bench)
    with spending:
        left, _ = st.columns([1.35, 1], gap="large")
        with left:
            budgets.show(bench)
    with here:
        left, right = st.columns([1, 1], gap="large")
        with left:
            _data(bench)
            _models(bench)
        with right:
            _limits(bench)


def _providers(bench: Workbench) -> None:
    if problem := st.session_state.pop("settings.problem", None):
        say("warning", problem)
    left, right = st.columns([1.35, 1], gap="large")
    with left:
        st.subheader("Providers")
        providers.show(bench)
    with right:
        st.subheader("Add a provider")
        provider_form.show(bench)


def _data(bench: Workbench) -> None:
    st.subheader("Data")
    folder = bench.data_dir.resolve()
    files = [p for p in folder.rglob("*") if p.is_file()]
    documents = bench.catalog.documents()
    rows: list[tuple[str, str | Node]] = [
        ("Folder", el("code", str(folder))),
        ("On disk", shared.size(sum(p.stat().st_size for p in files))),
        (
            "Library",
            f"{shared.count(len(documents), 'document')}, {shared.count(len(bench.catalog.collections()), 'collection')}",
        ),
        ("Index", bench.index_problem or "in use"),
        ("Elsewhere", el("span", "Set ", el("code", "RAG_DATA_DIR"), " before starting to use another folder.")),
    ]
    draw(_table(rows), key="settings.data")


def _models(bench: Workbench) -> None:
    st.subheader("Models")
    rows = [_model(m) for m in bench.models()]
    draw(el("table", el("tbody", *rows)), key="settings.models")


def _model(m: ModelInfo) -> Node:
    state = el("span.chip.warn", "missing") if m.problem else el("span.chip.good", "available")
    return el(
        "tr",
        el("td.strong.name", visible(m.name)),
        el("td.kind", m.kind),
        el("td", state, el("p.muted", m.problem or m.note)),
    )


def _limits(bench: Workbench) -> None:
    st.subheader("Limits")
    rows = []
    for name, field in type(bench.settings).model_fields.items():
        value = getattr(bench.settings, name)
        if name == "data_dir":
            continue
        shown = (
            shared.size(value)
            if name.endswith("_bytes")
            else f"{value:,.10g}"
            if isinstance(value, int | float)
            else visible(str(value))
        )
        rows.append(
            el(
                "tr",
                el("td", field.description or name, el("br"), el("code", f"RAG_{name.upper()}")),
                el("td.num.strong", shown),
            )
        )
    draw(el("table", el("tbody", *rows)), key="settings.limits")
    st.caption("Set them in the environment or in a `.env` file, then start again.")


def _table(rows: list[tuple[str, str | Node]]) -> Node:
    return el("table", el("tbody", *(el("tr", el("td.muted", name), el("td", value)) for name, value in rows)))


main()
