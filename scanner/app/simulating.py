"""The SIMULATED market: its sessions as frames, and stories planted in it that show what a scan finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening

if TYPE_CHECKING:
    import polars as pl

    from scanner.outputs.report import Page
    from scanner.outputs.result import ScanResult

# The stories, and what is planted in each.
STORIES: Mapping[str, str] = MappingProxyType(
    {
        "goog-235": "GOOG gains 9 % in the week, volatility hardly lifts, and short-dated 235 calls build up.",
        "nvda-puts": "NVDA's put/call ratio rises to 0.70 from 0.58: nothing rare, but two strikes did it.",
    }
)

# What is watched of their markets. Indices and the other names with the longest chains are left out: they would take a
# third of the time, and nothing is planted in them.
_WATCHED = frozenset({"AAPL", "CLX", "GOOG", "JPM", "KO", "META", "MSFT", "NVDA", "SPY", "TSLA"})


@dataclass(frozen=True, slots=True)
class Told:
    """A story scanned: the result, and the page of it for a report."""

    result: ScanResult
    page: Page


def simulate(
    market: str | Sequence[str], *, sessions: int = 30, last: date = date(2025, 6, 13), seed: int = 1
) -> list[pl.DataFrame]:
    """Chains of a market that does not exist, at the close of each session, oldest first: one polars frame a session.

    ``market`` is the name of a story (``STORIES``), whose dates and seed are its own and of which the newest
    ``sessions`` come, or the symbols of a plain market, whose ``last`` session is given. Each frame has one row a
    contract and the columns of :data:`scanner.market.chain.COLUMNS`; the same arguments give the same frames. Raises
    UsageError for an unknown story, SourceError for an unknown symbol.
    """
    from scanner.sources import simulated

    if isinstance(market, str):
        return list(simulated.sessions(market))[-sessions:]
    return simulated.sample_market(seed, market, last, sessions)


def tell(story: str) -> Told:
    """Forty sessions of ten names into a temporary store, then a scan at the close of the last; with its page.

    By the built-in configuration and rules. Raises UsageError for an unknown story.
    """
    from scanner import pipeline
    from scanner.app import preparing, reporting
    from scanner.sources import simulated
    from scanner.sources.receiving import Request

    settings = configuring.built_in()
    rules, _ = opening.usable_rules(settings, strict=True)
    *history, last = simulated.sessions(story, symbols=_WATCHED)
    with opening.temporary_memory() as memory:
        assert memory.store is not None
        opening.remember(memory.store, history)
        moment = max(last["quote_time"])
        names = tuple(last["underlying"].unique(maintain_order=True))
        request = Request(names, moment, moment, f"demo-{story}")
        source = simulated.SimulatedSource.of_scenario(story)
        setup = preparing.setup(settings, memory.store, memory.state, rules)
        received = pipeline.receive(request, [source], setup.calendar)
        scanned = pipeline.scan_received(received, request, [source], setup, clock.right_now)
        assert scanned.judged is not None
        (known,) = scanned.known
        page = reporting.page_around(scanned.result, scanned.judged.measured.frames, known.panel)
        return Told(scanned.result, page)
