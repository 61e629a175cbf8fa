"""The volume model: what every contract should trade now, and how rare it is to see at least what it does trade."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import totals
from scanner.activity.calibration import Calibration
from scanner.activity.distances import Distances
from scanner.activity.features import WINDOWS
from scanner.activity.history import Layout, Memory, Recent, recall
from scanner.activity.ranking.past import Past
from scanner.activity.ranking.sizes import Sizes
from scanner.activity.regression import TailShape
from scanner.activity.rehearsal import sizes_before
from scanner.activity.totals import ExpiryTotals, NameTotals
from scanner.history.panel import Panel


@dataclass(frozen=True)
class WindowModel:
    """One window's regression, count tail, the tail's dependence on more than the mean, and calibration."""

    coefficients: NDArray[np.float64]
    tail: NDArray[np.float32]
    shape: TailShape
    calibration: Calibration


@dataclass(frozen=True)
class Learned:
    """Everything that is learnt from contract-days and holds for any contract.

    ``windows`` maps 1, 3 and 5 sessions to their models; ``combination`` calibrates the strongest of the three as one
    statement, ``ladder`` the best run of neighbouring strikes that starts at a contract, ``strike`` both rights of a
    strike together; ``opening`` are the coefficients of :mod:`scanner.activity.opening`; ``own`` (4, names) is how much
    more often than stated rare volumes come in each name, in decades, by window and for their combination (no names
    where it came with the package). ``realised`` is the calibration record: one row per tier (-1 for all) and nominal
    chance, with the frequency that held-out sessions showed: ``tier nominal rows flagged realised``.
    """

    windows: dict[int, WindowModel]
    combination: Calibration
    ladder: Calibration
    strike: Calibration
    opening: NDArray[np.float64]
    own: NDArray[np.float64]
    realised: pl.DataFrame


class Tables(NamedTuple):
    """What was learnt as arrays over the w windows.

    ``linear`` (w, 3, features) are the coefficients of the expectation and of the two chances of the tail; ``tails``
    (w, means, counts); ``starts`` (w, 2); ``knots`` and ``calibrated`` (w + 1, tiers, knots), the combination last.
    """

    linear: NDArray[np.float32]
    tails: NDArray[np.float32]
    starts: NDArray[np.float64]
    knots: NDArray[np.float64]
    calibrated: NDArray[np.float64]

    @classmethod
    def of(cls, learned: Learned) -> Tables:
        """Stack the windows, and the combination's calibration after theirs."""
        windows = [learned.windows[window] for window in WINDOWS]
        calibrations = [*(window.calibration for window in windows), learned.combination]
        return cls(
            np.stack([np.vstack([part.coefficients, part.shape.coefficients]) for part in windows]).astype(np.float32),
            np.stack([window.tail for window in windows]),
            np.stack([window.shape.start for window in windows]),
            np.stack([calibration.raw for calibration in calibrations]),
            np.stack([calibration.calibrated for calibration in calibrations]),
        )


@dataclass(frozen=True)
class VolumeModel:
    """What was learnt, beside one panel's past.

    ``kind`` is "own" where it was learnt from this very history, "prior" where it came with the package. ``base``
    (underlyings + 1, buckets) is the usual log volume of every bucket, the last row for a name never seen; ``past`` are
    the stories of the sessions behind it, which today's are ranked among (None: of a model that came with the package).
    """

    learned: Learned
    kind: str
    base: NDArray[np.float32]
    layout: Layout
    memory: Memory
    past: Past | None = None

    @classmethod
    def over(
        cls,
        layout: Layout,
        learned: Learned,
        kind: str,
        base: NDArray[np.float32],
        past: Past | None = None,
    ) -> VolumeModel:
        """What was learnt earlier, laid over the past of a panel with the same underlyings."""
        return cls(learned, kind, base, layout, recall(layout, base), past)

    @cached_property
    def recent(self) -> Recent:
        """The past as scoring needs it."""
        return Recent.of(self.layout, self.memory, self.tables.linear)

    @cached_property
    def tables(self) -> Tables:
        """What was learnt, stacked for the kernel."""
        return Tables.of(self.learned)

    @cached_property
    def sizes(self) -> Sizes:
        """The sizes of past volumes that today's are held against."""
        return sizes_before(self.layout, self.layout.sessions)

    @cached_property
    def name_totals(self) -> NameTotals:
        """What every underlying traded in past sessions; today's totals are held against it."""
        return totals.of_names(self.layout, self.memory)

    @cached_property
    def expiry_totals(self) -> ExpiryTotals:
        """What every expiry traded in past sessions."""
        return totals.of_expiries(self.layout, self.memory)

    @cached_property
    def name_distances(self) -> tuple[Distances, Distances]:
        """How far the totals of underlyings lay from what was usual: whole, and of the back end."""
        return Distances.of(self.name_totals.whole), Distances.of(self.name_totals.back)

    @cached_property
    def expiry_distances(self) -> Distances:
        """How far the totals of expiries lay from what was usual."""
        return Distances.of(self.expiry_totals.totals)

    @property
    def windows(self) -> dict[int, WindowModel]:
        """The models of one, three and five sessions."""
        return self.learned.windows

    @property
    def ladder(self) -> Calibration:
        """Calibration of runs of neighbouring strikes, for :func:`scanner.metrics.ladder.find`."""
        return self.learned.ladder

    @property
    def realised(self) -> pl.DataFrame:
        """The calibration record; see :class:`Learned`."""
        return self.learned.realised

    @property
    def good_sessions(self) -> NDArray[np.int64]:
        """Sessions of each underlying with a trusted volume, shape (underlyings,)."""
        return np.asarray(self.layout.known.sum(axis=1))

    def onto(self, panel: Panel, events: pl.DataFrame | None = None) -> VolumeModel:
        """The same coefficients and calibration with another panel's past of the same underlyings."""
        return VolumeModel.over(Layout.of(panel, events), self.learned, self.kind, self.base, self.past)
