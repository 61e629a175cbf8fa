"""Chains of TD Ameritrade's former interface, which Schwab's took over but for the spelling of a contract."""

from __future__ import annotations

import re
from typing import Any

from scanner.sources.formats.schwab import SchwabJson

_SYMBOL = re.compile(
    r"(?P<root>[A-Z0-9.]{1,6})_(?P<month>\d\d)(?P<day>\d\d)(?P<year>\d\d)(?P<right>[CP])(?P<strike>\d{1,5}(\.\d{1,3})?)"
)
_THOUSANDTHS = 1000


class TdAmeritradeJson(SchwabJson):
    """As Schwab's, the contracts written ``SPY_041924C510``."""

    name = "TD Ameritrade JSON"
    source = "tdameritrade"

    def recognises(self, document: Any) -> bool:
        """Both maps are there, and a contract is written in the old way."""
        if not super().recognises(document):
            return False
        first = next((entry for entry in self.entries(document) if isinstance(entry, dict)), {})
        return _SYMBOL.fullmatch(str(first.get("symbol"))) is not None

    def contract(self, entry: Any) -> Any:
        """The contract with its symbol as OSI writes it; what cannot be read stays as it is, and is refused later."""
        found = _SYMBOL.fullmatch(str(entry.get("symbol"))) if isinstance(entry, dict) else None
        if found is None:
            return entry
        root, month, day, year, right = (found[part] for part in ("root", "month", "day", "year", "right"))
        strike = round(float(found["strike"]) * _THOUSANDTHS)
        return {**entry, "symbol": f"{root}{year}{month}{day}{right}{strike:08d}"}
