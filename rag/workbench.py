"""The workbench: opens catalog, index, models and ledger of one data folder once, and owns them.

One process writes; it holds the lock of the folder. Any other may open the folder with `read_only=True`: it then searches exactly
over the catalog's vectors and never touches the index.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rag import providers
from rag.embedders import Embedders
from rag.errors import (
    CollectionExistsError,
    CollectionNotFoundError,
    ModelUnavailableError,
    StoreReadOnlyError,
)
from rag.indexing import IndexOwner
from rag.jobs import Job, Jobs
from rag.providers import masking, tokens
from rag.providers.base import Embedder
from rag.recent import Recent
from rag.settings import Settings
from rag.store.callers import Caller, living_rows
from rag.store.catalog import Catalog
from rag.store.conversations import Conversations
from rag.store.feedback import Feedback
from rag.store.fingerprints import Fingerprints
from rag.store.history import SearchHistory
from rag.store.keywords import word_spans
from rag.store.lock import DataLock
from rag.store.profiles import Profiles, to_json
from rag.text import densest_start
from rag.types import ChunkOptions, Collection, Document, GenerateOptions, Stop, never
from rag.usage.budgets import Budgets
from rag.usage.ledger import Ledger

if TYPE_CHECKING:
    from rag.providers.gateway import Gateway, ModelCard
    from rag.providers.presets import Preset
    from rag.store.index import VectorIndex
    from rag.store.vectors import VectorTable

log = logging.getLogger(__name__)

_PROMPT_KEY = "prompt_delimiter_seed"
_TITLE_CHARACTERS = 120
CATALOG_FILE = "catalog.sqlite3"
KEYWORD_ONLY_THRESHOLD = 0.5
"""Default threshold of a collection without vectors, whose match score is coverage alone."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that the workbench knows, whether or not it can be used now."""

    name: str
    """PROVIDER/MODEL."""
    kind: Literal["embedding", "chat"]
    problem: str = ""
    """Why it cannot be used, as a sentence that names the command which helps; empty when it can."""
    note: str = ""
    """What there is to know about it, for the user."""


@lru_cache(maxsize=4096)
def _estimated(text: str) -> int:
    return tokens.estimate(text)


