"""One small market, as each vendor would serve it: real HTTP on the loopback interface, with the vendor's quirks.

All bodies come from one table, so that every adapter can be held against the same numbers. What a stub refuses - a
missing or wrong key, a page without it, an expiry that is none - it refuses as the vendor's documentation says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

NOW = datetime(2026, 7, 16, 18, 0, tzinfo=UTC)  # a Thursday, 14:00 in New York
QUOTED = NOW - timedelta(minutes=1)
TRADED = datetime(2026, 7, 16, 15, 30, tzinfo=UTC)
EARLIER = datetime(2026, 7, 13, 14, 0, tzinfo=UTC)
SESSION, PUBLISHED = date(2026, 7, 16), date(2026, 7, 15)
MIDNIGHT = datetime(2026, 7, 16, 4, 0, tzinfo=UTC)
SPOT = 100.25
KEY = "sesame-4711-key"


@dataclass(frozen=True)
class Option:
    """One contract of the market; ``volume`` is that of ``traded``'s day, None where nothing ever traded."""

    symbol: str
    bid: float
    ask: float
    bid_size: int
    ask_size: int
    last: float | None
    traded: datetime | None
    volume: int
    open_interest: int
    iv: float | None
    delta: float | None

    @property
    def root(self) -> str:
        return self.symbol[:-15]

    @property
    def expiry(self) -> date:
        return datetime.strptime(self.symbol[-15:-9], "%y%m%d").replace(tzinfo=UTC).date()

    @property
    def right(self) -> str:
        return self.symbol[-9]

    @property
    def side(self) -> str:
        return {"C": "call", "P": "put"}[self.right]

    @property
    def strike(self) -> float:
        return int(self.symbol[-8:]) / 1000

    @property
    def today(self) -> bool:
        return self.traded is not None and self.traded.date() == SESSION


@dataclass(frozen=True)
class Market:
    """The contracts of one underlying."""

    underlying: str = "XYZ"
    options: tuple[Option, ...] = (
        Option("XYZ260724C00095000", 5.6, 5.8, 12, 31, 5.7, TRADED, 340, 1200, 0.31, 0.81),
        Option("XYZ260724C00097500", 3.5, 3.7, 55, 8, 3.6, TRADED, 75, 0, 0.3, 0.66),
        Option("XYZ260724C00100000", 1.9, 2.0, 210, 180, 1.95, TRADED, 5210, 1890, 0.29, 0.52),
        Option("XYZ260724P00100000", 1.6, 1.7, 99, 120, 1.65, TRADED, 880, 2400, 0.29, -0.48),
        Option("XYZ260724P00080000", 0.0, 0.05, 0, 400, 0.04, EARLIER, 0, 310, None, None),
        Option("XYZ260821C00100000", 4.1, 4.3, 20, 22, 4.2, TRADED, 410, 5120, 0.3, 0.54),
        Option("XYZ260821P00100000", 3.6, 3.8, 18, 40, 3.7, TRADED, 290, 4800, 0.3, -0.46),
        Option("XYZ260821C00150000", 0.0, 0.1, 0, 90, None, None, 0, 0, None, None),
    )

    @property
    def expiries(self) -> list[date]:
        return sorted({option.expiry for option in self.options})

    def of(self, expiry: date | str) -> list[Option]:
        return [option for option in self.options if str(option.expiry) == str(expiry)]


MARKET = Market()
ADJUSTED = Option("XYZ1260821C00100000", 3.0, 3.6, 2, 2, 3.2, TRADED, 4, 55, None, None)


@dataclass
class Behaviour:
    """What a test has a stub do otherwise: ``failing`` answers in place of the vendor, by what a path contains."""

    market: Market = MARKET
    failing: dict[str, Response | Callable[[Request], Response]] = field(default_factory=dict)
    page: int = 3
    asked: list[Request] = field(default_factory=list)
    # What the clearing house has more than vendors do, of every contract.
    newer: int = 0

    def cleared(self, one: Option) -> int:
        """The open interest of the newest close."""
        return one.open_interest + self.newer

    def mutated(self, **changes: Any) -> Market:
        """The market with its first option changed."""
        first, *others = self.market.options
        return replace(self.market, options=(replace(first, **changes), *others))


