"""The formats of recorded chains, one module each, known by their content."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scanner.sources.formats.alpaca import AlpacaJson
from scanner.sources.formats.alphavantage import AlphaVantageJson
from scanner.sources.formats.barchart import Barchart
from scanner.sources.formats.base import JsonFormat, TextFormat, UnreadableError, lower, split_fields
from scanner.sources.formats.canonical import Canonical
from scanner.sources.formats.cboe_flat import CboeFlat
from scanner.sources.formats.cboe_json import CboeJson
from scanner.sources.formats.cboe_quotedata import CboeQuotedata
from scanner.sources.formats.datashop import DataShop
from scanner.sources.formats.dolthub import DoltHub, DoltHubJson
from scanner.sources.formats.historicaloptiondata import HistoricalOptionData
from scanner.sources.formats.intrinio import IntrinioJson
from scanner.sources.formats.ivolatility import IVolatility
from scanner.sources.formats.marketdata import MarketDataJson
from scanner.sources.formats.massive import MassiveJson
from scanner.sources.formats.openbb import OpenBB
from scanner.sources.formats.optionsdx import OptionsDx
from scanner.sources.formats.orats import Orats, OratsJson
from scanner.sources.formats.schwab import SchwabJson
from scanner.sources.formats.tdameritrade import TdAmeritradeJson
from scanner.sources.formats.thetadata import ThetaData, ThetaDataJson
from scanner.sources.formats.tradier import TradierJson
from scanner.sources.formats.unusual_whales import UnusualWhalesJson
from scanner.sources.formats.yahoo import Yahoo
from scanner.sources.formats.yahoo_json import YahooJson

TEXT: tuple[TextFormat, ...] = (
    Canonical(),
    CboeFlat(),
    CboeQuotedata(),
    Yahoo(),
    IVolatility(),
    OptionsDx(),
    DataShop(),
    HistoricalOptionData(),
    DoltHub(),
    Orats(),
    OpenBB(),
    ThetaData(),
    Barchart(),
)
JSON: tuple[JsonFormat, ...] = (
    CboeJson(),
    TdAmeritradeJson(),
    SchwabJson(),
    TradierJson(),
    MassiveJson(),
    AlpacaJson(),
    MarketDataJson(),
    YahooJson(),
    AlphaVantageJson(),
    UnusualWhalesJson(),
    IntrinioJson(),
    OratsJson(),
    ThetaDataJson(),
    DoltHubJson(),
)
_PREAMBLE = 5
# What spreadsheets put between fields where the comma is the decimal mark: there 1,234 may be either of two numbers.
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def of_text(lines: Sequence[str]) -> tuple[TextFormat, int]:
    """The format of a text file and the number of lines down to and with its header. Raises UnreadableError."""
    for number, line in enumerate(lines[:_PREAMBLE], 1):
        header = lower(split_fields(line))
        for candidate in TEXT:
            if candidate.recognises(header):
                return candidate, number
    for line in lines[:_PREAMBLE]:
        for mark, called in _SEPARATORS.items():
            header = lower(line.split(mark))
            if any(candidate.recognises(header) for candidate in TEXT):
                mend = "save it with commas between them, and with points in its numbers"
                raise UnreadableError(f"a chain whose fields {called} separate; {mend}", 1)
    first = next((line for line in lines if line.strip()), "")
    shown = ", ".join(split_fields(first)[:8])[:120]
    raise UnreadableError(f"no format of recorded chains has this header: {shown!r}", 1)


def of_parquet(names: Sequence[str]) -> TextFormat:
    """The format of a Parquet file with these columns. Raises UnreadableError."""
    for candidate in TEXT:
        if candidate.recognises(lower(names)):
            return candidate
    raise UnreadableError(f"Parquet, but no known chain (its columns: {', '.join(names[:8])[:120]})")


def of_json(document: Any) -> JsonFormat:
    """The format of a JSON document. Raises UnreadableError."""
    for candidate in JSON:
        if candidate.recognises(document):
            return candidate
    keys = ", ".join(list(document)[:8]) if isinstance(document, dict) else type(document).__name__
    raise UnreadableError(f"JSON, but no known chain (it holds: {keys[:120]})")
