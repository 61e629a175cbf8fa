"""What a chain says about itself and about the sessions before it: the counts that the quality gate decides on.

One row for each underlying, found for all underlyings of a chain frame at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.history.panel import Panel, taken
from scanner.history.same_session import rows_in
from scanner.kernels.columns import finite, floats, integers, nullable, numbered, run_starts
from scanner.kernels.groups import Groups
from scanner.market.calendar import NEW_YORK
from scanner.market.levels import NAME
from scanner.quality.implied_spots import implied_spots

# How many past sessions a chain is compared with. Past that, a feed that changed its shape for good is the new normal.
LOOK_BACK = 5
# Sessions of the exchange; what lies further back tells nothing of today's listing.
FURTHEST_BACK = 10
# Later than any trade: when a contract last traded that is not known to have traded.
_NEVER = np.iinfo(np.int64).max

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Rows:
    """A chain's rows: their names, volumes as the source ``given`` them and of the session itself, NaN where not known,
    when each contract last ``traded`` (microseconds since 1970, ``_NEVER`` where not known), and its session."""

    names: Groups
    given: npt.NDArray[np.float64]
    volume: npt.NDArray[np.float64]
    traded: Ints
    session: pl.Series


def session_volume(chain: pl.DataFrame) -> pl.Series:
    """Volume of the session itself: a contract whose last trade lies before the session has not traded in it.

    Some vendors leave the volume of the day a contract last traded in place until it trades again.
    """
    volume = chain["volume"].cast(pl.Int64)
    carried = (floats(volume) > 0) & (_moments(chain["last_trade_time"]) < _day_begins(chain["session_date"]))
    return volume.set(pl.Series(carried), 0) if carried.any() else volume


def _moments(column: pl.Series) -> Ints:
    """Moments as microseconds since 1970, ``_NEVER`` where null."""
    moments = column.cast(pl.Int64)
    return (moments.fill_null(_NEVER) if moments.null_count() else moments).to_numpy()


def _day_begins(days: pl.Series, after: timedelta = timedelta(0)) -> Ints:
    """When every row's day, or so long ``after`` it, begins in New York, in microseconds since 1970; null never does.

    Days of rows mostly stand together, and what is asked of a calendar is asked once for each run of them.
    """
    starts = run_starts(days)
    begins = [
        _NEVER if day is None else int(datetime.combine(day + after, time(), NEW_YORK).timestamp()) * 1_000_000
        for day in days[starts]
    ]
    return np.array(begins, np.int64)[numbered(starts, len(days))]


def _trade_days(moments: Ints, never: int) -> pl.Series:
    """The days in New York of moments, null where they are ``never``."""
    told = pl.Series(moments).set(pl.Series(moments == never), None).cast(pl.Datetime("us", "UTC"))
    return told.dt.convert_time_zone(str(NEW_YORK)).dt.date()


def gather(chain: pl.DataFrame, panel: Panel, previous: pl.DataFrame | None) -> pl.DataFrame:
    """All evidence on a chain frame: one row for each underlying, in name order; null where there is none."""
    names = Groups.of(chain, NAME)
    rows = _Rows(
        names,
        floats(chain["volume"]),
        floats(session_volume(chain)),
        _moments(chain["last_trade_time"]),
        chain["session_date"],
    )
    found = names.keys.with_columns(
        **_own(chain, rows),
        **_quotes(chain, names),
        **implied_spots(chain, names),
        **_against_snapshot(chain, rows, previous),
    )
    return found.hstack(_against_past(chain, rows, panel)).sort("underlying")


def _own(chain: pl.DataFrame, rows: _Rows) -> dict[str, pl.Series | Ints]:
    """What the chain says by itself, quotes and prices apart."""
    names = rows.names
    dated = (rows.given > 0) & (rows.traded != _NEVER)
    later = dated & (rows.traded >= _day_begins(rows.session, timedelta(days=1)))
    told = names.count(dated)
    newest = names.most(np.where(dated, rows.traded, -_NEVER))
    known = np.zeros(chain.height, np.bool_)
    for column in ("volume", "open_interest", "bid", "ask", "last"):
        known |= chain[column].is_not_null().to_numpy()
    return {
        "session_date": rows.session.gather(names.firsts()),
        "quote_time": names.latest(chain["quote_time"]),
        "oi_asof": names.latest(chain["oi_asof"]),
        "known": names.count(known),
        "expired": names.count(integers(chain["expiry"]) < integers(rows.session)),
        "volume": names.known_sums(chain["volume"]).fill_null(0),
        "newest_trade": _trade_days(newest, -_NEVER),
        "later_share": nullable("", np.where(told > 0, names.count(later) / np.maximum(told, 1), np.nan)),
    }


def _quotes(chain: pl.DataFrame, names: Groups) -> dict[str, pl.Series | Ints]:
    """What the chain's quotes, strikes and spots say."""
    bid, ask, spot, strike = (floats(chain[name]) for name in ("bid", "ask", "spot", "strike"))
    quoted = ~(np.isnan(bid) & np.isnan(ask))
    two_sided = (bid > 0) & (ask > 0)
    standard = ~chain["nonstandard"].to_numpy()
    # No option is worth more than what it delivers: a call the underlying, a put its strike.
    most = np.where((chain["right"] == "C").to_numpy(), spot, strike)
    return {
        "quoted": names.count(quoted),
        "zero_quoted": names.count(quoted & (np.fmax(np.fmax(bid, ask), 0.0) == 0)),
        "two_sided": names.count(two_sided),
        "crossed": names.count(two_sided & (bid > ask)),
        "absurd": names.count(two_sided & standard & (bid > most)),
        "spot": names.first_known(chain["spot"]),
        "least_strike": finite("", -names.most(np.where(standard, -strike, -np.inf))),
        "most_strike": finite("", names.most(np.where(standard, strike, -np.inf))),
    }


