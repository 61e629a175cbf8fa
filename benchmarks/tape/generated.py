"""A whole market's tape for measuring speed: any number of prints with quotes, of no market, with no truth behind."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from scanner.tape.prints import NANOSECONDS, SCHEMA

_DAY = date(2026, 5, 11)
_OPEN, _LENGTH = 1_778_506_200_000_000_000, 23_400_000_000_000
_NAMES, _CONTRACTS = 400, 150
_VENUES = np.array(["XCBO", "XPHL", "XISX", "BATO", "ARCO", "AMXO", "XNDQ", "XMIO", "EMLD", "GMNI", "XBOX", "MPRL"])
_CONDITIONS = np.array(["auto", "slan", "mlet", "mlat", "isoi", "slft", "late", "cbmo"])
_SHARES = [0.5, 0.23, 0.12, 0.11, 0.035, 0.002, 0.002, 0.001]


def write(path: Path, count: int, seed: int = 1) -> None:
    """Write a canonical Parquet tape of ``count`` prints in 60,000 contracts, sorted by time.

    Contracts are as unevenly busy as on real tapes, half of the prints are of one lot, and a tenth comes in bursts over
    several venues.
    """
    rng = np.random.default_rng(seed)
    contracts = np.array(_symbols())
    busy = rng.permutation(1 / np.arange(1, len(contracts) + 1) ** 1.05)
    contract = rng.choice(len(contracts), count, p=busy / busy.sum())
    time = _OPEN + np.sort(rng.integers(0, _LENGTH, count))
    follows = rng.random(count) < 0.1
    follows[0] = False
    contract[follows] = contract[np.flatnonzero(follows) - 1]
    middle = np.round(rng.gamma(1.2, 2.0, len(contracts)) + 0.1, 2)[contract]
    half = np.maximum(np.round(middle * 0.03, 2), 0.01)
    place = rng.choice([-1.0, 1.0, 0.0, 0.5, -0.5], count, p=[0.4, 0.38, 0.1, 0.06, 0.06])
    price = np.round(middle + place * half, 2)
    size = np.where(rng.random(count) < 0.5, 1, np.ceil(rng.random(count) ** (-1 / 1.5))).astype(np.int32)
    frame = pl.DataFrame(
        {
            "source": pl.repeat("generated", count, eager=True).cast(pl.Categorical),
            "simulated": pl.repeat(True, count, dtype=pl.Boolean, eager=True),
            "session_date": pl.repeat(_DAY, count, dtype=pl.Date, eager=True),
            "underlying": pl.Series([name[:4] for name in contracts])[contract].cast(pl.Categorical),
            "contract": pl.Series(contracts)[contract].cast(pl.Categorical),
            "time": pl.Series(time).cast(NANOSECONDS),
            "sequence": pl.Series(np.arange(count, dtype=np.int64)),
            "price": price,
            "size": np.minimum(size, 20_000).astype(np.int32),
            "exchange": pl.Series(_VENUES[rng.integers(0, 12, count)]).cast(pl.Categorical),
            "condition": pl.Series(_CONDITIONS[rng.choice(len(_SHARES), count, p=_SHARES)]),
            "cancelled": pl.repeat(False, count, dtype=pl.Boolean, eager=True),
            "told_side": pl.repeat(None, count, dtype=SCHEMA["told_side"], eager=True),
            "bid": np.round(middle - half, 2),
            "ask": np.round(middle + half, 2),
            "bid_size": rng.integers(1, 400, count).astype(np.int32),
            "ask_size": rng.integers(1, 400, count).astype(np.int32),
            "quote_time": pl.Series(time - rng.integers(1, 5_000_000, count)).cast(NANOSECONDS),
            "underlying_price": np.full(count, 100.0),
        }
    )
    frame.cast(dict(SCHEMA)).write_parquet(path, compression="zstd", compression_level=1, row_group_size=500_000)


def _symbols() -> list[str]:
    letters = "ABCDEFGHIJKLMNOPQRST"
    names = [f"Z{a}{b}X" for a in letters for b in letters][:_NAMES]
    strikes = range(50_000, 50_000 + 1_000 * (_CONTRACTS // 2), 1_000)
    return [f"{name}260515{right}{strike:08d}" for name in names for strike in strikes for right in "CP"]
