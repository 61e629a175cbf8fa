"""What every source is: its row in the register of vendors, and chains for symbols.

A source turns symbols into chains (:mod:`scanner.market.chain`) one at a time, and turns everything that can go wrong
with one symbol into a :class:`Fetched` that says so, so that the next symbol goes on. It knows nothing of what is done
with the chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scanner.errors import ScanProblem, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.market.vendor_ranks import RankedBy, Ranking
    from scanner.tape.prints import Tape

STAGE = "source"
# In the folder that vendors' verbatim bodies are recorded to: what was asked, line by line.
INDEX = "requests.jsonl"
# Tells the time, UTC.
Clock = Callable[[], datetime]


def is_recording(path: Path) -> bool:
    """Whether a path is a folder that a scan was recorded to."""
    return path.is_dir() and (path / INDEX).is_file()


class MissingKeyError(UsageError):
    """The credential of a vendor is not in the environment."""


class Gives(StrEnum):
    """A kind of data that a vendor has."""

    chains = "chains"
    trades = "trades"
    flagged = "flagged"
    ranks = "ranks"
    events = "events"
    history = "history"
    closes = "closes"
    open_interest = "open_interest"
    announcements = "announcements"
    news = "news"
    dark_pool = "dark_pool"


@dataclass(frozen=True, slots=True)
class Rate:
    """What a vendor allows: ``calls`` in ``seconds``, ``a_day`` in a day that begins at ``day_begins`` in New York."""

    calls: int = 60
    seconds: float = 60.0
    a_day: int | None = None
    day_begins: time = time(0, 0)

    @property
    def burst(self) -> int:
        """How many calls may follow each other at once."""
        return max(1, self.calls // 10)

    @property
    def interval(self) -> float:
        """Seconds between calls after the burst."""
        return self.seconds / (self.calls - self.burst + 1)


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor, or one other place that chains come from.

    ``says`` is what it is, in a few words; ``module`` the module that opens it. A ``recorded`` vendor holds chains of
    the past and is judged as of their own quotes; a ``live`` one has the chains of now alone; a simulated one is
    neither. ``delay`` is how far its quotes are behind the market. ``terms`` names the site whose terms restrict
    automated or non-personal use and have to be accepted first, and is empty where there is none.

    ``site`` is where it is asked. ``keys`` are the environment variables of its credential: any one set of them, whole,
    is one. ``rate`` is what the vendor states, of the smallest plan that has chains; ``at_once`` how many requests may
    be under way; ``calls_a_chain`` about how many a chain takes, and ``price`` what one costs. ``lacks`` are the
    columns of a chain that it never gives, and ``warns`` what every scan with it says. ``dates_open_interest`` tells
    that it says of which session its open interest is.
    """

    name: str
    says: str
    module: str
    live: bool = False
    recorded: bool = False
    simulated: bool = False
    delay: timedelta = timedelta()
    terms: str = ""
    site: str = ""
    keys: tuple[tuple[str, ...], ...] = ()
    gives: frozenset[Gives] = frozenset({Gives.chains})
    rate: Rate = Rate()
    at_once: int = 1
    calls_a_chain: int = 1
    price: str = "no charge for a call"
    lacks: frozenset[str] = frozenset()
    dates_open_interest: bool = False
    warns: str = ""

    @property
    def credential(self) -> str:
        """The environment variables of its credential in words: ``A``, ``A and B``, ``A, or B and C``."""
        return ", or ".join(" and ".join(names) for names in self.keys)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source had for one symbol: a chain, or the problem instead; ``notes`` say what was mended or left out.

    Recorded chains of many names that came in one frame are one answer, whose ``symbol`` is empty.
    """

    symbol: str
    chain: pl.DataFrame | None
    error: ScanProblem | None = None
    notes: tuple[str, ...] = ()


def failed(symbol: str, code: str, message: str) -> Fetched:
    """The answer for a symbol that has no chain."""
    return Fetched(symbol, None, ScanProblem(symbol, STAGE, code, message))


class TellsCloses(Protocol):
    """A vendor that gives daily closes of underlyings, divided by the splits until today."""

    def closes(self, ticker: str, first: date, last: date) -> list[tuple[date, float]]:
        """The closes of one underlying from one session to another, as the vendor has them.

        Raises what :meth:`scanner.sources.live.LiveSource.rows` raises.
        """
        ...


class TellsPrints(Protocol):
    """A vendor that gives every print of a contract."""

    def prints(self, contract: str, first: datetime, last: datetime) -> Tape:
        """The prints of one contract (compact OSI) between two moments of one session, as far as there are any.

        Raises what :meth:`scanner.sources.live.LiveSource.rows` raises.
        """
        ...


class TellsFlagged(Protocol):
    """A vendor that gives the prints of a name which it finds unusual itself, and no others."""

    def flagged(self, ticker: str, first: datetime, last: datetime) -> Tape:
        """Those of one underlying between two moments of one session. Raises as :class:`TellsPrints` does."""
        ...


class TellsRanks(Protocol):
    """A vendor that ranks contracts itself, session by session."""

    def ranks(self, by: RankedBy, tickers: Sequence[str], day: date | None, most: int, *, indices: bool) -> Ranking:
        """The first ``most`` contracts of a session (None: the newest), of some underlyings or (without) of all.

        ``indices`` takes those of indices, which are ranked apart from stocks and ETFs. Raises as
        :class:`TellsPrints` does, and where the answer is of another session than was asked for, or is a part of it.
        """
        ...


class Source(Protocol):
    """Chains by symbol, as known at ``now`` (UTC). Nothing about one symbol raises; it comes back as an error."""

    vendor: Vendor

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One :class:`Fetched` for each symbol, in the order asked."""
        ...


