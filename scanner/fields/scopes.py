"""The scopes: the kinds of row that are judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Scope:
    """One kind of row that is judged: what makes a row of it, and which wider scopes its rules may look at."""

    name: str
    meaning: str
    keys: tuple[str, ...]
    wider: tuple[str, ...]


SCOPES: Mapping[str, Scope] = MappingProxyType(
    {
        scope.name: scope
        for scope in (
            Scope("contract", "one option series", ("contract",), ("strike", "expiry", "underlying", "market")),
            Scope(
                "strike",
                "both rights of one root, expiry and strike",
                ("underlying", "root", "expiry", "strike"),
                ("expiry", "underlying", "market"),
            ),
            Scope(
                "ladder",
                "a run of neighbouring strikes of one root, expiry and right",
                ("underlying", "root", "expiry", "right", "first_strike", "last_strike"),
                ("expiry", "underlying", "market"),
            ),
            Scope(
                "expiry",
                "all contracts of one root and expiry",
                ("underlying", "root", "expiry"),
                ("underlying", "market"),
            ),
            Scope("underlying", "one stock, ETF or index", ("underlying",), ("market",)),
            Scope(
                "market",
                "all scanned underlyings together, and the index products and single names apart",
                ("segment",),
                (),
            ),
        )
    }
)
