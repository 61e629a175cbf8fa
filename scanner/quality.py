"""Is this chain fit to be judged? Verdicts with reasons, each switching off exactly what it makes untrustworthy.

A verdict names an underlying, a check, what it switches off (``all``, ``volume``, ``open_interest``, ``quotes`` or
``spot``), a sentence for a person and a detail for a machine. A chain without verdicts is trusted. Pure: the past comes
in as a panel, the clock as an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import numpy as np
import polars as pl

from scanner import sessions
from scanner.panel import Panel

SwitchesOff = Literal["all", "volume", "open_interest", "quotes", "spot"]

VERDICTS = pl.Schema(
    {
        "underlying": pl.String,
        "check": pl.String,
        "switches_off": pl.String,
        "reason": pl.String,
        "detail": pl.String,
    }
)
REASONS = pl.Schema({"underlying": pl.String, "field": pl.String, "reason": pl.String})

FIELDS: dict[str, tuple[str, ...]] = {
    "volume": ("volume",),
    "open_interest": ("open_interest", "oi_asof"),
    "quotes": ("bid", "ask", "bid_size", "ask_size", "last", "vendor_iv", "vendor_delta"),
    "spot": ("spot",),
}
FIELDS["all"] = tuple(name for names in list(FIELDS.values()) for name in names)

# How many past sessions a chain is compared with. Past that, a feed that changed its shape for good is the new normal.
LOOK_BACK = 5
# A repeat: at least this share of the traded contracts has exactly the volume of an earlier session.
REPEATED_SHARE = 0.98
# Fewer traded contracts than this can agree by chance, unless the trade times agree as well.
REPEATED_CONTRACTS = 5
# The share of the previous session's live contracts that may be missing.
MISSING_SHARE = 0.20
# Of the traded contracts, the share whose newest trade may lie after the session the label names.
LATER_TRADES_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Verdict:
    """One reason not to trust a part of a chain."""

    underlying: str
    check: str
    switches_off: SwitchesOff
    reason: str
    detail: str = ""


def judge(
    chain: pl.DataFrame,
    panel: Panel,
    previous: pl.DataFrame | None,
    now: datetime,
    expected: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Verdicts on every underlying of a chain frame; no row for an underlying that can be trusted.

    ``panel`` holds the sessions before; ``previous`` is the chain frame of the snapshot before this one in the same
    session, if there is one; ``expected`` are the names that were asked for. Returns the columns of ``VERDICTS``.
    """
    found = [
        Verdict(name, "empty", "all", f"{name}: the source returned no contracts")
        for name in sorted(set(expected) - set(chain["underlying"]))
    ]
    if chain.height:
        rows = panel.rows_of(chain)
        for (name,), part in (
            chain.with_columns(_row=pl.Series(rows))
            .partition_by("underlying", as_dict=True, maintain_order=True)
            .items()
        ):
            before = None if previous is None else previous.filter(pl.col("underlying") == name)
            found += _judge_one(str(name), part, panel, before, now)
    return pl.DataFrame(found, schema=VERDICTS, orient="row").sort("underlying", maintain_order=True)


