"""What a detector must not fall for: ordinary sessions changed in ways that are no anomaly of any contract.

Each decoy is a real session with its volumes (or its listing) changed. It must raise no more alerts than the session
itself did; a decoy that the quality gate refuses raises none.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import DEPTH, Models, raised, ranked
from scanner import activity, quality
from scanner.market.calendar import Calendar
from scanner.market.chain import conform

# Stories rarer than once in a session are counted.
ALERT_RANK = 1.0
_Change = Callable[[Recording, int, np.random.Generator], pl.DataFrame]


def busy_market(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """Three times the volume in everything, give or take a quarter."""
    chain = recording.chain(session)
    return _with_volume(chain, _busier(recording, session, 3.0, random))


def _busier(recording: Recording, session: int, times: float, random: np.random.Generator) -> NDArray[np.float64]:
    """A session's volumes as many times as large; what did not trade now trades as it did lately."""
    rows = recording.rows(session)
    volume = recording.volume[rows, session].astype(np.float64)
    recent = np.nan_to_num(recording.volume[rows, max(session - 5, 0) : session]).mean(axis=1)
    factor = times * np.exp(random.normal(0, 0.25, len(rows)))
    instead = random.poisson((times - 1.0) * np.minimum(recent, 50.0))
    return np.asarray(np.where(volume > 0, volume * factor, instead), np.float64)


def roll_to_the_next_month(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """A third of the open interest of each name's thirty largest expiring contracts moves to a later expiry."""
    del random
    chain = recording.chain(session).with_row_index("_row")
    near = chain.filter(pl.col("dte").is_between(0, 9) & (pl.col("open_interest") >= 300))
    near = near.sort("open_interest", descending=True, maintain_order=True).group_by("underlying").head(30)
    later = chain.filter(pl.col("dte").is_between(20, 50)).sort("expiry", maintain_order=True)
    later = later.unique(["root", "strike", "right"], keep="first", maintain_order=True)
    pairs = near.join(later.select("root", "strike", "right", far="_row"), on=["root", "strike", "right"])
    volume = chain["volume"].to_numpy().astype(np.float64)
    lots = (pairs["open_interest"] // 3).to_numpy()
    volume[pairs["_row"].to_numpy()] += lots
    volume[pairs["far"].to_numpy()] += lots
    return _with_volume(chain.drop("_row"), volume)


def before_earnings(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """Two and a half times the volume in everything that expires within ten days, volatilities up by a fifth."""
    chain = recording.chain(session)
    near = (chain["dte"] <= 10).to_numpy()
    volume = np.where(near, _busier(recording, session, 2.5, random), chain["volume"].to_numpy())
    lifted = pl.when(pl.col("dte") <= 10).then(pl.col("iv") * 1.2).otherwise(pl.col("iv"))
    return _with_volume(chain, volume).with_columns(iv=lifted)


def repeated(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """The previous session's volumes served again under the new date."""
    del random
    chain, before = recording.chain(session), recording.chain(session - 1).select("contract", old="volume")
    return chain.join(before, on="contract", how="inner", maintain_order="left").with_columns(volume="old").drop("old")


def holiday(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """The session served again on the Saturday after it."""
    del random
    day = recording.sessions[session]
    return recording.chain(session).with_columns(
        session_date=pl.lit(day + timedelta(days=(5 - day.weekday()) % 7 or 7))
    )


def half_missing(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """Half of the contracts, drawn at random, are not in the answer."""
    chain = recording.chain(session)
    return chain.filter(pl.Series(random.random(chain.height) < 0.5))


DECOYS: dict[str, _Change] = {
    "market-wide busy day": busy_market,
    "roll to the next month": roll_to_the_next_month,
    "before earnings": before_earnings,
    "repeated chain": repeated,
    "holiday served as a session": holiday,
    "half of the chain missing": half_missing,
}


def judge_decoys(recording: Recording, models: Models, random: np.random.Generator) -> pl.DataFrame:
    """Stories that come less than once a session, on each decoy and on the ordinary session.

    Columns ``decoy sessions ordinary decoyed refused``, means over sessions; ``refused`` is the share that the quality
    gate switched off.
    """
    counts: dict[str, list[tuple[int, int, bool]]] = {}
    for session, model in models.items():
        ordinary = _alerts(recording, session, model, recording.chain(session))[0]
        for name, change in DECOYS.items():
            alerts, refused = _alerts(recording, session, model, change(recording, session, random))
            counts.setdefault(name, []).append((ordinary, alerts, refused))
    rows = [
        (name, len(found), *np.mean(np.array(found, np.float64), axis=0).tolist()) for name, found in counts.items()
    ]
    return pl.DataFrame(rows, schema=["decoy", "sessions", "ordinary", "decoyed", "refused"], orient="row")


def _alerts(recording: Recording, session: int, model: activity.VolumeModel, chain: pl.DataFrame) -> tuple[int, bool]:
    """How many alerts a chain raises after the quality gate, and whether the gate switched off all of it."""
    panel = recording.panel(session, DEPTH)
    close = Calendar.standard().session_close(recording.sessions[session])
    received = conform(
        chain.with_columns(source=pl.lit(recording.source), simulated=pl.lit(value=False), quote_time=pl.lit(close)),
        Calendar.standard(),
    )
    verdicts = quality.judge(received, panel, None, close + timedelta(days=7))
    off = verdicts.filter(pl.col("switches_off").is_in(["all", "volume"]))["underlying"]
    fit = chain.filter(~pl.col("underlying").is_in(off.implode()))
    if fit.is_empty():
        return 0, True
    return int((raised(ranked(recording, session, model, fit))["rank"] >= ALERT_RANK).sum()), False


def _with_volume(chain: pl.DataFrame, volume: NDArray[np.float64]) -> pl.DataFrame:
    return chain.with_columns(volume=pl.Series(np.rint(volume)).cast(pl.Int64))
