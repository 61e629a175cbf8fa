"""moomoo's ranks of contracts: rows of its pages as one ranking of one session.

``iv`` is percent, money is the vendor's own count. ``change_ratio`` is left out: the package calls it a fraction where
it describes the call and a percentage where it describes the message, and hands it on as it comes. Of greeks but delta
the units are not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

import polars as pl

from scanner.market import symbology
from scanner.market.symbology import plain_ticker
from scanner.market.vendor_ranks import RankedBy, Ranking
from scanner.sources.access import VendorError
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import Findings
from scanner.sources.live import is_day
from scanner.sources.tapes.moomoo import contract_of

ORDERS: Mapping[RankedBy, str] = MappingProxyType(
    {
        RankedBy.oi_increase: "OI_INCREMENT",
        RankedBy.oi_decrease: "OI_DECREMENT",
        RankedBy.open_interest: "OI",
        RankedBy.oi_value_increase: "OI_MARKET_CAP_INCREMENT",
        RankedBy.oi_value_decrease: "OI_MARKET_CAP_DECREMENT",
        RankedBy.oi_value: "OI_MARKET_CAP",
        RankedBy.volume: "VOLUME",
        RankedBy.turnover: "TURNOVER",
        RankedBy.vendor_iv: "IV",
    }
)
"""What the package calls each order."""
_NUMBERS = {
    "oi_increment": "oi_increase",
    "oi_decrement": "oi_decrease",
    "open_interest": "open_interest",
    "open_interest_market_cap": "oi_value",
    "oi_market_cap_increment": "oi_value_increase",
    "oi_market_cap_decrement": "oi_value_decrease",
    "volume": "volume",
    "turnover": "turnover",
    "option_price": "last",
    "bid_price": "bid",
    "ask_price": "ask",
    "iv": "volatility",
    "delta": "vendor_delta",
}
_OURS = {"code": "code", "option_type": "option_type", **_NUMBERS}
_FIGURES = tuple("vendor_iv" if name == "volatility" else name for name in _NUMBERS.values())
_CHANGES = ("oi_increase", "oi_decrease")
_NO_DATE = frozenset({"N/A", "", "None"})
_FEW = 5


def ranking(
    entries: Sequence[dict[str, Any]], by: RankedBy, tickers: Sequence[str], asked: date | None, there_are: int | None
) -> Ranking:
    """The ranking that the rows of all pages come to.

    Raises VendorError where they are of several sessions, of another than was ``asked`` for, or none.
    """
    session = _session(entries, asked)
    findings = Findings("moomoo")
    rows = json_objects.rows_of(list(entries), _OURS, findings)
    rows = _once(rows.with_columns(code=contract_of(pl.col("code").cast(pl.String))), findings)
    rows = _contracts(rows.with_row_index("rank", offset=1), tickers, session, findings)
    rows = _figures(rows, findings)
    notes = [_said(refusal.reason, refusal.rows) for refusal in findings.take()]
    if rows.is_empty():
        raise VendorError("; ".join(["no contract is left of its ranks", *notes]), "no_data")
    notes += [*_untold(rows), *_out_of_order(rows, by), *_undated(session, asked), *_without(rows, tickers)]
    listed = ("rank", "underlying", "contract", "expiry", "strike", "right", *_FIGURES)
    return Ranking("moomoo", by, session, rows.select(listed), there_are, tuple(notes))


def _session(entries: Sequence[dict[str, Any]], asked: date | None) -> date | None:
    """The one session that all rows name; None where none names any."""
    named = {str(entry.get("trading_date")).strip()[:10] for entry in entries}
    stated = {None if day in _NO_DATE else day for day in named}
    strange = [day for day in stated if day is not None and not is_day(day)]
    if strange:
        raise VendorError(f"its trading date {columns.quoted(strange[0])} is no date", "unreadable")
    days = {None if day is None else date.fromisoformat(day) for day in stated}
    if not days:
        of = f" of {asked}" if asked else ""
        raise VendorError(
            f"it has no ranks{of} for what was asked; take another session, and look at the spelling", "no_data"
        )
    if len(days) > 1:
        said = " and ".join(sorted(str(day or "no session") for day in days))
        raise VendorError(f"its pages are of {said}: the ranking moved on while it was read; ask again", "incomplete")
    (day,) = days
    if None not in (day, asked) and day != asked:
        raise VendorError(
            f"it was asked for {asked} and answers with {day}: it has no ranks of that session", "no_data"
        )
    return day


def _once(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Each contract once: of rows that say the same the first, of those that differ none."""
    distinct = rows.unique(list(_OURS.values()), keep="first", maintain_order=True)
    if distinct.height < rows.height:
        again = rows.height - distinct.height
        findings.add(
            "a contract came again: the ranking moved while it was read, and others may be missing", None, again
        )
    differing = distinct["code"].is_duplicated() & distinct["code"].is_not_null()
    for code in distinct.filter(differing)["code"].unique(maintain_order=True):
        count = int((distinct["code"] == code).sum())
        findings.add(f"{columns.quoted(code)} comes with different numbers; none of them taken", None, count)
    return distinct.filter(~differing)


