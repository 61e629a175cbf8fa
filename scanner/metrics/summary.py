"""What is kept of a session for later ones to compare with: one row a contract, one row an underlying.

Pure, and one for all: a scan keeps of a session what it measured, an import or a rebuild what it finds again in the
snapshots, and both come out of :func:`of_session`, from the chain that the quality gate trusted, as it was priced.
Nothing here depends on when it is asked: whether a session reached its close is told by its own quotes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from scanner.market.calendar import Calendar
from scanner.market.chain import INSTANT
from scanner.metrics import contract, expiry, positioning, underlying
from scanner.metrics.kept import CONTRACT_ROWS, VERDICT
from scanner.pricing import PricedChain

# Every derived number that is stored carries this; numbers of another version are computed again, never mixed.
CALCULATION_VERSION = "3"
# A session whose last quotes are older than this before its close has no closing volume.
CLOSE_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of one session.

    ``contracts`` has the columns of ``CONTRACT_ROWS``. ``underlyings`` has ``underlying session_date simulated spot
    oi_asof quote_time verdicts final`` and the sums, ratios, volatilities and positioning of the underlying scope;
    ``final`` tells whether the close was seen.
    """

    contracts: pl.DataFrame
    underlyings: pl.DataFrame

    def of(self, names: pl.Series) -> Summary:
        """The summary of some underlyings alone."""
        wanted = pl.col("underlying").is_in(names.implode())
        return Summary(self.contracts.filter(wanted), self.underlyings.filter(wanted))


def of_session(priced: PricedChain, verdicts: pl.DataFrame, calendar: Calendar) -> Summary:
    """The summary of one session's chains, from what pricing gave of those that the gate trusted, and its verdicts.

    What had not traded yet when a session was last seen is not the session's volume: where the close was not seen
    volumes are null, and so is what is made of them.
    """
    rows = _told_by_chain(priced.contracts, calendar)
    final = rows.filter("final")["underlying"]
    contracts = priced.contracts
    if len(final) < rows.height:
        contracts = contracts.with_columns(volume=pl.when(pl.col("underlying").is_in(final.implode())).then("volume"))
    contracts = contracts.with_columns(premium=contract.premium())
    standard = contracts.filter(~pl.col("nonstandard"))
    totals = underlying.totals(standard).drop("session_date", "spot")
    gathered = [_gathered(verdicts), totals, priced.underlyings, underlying.parity_spot(priced.expiries)]
    if "gamma" in standard.columns:
        ahead = expiry.dated(standard, priced.expiries, calendar)
        gathered.append(positioning.measure(standard, ahead, calendar))
    for more in gathered:
        rows = rows.join(more, on="underlying", how="left", maintain_order="left")
    rows = rows.with_columns(pl.col("verdicts").fill_null(pl.lit([], dtype=pl.List(VERDICT))))
    return Summary(contracts.select(CONTRACT_ROWS.names()), rows)


def unpriced(chain: pl.DataFrame) -> PricedChain:
    """A chain as pricing would give it if it knew nothing but the mids: what is kept where pricing fails."""
    both = pl.col("bid").is_not_null() & (pl.col("ask") > 0) & (pl.col("ask") >= pl.col("bid"))
    contracts = chain.with_columns(
        dte=(pl.col("expiry") - pl.col("session_date")).dt.total_days().cast(pl.Int32),
        mid=pl.when(both).then((pl.col("bid") + pl.col("ask")) / 2),
        iv=pl.lit(None, pl.Float64),
        delta=pl.lit(None, pl.Float64),
    )
    names = chain.select(pl.col("underlying").unique(maintain_order=True))
    nothing = pl.lit(None, pl.Float64)
    return PricedChain(
        contracts,
        chain.select("underlying", "expiry", forward=nothing, discount=nothing).clear(),
        names.with_columns(iv30=nothing, skew_25d=nothing),
    )


def closed(chain: pl.DataFrame, calendar: Calendar) -> pl.Series:
    """The underlyings of a chain whose quotes saw the close of their session."""
    last = chain.group_by("underlying", maintain_order=True).agg(
        pl.col("session_date").first(), pl.col("quote_time").max()
    )
    return last.filter(_saw_the_close(last["session_date"], calendar))["underlying"]


def _told_by_chain(contracts: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """What the chains themselves tell of each underlying's session."""
    rows = contracts.group_by("underlying", maintain_order=True).agg(
        pl.col("session_date", "simulated").first(),
        pl.col("spot").drop_nulls().first(),
        pl.col("oi_asof").max(),
        pl.col("quote_time").max(),
    )
    return rows.with_columns(final=_saw_the_close(rows["session_date"], calendar))


def _saw_the_close(sessions: pl.Series, calendar: Calendar) -> pl.Expr:
    """Whether ``quote_time`` is late enough in ``session_date``; a day without a session has no close to wait for."""
    due = {day: calendar.session_close(day) - CLOSE_TOLERANCE for day in sessions.unique() if calendar.is_session(day)}
    late_enough = pl.col("session_date").replace_strict(due, default=None, return_dtype=INSTANT)
    return late_enough.is_null() | (pl.col("quote_time") >= late_enough)


def _gathered(verdicts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts on each underlying, in one list."""
    return verdicts.group_by("underlying", maintain_order=True).agg(
        verdicts=pl.struct("check", "switches_off", "reason", "detail").cast(VERDICT)
    )