def _against_snapshot(chain: pl.DataFrame, rows: _Rows, previous: pl.DataFrame | None) -> dict[str, Ints]:
    """How far cumulative volume fell since the snapshot before in the same session."""
    if previous is None or previous.is_empty():
        return {}
    at, names = rows_in(previous, chain), rows.names
    same = (at >= 0) & (integers(previous["session_date"])[at] == integers(rows.session))
    before = np.where(same, floats(session_volume(previous))[at], np.nan)
    fall = np.fmax(before - rows.volume, 0.0)
    return {
        "fell": _whole(names.sums(fall)),
        "fell_rows": names.count(fall > 0),
        "before_volume": _whole(names.sums(before)),
        "before_rows": names.count(before > 0),
    }


def _whole(sums: npt.NDArray[np.float64]) -> Ints:
    """Sums of whole numbers as such, 0 where nothing is known."""
    return np.nan_to_num(sums).astype(np.int64)


def _against_past(chain: pl.DataFrame, of_chain: _Rows, panel: Panel) -> pl.DataFrame:
    """Comparisons with the newest sessions of the panel."""
    rows = panel.rows_of(chain)
    newest = chain.select(pl.col("session_date").min()).item()
    between, before = panel.calendar.sessions_between, newest - timedelta(days=1)
    back = (len(between(day, before)) for day in panel.sessions[-LOOK_BACK:])
    recent = sum(count <= FURTHEST_BACK for count in back)
    columns = range(len(panel.sessions) - 1, len(panel.sessions) - 1 - recent, -1)
    open_interest = floats(chain["open_interest"]).astype(np.float32)
    names, known = of_chain.names, Groups.of(panel.contracts, NAME)
    remembered = pl.concat(
        [_newest_column(known, panel, columns), _usual_volume(known, panel, columns)], how="horizontal"
    )
    found = names.keys.join(remembered, on="underlying", how="left", maintain_order="left")
    found = found.with_columns(
        chain["session_date"].gather(names.firsts()),
        pl.Series("oi_session", panel.sessions, dtype=pl.Date).gather(found["column"]),
        **_repeats(of_chain, panel, rows, columns, open_interest),
        **_open_interest(names, found["column"], panel, rows, open_interest),
    )
    missing = _missing(panel, rows, found.drop_nulls("column"))
    found = found.join(missing, on="underlying", how="left", maintain_order="left")
    return found.drop("underlying", "column", "session_date")


