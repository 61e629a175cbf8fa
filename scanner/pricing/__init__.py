"""Implied volatility and greeks of whole option chains.

:func:`price_chain` prices a chain frame. Below it, for use without a chain: :mod:`scanner.pricing.black` (European) and
:mod:`scanner.pricing.american`, arrays in and arrays out; :mod:`scanner.pricing.curve` for the Treasury curve. What the
column ``iv_reason`` may say is in :data:`REASONS`.
"""

from scanner.pricing.chain import PricedChain, price_chain
from scanner.pricing.curve import Curve
from scanner.pricing.status import REASONS

__all__ = ["REASONS", "Curve", "PricedChain", "price_chain"]