Handler = Callable[[Behaviour, Request], Response]


def serve(server: HTTPServer, name: str, behaviour: Behaviour | None = None) -> Behaviour:
    """Serve a vendor on every path of a server."""
    chosen, handler = behaviour or Behaviour(), HANDLERS[name]

    def handle(request: Request) -> Response:
        chosen.asked.append(request)
        for part, answer in chosen.failing.items():
            if part in request.full_path:
                return answer(request) if callable(answer) and not isinstance(answer, Response) else answer
        return closes_of(name, request) or handler(chosen, request)

    server.expect_request(re.compile(".*")).respond_with_handler(handle)
    return chosen


def body(document: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer."""
    return Response(json.dumps(document), status, {name.replace("_", "-"): text for name, text in headers.items()})


def bearer(request: Request) -> bool:
    return request.headers.get("Authorization") == f"Bearer {KEY}"


def ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def ns(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp()) * 10**9


def rfc(moment: datetime) -> str:
    """A time with nanoseconds, which nothing in Python reads by itself."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.123456789Z")


# --- Tradier -------------------------------------------------------------------------------------------------------


def xml_made(entries: list[Any]) -> Any:
    """A list that went through XML: one entry comes bare, none as null."""
    return entries[0] if len(entries) == 1 else entries or None


def tradier(behaviour: Behaviour, request: Request) -> Response:
    market, query = behaviour.market, request.args
    if not bearer(request):
        fault = {"faultstring": "Invalid Access Token", "detail": {"errorcode": "keymanagement.invalid"}}
        return body({"fault": fault}, 401)
    if "application/json" not in request.headers.get("Accept", ""):
        return Response("<options/>", content_type="application/xml")
    if query.get("symbol", query.get("symbols")) != market.underlying.replace(".", "/"):
        return body({"expirations": None})
    if request.path.endswith("/options/expirations"):
        return body({"expirations": {"date": xml_made([str(day) for day in market.expiries])}})
    if request.path.endswith("/quotes"):
        return body({"quotes": {"quote": {"symbol": market.underlying, "last": SPOT, "close": None}}})
    options = [tradier_row(one, market.underlying) for one in market.of(query["expiration"])]
    return body({"options": {"option": xml_made(options)} if options else None}, X_Ratelimit_Available="57")


def tradier_row(one: Option, underlying: str) -> dict[str, Any]:
    greeks = {"delta": one.delta, "gamma": 0.01, "rho": 0.2, "updated_at": "2026-07-16 17:00:03", "smv_vol": 0.3}
    iv = (
        {"bid_iv": one.iv - 0.01, "mid_iv": one.iv, "ask_iv": one.iv + 0.01}
        if one.iv
        else {"bid_iv": 0.0, "mid_iv": 0.9}
    )
    return {
        "symbol": one.symbol, "underlying": underlying, "root_symbol": one.root, "strike": one.strike,
        "option_type": one.side, "expiration_date": str(one.expiry), "expiration_type": "weeklys", "contract_size": 100,
        "bid": one.bid, "ask": one.ask, "bidsize": one.bid_size, "asksize": one.ask_size, "last": one.last,
        "trade_date": ms(one.traded) or 0, "bid_date": ms(QUOTED), "ask_date": ms(QUOTED - timedelta(minutes=3)),
        "volume": one.volume, "open_interest": one.open_interest, "greeks": {**greeks, **iv} if one.delta else None,
        "week_52_high": 0.0, "average_volume": 0,
    }  # fmt: skip


# --- Massive -------------------------------------------------------------------------------------------------------


