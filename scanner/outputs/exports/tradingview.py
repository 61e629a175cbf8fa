"""TradingView's symbol lists: ``OPRA:GOOG250912C235.0`` and ``BRK.B``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from scanner.market import symbology
from scanner.market.calendar import Calendar
from scanner.outputs.delimited import plain_number
from scanner.outputs.exports.platforms import export_symbols, spelled
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject


def export(subjects: Sequence[Subject], _: Calendar) -> Exported:
    """One symbol a line."""
    return export_symbols(subjects, "tradingview", _contract, partial(spelled, mark="."))


def _contract(contract: symbology.Contract, _: str) -> str:
    """The strike always has a decimal."""
    strike = plain_number(contract.strike)
    decimal = strike if "." in strike else f"{strike}.0"
    return f"OPRA:{contract.root}{contract.expiry:%y%m%d}{contract.right}{decimal}"
