"""What stands beside chains, as a person meets it: `scanner scan` and `scanner doctor` against stubs on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from shutil import rmtree
from typing import Any

import polars as pl
import pytest
import vendor_stubs
from commands import Commands, Ran
from pytest_httpserver import HTTPServer
from standard import calendar, open_store
from vendor_stubs import KEY, NOW, Behaviour, body
from werkzeug import Request, Response

from scanner.app import clock, companions
from scanner.config import Settings, load
from scanner.sources.access import VendorError
from scanner.sources.base import Gives
from scanner.sources.companions import finra, halts, occ
from scanner.sources.registry import VENDORS
from scanner.store.store import Store

TELL_CLOSES = [name for name, vendor in VENDORS.items() if Gives.closes in vendor.gives]


class Shell:
    """A folder with a configuration that asks one stub for chains and another for what stands beside them."""

    def __init__(self, commands: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.commands, self.folder, self.monkeypatch = commands, folder, monkeypatch
        self.accepted = "cboe, yahoo, nasdaq"
        self.at(NOW)
        for names in (names for vendor in VENDORS.values() for names in vendor.keys):
            for name in names:
                monkeypatch.setenv(name, KEY)

    def at(self, moment: datetime) -> None:
        self.monkeypatch.setattr(clock, "right_now", lambda: moment)

    def run(self, command: str, config: str, *words: object) -> Ran:
        text = f"accept_terms: [{self.accepted}]\nstore: {{path: store}}\nwatchlists: {{mine: [XYZ]}}\n{config}"
        (self.folder / "config.yaml").write_text(text)
        return self.commands(command, *words, "--config", self.folder / "config.yaml")

    def scanned(self, config: str, code: int = 0) -> dict[str, Any]:
        ran = self.run("scan", config, "XYZ", "--format", "json")
        assert ran.code == code, ran.out + ran.err
        document = json.loads(ran.out)
        assert isinstance(document, dict)
        return document

    def chain(self) -> pl.DataFrame:
        """The newest snapshot in the store."""
        (path,) = sorted((self.folder / "store" / "snapshots").rglob("*.parquet"))[-1:]
        return pl.read_parquet(path)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Shell:
    return Shell(Commands(monkeypatch, capsys), tmp_path, monkeypatch)


def at(servers: dict[str, str], **companions: str) -> str:
    told = ", ".join(f"{name}: {{url: '{url}', calls_per_minute: 100000}}" for name, url in servers.items())
    beside = ", ".join(f"{kind}: {name}" for kind, name in companions.items())
    return f"source: {next(iter(servers))}\nvendors: {{{told}}}\ncompanions: {{{beside}}}\n"


@pytest.mark.parametrize("name", TELL_CLOSES)
def test_a_first_scan_tells_the_day_the_week_and_the_year_by_a_vendors_closes(
    name: str, shell: Shell, httpserver: HTTPServer
) -> None:
    behaviour = vendor_stubs.serve(httpserver, name)
    config = at({name: httpserver.url_for("")}, closes=name)
    row = shell.scanned(config)["underlyings"][0]
    assert row["previous_close"] == 99.0
    assert row["spot_change"] == pytest.approx(100.25 / 99.0 - 1)
    assert row["spot_change_5"] == pytest.approx(100.25 / 96.0 - 1)
    assert row["spot_change_ytd"] == pytest.approx(100.25 / 80.0 - 1)
    asked = len(behaviour.asked)
    # What is known is not asked for again: the second scan asks for the chain alone.
    shell.at(NOW + timedelta(minutes=15))
    shell.scanned(config)
    assert not any("hist" in request.path or "bars" in request.path for request in behaviour.asked[asked:])


def test_closes_are_asked_for_while_chains_are_waited_for(shell: Shell, httpserver: HTTPServer) -> None:
    """The chain comes once the closes were asked for: one after the other, it would not."""
    asked = threading.Event()

    def closes(request: Request) -> Response:
        asked.set()
        answer = vendor_stubs.closes_of("massive", request)
        assert answer is not None
        return answer

    def chain(request: Request) -> Response:
        return vendor_stubs.tradier(Behaviour(), request) if asked.wait(20.0) else Response("alone", 400)

    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"": chain}))
    with HTTPServer() as other:
        vendor_stubs.serve(other, "massive", Behaviour(failing={"/v2/aggs": closes}))
        document = shell.scanned(
            at({"tradier": httpserver.url_for(""), "massive": other.url_for("")}, closes="massive")
        )
    assert document["underlyings"][0]["previous_close"] == 99.0


def test_closes_that_cannot_be_had_are_a_note_and_cost_the_scan_nothing(shell: Shell, httpserver: HTTPServer) -> None:
    refused = body({"fault": {"faultstring": "no market data for you"}}, 403)
    behaviour = vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"/markets/history": refused}))
    config = at({"tradier": httpserver.url_for("")}, closes="tradier")
    document = shell.scanned(config)
    assert document["scan"]["symbols"]["scanned"] == 1
    assert document["underlyings"][0]["spot_change"] is None
    assert "no market data for you" in shell.run("scan", config, "XYZ").out
    # And it is left alone for half an hour.
    assert sum("history" in request.path for request in behaviour.asked) == 1


def occ_beside(shell: Shell, chains: HTTPServer, house: HTTPServer, newer: int = 100) -> tuple[str, Behaviour]:
    vendor_stubs.serve(chains, "cboe")
    behaviour = vendor_stubs.serve(house, "occ", Behaviour(newer=newer))
    return at({"cboe": chains.url_for(""), "occ": house.url_for("")}, open_interest="occ"), behaviour


def test_open_interest_is_the_clearing_houses_where_the_vendor_does_not_date_its_own(
    shell: Shell, httpserver: HTTPServer
) -> None:
    with HTTPServer() as house:
        config, behaviour = occ_beside(shell, httpserver, house)
        shell.scanned(config)
        chain = shell.chain()
        expected = {one.symbol: one.open_interest + 100 for one in vendor_stubs.MARKET.options}
        assert dict(chain.select("contract", "open_interest").iter_rows()) == expected
        assert chain["oi_asof"].unique().to_list() == [date(2026, 7, 15)]
        # One question a name and close: the next scan of the session takes what is kept.
        shell.at(NOW + timedelta(minutes=16))
        ran = shell.run("scan", config, "XYZ")
        assert "open interest is that of 15 Jul by occ; cboe does not say" in " ".join(ran.out.split())
        assert len(behaviour.asked) == 1


def test_in_the_morning_it_is_known_of_which_close_open_interest_is(shell: Shell, httpserver: HTTPServer) -> None:
    morning = datetime(2026, 7, 16, 13, 58, tzinfo=UTC)
    shell.at(morning)
    shell.monkeypatch.setattr(vendor_stubs, "QUOTED", morning - timedelta(minutes=1))
    options = tuple(
        replace(one, traded=morning - timedelta(minutes=20)) if one.today else one
        for one in vendor_stubs.MARKET.options
    )
    calls = sum(one.open_interest for one in options if one.right == "C")
    with HTTPServer() as house:
        vendor_stubs.serve(httpserver, "cboe", Behaviour(market=replace(vendor_stubs.MARKET, options=options)))
        vendor_stubs.serve(house, "occ", Behaviour(newer=100))
        config = at({"cboe": httpserver.url_for(""), "occ": house.url_for("")}, open_interest="occ")
        shell.scanned(config.replace("open_interest: occ", ""))
        # The vendor's turns over at some time before half past ten.
        assert shell.chain()["oi_asof"].unique().to_list() == [None]
        rmtree(shell.folder / "store")
        row = shell.scanned(config)["underlyings"][0]
        assert shell.chain()["oi_asof"].unique().to_list() == [date(2026, 7, 15)]
        assert row["call_oi"] == calls + 100 * sum(one.right == "C" for one in options)


def test_a_clearing_house_that_fails_costs_nothing_of_what_the_vendor_gave(
    shell: Shell, httpserver: HTTPServer
) -> None:
    with HTTPServer() as house:
        config, behaviour = occ_beside(shell, httpserver, house)
        behaviour.failing[""] = Response("Report Format is Required")
        ran = shell.run("scan", config, "XYZ")
        assert ran.code == 0, ran.out + ran.err
        assert "does not answer with series" in " ".join(ran.out.split())
        own = {one.symbol: one.open_interest for one in vendor_stubs.MARKET.options}
        assert dict(shell.chain().select("contract", "open_interest").iter_rows()) == own


BESIDE = {"announcements": "nasdaq", "news": "[nasdaqtrader, sec]"}


def beside(shell: Shell, chains: HTTPServer, others: list[HTTPServer]) -> tuple[str, dict[str, Behaviour]]:
    """A configuration that asks for announcements and news, and what was asked of whom."""
    shell.monkeypatch.setenv("SEC_CONTACT", KEY)
    names = ("nasdaq", "nasdaqtrader", "sec")
    told = {name: vendor_stubs.serve(server, name) for name, server in zip(names, others, strict=True)}
    vendor_stubs.serve(chains, "cboe")
    servers = {"cboe": chains, **dict(zip(names, others, strict=True))}
    config = at({name: server.url_for("") for name, server in servers.items()}, **BESIDE)
    return f"{config}", told


@pytest.fixture
def others() -> Iterator[list[HTTPServer]]:
    with HTTPServer() as one, HTTPServer() as two, HTTPServer() as three:
        yield [one, two, three]


def test_announcements_halts_and_filings_stand_beside_a_name(
    shell: Shell, httpserver: HTTPServer, others: list[HTTPServer]
) -> None:
    config, told = beside(shell, httpserver, others)
    row = shell.scanned(config)["underlyings"][0]
    assert (row["next_earnings"], row["days_to_earnings"]) == ("2026-07-23", 7)
    # The halt of the morning, not that of a month ago; the report of last night, not an insider's form.
    assert (row["halts"], row["halted_at"], row["halt_reason"]) == (1, "2026-07-16T14:32:07Z", "volatility pause")
    assert (row["filings"], row["filed_at"], row["filing"]) == (1, "2026-07-15T20:05:31Z", "8-K: results")
    # The second scan asks for none of it again but the halts, which last five minutes.
    asked = {name: len(behaviour.asked) for name, behaviour in told.items()}
    shell.at(NOW + timedelta(minutes=15))
    shell.scanned(config)
    more = {name: len(behaviour.asked) - asked[name] for name, behaviour in told.items()}
    assert more == {"nasdaq": 0, "nasdaqtrader": 1, "sec": 0}


def test_a_replay_knows_no_earnings_date_that_was_announced_later(
    shell: Shell, httpserver: HTTPServer, others: list[HTTPServer]
) -> None:
    config, _ = beside(shell, httpserver, others)
    shell.scanned(config.replace("announcements: nasdaq, ", ""))
    shell.at(NOW + timedelta(hours=1))
    shell.scanned(config)

    def replayed() -> dict[str, Any]:
        day = vendor_stubs.SESSION
        ran = shell.run("replay", config, "--from", day, "--to", day, "--format", "json")
        row = json.loads(ran.out.splitlines()[0])["underlyings"][0]
        assert isinstance(row, dict)
        return row

    # Judged as of the stub's quotes, an hour before anybody announced anything.
    assert replayed()["next_earnings"] is None
    assert replayed()["halts"] == 1


def test_without_anybody_to_ask_a_count_of_halts_is_missing_and_not_zero(shell: Shell, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    row = shell.scanned(at({"cboe": httpserver.url_for("")}))["underlyings"][0]
    assert [row[name] for name in ("halts", "halted_at", "filings", "filing", "next_earnings")] == [None] * 5


def test_terms_and_a_contact_are_asked_for_before_anything_is_sent(
    shell: Shell, httpserver: HTTPServer, others: list[HTTPServer]
) -> None:
    config, told = beside(shell, httpserver, others)
    shell.monkeypatch.delenv("SEC_CONTACT")
    shell.accepted = "cboe, yahoo"
    said = " ".join(shell.run("scan", config, "XYZ").out.split())
    assert "the terms of nasdaq.com restrict" in said
    assert "set SEC_CONTACT" in said
    assert (len(told["nasdaq"].asked), len(told["sec"].asked)) == (0, 0)
    assert len(told["nasdaqtrader"].asked) == 1


HOSTILE = "[red]Merger[/red] =cmd() <script>alert(1)</script> \x1b[31m said\nto be near"
RULE = """\
id: lots
title: Lots of lots
status: stable
scope: contract
severity: notice
why: many lots
when:
  all:
    - volume >= 5000
