"""Implied volatility and greeks of whole option chains.

:func:`price_chain` prices a chain frame. Below it, for use without a chain: :mod:`scanner.pricing.black` (European) and
:mod:`scanner.pricing.american`, arrays in and arrays out; :mod:`scanner.pricing.curve` for the Treasury curve. What the
column ``iv_reason`` may say is in :data:`REASONS`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scanner.pricing.chain import PricedChain, Pricing, price_chain
    from scanner.pricing.curve import Curve
    from scanner.pricing.status import REASONS

__all__ = ["REASONS", "Curve", "PricedChain", "Pricing", "price_chain"]

# Loaded when first asked for: who works with arrays alone need not wait for polars.
_HOMES = {"REASONS": "status", "Curve": "curve", "PricedChain": "chain", "Pricing": "chain", "price_chain": "chain"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
