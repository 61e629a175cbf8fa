"""Recorded sessions laid out dense, to walk over forward and to inject into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner import quality
from scanner.history.panel import Panel
from scanner.market.calendar import Calendar

_KEY = ["root", "expiry", "strike", "right"]


@dataclass(frozen=True)
class Recording:
    """Every trusted session of one source: arrays of shape (contracts, sessions), NaN where unknown or not trusted.

    ``price`` is the mid, else the last trade. ``excluded`` holds a sentence for each underlying and session left out.
    """

    source: str
    sessions: tuple[date, ...]
    contracts: pl.DataFrame
    volume: NDArray[np.float32]
    open_interest: NDArray[np.float32]
    iv: NDArray[np.float32]
    delta: NDArray[np.float32]
    price: NDArray[np.float32]
    underlyings: tuple[str, ...]
    spot: NDArray[np.float64]
    excluded: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path, symbols: tuple[str, ...] | None = None) -> Recording:
        """Read recorded chains, the last of each session, and leave out what the quality gate does not trust.

        Raises ValueError where nothing readable is found.
        """
        from scanner.sources.files import read_recorded

        newest: dict[tuple[str, date], pl.DataFrame] = {}
        excluded = []
        for recorded in read_recorded(folder, calendar=Calendar.standard()):
            excluded += [f"{refusal.path}: {refusal.reason}" for refusal in recorded.refusals]
            chain = recorded.chain
            if chain is None or chain.is_empty() or (symbols and chain["underlying"][0] not in symbols):
                continue
            key = (chain["underlying"][0], chain["session_date"][0])
            if key not in newest or chain["quote_time"][0] >= newest[key]["quote_time"][0]:
                newest[key] = chain
        held = Calendar.standard().is_session
        closed = {key: chain for key, chain in newest.items() if held(key[1])}
        excluded += [f"{name} {day}: not a session of the exchange" for name, day in newest if not held(day)]
        if not closed:
            raise ValueError(f"no recorded chains to walk over in {folder}")
        chains = pl.concat(closed.values())
        return cls.of(chains, tuple(excluded)).trusted(chains)

    @classmethod
    def of(cls, chains: pl.DataFrame, excluded: tuple[str, ...] = ()) -> Recording:
        """Lay out chain frames of one source; no contract twice in a session."""
        days = chains["session_date"].unique().sort()
        contracts = chains.select("underlying", "root", "contract", "expiry", "strike", "right")
        contracts = contracts.unique(_KEY, keep="first").sort(_KEY)
        place = chains.join(contracts.select(_KEY).with_row_index("row"), on=_KEY, how="left", maintain_order="left")
        row = place["row"].to_numpy()
        column = (
            place["session_date"].replace_strict(days, pl.Series(range(len(days))), return_dtype=pl.Int32).to_numpy()
        )
        shape = (contracts.height, len(days))

        def dense(values: pl.Series) -> NDArray[np.float32]:
            result = np.full(shape, np.nan, np.float32)
            result[row, column] = values.cast(pl.Float32).fill_null(np.nan).to_numpy()
            return result

        names = tuple(chains["underlying"].unique().sort())
        spot = np.full((len(names), len(days)), np.nan)
        spots = chains.group_by("underlying", "session_date").agg(pl.col("spot").drop_nulls().first()).drop_nulls()
        number, when = dict(zip(names, range(len(names)), strict=True)), {day: i for i, day in enumerate(days)}
        for name, day, value in spots.iter_rows():
            spot[number[name], when[day]] = value
        mid = (place["bid"] + place["ask"]) / 2
        return cls(
            chains["source"][0],
            tuple(days),
            contracts,
            dense(place["volume"]),
            dense(place["open_interest"]),
            dense(place["vendor_iv"]),
            dense(place["vendor_delta"]),
            dense(pl.select(pl.coalesce(mid, place["last"])).to_series()),
            names,
            spot,
            excluded,
        )

    def trusted(self, chains: pl.DataFrame) -> Recording:
        """The same without the volumes that the quality gate switches off, session by session; ``chains`` made it."""
        volume, excluded = self.volume.copy(), list(self.excluded)
        judged = replace(self, volume=volume)
        for number, session in enumerate(self.sessions):
            chain = chains.filter(pl.col("session_date") == session)
            verdicts = quality.judge(chain, judged.panel(number, 5), None, Calendar.standard().session_close(session))
            untrusted = verdicts.filter(pl.col("switches_off").is_in(["all", "volume"]))
            for name, reason in untrusted.select("underlying", "reason").iter_rows():
                excluded.append(f"{name} {session}: {reason}")
                volume[(self.contracts["underlying"] == name).to_numpy(), number] = np.nan
        return replace(judged, excluded=tuple(excluded))

    def panel(self, session: int, depth: int = 60) -> Panel:
        """What is remembered before a session."""
        past = slice(max(session - depth, 0), session)
        rows = np.flatnonzero(np.isfinite(self.volume[:, past]).any(axis=1))
        return Panel(
            source=self.source,
            sessions=self.sessions[past],
            contracts=self.contracts[rows],
            volume=np.ascontiguousarray(self.volume[rows, past]),
            open_interest=np.ascontiguousarray(self.open_interest[rows, past]),
            iv=np.ascontiguousarray(self.iv[rows, past]),
            delta=np.ascontiguousarray(self.delta[rows, past]),
            mid=np.ascontiguousarray(self.price[rows, past]),
            underlyings=self.underlyings,
            spot=self.spot[:, past],
            oi_asof=np.full(self.spot[:, past].shape, np.datetime64("NaT"), "datetime64[D]"),
            calendar=Calendar.standard(),
        )

    def with_volume(self, volume: NDArray[np.float32]) -> Recording:
        """The same recording with another volume."""
        return replace(self, volume=volume)

    def days_to_expiry(self, session: int) -> NDArray[np.int32]:
        """Calendar days from a session to every contract's expiry, negative once it has passed."""
        expiry = self.contracts["expiry"].to_physical().to_numpy()
        return np.asarray(expiry - np.datetime64(self.sessions[session], "D").astype(np.int32))

    @property
    def underlying_numbers(self) -> NDArray[np.int32]:
        """The position in ``underlyings`` of every contract's underlying."""
        numbered = dict(zip(self.underlyings, range(len(self.underlyings)), strict=True))
        return self.contracts["underlying"].replace_strict(numbered, return_dtype=pl.Int32).to_numpy()

    def rows(self, session: int) -> NDArray[np.int64]:
        """Row numbers of the contracts listed and trusted in a session."""
        return np.flatnonzero(np.isfinite(self.volume[:, session]))

    def chain(self, session: int) -> pl.DataFrame:
        """A session's chain, with ``dte``, ``iv`` and ``mid`` as the pricing stage would leave them."""
        rows = self.rows(session)
        spot = self.spot[self.underlying_numbers[rows], session]
        day = self.sessions[session]

        def column(values: NDArray[np.float32]) -> pl.Series:
            return pl.Series(values[rows, session], dtype=pl.Float64).fill_nan(None)

        return self.contracts[rows].with_columns(
            session_date=pl.lit(day),
            spot=pl.Series(spot).fill_nan(None),
            dte=(pl.col("expiry") - day).dt.total_days().cast(pl.Int32),
            volume=column(self.volume).cast(pl.Int64),
            open_interest=column(self.open_interest).cast(pl.Int64),
            iv=column(self.iv),
            delta=column(self.delta),
            mid=column(self.price),
            last=column(self.price),
        )