def massive(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if not bearer(request):
        return body({"status": "ERROR", "request_id": "1", "error": "Unknown API Key"}, 401)
    if not request.path.endswith(f"/options/{market.underlying}"):
        return body({"status": "OK", "results": []})
    given = request.args.get("cursor", "0")
    if not given.isdecimal():
        return body({"status": "ERROR", "error": "invalid cursor"}, 400)
    begin = int(given)
    size = min(int(request.args.get("limit", 10)), behaviour.page)
    # A chain moves while it is paged: the last contract of a page is the first of the next one.
    page = market.options[max(0, begin - 1) : begin + size]
    document = {"status": "DELAYED", "results": [massive_row(one, market.underlying) for one in page]}
    if begin + size < len(market.options):
        document["next_url"] = f"https://api.massive.com{request.path}?cursor={begin + size}&limit={size}"
    return body(document)


def massive_row(one: Option, underlying: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "details": {
            "ticker": f"O:{one.symbol}", "contract_type": one.side, "expiration_date": str(one.expiry),
            "strike_price": one.strike, "exercise_style": "american", "shares_per_contract": 100,
        },
        "greeks": {"delta": one.delta, "gamma": 0.01} if one.delta else {},
        "last_quote": {
            "bid": one.bid, "ask": one.ask, "bid_size": one.bid_size, "ask_size": one.ask_size,
            "last_updated": ns(QUOTED), "timeframe": "DELAYED",
        },
        "open_interest": one.open_interest,
        "underlying_asset": {"ticker": underlying, "price": SPOT, "last_updated": ns(QUOTED), "timeframe": "DELAYED"},
        "day": {"volume": one.volume, "close": one.last, "last_updated": ns(MIDNIGHT)},
    }  # fmt: skip
    if one.iv:
        row["implied_volatility"] = one.iv
    if one.traded:
        row["last_trade"] = {"price": one.last, "sip_timestamp": ns(one.traded), "size": 1, "conditions": [209]}
        if not one.today:
            # What is left of the day it last traded on.
            row["day"] = {"volume": 999, "close": one.last, "last_updated": ns(MIDNIGHT - timedelta(days=3))}
    else:
        row["day"] = {}
    return row


# --- Alpaca --------------------------------------------------------------------------------------------------------


def alpaca(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    sent = request.headers
    if (sent.get("APCA-API-KEY-ID"), sent.get("APCA-API-SECRET-KEY")) != (KEY, KEY):
        return body({"message": "forbidden."}, 403)
    given, size = request.args.get("page_token", "0"), behaviour.page
    if not given.isdecimal():
        return body({"message": "invalid page_token"}, 422)
    begin = int(given)
    token = str(begin + size) if begin + size < len(market.options) else None
    if "/v1beta1/options/snapshots/" in request.path:
        if request.args.get("feed") not in ("opra", "indicative"):
            return body({"message": "feed must be named"}, 422)
        if not request.path.endswith(f"/{market.underlying}"):
            return body({"snapshots": {}})
        rows = {one.symbol: alpaca_row(one) for one in market.options[begin : begin + size]}
        return body({"snapshots": rows, "next_page_token": token} if token else {"snapshots": rows})
    if request.path == "/v2/options/contracts":
        if "expiration_date_lte" not in request.args:
            return body({"option_contracts": [], "next_page_token": None})
        contracts = [
            {"symbol": one.symbol, "open_interest": str(one.open_interest), "open_interest_date": str(PUBLISHED),
             "strike_price": str(one.strike), "size": "100"}
            for one in market.options[begin : begin + size]
        ]  # fmt: skip
        return body({"option_contracts": contracts, "next_page_token": token})
    return body({"symbol": market.underlying, "trade": {"t": rfc(QUOTED), "p": SPOT, "s": 10}})


def alpaca_row(one: Option) -> dict[str, Any]:
    quote = {"bp": one.bid, "ap": one.ask, "bs": one.bid_size, "as": one.ask_size, "t": rfc(QUOTED), "c": "A"}
    row: dict[str, Any] = {"latestQuote": quote}
    if one.iv:
        row |= {"impliedVolatility": one.iv, "greeks": {"delta": one.delta, "rho": 0.1}}
    if one.traded:
        row["latestTrade"] = {"p": one.last, "t": one.traded.strftime("%Y-%m-%dT%H:%M:%SZ"), "s": 1, "c": "I"}
        day = MIDNIGHT if one.today else MIDNIGHT - timedelta(days=3)
        volume = one.volume if one.today else 999
        row["dailyBar"] = {"t": day.strftime("%Y-%m-%dT%H:%M:%SZ"), "v": volume, "c": one.last}
    return row


# --- MarketData.app ------------------------------------------------------------------------------------------------


def marketdata(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if not bearer(request):
        return body({"s": "error", "errmsg": "Invalid token"}, 401)
    if f"/{market.underlying}/" not in request.path:
        return body({"s": "error", "errmsg": "No option found. Check the symbol."}, 404)
    options = list(market.options)
    if request.args.get("expiration") != "all":
        options = market.of(market.expiries[0])
    begin = int(request.args.get("offset", 0))
    options = options[begin : begin + int(request.args.get("limit", 10_000))]
    if not options:
        return body({"s": "no_data", "nextTime": None, "prevTime": None}, 404)
    return body(marketdata_arrays(options, market.underlying), 203, X_Api_Ratelimit_Consumed=str(len(options)))


def marketdata_arrays(options: list[Option], underlying: str) -> dict[str, Any]:
    closes = [datetime(one.expiry.year, one.expiry.month, one.expiry.day, 20, tzinfo=UTC) for one in options]
    return {
        "s": "ok",
        "optionSymbol": [one.symbol for one in options], "underlying": [underlying for _ in options],
        "expiration": [round(close.timestamp()) for close in closes], "side": [one.side for one in options],
        "strike": [one.strike for one in options], "updated": [round(QUOTED.timestamp()) for _ in options],
        "bid": [one.bid for one in options], "bidSize": [one.bid_size for one in options],
        "ask": [one.ask for one in options], "askSize": [one.ask_size for one in options],
        "mid": [(one.bid + one.ask) / 2 for one in options], "last": [one.last for one in options],
        "openInterest": [one.open_interest for one in options], "volume": [one.volume for one in options],
        "underlyingPrice": [SPOT for _ in options], "iv": [one.iv for one in options],
        "delta": [one.delta or 0 for one in options], "inTheMoney": [False for _ in options],
    }  # fmt: skip


# --- Schwab --------------------------------------------------------------------------------------------------------


def schwab(behaviour: Behaviour, request: Request) -> Response:
    market, query = behaviour.market, request.args
    if request.path == "/v1/oauth/token":
        sound = request.form.get("refresh_token") == KEY and request.method == "POST"
        return body(
            {"access_token": KEY, "expires_in": 1800} if sound else {"error": "invalid_client"}, 200 if sound else 400
        )
    if not bearer(request):
        return body({"errors": [{"status": "401", "title": "Unauthorized", "detail": "Client not authorized"}]}, 401)
    if query.get("symbol") != market.underlying.replace(".", "/"):
        return body({"symbol": query.get("symbol"), "status": "FAILED", "callExpDateMap": {}, "putExpDateMap": {}})
    options = [one for one in market.options if query["fromDate"] <= str(one.expiry) <= query["toDate"]]
    if len(options) > behaviour.page + 2:
        return Response("Body buffer overflow", 502)
    maps: dict[str, dict[str, dict[str, list[Any]]]] = {"C": {}, "P": {}}
    for one in options:
        days = (one.expiry - SESSION).days
        by_strike = maps[one.right].setdefault(f"{one.expiry}:{days}", {})
        by_strike.setdefault(str(one.strike), []).append(schwab_row(one))
    return body(
        {"symbol": market.underlying, "status": "SUCCESS", "underlyingPrice": SPOT, "isDelayed": False,
         "isChainTruncated": False, "numberOfContracts": len(options), "callExpDateMap": maps["C"],
         "putExpDateMap": maps["P"]}
    )  # fmt: skip


def schwab_row(one: Option) -> dict[str, Any]:
    return {
        "putCall": one.side.upper(), "symbol": f"{one.root:<6}{one.symbol[-15:]}", "bid": one.bid, "ask": one.ask,
        "last": one.last or 0.0, "bidSize": one.bid_size, "askSize": one.ask_size, "totalVolume": one.volume,
        "tradeTimeInLong": ms(one.traded) or 0, "quoteTimeInLong": ms(QUOTED),
        "volatility": one.iv * 100 if one.iv else -999.0, "delta": one.delta or -999.0,
        "openInterest": one.open_interest, "strikePrice": one.strike, "multiplier": 100.0, "settlementType": "P",
        "exerciseType": "A", "optionRoot": one.root, "nonStandard": one.root[-1].isdigit(), "mini": False,
        "expirationDate": f"{one.expiry}T20:00:00.000+00:00",
    }  # fmt: skip


# --- Yahoo ---------------------------------------------------------------------------------------------------------


def yahoo(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if request.path == "/":
        return Response(
            "not found", 404, {"Set-Cookie": "A3=d=abc&S=xyz; Expires=Fri, 16 Jul 2027 18:00:00 GMT; Path=/"}
        )
    if "A3=d=abc&S=xyz" not in request.headers.get("Cookie", ""):
        return body(
            {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Cookie"}}}, 401
        )
    if request.path.endswith("/getcrumb"):
        return Response("q8Zx.2hJkLm", content_type="text/plain")
    if request.args.get("crumb") != "q8Zx.2hJkLm":
        return body(
            {"finance": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}}, 401
        )
    if not request.path.endswith(f"/{market.underlying}"):
        return body({"optionChain": {"result": [], "error": None}})
    midnights = {day: round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) for day in market.expiries}
    wanted = int(request.args.get("date", midnights[market.expiries[0]]))
    # A date that is no expiry gives an empty chain and no error.
    day = next((day for day, stamp in midnights.items() if stamp == wanted), "none")
    rows = {side: [yahoo_row(one, wanted) for one in market.of(day) if one.right == side] for side in "CP"}
    return body({"optionChain": {"result": [{
        "underlyingSymbol": market.underlying, "expirationDates": list(midnights.values()), "strikes": [],
        "quote": {"regularMarketPrice": SPOT, "regularMarketTime": round(QUOTED.timestamp()), "marketState": "REGULAR"},
        "options": [{"expirationDate": wanted, "calls": rows["C"], "puts": rows["P"]}],
    }], "error": None}})  # fmt: skip


def yahoo_refusal(why: str) -> Response:
    return body({"finance": {"result": None, "error": {"code": "Unauthorized", "description": why}}}, 401)


def yahoo_row(one: Option, expiry: int) -> dict[str, Any]:
    row: dict[str, Any] = {
        "contractSymbol": one.symbol, "strike": one.strike, "currency": "USD", "bid": one.bid, "ask": one.ask,
        "openInterest": one.open_interest, "expiration": expiry, "impliedVolatility": one.iv or 0.00001,
    }  # fmt: skip
    if one.traded:
        row |= {"lastPrice": one.last, "lastTradeDate": round(one.traded.timestamp())}
        row["volume"] = one.volume if one.today else 999
    return row


# --- ThetaData -----------------------------------------------------------------------------------------------------


def thetadata(behaviour: Behaviour, request: Request) -> Response:
    market, query = behaviour.market, request.args
    roots = sorted({one.root for one in market.options})
    if query.get("symbol") not in roots:
        return Response("No data found for your request", 472)
    options = [one for one in market.options if one.root == query["symbol"]]
    name = request.path.removeprefix("/v3/option/snapshot/")
    head, at = "symbol,expiration,strike,right", "2026-07-16T13:59:00.120"

    def table(columns: str, rows: list[list[Any]]) -> Response:
        lines = [columns, *(",".join("" if cell is None else str(cell) for cell in row) for row in rows)]
        return Response("\r\n".join(lines), content_type="text/csv")

    def key(one: Option) -> list[Any]:
        return [one.root, one.expiry, f"{one.strike:.3f}", one.side.upper()]

    if name == "quote":
        rows = [[at, *key(one), one.bid_size, 5, one.bid, 50, one.ask_size, 7, one.ask, 50] for one in options]
        columns = f"timestamp,{head},bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition"
        return table(columns, rows)
    if name == "ohlc":
        rows = [
            ["2026-07-16T11:30:00.000", *key(one), one.last, one.last, one.last, one.last, one.volume, 3]
            for one in options
            if one.today
        ]
        return table(f"timestamp,{head},open,high,low,close,volume,count", rows)
    if name == "open_interest":
        # A series without open interest has no message.
        rows = [["2026-07-16T06:30:01.000", *key(one), one.open_interest] for one in options if one.open_interest]
        return table(f"timestamp,{head},open_interest", rows)
    rows = [[*key(one), at, one.bid, one.ask, one.delta, -0.01, 12.1, 3.0, one.iv, SPOT] for one in options]
    return table(f"{head},timestamp,bid,ask,delta,theta,vega,rho,implied_vol,underlying_price", rows)


# --- Unusual Whales ------------------------------------------------------------------------------------------------


def unusualwhales(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if not bearer(request):
        return body({"code": "unauthorized", "message": "token is missing or invalid"}, 401)
    if f"/stock/{market.underlying}/" not in request.path:
        return body({"data": []})
    rows = [
        {"option_symbol": one.symbol, "nbbo_bid": str(one.bid), "nbbo_ask": str(one.ask), "volume": one.volume,
         "last_price": None if one.last is None else str(one.last), "open_interest": one.open_interest,
         "implied_volatility": None if one.iv is None else str(one.iv), "prev_oi": 1, "ask_volume": 0}
        for one in market.options
    ]  # fmt: skip
    return body({"data": rows}, x_uw_req_per_minute_remaining="118")


# --- Intrinio ------------------------------------------------------------------------------------------------------


def intrinio(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if not bearer(request):
        return body({"error": "An error occured.", "message": "An API Key is required."}, 401)
    if f"/{market.underlying}/" not in request.path:
        return body({"error": "Not found", "message": "The symbol is unknown."}, 404)
    if "/expirations/" in request.path:
        return body({"expirations": [str(day) for day in reversed(market.expiries)]})
    return body({"chain": [intrinio_row(one, market.underlying) for one in market.of(request.path.split("/")[-2])]})


def intrinio_row(one: Option, underlying: str) -> dict[str, Any]:
    stamp = QUOTED.isoformat().replace("+00:00", "Z")
    return {
        "option": {"code": f"{one.root:_<6}{one.symbol[-15:]}", "ticker": underlying, "expiration": str(one.expiry),
                   "strike": one.strike, "type": one.side},
        "price": {"last": one.last, "last_timestamp": None if one.traded is None else one.traded.isoformat(),
                  "volume": one.volume, "bid": one.bid, "bid_size": one.bid_size, "bid_timestamp": stamp,
                  "ask": one.ask, "ask_size": one.ask_size, "ask_timestamp": stamp,
                  "open_interest": one.open_interest, "exercise_style": "A"},
        "stats": {"implied_volatility": one.iv, "delta": one.delta, "underlying_price": SPOT} if one.iv else
                 {"underlying_price": SPOT},
    }  # fmt: skip


# --- Alpha Vantage -------------------------------------------------------------------------------------------------


def alphavantage(behaviour: Behaviour, request: Request) -> Response:
    market, query = behaviour.market, request.args
    if query.get("apikey") != KEY:
        return body({"Error Message": "the parameter apikey is invalid or missing."})
    if query.get("symbol") != market.underlying:
        return body({"endpoint": "Historical Options", "message": "No data for symbol", "data": []})
    rows = [
        {"contractID": one.symbol, "symbol": market.underlying, "expiration": str(one.expiry),
         "strike": f"{one.strike:.2f}", "type": one.side, "last": f"{one.last or 0:.2f}", "mark": "1.00",
         "bid": f"{one.bid:.2f}", "bid_size": str(one.bid_size), "ask": f"{one.ask:.2f}",
         "ask_size": str(one.ask_size), "volume": str(one.volume), "open_interest": str(one.open_interest),
         "date": str(SESSION), "implied_volatility": f"{one.iv or 0:.5f}",
         **({"delta": f"{one.delta:.5f}"} if one.delta else {})}
        for one in market.options
    ]  # fmt: skip
    return body({"endpoint": "Historical Options", "message": "success", "data": rows})


# --- Cboe ----------------------------------------------------------------------------------------------------------


def cboe(behaviour: Behaviour, request: Request) -> Response:
    market = behaviour.market
    if not request.path.endswith(f"/options/{market.underlying}.json"):
        known = request.path.endswith("/quotes/SPY.json")
        return body({}) if known else Response("<Error><Code>AccessDenied</Code></Error>", 403)
    rows = [
        {"option": one.symbol, "bid": one.bid, "bid_size": float(one.bid_size), "ask": one.ask,
         "ask_size": float(one.ask_size), "iv": one.iv or 0.0, "open_interest": float(one.open_interest),
         "volume": float(one.volume), "delta": one.delta, "last_trade_price": one.last or 0.0,
         "last_trade_time": None if one.traded is None else f"{one.traded - timedelta(hours=4):%Y-%m-%dT%H:%M:%S}"}
        for one in market.options
    ]  # fmt: skip
    data = {"options": rows, "symbol": market.underlying, "current_price": SPOT, "close": SPOT}
    stamp = (QUOTED + timedelta(minutes=15) - timedelta(minutes=14)).strftime("%Y-%m-%d %H:%M:%S")
    return body({"timestamp": stamp, "data": data, "symbol": market.underlying}, ETag='W/"1"')


def occ(behaviour: Behaviour, request: Request) -> Response:
    """The clearing house's series: a banner, then one line a strike, with two tabs behind the root."""
    market = behaviour.market
    if request.args.get("symbolType") != "U" or request.path != "/series-search":
        return Response("Report Format is Required")
    symbol = request.args["symbol"]
    lines = [
        f"Series Search Results for {symbol}",
        "Products for this underlying symbol are traded on: AMEX CBOE PHLX",
        "\t\tSeries/contract\t\tStrike\t\t\tOpen Interest",
        "ProductSymbol\tyear\tMonth\tDay\tInteger\tDec\tC/P\tCall\tPut\tPosition Limit\t",
    ]
    strikes: dict[tuple[str, date, float], dict[str, int]] = {}
    for one in market.options if symbol == market.underlying else ():
        strikes.setdefault((one.root, one.expiry, one.strike), {})[one.right] = behaviour.cleared(one)
    for (root, expiry, strike), held in strikes.items():
        sides = f"{'C' if 'C' in held else ' '} {'P' if 'P' in held else ' '} "
        whole, part = int(strike), round(strike % 1 * 1000)
        cells = (f"{root:<6}", "", expiry.year, f"{expiry.month:02d}", f"{expiry.day:02d}", whole, f"{part:03d}", sides)
        lines.append("\t".join(map(str, (*cells, held.get("C", 0), held.get("P", 0), 25000000, ""))))
    return Response("\r\n".join(lines) + "\r\n", content_type="octet/text")


# --- Announcements, halts and filings ---------------------------------------------------------------------------------

ANNOUNCED = {
    "earnings": (date(2026, 7, 23), {"symbol": "XYZ", "time": "time-after-hours", "epsForecast": "($0.12)"}),
    "dividends": (date(2026, 7, 20), {"symbol": "XYZ", "dividend_Rate": 0.25, "dividend_Ex_Date": "7/20/2026"}),
    "splits": (date(2026, 7, 27), {"symbol": "ABC", "ratio": "4 : 1", "executionDate": "7/27/2026"}),
}


def nasdaq(behaviour: Behaviour, request: Request) -> Response:
    """The exchange's calendars: rows of a day, null on one without any, and dividends a level deeper."""
    del behaviour
    kind = request.path.rsplit("/", 1)[-1]
    day, row = ANNOUNCED[kind]
    rows = [row] if request.args["date"] == str(day) else None
    data: dict[str, Any] = {"asOf": "x", "rows": rows}
    return body({"data": {"calendar": data} if kind == "dividends" else data, "status": {"rCode": 200}})


def nasdaqtrader(behaviour: Behaviour, request: Request) -> Response:
    """The feed of halts, newest first: one of this morning, and one of a month ago that has not ended."""
    del behaviour, request
    items = "".join(
        f"<item><title>{name}</title><ndaq:HaltDate>{day}</ndaq:HaltDate><ndaq:HaltTime>{time}</ndaq:HaltTime>"
        f"<ndaq:IssueSymbol>{name}</ndaq:IssueSymbol><ndaq:IssueName>A &amp; B</ndaq:IssueName>"
        f"<ndaq:ReasonCode>{code}</ndaq:ReasonCode><ndaq:ResumptionDate /></item>"
        for name, day, time, code in (
            ("XYZ", "07/16/2026", "10:32:07.123", "LUDP"), ("XYZ", "06/16/2026", "19:50:01", "T12"),
            ("XYZ", "07/16/2026", "soon", "T1"), ("ABC", "07/16/2026", "11:00:00", "T1"),
        )
    )  # fmt: skip
    return Response(f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>')


def sec(behaviour: Behaviour, request: Request) -> Response:
    """Submissions by registrant; who does not say whom to write to is turned away."""
    del behaviour
    if KEY not in request.headers.get("User-Agent", ""):
        return Response("<html>Undeclared Automated Tool</html>", 403)
    if request.path.endswith("company_tickers.json"):
        return body({"0": {"cik_str": 320193, "ticker": "XYZ", "title": "XYZ Inc."}})
    if request.path != "/submissions/CIK0000320193.json":
        return Response("", 404)
    rows = [("8-K", "2026-07-15T20:05:31.000Z", "2.02,9.01"), ("4", "2026-07-16T12:00:00.000Z", ""),
            ("10-Q", "2026-05-01T20:05:31.000Z", "")]  # fmt: skip
    forms, accepted, items = (list(column) for column in zip(*rows, strict=True))
    return body({"filings": {"recent": {"form": forms, "acceptanceDateTime": accepted, "items": items}}})


# --- Daily closes --------------------------------------------------------------------------------------------------

CLOSES = {
    date(2025, 12, 31): 80.0,
    date(2026, 7, 8): 95.0,
    date(2026, 7, 9): 96.0,
    date(2026, 7, 14): 98.5,
    PUBLISHED: 99.0,
}
"""What the underlying closed at; of the session under way nothing is known."""


def closes_of(name: str, request: Request) -> Response | None:
    """A vendor's answer to who asks for daily closes; None where something else is asked."""
    path, days = request.path, list(CLOSES.items())
    at_midnight = [round(datetime(day.year, day.month, day.day, 5, tzinfo=UTC).timestamp()) for day in CLOSES]
    if name == "tradier" and path.endswith("/markets/history"):
        return body({"history": {"day": [{"date": str(day), "close": close, "volume": 1} for day, close in days]}})
    if name == "cboe" and "/charts/historical/" in path:
        return body({"timestamp": "11:00:17", "data": [{"date": str(day), "close": close} for day, close in days]})
    if name == "massive" and path.startswith("/v2/aggs/"):
        rows = [{"t": at * 1000, "c": close} for at, close in zip(at_midnight, CLOSES.values(), strict=True)]
        return body({"status": "OK", "adjusted": True, "results": rows})
    if name == "alpaca" and path.endswith("/bars"):
        if request.args.get("adjustment") != "split" or "feed" not in request.args:
            return body({"message": "say which"}, 422)
        return body({"bars": [{"t": f"{day}T04:00:00Z", "c": close} for day, close in days], "next_page_token": None})
    if name == "marketdata" and "/candles/D/" in path:
        return body({"s": "ok", "t": at_midnight, "c": list(CLOSES.values())}, 203)
    if name == "yahoo" and "/v8/finance/chart/" in path:
        prices = {"close": [*CLOSES.values(), None]}
        result = {"timestamp": [*at_midnight, ms(NOW) // 1000], "indicators": {"quote": [prices]}}  # type: ignore[operator]
        return body({"chart": {"result": [result], "error": None}})
    return None


HANDLERS: dict[str, Handler] = {
    "nasdaq": nasdaq, "nasdaqtrader": nasdaqtrader, "occ": occ, "sec": sec,
    "alpaca": alpaca, "alphavantage": alphavantage, "cboe": cboe, "intrinio": intrinio, "marketdata": marketdata,
    "massive": massive, "schwab": schwab, "thetadata": thetadata, "tradier": tradier, "unusualwhales": unusualwhales,
    "yahoo": yahoo,
}  # fmt: skip
