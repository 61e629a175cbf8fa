"""A vendor's ranking of contracts beside what the store has of them: screen, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner import wording
from scanner.alerts.model import plain
from scanner.market.symbology import parse_osi
from scanner.market.vendor_ranks import RankedBy, Ranking
from scanner.outputs import terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.text import printable

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    RankedBy.oi_increase: "increase of open interest",
    RankedBy.oi_decrease: "decrease of open interest",
    RankedBy.open_interest: "open interest",
    RankedBy.oi_value_increase: "increase of the value of open interest",
    RankedBy.oi_value_decrease: "decrease of the value of open interest",
    RankedBy.oi_value: "value of open interest",
    RankedBy.volume: "volume",
    RankedBy.turnover: "turnover",
    RankedBy.vendor_iv: "implied volatility",
}
# What stands beside the change of open interest and open interest itself, by what the ranking is of.
_BESIDE = {
    RankedBy.oi_value_increase: "oi_value_increase",
    RankedBy.oi_value_decrease: "oi_value_decrease",
    RankedBy.oi_value: "oi_value",
    RankedBy.turnover: "turnover",
    RankedBy.vendor_iv: "vendor_iv",
}
_HEADINGS = {
    "volume": "Volume", "turnover": "Turnover", "vendor_iv": "IV", "oi_value": "Value", "oi_value_increase": "Value up",
    "oi_value_decrease": "Value down",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of how many ranked contracts a change of open interest is known here, and of how many it is the vendor's.

    ``known`` counts those of which the vendor tells a change and the store one to either close; ``session`` and
    ``before`` those where it is the change to the close of the ranking's session, and to that of the session before.
    """

    known: int
    session: int
    before: int


@dataclass(frozen=True, slots=True)
class RankedContracts:
    """A vendor's ranking, asked for at ``moment`` (UTC), beside the store's own open interest of the same contracts.

    ``frame`` holds the ranking's rows (:class:`scanner.market.vendor_ranks.Ranking`), with the vendor's
    ``oi_change`` (Int64: up less down) and, of the store's source ``own_source``: ``own_open_interest`` at the close of
    the session, ``own_oi_change`` to that close from the one before, ``own_oi_change_before`` to the close before from
    the one before it (Int64, null where not known, which ``own_reason`` explains). ``before`` is that session before.
    ``asked`` is the session that was asked for, None for the newest.
    """

    ranking: Ranking
    frame: pl.DataFrame
    moment: datetime
    asked: date | None
    before: date | None
    indices: bool
    own_source: str | None
    agreement: Agreement

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


def to_csv(found: RankedContracts) -> str:
    """A line a contract: whose ranking of which session it is, then its columns."""
    about = (found.ranking.source, found.ranking.session, found.ranking.by.value)
    columns = ("source", "session_date", "ranked_by", *found.frame.columns, "own_source")
    return csv_document(columns, ((*about, *row, found.own_source) for row in found.frame.iter_rows()))


def to_json_document(found: RankedContracts) -> str:
    """All of it: whose ranking, of which session, its rows, what agrees with the store, and the notes."""
    ranking, agreement = found.ranking, found.agreement
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "source": ranking.source,
        "ranked_by": ranking.by.value,
        "market": "indices" if found.indices else "stocks",
        "session_date": plain(ranking.session),
        "asked_date": plain(found.asked),
        "as_of": found.moment.isoformat(),
        "ranked": ranking.there_are,
        "own": {
            "source": found.own_source,
            "session_date": plain(ranking.session),
            "session_before": plain(found.before),
            "known": agreement.known,
            "same_as_session": agreement.session,
            "same_as_session_before": agreement.before,
        },
        "contracts": [plain(row) for row in found.frame.iter_rows(named=True)],
        "notes": list(ranking.notes),
    }
    return to_json(told) + "\n"


def show(found: RankedContracts, to: Console) -> None:
    """Print the ranking with its date, the store's changes beside it, and what is to be known of both."""
    ranking = found.ranking
    source = printable(ranking.source)
    session = f"session {ranking.session}" if ranking.session else "a session that it does not name"
    there_are = "" if ranking.there_are is None else f" of {ranking.there_are:,}"
    heading = (
        f"{source}'s own ranking by {TITLES[ranking.by]}, {session}: {found.frame.height:,}{there_are} contracts, "
        f"asked {terminal.new_york(found.moment)}"
    )
    terminal.say(Text(heading, style="bold"), to)
    to.print(_table(found))
    for line in _legend(found):
        terminal.say(Text(line, style="dim"), to)
    for note in ranking.notes:
        terminal.say(Text(f"Ranks: {printable(note)}", style="yellow"), to)


def _table(found: RankedContracts) -> Table:
    ranking = found.ranking
    beside = _BESIDE.get(ranking.by, "volume")
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for heading in ("#", "Contract", "OI change", "OI", _HEADINGS[beside], "Own", "Before"):
        table.add_column(heading, no_wrap=True, justify="left" if heading == "Contract" else "right")
    for row in found.frame.iter_rows(named=True):
        table.add_row(
            f"{row['rank']}", _contract(row, ranking.session or found.moment.date()), _change(row["oi_change"]),
            _count(row["open_interest"]), _figure(beside, row[beside]), _change(row["own_oi_change"]),
            _change(row["own_oi_change_before"]),
        )  # fmt: skip
    return table


def _contract(row: dict[str, Any], session: date) -> str:
    """``GOOG 235 C 12 Sep``, by its root where that is not the name's own."""
    said = parse_osi(row["contract"])
    return f"{printable(said.root)} {said.strike:g} {said.right} {wording.day(said.expiry, session)}"


def _change(lots: int | None) -> str:
    return wording.MISSING if lots is None else f"{lots:+,}" if lots else "0"


def _count(lots: int | None) -> str:
    return wording.MISSING if lots is None else f"{lots:,}"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return wording.MISSING
    if name == "volume":
        return f"{value:,}"
    return wording.percent(value) if name == "vendor_iv" else wording.money(value)


def _legend(found: RankedContracts) -> Iterator[str]:
    ranking, agreement = found.ranking, found.agreement
    source, session = printable(ranking.source), ranking.session
    yield f"These are {source}'s numbers: no scan, alert or confirmation rests on them."
    if session is None:
        yield "Own, Before: not known, as the ranking's session is not."
        return
    if found.own_source is None:
        reasons = found.frame["own_reason"].drop_nulls().unique(maintain_order=True)
        yield f"Own, Before: nothing to compare with: {printable(reasons[0]) if len(reasons) else 'nothing stored'}."
        return
    own, before = printable(found.own_source), found.before
    yield f"Own: change of open interest to the close of {session} by your store ({own}); Before: to that of {before}."
    known = terminal.counted(agreement.known, "contract")
    agrees = f"its change is Own in {agreement.session:,} and Before in {agreement.before:,}"
    yield f"{source} does not say which close it means. Of {known} known here, {agrees}."