def apply(chain: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Null what is not trusted. Returns the chain and the reasons: one row for each underlying and field nulled."""
    reasons = (
        verdicts.with_columns(
            field=pl.col("switches_off").replace_strict(FIELDS, return_dtype=pl.List(pl.String)),
        )
        .explode("field")
        .group_by("underlying", "field", maintain_order=True)
        .agg(pl.col("reason").first())
        .select(REASONS.names())
    )
    if reasons.is_empty():
        return chain, pl.DataFrame(schema=REASONS)
    distrusted = dict(reasons.group_by("field").agg("underlying").iter_rows())
    return chain.with_columns(
        pl.when(~pl.col("underlying").is_in(names)).then(pl.col(name)).alias(name) for name, names in distrusted.items()
    ), reasons


def _judge_one(
    name: str, chain: pl.DataFrame, panel: Panel, previous: pl.DataFrame | None, now: datetime
) -> list[Verdict]:
    """Every verdict on one underlying. A chain that is wrong as a whole is not examined further."""
    session = chain["session_date"][0]
    whole = _empty(name, chain) or _not_a_session(name, session) or _before_open(name, chain, session, now)
    if whole:
        return whole
    past = _Past.of(name, chain, panel)
    return _repeated(name, chain, past) or _wrong_trade_times(name, chain, session) or _incomplete(name, session, past)


@dataclass(frozen=True)
class _Past:
    """The newest sessions of one underlying, newest first, beside the chain's own rows."""

    sessions: list[date]
    volume: list[np.ndarray]
    open_interest: list[np.ndarray]
    missing: list[np.ndarray]
    contracts: pl.DataFrame

    @classmethod
    def of(cls, name: str, chain: pl.DataFrame, panel: Panel) -> _Past:
        ids = np.flatnonzero((panel.contracts["underlying"] == name).to_numpy())
        columns = [
            column
            for column in range(len(panel.sessions) - 1, -1, -1)
            if np.isfinite(panel.volume[ids, column]).any() or np.isfinite(panel.open_interest[ids, column]).any()
        ][:LOOK_BACK]
        rows = chain["_row"].to_numpy()
        here, absent = rows >= 0, np.setdiff1d(ids, rows)

        def at(matrix: np.ndarray, column: int) -> np.ndarray:
            values = np.full(len(rows), np.nan, np.float32)
            values[here] = matrix[rows[here], column]
            return values

        return cls(
            sessions=[panel.sessions[column] for column in columns],
            volume=[at(panel.volume, column) for column in columns],
            open_interest=[at(panel.open_interest, column) for column in columns],
            missing=[panel.open_interest[absent, column] for column in columns],
            contracts=panel.contracts[absent],
        )


def _empty(name: str, chain: pl.DataFrame) -> list[Verdict]:
    says_something = chain.select(
        pl.any_horizontal(pl.col("volume", "open_interest", "bid", "ask", "last").is_not_null()).any()
    ).item()
    return [] if says_something else [Verdict(name, "empty", "all", f"{name}: no contract has a quote, volume or OI")]


def _not_a_session(name: str, session: date) -> list[Verdict]:
    if sessions.is_session(session):
        return []
    weekend = session.weekday() >= 5
    what = "a weekend" if weekend else "a holiday of the exchange"
    check = "weekend" if weekend else "holiday"
    return [
        Verdict(name, check, "all", f"{name}: labelled {session}, {what}; no session was held", session.isoformat())
    ]


def _before_open(name: str, chain: pl.DataFrame, session: date, now: datetime) -> list[Verdict]:
    quoted = min(chain.select(pl.col("quote_time").max()).item(), now)
    opened = sessions.session_open(session)
    if quoted >= opened:
        return []
    reason = f"{name}: quoted at {quoted:%Y-%m-%d %H:%M} UTC, before session {session} opened"
    return [Verdict(name, "before_open", off, reason, quoted.isoformat()) for off in ("volume", "quotes")]


def _repeated(name: str, chain: pl.DataFrame, past: _Past) -> list[Verdict]:
    volume = chain["volume"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    open_interest = chain["open_interest"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    for session, old_volume, old_oi in zip(past.sessions, past.volume, past.open_interest, strict=True):
        traded = (volume > 0) | (old_volume > 0)
        if traded.sum() < REPEATED_CONTRACTS or (volume == old_volume)[traded].mean() < REPEATED_SHARE:
            continue
        share = f"{(volume == old_volume)[traded].mean():.1%} of {traded.sum()} traded contracts"
        same_oi = np.array_equal(open_interest[traded], old_oi[traded].astype(np.float64), equal_nan=True)
        reason = f"{name}: repeats the volumes of session {session} ({share})"
        off: tuple[SwitchesOff, ...] = ("all",) if same_oi else ("volume", "quotes")
        return [Verdict(name, "repeated", part, reason, session.isoformat()) for part in off]
    return []


def _wrong_trade_times(name: str, chain: pl.DataFrame, session: date) -> list[Verdict]:
    traded = chain.filter((pl.col("volume") > 0) & pl.col("last_trade_time").is_not_null())
    if traded.is_empty():
        return []
    day = pl.col("last_trade_time").dt.convert_time_zone(str(sessions.NEW_YORK)).dt.date()
    newest, later = traded.select(day.max(), later=(day > session).mean()).row(0)
    if later >= LATER_TRADES_SHARE:
        reason = f"{name}: labelled {session} but traded on {newest}"
        return [Verdict(name, "mislabelled", "all", reason, str(newest))]
    if newest < session:
        reason = f"{name}: no trade newer than {newest}; the volumes are not those of session {session}"
        return [Verdict(name, "stale", off, reason, str(newest)) for off in ("volume", "quotes", "spot")]
    return []


def _incomplete(name: str, session: date, past: _Past) -> list[Verdict]:
    if not past.sessions:
        return []
    live_before = past.open_interest[0] > 0
    missing = (past.missing[0] > 0) & (past.contracts["expiry"] >= session).to_numpy()
    gone, held = int(missing.sum()), int(missing.sum() + live_before.sum())
    if not held or gone / held < MISSING_SHARE:
        return []
    reason = (
        f"{name}: {gone:,} of {held:,} contracts that had open interest on {past.sessions[0]} are missing "
        f"({gone / held:.0%})"
    )
    return [Verdict(name, "incomplete", "all", reason, f"{gone}/{held}")]