def _repeats(
    of_chain: _Rows,
    panel: Panel,
    rows: npt.NDArray[np.int32],
    columns: range,
    open_interest: npt.NDArray[np.float32],
) -> dict[str, pl.Series]:
    """The past session whose volumes a name is most alike to, by the share of traded contracts that agree.

    A repeat holds the trades of its own newest day, whatever its label, so volumes from before that day are left out.
    """
    if not len(columns):
        return {}
    names, number = of_chain.names, of_chain.names.numbers()
    newest = names.most(np.where(of_chain.traded == _NEVER, -_NEVER, of_chain.traded))
    carried = of_chain.traded < _day_begins(_trade_days(newest, -_NEVER))[number]
    volume = np.where(carried, 0.0, of_chain.given).astype(np.float32)
    share, traded = np.full((len(columns), len(names)), -1.0), np.zeros((len(columns), len(names)), np.int64)
    for place, column in enumerate(columns):
        old_volume = taken(panel.volume, rows, column)
        both = _either_traded(volume, old_volume)
        traded[place] = names.count(both)
        np.divide(names.count(both & (volume == old_volume)), traded[place], out=share[place], where=traded[place] > 0)
    best, every = share.argmax(axis=0), np.arange(len(names))
    column_of = np.array(columns)[best][number]
    old_volume, old_oi = taken(panel.volume, rows, column_of), taken(panel.open_interest, rows, column_of)
    same_oi = (open_interest == old_oi) | (np.isnan(open_interest) & np.isnan(old_oi))
    there = pl.Series(traded[best, every] > 0)
    sessions = pl.Series([panel.sessions[column] for column in columns], dtype=pl.Date)
    values = {
        "like_session": sessions.gather(best),
        "like_share": pl.Series(share[best, every]),
        "like_traded": pl.Series(traded[best, every]),
        "like_oi": pl.Series(~names.any(_either_traded(volume, old_volume) & ~same_oi)),
    }
    return {name: column.set(~there, None) for name, column in values.items()}


def _either_traded(volume: npt.NDArray[np.float32], old: npt.NDArray[np.float32]) -> Flags:
    """Which contracts traded now or then; a session that is not trusted is all NaN, and is like nothing."""
    return ((volume > 0) | (old > 0)) & np.isfinite(old)


def _open_interest(
    names: Groups,
    newest: pl.Series,
    panel: Panel,
    rows: npt.NDArray[np.int32],
    open_interest: npt.NDArray[np.float32],
) -> dict[str, npt.NDArray[np.generic]]:
    """Open interest beside that of the ``newest`` past session (column of the panel) which has some, by name."""
    column_of = newest.fill_null(-1).to_numpy()[names.numbers()]
    old_oi, old_volume = taken(panel.open_interest, rows, column_of), taken(panel.volume, rows, column_of)
    change = open_interest - old_oi
    changed = np.isfinite(change) & (change != 0)
    return {
        "compared": names.count(np.isfinite(change)),
        "changed": names.count(changed),
        "traded_then": names.count(old_volume > 0),
        "impossible": names.count(change > old_volume),
        "changed_beside_volume": names.count(changed & np.isfinite(old_volume)),
        "oi_now": np.nan_to_num(names.sums(open_interest.astype(np.float64), np.isfinite(old_oi))),
        "oi_then": np.nan_to_num(names.sums(old_oi.astype(np.float64))),
        "live_here": names.count(old_oi > 0),
    }


def _missing(panel: Panel, rows: npt.NDArray[np.int32], names: pl.DataFrame) -> pl.DataFrame:
    """Contracts with open interest in the newest past session that have not expired and are not in the chain."""
    absent = np.ones(panel.contracts.height, bool)
    absent[rows[rows >= 0]] = False
    row = np.flatnonzero(absent)
    gone = panel.contracts["underlying", "expiry"][row].hstack([pl.Series("row", row)])
    of_names = names.select("underlying", "column", "session_date")
    gone = gone.join(of_names, on="underlying").filter(pl.col("expiry") >= pl.col("session_date"))
    held = panel.open_interest[gone["row"].to_numpy(), gone["column"].to_numpy()]
    return gone.filter(pl.Series(held > 0)).group_by("underlying").agg(missing=pl.len())


def _newest_column(known: Groups, panel: Panel, columns: range) -> pl.DataFrame:
    """``underlying column``: of each name that is known, the newest column that holds any open interest of it."""
    found = np.full(len(known), -1)
    for column in reversed(columns):
        found[known.any(np.isfinite(panel.open_interest[:, column]))] = column
    return known.keys.with_columns(column=pl.Series(found).set(pl.Series(found < 0), None))


def _usual_volume(known: Groups, panel: Panel, columns: range) -> pl.DataFrame:
    """``least_volume known_sessions``: the smallest total among the past sessions, and how many of them are known."""
    totals = np.full((len(columns) + 1, len(known)), np.nan)
    for place, column in enumerate(columns):
        totals[place] = known.sums(panel.volume[:, column].astype(np.float64))
    return pl.DataFrame(
        [nullable("least_volume", np.fmin.reduce(totals)), pl.Series("known_sessions", np.isfinite(totals).sum(axis=0))]
    )
