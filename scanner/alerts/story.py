"""What a scan shows of one happening: the contracts that are told together, and what they probably are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scanner.alerts.kinds import probably
from scanner.alerts.model import Kind, plain
from scanner.fields import FAMILIES

if TYPE_CHECKING:
    from scanner.alerts.surroundings import Row

BUILD_UP = FAMILIES[2]
NAMED = 5


@dataclass(frozen=True, slots=True)
class Story:
    """What a scan shows of one happening: its contracts, the rarest first, and all they traded.

    ``once_in_sessions`` is that of the rarest; None while nothing can be said of how often as much comes. ``told`` is
    what all of it is told with (:func:`_told`).
    """

    name: str
    once_in_sessions: float | None
    members: tuple[str, ...]
    lots: int
    premium: float | None
    premium_surprise: float | None
    kind: Kind
    may_be: tuple[str, ...]
    told: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, rows: Sequence[Row], legs: Sequence[Row]) -> Story:
        """The story of some contract rows, the rarest first; ``legs`` are others that traded the same size."""
        premiums = [row["premium"] for row in rows if row.get("premium") is not None]
        kind, may_be = probably(rows, legs)
        return cls(
            name,
            plain(rows[0].get("once_in_sessions")),
            tuple(row["contract"] for row in rows[:NAMED]),
            sum(_lots(row) for row in rows),
            round(sum(premiums), 2) if premiums else None,
            plain(rows[0].get("premium_surprise")),
            kind,
            may_be,
            _told(rows),
        )


def _lots(row: Row) -> int:
    """What a contract's place speaks of: the lots of today, of a build-up those of five sessions."""
    lots: int = row["volume_5"] if row.get("family") == BUILD_UP else row["volume"]
    return lots


def _told(rows: Sequence[Row]) -> dict[str, Any]:
    """A story as a whole, in plain values: how many ``contracts``, their ``roots``, ``rights``, first and last
    ``strikes`` and ``expiries``, and what they ``traded`` in so many ``sessions`` where so much is ``usual`` (null
    where that is not known of each)."""
    window = all(row.get("family") == BUILD_UP and row.get("volume_usual_5") is not None for row in rows)
    usual = [row.get("volume_usual_5" if window else "volume_expected") for row in rows]
    strikes, expiries = [row["strike"] for row in rows], [row["expiry"] for row in rows]
    told: dict[str, Any] = plain(
        {
            "contracts": len(rows),
            "roots": sorted({row["root"] for row in rows}),
            "rights": "".join(sorted({row["right"] for row in rows})),
            "strikes": [min(strikes), max(strikes)],
            "expiries": [min(expiries), max(expiries)],
            "sessions": 5 if window else 1,
            "traded": sum(row["volume_5" if window else "volume"] for row in rows),
            "usual": None if None in usual else sum(usual),
        }
    )
    return told
