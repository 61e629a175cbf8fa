"""Recorded tapes: their formats, one module each, known by their header; read in blocks, so that memory is bounded."""

from __future__ import annotations

from scanner.sources.tapes.base import QuoteFormat, StockFormat, TapeFormat
from scanner.sources.tapes.canonical import CanonicalTape
from scanner.sources.tapes.massive import MassiveQuotes, MassiveTrades
from scanner.sources.tapes.stocks import MassiveStockTrades, StockPrints, UnusualWhalesDarkPool
from scanner.sources.tapes.thetadata import ThetaTradeQuote
from scanner.sources.tapes.unusual_whales import UnusualWhalesTape

FORMATS: tuple[TapeFormat, ...] = (CanonicalTape(), MassiveTrades(), ThetaTradeQuote(), UnusualWhalesTape())
STOCK_FORMATS: tuple[StockFormat, ...] = (StockPrints(), MassiveStockTrades(), UnusualWhalesDarkPool())
QUOTE_FORMATS: tuple[QuoteFormat, ...] = (MassiveQuotes(),)
