"""The underlying scope: one stock, ETF or index, all its standard contracts together, beside its own past."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

from scanner.fields import missing, tape, totals
from scanner.fields.model import Field, Rows, Unit

_row = Rows("underlying")

ROWS: tuple[Field, ...] = (
    _row.text("underlying", "the stock, ETF or index", remembered=True),
    _row.date("session_date", "the exchange's session, by its New York date", remembered=True),
    _row.integer("history_sessions", Unit.sessions, "past good sessions in the store"),
    _row.price("spot", "price of the underlying", "the source does not give it", remembered=True, title="price of the underlying"),
    _row.price("parity_spot", "price of the underlying that calls and puts of the nearest expiry imply", "no forward could be found, or options on volatility", remembered=True, title="price by parity"),
    _row.price("previous_close", "price of the underlying at the previous close: by the table of closes, else by the store's chains", "neither the table of closes nor the store has one", title="close before"),
    _row.part("spot_change", "spot / previous_close - 1", missing.CLOSE, low=-1, title="the day"),
    _row.part("spot_change_5", "spot / close five sessions earlier - 1", missing.CLOSE, low=-1, title="the week"),
    _row.part("spot_change_ytd", "spot / last close of the year before - 1", missing.CLOSE, low=-1, title="the year"),
    *totals.sums(_row, remembered=True),
    _row.contracts("back_volume", "volume in contracts of more than 14 days", missing.SOME_VOLUME, remembered=True, title="volume beyond 14 days"),
    _row.ratio("back_volume_ratio_20", "back_volume / its mean of the last 20 sessions, this one left out", "fewer than 15 of the 20 are good", denominator=("back_volume",), title="volume beyond 14 days / mean"),
    *totals.ratios(_row, missing.PREVIOUS, remembered=True),
    *totals.in_time(_row, remembered=True),
    _row.ratio("call_volume_ratio_20", "call_volume / its mean of the last 20 sessions, this one left out", "fewer than 15 of the 20 are good", denominator=("call_volume",), title="calls / 20-session mean"),
    _row.share("zero_dte_percentile_252", "share of the last 252 sessions with a lower zero_dte_share", missing.HISTORY, title="sessions with less expiring"),
    _row.price("top_strike", "the strike with the most volume", "nothing traded"),
    _row.share("top_strike_share", "volume at the top strike, of all", missing.VOLUME, title="share of the top strike"),
    _row.ratio("option_stock_volume_ratio", "option volume x multiplier / stock volume", "stock volume not known", title="options / stock volume"),
    _row.volatility("iv30", "ATM volatility at a constant maturity of 30 days", "too few expiries with a volatility", remembered=True, title="volatility, 30 days"),
    _row.volatility("iv30_change", "iv30 minus that of the previous session", missing.PREVIOUS, low=-20, title="change of volatility"),
    _row.integer("iv_sessions", Unit.sessions, "of the last 252 sessions those whose iv30 is known: so many a rank is among", title="sessions of volatility"),
    _row.share("iv_rank_252", "(iv30 - lowest) / (highest - lowest) of the last 252 sessions", missing.HISTORY, title="rank of volatility"),
    _row.share("iv_percentile_252", "share of the last 252 sessions with a lower iv30", missing.HISTORY, title="sessions with less volatility"),
    _row.volatility("hv_20", "realised volatility of the last 20 daily returns, per year, by the table of closes, else by the store's chains", "fewer than 15 of the 20 returns are known: over a gap there is none", title="realised volatility"),
    _row.ratio("iv_hv_ratio", "iv30 / hv_20", missing.HISTORY, title="volatility / realised"),
    _row.volatility("skew_25d", "volatility of the 25-delta put minus that of the 25-delta call, at 30 days", missing.SMILE, low=-20, remembered=True, title="skew"),
    _row.volatility("skew_change", "skew_25d minus that of the previous session", missing.PREVIOUS, low=-20, title="change of skew"),
    _row.surprise("volume_surprise", "of at least this volume in all contracts together", missing.SCORE, title="chance of the volume"),
    _row.surprise("back_end_surprise", "of at least this volume in everything beyond 14 days", missing.SCORE, title="chance of the volume beyond 14 days"),
    _row.surprise("put_call_surprise", "of a put/call split of volume at least this far towards puts, given the name's own past", missing.SCORE, title="chance of the put/call"),
    _row.surprise("iv30_change_surprise", "of a change of iv30 at least this large, either way, given the name's own past", missing.SCORE, title="chance of the change of volatility"),
    _row.dollars("gex", "dealer gamma in dollars per 1 % move, if dealers are long calls and short puts", missing.GAMMA, low=-float("inf"), title="gamma in dollars per 1 %"),
    _row.price("gamma_flip", "spot nearest to this one at which gex, the book priced anew, would change its sign", "no such price within 25 % of the spot", title="gamma changes sign at"),
    _row.price("call_wall", "strike with the most call gamma x open interest", missing.GAMMA),
    _row.price("put_wall", "strike with the most put gamma x open interest", missing.GAMMA),
    _row.share("gamma_expiring_share", "gamma that goes at the next monthly expiry not settled by now", missing.GAMMA, title="gamma gone at the next monthly expiry"),
    _row.share("gamma_expiring_share_next", "gamma that goes at the very next expiry not settled by now", missing.GAMMA, title="gamma gone at the next expiry"),
    _row.share("positive_gamma_expiring_share_next", "gamma of calls that goes at the very next expiry not settled by now, of that of all calls", missing.GAMMA, title="positive gamma gone at the next expiry"),
    _row.dollars("notional_oi", "open interest x multiplier x spot of everything not settled by now", missing.OPEN_INTEREST, title="notional"),
    _row.share("notional_percentile_252", "share of the last 252 sessions with less open interest x spot", missing.HISTORY, title="sessions with less notional"),
    _row.dollars("notional_expiring", "open interest x multiplier x spot of the next monthly expiry not settled by now", missing.OPEN_INTEREST, title="notional of the next monthly expiry"),
    _row.price("max_pain", "max pain of the next monthly expiry not settled by now", missing.OPEN_INTEREST),
    _row.part("expected_move_pct", "ATM straddle / forward of the next expiry not settled by now", "no quote at the money", low=0, title="expected move"),
    _row.integer("days_to_earnings", Unit.days, "calendar days to the next earnings date", missing.EVENTS),
    _row.date("next_earnings", "the date of the next earnings not told yet: those before the open are over at the open, all others at the end of the day", missing.EVENTS),
    _row.part("earnings_implied_move_pct", "move that the expiry after the earnings date prices for it alone", missing.EVENTS, low=0, title="move priced for earnings"),
    _row.part("earnings_average_move_pct", "mean absolute move over past earnings dates", missing.MOVES, low=0, title="average move on earnings"),
    _row.part("earnings_last_move_pct", "move over the newest of them, with its sign", missing.MOVES, low=-1, title="last move on earnings"),
    _row.part("earnings_largest_move_pct", "largest absolute move over the last eight of them", missing.MOVES, low=0, title="largest of the last 8 moves on earnings"),
    _row.integer("halts", Unit.counted, "trading halts of the stock since the close before", missing.NEWS, title="trading halts"),
    _row.instant("halted_at", "the moment of the newest of them", missing.NO_NEWS, title="halted at"),
    _row.text("halt_reason", "why, by the exchange's code", missing.NO_NEWS, title="why halted"),
    _row.integer("filings", Unit.counted, "filings with the SEC since the close before, routine ones left out", missing.NEWS),
    _row.instant("filed_at", "the moment the newest of them was accepted", missing.NO_NEWS, title="filed at"),
    _row.text("filing", "its form, and what a current report is about", missing.NO_NEWS, title="newest filing"),
    _row.integer("earnings_moves", Unit.counted, "past earnings dates whose move is known", missing.EVENTS, title="known moves on earnings"),
    *tape.flows(_row),
)  # fmt: skip
