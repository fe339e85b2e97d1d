"""What can go wrong, as one tree.

TrendvaneError
├── RetryableError        the same call may succeed later
│   ├── SourceUnavailableError     X (or the emulator) did not answer usefully
│   ├── RateLimitedError           wait until ``retry_at``
│   ├── LabellerUnavailableError   the LLM's endpoint did not answer usefully
│   └── StorageUnavailableError    lake, warehouse or model registry did not answer
└── TerminalError         the same call will fail again until a person changes something
    ├── ConfigurationError         a setting is missing or wrong
    ├── SourceRefusedError         X refuses: credentials, plan, credits, malformed request
    ├── LabellerRefusedError       the LLM's endpoint refuses: key, model, quota, malformed request
    ├── DisagreementError          the LLM agrees too little with people to be believed
    ├── CursorTooOldError          the search cursor has left X's seven-day window
    ├── BudgetExhaustedError       the money governor said no
    ├── CorruptObjectError         stored bytes do not match their hash or their format
    ├── ModelPackageError          a model package is incomplete, altered, or misbehaves
    ├── DatasetError               a data snapshot or the test set is missing or altered
    └── OverloadedError            the prediction queue is full; the caller should back off
"""

from __future__ import annotations


class TrendvaneError(Exception):
    """Base of every error this project raises on purpose.

    Args:
        message: What happened, in one sentence.
        remedy: What a person can do about it; shown by the command line and ``trendvane doctor``.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class RetryableError(TrendvaneError):
    """The same call may succeed later."""


class SourceUnavailableError(RetryableError):
    """X did not answer usefully: a timeout, a 5xx, a page that is not JSON."""


class RateLimitedError(RetryableError):
    """X, or the endpoint of the LLM, asks for patience.

    Args:
        retry_at: Unix seconds at which the window resets.
    """

    def __init__(self, message: str, *, retry_at: float, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.retry_at = retry_at


class LabellerUnavailableError(RetryableError):
    """The endpoint of the LLM did not answer usefully: a timeout, a 5xx, a connection cut short."""


class StorageUnavailableError(RetryableError):
    """The lake, the warehouse or the model registry did not answer, or another process has it."""


class TerminalError(TrendvaneError):
    """The same call will fail again until a person changes something."""


class ConfigurationError(TerminalError):
    """A setting is missing or wrong."""


class SourceRefusedError(TerminalError):
    """X refuses the request: credentials, plan, credits, cap, or a malformed query."""


class LabellerRefusedError(TerminalError):
    """The endpoint of the LLM refuses the request: credentials, model, quota, or a parameter."""


class DisagreementError(TerminalError):
    """The labels of the LLM agree too little with those of people; it must not label on."""


class CursorTooOldError(TerminalError):
    """The search cursor has left X's seven-day window; the gap must be recorded and the cursor dropped."""


class BudgetExhaustedError(TerminalError):
    """The money governor refused a request because it might pass the budget."""


class CorruptObjectError(TerminalError):
    """Stored bytes do not match their hash or their format."""


class ModelPackageError(TerminalError):
    """A model package is incomplete, altered, or gives wrong answers to its golden rows."""


class DatasetError(TerminalError):
    """A data snapshot or the frozen test set is missing, incomplete or altered."""


class OverloadedError(TerminalError):
    """The prediction queue is full.

    Args:
        retry_after: Seconds after which a new attempt is reasonable.
    """

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
