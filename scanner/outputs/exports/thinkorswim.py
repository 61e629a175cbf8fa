"""thinkorswim's symbol lists: ``.GOOG250912C235`` and ``BRK/B``."""

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
    return export_symbols(subjects, "thinkorswim", _contract, partial(spelled, mark="/"))


def _contract(contract: symbology.Contract, _: str) -> str:
    return f".{contract.root}{contract.expiry:%y%m%d}{contract.right}{plain_number(contract.strike)}"
