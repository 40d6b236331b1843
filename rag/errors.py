"""Every failure that a user can meet, under one root.

`str(error)` is one sentence for the user that says what to do next. Programming mistakes stay `ValueError` and `TypeError`.

    RagError
    ├── DocumentError                 one file; the others of the same drop go in
    │   ├── UnsupportedDocumentError
    │   ├── UnreadableDocumentError
    │   ├── EncryptedDocumentError
    │   ├── EmptyDocumentError
    │   ├── DocumentTooLargeError
    │   ├── DocumentTimedOutError
    │   └── DocumentNotFoundError
    ├── CollectionError
    │   ├── CollectionNotFoundError
    │   ├── CollectionExistsError
    │   ├── EmbeddingModelMismatchError
    │   └── CollectionInUseError
    ├── QuestionError                 an empty or far too long question
    ├── FilterError                   a filter that no chunk passes
    ├── ProfileError                  a profile that is not there, or whose name cannot be used
    ├── QuestionSetError              a question set that is not there, or cannot be read, measured or learned from
    ├── PromptTooLongError
    ├── ModelUnavailableError         a local model that is not installed or is damaged
    ├── ProviderError                 a remote model; see `kind`
    ├── BudgetExceededError
    ├── StoppedError                  the user stopped a job
    └── StoreError
        ├── StoreInUseError           another process owns the data folder
        ├── StoreDamagedError
        └── StoreReadOnlyError
"""

from __future__ import annotations

from typing import Any, Literal


class RagError(Exception):
    """Root of all expected failures."""


class DocumentError(RagError):
    """A file that did not go in."""


class UnsupportedDocumentError(DocumentError):
    """A format without a reader, or content that is not what the extension says."""


class UnreadableDocumentError(DocumentError):
    """A file that is damaged, or that crashed its reader."""


class EncryptedDocumentError(DocumentError):
    """A file that needs a password."""


class EmptyDocumentError(DocumentError):
    """A file without text, such as a scan."""


class DocumentTooLargeError(DocumentError):
    """A file beyond a limit of size, pages or memory."""


class DocumentTimedOutError(DocumentError):
    """A file that took longer than its reader is given."""


class DocumentNotFoundError(DocumentError):
    """A document that is not, or no longer, in the library."""


class CollectionError(RagError):
    """Something about a collection."""


class CollectionNotFoundError(CollectionError):
    """No collection of this name."""


class CollectionExistsError(CollectionError):
    """The name is taken."""


class EmbeddingModelMismatchError(CollectionError):
    """A collection asked with another embedding model than the one that made it."""


class CollectionInUseError(CollectionError):
    """A job is working on the collection."""


class QuestionError(RagError):
    """A question that cannot be asked."""


class FilterError(RagError):
    """A filter that no chunk of the collection passes."""


class ProfileError(RagError):
    """A profile that is not there, or whose name cannot be used."""


class QuestionSetError(RagError):
    """A question set that is not there, or that cannot be imported, measured or learned from."""


class PromptTooLongError(RagError):
    """Question and excerpts do not fit the model's window."""


class ModelUnavailableError(RagError):
    """A local model that is absent or damaged."""


ProviderErrorKind = Literal[
    "auth", "quota", "rate_limit", "overloaded", "invalid", "context", "not_found",
    "timeout", "network", "server", "truncated", "refused", "cancelled",
]  # fmt: skip
_RETRYABLE = frozenset({"rate_limit", "overloaded", "timeout", "network", "server", "truncated"})


class ProviderError(RagError):
    """A remote model's failure, told by `kind`; the vendor's exception is its `__cause__`."""

    def __init__(
        self,
        kind: ProviderErrorKind,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        retry_after_s: float | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.kind: ProviderErrorKind = kind
        self.provider = provider
        self.model = model
        self.status = status
        self.retry_after_s = retry_after_s
        self.request_id = request_id

    @property
    def retryable(self) -> bool:
        return self.kind in _RETRYABLE


class BudgetExceededError(RagError):
    """A call that would go over a budget."""


class StoppedError(RagError):
    """The user stopped a job; what was finished is kept."""


class StoreError(RagError):
    """The data folder cannot be used."""

    partial: Any = None
    """The report of what was done before the failure, where work of many parts ended with it."""


class StoreInUseError(StoreError):
    """Another process owns the data folder."""


class StoreDamagedError(StoreError):
    """The catalog is not readable as it is."""


class StoreReadOnlyError(StoreError):
    """A write through a workbench that was opened for reading."""
