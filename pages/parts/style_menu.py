"""How to answer and from what: style with instruction, examples and schema, and the documents to look in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import streamlit as st

import rag
from pages.parts import models, turn_bar
from pages.parts.options import told_apart
from pages.parts.safe_text import label, say
from pages.parts.shared import count
from rag import GenerateOptions, RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, Profile

_EXTRACTS_CAN = ("brief", "detailed", "quotes")
_BEGAN = "ask.began"  # what each widget began with


def menu(bench: Workbench, target: Collection, profile: Profile, model: str) -> tuple[SearchOptions, GenerateOptions]:
    """Draw the menu and return the profile's settings with what was changed here."""
    known = {info.id: info.name for info in bench.catalog.documents(target.id)}
    names = list(rag.generation.STYLES)
    own = [i for i in profile.search.document_ids if i in known]
    search_key = _begin(_key(f"documents.{target.id}", profile), own)
    style_key = _begin(_key("style", profile), profile.generate.style if profile.generate.style in names else names[1])
    _tidy(search_key, known)
    chosen, style = st.session_state[search_key], st.session_state[style_key]
    titles = {name: style.title for name, style in rag.generation.STYLES.items()}
    where = f" · {count(len(chosen), 'document')}" if chosen else ""
    with st.popover(
        label(f"{titles.get(style, style)}{where}"), icon=":material/tune:", width="stretch", key="ask.how"
    ):
        search = replace(profile.search, document_ids=_documents(known, search_key))
        generate = _style(bench, profile, titles, model)
    return search, replace(generate, model=model)


def _begin(key: str, default: Any) -> str:
    """Give a widget its first value, and return its key.

    What was changed here stays, also over other pages; what was not follows the profile, which Search may change meanwhile.
    """
    began: dict[str, Any] = st.session_state.setdefault(_BEGAN, {})
    if key not in st.session_state or (key in began and st.session_state[key] == began[key] != default):
        st.session_state[key] = default
    began[key] = default
    return key


def _tidy(key: str, known: dict[str, str]) -> None:
    """Take documents that were deleted meanwhile out of the filter."""
    left = [i for i in st.session_state[key] if i in known]
    if left != st.session_state[key]:
        st.session_state[key] = left


def _documents(known: dict[str, str], key: str) -> tuple[str, ...]:
    labels = told_apart(known)
    picked = st.multiselect(
        "Look only in", list(known), key=key, format_func=lambda i: labels.get(i, "deleted"), placeholder="All documents",
        persist_state="session",
    )  # fmt: skip
    return tuple(picked)


def _style(bench: Workbench, profile: Profile, titles: dict[str, str], model: str) -> GenerateOptions:
    """Draw style, instruction, examples and schema; each profile has its own, and each style its own texts."""
    kept = profile.generate
    style = st.selectbox(
        "Answer", list(titles), key=_key("style", profile), format_func=lambda name: titles[name], persist_state="session"
    )  # fmt: skip
    if model == models.EXTRACTS:
        can = style in _EXTRACTS_CAN
        st.caption(
            "Extracts quote word for word: brief is the best passage alone."
            if can
            else "Extracts cannot do that; they quote. Choose a chat model."
        )
    is_own = style == kept.style
    shipped = rag.generation.STYLES[style]
    said = _begin(_key(f"instruction.{style}", profile), (kept.instruction if is_own else "") or shipped.instruction)
    instruction = st.text_area("Instruction", key=said, height=110, max_chars=4000, persist_state="session")
    shown = rag.generation.written(shipped.examples)
    own = "" if kept.examples == rag.generation.NO_EXAMPLES else kept.examples or shown
    examples = st.text_area(
        "Examples", key=_begin(_key(f"examples.{style}", profile), own if is_own else shown), height=130, max_chars=12_000,
        help="Question, numbered excerpts, Answer. They teach the form; clear the field to send none.", persist_state="session",
    )  # fmt: skip
    schema = ""
    if shipped.schema:
        form = _begin(_key(f"schema.{style}", profile), (kept.schema if is_own else "") or shipped.schema)
        schema = st.text_area("JSON schema", key=form, height=130, max_chars=12_000, persist_state="session")
        if problem := rag.generation.schema_problem(schema):
            say("warning", problem)
            schema = ""
    rewrite = st.checkbox(
        "Rewrite follow-up questions for the search", key=_begin(_key("rewrite", profile), kept.rewrite), persist_state="session",
        help="A question such as 'And in 2024?' is searched for in a form that stands by itself; the answer says which.",
    )  # fmt: skip
    options = replace(
        kept,
        style=style,
        instruction="" if instruction.strip() == shipped.instruction else instruction.strip(),
        examples="" if examples.strip() == shown.strip() else examples.strip() or rag.generation.NO_EXAMPLES,
        schema="" if schema.strip() == shipped.schema else schema.strip(),
        rewrite=rewrite,
    )
    _keep(bench, profile, options)
    return options


def _keep(bench: Workbench, profile: Profile, options: GenerateOptions) -> None:
    """Offer to keep what was changed in the profile."""
    if not profile.name:
        st.caption("To keep this, save a profile on Search and choose it here.")
        return

    def save() -> None:
        try:
            bench.profiles.save(replace(profile, generate=replace(options, model=profile.generate.model)))
        except RagError as error:
            st.session_state[turn_bar.SAID] = str(error)

    changed = replace(options, model=profile.generate.model) != profile.generate
    st.button("Keep in the profile", icon=":material/save:", on_click=save, disabled=not changed, width="stretch")


def _key(what: str, profile: Profile) -> str:
    return f"ask.{what}.{profile.name}"
