"""The expiry scope: all contracts of one root and expiry."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

from scanner.fields import missing, tape
from scanner.fields.model import Field, Rows, Unit

_row = Rows("expiry")

ROWS: tuple[Field, ...] = (
    _row.text("underlying", "the stock, ETF or index"),
    _row.text("root", "the option root"),
    _row.date("expiry", "the date in the symbol"),
    _row.integer("dte", Unit.days, "calendar days from the session to the expiry", compact=True, title="days left"),
    _row.number("years", Unit.years, "quote time to the expiry instant, ACT/365 to the minute", low=0),
    _row.flag("is_monthly", "the third-Friday expiry; of options on volatility that thirty days before the next month's"),
    _row.volatility("atm_iv", "volatility at the forward, from the fitted smile", missing.SMILE, title="volatility at the money"),
    _row.price("forward", "forward price", missing.FORWARD),
    _row.text("forward_source", "what tells the forward: parity of calls and puts, or the spot and its carry", missing.FORWARD, choices=("parity", "spot")),
    _row.number("parity_residual", Unit.fraction, "how far calls and puts miss parity at the forward, as a part of it", "the forward is not told by parity", low=0, title="miss of parity"),
    _row.number("discount", Unit.fraction, "discount factor", missing.FORWARD, low=0),
    _row.text("discount_source", "the yield curve, or the chain: calls and puts that are newer than the curve", missing.FORWARD, choices=("curve", "chain")),
    _row.part("expected_move_pct", "ATM straddle / forward", "no quote at the money", low=0, title="expected move"),
    _row.contracts("call_volume", "volume of the calls", missing.VOLUME, title="calls"),
    _row.contracts("put_volume", "volume of the puts", missing.VOLUME, title="puts"),
    _row.contracts("volume", "volume of calls and puts", missing.VOLUME),
    _row.contracts("call_oi", "open interest of the calls", missing.OPEN_INTEREST, title="open calls"),
    _row.contracts("put_oi", "open interest of the puts", missing.OPEN_INTEREST, title="open puts"),
    _row.contracts("open_interest", "open interest of calls and puts", missing.OPEN_INTEREST, baseline=True),
    _row.ratio("put_call_volume", "put volume / call volume", missing.CALLS, denominator=("call_volume",), title="put/call"),
    _row.ratio("put_call_oi", "put open interest / call open interest", missing.CALLS, denominator=("call_volume", "call_oi"), title="put/call of open interest"),
    _row.share("volume_share", "volume, of the underlying's", missing.VOLUME, title="share of the name's volume"),
    _row.share("oi_share", "open interest, of the underlying's", missing.OPEN_INTEREST, title="share of open interest"),
    _row.share("gamma_share", "gamma x open interest, of the underlying's", missing.GAMMA, title="share of gamma"),
    _row.dollars("notional_oi", "open interest x multiplier x spot", missing.OPEN_INTEREST, title="notional"),
    _row.volatility("term_slope", "ATM volatility of the next expiry minus this one's", "no later expiry with a volatility", low=-20, title="next expiry"),
    _row.volatility("skew_25d", "volatility of the 25-delta put minus that of the 25-delta call", missing.SMILE, low=-20, title="skew"),
    _row.price("max_pain", "the strike at which the open interest would pay out least", missing.OPEN_INTEREST),
    _row.surprise("volume_surprise", "of at least this volume in the expiry", missing.SCORE, title="chance of the volume"),
    *tape.flows(_row),
)  # fmt: skip