@dataclass(slots=True)
class ClosedSource:
    """A source of a fallback order that could not be opened: it has no chain of anything, and says ``why``."""

    vendor: Vendor
    code: str
    why: str

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """The same answer for every symbol."""
        del now
        for symbol in symbols:
            yield failed(symbol, self.code, f"{symbol}: {self.why}")


@dataclass(frozen=True, slots=True)
class VendorOptions:
    """What the user says of one vendor, in place of what the register says.

    ``url`` is where it is asked, a server of the user's own or a vendor's other host; ``feed`` which of its feeds;
    ``calls_per_minute``, ``calls_per_day`` and ``at_once`` what the user's plan allows; ``delay`` how far its quotes
    are behind the market; ``longest_scan`` how long the calls of one scan may take.
    """

    url: str | None = None
    feed: str | None = None
    calls_per_minute: int | None = None
    calls_per_day: int | None = None
    at_once: int | None = None
    delay: timedelta | None = None
    longest_scan: timedelta = timedelta(minutes=10)


class Answering(Protocol):
    """What answers requests: a client, or a recording in its place. The answers are those of ``sources.http``."""

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = frozenset()) -> Any:
        """The answer of an address."""
        ...

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Any:
        """The answer to a JSON document."""
        ...

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Any:
        """The answer that is itself a credential."""
        ...


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """What opening a source needs to know.

    ``path`` is the file, folder or glob of recorded chains; ``vendors`` what the user says of each vendor;
    ``pace_file`` where it is kept how often vendors were asked (None: nowhere); ``record_to`` the folder that verbatim
    bodies are kept in (None: they are not kept); ``replay`` what answers in place of the network.
    """

    path: Path | None = None
    vendors: Mapping[str, VendorOptions] = field(default_factory=dict)
    pace_file: Path | None = None
    record_to: Path | None = None
    replay: Answering | None = None

    def vendor_options(self, name: str) -> VendorOptions:
        """What the user says of a vendor."""
        return self.vendors.get(name, VendorOptions())
