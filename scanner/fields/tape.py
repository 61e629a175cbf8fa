"""What the trade tape adds to contracts, expiries and underlyings; null everywhere without one."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

import math

from scanner.fields import missing
from scanner.fields.model import Field, Rows, Unit

_SHARE = "no tape of the session, or nothing of it traded"
_ORDER = "no tape of the session, or no order but legs of packages"


def of_contracts(row: Rows) -> tuple[Field, ...]:
    """How a contract's volume traded."""
    return (
        row.integer("prints", Unit.counted, "prints on the tape of the session, so far; compression and extended hours left out", missing.TAPE),
        row.integer("orders", Unit.counted, "orders that the prints are fills of; legs of packages are none", missing.TAPE),
        row.contracts("largest_order", "lots of the largest order", _ORDER),
        row.number("usual_order", Unit.contracts, "median lots of the contract's orders on the tape", _ORDER, low=0, baseline=True),
        row.contracts("block_lots", "lots in blocks: orders of 50 lots or more and of ten usual orders", missing.TAPE, title="lots in blocks"),
        row.share("block_share", "lots in blocks, of all on the tape", _SHARE, title="share of blocks"),
        row.contracts("sweep_lots", "lots in sweeps: orders filled on two venues or more within 300 ms, or marked by the exchange", missing.TAPE, title="lots in sweeps"),
        row.share("sweep_share", "lots in sweeps, of all on the tape", _SHARE, title="share of sweeps"),
        row.contracts("campaign_lots", "lots of the largest campaign: three orders or more on one side, none five minutes after the one before, a block together", missing.TAPE, title="lots in a campaign"),
        row.integer("campaign_orders", Unit.counted, "orders of the largest campaign", missing.TAPE, title="orders in a campaign"),
        row.share("one_lot_share", "prints of one lot, of all prints", _SHARE, title="share of one-lot prints"),
        row.share("multi_leg_share", "lots in legs of packages, with stock or without, of all on the tape", _SHARE, title="share of packages"),
        row.share("auction_share", "lots that traded in auctions, of all on the tape", _SHARE, title="share of auctions"),
        row.share("floor_share", "lots that traded on a floor, of all on the tape", _SHARE, title="share of the floor"),
        row.price("vwap", "average price of the lots on the tape", _SHARE, title="average price"),
        row.number("buy_lots", Unit.contracts, "lots that customers are expected to have bought, each print by its chance", missing.TAPE, low=0, title="lots bought, expected"),
        row.number("sell_lots", Unit.contracts, "lots that customers are expected to have sold, each print by its chance", missing.TAPE, low=0, title="lots sold, expected"),
        row.contracts("unsided_lots", "lots of which nothing tells the customer's side: packages, crosses, the floor, the middle", missing.TAPE, title="lots on no side"),
        row.dollars("net_premium", "dollars that customers are expected to have paid for them, less what they are expected to have got", "no tape of the session, or an adjusted deliverable", low=-math.inf, title="net money"),
        row.surprise("largest_order_surprise", "of an order at least as large, among as many orders in contracts like it", "no tape of the session, no order, or too few contracts like it", title="chance of the largest order"),
    )  # fmt: skip


def flows(row: Rows) -> tuple[Field, ...]:
    """On which side customers are expected to have been, all contracts together."""
    return (
        row.dollars("net_call_premium", "net_premium of the calls", missing.TAPE, low=-math.inf, title="net money in calls"),
        row.dollars("net_put_premium", "net_premium of the puts", missing.TAPE, low=-math.inf, title="net money in puts"),
        row.number("net_delta", Unit.shares, "delta that customers are expected to have bought, less what they sold", "no tape of the session, or no volatility", title="net delta"),
    )  # fmt: skip


def dark_pool(row: Rows) -> tuple[Field, ...]:
    """What stock prints off the exchanges say of a name."""
    return (
        row.integer("dark_pool_volume", Unit.shares, "shares that traded off the exchanges, so far; wholesalers are among them", missing.STOCK, title="shares off the exchanges"),
        row.share("dark_pool_share", "shares off the exchanges, of all", "no stock prints of the session, or none on exchanges among them", title="share off the exchanges"),
        row.integer("dark_pool_largest", Unit.shares, "shares of the largest single print off the exchanges, at a price of its moment", "no stock prints of the session, or none of them regular", title="largest print off the exchanges"),
        row.surprise("dark_pool_surprise", "of a largest print as many times the name's usual one", "no stock prints of the session, fewer than 5 earlier sessions of the name's, or than 20 of all names", title="chance of the largest print off the exchanges"),
    )  # fmt: skip


def off_exchange(row: Rows) -> tuple[Field, ...]:
    """What was reported off the exchanges of an earlier day or week as a whole: context, with its age."""
    return (
        row.date("off_exchange_date", "the newest session before this one of which the volume off the exchanges is known", missing.NEWS, title="day of the volume off the exchanges"),
        row.integer("off_exchange_volume", Unit.shares, "shares that were reported off the exchanges on that day", missing.NEWS, title="shares off the exchanges that day"),
        row.share("off_exchange_short_share", "of these, shares sold short, market makers' among them", missing.NEWS, title="share of them sold short"),
        row.date("ats_week", "the Monday of the newest week of which the volume on alternative trading systems is published, two to four weeks late", missing.NEWS, title="week of the volume on alternative trading systems"),
        row.integer("ats_volume", Unit.shares, "shares that traded on alternative trading systems in that week", missing.NEWS, title="shares on alternative trading systems that week"),
        row.integer("ats_trades", Unit.counted, "the trades they traded in", missing.NEWS, title="trades on alternative trading systems that week"),
    )  # fmt: skip
