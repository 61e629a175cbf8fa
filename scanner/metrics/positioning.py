"""Where open interest sits: dealer gamma, walls, and what goes away at the next expiries.

Whether dealers are long or short an option cannot be seen in a chain. ``gex`` and ``gamma_flip`` follow the usual
convention of the field - dealers long calls and short puts - and are no better than it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import nullable
from scanner.kernels.groups import Groups
from scanner.kernels.threads import over_groups
from scanner.market import products
from scanner.market.calendar import Calendar
from scanner.metrics import pieces
from scanner.metrics.arithmetic import ratio
from scanner.metrics.gamma_sums import SUMS, sum_names
from scanner.metrics.pieces import Pieces
from scanner.metrics.zero_gamma import zero_gammas

Floats = NDArray[np.float64]

# What the sums are made of, in the kernel's order.
_SUMMED = ("strike", "spot", "forward", "discount", "years", "iv", "gamma", "delta", "open_interest")


def measure(
    contracts: pl.DataFrame, expiries: pl.DataFrame, calendar: Calendar, groups: Groups | None = None
) -> pl.DataFrame:
    """One row an underlying, with everything in this module; null where there is no gamma or no open interest.

    What is settled by the time of an underlying's newest quotes is over and counts for nothing here. ``groups`` are the
    contracts by expiry, where they are known.
    """
    chain = pieces.of(contracts, groups)
    ahead = _unsettled(chain, expiries, calendar)
    flags = ahead.select("root", "expiry", "is_next", "is_next_monthly")
    book = _Book(chain, chain.found.join(flags, on=["root", "expiry"], how="inner", maintain_order="left"))
    sums, walls = book.sums()
    told = ahead.group_by("underlying", maintain_order=True).agg(
        pl.col("max_pain").filter("is_next_monthly").drop_nulls().first(),
        pl.col("expected_move_pct").filter("is_next").drop_nulls().first(),
    )
    measured = book.by_name(
        **dict(zip(SUMS, sums.T, strict=True)),
        call_wall=walls[:, 0],
        put_wall=walls[:, 1],
        gamma_flip=book.zero_gammas(),
    )
    shares = measured.with_columns(
        gamma_expiring_share=ratio("monthly", "gamma"),
        gamma_expiring_share_next=ratio("next", "gamma"),
        positive_gamma_expiring_share_next=ratio("next_calls", "calls"),
    ).drop("gamma", "calls", "monthly", "next", "next_calls")
    return shares.join(told, on="underlying", how="left", maintain_order="left")


def unsettled(contracts: pl.DataFrame, expiries: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The expiries not settled yet, with ``is_next`` and ``is_next_monthly``: whether it is the first such date."""
    return _unsettled(pieces.of(contracts), expiries, calendar)


def gamma_flip(contracts: pl.DataFrame) -> pl.DataFrame:
    """``underlying gamma_flip``: the spot nearest to today's, within 25 %, at which ``gex`` would change its sign.

    The book is priced anew at every spot looked at: volatility, rates, yields and the time left are held; gamma is that
    of Black and Scholes, the forward moves in proportion to the spot. Null where there is no such spot.
    """
    chain = pieces.of(contracts)
    book = _Book(chain, chain.found)
    return book.by_name(gamma_flip=book.zero_gammas())


def _unsettled(chain: Pieces, expiries: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    quoted = chain.found.with_columns(
        settlement=chain.rows["settlement"].gather(chain.found["start"]), quoted=chain.latest("quote_time")
    )
    settled_at = calendar.expiry_instants(quoted["expiry"], quoted["settlement"])
    still_open = quoted.filter(settled_at > quoted.select(pl.col("quoted").max().over("underlying")).to_series())
    monthly = pl.col("expiry").filter(pl.col("is_monthly")).min()
    return (
        expiries.join(still_open.select("root", "expiry"), on=["root", "expiry"], how="semi", maintain_order="left")
        .with_columns(
            is_next=pl.col("expiry") == pl.col("expiry").min().over("underlying"),
            is_next_monthly=(pl.col("expiry") == monthly.over("underlying")).fill_null(value=False),
        )
        .sort("underlying", "expiry", maintain_order=True)
    )


class _Book:
    """Pieces of a chain by name, as the kernels take them: a name has all of its pieces in a row."""

    def __init__(self, chain: Pieces, chosen: pl.DataFrame) -> None:
        """``chosen`` are the pieces that count, with flags ``is_next is_next_monthly`` where they are summed."""
        self._chain = chain
        self._pieces = chosen.sort("underlying", maintain_order=True)
        names = self._pieces.group_by("underlying", maintain_order=True).agg(
            pl.len(), rows=(pl.col("stop") - pl.col("start")).sum()
        )
        self._names = names["underlying"]
        self._offsets = _running(names["len"])
        self._rows = _running(names["rows"])
        self._segments = np.ascontiguousarray(self._pieces.select("start", "stop").to_numpy(), np.int64)
        self._calls = chain.calls()
        self._lots = chain.floats("open_interest") * chain.floats("multiplier")

    def by_name(self, **columns: Floats) -> pl.DataFrame:
        """A frame of ``underlying`` and these columns, null for NaN."""
        made = {name: nullable(name, values) for name, values in columns.items()}
        return pl.DataFrame({"underlying": self._names, **made})

    def sums(self) -> tuple[Floats, Floats]:
        """``SUMS`` by name, and the walls of calls and puts."""
        chain, names = self._chain, len(self._names)
        sums, walls = np.full((names, len(SUMS)), np.nan), np.full((names, 2), np.nan)
        flags = [self._pieces[name].to_numpy() for name in ("is_next", "is_next_monthly")]
        on_future = self._names.is_in(list(products.VOLATILITY_INDICES)).to_numpy()
        columns = [chain.floats(name) for name in _SUMMED]
        over_groups(
            sum_names, self._rows, self._offsets, self._segments, *flags, on_future, self._calls, *columns,
            self._lots, sums, walls,
        )  # fmt: skip
        return sums, walls

    def zero_gammas(self) -> Floats:
        """Where the gamma of each name changes its sign, NaN where it does not."""
        found = np.full(len(self._names), np.nan)
        columns = [self._chain.floats(name) for name in ("strike", "spot", "forward", "discount", "years", "iv")]
        over_groups(
            zero_gammas, self._rows, self._offsets, self._segments, self._calls, *columns, self._lots, found
        )  # fmt: skip
        return found


def _running(counts: pl.Series) -> NDArray[np.int64]:
    return np.concatenate(([0], np.cumsum(counts.to_numpy()))).astype(np.int64)
