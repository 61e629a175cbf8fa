"""Daily closes: what files of them look like, on which basis they are, and what is told of a name by them."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar, open_store

from scanner.errors import SourceError
from scanner.market import closes, corporate_events

NOW = datetime(2026, 7, 31, 21, 0, tzinfo=UTC)
SPLIT = pl.DataFrame(
    [("AAPL", date(2014, 6, 9), "split", 7.0, None)], schema=corporate_events.SCHEMA, orient="row"
)  # Apple's 7:1
# Apple's closes around it, as they were; 645.57 / 7 = 92.22.
AS_THEY_WERE = [
    ("AAPL", date(2014, 6, 5), 647.35),
    ("AAPL", date(2014, 6, 6), 645.57),
    ("AAPL", date(2014, 6, 9), 93.70),
]
DIVIDED = [("AAPL", date(2014, 6, 5), 92.48), ("AAPL", date(2014, 6, 6), 92.22), ("AAPL", date(2014, 6, 9), 93.70)]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("closes.csv", "underlying,date,close\nAAPL,2026-07-30,210.5\nAAPL,2026-07-31,212\n"),
        (
            "AAPL.csv",
            "Date,Open,High,Low,Close,Adj Close,Volume\n2026-07-30,1,2,1,210.5,9,5\n2026-07-31,1,2,1,212,9,5\n",
        ),
        ("aapl_us_d.csv", "Date,Open,High,Low,Close,Volume\n2026-07-30,1,1,1,210.5,1\n2026-07-31,1,1,1,212,1\n"),
        ("x.csv", "<TICKER>,<PER>,<DATE>,<TIME>,<CLOSE>\nAAPL.US,D,20260730,000000,210.5\nAAPL.US,D,20260731,0,212\n"),
        ("AAPL.csv", 'Date,Close/Last,Volume\n07/31/2026,"$212.00",5\n07/30/2026,$210.50,5\n'),
        ("aapl.csv", "Date,Close\n2026-07-30 00:00:00-04:00,210.5\n2026-07-31 00:00:00-04:00,212.0\n"),
    ],
)
def test_closes_are_read_as_their_sources_write_them(name: str, text: str, tmp_path: Path) -> None:
    read = closes.read(written(tmp_path, name, text), calendar, NOW)
    assert read.problems == ()
    assert read.frame.select("underlying", "session_date", "close").rows() == [
        ("AAPL", date(2026, 7, 30), 210.5),
        ("AAPL", date(2026, 7, 31), 212.0),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("AAPL,2026-08-01,210.5", "is no session"),
        ("AAPL,2026-07-30,n/a", "is not a price"),
        ("AAPL,2026-07-30,0", "is not a price"),
        ("AAPL,30.07.2026,210.5", "is not a date"),
        ("=1+1,2026-07-30,210.5", "is not a symbol"),
    ],
)
def test_a_line_that_is_wrong_is_left_out_and_named(line: str, said: str, tmp_path: Path) -> None:
    path = written(tmp_path, "closes.csv", f"underlying,date,close\n{line}\nAAPL,2026-07-31,212\n")
    read = closes.read(path, calendar, NOW)
    assert read.frame.height == 1
    assert said in read.problems[0]
    assert f"{path}:2:" in read.problems[0]


def test_several_prices_of_one_day_are_no_daily_closes(tmp_path: Path) -> None:
    path = written(tmp_path, "AAPL.csv", "time,close\n2026-07-30T14:00,210\n2026-07-30T15:00,211\n")
    with pytest.raises(SourceError, match="several prices of one day"):
        closes.read(path, calendar, NOW)


@pytest.mark.parametrize(
    "heading",
    ["date,strike,close", "timestamp,expiration,right,close", "date,option_symbol,close", "old,new,date", "close,open"],
)
def test_a_table_of_options_is_no_table_of_closes(heading: str) -> None:
    assert not closes.is_closes_header(heading)


@pytest.mark.parametrize("rows", [AS_THEY_WERE, DIVIDED])
def test_closes_are_on_the_basis_of_the_session_judged_whoever_wrote_them(rows: list[tuple[str, date, float]]) -> None:
    table = closes.undivided(closes.table(rows, "file", NOW), SPLIT)
    after = closes.before(table, date(2014, 6, 10), ["AAPL"], SPLIT)
    assert after["close"].to_list() == pytest.approx([92.48, 92.22, 93.70], abs=0.005)
    # Judged before the split, nobody knew of it.
    early = closes.before(table, date(2014, 6, 6), ["AAPL"], SPLIT)
    assert early["close"].to_list() == pytest.approx([647.35], abs=0.05)


def test_nothing_of_the_session_itself_or_later_is_known() -> None:
    table = closes.table(DIVIDED, "file", NOW)
    assert closes.before(table, date(2014, 6, 6), ["aapl"])["session_date"].to_list() == [date(2014, 6, 5)]


def test_what_a_source_tells_again_takes_the_place_of_what_it_told(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.keep_closes(closes.table([("ABC", date(2026, 7, 29), 700.0), ("XYZ", date(2026, 7, 29), 5.0)], "v", NOW))
    store.keep_closes(closes.table([("ABC", date(2026, 7, 29), 100.0), ("ABC", date(2026, 7, 30), 101.0)], "v", NOW))
    assert store.closes.before(date(2026, 7, 31), ["ABC", "XYZ"])["close"].to_list() == [100.0, 101.0, 5.0]


class Told:
    """A scan of one chain beside imported closes."""

    def __init__(self, folder: Path, commands: Commands) -> None:
        self.folder, self.commands = folder, commands
        (folder / "config.yaml").write_text("store: {path: store}\n")

    def run(self, *words: object) -> str:
        ran = self.commands(*words, "--config", self.folder / "config.yaml")
        assert ran.code == 0, ran.out + ran.err
        return ran.out

    def scanned(self, session: date, spot: float) -> dict[str, float | None]:
        path = self.folder / f"{session}.parquet"
        built_chain(session, spot=spot).write_parquet(path)
        row = json.loads(self.run("scan", "--path", path, "--format", "json"))["underlyings"][0]
        assert isinstance(row, dict)
        return row


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Told:
    return Told(tmp_path, Commands(monkeypatch, capsys))


def test_imported_closes_tell_returns_and_moves_of_a_name_that_was_never_scanned_before(told: Told) -> None:
    session = date(2026, 7, 31)
    days = [date(2025, 12, 31), *calendar.sessions_before(session, 25)]
    level, rows = 80.0, []
    for number, day in enumerate(days):
        # Up and down by a percent in turn, and up by a tenth on the day that took the earnings in.
        level *= (1.1 if day == date(2026, 7, 29) else 1.01 if number % 2 else 1 / 1.01) if number else 1
        rows.append((day, level))
    lines = "".join(f"{day},{close}\n" for day, close in rows)
    written(told.folder, "ABC.csv", f"Date,Close\n{lines}")
    written(told.folder, "events.csv", "underlying,date,kind,value,when\nABC,2026-07-28,earnings,,after_close\n")
    assert "Took 26 daily closes." in told.run("import", told.folder / "ABC.csv", told.folder / "events.csv")
    row = told.scanned(session, 100.0)
    known = dict(rows)
    assert row["previous_close"] == pytest.approx(known[date(2026, 7, 30)])
    assert row["spot_change"] == pytest.approx(100.0 / known[date(2026, 7, 30)] - 1)
    assert row["spot_change_5"] == pytest.approx(100.0 / known[date(2026, 7, 24)] - 1)
    assert row["spot_change_ytd"] == pytest.approx(100.0 / 80.0 - 1)
    assert row["earnings_last_move_pct"] == pytest.approx(0.1)
    assert row["earnings_moves"] == 1
    returns = pl.Series([known[day] for day in days[-21:]]).log().diff().drop_nulls()
    assert row["hv_20"] == pytest.approx(returns.std() * 252**0.5)


def test_a_week_is_seven_days_also_where_a_holiday_makes_it_four_sessions(told: Told) -> None:
    """7 September 2026 is Labor Day: seven days before the 11th is the Friday before, five sessions the Thursday."""
    lines = "".join(
        f"{day},{100 + number}\n" for number, day in enumerate(calendar.sessions_before(date(2026, 9, 11), 6))
    )
    written(told.folder, "ABC.csv", f"Date,Close\n{lines}")
    told.run("import", told.folder / "ABC.csv")
    row = told.scanned(date(2026, 9, 11), 100.0)
    assert row["spot_change_5"] == pytest.approx(100 / 101 - 1)
    assert row["spot_change_week"] == pytest.approx(100 / 102 - 1)


def test_without_closes_there_are_no_returns(told: Told) -> None:
    row = told.scanned(date(2026, 7, 31), 100.0)
    wanted = ("previous_close", "spot_change", "spot_change_5", "spot_change_ytd", "hv_20", "earnings_last_move_pct")
    assert [row[name] for name in wanted] == [None] * 6


def test_a_replay_sees_no_close_of_its_own_session(told: Told) -> None:
    told.scanned(date(2026, 7, 30), 100.0)
    written(told.folder, "ABC.csv", "Date,Close\n2026-07-29,98\n2026-07-30,500\n2026-07-31,900\n")
    told.run("import", told.folder / "ABC.csv")
    out = told.run("replay", "--from", "2026-07-30", "--to", "2026-07-30", "--format", "json")
    row = json.loads(out.splitlines()[0])["underlyings"][0]
    assert row["spot_change"] == pytest.approx(100 / 98 - 1)
