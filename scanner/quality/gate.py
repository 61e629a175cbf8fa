"""Is this chain fit to be judged? Verdicts with reasons, each switching off exactly what it makes untrustworthy.

A verdict names an underlying, a check, what it switches off (``all``, ``volume``, ``open_interest``, ``quotes`` or
``spot``), a sentence for a person and a detail for a machine. A chain without verdicts is trusted. Pure: the past comes
in as a panel, the clock as an argument.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from scanner import fields
from scanner.history.panel import Panel
from scanner.kernels.columns import placed
from scanner.market import chain as chain_module
from scanner.market import products
from scanner.market.calendar import NEW_YORK, Calendar
from scanner.market.chain import distinct
from scanner.quality import counts

VERDICTS = pl.Schema(
    [
        ("underlying", pl.String),
        ("check", pl.String),
        ("switches_off", pl.String),
        ("reason", pl.String),
        ("detail", pl.String),
    ]
)
REASONS = pl.Schema([("underlying", pl.String), ("field", pl.String), ("reason", pl.String)])

FIELDS: dict[str, tuple[str, ...]] = {
    part: tuple(name for name, field in fields.of("contract").items() if field.switched_off_with == part)
    for part in ("volume", "open_interest", "quotes", "spot")
}
FIELDS["all"] = tuple(name for names in list(FIELDS.values()) for name in names)

# The thresholds stand between what real chains show when they are sound and when they are not. Two sound sessions of
# one name share the exact volume of at most a ninth of the traded contracts; re-served ones of 88 to 100 %.
REPEATED_SHARE = 0.75
REPEATED_LEAST = 5
# Of the traded contracts, the share whose newest trade may lie after the session the label names.
LATER_TRADES_SHARE = 0.10
# Of the contracts that had open interest, the share that may be missing.
MISSING_SHARE = 0.20
# Sound open interest of the same contracts moves by a few percent overnight.
COLLAPSED_SHARE = 0.50
UNCHANGED_LEAST = 20
TRADED_LEAST = 10
# Sound chains show 0.5 % of open-interest increases above the volume that could have made them, at worst 6.5 %.
IMPOSSIBLE_SHARE = 0.10
# Busted trades take back less than a tenth of a percent of a session's volume.
FALL_SHARE = 0.01
FALL_ROWS_SHARE = 0.05
ZERO_QUOTES_SHARE = 0.95
ABSURD_QUOTES_SHARE = 0.05
# A spot may be this far off what calls and puts imply: usual carry over 45 days, and half an hour's drift.
SPOT_SHARE = 0.02
# Exchanges list strikes around the price; a share that lost 95 % overnight may still lie below the lowest.
FAR_FROM_STRIKES = 20
# What the market may move from the close to a quarter past it, which some options trade until.
LATE_SPOT_SHARE = 0.06
# Options that are worth what exercise gives tell it more closely.
EXERCISE_SHARE = 0.005
# A name whose quietest recent session traded this much does not go an hour without a trade.
BUSY_VOLUME = 1000
QUIET_FOR = timedelta(hours=1)

Evidence = dict[str, Any]
Found = tuple[tuple[str, ...], str, str]
Check = Callable[[Evidence, datetime], Found | None]


def judge(chain: pl.DataFrame, panel: Panel, previous: pl.DataFrame | None, now: datetime) -> pl.DataFrame:
    """Verdicts on every underlying of a chain frame; no row for an underlying that can be trusted.

    ``panel`` holds the sessions before; ``previous`` is the chain frame of the snapshot before this one in the same
    session, if there is one. Returns the columns of ``VERDICTS``.
    """
    found: list[tuple[str, str, str, str, str]] = []
    if chain.height:
        seen = counts.gather(chain, panel, previous)
        days = {day: _of_the_calendar(day, panel.calendar) for day in distinct(seen["session_date"])}
        for row in seen.iter_rows(named=True):
            outlasts = panel.calendar.quotes_outlast_spot(row["session_date"], row["underlying"], row["quote_time"])
            found += _verdicts({**row, **days[row["session_date"]], "outlasts_spot": outlasts}, now)
    return pl.DataFrame(found, schema=VERDICTS, orient="row").sort("underlying", maintain_order=True)


def apply(chain: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Null what is not trusted. Returns the chain and the reasons: one row for each underlying and field nulled.

    Volumes that a vendor carried over from the day a contract last traded become the zero they stand for.
    """
    chain = placed(chain, [counts.session_volume(chain)])
    reasons = (
        verdicts.with_columns(field=pl.col("switches_off").replace_strict(FIELDS, return_dtype=pl.List(pl.String)))
        .explode("field")
        .group_by("underlying", "field", maintain_order=True)
        .agg(pl.col("reason").first())
        .select(REASONS.names())
    )
    distrusted = reasons.group_by("field").agg("underlying").iter_rows()
    return chain.with_columns(
        pl.when(~pl.col("underlying").is_in(names)).then(pl.col(name)).alias(name) for name, names in distrusted
    ), reasons


