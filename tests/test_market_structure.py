"""What changed in 2026: expiries on Mondays and Wednesdays, options that trade before the open and after the close."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar, open_store

from scanner import activity
from scanner.activity import newcomers
from scanner.config import load
from scanner.market.chain import INSTANT
from scanner.metrics import early

TODAY = date(2026, 9, 15)
OPEN = datetime(2026, 9, 15, 13, 30, tzinfo=UTC)
DAYS = calendar.sessions_before(TODAY, 25)
EARLY = OPEN - timedelta(minutes=70)
FRIDAYS = tuple(date(2026, 8, 7) + timedelta(days=7 * week) for week in range(12))
MONDAY = date(2026, 9, 21)
STRIKES = tuple(float(strike) for strike in range(80, 121))


def test_the_close_of_options_is_each_products_own() -> None:
    told = calendar.with_extended_hours(["NVDA", "BRK.B"])
    four, quarter_past = datetime(2026, 9, 15, 20, tzinfo=UTC), datetime(2026, 9, 15, 20, 15, tzinfo=UTC)
    assert [told.option_close(TODAY, name) for name in ("KO", "NVDA", "BRK-B", "SPY", "SPX")] == [
        four, quarter_past, quarter_past, quarter_past, quarter_past,
    ]  # fmt: skip
    # Nobody traded so before the approval named a day.
    assert told.option_close(date(2026, 7, 10), "NVDA") == datetime(2026, 7, 10, 20, tzinfo=UTC)
    # On a half day it is a quarter past one.
    assert told.option_close(date(2026, 11, 27), "NVDA") == datetime(2026, 11, 27, 18, 15, tzinfo=UTC)
    assert told.quotes_outlast_spot(TODAY, "NVDA", four)
    assert not calendar.quotes_outlast_spot(TODAY, "NVDA", four)
    assert told != calendar
    assert told.fingerprint != calendar.fingerprint


@pytest.mark.parametrize(("minutes", "elapsed"), [(-120, 0.0), (-1, 0.0), (0, 0.0), (39, 0.1), (390, 1.0), (405, 1.0)])
def test_nothing_of_a_session_has_passed_before_it_opens(minutes: int, elapsed: float) -> None:
    assert calendar.elapsed_fraction(OPEN + timedelta(minutes=minutes), TODAY) == pytest.approx(elapsed)
    # Asked for quotes of no session, before the open it is the one before, which is over.
    if minutes < 0:
        assert calendar.elapsed_fraction(OPEN + timedelta(minutes=minutes)) == 1.0


def morning(
    name: str, minutes: int, trades: Sequence[datetime | None], volume: int = 4_000, day: date = TODAY
) -> pl.DataFrame:
    """A chain so many minutes after the open; the first contracts traded at those moments."""
    chain = built_chain(day, underlying=name, quote_time=OPEN + timedelta(minutes=minutes), volume=0)
    traded = [*trades, *[None] * (chain.height - len(trades))]
    volumes = [volume if index < len(trades) else 0 for index in range(chain.height)]
    return chain.with_columns(
        last_trade_time=pl.Series(traded, dtype=INSTANT), volume=pl.Series(volumes, dtype=pl.Int64)
    )


@pytest.mark.parametrize(
    ("chain", "found"),
    [
        (morning("NVDA", 1, [EARLY]), ["NVDA"]),
        (morning("NVDA", 29, [EARLY, OPEN]), ["NVDA"]),
        (morning("NVDA", 30, [EARLY, OPEN]), []),
        (morning("NVDA", 1, [OPEN]), []),
        # The evening before is no early trading, and indices always trade overnight.
        (morning("NVDA", 1, [OPEN - timedelta(hours=17)]), []),
        (morning("SPX", 1, [EARLY]), []),
        # Without any time of a trade the configuration tells.
        (morning("NVDA", 1, []), []),
        (morning("TSLA", 1, []), ["TSLA"]),
    ],
)
def test_names_that_traded_before_the_open_are_told_by_their_trades_or_the_configuration(
    chain: pl.DataFrame, found: list[str]
) -> None:
    assert early.names(chain, calendar.with_extended_hours(["TSLA"])) == found


class Shell:
    """A store with a quiet past of one name, and scans of a file."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder, self.commands = folder, commands
        (folder / "config.yaml").write_text("store: {path: store}\n")

    def filled(self, chains: Sequence[pl.DataFrame]) -> None:
        store = open_store(self.folder / "store")
        for number, chain in enumerate(chains):
            store.snapshots.write(chain, f"past-{number}")
        store.catch_up()

    def scanned(self, chain: pl.DataFrame, *words: object) -> dict[str, Any]:
        path = self.folder / "today.parquet"
        chain.write_parquet(path)
        config = self.folder / "config.yaml"
        ran = self.commands("scan", "--path", path, "--config", config, "--format", "json", *words)
        assert ran.code == 0, ran.out + ran.err
        document = json.loads(ran.out)
        assert isinstance(document, dict)
        return document


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(tmp_path, Commands(monkeypatch, capsys))


RULE = """
id: many-times-the-usual
title: Many times what is usual by now
status: stable
scope: contract
severity: notice
why: to test
when:
  all: [volume >= 100, volume_multiple >= 10]
message: "{contract}: {volume_multiple:.0f} times"
"""


