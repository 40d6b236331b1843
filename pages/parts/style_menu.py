"""How to answer and from what: style with instruction, examples and schema, and the documents to look in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import models, turn_bar
from pages.parts.safe_text import label, say, visible
from pages.parts.shared import count
from rag import GenerateOptions, RagError, SearchOptions, Workbench

if TYPE_CHECKING:
    from rag.types import Collection, Profile

_EXTRACTS_CAN = ("brief", "detailed", "quotes")


def menu(bench: Workbench, target: Collection, profile: Profile, model: str) -> tuple[SearchOptions, GenerateOptions]:
    """Draw the menu and return the profile's settings with what was changed here."""
    known = {info.id: info.name for info in bench.catalog.documents(target.id)}
    search_key, style_key = _key(f"documents.{target.id}", profile), _key("style", profile)
    chosen = [i for i in st.session_state.get(search_key, profile.search.document_ids) if i in known]
    style = st.session_state.get(style_key, profile.generate.style)
    titles = {name: style.title for name, style in rag.generation.STYLES.items()}
    where = f" · {count(len(chosen), 'document')}" if chosen else ""
    with st.popover(
        label(f"{titles.get(style, style)}{where}"), icon=":material/tune:", width="stretch", key="ask.how"
    ):
        search = replace(profile.search, document_ids=_documents(known, profile, search_key))
        generate = _style(bench, profile, titles, model)
    return search, replace(generate, model=model)


def _documents(known: dict[str, str], profile: Profile, key: str) -> tuple[str, ...]:
    default = [i for i in profile.search.document_ids if i in known]
    kept = {} if key in st.session_state else {"default": default}
    picked = st.multiselect(
        "Look only in", list(known), key=key, format_func=lambda i: visible(known.get(i, ""), 60), placeholder="All documents", **kept
    )  # fmt: skip
    return tuple(picked)


def _style(bench: Workbench, profile: Profile, titles: dict[str, str], model: str) -> GenerateOptions:
    """Draw style, instruction, examples and schema; each profile has its own, and each style its own texts."""
    kept = profile.generate
    names = list(titles)
    style = st.selectbox(
        "Answer", names, names.index(kept.style) if kept.style in names else 1, key=_key("style", profile),
        format_func=lambda name: titles[name],
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
    instruction = st.text_area(
        "Instruction", (kept.instruction if is_own else "") or shipped.instruction, key=_key(f"instruction.{style}", profile), height=110,
        max_chars=4000,
    )  # fmt: skip
    shown = rag.generation.written(shipped.examples)
    examples = st.text_area(
        "Examples", (kept.examples if is_own else "") or shown, key=_key(f"examples.{style}", profile), height=130, max_chars=12_000,
        help="Question, numbered excerpts, Answer. They teach the form; clear the field to send none.",
    )  # fmt: skip
    schema = ""
    if shipped.schema:
        schema = st.text_area(
            "JSON schema",
            (kept.schema if is_own else "") or shipped.schema,
            key=_key(f"schema.{style}", profile),
            height=130,
            max_chars=12_000,
        )
        if problem := rag.generation.schema_problem(schema):
            say("warning", problem)
            schema = ""
    rewrite = st.checkbox(
        "Rewrite follow-up questions for the search", kept.rewrite, key=_key("rewrite", profile),
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
