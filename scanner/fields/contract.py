"""The contract scope: the columns of a chain as it is received, and what is computed from them.

The order is that of the columns in chains and in what is kept of a session; the store's fingerprints rest on it.
"""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

import math

from scanner.fields import missing, tape
from scanner.fields.model import Field, Rows, Unit

_chain = Rows("contract", from_chain=True)
_row = Rows("contract")

# What a contract is ranked as; see scanner.activity.ranking.keys.
FAMILIES = ("one session", "new strike", "build-up")
_NO_REASON = "there is one"
_ONE_CLOSE = "one of the two closes is not known"
_NO_SPOT = "the source does not give it"
_IV_REASONS = (
    "no_bid", "crossed", "below_intrinsic", "above_bound", "expired", "stale", "no_forward", "unidentifiable",
    "nonstandard", "no_quote", "vendor",
)  # fmt: skip

RECEIVED: tuple[Field, ...] = (
    _chain.text("source", "the vendor or file format the row came from; baselines never mix sources"),
    _chain.flag("simulated", "true for rows no market ever made"),
    _chain.date("session_date", "the exchange's session, by its New York date, as the source labels it"),
    _chain.instant("quote_time", "the moment the quotes describe, not the one they were fetched at"),
    _chain.instant("fetched_at", "the moment the chain was received", "read from a file that does not say"),
    _chain.text("underlying", "the stock, ETF or index", remembered=True),
    _chain.price("spot", "price of the underlying at the quote time", _NO_SPOT, switched_off_with="spot", title="price of the underlying"),
    _chain.text("root", "the option root; may differ from the underlying (SPXW, GOOG1)", remembered=True),
    _chain.text("contract", "compact OSI symbol", remembered=True),
    _chain.date("expiry", "the date in the symbol, never shifted", remembered=True),
    _chain.price("strike", "exercise price", remembered=True),
    _chain.text("right", "C for a call, P for a put", choices=("C", "P"), compact=True, remembered=True),
    _chain.integer("multiplier", Unit.per_contract, "shares or index units a contract stands for", low=1, compact=True),
    _chain.text("exercise_style", "when it may be exercised; by root where the source is silent", choices=("american", "european"), compact=True),
    _chain.text("settlement", "at the open (09:30 New York) or the close of the expiry date", choices=("AM", "PM"), compact=True),
    _chain.flag("nonstandard", "adjusted deliverable, FLEX or mini; kept out of ratios and pricing"),
    _chain.price("bid", "best bid; 0 is a legal value", "no quote", switched_off_with="quotes"),
    _chain.price("ask", "best offer", "no quote", switched_off_with="quotes"),
    _chain.contracts("bid_size", "contracts wanted at the bid", _NO_SPOT, switched_off_with="quotes"),
    _chain.contracts("ask_size", "contracts offered at the ask", _NO_SPOT, switched_off_with="quotes"),
    _chain.price("last", "last traded price; may be days old", "never traded, or not given", switched_off_with="quotes"),
    _chain.instant("last_trade_time", "the moment of the last trade", "never traded, or not given"),
    _chain.contracts("volume", "contracts traded so far in the session", "not known, or not trusted", switched_off_with="volume", remembered=True),
    _chain.contracts("open_interest", "contracts open at the close of oi_asof", "not known, or not trusted", switched_off_with="open_interest", remembered=True, baseline=True),
    _chain.date("oi_asof", "the session whose close the open interest describes", "cannot be known", switched_off_with="open_interest"),
    _chain.volatility("vendor_iv", "the vendor's own volatility", "not given, 0 or a sentinel", switched_off_with="quotes"),
    _chain.number("vendor_delta", Unit.fraction, "the vendor's own delta", "not given or a sentinel", low=-1, high=1, switched_off_with="quotes"),
)  # fmt: skip