def unusable(past: pl.DataFrame) -> pl.DataFrame:
    """Why stored sessions of a name are no volume baseline: one row of ``REASONS`` about its ``history_sessions``.

    ``past`` holds one row for each past session and underlying, with ``final`` (whether its close was seen) and
    ``verdicts``. No row for a name whose sessions all count.
    """
    if not {"final", "verdicts"} <= set(past.columns):
        return pl.DataFrame(schema=REASONS)
    off = pl.col("verdicts").list.eval(pl.element().struct.field("switches_off").is_in(["all", "volume"])).list.any()
    doubtful = past.filter(~pl.col("final") | (pl.col("verdicts").list.len() > 0))
    if doubtful.is_empty():
        return pl.DataFrame(schema=REASONS)
    counts = (
        doubtful.group_by("underlying", maintain_order=True)
        .agg(unfinished=(~pl.col("final")).sum(), distrusted=(pl.col("final") & off).sum())
        .filter(pl.col("unfinished") + pl.col("distrusted") > 0)
    )
    return pl.DataFrame(
        [(name, "history_sessions", _told(unfinished, bad)) for name, unfinished, bad in counts.iter_rows()],
        schema=REASONS,
        orient="row",
    )


def _told(unfinished: int, distrusted: int) -> str:
    parts = []
    if unfinished:
        ends = "session ends before its" if unfinished == 1 else "sessions end before the"
        parts.append(f"{unfinished:,} stored {ends} close")
    if distrusted:
        are = "session is" if distrusted == 1 else "sessions are"
        parts.append(f"volume of {distrusted:,} stored {are} not trusted")
    return ", ".join(parts)


def _of_the_calendar(day: date, calendar: Calendar) -> Evidence:
    """What the calendar knows of a chain's label: was a session held, when did it open, and which was before it."""
    held = calendar.is_session(day)
    return {
        "held": held,
        "opened": calendar.session_open(day) if held else None,
        "session_before": calendar.previous_session(day),
    }


def _verdicts(seen: Evidence, now: datetime) -> Iterator[tuple[str, str, str, str, str]]:
    """Every verdict on one underlying. What is switched off already needs no second reason."""
    name, off = seen["underlying"], set[str]()
    for check, look in _CHECKS.items():
        found = look(seen, now)
        if found is not None:
            parts, reason, detail = found
            yield from ((name, check, part, f"{name}: {reason}", detail) for part in parts if part not in off)
            off.update(parts)
            if "all" in off:
                return


def _empty(seen: Evidence, _: datetime) -> Found | None:
    return None if seen["known"] else (("all",), "no contract has a quote, a volume or open interest", "")


def _weekend(seen: Evidence, _: datetime) -> Found | None:
    day = seen["session_date"]
    return (("all",), f"labelled {day}, a weekend: no session was held", f"{day}") if day.weekday() >= 5 else None


def _holiday(seen: Evidence, _: datetime) -> Found | None:
    day = seen["session_date"]
    if seen["held"]:
        return None
    repeats = f"; its volumes repeat {_likeness(seen)}" if _is_repeat(seen) else ""
    return ("all",), f"labelled {day}, a holiday of the exchange: no session was held{repeats}", f"{day}"


def _before_open(seen: Evidence, now: datetime) -> Found | None:
    quoted = min(seen["quote_time"], now)
    if quoted >= seen["opened"]:
        return None
    at = quoted.astimezone(NEW_YORK)
    reason = f"quoted at {at:%Y-%m-%d %H:%M} New York, before session {seen['session_date']} opened"
    return ("volume", "quotes", "spot"), reason, quoted.isoformat()


