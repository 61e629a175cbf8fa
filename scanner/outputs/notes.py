"""What a person should know of a scan beside its alerts, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import polars as pl

from scanner.market.parts import APART

if TYPE_CHECKING:
    from datetime import datetime

    from scanner.activity.record import Level
    from scanner.metrics.measure import Measured
    from scanner.ruleset.judge import Judgement
# Of how many names it is said before the rest is counted.
_NAMED = 5


def of_judgement(parts: Sequence[Measured], judgement: Judgement, verdicts: Sequence[pl.DataFrame]) -> Iterator[str]:
    """Whose past the chances rest on, what is of other moments or not trusted, and what the user's filters left out.

    ``parts`` are the chains of each source, measured beside its own past, and ``verdicts`` go with them.
    """
    for part in parts:
        if part.basis is not None:
            yield part.basis if len(parts) == 1 else f"{part.panel.source}: {part.basis}"
    for part in parts:
        yield from _of_other_moments(part.frames["contract"])
        yield from part.tape_notes
    for found in verdicts:
        yield from _distrusted(found)
    yield from _filtered(judgement.filtered)


def of_calibration(levels: Sequence[Level]) -> Iterator[str]:
    """One sentence for each channel as a whole whose chances do not come as often as stated."""
    for level in levels:
        if level.drifts and " tier " not in level.channel:
            yield (
                f"calibration drifts: {level.channel} stated as rare as {level.nominal:g} came "
                f"{level.ratio:.1f} times as often in the last {level.sessions} sessions; trust its stars accordingly"
            )


def _of_other_moments(contracts: pl.DataFrame) -> Iterator[str]:
    """One sentence on the names whose quotes are older: all are held against the session as of the newest."""
    newest = cast("datetime | None", contracts["quote_time"].max())
    if newest is None or newest - cast("datetime", contracts["quote_time"].min()) <= APART:
        return
    quoted = contracts.group_by("underlying").agg(pl.col("quote_time").max())
    older = quoted.filter(pl.col("quote_time") < newest - APART).sort("quote_time", "underlying")
    if older.height:
        names = ", ".join(older["underlying"].cast(pl.String)[:_NAMED])
        more = f" and {older.height - _NAMED} more" if older.height > _NAMED else ""
        yield (
            f"{names}{more}: quoted up to {_hours(newest - older['quote_time'][0])} before the newest names here "
            f"({newest:%H:%M} UTC): too little of their volume counts, in rows of the market too"
        )


def _hours(time: timedelta) -> str:
    minutes = int(time.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _distrusted(verdicts: pl.DataFrame) -> Iterator[str]:
    """One sentence for each thing the quality gate does not trust."""
    grouped = verdicts.group_by("underlying", "check", "reason", maintain_order=True).agg("switches_off")
    for name, _, reason, switched_off in grouped.iter_rows():
        what = ", ".join(part.replace("_", " ") for part in switched_off)
        scope = "nothing" if "all" in switched_off else f"{what} not"
        yield f"{name}: {scope} judged: {reason.removeprefix(f'{name}: ')}"


def _filtered(filtered: pl.DataFrame) -> Iterator[str]:
    """One sentence for each of the user's filters that left something out."""
    grouped = filtered.group_by("filter_id", "rule_id", maintain_order=True).agg(pl.col("count").sum())
    for filter_id, rule_id, count in grouped.iter_rows():
        yield f"your filter {filter_id} left out {count:,} finding{'' if count == 1 else 's'} of {rule_id}"
