"""What Interactive Brokers' Trader Workstation imports: DES, underlying, type, exchange, expiry, strike, right,
multiplier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scanner.market import products, symbology
from scanner.market.calendar import Calendar
from scanner.outputs.delimited import plain_number
from scanner.outputs.exports.platforms import export_symbols, spelled
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject

# Where indices are found that are not at Cboe, and roots that are an index of their own there.
_EXCHANGES = {
    "NDX": "NASDAQ",
    "XND": "NASDAQ",
    "NQX": "NASDAQ",
    "RUT": "RUSSELL",
    "RUI": "RUSSELL",
    "RLG": "RUSSELL",
    "RLV": "RUSSELL",
}
_OWN_INDEX = frozenset({"XEO"})


def export(subjects: Sequence[Subject], calendar: Calendar) -> Exported:
    """One line a symbol; ``calendar`` tells the dates on which several kinds of an index's contracts expire."""
    return export_symbols(subjects, "ibkr", partial(_contract, calendar=calendar), _underlying)


def _contract(contract: symbology.Contract, underlying: str, calendar: Calendar) -> str:
    """Such a line does not tell an index's contracts of one date but of different settlement apart; the exchange's
    symbol does: SYM, symbol, exchange."""
    info = symbology.root_info(contract.root)
    if symbology.is_ambiguous(info.underlying, contract.expiry, calendar):
        return f"SYM,{contract.root:<6}{contract.osi.removeprefix(contract.root)},SMART"
    own = underlying if symbology.plain_ticker(underlying) == info.underlying else info.underlying
    name = contract.root if contract.root in _OWN_INDEX else spelled(own, " ")
    right = "CALL" if contract.right == "C" else "PUT"
    strike = plain_number(contract.strike)
    return f"DES,{name},OPT,SMART,{contract.expiry:%Y%m%d},{strike},{right},{info.multiplier}"


def _underlying(underlying: str) -> str:
    """``DES,GOOG,STK,SMART,,,,``; an index trades where it is calculated."""
    if products.index_roots(underlying):
        return f"DES,{underlying},IND,{_EXCHANGES.get(underlying, 'CBOE')},,,,"
    return f"DES,{spelled(underlying, ' ')},STK,SMART,,,,"
