"""moomoo's OpenD asked by addresses, as sites are: one question at a time, at its pace, and answered in JSON.

The vendor's package takes and gives objects of its own. Here a path names one of its methods and a query what it is
asked for; what it gives comes back as a body, so that it is recorded, replayed and read like any vendor's answer.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from scanner.sources.failures import HttpError
from scanner.sources.http import Answer
from scanner.sources.pace import Pace

_EVENTS_A_PAGE = 300
_DESCENDING = 0
_LONGEST_WAIT = 60.0


class OpenD(Protocol):
    """What is asked of the package's ``OpenQuoteContext``; each answers with a status, 0 for success, and a table."""

    def get_option_expiration_date(self, code: str) -> tuple[int, Any]:
        """The expiries of an underlying: ``strike_time``."""
        ...

    def get_option_chain(self, code: str, *, start: str, end: str) -> tuple[int, Any]:
        """The contracts of a span of expiries: ``code``."""
        ...

    def get_market_snapshot(self, code_list: list[str]) -> tuple[int, Any]:
        """Quotes of at most four hundred codes."""
        ...

    def get_option_event(
        self, option_market: Any, *, count: int, page: str | None, filter_list: list[Any]
    ) -> tuple[int, Any]:
        """Prints that the vendor flags, as a page: ``event_list``, ``next_page`` and ``all_count``."""
        ...

    def get_option_rank(
        self,
        option_market: Any,
        sort_type: Any,
        *,
        count: int,
        trading_date: str | None,
        sort_direction: int,
        page: str | None,
        filter_list: list[Any] | None,
    ) -> tuple[int, Any, str | None, Any]:
        """Contracts as the vendor ranks them, as a page, with where the next one begins and how many there are."""
        ...


# How each method is asked: of the context, with the package's own words, for what a query says.
_Asking = Callable[[OpenD, Any, Mapping[str, str]], Any]


def _events(opend: OpenD, package: Any, query: Mapping[str, str]) -> Any:
    kinds, one = package.EventIndicatorType, package.OptionEventFilter
    wanted = [
        one(kinds.OWNER_LIST, security_list=[query["owner"]]),
        one(kinds.TIME, interval_min=float(query["first"]), interval_max=float(query["last"])),
    ]
    market = getattr(package.OptionMarket, query["market"])
    return opend.get_option_event(market, count=_EVENTS_A_PAGE, page=query.get("page"), filter_list=wanted)


def _ranks(opend: OpenD, package: Any, query: Mapping[str, str]) -> Any:
    kinds, one = package.OptionRankIndicatorType, package.OptionRankFilter
    owners = query["owners"].split(",") if "owners" in query else []
    return opend.get_option_rank(
        getattr(package.OptionMarket, query["market"]),
        getattr(package.OptionRankType, query["by"]),
        count=int(query["count"]),
        trading_date=query.get("day"),
        sort_direction=_DESCENDING,
        page=query.get("page"),
        filter_list=[one(kinds.OWNER_LIST, security_list=owners)] if owners else None,
    )


METHODS: Mapping[str, _Asking] = MappingProxyType(
    {
        "get_option_expiration_date": lambda opend, _, query: opend.get_option_expiration_date(query["code"]),
        "get_option_chain": lambda opend, _, query: opend.get_option_chain(
            query["code"], start=query["start"], end=query["end"]
        ),
        "get_market_snapshot": lambda opend, _, query: opend.get_market_snapshot(query["codes"].split(",")),
        "get_option_event": _events,
        "get_option_rank": _ranks,
    }
)
"""What may be asked, by the name of the package's method."""
# OpenD takes fewer questions for lists than for quotes.
_OF_LISTS = frozenset({"get_option_chain", "get_option_event", "get_option_rank"})


class OpenDClient:
    """Asks OpenD through the package, in place of a client for sites.

    ``quotes`` and ``lists`` are how often it may be asked for either; ``sleep`` waits for that, in seconds.
    """

    def __init__(
        self, package: Any, opend: OpenD, quotes: Pace | None, lists: Pace | None, sleep: Callable[[float], None]
    ) -> None:
        self._package, self._opend, self._sleep = package, opend, sleep
        self._quotes, self._lists = quotes, lists
        self._asking = threading.Lock()

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = frozenset()) -> Answer:
        """The answer of a method as a body: ``status``, and ``said`` or ``rows`` with what is said of their pages.

        Raises HttpError where the package does not know the method or answers with something else.
        """
        del headers, final
        parts = urlsplit(url)
        method, query = parts.path.rpartition("/")[2], dict(parse_qsl(parts.query))
        with self._asking:
            pace = self._lists if method in _OF_LISTS else self._quotes
            wait = 0.0 if pace is None else pace.turn(_LONGEST_WAIT)
            if wait > 0:
                self._sleep(wait)
            try:
                answer = METHODS[method](self._opend, self._package, query)
            except AttributeError as error:
                said = f"the vendor's package has no {error.name or method}: a newer one does (pip install -U)"
                raise HttpError(said, "refused") from error
            except TypeError as error:
                said = (
                    f"the vendor's package is asked for {method} in another way ({error}): another version of it is not"
                )
                raise HttpError(said, "refused") from error
        return Answer(200, json.dumps(_document(answer), ensure_ascii=True).encode(), {})

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """OpenD is asked by addresses alone. Raises HttpError."""
        del url, document, headers
        raise HttpError("OpenD takes no documents", "refused")

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """OpenD has the account; there is no credential to ask for. Raises HttpError."""
        del url, headers, form
        raise HttpError("OpenD takes no credential", "refused")


def _document(answer: Any) -> dict[str, Any]:
    """What the package answered, as plain data. Raises HttpError where it is none of a status and a table."""
    # Packages of different age return more beside the status and the table: where the next page begins, among it.
    if not isinstance(answer, tuple) or len(answer) < 2:
        raise HttpError("the package's answer is none of a status and a table", "unreadable")
    status, told, *beside = answer
    if status != 0:
        return {"status": -1, "said": str(told)}
    pages = told if isinstance(told, dict) else dict(zip(("next_page", "all_count"), beside, strict=False))
    table = told.get("event_list") if isinstance(told, dict) else told
    try:
        records = table.to_dict("records")  # type: ignore[union-attr]
    except AttributeError as error:
        raise HttpError("the package's answer is no table", "unreadable") from error
    rows = [{str(name): _plain(value) for name, value in record.items()} for record in records]
    return {"status": 0, "rows": rows, **{name: _plain(pages.get(name)) for name in ("next_page", "all_count")}}


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers of numpy as Python's, what is not a number as nothing, the rest as text."""
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else str(value)
