"""Make, rename, delete, import and export question sets, in the menu beside the chooser."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import streamlit as st

import rag
from pages.parts import shared, tuning
from pages.parts.safe_text import draw, el, say, visible
from pages.parts.shared import count
from rag import RagError, Workbench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rag.evaluation import FoundAgain, Imported
    from rag.types import Collection, QuestionSet, QuestionSetInfo

REPORT = "tuning.report"
"""What the last import said: a title and a sentence for each row that did not go in as it says."""
SAMPLES = "Sample questions"
MENU = "tuning.menu"
"""Where the session keeps whether the menu is open."""
_UPLOAD = "tuning.upload"
_SURE = "tuning.delete.sure"
_MOST_PROBLEMS = 50


def menu(bench: Workbench, target: Collection, chosen: QuestionSet | None, infos: Sequence[QuestionSetInfo]) -> None:
    """Draw the menu of sets; what is in it is drawn when it is opened."""
    with st.popover(
        "Make or import sets",
        icon=":material/checklist:",
        width="stretch",
        type="tertiary",
        key=MENU,
        on_change="rerun",
    ) as opened:
        if not opened.open:
            return
        if chosen is not None:
            _this_one(bench, target, chosen)
        st.text_input(
            "New set", key="tuning.new", placeholder="Its name", max_chars=120, on_change=guarded, args=(_make, bench)
        )
        round_ = st.session_state.setdefault(f"{_UPLOAD}.round", 0)
        st.file_uploader(
            "Import CSV or JSONL", key=f"{_UPLOAD}.{round_}", type=["csv", "jsonl", "json", "tsv", "txt"],
            help="A row is a question, with document and page or quote, or with answerable = false.",
            on_change=guarded, args=(_import, bench, target),
        )  # fmt: skip
        st.page_link(
            shared.page("experiments"), label="Suggest questions, review drafts", icon=":material/edit_note:",
            query_params={"view": "drafts", **({"set": chosen.id} if chosen else {})},
        )  # fmt: skip
        if not any(info.name == SAMPLES for info in infos):
            st.button(
                "Questions on the sample documents", icon=":material/science:", width="stretch", key="tuning.samples",
                on_click=guarded, args=(_samples, bench, target),
            )  # fmt: skip


def report() -> None:
    """Show what the last import said of its rows, until it is closed."""
    if REPORT not in st.session_state:
        return
    title, problems = st.session_state[REPORT]
    items = [el("li", visible(each, 400)) for each in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        items.append(el("li", f"and {len(problems) - _MOST_PROBLEMS} more"))
    head = el("div.row", el("span.strong", title), el("button.link.push", "Close", data_pick="close"))
    draw(
        el("div.problems", head, el("ul", *items) if items else None), key="tuning.report.drawn",
        on_pick=lambda value: st.session_state.pop(REPORT, None),
    )  # fmt: skip


def _this_one(bench: Workbench, target: Collection, chosen: QuestionSet) -> None:
    st.text_input(
        "Rename", chosen.name, key=f"tuning.rename.{chosen.id}.{chosen.name}", max_chars=120, on_change=guarded,
        args=(_rename, bench, chosen),
    )  # fmt: skip
    name = visible(chosen.name, 60).replace("/", "-")
    if any(question.evidence for question in chosen.questions):
        st.button(
            "Find labels again", icon=":material/find_replace:", width="stretch", key="tuning.again", on_click=guarded,
            args=(_find_again, bench, chosen.id, target),
            help="Where a document was replaced: looks up the labelled words in the version of this collection. What is not there stays as it is.",
        )  # fmt: skip
    with st.container(horizontal=True):
        st.download_button(
            "CSV", lambda: rag.evaluation.to_csv(chosen), f"{name}.csv", "text/csv", icon=":material/download:",
            on_click="ignore", key="tuning.csv",
        )  # fmt: skip
        st.download_button(
            "JSONL", lambda: rag.evaluation.to_jsonl(chosen), f"{name}.jsonl", "application/jsonl",
            icon=":material/download:", on_click="ignore", key="tuning.jsonl",
        )  # fmt: skip
        sure = st.session_state.get(_SURE) == chosen.id
        text = f"Delete {count(len(chosen.questions), 'question')} for good" if sure else "Delete"
        st.button(text, icon=":material/delete:", key="tuning.delete", on_click=guarded, args=(_delete, bench, chosen))
    st.divider()


def guarded(do: Callable[..., None], *args: object) -> None:
    """Do it; what goes wrong is one sentence at the next drawing."""
    try:
        do(*args)
    except RagError as error:
        st.session_state[tuning.SAID] = str(error)


def _make(bench: Workbench) -> None:
    name = st.session_state["tuning.new"]
    if name.strip():
        st.session_state[tuning.SET] = tuning.question_sets(bench).create(name).id
        st.session_state["tuning.new"] = ""


def _rename(bench: Workbench, chosen: QuestionSet) -> None:
    tuning.question_sets(bench).rename(chosen.id, st.session_state[f"tuning.rename.{chosen.id}.{chosen.name}"])


def _delete(bench: Workbench, chosen: QuestionSet) -> None:
    """Delete at the second press: labels are work that nothing brings back."""
    if st.session_state.get(_SURE) != chosen.id:
        st.session_state[_SURE] = chosen.id
        return
    tuning.question_sets(bench).delete(chosen.id)
    st.session_state[tuning.SET] = ""


def _find_again(bench: Workbench, set_id: str, target: Collection) -> None:
    """Point labels of replaced documents to the versions of this collection, and report what was found and what was not."""
    sets = tuning.question_sets(bench)
    found: FoundAgain = rag.evaluation.find_again(bench, sets.get(set_id), target)
    for question in found.moved:
        sets.save(question)
    asked = found.found + found.by_page + len(found.missing)
    title = "No document of this set's labels was replaced: there is nothing to find again."
    if asked:
        title = f"{found.found + found.by_page} of {count(asked, 'label')} of replaced documents found again."
    notes = [
        f"“{question.text}”: its words do not stand in the present {piece.document_name}; label it anew."
        for question, piece in found.missing
    ]
    if found.by_page:
        notes.append(
            f"{count(found.by_page, 'label')} of whole pages went by the number of the page: see whether it still answers."
        )
    st.session_state[REPORT] = (title, notes)


def _import(bench: Workbench, target: Collection) -> None:
    key = f"{_UPLOAD}.{st.session_state[f'{_UPLOAD}.round']}"
    file = st.session_state.get(key)
    if file is None:
        return
    st.session_state[f"{_UPLOAD}.round"] += 1  # a new uploader: this one gives its bytes back
    _take(bench, file.name, _read(bench, target, file.name, file.getvalue()), PurePath(file.name).stem)


def _samples(bench: Workbench, target: Collection) -> None:
    _take(bench, SAMPLES, _read(bench, target, "questions.jsonl", rag.load_samples().labelled), SAMPLES)


def _read(bench: Workbench, target: Collection, name: str, data: bytes) -> Imported:
    """Return the questions with the documents of the collection, or of the library where that fits more rows."""
    found = rag.evaluation.import_questions(bench, name, data, collection=target)
    if not found.problems:
        return found
    wider = rag.evaluation.import_questions(bench, name, data)
    return wider if len(wider.problems) < len(found.problems) else found


def _take(bench: Workbench, name: str, found: Imported, wanted: str) -> None:
    sets = tuning.question_sets(bench)
    taken = {info.name for info in sets.list()}
    free = next(n for n in (wanted, *(f"{wanted} {i}" for i in range(2, 10_000))) if n not in taken)
    st.session_state[tuning.SET] = sets.create(free[:200], found.questions).id
    drafts = f", {found.drafts} of them drafts" if found.drafts else ""
    title = f"{visible(name, 60)}: {count(len(found.questions), 'question')} imported{drafts}."
    st.session_state[REPORT] = (title, found.problems)


def said() -> None:
    """Say what went wrong in a callback, once."""
    sentence = st.session_state.pop(tuning.SAID, "")
    if sentence:
        say("warning", sentence)
