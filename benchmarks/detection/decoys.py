"""What a detector must not fall for: ordinary sessions changed in ways that are no anomaly of any contract.

Each decoy is a real session with its volumes (or its listing) changed, judged by the product's own path. It must raise
no more rare alerts than the session itself did; a decoy that the quality gate refuses raises none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.detection.product import Product, Told
from benchmarks.detection.recording import Recording

# What comes less than once in a session is counted: the rest of the list is filled whatever happens.
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
    # Several expiring contracts of a strike move into one: each brings its lots.
    np.add.at(volume, pairs["_row"].to_numpy(), lots)
    np.add.at(volume, pairs["far"].to_numpy(), lots)
    return _with_volume(chain.drop("_row"), volume)


def before_earnings(recording: Recording, session: int, random: np.random.Generator) -> pl.DataFrame:
    """Two and a half times the volume in everything that expires within ten days."""
    chain = recording.chain(session)
    near = (chain["dte"] <= 10).to_numpy()
    volume = np.where(near, _busier(recording, session, 2.5, random), chain["volume"].to_numpy())
    return _with_volume(chain, volume)


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


def judge_decoys(
    recording: Recording, told: Product, sessions: Sequence[int], random: np.random.Generator
) -> pl.DataFrame:
    """Alerts that come less than once a session, on each decoy and on the session itself, each judged alone.

    Columns ``decoy sessions ordinary decoyed ratio refused tagged``: means over sessions; ``refused`` is the share that
    the quality gate switched off, ``tagged`` that of the contracts with another volume that are suspected of a roll.
    """
    counts: dict[str, list[tuple[float, ...]]] = {}
    for session, drawn in zip(sessions, random.spawn(len(sessions)), strict=True):
        day = recording.sessions[session]
        plain = told.alone(day)
        ordinary, before = _rare(plain), plain.ranked.select("contract", before="volume")
        for name, change in DECOYS.items():
            found = told.alone(day, change(recording, session, drawn))
            touched = found.ranked.join(before, on="contract").filter(pl.col("volume") != pl.col("before"))
            tagged = touched["roll_suspect"].fill_null(value=False).mean() if touched.height else 0.0
            counts.setdefault(name, []).append((ordinary, _rare(found), found.refused, float(tagged or 0.0)))
    rows = []
    for name, found_in in counts.items():
        ordinary, decoyed, refused, tagged = np.mean(np.array(found_in, np.float64), axis=0).tolist()
        ratio = decoyed / ordinary if ordinary else None
        rows.append((name, len(found_in), ordinary, decoyed, ratio, refused, tagged))
    schema = ["decoy", "sessions", "ordinary", "decoyed", "ratio", "refused", "tagged"]
    return pl.DataFrame(rows, schema=schema, orient="row", infer_schema_length=None)


def _rare(told: Told) -> int:
    """How many alerts of a session come less than once a session."""
    return sum((alert.once_in_sessions or 0.0) >= ALERT_RANK for alert in told.alerts)


def _with_volume(chain: pl.DataFrame, volume: NDArray[np.float64]) -> pl.DataFrame:
    return chain.with_columns(volume=pl.Series(np.rint(volume)).cast(pl.Int64))