def _mislabelled(seen: Evidence, _: datetime) -> Found | None:
    if (seen["later_share"] or 0) < LATER_TRADES_SHARE:
        return None
    return ("all",), f"labelled {seen['session_date']} but traded on {seen['newest_trade']}", f"{seen['newest_trade']}"


def _expired(seen: Evidence, _: datetime) -> Found | None:
    count, session = seen["expired"], seen["session_date"]
    if count < chain_module.WHOLE_EXPIRY:
        return None
    return (
        ("all",),
        f"labelled {session}, but {count} contracts in it had expired before: the label is late",
        f"{count}",
    )


def _is_repeat(seen: Evidence) -> bool:
    return (seen.get("like_share") or 0) >= REPEATED_SHARE and seen["like_traded"] >= REPEATED_LEAST


def _likeness(seen: Evidence) -> str:
    share = f"{seen['like_share']:.1%} of {seen['like_traded']:,} traded contracts agree"
    return f"session {seen['like_session']} ({share})"


def _repeated(seen: Evidence, _: datetime) -> Found | None:
    if not _is_repeat(seen):
        return None
    off = ("all",) if seen["like_oi"] else ("volume", "quotes", "spot")
    return off, f"repeats the volumes of {_likeness(seen)}", f"{seen['like_session']}"


def _stale(seen: Evidence, _: datetime) -> Found | None:
    newest, session = seen["newest_trade"], seen["session_date"]
    if newest is None or newest >= session:
        return None
    reason = f"labelled {session}, but no trade in it is newer than {newest}; its volumes are of an earlier session"
    return ("volume", "quotes", "spot"), reason, f"{newest}"


def _incomplete(seen: Evidence, _: datetime) -> Found | None:
    missing, held = seen.get("missing") or 0, (seen.get("missing") or 0) + (seen.get("live_here") or 0)
    if not missing or missing / held < MISSING_SHARE:
        return None
    share = f"{missing:,} of {held:,} contracts ({missing / held:.0%})"
    reason = f"{share} that had open interest on {seen['oi_session']} are missing"
    return ("all",), reason, f"{missing}/{held}"


def _no_trades(seen: Evidence, _: datetime) -> Found | None:
    usual = seen.get("least_volume") or 0
    if seen["volume"] or usual < BUSY_VOLUME or seen["known_sessions"] < 3:
        return None
    if seen["quote_time"] < seen["opened"] + QUIET_FOR:
        return None
    return ("volume",), f"no contract has traded, where every recent session saw at least {usual:,.0f}", ""


def _volume_fell(seen: Evidence, _: datetime) -> Found | None:
    fell = seen.get("fell") or 0
    if not fell or (
        fell < FALL_SHARE * seen["before_volume"] and seen["fell_rows"] < FALL_ROWS_SHARE * seen["before_rows"]
    ):
        return None
    reason = (
        f"cumulative volume fell by {fell:,} in {seen['fell_rows']:,} contracts since the snapshot before it "
        f"({seen['before_volume']:,} then)"
    )
    return ("volume",), reason, f"{fell}"


def _zero_quotes(seen: Evidence, _: datetime) -> Found | None:
    if not seen["quoted"] or seen["zero_quoted"] < ZERO_QUOTES_SHARE * seen["quoted"]:
        return None
    return ("quotes",), f"bid and ask are zero in {seen['zero_quoted']:,} of {seen['quoted']:,} quotes", ""


def _absurd_quotes(seen: Evidence, _: datetime) -> Found | None:
    wrong = seen["crossed"] + seen["absurd"]
    if not wrong or wrong < ABSURD_QUOTES_SHARE * seen["two_sided"]:
        return None
    reason = (
        f"of {seen['two_sided']:,} two-sided quotes {seen['crossed']:,} are crossed and {seen['absurd']:,} bid more "
        "than the option can be worth"
    )
    return ("quotes",), reason, f"{wrong}/{seen['two_sided']}"


def _oi_lagging(seen: Evidence, _: datetime) -> Found | None:
    asof, due = seen["oi_asof"], seen["session_before"]
    if asof is None or asof >= due:
        return None
    return ("open_interest",), f"open interest is of {asof}, not yet of the previous close {due}", f"{asof}"


