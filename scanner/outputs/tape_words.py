"""What the words of the trade tape mean, for whoever is shown a tape or an alert: block, sweep, campaign."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scanner.tape.definitions import BLOCK_LOTS, BLOCK_TIMES, CAMPAIGN_ORDERS, CAMPAIGN_PAUSE, LONGEST

_MINUTES = CAMPAIGN_PAUSE // 60_000_000_000
SWEEP = f"filled on two venues or more within {LONGEST // 1_000_000} ms, or marked so by the exchange"
BLOCK = f"{BLOCK_LOTS} lots or more, and {BLOCK_TIMES} times the contract's usual order"
CAMPAIGN = f"{CAMPAIGN_ORDERS} orders or more, none {_MINUTES} minutes after the one before, a block together"


def of_evidence(evidence: Mapping[str, Any]) -> Iterator[str]:
    """The words that an alert's numbers rest on, a sentence each, with the threshold of the contract if known."""
    usual = evidence.get("usual_order")
    here = "" if usual is None else f": {max(BLOCK_LOTS, BLOCK_TIMES * max(usual, 1)):,.0f} lots, usual {usual:g}, here"
    for prefix, said in (
        ("block_", f"Block: an order of {BLOCK}{here}."),
        ("sweep_", f"Sweep: an order {SWEEP}."),
        ("campaign_", f"Campaign: {CAMPAIGN}."),
    ):
        if any(name.startswith(prefix) and value is not None for name, value in evidence.items()):
            yield said
