"""What the calibration record is made of: the chances that a session's close was stated, counted by what came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import numpy as np
import polars as pl

from scanner.activity.calibration import tier_of
from scanner.activity.looks import SURPRISES
from scanner.activity.record import A_SESSION, HELD_OUT, LIST, MAIN, NOMINAL, Calibration


def of_session(frames: Mapping[str, pl.DataFrame], source: str, session: date, version: str) -> list[Calibration]:
    """What a session's close showed of every channel; ``frames`` are those of the look alone.

    Rows measured against the built-in prior take no part: it knows nothing of this history.
    """
    contracts = frames["contract"].filter(pl.col("baseline_kind") == "own")
    channels = {
        f"{scope}.{name}": (contracts if scope == "contract" else frames[scope])[name]
        for scope, names in SURPRISES.items()
        for name in names
        if scope != "ladder" and name in frames[scope].columns
    }
    scored = contracts.drop_nulls(["combined_surprise", "volume_expected", "dte"])
    tiers = tier_of(scored["volume_expected"].to_numpy(), scored["dte"].cast(pl.Int64).to_numpy())
    for tier in np.unique(tiers):
        channels[f"{MAIN} tier {tier}"] = scored["combined_surprise"].filter(pl.Series(tiers == tier))
    return [
        Calibration(source, session, channel, nominal, came / count, count, version)
        for channel, surprise in channels.items()
        if (count := surprise.count())
        for nominal in NOMINAL
        if (came := int((surprise >= -np.log10(nominal)).sum())) >= 0
    ]


def of_list(contracts: pl.DataFrame, source: str, session: date, version: str) -> list[Calibration]:
    """How many stories of a session's close were as rare as each stated rate; ``contracts`` are ranked."""
    told = contracts.filter(pl.col("once_in_sessions") > 0.0)
    if told.is_empty():
        return []
    return [
        Calibration(source, session, LIST, rate, float(stories), 1, version)
        for rate in A_SESSION
        if (stories := told.filter(pl.col("once_in_sessions") >= 1.0 / rate)["story"].n_unique()) >= 0
    ]


def held_out(realised: pl.DataFrame, source: str, session: date, version: str) -> Iterator[Calibration]:
    """The record that came with a fit (:class:`scanner.activity.model.Learned`), under channels of its own."""
    for tier, nominal, rows, share in realised.select("tier", "nominal", "rows", "realised").iter_rows():
        channel = f"{HELD_OUT}{MAIN}" + ("" if tier < 0 else f" tier {tier}")
        yield Calibration(source, session, channel, nominal, share, rows, version)
