"""What several sources served, measured each beside its own past, as the frames of one scan.

Vendors count volume differently, so that a name is only ever held against what its own source told of it before. What
is said of the scan as a whole is said of all of them: how often as much comes is counted on the whole list, and a
false-discovery rate is that of everything that was looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scanner import fields
from scanner.market.chain import SORT_KEY
from scanner.metrics import market
from scanner.metrics.measure import Frames, Measured


def frames_of(parts: Sequence[Measured]) -> Frames:
    """The metric frames of a scan by scope, from those of its sources; contracts in the order of every chain."""
    if len(parts) == 1:
        return parts[0].frames
    rows = sum(part.frames["contract"].height for part in parts)
    names = sum(part.frames["underlying"].height for part in parts)
    stories, told = 0, []
    for part in parts:
        told.append(_among_all(part.frames, rows, names, stories))
        stories += 1 + (part.frames["contract"].select(pl.col("story").max().fill_null(-1)).item())
    frames = {scope: pl.concat([one[scope] for one in told]) for scope in told[0] if scope != "market"}
    past = pl.concat([part.panel.underlying_sessions for part in parts], how="diagonal_relaxed")
    whole = market.measure(frames["underlying"], past, parts[0].panel.calendar)
    return {**frames, "contract": frames["contract"].sort(SORT_KEY), "market": whole.select(*fields.of("market"))}


def _among_all(part: Frames, rows: int, names: int, stories: int) -> Frames:
    """One source's frames as a part of a scan of so many contracts and names; its stories are numbered from one on.

    On a list that is so many times as long, as much comes as many times as often. A false-discovery rate among more
    contracts is as much larger at most, and exactly so where the others hold nothing rare (Benjamini and Hochberg,
    1995: the rate is the chance times the tests, over the discoveries).
    """
    contracts, underlyings, ladders = part["contract"], part["underlying"], part["ladder"]
    longer, more = names / max(underlyings.height, 1), rows / max(contracts.height, 1)

    def among_more(rate: str) -> pl.Expr:
        return (pl.col(rate) * more).clip(0.0, 1.0)

    return {
        **part,
        "contract": contracts.with_columns(
            pl.col("once_in_sessions") / longer, pl.col("story") + stories, volume_q=among_more("volume_q")
        ),
        "ladder": ladders.with_columns(ladder_q=among_more("ladder_q")),
    }
