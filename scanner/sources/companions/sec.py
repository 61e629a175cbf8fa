"""Filings with the Securities and Exchange Commission, by name, with the moment they were accepted.

The site asks every program to say whom to write to: that is the one credential.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from scanner.market.symbology import plain_ticker
from scanner.sources.access import VendorError, parsed, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.http import USER_AGENT
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

News = tuple[str, datetime, str, str]
_TICKERS_SITE = "https://www.sec.gov"
_FORM = re.compile(r"[A-Za-z0-9 /-]{1,20}")
# Items of a current report that move prices, in a few words.
_ITEMS = MappingProxyType(
    {
        "1.01": "agreement", "1.02": "agreement ended", "1.03": "bankruptcy", "2.01": "acquisition or disposal",
        "2.02": "results", "2.05": "restructuring", "2.06": "impairment", "3.01": "listing in doubt",
        "4.02": "accounts not to be relied on", "5.01": "change of control", "5.02": "directors or officers",
        "7.01": "disclosure", "8.01": "other events",
    }
)  # fmt: skip
# Forms by which insiders and funds report, several a week of large names.
_ROUTINE = frozenset({"3", "4", "5", "144", "3/A", "4/A", "5/A", "144/A", "424B2", "424B3", "FWP", "11-K", "S-8"})
_NEWEST = 200


class Filings:
    """Asks for the newest filings of one name."""

    def __init__(self, settings: SourceSettings) -> None:
        self._access, self.pace, _ = open_access(COMPANIONS["sec"], settings, None, attempts=2)
        self._headers = {"User-Agent": f"{USER_AGENT} {self._access.secrets['SEC_CONTACT']}"}
        self._numbers: dict[str, int] | None = None

    def of(self, name: str) -> list[News]:
        """Name, moment, kind and what it is, of every filing but routine ones. Raises VendorError and HttpError."""
        number = self._number(name)
        if number is None:
            return []
        document = self._document(f"/submissions/CIK{number:010d}.json", self._access.site)
        return filings(name, document)

    def _number(self, name: str) -> int | None:
        """The registrant's number of a name; None for one that has none, as funds' shares."""
        if self._numbers is None:
            site = self._access.elsewhere(_TICKERS_SITE)
            document = self._document("/files/company_tickers.json", site)
            try:
                self._numbers = {plain_ticker(row["ticker"]): int(row["cik_str"]) for row in document.values()}
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise VendorError("sec's list of tickers cannot be read", "unreadable") from error
        return self._numbers.get(plain_ticker(name))

    def _document(self, path: str, site: str) -> Any:
        answer = self._access.get(path, None, self._headers, site=site)
        if answer.status != 200:
            raise refusal(self._access, answer)
        return parsed(answer)


def filings(name: str, document: Any) -> list[News]:
    """The newest filings of a registrant's document. Raises VendorError where it is none."""
    try:
        recent = document["filings"]["recent"]
        rows = list(zip(recent["form"], recent["acceptanceDateTime"], recent["items"], strict=True))[:_NEWEST]
        found = []
        for form, accepted, items in rows:
            if form in _ROUTINE or not _FORM.fullmatch(form):
                continue
            moment = datetime.fromisoformat(accepted)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
            told = [_ITEMS[item] for item in str(items or "").split(",") if item in _ITEMS]
            found.append((name, moment, "filing", f"{form}: {', '.join(told)}" if told else form))
    except (LookupError, TypeError, ValueError) as error:
        raise VendorError("sec's filings cannot be read", "unreadable") from error
    return found