ROWS: tuple[Field, ...] = (
    *RECEIVED,
    # Where it stands.
    _row.integer("dte", Unit.days, "calendar days from the session to the expiry", compact=True, title="days left"),
    _row.number("years", Unit.years, "quote time to the expiry instant, ACT/365 to the minute", low=0),
    _row.price("forward", "forward price of the expiry", missing.FORWARD),
    _row.number("discount", Unit.fraction, "discount factor of the expiry", missing.FORWARD, low=0),
    _row.number("moneyness", Unit.fraction, "ln(strike / forward)", missing.FORWARD),
    _row.number("moneyness_sd", Unit.deviations, "ln(strike / forward) / (ATM volatility x sqrt(years))", missing.FORWARD),
    _row.flag("otm", "strike beyond the forward: above it for a call, below it for a put", missing.FORWARD),
    _row.part("otm_pct", "distance out of the money from the spot at the quotes' moment; negative in the money", "no spot, or an adjusted deliverable", title="out of the money"),
    # Volatility and greeks.
    _row.volatility("iv", "implied volatility of the mid", missing.VOLATILITY, remembered=True, title="volatility"),
    _row.volatility("iv_bid", "implied volatility of the bid", missing.VOLATILITY, title="volatility of the bid"),
    _row.volatility("iv_ask", "implied volatility of the ask", missing.VOLATILITY, title="volatility of the ask"),
    _row.text("iv_reason", "why there is no implied volatility", _NO_REASON, choices=_IV_REASONS, title="why no volatility"),
    _row.text("iv_source", "where it is from: own quotes, the twin of the other right (in the money), or the vendor", missing.VOLATILITY, choices=("own", "twin", "vendor"), title="volatility from"),
    _row.volatility("iv_change", "iv minus that of the same contract in the previous session", "no volatility in one of the two sessions", low=-20, title="change of volatility"),
    _row.volatility("iv_excess", "iv minus the smile fitted through the other strikes of the expiry", "too few other strikes with a volatility", low=-20, title="volatility off the smile"),
    _row.number("delta", Unit.fraction, "change of price per dollar of the underlying", missing.VOLATILITY, low=-1, high=1, remembered=True),
    _row.number("gamma", Unit.per_dollar, "change of delta per dollar of the underlying", missing.VOLATILITY, low=0),
    _row.number("vega", Unit.dollars_per_vol_point, "change of price per point of volatility", missing.VOLATILITY, low=0),
    _row.number("theta", Unit.dollars_per_day, "change of price per calendar day", missing.VOLATILITY),
    _row.number("rho", Unit.dollars_per_rate_point, "change of price per point of interest rate", missing.VOLATILITY),
    # Prices and their age.
    _row.price("mid", "(bid + ask) / 2; the last price where a chain without quotes traded in the session", missing.QUOTE, remembered=True),
    _row.text("price_basis", "what mid is: of bid and ask, or the last price", "there is no mid", choices=("mid", "last"), title="price from"),
    _row.part("spread_pct", "(ask - bid) / mid", missing.QUOTE, low=0, high=2, title="spread"),
    _row.number("quote_age_minutes", Unit.minutes, "scan time minus quote time", "quote time not given", low=0),
    _row.number("last_trade_age_minutes", Unit.minutes, "quote time minus the last trade", "never traded, or not given", low=0),
    # What was traded, and what is open.
    _row.contracts("volume_interval", "contracts traded since the previous snapshot of the session", "no earlier snapshot of the session", title="since the last scan"),
    _row.contracts("oi_change", "open interest between the newest published close and that of the session before it; tells what was opened then", _ONE_CLOSE, low=-math.inf, title="opened overnight"),
    _row.contracts("oi_change_5", "open interest now minus that at the close five sessions earlier", _ONE_CLOSE, low=-math.inf, title="opened in 5 sessions"),
    _row.ratio("volume_oi", "volume / open interest; null, never infinite, at zero open interest", "open interest is 0 or not known", denominator=("open_interest", "volume"), title="volume / open interest"),
    _row.share("strike_volume_share", "volume / volume of the expiry's contracts of the same right", "volume not known, or nothing of that right traded", title="share of the expiry's volume"),
    _row.dollars("premium", "volume x mid x multiplier; what was paid in fact where there is a tape", "no price, no volume, or an adjusted deliverable", title="money"),
    _row.number("delta_volume", Unit.shares, "volume x delta x multiplier", missing.VOLATILITY, title="delta traded"),
    _row.flag("new_strike", "not listed in the previous session", missing.PREVIOUS, title="newly listed"),
    _row.flag("multi_leg_suspect", "an equal size traded at another strike or expiry", missing.VOLUME, title="equal size elsewhere"),
    _row.flag("roll_suspect", "about the same size traded at this strike in an expiry of the next nine days, out of its open interest, and in a later one", missing.VOLUME, title="may be a roll"),
    _row.number("opening_chance", Unit.chance, "that open interest rises by half of the volume or more overnight, by what past mornings told of such volumes", "less than 50 lots, open interest not known, or the last day", low=0, high=1, title="chance that it opens"),
    # Against the past.
    _row.number("volume_avg_5", Unit.contracts, "mean volume of the last 5 sessions, as far as they are known, this one left out", missing.HISTORY, low=0, baseline=True, title="5-session mean"),
    _row.number("volume_avg_20", Unit.contracts, "mean volume of the last 20 sessions, as far as they are known, this one left out", missing.HISTORY, low=0, baseline=True, title="20-session mean"),
    _row.integer("volume_5", Unit.contracts, "volume of this session and the four before, as far as they are known", "not known, or less than 10 lots", title="volume in 5 sessions"),
    _row.number("volume_usual_5", Unit.contracts, "what five sessions brought before those: five times the mean of the 16 before", "volume not known, or less than 10 lots", low=0, baseline=True, title="usual in 5 sessions"),
    _row.number("volume_median_20", Unit.contracts, "median volume of the last 20 sessions, as far as they are known, this one left out", missing.HISTORY, low=0, baseline=True, title="20-session median"),
    _row.integer("history_sessions", Unit.sessions, "past good sessions in which the contract was listed", title="sessions of history"),
    _row.text("baseline_kind", "own: fitted on this history; prior: built in", missing.SCORE, choices=("own", "prior")),
    _row.text("surprise_reason", "why there is no surprise", _NO_REASON, title="why no chance"),
    _row.number("volume_usual", Unit.contracts, "volume to be expected by now on any day, before it is known how busy this one is", missing.SCORE, low=0, baseline=True, title="usual on any day"),
    _row.number("volume_expected", Unit.contracts, "volume to be expected by now on such a day", missing.SCORE, low=0, baseline=True, title="usual"),
    _row.ratio("volume_multiple", "volume / volume_expected, of which at least half a lot is taken", missing.SCORE, denominator=("volume",), title="times the usual"),
    _row.surprise("volume_surprise", "of at least this volume in one session", missing.SCORE, title="chance of the volume"),
    _row.surprise("volume_surprise_3", "of a build-up of at least this size over 3 sessions", missing.SCORE, title="over 3 sessions"),
    _row.surprise("volume_surprise_5", "of a build-up of at least this size over 5 sessions", missing.SCORE, title="over 5 sessions"),
    _row.surprise("combined_surprise", "of the three windows taken together, calibrated as one statement", missing.SCORE, title="chance for the contract"),
    _row.false_discovery_rate("volume_q", "false-discovery rate of the scan if this and all rarer are flagged", missing.SCORE, title="false discoveries if flagged"),
    _row.number("once_in_sessions", Unit.sessions, "in how many sessions as much comes once on this watchlist, counted over its past; below 1, several times a session", "no rare volume of 10 lots or more, a suspected roll, or fewer than six sessions to count over", low=0, title="once in so many sessions"),
    _row.text("family", "what it is ranked as: a volume of one session, a new strike, or a build-up over several", "no rare volume of 10 lots or more, or a suspected roll", choices=FAMILIES),
    _row.integer("story", Unit.counted, "number, within a scan, of what is told together with it", "no rare volume of 10 lots or more, or a suspected roll"),
    _row.surprise("premium_surprise", "of at least as much premium in one story of the name in a session", missing.SCORE, title="chance of the money"),
    _row.integer("days_to_earnings", Unit.days, "calendar days to the next earnings date", missing.EVENTS),
    _row.integer("days_to_ex_date", Unit.days, "calendar days to the next ex-dividend date after the session", missing.EVENTS, low=1, title="days to the ex-date"),
    # How it traded.
    *tape.of_contracts(_row),
)  # fmt: skip
