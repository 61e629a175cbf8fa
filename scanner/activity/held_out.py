"""Past contract-days as a fit that has not seen them scores them: what every calibration rests on.

Most contracts trade in no session of a week, and a volume that is not there surprises in no window. Of those it is only
counted how many there are: what is kept of a session is what stirred, of a whole market a third.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from scanner.activity import features
from scanner.activity.calibration import TIERS, tier_of
from scanner.activity.history import Layout, States, design_of
from scanner.activity.regression import TailShape, expected, interpolate_tail
from scanner.activity.rehearsal import Scored


class WindowFit(NamedTuple):
    """What one half taught of one window: coefficients, the tail of the counts, and its shape."""

    coefficients: NDArray[np.float64]
    tail: NDArray[np.float32]
    shape: TailShape


@dataclass(frozen=True)
class HeldOut:
    """The held-out contract-days of one session.

    ``rows`` are their rows in the panel, ``tier`` the activity tier of each; ``stirring`` are the places among them of
    those with a volume in any window. Of these alone are ``raw`` (windows, stirring), the surprises before calibration,
    ``today``, the session's volume, and the ``expected`` lots; the raw surprise of all others is 0.
    """

    session: int
    rows: NDArray[np.int64]
    tier: NDArray[np.int8]
    stirring: NDArray[np.int64]
    raw: NDArray[np.float64]
    today: NDArray[np.float64]
    expected: NDArray[np.float64]

    def among_all(self, values: NDArray[np.float64], missing: float = 0.0) -> NDArray[np.float64]:
        """Values (..., stirring) of what stirred as those of all the session's rows, ``missing`` for the others."""
        result = np.full((*values.shape[:-1], len(self.rows)), missing)
        result[..., self.stirring] = values
        return result

    def scored(self, surprises: NDArray[np.float64], combined: NDArray[np.float64]) -> Scored:
        """The whole session with calibrated surprises (windows, stirring) and their combination (stirring,)."""
        lots = self.among_all(self.expected, np.nan)
        return Scored(self.session, self.rows, self.among_all(surprises), self.among_all(combined), lots)

    def clusters(self, layout: Layout) -> NDArray[np.int64]:
        """The number of the session and name that each of the rows is of: session * names + name."""
        name = layout.places.underlying[self.rows].astype(np.int64)
        return self.session * len(layout.panel.underlyings) + name


def hold_out(
    layout: Layout, past: States, fits: dict[int, WindowFit], session: int, mine: NDArray[np.bool_]
) -> HeldOut | None:
    """Score a session's contracts out of ``mine`` (contracts,) by a fit of other sessions; None where there is none."""
    volume = layout.panel.volume[:, session]
    rows = np.flatnonzero(np.isfinite(volume) & mine)
    if not len(rows):
        return None
    counts = np.stack([layout.target(session, window)[rows] for window in features.WINDOWS])
    stirring = np.flatnonzero(counts.max(axis=0) > 0)
    days = (layout.places.expiry[rows] - layout.market.day[session]).astype(np.int64)
    raw = np.zeros((len(features.WINDOWS), len(stirring)))
    tier, lots = np.empty(0, np.int8), np.empty(0)
    for number, window in enumerate(features.WINDOWS):
        coefficients, tail, shape = fits[window]
        there = np.flatnonzero(counts[number] > 0)
        # The tier of a contract is that of its expectation for one session, whether it traded or not.
        asked = rows if window == 1 else rows[there]
        x = design_of(layout, past, session, window, asked)
        mean, busier = expected(x, coefficients), features.times_busier(x, coefficients)
        if window == 1:
            tier, lots = tier_of(mean / busier, days).astype(np.int8), mean[stirring]
            x, mean, busier = x[there], mean[there], busier[there]
        surprise = interpolate_tail(tail, mean / busier, counts[number, there] / busier)
        raw[number, counts[number, stirring] > 0] = shape.bend(x, surprise)
    return HeldOut(session, rows, tier, stirring, raw, volume[rows[stirring]].astype(np.float64), lots)


class Pool(NamedTuple):
    """What stirred in all held-out sessions, one after the other, and how many contract-days there were in all.

    ``raw`` (windows, stirring), ``today``, ``tier`` and ``name`` (stirring,); ``cluster`` is session * names + name.
    ``of_tier`` and ``of_name`` count every contract-day. ``parts`` are where each session's are.
    """

    raw: NDArray[np.float64]
    today: NDArray[np.float64]
    tier: NDArray[np.int64]
    name: NDArray[np.int64]
    cluster: NDArray[np.int64]
    of_tier: NDArray[np.int64]
    of_name: NDArray[np.int64]
    parts: list[slice]

    @classmethod
    def of(cls, layout: Layout, held: Sequence[HeldOut]) -> Self:
        """Put sessions together."""
        names, underlying = len(layout.panel.underlyings), layout.places.underlying
        cluster = np.concatenate([part.clusters(layout)[part.stirring] for part in held])
        ends = np.cumsum([len(part.stirring) for part in held]).tolist()
        return cls(
            np.concatenate([part.raw for part in held], axis=1),
            np.concatenate([part.today for part in held]),
            np.concatenate([part.tier[part.stirring] for part in held]).astype(np.int64),
            cluster % names,
            cluster,
            np.sum([np.bincount(part.tier, minlength=TIERS) for part in held], axis=0),
            np.sum([np.bincount(underlying[part.rows], minlength=names) for part in held], axis=0),
            [slice(end - len(part.stirring), end) for end, part in zip(ends, held, strict=True)],
        )