def _contracts(rows: pl.DataFrame, tickers: Sequence[str], session: date | None, findings: Findings) -> pl.DataFrame:
    """With the contract that each row names; rows that name none, or one that cannot be ranked here, are refused."""
    rows = rows.hstack(symbology.parse_osi_column(rows["code"]))
    rows = _refused(rows, rows["contract"].is_null(), "code", "no contract of a US option", findings)
    said = rows["option_type"].cast(pl.String).str.to_uppercase().str.slice(0, 1)
    contradicts = said.is_in(["C", "P"]) & (said != rows["right"].cast(pl.String))
    rows = _refused(rows, contradicts, "option_type", "not what its code says", findings)
    if session is not None:
        rows = _refused(rows, rows["expiry"] < session, "code", f"of an expiry before {session}", findings)
    names = {root: symbology.one_spelling(symbology.underlying_of(root)) for root in rows["root"].unique()}
    rows = rows.with_columns(underlying=rows["root"].replace_strict(names, return_dtype=pl.String))
    if not tickers:
        return rows
    wanted = {plain_ticker(name): name for name in tickers}
    plain = {name: wanted.get(plain_ticker(name)) for name in names.values()}
    rows = rows.with_columns(asked=rows["underlying"].replace_strict(plain, return_dtype=pl.String))
    rows = _refused(rows, rows["asked"].is_null(), "code", "of a name that was not asked for", findings)
    return rows.with_columns(underlying="asked")


def _refused(rows: pl.DataFrame, bad: pl.Series, name: str, what: str, findings: Findings) -> pl.DataFrame:
    bad = bad.fill_null(value=False)
    if bad.any():
        shown = columns.quoted(rows[name].filter(bad)[0])
        findings.add(f"{name} {shown} is {what}; row refused", None, int(bad.sum()))
    return rows.filter(~bad)


def _figures(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """The numbers as numbers, percent as decimals, what cannot be as null."""
    rows = columns.numbers(rows, findings, *_NUMBERS.values())
    rows = rows.with_columns(
        vendor_iv=pl.when(pl.col("volatility") > 0).then(pl.col("volatility") / 100),
        last=pl.when(pl.col("last") > 0).then("last"),
    )
    both = (pl.col("oi_increase") > 0) & (pl.col("oi_decrease") > 0)
    beyond = pl.col("oi_increase") > pl.col("open_interest")
    for wrong, what, names in (
        (both, "open interest both rises and falls; neither taken", _CHANGES),
        (beyond, "open interest rises by more than there is; change not taken", _CHANGES),
        (pl.col("vendor_delta").abs() > 1, "a delta beyond 1; left out", ("vendor_delta",)),
    ):
        bad = rows.select(wrong.fill_null(value=False)).to_series()
        if bad.any():
            findings.add(f"{rows['contract'].filter(bad)[0]}: {what}", None, int(bad.sum()))
            rows = rows.with_columns(pl.when(~bad).then(name).alias(name) for name in names)
    return rows


def _untold(rows: pl.DataFrame) -> Iterator[str]:
    """What is not known, and of how many contracts."""
    lacking: dict[int, list[str]] = {}
    for name in _FIGURES:
        count = rows[name].null_count()
        if count:
            lacking.setdefault(count, []).append(name)
    for count, names in lacking.items():
        yield f"not told, or not fit to be taken, of {count:,} of {rows.height:,} contracts: {', '.join(names)}"


def _out_of_order(rows: pl.DataFrame, by: RankedBy) -> Iterator[str]:
    ranked = rows[by.column].drop_nulls()
    if not ranked.is_sorted(descending=True):
        yield f"the order is the vendor's, and not that of {by.column}"


def _undated(session: date | None, asked: date | None) -> Iterator[str]:
    if session is None:
        beside = f"; {asked} was asked for" if asked else ""
        yield f"the vendor does not say of which session these figures are{beside}"


def _without(rows: pl.DataFrame, tickers: Sequence[str]) -> Iterator[str]:
    there = set(rows["underlying"].unique())
    missing = [name for name in tickers if name not in there]
    if missing:
        more = f" and {len(missing) - _FEW:,} more" if len(missing) > _FEW else ""
        yield f"no contract of {', '.join(missing[:_FEW])}{more} is among them"


def _said(reason: str, rows: int) -> str:
    return reason if rows < 2 else f"{reason} ({rows:,} rows)"