identity: [contract]
rank_by: volume
message: "{contract} traded {volume:,}"
"""


def headlines(name: str, at: datetime, text: str = HOSTILE) -> Response:
    """Two about the name, one about the market, and one that is none."""
    stamp, old = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (at, NOW - timedelta(hours=2)))
    if name == "massive":
        rows: list[Any] = [
            {"title": text, "published_utc": stamp, "tickers": ["XYZ"], "article_url": "https://example.org"},
            {"title": "Earlier &amp; calmer", "published_utc": old, "tickers": ["XYZ", "ABC"]},
            {"title": "Ten stocks", "published_utc": stamp, "tickers": [*"ABCDEFGHI", "XYZ"]},
            {"title": None, "published_utc": stamp, "tickers": ["XYZ"]},
        ]
        return body({"status": "OK", "results": rows})
    rows = [
        {"headline": text, "created_at": stamp, "symbols": ["XYZ"], "source": "x"},
        {"headline": "Earlier &amp; calmer", "created_at": old, "symbols": ["XYZ", "ABC"]},
        {"headline": "Ten stocks", "created_at": stamp, "symbols": [*"ABCDEFGHI", "XYZ"]},
        {"headline": "No time", "symbols": ["XYZ"]},
    ]
    return body({"news": rows, "next_page_token": "more"})


def with_headlines(shell: Shell, chains: HTTPServer, teller: HTTPServer, name: str, at_moment: datetime) -> str:
    (shell.folder / "lots.yaml").write_text(RULE)
    vendor_stubs.serve(chains, "cboe")
    vendor_stubs.serve(teller, name, Behaviour(failing={"/news": headlines(name, at_moment)}))
    servers = {"cboe": chains.url_for(""), name: teller.url_for("")}
    return at(servers, news=name) + f"rules: [{shell.folder / 'lots.yaml'}]\n"


@pytest.mark.parametrize("name", ["massive", "alpaca"])
def test_headlines_stand_beside_an_alert_as_before_or_after_the_flow_and_do_no_harm(
    name: str, shell: Shell, httpserver: HTTPServer
) -> None:
    late = NOW + timedelta(minutes=20)
    with HTTPServer() as teller:
        config = with_headlines(shell, httpserver, teller, name, late)
        row = shell.scanned(config)["underlyings"][0]
        assert (row["headlines"], row["headline"], row["headline_at"]) == (
            1,
            "Earlier & calmer",
            "2026-07-16T16:00:00Z",
        )
        # Half an hour later the other one has come.
        shell.at(NOW + timedelta(minutes=31))
        second = shell.scanned(config)
    (identity,) = [alert["alert_id"] for alert in second["alerts"] if alert["rule_id"] == "lots"]
    shown = shell.run("alerts", config, "show", identity)
    assert "\x1b[31m" not in shown.out
    line = " ".join(shown.out.split())
    assert f"12:00 EDT, before the flow: headline by {name}: Earlier & calmer" in line
    assert f"after the flow: headline by {name}: [red]Merger[/red] =cmd()" in line
    assert 'headline 14:20 "[red]Merger[/red] =cmd() <script>' in line
    assert "[red]Merger[/red] =cmd() <script>alert(1)</script>" in line
    told = json.loads(shell.run("alerts", config, "show", identity, "--format", "json").out)["news"]
    assert [(item["when"], item["kind"], item["source"]) for item in told] == [
        ("before", "headline", name), ("after", "headline", name),
    ]  # fmt: skip
    page = shell.folder / "report.html"
    assert shell.run("report", config, "--output", page).code == 0
    assert "<script>alert(1)" not in page.read_text()


@pytest.mark.parametrize("text", ["", "<html>busy</html>", '<rss version="2.0"><channel>', "<rss/>"])
def test_a_feed_of_halts_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(VendorError):
        halts.halts(text)


def test_the_doctor_names_each_companion_with_its_age(shell: Shell, httpserver: HTTPServer) -> None:
    with HTTPServer() as house:
        config, _ = occ_beside(shell, httpserver, house)
        config = config.replace("companions: {", "companions: {closes: cboe, ")
        shell.scanned(config)
        shell.at(NOW + timedelta(minutes=40))
        document = json.loads(shell.run("doctor", config, "--format", "json").out)
        found = {one["name"]: one for one in document["checks"] if one["area"] == "companion"}
        assert list(found) == ["treasury", "closes by cboe", "open interest by occ"]
        assert found["treasury"]["facts"]["days_old"] == (NOW.date() - date(2025, 7, 11)).days
        assert found["open interest by occ"]["says"] == "1 name, asked 40 minutes ago"
        assert found["closes by cboe"]["facts"] == {"names": 1, "failed": 0, "minutes_old": 40.0}
        assert {one["verdict"] for one in found.values()} == {"well"}


def test_the_doctor_says_what_to_do_about_a_companion_that_fails(shell: Shell, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    config = at({"cboe": httpserver.url_for("")}, closes="tradier")
    shell.monkeypatch.delenv("TRADIER_TOKEN")
    ran = shell.run("doctor", config)
    assert ran.code == 1
    assert "set TRADIER_TOKEN" in " ".join(ran.out.split())


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("closes: occ", "'occ' gives no closes; there are: cboe, tradier"),
        ("open_interest: tradier", "'tradier' gives no open interest; there are: occ"),
        ("close: cboe", "did you mean `closes`"),
    ],
)
def test_a_companion_that_does_not_give_that_is_told_with_those_that_do(section: str, said: str, shell: Shell) -> None:
    ran = shell.run("scan", f"companions: {{{section}}}\n", "XYZ")
    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    assert "config.yaml:4" in ran.err


# The layout and the first rows as recorded; the tabs behind the root are two.
RECORDED = (
    "Series Search Results for WDC\r\n"
    "Products for this underlying symbol are traded on: AMEX ARCA BATS BOX C2 CBOE\r\n"
    "\t\tSeries/contract\t\tStrike\t\t\tOpen Interest\r\n"
    "ProductSymbol\tyear\tMonth\tDay\tInteger\tDec\tC/P\tCall\tPut\tPosition Limit\t\r\n"
    "WDC   \t\t2026\t10\t02\t250\t000\tC P \t3\t113\t25000000\t\r\n"
    "WDC   \t\t2026\t10\t16\t40\t000\t  P \t0\t7\t25000000\t\r\n"
    "WDC1  \t\t2026\t10\t16\t42\t500\tC P \t0\t12\t25000000\t\r\n"
)


def test_series_are_read_as_the_clearing_house_writes_them() -> None:
    assert occ.series(RECORDED.encode()).rows() == [
        ("WDC", date(2026, 10, 2), 250.0, "C", 3),
        ("WDC", date(2026, 10, 2), 250.0, "P", 113),
        ("WDC", date(2026, 10, 16), 40.0, "P", 7),
        ("WDC1", date(2026, 10, 16), 42.5, "C", 0),
        ("WDC1", date(2026, 10, 16), 42.5, "P", 12),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Report Format is Required",
        "<html>403</html>",
        RECORDED[:260],
        RECORDED.replace("113", "1l3"),
        RECORDED.replace("113", "-13"),
        RECORDED.split("WDC   ", maxsplit=1)[0],
    ],
)
def test_what_is_no_text_of_series_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(VendorError):
        occ.series(text.encode())


@pytest.mark.parametrize(
    ("hour", "minute", "close"),
    [(13, 45, date(2026, 7, 15)), (20, 30, date(2026, 7, 15)), (23, 30, None), (28, 30, date(2026, 7, 16))],
)
def test_of_which_close_an_answer_is_is_told_by_the_clock_or_not_at_all(
    hour: int, minute: int, close: date | None
) -> None:
    moment = datetime(2026, 7, 16, tzinfo=UTC) + timedelta(hours=hour, minutes=minute)
    assert occ.of_close(moment, calendar) == close


def test_prints_off_the_exchanges_are_asked_for_page_by_page_and_stand_beside_the_name(
    shell: Shell, httpserver: HTTPServer
) -> None:
    opened = datetime(2026, 7, 16, 13, 30, tzinfo=UTC)
    rows = [
        {"executed_at": f"{opened + timedelta(seconds=20 * number):%Y-%m-%dT%H:%M:%SZ}", "price": "100.25", "size": 200,
         "market_center": "L", "sale_cond_codes": None, "ext_hour_sold_codes": None, "tracking_id": number,
         "canceled": False}
        for number in range(-5, 700)
    ]  # fmt: skip
    rows[400] |= {"size": 60_000}
    rows[401] |= {"size": 90_000, "sale_cond_codes": "average_price_trade"}
    rows[402] |= {"size": 80_000, "canceled": True}

    def prints(request: Request) -> Response:
        before = request.args.get("older_than", "9")
        found = [row for row in reversed(rows) if str(row["executed_at"]) < before]
        return body({"data": found[: int(request.args["limit"])]})

    vendor_stubs.serve(httpserver, "cboe")
    with HTTPServer() as whale:
        asked = vendor_stubs.serve(whale, "unusualwhales", Behaviour(failing={"/darkpool/XYZ": prints})).asked
        servers = {"cboe": httpserver.url_for(""), "unusualwhales": whale.url_for("")}
        row = shell.scanned(at(servers, dark_pool="unusualwhales"))["underlyings"][0]
        # Quotes of 13:45 in New York: what was reported after them is not known to them.
        assert row["dark_pool_volume"] == 200 * 697 + 60_000 + 90_000
        assert (row["dark_pool_largest"], row["dark_pool_share"], row["dark_pool_surprise"]) == (60_000, None, None)
        assert len(asked) == 2
        shell.at(NOW + timedelta(minutes=2))
        shell.scanned(at(servers, dark_pool="unusualwhales"))
        assert len(asked) == 2


@pytest.fixture
def asking(tmp_path: Path) -> tuple[Settings, Store]:
    """A configuration that wants closes, and a store beside it."""
    (tmp_path / "config.yaml").write_text("source: tradier\nstore: {path: store}\ncompanions: {closes: tradier}\n")
    return load(tmp_path / "config.yaml"), open_store(tmp_path / "store")


def test_a_scan_that_is_stopped_does_not_wait_for_what_stands_beside_chains(
    asking: tuple[Settings, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    release, answered = threading.Event(), []

    def keep(*_: object) -> tuple[str, ...]:
        answered.append(release.wait(60.0))
        return ()

    monkeypatch.setattr(companions, "keep", keep)
    settings, store = asking
    with pytest.raises(KeyboardInterrupt), companions.kept_meanwhile(settings, ["XYZ"], store, NOW):
        raise KeyboardInterrupt
    assert answered == []
    release.set()


def test_what_goes_wrong_beside_chains_is_raised_where_they_were_waited_for(
    asking: tuple[Settings, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(*_: object) -> tuple[str, ...]:
        raise RuntimeError("a fault")

    monkeypatch.setattr(companions, "keep", keep)
    settings, store = asking
    with pytest.raises(RuntimeError, match="a fault"), companions.kept_meanwhile(settings, ["XYZ"], store, NOW):
        pass


def test_the_day_before_as_a_whole_is_told_by_its_date_and_its_file_is_read_once(
    shell: Shell, httpserver: HTTPServer
) -> None:
    rows = ["20260715|A|1|0|5|B,Q,N", "20260715|XYZ|250000.5|40|1000002|B,Q,N", "20260715|NA|1|0|2|Q", "3"]
    heading = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market"
    vendor_stubs.serve(httpserver, "cboe")
    with HTTPServer() as house:
        house.expect_request("/equity/regsho/daily/CNMSshvol20260715.txt").respond_with_data(
            "\n".join([heading, *rows])
        )
        servers = {"cboe": httpserver.url_for(""), "finra": house.url_for("")}
        row = shell.scanned(at(servers, dark_pool="finra"))["underlyings"][0]
        assert (row["off_exchange_date"], row["off_exchange_volume"]) == ("2026-07-15", 1_000_002)
        assert row["off_exchange_short_share"] == pytest.approx(0.25, abs=1e-6)
        shell.at(NOW + timedelta(minutes=40))
        shell.scanned(at(servers, dark_pool="finra"))
        assert len(house.log) == 1


def weekly(house: HTTPServer, pages: dict[tuple[str, str, int], list[dict[str, object]]]) -> list[dict[str, Any]]:
    """Serve pages of weekly summaries by tier, week and offset; what was asked comes into the list."""
    asked: list[dict[str, Any]] = []

    def answer(request: Request) -> Response:
        document = json.loads(request.data)
        asked.append(document)
        equal = {one["fieldName"]: one["fieldValue"] for one in document["compareFilters"]}
        page = pages.get((equal["tierIdentifier"], equal["weekStartDate"], document["offset"]), [])
        return Response(json.dumps(page), content_type="application/json")

    house.expect_request("/data/group/otcMarket/name/weeklySummary", method="POST").respond_with_handler(answer)
    return asked


def of_week(symbol: str, week: str, shares: object) -> dict[str, object]:
    return {
        "issueSymbolIdentifier": symbol, "totalWeeklyShareQuantity": shares, "totalWeeklyTradeCount": 311,
        "weekStartDate": week, "summaryTypeCode": "ATS_W_SMBL",
    }  # fmt: skip


def test_the_newest_week_published_is_told_by_its_monday_page_by_page_and_asked_for_once(
    shell: Shell, httpserver: HTTPServer
) -> None:
    """On Thursday, 16 July 2026, the week of 22 June is the newest of tier 1 that is out, that of 8 June of tier 2."""
    vendor_stubs.serve(httpserver, "cboe")
    full = [of_week(f"Q{number}", "2026-06-22", 1) for number in range(5000)]
    with HTTPServer() as house:
        last = [of_week("XYZ", "2026-06-22", 31_245_678)]
        asked = weekly(house, {("T1", "2026-06-22", 0): full, ("T1", "2026-06-22", 5000): last})
        servers = {"cboe": httpserver.url_for(""), "finra-ats": house.url_for("")}
        row = shell.scanned(at(servers, dark_pool="finra-ats"))["underlyings"][0]
        assert (row["ats_week"], row["ats_volume"], row["ats_trades"]) == ("2026-06-22", 31_245_678, 311)
        told = [(one["compareFilters"][0]["fieldValue"], one["offset"], one["limit"]) for one in asked]
        assert told == [("2026-06-22", 0, 5000), ("2026-06-22", 5000, 5000), ("2026-06-08", 0, 5000)]
        shell.at(NOW + timedelta(minutes=40))
        shell.scanned(at(servers, dark_pool="finra-ats"))
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (of_week("XYZ", "2026-06-15", 5), "is not what was asked for"),
        (of_week("XYZ", "2026-06-22", -5), "is not what was asked for"),
        (of_week("XYZ", "2026-06-22", "many"), "is not what was asked for"),
        ("XYZ", "is no object"),
    ],
)
def test_a_week_that_cannot_be_is_a_note_and_no_number(
    entry: object, said: str, shell: Shell, httpserver: HTTPServer
) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    with HTTPServer() as house:
        weekly(house, {("T1", "2026-06-22", 0): [entry]})  # type: ignore[list-item]
        servers = {"cboe": httpserver.url_for(""), "finra-ats": house.url_for("")}
        document = shell.scanned(at(servers, dark_pool="finra-ats"))
    assert document["underlyings"][0]["ats_volume"] is None
    assert any(said in note for note in document["notes"])


@pytest.mark.parametrize(
    "text",
    ["", "<html>no</html>", "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n20260714|XYZ|1|0|5|Q\n"],
)
def test_a_table_that_is_none_or_of_another_day_is_refused(text: str) -> None:
    with pytest.raises(VendorError):
        finra.daily_volume(text, date(2026, 7, 15), ["XYZ"])
