"""Trading halts of US stocks, of all exchanges, from the feed that the Nasdaq publishes: one question for all names."""

from __future__ import annotations

import html
import re
from datetime import datetime
from types import MappingProxyType

from scanner.market import symbology
from scanner.market.calendar import NEW_YORK
from scanner.market.symbology import ticker
from scanner.sources.access import VendorError, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

News = tuple[str, datetime, str, str]
_ITEM = re.compile(r"<item>(.*?)</item>", re.DOTALL)
_CELL = re.compile(r"<ndaq:(\w+)>([^<]*)</ndaq:\1>")
# What the codes of the exchanges mean, in a few words.
_REASONS = MappingProxyType(
    {
        "T1": "news pending", "T2": "news released", "T3": "news out, resumption told", "T5": "price moved 10 %",
        "T6": "extraordinary activity", "T8": "fund halted", "T12": "information requested", "H4": "non-compliance",
        "H9": "filings not current", "H10": "halted by the SEC", "H11": "regulatory concern",
        "LUDP": "volatility pause", "LUDS": "volatility pause",
        "MWC1": "market-wide halt", "MWC2": "market-wide halt", "MWC3": "market-wide halt",
        "IPO1": "new issue not yet trading", "M1": "corporate action", "M2": "quotation not available",
        "O1": "operations halt",
    }
)  # fmt: skip


class Halts:
    """Asks for the halts of the day."""

    def __init__(self, settings: SourceSettings) -> None:
        self._access, self.pace, _ = open_access(COMPANIONS["nasdaqtrader"], settings, None, attempts=2)

    def now(self) -> list[News]:
        """Name, moment, kind and reason of every halt in the feed. Raises VendorError and HttpError."""
        answer = self._access.get("/rss.aspx", {"feed": "tradehalts"})
        if answer.status != 200:
            raise refusal(self._access, answer)
        return halts(answer.body.decode("utf-8", "replace"))


def halts(text: str) -> list[News]:
    """The halts in a feed. Raises VendorError where it is none; an item that cannot be read is left out."""
    if "<rss" not in text[:1000] or "</rss>" not in text:
        raise VendorError(f"nasdaqtrader answers with no feed, but {text[:80]!a}", "unreadable")
    found = []
    for item in _ITEM.findall(text):
        cells = {name: html.unescape(value).strip() for name, value in _CELL.findall(item)}
        name = ticker(cells.get("IssueSymbol", ""))
        try:
            stamp = f"{cells['HaltDate']} {cells['HaltTime'][:8]}"
            halted = datetime.strptime(stamp, "%m/%d/%Y %H:%M:%S").replace(tzinfo=NEW_YORK)
        except (KeyError, ValueError):
            continue
        if symbology.is_name(name):
            code = re.sub(r"[^A-Z0-9]", "", cells.get("ReasonCode", ""))[:6]
            found.append((name, halted, "halt", _REASONS.get(code, f"code {code}" if code else "no reason given")))
    return found
