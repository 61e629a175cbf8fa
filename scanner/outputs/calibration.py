"""The calibration record in words: what was stated, and what came."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby

from scanner import wording
from scanner.activity.record import LIST, MAIN, Level
from scanner.outputs.text import printable


def sentences(levels: Sequence[Level], channels: Collection[str] | None = None) -> Iterator[str]:
    """One line a channel, each source under a heading of its own; ``channels`` None means all but the tiers."""
    shown = [level for level in levels if _is_shown(level, channels)]
    for source, mine in groupby(shown, key=lambda level: level.source):
        of_source = list(mine)
        newest = max(of_source, key=lambda level: level.sessions)
        span = f"{newest.first} to {newest.last}"
        yield f"Stated and come true on your own history ({printable(source)}, {newest.sessions} sessions, {span}):"
        for channel, group in groupby(of_source, key=lambda level: level.channel):
            yield f"  {printable(channel)}: " + "; ".join(came(level) for level in group)


def _is_shown(level: Level, channels: Collection[str] | None) -> bool:
    return " tier " not in level.channel if channels is None else level.channel in channels


def came(level: Level) -> str:
    """``1 in 1,000 came 1 in 870``; what has not come yet says among how many."""
    told = stated(level)
    if level.realised <= 0:
        return f"{told} never came in {level.count:,}"
    drift = f" - {level.ratio:.1f} times as often as stated" if level.drifts else ""
    return f"{told} came {often(level.channel, level.realised)}{drift}"


def stated(level: Level) -> str:
    """What was stated: a chance, ``1 in 1,000``, or how many stories a session of the whole list, ``5 a session``."""
    return often(level.channel, level.nominal)


def often(channel: str, rate: float) -> str:
    """A frequency of a channel in its own words."""
    return f"{rate:.3g} a session" if channel == LIST else wording.chance(-math.log10(rate))


def channels_of(scope: str, names: Collection[str]) -> set[str]:
    """The channels behind the columns that a rule of a scope looks at, such as ``underlying.volume_surprise``.

    The windows of a contract's volume are judged together, whichever of them a rule names.
    """
    channels = {name if "." in name else f"{scope}.{name}" for name in names if "_surprise" in name}
    return channels | {MAIN} if any(name.startswith("contract.") for name in channels) else channels
