"""What can go wrong, as a tree; every message says what, where, and how to mend it.

    ScannerError
    ├── UsageError            the command line asks for something that cannot be done       exit 2
    │   ├── ConfigError       config.yaml is wrong; carries every problem found             exit 2
    │   ├── RuleError         no usable rule is left, or --strict and one is broken         exit 2
    │   └── TermsError        a source's terms have not been accepted                       exit 2
    ├── SourceError           a chain could not be fetched or read                          exit 1 or 3
    │   └── ChainError        a frame is not a chain: the column contract is broken
    ├── CalendarError         a date beyond the years of the exchange's calendar            exit 3
    ├── StoppedError          told to stop while something was under way                exit 130
    ├── ClusterError          workers differ, lack the store or die                         exit 3
    ├── PricingError          the arguments of a pricing function do not fit together
    └── StoreError            the store cannot be opened, read or written                   exit 3
        ├── StoreLockedError  another process is writing to it
        ├── StoreMissingError there is none yet
        ├── StoreDamagedError what is in it is not what was written
        ├── StoreChangedError another machine wrote the same meanwhile
        └── StoreUnreachableError  the object store that holds it does not answer

An error stops one thing only: a symbol, a file, a rule. What is left goes on, and the thing left out is reported as a
:class:`ScanProblem`.
"""

from __future__ import annotations

from dataclasses import dataclass


class ScannerError(Exception):
    """Root of every error this package raises on purpose; ``exit_code`` is what the command line ends with.

    Each argument is a line of what is said; ``lines`` holds them.
    """

    exit_code = 3

    def __init__(self, *lines: str) -> None:
        self.lines = lines
        super().__init__("\n".join(lines))


class UsageError(ScannerError):
    """The command line, configuration or rules ask for something that cannot be done; nothing was scanned."""

    exit_code = 2


class ConfigError(UsageError):
    """``config.yaml`` is wrong. ``problems`` holds one line for each thing found, all of them at once."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(*problems)


class RuleError(UsageError):
    """No usable rule is left, or ``--strict`` was given and a rule is broken."""


class TermsError(UsageError):
    """A source was asked for whose terms have not been accepted in the configuration or on the command line."""


class SourceError(ScannerError):
    """A chain could not be fetched or read. ``code`` is a stable word for scripts, such as ``rate_limited``."""

    def __init__(self, message: str, code: str = "source_failed") -> None:
        self.code = code
        super().__init__(message)


class ChainError(SourceError):
    """A frame breaks the column contract of :mod:`scanner.market.chain`."""

    def __init__(self, message: str, code: str = "malformed_chain") -> None:
        super().__init__(message, code)


class CalendarError(ScannerError, ValueError):
    """A date lies beyond the years of which the exchange's sessions are known."""


class StoppedError(ScannerError):
    """Told to stop; what was under way is given up, and nothing of it is kept by half."""

    exit_code = 130


class ClusterError(ScannerError):
    """Processes that work side by side differ, lack the store or a file, are gone, or die over the same task."""


class PricingError(ScannerError):
    """Arguments of a pricing function do not fit together (shapes, dtypes, an unknown side)."""


class StoreError(ScannerError):
    """The store cannot be opened, read or written (read-only, full disk, damaged file)."""


class StoreDamagedError(StoreError):
    """A file of the store holds something else than was written to it."""


class StoreLockedError(StoreError):
    """Another process is writing to the store; the message names it."""


class StoreMissingError(StoreError):
    """There is no store where one is to be read."""


class StoreChangedError(StoreError):
    """Another machine has written the same file of an object store meanwhile, and its word counts."""


class StoreUnreachableError(StoreError):
    """The object store does not answer now, and may later: no network, too many requests, a fault of its own."""


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """One thing that was left out of a scan: which symbol (or file, or rule), where, and why.

    ``stage`` is the part of the way it failed in (``source``, ``quality``, ``pricing``, ``rules``, ``store``,
    ``outputs``), ``code`` a stable word for scripts, ``message`` a sentence for a person.
    """

    symbol: str
    stage: str
    code: str
    message: str