class Workbench:
    """Everything that the verbs need, for one data folder. Use `Workbench.open`."""

    def __init__(self, settings: Settings, catalog: Catalog, lock: DataLock | None) -> None:
        self.settings = settings
        self.catalog = catalog
        self._caller = None if lock else Caller(settings.data_dir)
        self.ledger = Ledger(catalog.engine, on_begin=self._caller.note) if self._caller else Ledger(catalog.engine)
        self.budgets = Budgets(self.ledger, catalog)
        self.jobs = Jobs()
        self.answers: Recent[str, Any] = Recent(200, may_forget=lambda stream: bool(stream.done))
        """Answer streams by id; one that is still being written is never forgotten."""
        self.parsed: Recent[str, Document] = Recent(8)
        """Documents read lately, by id: a preview and the ingest after it read a file once."""
        self.tokenized: Recent[tuple[str, str], list[tuple[int, int]]] = Recent(16)
        """Token spans of long texts by (embedding model, text): a preview is chunked anew at every move of a slider."""
        self.beside = ThreadPoolExecutor(8, thread_name_prefix="beside")
        """Threads that a question lets work beside its own, kept because Chroma is slow to answer a new one."""
        self.write_lock = threading.RLock()
        """Held while a document goes in or out: catalog and index move together."""
        self._lock = lock
        self.index_owner = IndexOwner(catalog, settings.data_dir) if lock else None
        """None when opened for reading: only the owner of the folder touches the index."""
        self.fingerprints = Fingerprints(catalog)
        self._tables: Recent[str, VectorTable] = Recent(4)
        self._gateway: Gateway | None = None
        self.embedders = Embedders(catalog, settings, lambda: self.gateway, read_only=lock is None)
        self._gateway_lock = threading.Lock()

    @classmethod
    def open(cls, settings: Settings | None = None, *, read_only: bool = False) -> Workbench:
        """Open the data folder of `settings`, made when it is missing.

        Raises `StoreInUseError` when another process owns it and `StoreError` when it cannot be read.
        """
        masking.install()  # before anything can log: the gateway, which holds the keys, comes later
        settings = settings or Settings()
        path = settings.data_dir / CATALOG_FILE
        if read_only:
            return cls(settings, Catalog.open(path, read_only=True), None)
        lock = DataLock(settings.data_dir)
        lock.acquire()
        try:
            bench = cls(settings, Catalog.open(path), lock)
            bench.ledger.close_interrupted(lambda: living_rows(settings.data_dir))
            if not bench.catalog.setting(_PROMPT_KEY):
                bench.catalog.set_setting(_PROMPT_KEY, secrets.token_hex(16))
            return bench
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Stop the jobs, close everything and free the folder."""
        self.jobs.stop_all()
        for stream in self.answers.values():
            stream.stop()
        for stream in self.answers.values():
            stream.settle(1.0)
        self._close_gateway()
        if self.index_owner:
            self.index_owner.close()
        self.catalog.close()
        if self._caller is not None:
            self._caller.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def read_only(self) -> bool:
        return self._lock is None

    @property
    def data_dir(self) -> Path:
        return self.settings.data_dir

    @property
    def search_history(self) -> SearchHistory:
        """Questions asked on Search, with the settings of then."""
        return SearchHistory(self.catalog.engine)

    @property
    def profiles(self) -> Profiles:
        """Settings under a name: tuned on Search and in experiments, used by Ask."""
        return Profiles(self.catalog.engine)

    # --- collections and models ---

    def collection(self, name: str | None = None) -> Collection:
        """Return the collection of that name; the default one is made at its first use."""
        try:
            return self.catalog.collection(name or self.settings.default_collection)
        except CollectionNotFoundError:
            if name not in (None, self.settings.default_collection) or self.read_only:
                raise
        try:
            return self.create_collection(self.settings.default_collection)
        except CollectionExistsError:  # another thread was faster
            return self.catalog.collection(self.settings.default_collection)

    def create_collection(
        self, name: str, *, options: ChunkOptions | None = None, embedding_model: str | None = None,
        similarity_threshold: float | None = None,
    ) -> Collection:  # fmt: skip
        """Make an empty collection. `embedding_model` None takes the local one if it is installed, "" is keyword search only.

        A `similarity_threshold` is the user's and stays; None takes the model's.

        A remote model whose dimension is not known is asked for it. Raises `CollectionExistsError`, `ModelUnavailableError`
        and `ProviderError`.
        """
        self.require_writable()
        if embedding_model is None:
            embedding_model = "" if providers.local_model_problem() else providers.DEFAULT_EMBEDDING_MODEL
        embedder = self.embedder(embedding_model)
        if embedder:
            self.embedders.learn(embedder)
        default = embedder.default_threshold if embedder else KEYWORD_ONLY_THRESHOLD
        return self.catalog.create_collection(
            name,
            embedding_model=embedding_model,
            dimension=embedder.dimension if embedder else 0,
            options=options or ChunkOptions(),
            similarity_threshold=default if similarity_threshold is None else similarity_threshold,
            threshold_from="default" if similarity_threshold is None else "user",
        )

    def models(self) -> list[ModelInfo]:
        """Return every model that is known here, whether or not it can be used now; loads none."""
        embedding = "Runs on this machine: no key, no network, no cost. Reads 256 tokens of a text."
        extracts = "Quotes the documents, each passage with its citation; writes nothing of its own. No key, no network, no cost."
        return [
            ModelInfo(providers.DEFAULT_EMBEDDING_MODEL, "embedding", providers.local_model_problem(), embedding),
            ModelInfo(GenerateOptions().model, "chat", "", extracts),
            *(_remote_info(card) for card in self.gateway.models()),
        ]

    # --- remote models ---

    @property
    def prompt_secret(self) -> bytes:
        """Random bytes of this data folder, which no document can know: delimiters in prompts are made from it."""
        return bytes.fromhex(self.catalog.setting(_PROMPT_KEY) or secrets.token_hex(16))

    @property
    def gateway(self) -> Gateway:
        """The way to remote models, set up at first use; contacts nobody by itself."""
        from rag.providers import secrets_toml
        from rag.providers.gateway import Gateway
        from rag.store.responses import FILE_NAME, Responses

        with self._gateway_lock:
            if self._gateway is None:
                responses = Responses(self.data_dir / FILE_NAME)
                self._gateway = Gateway.open(
                    self.catalog, self.ledger, self.data_dir, gate=self.budgets.allow, responses=responses,
                    secrets=secrets_toml.read(),
                )  # fmt: skip
                self._gateway.book.on_remove = self.budgets.set
            return self._gateway

    @property
    def provider_kinds(self) -> Mapping[str, Preset]:
        """The kinds of providers that can be added, with what is known of each: title, address, usual variable of its key."""
        from rag.providers.presets import PRESETS

        return PRESETS

    def likely_usd(self, model: str, prompt_tokens: int, output_tokens: int = 400, *, user: str = "") -> float | None:
        """Return about what an answer of a chat model costs, None when its price is unknown; contacts nobody.

        Raises `ProviderError` for a provider that is not set up.
        """
        from rag.providers.offers import likely_usd

        return likely_usd(self.gateway, model, prompt_tokens, output_tokens, user)

    def likely_tokens(self, texts: Iterable[str]) -> int:
        """Return about how many tokens texts have for a chat model; each is counted once and remembered."""
        return sum(map(_estimated, texts))

    def _close_gateway(self) -> None:
        with self._gateway_lock:
            gateway, self._gateway = self._gateway, None
        if gateway is not None:
            if not self.read_only:
                gateway.keep_calibration()
            gateway.close()

    @property
    def turns(self) -> Conversations:
        """The conversations as they are stored: single answers, which of several is kept, how one came about."""
        return Conversations(self.catalog.engine)

    @property
    def feedback(self) -> Feedback:
        """What users judged of answers."""
        return Feedback(self.catalog.engine)

    def settings_of_turn(self, turn_id: str) -> dict[str, Any]:
        """Return the settings that made an answer, as JSON can hold them; empty when they were not kept."""
        record = self.turns.record(turn_id)
        return {"search": to_json(record.search), "generate": to_json(record.generate)} if record else {}

    def rename_conversation(self, conversation_id: str, title: str) -> None:
        """Give a conversation another title, on one line; an empty one changes nothing."""
        if title := " ".join(title.split())[:_TITLE_CHARACTERS]:
            Conversations(self.catalog.engine).rename(conversation_id, title)

    @staticmethod
    def word_marks(text: str, terms: Sequence[str]) -> list[tuple[int, int]]:
        """Return (start, end) of each word of `text` that is one of a question's `terms` (`SearchResult.terms`), in order."""
        wanted = frozenset(terms)
        return [(start, end) for start, end, stem in word_spans(text) if stem in wanted]

    @staticmethod
    def excerpt_start(text: str, marks: Sequence[tuple[int, int]]) -> int:
        """Return where an excerpt of `text` should begin to show most of its `word_marks`; 0 where its beginning shows as many."""
        return densest_start(text, marks)

    def embedder(self, model: str | Collection) -> Embedder | None:
        """Return the embedding model of that name or of that collection, as `Embedders.get` does; None for keyword search only."""
        return self.embedders.get(model)

    def usable_embedder(self, collection: Collection) -> Embedder | None:
        """Like `embedder`, but None as well when the model is not installed: search then goes by keywords."""
        try:
            return self.embedder(collection)
        except ModelUnavailableError as error:
            log.warning("%s", error)
            return None

    def vectors(self, collection: Collection, revision: int | None = None) -> VectorTable:
        """Return all vectors of the collection for exact search, kept until it changes; `revision` is its own, where known."""
        revision = self.catalog.revision(collection.id) if revision is None else revision
        table = self._tables.get(collection.id)
        if table is None or table.revision != revision:
            table = self.catalog.vectors(collection.id)
            self._tables[collection.id] = table
        return table

    # --- the index ---

    @property
    def index(self) -> VectorIndex | None:
        """The approximate index; None when read-only, while it is being opened, or when it cannot be used: search exactly then."""
        return self.index_owner.now() if self.index_owner else None

    @property
    def index_problem(self) -> str:
        """Why the index cannot be used, as a sentence; empty while it can."""
        return self.index_owner.problem if self.index_owner else ""

    def index_ready(self, collection_id: str) -> bool:
        """Tell whether the index holds exactly the collection's vectors, so that it may answer."""
        index = self.index
        return (
            index is not None and not self.catalog.pending(collection_id) and not self.catalog.removals(collection_id)
        )

    def index_failed(self, error: Exception) -> None:
        """Stop using the index: search goes on exactly, and the catalog rebuilds it at the next start or on request."""
        if self.index_owner:
            self.index_owner.failed(error)

    def warm_up(self) -> Job[None]:
        """Load models and index in the background, and bring the index up to date with the catalog."""

        def work(job: Job[None]) -> None:
            self._load_models()
            self.sync_index(stop=job.stopping)
            self.gateway.warm_up()

        return self.jobs.start("warm-up", "Starting up", work)

    def _load_models(self) -> None:
        """Load the local ones: a remote one costs and waits until it is asked."""
        used = {c.embedding_model for c in self.catalog.collections()} | {providers.DEFAULT_EMBEDDING_MODEL}
        for name in (name for name in used if name.startswith("local/")):
            try:
                if embedder := self.embedder(name):
                    embedder.embed_query("warm up")
            except ModelUnavailableError as error:
                log.warning("%s", error)

    def sync_index(
        self,
        collection: Collection | None = None,
        *,
        on_done: Callable[[int], None] | None = None,
        stop: Stop = never,
    ) -> None:
        """Bring the index up to date with the catalog, for one collection or for all."""
        for each in [collection] if collection else self.catalog.collections():
            if self.index_owner:
                self.index_owner.sync(each, on_done=on_done, stop=stop)

    def require_writable(self) -> None:
        """Raise `StoreReadOnlyError` when the workbench was opened for reading."""
        if self.read_only:
            raise StoreReadOnlyError(
                f"{self.data_dir} was opened for reading only; close the other program that uses it and try again."
            )


def _remote_info(card: ModelCard) -> ModelInfo:
    """Return a remote model with its window and price; a price that is not known is said to be unknown."""
    window = f"{card.context_window:,} tokens" if card.context_window else "window unknown"
    note = f"{window}; {card.price or 'price unknown'}" + (f"; retires on {card.retires}" if card.retires else "")
    return ModelInfo(card.name, "embedding" if card.is_embedding else "chat", card.problem, note)