def _oi_collapsed(seen: Evidence, _: datetime) -> Found | None:
    now, then = seen.get("oi_now") or 0, seen.get("oi_then") or 0
    if (seen.get("compared") or 0) < UNCHANGED_LEAST or now >= COLLAPSED_SHARE * then:
        return None
    reason = f"open interest of the same contracts fell from {then:,.0f} on {seen['oi_session']} to {now:,.0f}"
    return ("open_interest",), reason, f"{now:.0f}/{then:.0f}"


def _oi_not_refreshed(seen: Evidence, _: datetime) -> Found | None:
    if (seen.get("compared") or 0) < UNCHANGED_LEAST or seen["changed"] or seen["traded_then"] < TRADED_LEAST:
        return None
    reason = (
        f"open interest is that of {seen['oi_session']} in all {seen['compared']:,} contracts, though "
        f"{seen['traded_then']:,} of them traded then"
    )
    return ("open_interest",), reason, f"{seen['oi_session']}"


def _oi_impossible(seen: Evidence, _: datetime) -> Found | None:
    previous = seen["session_before"]
    changed, wrong = seen.get("changed_beside_volume") or 0, seen.get("impossible") or 0
    if seen.get("oi_session") != previous or changed < UNCHANGED_LEAST or wrong < IMPOSSIBLE_SHARE * changed:
        return None
    reason = f"open interest rose by more than was traded on {previous} in {wrong:,} of {changed:,} changed contracts"
    return ("open_interest",), reason, f"{wrong}/{changed}"


def _spot_missing(seen: Evidence, _: datetime) -> Found | None:
    return (("spot",), "the source gave no price of the underlying", "") if seen["spot"] is None else None


def _spot_off_strikes(seen: Evidence, _: datetime) -> Found | None:
    spot, least, most = seen["spot"], seen["least_strike"], seen["most_strike"]
    if spot is None or least is None or least / FAR_FROM_STRIKES <= spot <= most * FAR_FROM_STRIKES:
        return None
    return ("spot",), f"spot {spot:,.2f} is far from every strike, {least:,.2f} to {most:,.2f}", f"{spot:.4f}"


def _spot_off_parity(seen: Evidence, _: datetime) -> Found | None:
    spot, level = seen["spot"], seen.get("parity_spot")
    if spot is None or level is None:
        return None
    implied = seen.get("carry_spot") or level
    # Dividends are steps in time, dear borrowing is a slope: what is exercised or ends within days knows of neither.
    exercised = seen.get("called_spot") if implied < spot else seen.get("put_spot")
    usual = _spot_share(seen)
    explained = ((implied, usual), (seen.get("near_spot"), usual), (exercised, EXERCISE_SHARE))
    if any(told is not None and abs(told / spot - 1) < share for told, share in explained):
        return None
    reason = f"spot {spot:,.2f} is {abs(implied / spot - 1):.1%} off the {implied:,.2f} that calls and puts imply"
    return ("spot",), reason, f"{implied:.4f}"


def _spot_share(seen: Evidence) -> float:
    """How far the spot may be off what calls and puts imply: a future has its own price, quotes of 16:15 their own."""
    if products.priced_off_future(seen["underlying"]):
        return math.inf
    return LATE_SPOT_SHARE if seen["outlasts_spot"] else SPOT_SHARE


_CHECKS: dict[str, Check] = {
    "empty": _empty,
    "weekend": _weekend,
    "holiday": _holiday,
    "mislabelled": _mislabelled,
    "repeated": _repeated,
    "incomplete": _incomplete,
    "before_open": _before_open,
    "stale": _stale,
    "expired": _expired,
    "no_trades": _no_trades,
    "volume_fell": _volume_fell,
    "zero_quotes": _zero_quotes,
    "absurd_quotes": _absurd_quotes,
    "oi_lagging": _oi_lagging,
    "oi_collapsed": _oi_collapsed,
    "oi_not_refreshed": _oi_not_refreshed,
    "oi_impossible": _oi_impossible,
    "spot_missing": _spot_missing,
    "spot_off_strikes": _spot_off_strikes,
    "spot_off_parity": _spot_off_parity,
}
