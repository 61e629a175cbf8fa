"""What every source is: a name, whether its market is simulated, and chains for symbols.

A source turns symbols into chains (:mod:`scanner.chain`) one at a time, and turns everything that can go wrong with one
symbol into a :class:`Fetched` that says so, so that the next symbol goes on. It knows nothing of what is done with
the chains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scanner.errors import ScanProblem, TermsError, UsageError

if TYPE_CHECKING:
    import polars as pl

STAGE = "source"
SOURCES = ("cboe", "files", "simulated")
# Keyless web sources: the sites whose terms restrict automated or non-personal use.
_RESTRICTED = {"cboe": "cboe.com"}
_OTHERS = "files (`--source files --path PATH`, your own recorded chains) and simulated (`--source simulated`)"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source had for one symbol: a chain, or the problem instead; ``notes`` say what was mended or left out."""

    symbol: str
    chain: pl.DataFrame | None
    error: ScanProblem | None = None
    notes: tuple[str, ...] = ()


def failed(symbol: str, code: str, message: str) -> Fetched:
    """The answer for a symbol that has no chain."""
    return Fetched(symbol, None, ScanProblem(symbol, STAGE, code, message))


def plain_ticker(symbol: str) -> str:
    """A ticker as it is compared: ``BRK.B``, ``BRK-B`` and ``brkb`` are one, and so are ``_SPX`` and ``SPX``."""
    return re.sub(r"[^A-Z0-9]", "", symbol.upper())


class Source(Protocol):
    """Chains by symbol, as known at ``now`` (UTC). Nothing about one symbol raises; it comes back as an error.

    ``delay`` is how far its quotes are behind the market.
    """

    name: str
    simulated: bool
    delay: timedelta

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One :class:`Fetched` for each symbol, in the order asked."""
        ...


class SourceSettings(Protocol):
    """What opening a source needs to know; the configuration's settings have this shape."""

    @property
    def path(self) -> Path | None:
        """The file, folder or glob of recorded chains that the ``files`` source reads."""
        ...


def no_such_source(name: str) -> str:
    """What to say of a source that this version does not have."""
    return (
        f"there is no source {name!r} in this version; there are: cboe (delayed quotes), files (recorded chains of any "
        "vendor, named by `--path PATH` or `path:`) and simulated"
    )


def require_terms(name: str, accepted: Iterable[str]) -> None:
    """Stop before the first request to a site whose terms have not been accepted. Raises TermsError, in two lines."""
    if name not in _RESTRICTED or name in set(accepted):
        return
    raise TermsError(
        f"{name}: the terms of {_RESTRICTED[name]} restrict automated and non-personal use; once you have read and "
        f"accepted them, give `--accept-terms {name}` or write `accept_terms: [{name}]` in config.yaml",
        f"sources that need no such step: {_OTHERS}",
    )


def open_source(name: str, settings: SourceSettings) -> Source:
    """The source of that name, ready to use. Raises UsageError where it does not exist or lacks a setting."""
    if name == "cboe":
        from scanner.sources.cboe import CboeSource
        from scanner.sources.http import PoliteClient

        return CboeSource(PoliteClient())
    if name == "files":
        from scanner.sources.files import FilesSource

        if settings.path is None:
            raise UsageError("source files: which ones? Give `--path PATH` (a file, a folder or a glob)")
        return FilesSource(settings.path)
    if name == "simulated":
        from scanner.sources.simulated import SimulatedSource

        return SimulatedSource()
    raise UsageError(no_such_source(name))
