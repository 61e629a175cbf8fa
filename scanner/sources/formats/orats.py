"""ORATS strikes: calls and puts of a strike side by side, as today's interface and the older daily files have them.

Volatilities are decimals, and ``delta`` is the call's: the put's is one less. Volume is that until the snapshot, some
quarter of an hour before the close in the daily files; open interest is that of the close before. There is no last
price. ``stockPrice`` is solved from the options where ``spotPrice`` is the stock's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from scanner.sources.formats import columns, json_objects, moments
from scanner.sources.formats.base import File, Findings, JsonFormat, TextFormat, unknown_columns

# What both sides share, and what either side has, behind its own beginning (``call``, or ``c`` in older files).
_SHARED = {
    "ticker": "underlying",
    "tradedate": "session_date",
    "trade_date": "session_date",
    "expirdate": "expiry",
    "strike": "strike",
    "expirytod": "settlement",
    "quotedate": "quote_time",
}
_SIDE = {
    "volume": "volume",
    "volu": "volume",
    "openinterest": "open_interest",
    "oi": "open_interest",
    "bidsize": "bid_size",
    "asksize": "ask_size",
    "bidprice": "bid",
    "bidpx": "bid",
    "askprice": "ask",
    "askpx": "ask",
    "midiv": "vendor_iv",
}
_SPOTS = ("spotprice", "spot_px", "stockprice", "stkpx")
_SIDES = {"C": ("call", "c"), "P": ("put", "p")}
_NOT_READ = frozenset(
    {
        *("dte", "yte", "smvvol", "smoothsmvvol", "residualrate", "residualratedata", "irate", "divrate", "gamma"),
        *("theta", "vega", "rho", "phi", "driftlesstheta", "callsmvvol", "putsmvvol", "extsmvvol", "extvol"),
        *("extcallvalue", "extputvalue", "extctheo", "extptheo", "updatedat", "snapshotesttime"),
        *("snapshotdate", "tickerid", "monthid", "copra", "popra", "delta", *_SPOTS),
        *(f"{side}{part}" for sides in _SIDES.values() for side in sides for part in ("value", "bidiv", "askiv")),
    }
)
_KNOWN = frozenset(
    {*_SHARED, *_NOT_READ, *(f"{side}{part}" for sides in _SIDES.values() for side in sides for part in _SIDE)}
)
_MOMENT = "no quoteDate: ORATS takes its daily snapshot a quarter of an hour before the close"


class Orats(TextFormat):
    """``ticker,tradeDate,expirDate,...,callBidPrice,...`` or, older, ``ticker,...,cBidPx,...,trade_date``."""

    name = "ORATS CSV"
    source = "orats"

    def recognises(self, header: frozenset[str]) -> bool:
        """A strike of one expiry with the quotes of a call and a put."""
        common = {"ticker", "expirdate", "strike"} <= header and bool({"tradedate", "trade_date"} & header)
        return common and ({"callbidprice", "putbidprice"} <= header or {"cbidpx", "pbidpx"} <= header)

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the moment of the chain hides."""
        return (*unknown_columns(names, _KNOWN), *(() if "quotedate" in names else (_MOMENT,)))

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """Two rows out of each line."""
        return _sides(block, findings)


class OratsJson(JsonFormat):
    """``{"data": [{"ticker": ..., "expirDate": ..., "callBidPrice": ...}]}``."""

    name = "ORATS JSON"
    source = "orats"

    def recognises(self, document: Any) -> bool:
        """Data whose entries are strikes of an expiry."""
        data = document.get("data") if isinstance(document, dict) else None
        return isinstance(data, list) and bool(data) and isinstance(data[0], dict) and "expirDate" in data[0]

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """Two rows out of each entry."""
        entries = document["data"]
        there = {name for entry in entries if isinstance(entry, Mapping) for name in entry}
        names = {name: name.lower() for name in sorted(there) if name.lower() in _KNOWN}
        for note in unknown_columns(sorted(name.lower() for name in there), _KNOWN):
            findings.add(note, None, 0)
        return _sides(json_objects.rows_of(entries, names, findings), findings)


def _sides(block: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """The calls and the puts of a table of strikes."""
    block = block.rename({"delta": "vendor_delta"}, strict=False)
    present = set(block.columns)
    wanted = tuple(name for name in (*_SPOTS, "vendor_delta") if name in present)
    block = columns.numbers(block, findings, *wanted) if wanted else block
    prices = [pl.when(pl.col(name) > 0).then(name) for name in _SPOTS if name in present]
    spot = pl.coalesce(prices) if prices else pl.lit(None, dtype=pl.Float64)
    parts = []
    for right, beginnings in _SIDES.items():
        own = {f"{side}{part}": ours for side in beginnings for part, ours in _SIDE.items()}
        delta = (
            pl.col("vendor_delta") - int(right == "P") if "vendor_delta" in present else pl.lit(None, dtype=pl.Float64)
        )
        parts.append(
            block.select(
                "line",
                *(pl.col(theirs).alias(ours) for theirs, ours in (_SHARED | own).items() if theirs in present),
                right=pl.lit(right),
                spot=spot,
                vendor_delta=delta,
            )
        )
    rows = pl.concat(parts)
    if "quote_time" not in rows.columns or not columns.blanked(rows["quote_time"]).str.contains(":").any():
        return rows.drop("quote_time", strict=False)
    return moments.of_a_chain(columns.moments(rows, "UTC", findings, "quote_time"))
