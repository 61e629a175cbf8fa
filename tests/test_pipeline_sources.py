"""A scan that several sources served: each name is judged by what its own source told of it before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import vendor_stubs
from built_chains import built_chain
from commands import Commands
from pytest_httpserver import HTTPServer
from standard import calendar, open_store
from vendor_stubs import KEY, MARKET, NOW, Behaviour, Market

from scanner import pipeline, ruleset, shipped
from scanner.app import clock, preparing
from scanner.config import Settings
from scanner.metrics.together import frames_of
from scanner.outputs.result import ScanResult
from scanner.sources.base import Fetched, Vendor
from scanner.sources.receiving import Request
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 6, 15), date(2026, 7, 15))
TODAY = date(2026, 7, 16)
RULES = list(ruleset.load([shipped.shipped_rules()]).stable())
# The one counts three times what the other counts, and sells calls where the other sells puts.
COUNTS = {"one": (3, 1), "other": (1, 2)}


def counted(source: str, name: str, day: date, *, loud: bool = False) -> pl.DataFrame:
    calls, puts = COUNTS[source]
    turn = day.toordinal()
    volume = [(40 + (7 * i + 11 * turn) % 30) * (puts if i % 2 else calls) for i in range(20)]
    if loud:
        volume[4] *= 60
    return built_chain(day, underlying=name, source=source, volume=volume)


class Canned:
    """A source that serves one chain."""

    def __init__(self, chain: pl.DataFrame) -> None:
        self.chain = chain
        self.vendor = Vendor(chain["source"][0], "canned", "tests", recorded=True)

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        del now
        for symbol in symbols:
            if symbol in self.chain["underlying"]:
                yield Fetched(symbol, self.chain)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store(tmp_path / "store")
    for day in DAYS:
        for source, name in (("one", "ABC"), ("other", "XYZ")):
            opened.snapshots.write(counted(source, name, day), f"{source}-{day}")
    opened.catch_up()
    return opened


def scan(store: Store, names: tuple[str, ...], *sources: Canned) -> ScanResult:
    closed = calendar.session_close(TODAY)
    setup = preparing.setup(Settings(), store, None, RULES)
    return pipeline.scan(Request(names, None, closed, "scan"), sources, setup, clock=lambda: closed)


def rows_of(result: ScanResult) -> dict[str, dict[str, Any]]:
    return {row["underlying"]: row for row in result.underlyings.iter_rows(named=True)}


@pytest.fixture
def both(store: Store) -> ScanResult:
    one, other = Canned(counted("one", "ABC", TODAY)), Canned(counted("other", "XYZ", TODAY, loud=True))
    return scan(store, ("ABC", "XYZ"), one, other)


def test_each_name_has_the_history_of_its_own_source(both: ScanResult) -> None:
    rows = rows_of(both)
    assert {name: row["history_sessions"] for name, row in rows.items()} == {"ABC": len(DAYS), "XYZ": len(DAYS)}
    for name, source in (("ABC", "one"), ("XYZ", "other")):
        yesterday = counted(source, name, DAYS[-1])
        calls, puts = (yesterday.filter(pl.col("right") == right)["volume"].sum() for right in ("C", "P"))
        assert rows[name]["put_call_volume_prev"] == pytest.approx(puts / calls)


def test_what_is_said_of_a_name_is_what_its_source_alone_would_have_said(store: Store, both: ScanResult) -> None:
    closed = calendar.session_close(TODAY)
    setup = preparing.setup(Settings(), store, None, RULES)
    together = pipeline.look(pl.concat([counted("one", "ABC", TODAY), counted("other", "XYZ", TODAY)]), closed, setup)
    for source, name in (("one", "ABC"), ("other", "XYZ")):
        alone = pipeline.look(counted(source, name, TODAY), closed, setup)
        for scope in ("contract", "expiry", "underlying"):
            mine = together.frames[scope].filter(pl.col("underlying") == name)
            of_the_whole_list = [name for name in ("once_in_sessions", "volume_q", "story") if name in mine.columns]
            assert mine.drop(of_the_whole_list).equals(alone.frames[scope].drop(of_the_whole_list))


def test_what_a_name_did_comes_as_many_times_as_often_as_the_list_is_longer(store: Store) -> None:
    closed = calendar.session_close(TODAY)
    setup = preparing.setup(Settings(), store, None, RULES)
    chains = counted("one", "ABC", TODAY), counted("other", "XYZ", TODAY, loud=True)
    parts = [pipeline.judge(chain, pipeline.know(chain, setup)[1], closed, []).parts[0] for chain in chains]
    ranked = {"once_in_sessions": pl.lit(20.0), "story": pl.lit(0, pl.Int64), "volume_q": pl.lit(0.01)}
    alone = [
        replace(part, frames={**part.frames, "contract": part.frames["contract"].with_columns(**ranked)})
        for part in parts
    ]
    together = frames_of(alone)["contract"]
    # Two names in place of one, and forty contracts in place of twenty.
    assert together["once_in_sessions"].unique().to_list() == [10.0]
    assert together["volume_q"].unique().to_list() == [0.02]
    # Stories of two sources are not one.
    assert together.group_by("story").agg(pl.col("underlying").unique())["underlying"].list.len().to_list() == [1, 1]
    assert frames_of(alone[:1]) is alone[0].frames


def test_every_source_keeps_its_session_for_the_next_scan(store: Store, both: ScanResult) -> None:
    assert both.errors == ()
    assert store.summaries.sessions("one")[-1] == TODAY
    assert store.summaries.sessions("other")[-1] == TODAY
    assert not any("without history" in note for note in both.notes)


def test_a_fallback_order_mixes_sources_in_one_scan_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], httpserver: HTTPServer
) -> None:
    filled = open_store(tmp_path / "store")
    for day in DAYS:
        filled.snapshots.write(built_chain(day, underlying="XYZ", source="tradier"), f"t-{day}")
        filled.snapshots.write(built_chain(day, underlying="ABC", source="cboe"), f"c-{day}")
    filled.catch_up()
    options = tuple(replace(one, symbol=one.symbol.replace("XYZ", "ABC")) for one in MARKET.options)
    vendor_stubs.serve(httpserver, "tradier")
    monkeypatch.setattr(clock, "right_now", lambda: NOW)
    monkeypatch.setenv("TRADIER_TOKEN", KEY)
    with HTTPServer() as fallback:
        vendor_stubs.serve(fallback, "cboe", Behaviour(market=Market("ABC", options)))
        (tmp_path / "config.yaml").write_text(
            "source: [tradier, cboe]\naccept_terms: [cboe]\nstore: {path: store}\nvendors:\n"
            f"  tradier: {{url: '{httpserver.url_for('')}', calls_per_minute: 100000}}\n"
            f"  cboe: {{url: '{fallback.url_for('')}', calls_per_minute: 100000}}\n"
        )
        words = ("scan", "XYZ", "ABC", "--config", tmp_path / "config.yaml", "--format", "json")
        ran = Commands(monkeypatch, capsys)(*words)
    document = json.loads(ran.out)
    rows = {row["underlying"]: row for row in document["underlyings"]}
    assert ran.code == 0, ran.out + ran.err
    assert {name: row["history_sessions"] for name, row in rows.items()} == {"XYZ": len(DAYS), "ABC": len(DAYS)}