@pytest.mark.parametrize(("traded", "alarms"), [(EARLY, False), (OPEN + timedelta(seconds=30), True)])
def test_volume_from_before_the_open_is_no_alarm_at_931(shell: Shell, traded: datetime, alarms: bool) -> None:
    """The usual volume of a day, 300 lots of each contract, of which a tenth has traded by 09:31."""
    shell.filled([built_chain(day, underlying="NVDA", source="canonical", volume=300) for day in DAYS])
    (shell.folder / "rules").mkdir()
    (shell.folder / "rules" / "rule.yaml").write_text(RULE)
    chain = morning("NVDA", 1, [traded] * 20, volume=110).with_columns(source=pl.lit("canonical"))
    document = shell.scanned(chain, "--rules", shell.folder / "rules" / "rule.yaml")
    told = [alert for alert in document["alerts"] if alert["rule_id"] == "many-times-the-usual"]
    reasons = [reason for item in document["not_judged"] for reason in item["reasons"]]
    assert bool(told) is alarms
    assert any("trades from before the open" in reason for reason in reasons) is not alarms


def with_expiries(day: date, expiries: Sequence[date], loud: bool = False) -> pl.DataFrame:
    """A chain in which each expiry trades by its days, whatever weekday it is on; how much more or less is drawn."""
    live = [expiry for expiry in expiries if expiry > day]
    rows = [(expiry, strike, right) for expiry in live for strike in STRIKES for right in ("C", "P")]
    busy = np.random.default_rng([7, day.toordinal()]).lognormal(0.0, 0.4, len(rows))
    volume = [
        round(9000 / (2 + (expiry - day).days) / (1 + abs(strike - 100)) * share)
        for (expiry, strike, _), share in zip(rows, busy, strict=True)
    ]
    if loud:
        volume[rows.index((MONDAY, 105.0, "C"))] *= 60
    return built_chain(
        day, underlying="NVDA", source="canonical", expiries=live, strikes=STRIKES, volume=volume, open_interest=500
    )


def test_a_first_monday_expiry_is_judged_by_what_expiries_of_its_days_bring(shell: Shell) -> None:
    shell.filled([with_expiries(day, FRIDAYS) for day in DAYS])
    listed = sorted((*FRIDAYS, MONDAY))
    ordinary = shell.scanned(with_expiries(TODAY, listed))
    # Straddles cost the same at every expiry here, which a rule about them may wonder at.
    about_volume = [one for one in ordinary["alerts"] if one["rule_id"] != "expected-move-outlier"]
    # The list is filled with what comes every session too; that is told as such.
    of_monday = [one["once_in_sessions"] for one in about_volume if one["expiry"] == str(MONDAY)]
    assert all(once < 5 for once in of_monday)
    loud = shell.commands(
        "chain", "NVDA", "--path", _written(shell, with_expiries(TODAY, listed, loud=True)), "--format", "json",
        "--config", shell.folder / "config.yaml",
    )  # fmt: skip
    mondays = {row["contract"]: row for row in json.loads(loud.out) if row["expiry"] == str(MONDAY)}
    assert {row["history_sessions"] for row in mondays.values()} == {0}
    assert {row["baseline_kind"] for row in mondays.values()} == {"own"}
    surprises = {name: row["volume_surprise"] for name, row in mondays.items()}
    assert surprises.pop("NVDA260921C00105000") > 5
    # The rarest of eighty ordinary ones is one of about eighty: five such markets gave 1 in 20 to 1 in 76.
    assert max(surprises.values()) < 2.5
    # What is expected of one is what the Fridays on either side bring in as many days.
    quiet = mondays["NVDA260921P00100000"]
    assert 1 / 2 < quiet["volume_expected"] / quiet["volume"] < 2


def test_an_expiry_that_begins_as_others_did_is_judged_by_what_was_learnt_of_those(shell: Shell) -> None:
    """A second Monday, after one that the store saw begin at as many days, keeps the model's own word."""
    first = date(2026, 8, 31)
    days = calendar.sessions_before(TODAY, 25)
    began = [day for day in days if 0 < (first - day).days <= 6]
    shell.filled([with_expiries(day, sorted((*FRIDAYS, first)) if day in began else FRIDAYS) for day in days])
    panel = open_store(shell.folder / "store").history.panel("canonical", ["NVDA"], TODAY)
    chain = with_expiries(TODAY, sorted((*FRIDAYS, MONDAY)))
    rows = panel.rows_of(chain)
    assert (rows < 0).sum() == 2 * len(STRIKES)
    model = activity.fit(panel)
    moved, recent = newcomers.with_neighbours(rows, chain, panel, model.recent)
    assert (moved == rows).all()
    assert recent is model.recent


def _written(shell: Shell, chain: pl.DataFrame) -> Path:
    path = shell.folder / "loud.parquet"
    chain.write_parquet(path)
    return path


def test_the_configuration_names_stocks_with_extended_hours(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("extended_hours: [nvda, BRK.B]\n")
    assert load(tmp_path / "config.yaml").exchange_calendar.extended == {"NVDA", "BRKB"}
