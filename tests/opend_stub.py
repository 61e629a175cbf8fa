"""moomoo's OpenD and the vendor's package: a module of the documented interface, over the stubs' one market."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pandas as pd
from vendor_stubs import HANDLERS, MARKET, NOW, QUOTED, SPOT, TRADED, Behaviour, Option
from werkzeug import Request, Response

from scanner.market.calendar import NEW_YORK
from scanner.sources.opend import OpenDClient

_LATELY = NOW - timedelta(days=3)


def code_of(one: Option) -> str:
    """As OpenD writes it: the strike in thousandths without zeros before it."""
    return f"US.{one.root}{one.symbol[-15:-8]}{int(one.symbol[-8:])}"


def written(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")


def quote(one: Option) -> dict[str, Any]:
    return {
        "code": code_of(one), "update_time": written(QUOTED if one.today else _LATELY), "bid_price": one.bid,
        "ask_price": one.ask, "bid_vol": one.bid_size, "ask_vol": one.ask_size, "last_price": one.last or 0.0,
        "volume": one.volume if one.today or not one.traded else 999, "option_open_interest": one.open_interest,
        "option_implied_volatility": (one.iv or 0) * 100, "option_delta": "N/A" if one.delta is None else one.delta,
        "option_contract_size": 100, "option_valid": True, "stock_owner": "US.XYZ",
    }  # fmt: skip


def event(number: int, **changes: Any) -> dict[str, Any]:
    """A flagged print of the stub's market, a minute before the one of the number before."""
    at = TRADED - timedelta(minutes=number)
    return {
        "option_code": "US.XYZ260724C100000", "owner_code": "US.XYZ", "symbol": "XYZ", "fill_time": written(at),
        "fill_timestamp": at.timestamp(), "ticker_type": "BUY", "price": 1.95, "volume": 100 + number,
        "turnover": 19500.0, "bid_price": 1.9, "ask_price": 2.0, "underlying_price": SPOT, "iv": 29.0,
        "order_type_list": ["SWEEP"] if number % 2 else ["NORMAL"], "strategy_type": "SINGLE_LEG", **changes,
    }  # fmt: skip


def ranked(number: int, **changes: Any) -> dict[str, Any]:
    """A contract as the vendor ranks it: the strike is 100 and the number, and it opened 1,000 less 10 a number."""
    return {
        "code": f"US.XYZ260724C{100_000 + 1_000 * number}", "name": "XYZ 260724 100.00C", "option_type": "CALL",
        "oi_increment": 1000 - 10 * number, "oi_decrement": 0, "oi_market_cap_increment": 190_000.0 - number,
        "oi_market_cap_decrement": 0.0, "volume": 1500, "turnover": 292_500.0, "open_interest": 4000,
        "open_interest_market_cap": 780_000.0, "iv": 129.5, "option_price": 1.95, "change_ratio": 12.5,
        "mid_price": 1.95, "bid_price": 1.9, "bid_volume": 3, "ask_price": 2.0, "ask_volume": 4, "delta": 0.52,
        "gamma": 0.06, "theta": -0.08, "vega": 0.06, "rho": "N/A", "trading_date": "2026-07-15",
        "trading_timestamp": 1_784_088_000.0, **changes,
    }  # fmt: skip


