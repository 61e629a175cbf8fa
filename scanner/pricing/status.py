"""Why a contract has no implied volatility: the codes the kernels return, and the words the frames show."""

from __future__ import annotations

SOLVED = 0
BELOW_INTRINSIC = 1
ABOVE_BOUND = 2
EXPIRED = 3
UNIDENTIFIABLE = 4
NO_INPUT = 5

MAX_VOLATILITY = 20.0

# Every value of the column ``iv_reason``, with its meaning. The first four come out of the kernels.
REASONS: dict[str, str] = {
    "below_intrinsic": "the price is below what the contract is worth at zero volatility",
    "above_bound": "the price is at or above the most the contract can be worth (or beyond 2000 % volatility)",
    "expired": "the quotes are from the expiry instant or after it",
    "unidentifiable": "many volatilities give this price: deep in the money, no usable quote on the other side",
    "no_quote": "neither a two-sided quote nor, in a chain without quotes, a trade in the session",
    "no_bid": "nobody bids, so that the mid says little",
    "crossed": "the bid is above the ask",
    "stale": "the quote is from before the session, or over an hour older than the newest of its underlying",
    "no_forward": "the expiry has neither a parity forward nor a spot to derive one from",
    "nonstandard": "an adjusted, FLEX or mini contract, which is not priced",
    "vendor": "no volatility of our own; the vendor's was taken, as the configuration allows",
}
KERNEL_REASONS = {
    BELOW_INTRINSIC: "below_intrinsic",
    ABOVE_BOUND: "above_bound",
    EXPIRED: "expired",
    UNIDENTIFIABLE: "unidentifiable",
    NO_INPUT: "no_forward",
}
