"""What underlyings and the market share: sums over contracts, put/call ratios, and where in time the volume lies."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

from scanner.fields import missing
from scanner.fields.model import Field, Rows

_BOTH_VOLUMES = ("call_volume", "put_volume", "volume")


def sums(row: Rows, *, remembered: bool) -> tuple[Field, ...]:
    """Volume, open interest and premium of calls, puts and all together."""
    return (
        row.contracts("call_volume", "volume of all calls", missing.VOLUME, remembered=remembered, title="calls"),
        row.contracts("put_volume", "volume of all puts", missing.VOLUME, remembered=remembered, title="puts"),
        row.contracts("volume", "volume of all contracts", missing.VOLUME, remembered=remembered),
        row.contracts("near_volume", "volume in contracts of 14 days or fewer", missing.SOME_VOLUME, remembered=remembered, title="volume within 14 days"),
        row.contracts("zero_dte_volume", "volume in contracts that expire today, settled by now or not", missing.SOME_VOLUME, remembered=remembered, title="volume that expires today"),
        row.contracts("call_oi", "open interest of all calls", missing.OPEN_INTEREST, remembered=remembered, title="open calls"),
        row.contracts("put_oi", "open interest of all puts", missing.OPEN_INTEREST, remembered=remembered, title="open puts"),
        row.dollars("call_premium", "premium of all calls", missing.PREMIUM, remembered=remembered, title="money in calls"),
        row.dollars("put_premium", "premium of all puts", missing.PREMIUM, remembered=remembered, title="money in puts"),
    )  # fmt: skip


def ratios(row: Rows, no_previous: str, *, remembered: bool) -> tuple[Field, ...]:
    """The put/call ratios, and how that of the volume has changed."""
    return (
        row.ratio("put_call_volume", "put volume / call volume", missing.CALLS, denominator=("call_volume",), remembered=remembered, title="put/call"),
        row.ratio("put_call_volume_prev", "put_call_volume of the previous session", no_previous, title="put/call the day before"),
        row.ratio("put_call_volume_change", "put_call_volume - put_call_volume_prev", no_previous, low=-float("inf"), denominator=("call_volume",), title="change of put/call"),
        row.ratio("put_call_oi", "put open interest / call open interest", missing.CALLS, denominator=("call_volume", "call_oi"), remembered=remembered, title="put/call of open interest"),
        row.ratio("put_call_premium", "premium of puts / premium of calls", missing.CALLS, denominator=("call_volume", "call_premium"), remembered=remembered, title="put/call of money"),
    )  # fmt: skip


def in_time(row: Rows, *, remembered: bool) -> tuple[Field, ...]:
    """Where in time the volume lies, and how it compares with past sessions."""
    return (
        row.share("near_dated_share", "volume in contracts of 14 days or fewer, of all", missing.VOLUME, remembered=remembered, title="within 14 days"),
        row.share("zero_dte_share", "volume in contracts that expire today, settled by now or not, of all", missing.VOLUME, remembered=remembered, title="expires today"),
        row.ratio("volume_ratio_5", "volume / mean of the last 5 sessions, this one left out", "fewer than 4 of the 5 are good", denominator=_BOTH_VOLUMES, title="volume / 5-session mean"),
        row.ratio("volume_ratio_20", "volume / mean of the last 20 sessions, this one left out", "fewer than 15 of the 20 are good", denominator=_BOTH_VOLUMES, title="volume / 20-session mean"),
    )  # fmt: skip
