"""The numbers by which orders are put together and called blocks and campaigns; what they mean stands in ``orders``."""

from __future__ import annotations

LONGEST, OF_TWO, SHORTEST, REPEAT, AT_ONCE = 300_000_000, 250_000_000, 60_000_000, 60_000_000, 1_000_000
"""Nanoseconds: of one order from its first fill to its last, to its second, and where strangers come fast; until a
venue is not met again; and at once."""

SPREAD_LOTS = 10
SHARES = 100
"""What a contract is taken to stand for where money is told; an adjusted one may stand for something else."""

BLOCK_TIMES, BLOCK_LOTS = 10, 50
CAMPAIGN_ORDERS, CAMPAIGN_PAUSE = 3, 5 * 60 * 1_000_000_000
