"""False alarms by time of day: chains recorded several times a session, each judged as it stood at the time.

What has traded so far is held against the whole session, so that repeated looks are one family: early looks alarm less
often than stated, the last one as often, and all of a session's looks together no more than its last.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from benchmarks.detection.measures import NOMINAL
from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import DEPTH
from scanner import activity
from scanner.market.calendar import Calendar
from scanner.sources.files import read_recorded

BANDS = (0.25, 0.5, 0.75, 1.0)


def by_time_of_day(folder: Path) -> pl.DataFrame:
    """Realised / nominal by quarter of the session, at its close, and for the largest of all looks at a session.

    Columns ``when model looks contracts nominal flagged ratio``; ``model`` is "own" or "prior", ``looks`` counts chains
    and ``contracts`` what was judged in them (contract-sessions for "any look"). The sessions before are remembered as
    they closed. Raises ValueError where nothing readable is found.
    """
    recording = Recording.read(folder)
    looks_at = _looks(folder, recording)
    scored = [part for number in range(1, len(recording.sessions)) for part in _session(recording, number, looks_at)]
    if not scored:
        raise ValueError(f"no session of {folder} has another before it")
    looks = pl.concat(scored)
    largest = looks.group_by("session", "contract", "model").agg(pl.col("surprise").max())
    parts = [_rates(looks, pl.col("when")), _rates(largest.with_columns(look=0), pl.lit("any look"))]
    return pl.concat(parts)


def _looks(folder: Path, recording: Recording) -> dict[date, list[pl.DataFrame]]:
    """The recorded chains of every session of a recording, in the order of their quotes."""
    found: dict[date, list[pl.DataFrame]] = {day: [] for day in recording.sessions}
    for recorded in read_recorded(folder, calendar=Calendar.standard()):
        chain = recorded.chain
        if chain is not None and not chain.is_empty() and chain["session_date"][0] in found:
            found[chain["session_date"][0]].append(chain)
    return {day: sorted(chains, key=_moment) for day, chains in found.items()}


def _moment(chain: pl.DataFrame) -> datetime:
    """When a chain's quotes were made."""
    return cast("datetime", chain["quote_time"].max())


def _session(recording: Recording, number: int, looks: dict[date, list[pl.DataFrame]]) -> list[pl.DataFrame]:
    """Every look at a session, scored by what was known before it."""
    panel = recording.panel(number, DEPTH)
    if not len(panel.contracts):
        return []
    model = activity.fit(panel)
    parts = []
    for look, chain in enumerate(looks[recording.sessions[number]]):
        elapsed = Calendar.standard().elapsed_fraction(_moment(chain))
        result = activity.score(model, _as_measured(chain), panel, elapsed)
        when = "at the close" if elapsed >= 1 else f"up to {BANDS[int(np.searchsorted(BANDS, elapsed))]:.0%}"
        parts.append(
            result.select(
                "contract",
                session=pl.col("session_date"),
                look=pl.lit(look),
                when=pl.lit(when),
                model=pl.lit(model.kind),
                surprise=pl.col("combined_surprise"),
            ).drop_nulls("surprise")
        )
    return parts


def _as_measured(chain: pl.DataFrame) -> pl.DataFrame:
    """A recorded chain with the columns that the pricing stage would add, out of the vendor's own."""
    return chain.with_columns(
        dte=(pl.col("expiry") - pl.col("session_date")).dt.total_days().cast(pl.Int32),
        iv=pl.col("vendor_iv"),
        delta=pl.col("vendor_delta"),
        mid=(pl.col("bid") + pl.col("ask")) / 2,
    ).sort("root", "expiry", "strike", "right")


def _rates(looks: pl.DataFrame, when: pl.Expr) -> pl.DataFrame:
    """Realised / nominal by time and model."""
    groups = looks.group_by(when.alias("when"), "model").agg(
        pl.struct("session", "look").n_unique().cast(pl.Int64).alias("looks"),
        pl.len().cast(pl.Int64).alias("contracts"),
        *((pl.col("surprise") >= -np.log10(nominal)).sum().cast(pl.Int64).alias(f"{nominal}") for nominal in NOMINAL),
    )
    long = groups.unpivot(
        [f"{nominal}" for nominal in NOMINAL],
        index=["when", "model", "looks", "contracts"],
        variable_name="nominal",
        value_name="flagged",
    ).with_columns(pl.col("nominal").cast(pl.Float64))
    ratio = pl.col("flagged") / (pl.col("contracts") * pl.col("nominal"))
    return long.with_columns(ratio=ratio).sort("model", "nominal", "when", descending=[False, True, False])