@dataclass
class OpenD:
    """The package's quote context; ``refusing`` answers a method with a sentence in place of a table."""

    refusing: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    spans: list[tuple[str, str]] = field(default_factory=list)
    leaving_out: int = 0
    # What the vendor flagged, newest first, and how many of it a page holds.
    events: list[dict[str, Any]] = field(default_factory=lambda: [event(number) for number in range(5)])
    page: int = 2
    stated: int | None = None
    # What the vendor ranks, in its order; a page of it holds no more than ``rank_page``.
    ranked: list[dict[str, Any]] = field(default_factory=lambda: [ranked(number) for number in range(5)])
    rank_page: int = 200

    def answer(self, method: str, about: Any, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        self.asked.append((method, about))
        if method in self.refusing:
            return -1, self.refusing[method]
        return 0, pd.DataFrame(rows)

    def get_option_expiration_date(self, code: str) -> tuple[int, Any]:
        days = MARKET.expiries if code == "US.XYZ" else []
        return self.answer("expiries", code, [{"strike_time": str(day), "expiration_cycle": "WEEK"} for day in days])

    def get_option_chain(self, code: str, *, start: str, end: str) -> tuple[int, Any]:
        self.spans.append((start, end))
        listed = [one for one in MARKET.options if start <= str(one.expiry) <= end]
        return self.answer("chain", code, [{"code": code_of(one), "stock_owner": code} for one in listed])

    def get_market_snapshot(self, code_list: list[str]) -> tuple[int, Any]:
        stock = {"code": "US.XYZ", "last_price": SPOT, "update_time": written(QUOTED), "option_valid": False}
        rows = [stock, *(quote(one) for one in MARKET.options[self.leaving_out :])]
        return self.answer("snapshot", code_list, [row for row in rows if row["code"] in code_list])

    def get_option_event(self, option_market: str, *, count: int, page: str | None, filter_list: list[Any]) -> Any:
        owner, span = filter_list
        assert (option_market, owner.kind, span.kind, count) == ("us stocks", "owner list", "time", 300)
        status, table = self.answer("events", owner.security_list, self.events)
        if status != 0:
            return status, table
        begin = int(page or 0)
        following = str(begin + self.page) if begin + self.page < len(self.events) else ""
        listed = table.iloc[begin : begin + self.page]
        stated = len(self.events) if self.stated is None else self.stated
        return 0, {"event_list": listed, "next_page": following, "all_count": stated}

    def get_option_rank(
        self, option_market: str, sort_type: str, *, count: int, trading_date: str | None, sort_direction: int,
        page: str | None, filter_list: list[Any] | None,
    ) -> Any:  # fmt: skip
        assert 1 <= count <= 200
        assert sort_direction == 0
        owners = [owner for one in filter_list or () for owner in one.security_list]
        status, table = self.answer("ranks", (option_market, sort_type, trading_date, owners), self.ranked)
        if status != 0:
            return status, table, None, None
        begin, size = int(page or 0), min(count, self.rank_page)
        following = str(begin + size) if begin + size < len(self.ranked) else None
        stated = len(self.ranked) if self.stated is None else self.stated
        return 0, table.iloc[begin : begin + size], following, stated


class Filter(SimpleNamespace):
    """A filter of the package's: a kind, and what it is to be."""

    def __init__(self, kind: str, **told: Any) -> None:
        super().__init__(kind=kind, **told)


def package(opend: OpenD) -> Any:
    """The vendor's package, whose every context is the one given."""
    return SimpleNamespace(
        OpenQuoteContext=lambda *, host, port: opend,
        SysConfig=SimpleNamespace(set_all_thread_daemon=lambda daemon: None),
        OptionMarket=SimpleNamespace(US_SECURITY="us stocks", US_INDEX="us indices"),
        EventIndicatorType=SimpleNamespace(OWNER_LIST="owner list", TIME="time"),
        OptionEventFilter=Filter,
        OptionRankIndicatorType=SimpleNamespace(OWNER_LIST="owner list"),
        OptionRankFilter=Filter,
        OptionRankType=SimpleNamespace(
            **{
                name: name.lower()
                for name in ("VOLUME", "TURNOVER", "OI", "OI_INCREMENT", "OI_DECREMENT", "OI_MARKET_CAP", "IV")
            }
        ),
    )


def client(opend: OpenD) -> OpenDClient:
    """Asks it without waiting."""
    return OpenDClient(package(opend), opend, None, None, lambda seconds: None)


def answer(behaviour: Behaviour, request: Request) -> Response:
    """What the client of OpenD makes of it, for who asks by addresses."""
    del behaviour
    return Response(client(OpenD()).get(request.url).body)


HANDLERS["moomoo"] = answer
