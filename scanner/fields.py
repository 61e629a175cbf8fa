"""The field dictionary: every name that rules, JSON and CSV use, defined once.

One row a field: the scope it belongs to, what kind of value it is, its unit, the formula in words, what a null means,
and the range a true value lies in. The reference in ``docs/fields.md``, the JSON schema of rules, ``scanner rules
fields`` and the type check of rule expressions are all made from this table; a name that is not here exists nowhere.

Conventions: implied volatility is a decimal fraction per square root of a year (0.42 is 42 %); names ending in ``_pct``
and ``_share`` are fractions of 1; money is in dollars; instants are UTC; a ``*_change`` is this session minus the
previous one in the field's own unit, except ``spot_change``, which is a return. A missing value is null, never 0, NaN
or infinite.
"""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class Kind(StrEnum):
    """What kind of value a field holds; decides which comparisons make sense."""

    number = "number"
    integer = "integer"
    text = "text"
    flag = "flag"
    date = "date"
    instant = "instant"


class Unit(StrEnum):
    """What a number counts or measures. ``fraction``, ``ratio`` and ``chance`` are pure numbers and may be compared."""

    none = "-"
    contracts = "contracts"
    shares = "shares"
    dollars = "dollars"
    fraction = "fraction of 1"
    ratio = "ratio"
    chance = "chance"
    surprise = "-log10 of a chance"
    decades = "powers of ten"
    volatility = "volatility"
    deviations = "standard deviations"
    days = "days"
    sessions = "sessions"
    minutes = "minutes"
    years = "years"
    counted = "count"
    per_contract = "per contract"
    per_dollar = "delta per dollar"
    dollars_per_vol_point = "dollars per vol point"
    dollars_per_day = "dollars per day"
    dollars_per_rate_point = "dollars per rate point"


@dataclass(frozen=True, slots=True)
class Scope:
    """One kind of row that is judged: what makes a row of it, and which wider scopes its rules may look at."""

    name: str
    meaning: str
    keys: tuple[str, ...]
    wider: tuple[str, ...]


SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        scope.name: scope
        for scope in (
            Scope("contract", "one option series", ("contract",), ("strike", "expiry", "underlying", "market")),
            Scope(
                "strike",
                "both rights of one root, expiry and strike",
                ("underlying", "root", "expiry", "strike"),
                ("expiry", "underlying", "market"),
            ),
            Scope(
                "ladder",
                "a run of neighbouring strikes of one root, expiry and right",
                ("underlying", "root", "expiry", "right", "first_strike", "last_strike"),
                ("expiry", "underlying", "market"),
            ),
            Scope(
                "expiry",
                "all contracts of one root and expiry",
                ("underlying", "root", "expiry"),
                ("underlying", "market"),
            ),
            Scope("underlying", "one stock, ETF or index", ("underlying",), ("market",)),
            Scope(
                "market",
                "all scanned underlyings together, and the index products and single names apart",
                ("segment",),
                (),
            ),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one scope. ``null`` says what a missing value means and is empty where none can be missing."""

    scope: str
    name: str
    kind: Kind
    unit: Unit
    meaning: str
    null: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    @property
    def calibrated(self) -> bool:
        """Whether the value is a chance that was checked against real frequencies (or the logarithm of one)."""
        return self.unit is Unit.surprise or self.name.endswith("_q")

    @property
    def can_be_missing(self) -> bool:
        """Whether a row may hold null here."""
        return bool(self.null)

    @property
    def numeric(self) -> bool:
        """Whether arithmetic and ordering by size make sense."""
        return self.kind in (Kind.number, Kind.integer)

    @property
    def dtype(self) -> pl.DataType:
        """The polars dtype a column of this field is expected to have (enums are strings here)."""
        import polars as pl

        dtypes: dict[Kind, pl.DataType] = {
            Kind.number: pl.Float64(),
            Kind.integer: pl.Int64(),
            Kind.text: pl.String(),
            Kind.flag: pl.Boolean(),
            Kind.date: pl.Date(),
            Kind.instant: pl.Datetime("us", "UTC"),
        }
        return dtypes[self.kind]


# What a contract is ranked as; see scanner.activity.ranking.keys.
FAMILIES = ("one session", "new strike", "build-up")
_NO_HISTORY = "fewer good sessions than it needs"
_NO_QUOTE = "no two-sided quote"
_NO_IV = "no implied volatility; iv_reason says why"
_NO_VOLUME = "volume not known, or switched off by the quality gate"
_NO_OI = "open interest not known, or switched off by the quality gate"
_NO_SCORE = "no baseline of its own or built in; surprise_reason says why"
_NO_CALLS = "no calls traded or open: a ratio to nothing is not a number"
_NO_PREVIOUS = "no trusted previous session"
_NO_EVENTS = "no source of events names a date"
_NO_FORWARD = "no forward could be found, or an adjusted deliverable"


def _text(scope: str, name: str, meaning: str, null: str = "", choices: tuple[str, ...] = ()) -> Field:
    return Field(scope, name, Kind.text, Unit.none, meaning, null, choices=choices)


def _flag(scope: str, name: str, meaning: str, null: str = "") -> Field:
    return Field(scope, name, Kind.flag, Unit.none, meaning, null)


def _date(scope: str, name: str, meaning: str, null: str = "") -> Field:
    return Field(scope, name, Kind.date, Unit.none, meaning, null)


def _instant(scope: str, name: str, meaning: str, null: str = "") -> Field:
    return Field(scope, name, Kind.instant, Unit.none, meaning, null)


def _integer(scope: str, name: str, unit: Unit, meaning: str, null: str = "", *, low: float = 0) -> Field:
    return Field(scope, name, Kind.integer, unit, meaning, null, low=low)


def _number(
    scope: str, name: str, unit: Unit, meaning: str, null: str = "", *, low: float = -math.inf, high: float = math.inf
) -> Field:
    return Field(scope, name, Kind.number, unit, meaning, null, low=low, high=high)


def _share(scope: str, name: str, meaning: str, null: str = _NO_VOLUME) -> Field:
    return Field(scope, name, Kind.number, Unit.fraction, meaning, null, low=0, high=1)


def _surprise(scope: str, name: str, meaning: str, null: str = _NO_SCORE) -> Field:
    return Field(scope, name, Kind.number, Unit.surprise, meaning, null, low=0, high=20)


def _contract() -> tuple[Field, ...]:
    s = "contract"
    iv_reasons = (
        "no_bid", "crossed", "below_intrinsic", "above_bound", "expired", "stale", "no_forward", "unidentifiable",
        "nonstandard", "no_quote", "vendor",
    )  # fmt: skip
    return (
        _text(s, "source", "the vendor or file format the row came from"),
        _flag(s, "simulated", "true for rows no market ever made"),
        _date(s, "session_date", "the exchange's session, by its New York date"),
        _instant(s, "quote_time", "the moment the quotes describe"),
        _text(s, "underlying", "the stock, ETF or index"),
        _text(s, "root", "the option root; may differ from the underlying (SPXW, GOOG1)"),
        _text(s, "contract", "compact OSI symbol"),
        _date(s, "expiry", "the date in the symbol"),
        _number(s, "strike", Unit.dollars, "exercise price", low=0),
        _text(s, "right", "C for a call, P for a put", choices=("C", "P")),
        _integer(s, "multiplier", Unit.per_contract, "shares or index units a contract stands for", low=1),
        _text(s, "exercise_style", "when it may be exercised", choices=("american", "european")),
        _text(s, "settlement", "at the open or the close of the expiry date", choices=("AM", "PM")),
        _flag(s, "nonstandard", "adjusted deliverable, FLEX or mini; kept out of ratios"),
        _number(s, "spot", Unit.dollars, "price of the underlying at the quote time", "the source does not give it", low=0),
        _integer(s, "dte", Unit.days, "calendar days from the session to the expiry"),
        _number(s, "years", Unit.years, "quote time to the expiry instant, ACT/365 to the minute", low=0),
        _number(s, "forward", Unit.dollars, "forward price of the expiry", _NO_FORWARD, low=0),
        _number(s, "discount", Unit.fraction, "discount factor of the expiry", _NO_FORWARD, low=0),
        _number(s, "moneyness", Unit.fraction, "ln(strike / forward)", _NO_FORWARD),
        _number(s, "moneyness_sd", Unit.deviations, "ln(strike / forward) / (ATM volatility x sqrt(years))", _NO_FORWARD),
        _flag(s, "otm", "strike beyond the forward: above it for a call, below it for a put", _NO_FORWARD),
        _number(s, "otm_pct", Unit.fraction, "distance out of the money from the spot at the quotes' moment; negative in the money", "no spot, or an adjusted deliverable"),
        _number(s, "delta", Unit.fraction, "change of price per dollar of the underlying", _NO_IV, low=-1, high=1),
        _number(s, "gamma", Unit.per_dollar, "change of delta per dollar of the underlying", _NO_IV, low=0),
        _number(s, "vega", Unit.dollars_per_vol_point, "change of price per point of volatility", _NO_IV, low=0),
        _number(s, "theta", Unit.dollars_per_day, "change of price per calendar day", _NO_IV),
        _number(s, "rho", Unit.dollars_per_rate_point, "change of price per point of interest rate", _NO_IV),
        _number(s, "bid", Unit.dollars, "best bid; 0 is a legal value", "no quote", low=0),
        _number(s, "ask", Unit.dollars, "best offer", "no quote", low=0),
        _integer(s, "bid_size", Unit.contracts, "contracts wanted at the bid", "the source does not give it"),
        _integer(s, "ask_size", Unit.contracts, "contracts offered at the ask", "the source does not give it"),
        _number(s, "mid", Unit.dollars, "(bid + ask) / 2", _NO_QUOTE, low=0),
        _number(s, "spread_pct", Unit.fraction, "(ask - bid) / mid", _NO_QUOTE, low=0, high=2),
        _number(s, "last", Unit.dollars, "last traded price; may be days old", "never traded, or not given", low=0),
        _number(s, "quote_age_minutes", Unit.minutes, "scan time minus quote time", "quote time not given", low=0),
        _number(s, "last_trade_age_minutes", Unit.minutes, "quote time minus the last trade", "never traded, or not given", low=0),
        _number(s, "iv", Unit.volatility, "implied volatility of the mid", _NO_IV, low=0, high=20),
        _number(s, "iv_bid", Unit.volatility, "implied volatility of the bid", _NO_IV, low=0, high=20),
        _number(s, "iv_ask", Unit.volatility, "implied volatility of the ask", _NO_IV, low=0, high=20),
        _text(s, "iv_reason", "why there is no implied volatility", "there is one", choices=iv_reasons),
        _number(s, "vendor_iv", Unit.volatility, "the vendor's own volatility", "not given, 0 or a sentinel", low=0, high=20),
        _number(s, "vendor_delta", Unit.fraction, "the vendor's own delta", "not given or a sentinel", low=-1, high=1),
        _number(s, "iv_change", Unit.volatility, "iv minus that of the same contract in the previous session", "no volatility in one of the two sessions", low=-20, high=20),
        _number(s, "iv_excess", Unit.volatility, "iv minus the smile fitted through the other strikes of the expiry", "too few other strikes with a volatility", low=-20, high=20),
        _integer(s, "volume", Unit.contracts, "contracts traded so far in the session", "not known, or not trusted"),
        _integer(s, "volume_interval", Unit.contracts, "contracts traded since the previous snapshot of the session", "no earlier snapshot of the session"),
        _integer(s, "open_interest", Unit.contracts, "contracts open at the close of oi_asof", "not known, or not trusted"),
        _date(s, "oi_asof", "the session whose close the open interest describes", "cannot be known"),
        _integer(s, "oi_change", Unit.contracts, "open interest between the newest published close and that of the session before it; tells what was opened then", "one of the two closes is not known", low=-math.inf),
        _integer(s, "oi_change_5", Unit.contracts, "open interest now minus that at the close five sessions earlier", "one of the two closes is not known", low=-math.inf),
        _number(s, "volume_oi", Unit.ratio, "volume / open interest; null, never infinite, at zero open interest", "open interest is 0 or not known", low=0),
        _flag(s, "new_strike", "not listed in the previous good session of the underlying", _NO_PREVIOUS),
        _number(s, "premium", Unit.dollars, "volume x price x multiplier; mid, or the traded average where known", "no price, no volume, or an adjusted deliverable", low=0),
        _number(s, "delta_volume", Unit.shares, "volume x delta x multiplier", _NO_IV),
        _number(s, "volume_avg_5", Unit.contracts, "mean volume of the last 5 sessions, this one left out", _NO_HISTORY, low=0),
        _number(s, "volume_avg_20", Unit.contracts, "mean volume of the last 20 sessions, this one left out", _NO_HISTORY, low=0),
        _integer(s, "volume_5", Unit.contracts, "volume of this session and the four before", "not known, or less than 10 lots"),
        _number(s, "volume_usual_5", Unit.contracts, "what five sessions brought before those: five times the mean of the 16 before", "volume not known, or less than 10 lots", low=0),
        _number(s, "volume_median_20", Unit.contracts, "median volume of the last 20 sessions, this one left out", _NO_HISTORY, low=0),
        _integer(s, "history_sessions", Unit.sessions, "past good sessions in which the contract was listed"),
        _text(s, "baseline_kind", "own: fitted on this history; prior: built in", _NO_SCORE, choices=("own", "prior")),
        _text(s, "surprise_reason", "why there is no surprise", "there is one"),
        _number(s, "volume_expected", Unit.contracts, "volume to be expected by now on such a day", _NO_SCORE, low=0),
        _number(s, "volume_multiple", Unit.ratio, "volume / volume_expected, of which at least half a lot is taken", _NO_SCORE, low=0),
        _surprise(s, "volume_surprise", "of at least this volume in one session"),
        _surprise(s, "volume_surprise_3", "of a build-up of at least this size over 3 sessions"),
        _surprise(s, "volume_surprise_5", "of a build-up of at least this size over 5 sessions"),
        _surprise(s, "combined_surprise", "of the three windows taken together, calibrated as one statement"),
        _number(s, "volume_q", Unit.chance, "false-discovery rate of the scan if this and all rarer are flagged", _NO_SCORE, low=0, high=1),
        _share(s, "strike_volume_share", "volume / volume of the expiry's contracts of the same right",
               "volume not known, or nothing of that right traded"),
        _flag(s, "multi_leg_suspect", "an equal size traded at another strike or expiry", _NO_VOLUME),
        _flag(s, "roll_suspect", "about the same size traded at this strike in an expiry of the next nine days, out of its open interest, and in a later one", _NO_VOLUME),
        _number(s, "opening_chance", Unit.chance, "that open interest rises by half of the volume or more overnight, by what past mornings told of such volumes",
                "less than 50 lots, open interest not known, or the last day", low=0, high=1),
        _number(s, "once_in_sessions", Unit.sessions, "in how many sessions as much comes once on this watchlist, counted over its past; below 1, several times a session", "no rare volume of 10 lots or more, a suspected roll, or fewer than six sessions to count over", low=0),
        _text(s, "family", "what it is ranked as: a volume of one session, a new strike, or a build-up over several", "no rare volume of 10 lots or more, or a suspected roll", choices=FAMILIES),
        _surprise(s, "premium_surprise", "of at least as much premium in one story of the name in a session"),
        _integer(s, "days_to_earnings", Unit.days, "calendar days to the next earnings date", _NO_EVENTS),
        _integer(s, "days_to_ex_date", Unit.days, "calendar days to the next ex-dividend date after the session", _NO_EVENTS, low=1),
    )  # fmt: skip


def _strike() -> tuple[Field, ...]:
    s = "strike"
    return (
        _text(s, "underlying", "the stock, ETF or index"),
        _text(s, "root", "the option root"),
        _date(s, "expiry", "the date in the symbol"),
        _number(s, "strike", Unit.dollars, "exercise price", low=0),
        _integer(s, "call_volume", Unit.contracts, "volume of the call", _NO_VOLUME),
        _integer(s, "put_volume", Unit.contracts, "volume of the put", _NO_VOLUME),
        _integer(s, "call_oi", Unit.contracts, "open interest of the call", _NO_OI),
        _integer(s, "put_oi", Unit.contracts, "open interest of the put", _NO_OI),
        _share(s, "gamma_share", "gamma x open interest, of the expiry's", "no gamma or no open interest"),
        _share(s, "volume_share", "volume of both rights, of the expiry's"),
        _surprise(s, "volume_surprise", "of at least this volume at the strike, both rights"),
    )


def _ladder() -> tuple[Field, ...]:
    s = "ladder"
    return (
        _text(s, "underlying", "the stock, ETF or index"),
        _text(s, "root", "the option root"),
        _date(s, "expiry", "the date in the symbol"),
        _text(s, "right", "C for calls, P for puts", choices=("C", "P")),
        _number(s, "first_strike", Unit.dollars, "lowest strike of the run", low=0),
        _number(s, "last_strike", Unit.dollars, "highest strike of the run", low=0),
        _integer(s, "strikes", Unit.counted, "strikes in the run", low=2),
        _integer(s, "volume", Unit.contracts, "volume of the run", _NO_VOLUME),
        _integer(s, "open_interest", Unit.contracts, "open interest of the run", _NO_OI),
        _surprise(s, "ladder_surprise", "of the run found by scanning all runs"),
        _number(s, "ladder_q", Unit.chance, "false-discovery rate of the scan if this and all rarer runs are flagged", _NO_SCORE, low=0, high=1),
        _share(s, "volume_share", "volume of the run, of the expiry's contracts of the same right"),
    )  # fmt: skip


def _expiry() -> tuple[Field, ...]:
    s = "expiry"
    return (
        _text(s, "underlying", "the stock, ETF or index"),
        _text(s, "root", "the option root"),
        _date(s, "expiry", "the date in the symbol"),
        _integer(s, "dte", Unit.days, "calendar days from the session to the expiry"),
        _flag(s, "is_monthly", "the third-Friday expiry; of options on volatility that thirty days before the next month's"),
        _number(s, "atm_iv", Unit.volatility, "volatility at the forward, from the fitted smile", "no smile", low=0, high=20),
        _number(s, "forward", Unit.dollars, "forward price", _NO_FORWARD, low=0),
        _number(s, "discount", Unit.fraction, "discount factor", _NO_FORWARD, low=0),
        _number(s, "expected_move_pct", Unit.fraction, "ATM straddle / forward", "no quote at the money", low=0),
        _integer(s, "call_volume", Unit.contracts, "volume of the calls", _NO_VOLUME),
        _integer(s, "put_volume", Unit.contracts, "volume of the puts", _NO_VOLUME),
        _number(s, "put_call_volume", Unit.ratio, "put volume / call volume", _NO_CALLS, low=0),
        _number(s, "put_call_oi", Unit.ratio, "put open interest / call open interest", _NO_CALLS, low=0),
        _share(s, "volume_share", "volume, of the underlying's"),
        _share(s, "oi_share", "open interest, of the underlying's", _NO_OI),
        _share(s, "gamma_share", "gamma x open interest, of the underlying's", "no gamma or no open interest"),
        _number(s, "notional_oi", Unit.dollars, "open interest x multiplier x spot", _NO_OI, low=0),
        _number(s, "term_slope", Unit.volatility, "ATM volatility of the next expiry minus this one's", "no later expiry with a volatility", low=-20, high=20),
        _number(s, "skew_25d", Unit.volatility, "volatility of the 25-delta put minus that of the 25-delta call", "no smile", low=-20, high=20),
        _number(s, "max_pain", Unit.dollars, "the strike at which the open interest would pay out least", _NO_OI, low=0),
        _surprise(s, "volume_surprise", "of at least this volume in the expiry"),
    )  # fmt: skip


def _underlying() -> tuple[Field, ...]:
    s = "underlying"
    return (
        _text(s, "underlying", "the stock, ETF or index"),
        _integer(s, "history_sessions", Unit.sessions, "past good sessions in the store"),
        _number(s, "spot", Unit.dollars, "price of the underlying", "the source does not give it", low=0),
        _number(s, "spot_change", Unit.fraction, "spot / spot at the previous close - 1", _NO_PREVIOUS, low=-1),
        _integer(s, "call_volume", Unit.contracts, "volume of all calls", _NO_VOLUME),
        _integer(s, "put_volume", Unit.contracts, "volume of all puts", _NO_VOLUME),
        *_split(s),
        _surprise(s, "put_call_surprise", "of a put/call split of volume at least this far towards puts, given the name's own past"),
        _number(s, "iv30", Unit.volatility, "ATM volatility at a constant maturity of 30 days", "too few expiries with a volatility", low=0, high=20),
        _number(s, "iv30_change", Unit.volatility, "iv30 minus that of the previous session", _NO_PREVIOUS, low=-20, high=20),
        _surprise(s, "iv30_change_surprise", "of a change of iv30 at least this large, either way, given the name's own past"),
        _share(s, "iv_rank_252", "(iv30 - lowest) / (highest - lowest) of the last 252 sessions", _NO_HISTORY),
        _share(s, "iv_percentile_252", "share of the last 252 sessions with a lower iv30", _NO_HISTORY),
        _number(s, "hv_20", Unit.volatility, "realised volatility of the last 20 daily returns, per year", "fewer than 15 of the 20 returns are known: over a gap there is none", low=0, high=20),
        _number(s, "iv_hv_ratio", Unit.ratio, "iv30 / hv_20", _NO_HISTORY, low=0),
        _number(s, "skew_25d", Unit.volatility, "volatility of the 25-delta put minus that of the 25-delta call, at 30 days", "no smile", low=-20, high=20),
        _number(s, "skew_change", Unit.volatility, "skew_25d minus that of the previous session", _NO_PREVIOUS, low=-20, high=20),
        *_shares(s),
        _number(s, "top_strike", Unit.dollars, "the strike with the most volume", "nothing traded", low=0),
        _share(s, "top_strike_share", "volume at the top strike, of all"),
        _surprise(s, "volume_surprise", "of at least this volume in all contracts together"),
        _surprise(s, "back_end_surprise", "of at least this volume in everything beyond 14 days"),
        _integer(s, "days_to_earnings", Unit.days, "calendar days to the next earnings date", _NO_EVENTS),
        _number(s, "option_stock_volume_ratio", Unit.ratio, "option volume x multiplier / stock volume", "stock volume not known", low=0),
        _number(s, "gex", Unit.dollars, "dealer gamma in dollars per 1 % move, if dealers are long calls and short puts", "no gamma or no open interest"),
        _number(s, "gamma_flip", Unit.dollars, "spot nearest to this one at which gex, the book priced anew, would change its sign", "no such price within 25 % of the spot", low=0),
        _number(s, "call_wall", Unit.dollars, "strike with the most call gamma x open interest", "no gamma or no open interest", low=0),
        _number(s, "put_wall", Unit.dollars, "strike with the most put gamma x open interest", "no gamma or no open interest", low=0),
        _share(s, "gamma_expiring_share", "gamma that goes at the next monthly expiry not settled by now", "no gamma or no open interest"),
        _share(s, "gamma_expiring_share_next", "gamma that goes at the very next expiry not settled by now", "no gamma or no open interest"),
        _number(s, "notional_expiring", Unit.dollars, "open interest x multiplier x spot of the next monthly expiry not settled by now", _NO_OI, low=0),
        _number(s, "max_pain", Unit.dollars, "max pain of the next monthly expiry not settled by now", _NO_OI, low=0),
        _number(s, "expected_move_pct", Unit.fraction, "ATM straddle / forward of the next expiry not settled by now", "no quote at the money", low=0),
        _date(s, "next_earnings", "the date of the next earnings not told yet: those before the open are over at the open, all others at the end of the day", _NO_EVENTS),
        _number(s, "earnings_implied_move_pct", Unit.fraction, "move that the expiry after the earnings date prices for it alone", _NO_EVENTS, low=0),
        _number(s, "earnings_average_move_pct", Unit.fraction, "mean absolute move over past earnings dates", _NO_EVENTS, low=0),
    )  # fmt: skip


def _market() -> tuple[Field, ...]:
    s = "market"
    return (
        _text(s, "segment", "all, index products, or single names", choices=("all", "index", "single")),
        _integer(s, "underlyings", Unit.counted, "underlyings that were judged"),
        _integer(s, "call_volume", Unit.contracts, "volume of all calls", _NO_VOLUME),
        _integer(s, "put_volume", Unit.contracts, "volume of all puts", _NO_VOLUME),
        *_split(s),
        *_shares(s),
    )


def _split(s: str) -> tuple[Field, ...]:
    """The put/call ratios that underlyings and the market share."""
    no_previous = _NO_PREVIOUS if s == "underlying" else "the previous session was not trusted of every underlying here"
    return (
        _number(s, "put_call_volume", Unit.ratio, "put volume / call volume", _NO_CALLS, low=0),
        _number(s, "put_call_volume_prev", Unit.ratio, "put_call_volume of the previous session", no_previous, low=0),
        _number(s, "put_call_volume_change", Unit.ratio, "put_call_volume - put_call_volume_prev", no_previous),
        _number(s, "put_call_oi", Unit.ratio, "put open interest / call open interest", _NO_CALLS, low=0),
        _number(s, "put_call_premium", Unit.ratio, "premium of puts / premium of calls", _NO_CALLS, low=0),
    )


def _shares(s: str) -> tuple[Field, ...]:
    """Where in time the volume lies, and how it compares with past sessions."""
    return (
        _share(s, "near_dated_share", "volume in contracts of 14 days or fewer, of all"),
        _share(s, "zero_dte_share", "volume in contracts that expire today, settled by now or not, of all"),
        _number(s, "volume_ratio_5", Unit.ratio, "volume / mean of the last 5 sessions, this one left out", "fewer than 4 of the 5 are good", low=0),
        _number(s, "volume_ratio_20", Unit.ratio, "volume / mean of the last 20 sessions, this one left out", "fewer than 15 of the 20 are good", low=0),
    )  # fmt: skip


FIELDS: tuple[Field, ...] = (*_contract(), *_strike(), *_ladder(), *_expiry(), *_underlying(), *_market())


@cache
def _by_scope() -> Mapping[str, Mapping[str, Field]]:
    return {scope: {field.name: field for field in FIELDS if field.scope == scope} for scope in SCOPES}


def of(scope: str) -> Mapping[str, Field]:
    """The fields of a scope by name, in the order of the dictionary. KeyError for a scope that does not exist."""
    return _by_scope()[scope]
