"""Recorded chains that come in parts, twice, under a wrong date or from the future, as a user meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar, open_store
from typer.testing import CliRunner, Result

from scanner.app import clock
from scanner.cli.app import command_line
from scanner.store.snapshots import StoredChain

DAY = date(2026, 8, 3)
LABELLED = ("session_date", "underlying", "expiry", "strike", "right", "volume", "open_interest", "bid", "ask", "spot")
TIMED = ("quote_time", *LABELLED[1:])
EXPIRIES = (date(2026, 8, 28), date(2026, 9, 18), date(2026, 10, 16))
YAHOO = "contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,volume,openInterest,impliedVolatility\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line(), [str(argument) for argument in arguments])


def chain(**options: Any) -> pl.DataFrame:
    """Thirty contracts: three expiries, five strikes, both rights."""
    return built_chain(options.pop("session", DAY), **{"expiries": EXPIRIES, **options})


def write(path: Path, frame: pl.DataFrame, columns: tuple[str, ...] = LABELLED) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.select(columns).write_csv(path, datetime_format="%Y-%m-%dT%H:%M:%SZ")


def by_expiry(folder: Path, frame: pl.DataFrame, columns: tuple[str, ...] = LABELLED) -> list[Path]:
    paths = []
    for number, expiry in enumerate(EXPIRIES):
        part = frame.filter(pl.col("expiry") == expiry)
        if "quote_time" in columns:
            part = part.with_columns(pl.col("quote_time") + timedelta(seconds=2 * number))
        paths.append(folder / f"ABC-{number}.csv")
        write(paths[-1], part, columns)
    return paths


def by_right(folder: Path, frame: pl.DataFrame) -> list[Path]:
    paths = []
    for right in "CP":
        paths.append(folder / f"ABC-{right}.csv")
        write(paths[-1], frame.filter(pl.col("right") == right))
    return paths


def stored(folder: Path, source: str = "canonical", session: date = DAY) -> list[StoredChain]:
    store = open_store(folder, read_only=True)
    return store.snapshots.chains(source, session)


def kept(folder: Path, source: str = "canonical", session: date = DAY) -> pl.DataFrame:
    store = open_store(folder, read_only=True)
    return store.snapshots.newest(source, session)


def scanned(path: Path, store: Path, *more: object) -> dict[str, Any]:
    ran = run("scan", "--path", path, "--store", store, "--format", "json", "--quiet", *more)
    assert ran.exit_code in (0, 1, 3), ran.output
    document: dict[str, Any] = json.loads(ran.stdout)
    return document


# Parts


@pytest.mark.parametrize("parted", [by_expiry, by_right])
def test_a_folder_of_parts_is_scanned_as_one_chain_and_it_is_said(
    tmp_path: Path, parted: Callable[[Path, pl.DataFrame], list[Path]]
) -> None:
    whole = chain(volume=3)
    files = len(parted(tmp_path / "chains", whole))
    found = scanned(tmp_path / "chains", tmp_path / "store")
    assert found["scan"]["contracts"] == 30
    # 15 calls and 15 puts of volume 3
    (abc,) = found["underlyings"]
    assert (abc["call_volume"], abc["put_volume"]) == (45, 45)
    assert f"ABC: {files} files, one chain of 30 contracts, quotes 20:00:00 UTC" in found["notes"]


def test_a_folder_of_parts_is_imported_as_one_chain_and_it_is_said(tmp_path: Path) -> None:
    moment = datetime(2026, 8, 3, 19, 59, tzinfo=UTC)
    by_expiry(tmp_path / "chains", chain(quote_time=moment), TIMED)
    ran = run("import", tmp_path / "chains", "--store", tmp_path / "store", "--format", "json")
    document = json.loads(ran.stdout)
    assert document["import"]["sessions_summarised"] == 1
    said = "ABC 2026-08-03: 3 files, one chain of 30 contracts, quotes 19:59:00-19:59:04 UTC"
    assert said in [note["note"] for note in document["notes"]]
    assert kept(tmp_path / "store")["quote_time"].unique().to_list() == [moment + timedelta(seconds=4)]


def test_a_part_that_arrives_later_completes_the_stored_session(tmp_path: Path) -> None:
    whole = chain()
    paths = by_expiry(tmp_path / "chains", whole)
    heights = []
    for path in reversed(paths):
        assert run("import", path, "--store", tmp_path / "store").exit_code == 0
        heights.append(kept(tmp_path / "store").height)
    assert heights == [10, 20, 30]
    store = open_store(tmp_path / "store", read_only=True)
    assert store.summaries.contracts("canonical", DAY)["volume"].sum() == whole["volume"].sum()
    replayed = run("replay", "--from", DAY, "--to", DAY, "--store", tmp_path / "store", "--format", "json", "-q")
    assert json.loads(replayed.stdout)["scan"]["contracts"] == 30


def test_parts_in_different_formats_never_mix(tmp_path: Path) -> None:
    whole = chain()
    write(tmp_path / "calls.csv", whole.filter(pl.col("right") == "C"))
    yahoo_file(tmp_path / "puts.csv", whole.filter(pl.col("right") == "P"))
    found = scanned(tmp_path, tmp_path / "store")
    assert found["scan"]["contracts"] == 15


def test_two_whole_pulls_a_quarter_of_an_hour_apart_stay_two(tmp_path: Path) -> None:
    for minute in (0, 15):
        moment = datetime(2026, 8, 3, 19, minute, tzinfo=UTC)
        write(tmp_path / "chains" / f"{minute}.csv", chain(quote_time=moment, volume=10 + minute), TIMED)
    run("import", tmp_path / "chains", "--store", tmp_path / "store")
    assert len(stored(tmp_path / "store")) == 2
    assert kept(tmp_path / "store")["volume"].unique().to_list() == [25]
    assert scanned(tmp_path / "chains", tmp_path / "other")["underlyings"][0]["call_volume"] == 15 * 25


def test_history_by_expiry_gives_the_alerts_of_the_same_history_whole(tmp_path: Path) -> None:
    days = calendar.sessions_between(date(2026, 7, 6), DAY)
    frames = [
        chain(session=day, volume=[9000 if day == DAY and i == 6 else 20 + (i + day.day) % 5 for i in range(30)])
        for day in days
    ]
    history = pl.concat(frames)
    write(tmp_path / "whole" / "all.csv", history)
    by_expiry(tmp_path / "parts", history)
    told = []
    for name in ("whole", "parts"):
        store = tmp_path / f"store-{name}"
        assert run("import", tmp_path / name, "--store", store).exit_code == 0
        scan = scanned(tmp_path / name, store)
        replay = run("replay", "--from", DAY, "--to", DAY, "--store", store, "--format", "json", "--quiet")
        alerts = [found["alerts"] for found in (scan, json.loads(replay.stdout))]
        told.append([[(alert["alert_id"], alert["title"], alert["evidence"]) for alert in found] for found in alerts])
    assert told[0][0]
    assert told[1] == told[0]


# Once is enough


def test_a_folder_of_several_names_scanned_twice_is_stored_once(tmp_path: Path) -> None:
    for name in ("ABC", "XYZ"):
        write(tmp_path / "chains" / f"{name}.csv", chain(underlying=name))
    for _ in range(2):
        scanned(tmp_path / "chains", tmp_path / "store")
    assert [item.underlying for item in stored(tmp_path / "store")] == ["ABC", "XYZ"]


def test_of_several_names_only_the_one_with_new_quotes_is_stored_again(tmp_path: Path) -> None:
    for name in ("ABC", "XYZ"):
        write(tmp_path / "chains" / f"{name}.csv", chain(underlying=name))
    scanned(tmp_path / "chains", tmp_path / "store")
    write(tmp_path / "chains" / "XYZ.csv", chain(underlying="XYZ", volume=99))
    scanned(tmp_path / "chains", tmp_path / "store")
    assert [item.underlying for item in stored(tmp_path / "store")] == ["ABC", "XYZ", "XYZ"]


def test_what_was_imported_in_parts_is_not_stored_again_by_a_scan(tmp_path: Path) -> None:
    by_expiry(tmp_path / "chains", chain())
    run("import", tmp_path / "chains", "--store", tmp_path / "store")
    scanned(tmp_path / "chains", tmp_path / "store")
    assert [item.rows for item in stored(tmp_path / "store")] == [10, 10, 10]


@pytest.mark.parametrize("watchlist", ["[GOOG]", "[GOOG, GOOG, goog]", "[GOOG, $GOOG]"])
def test_a_name_that_stands_twice_in_a_watchlist_is_scanned_once(tmp_path: Path, watchlist: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"source: simulated\nwatchlists: {{w: {watchlist}}}\nstore: {{path: store}}\n"
        "schedule: [{name: x, watchlist: w, every: 15m}]\n"
    )
    assert run("run", "--once", "x", "--config", config, "--quiet").exit_code == 0
    store = open_store(tmp_path / "store", read_only=True)
    (session,) = store.snapshots.sessions("simulated")
    assert len(store.snapshots.chains("simulated", session)) == 1
    assert not store.snapshots.newest("simulated", session)["contract"].is_duplicated().any()


def test_a_class_share_asked_for_in_three_spellings_is_scanned_once(tmp_path: Path) -> None:
    write(tmp_path / "chains" / "brk.csv", chain(underlying="BRK.B", root="BRKB"))
    found = scanned(tmp_path / "chains", tmp_path / "store", "BRK-B", "BRK.B", "brkb", "BRK/B")
    assert found["scan"]["symbols"] == {"requested": 1, "scanned": 1, "failed": 0}
    assert found["scan"]["contracts"] == 30


@pytest.mark.parametrize("second", ["BRK/B", "BRK-B", "BRK B", "BRKB"])
def test_two_halves_of_a_class_share_in_two_spellings_are_one_chain_to_import_scan_and_replay(
    tmp_path: Path, second: str
) -> None:
    whole = chain(underlying="BRK.B", root="BRKB")
    for number, name in enumerate(("BRK.B", second)):
        half = whole.filter((pl.col("expiry") == EXPIRIES[0]) == (number == 0))
        write(tmp_path / "chains" / f"{number}.csv", half.with_columns(underlying=pl.lit(name)), TIMED)
    assert scanned(tmp_path / "chains", tmp_path / "other")["scan"]["contracts"] == 30
    assert run("import", tmp_path / "chains", "--store", tmp_path / "store").exit_code == 0
    assert {item.underlying for item in stored(tmp_path / "store")} == {"BRK.B"}
    assert kept(tmp_path / "store", "canonical", DAY)["underlying"].to_list() == ["BRK.B"] * 30
    ran = run("replay", "--from", DAY, "--to", DAY, "--store", tmp_path / "store", "--format", "json")
    assert json.loads(ran.stdout)["scan"]["symbols"] == {"requested": 1, "scanned": 1, "failed": 0}


@pytest.mark.parametrize(("first", "second"), [("XYZA", "XYZ/A"), ("xyz-a", "XYZA"), ("XYZ.A", "XYZ A")])
def test_a_class_share_that_only_its_mark_tells_keeps_the_spelling_it_was_first_met_in(
    tmp_path: Path, first: str, second: str
) -> None:
    days = calendar.sessions_between(date(2026, 7, 1), DAY)[-6:]
    for number, day in enumerate(days):
        name = first if number < 3 else second
        part = chain(session=day, underlying="XYZA").with_columns(underlying=pl.lit(name))
        write(tmp_path / "files" / f"{number}.csv", part)
    store, known = tmp_path / "store", "XYZA" if first == "XYZA" else "XYZ.A"
    for number in range(5):
        assert run("import", tmp_path / "files" / f"{number}.csv", "--store", store).exit_code == 0
    found = scanned(tmp_path / "files" / "5.csv", store)
    assert [row["underlying"] for row in found["underlyings"]] == [known]
    assert found["underlyings"][0]["history_sessions"] == 5
    # The whole market again, in the spelling of the first files: nothing of it is new.
    for path in (tmp_path / "files").iterdir():
        path.write_text(path.read_text().replace(second, first))
    assert run("import", tmp_path / "files", "--store", store).exit_code == 0
    assert [[item.underlying for item in stored(store, session=day)] for day in days] == [[known]] * 6
    ran = run("replay", "XYZ-A", "--from", days[-1], "--to", days[-1], "--store", store, "--format", "json")
    assert json.loads(ran.stdout)["scan"]["symbols"] == {"requested": 1, "scanned": 1, "failed": 0}


@pytest.mark.parametrize("spelling", ["^SPX", "$SPX", "_SPX", "spx"])
def test_an_index_is_found_under_the_mark_of_any_vendor(tmp_path: Path, spelling: str) -> None:
    write(tmp_path / "chains" / "spx.csv", chain(underlying="SPX"))
    assert scanned(tmp_path / "chains", tmp_path / "store", spelling, "SPX")["scan"]["contracts"] == 30


# What a file's name says


def yahoo_file(path: Path, frame: pl.DataFrame, traded: str = "2026-08-03 19:31:07+00:00") -> None:
    rows = [
        f"{row['contract']},{traded},{row['strike']},{row['last']},{row['bid']},{row['ask']},{row['volume']},"
        f"{row['open_interest']},0.3"
        for row in frame.iter_rows(named=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(YAHOO + "\n".join(rows) + "\n", "utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "ABC_calls_{}.csv",
        "ABC_2026-08-03_{}.csv",
        "{}_2026-08-03.csv",
        "ABC-exp{}.csv",
        "{}/ABC.csv",
    ],
)
def test_a_session_is_what_the_trades_say_not_the_expiry_in_a_files_name(tmp_path: Path, name: str) -> None:
    for expiry in EXPIRIES:
        yahoo_file(tmp_path / "chains" / name.format(expiry), chain().filter(pl.col("expiry") == expiry))
    assert run("import", tmp_path / "chains", "--store", tmp_path / "store").exit_code == 0
    store = open_store(tmp_path / "store", read_only=True)
    assert store.snapshots.sessions("yahoo") == [DAY]
    assert kept(tmp_path / "store", "yahoo").height == 30


@pytest.mark.parametrize("name", ["ABC_20260828.csv", "ABC_28Aug2026.csv", "ABC_20260828_160000.csv"])
def test_an_expiry_in_any_spelling_is_no_session(tmp_path: Path, name: str) -> None:
    yahoo_file(tmp_path / name, chain().filter(pl.col("expiry") == EXPIRIES[0]))
    run("import", tmp_path / name, "--store", tmp_path / "store")
    store = open_store(tmp_path / "store", read_only=True)
    assert store.snapshots.sessions("yahoo") == [DAY]


def test_a_time_in_a_files_name_that_is_before_its_trades_is_not_believed(tmp_path: Path) -> None:
    yahoo_file(tmp_path / "ABC_20260727T200000Z.csv", chain())
    ran = run("import", tmp_path / "ABC_20260727T200000Z.csv", "--store", tmp_path / "store")
    assert "is before most trades in it; not believed" in " ".join(ran.stdout.split())
    assert kept(tmp_path / "store", "yahoo").height == 30


def test_an_expiry_in_the_name_of_a_file_without_trade_times_is_refused_with_the_reason(tmp_path: Path) -> None:
    yahoo_file(tmp_path / "ABC_2026-08-28.csv", chain().filter(pl.col("expiry") == EXPIRIES[0]), traded="")
    ran = run("import", tmp_path / "ABC_2026-08-28.csv", "--store", tmp_path / "store")
    assert ran.exit_code == 3
    assert "the file's name says 2026-08-28, its contracts expire no later, and it has no trade times" in " ".join(
        ran.stdout.split()
    )


def test_of_two_dates_in_the_name_of_a_file_without_trade_times_the_one_before_the_expiry_counts(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ABC_2026-08-28_2026-08-03.csv"
    yahoo_file(path, chain().filter(pl.col("expiry") == EXPIRIES[0]), traded="")
    run("import", path, "--store", tmp_path / "store")
    assert kept(tmp_path / "store", "yahoo").height == 10


@pytest.mark.parametrize("name", ["ABC_{}_20260803T203000Z.csv", "ABC_2026-08-03_exp{}.csv"])
def test_a_part_in_which_nothing_traded_is_of_the_session_of_its_other_parts(tmp_path: Path, name: str) -> None:
    yesterday = "2026-07-31 19:31:07+00:00"
    for expiry, traded in zip(EXPIRIES, (yesterday, "2026-08-03 19:31:07+00:00", yesterday), strict=True):
        part = chain(volume=4).filter(pl.col("expiry") == expiry)
        yahoo_file(tmp_path / "chains" / name.format(expiry), part, traded)
    run("import", tmp_path / "chains", "--store", tmp_path / "store")
    store = open_store(tmp_path / "store", read_only=True)
    assert store.snapshots.sessions("yahoo") == [DAY]
    rows = kept(tmp_path / "store", "yahoo")
    assert dict(rows.group_by("expiry").agg(pl.col("volume").sum()).iter_rows()) == dict(
        zip(EXPIRIES, (0, 40, 0), strict=True)
    )
    assert scanned(tmp_path / "chains", tmp_path / "other")["scan"]["contracts"] == 30


def test_a_part_in_which_nothing_traded_is_of_the_session_of_parts_that_were_imported_before(tmp_path: Path) -> None:
    first, later = tmp_path / "ABC_a_20260803T203000Z.csv", tmp_path / "ABC_b_20260803T203000Z.csv"
    yahoo_file(first, chain(volume=4).filter(pl.col("expiry") == EXPIRIES[0]), "2026-08-03 19:31:07+00:00")
    yahoo_file(later, chain(volume=4).filter(pl.col("expiry") == EXPIRIES[1]), "2026-07-31 19:31:07+00:00")
    for path in (first, later):
        assert run("import", path, "--store", tmp_path / "store").exit_code == 0
    store = open_store(tmp_path / "store", read_only=True)
    assert store.snapshots.sessions("yahoo") == [DAY]
    rows = kept(tmp_path / "store", "yahoo")
    assert dict(rows.group_by("expiry").agg(pl.col("volume").sum()).iter_rows()) == {EXPIRIES[0]: 40, EXPIRIES[1]: 0}


def test_a_file_in_which_nothing_traded_and_that_stands_alone_is_of_the_session_of_its_trades(tmp_path: Path) -> None:
    yahoo_file(tmp_path / "ABC_20260803T203000Z.csv", chain(), "2026-07-31 19:31:07+00:00")
    run("import", tmp_path / "ABC_20260803T203000Z.csv", "--store", tmp_path / "store")
    assert kept(tmp_path / "store", "yahoo", date(2026, 7, 31)).height == 30


# Names of different moments


def test_names_that_were_quoted_long_before_the_others_are_said_to_be_held_against_the_newest(tmp_path: Path) -> None:
    for name, minutes in (("AAA", 0), ("BBB", 10), ("CCC", 80), ("DDD", 360)):
        part = chain(underlying=name).with_columns(pl.col("quote_time") - timedelta(minutes=minutes))
        write(tmp_path / "chains" / f"{name}.csv", part, TIMED)
    found = scanned(tmp_path / "chains", tmp_path / "store")
    assert found["notes"] == [
        "DDD, CCC: quoted up to 6 h 00 min before the newest names here (20:00 UTC): too little of their volume "
        "counts, in rows of the market too"
    ]
    (tmp_path / "chains" / "CCC.csv").unlink()
    (tmp_path / "chains" / "DDD.csv").unlink()
    assert scanned(tmp_path / "chains", tmp_path / "store")["notes"] == []


# What has not come yet


@pytest.fixture
def morning(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """Half past ten in New York on Monday, 3 August 2026, by the machine's clock."""
    now = datetime(2026, 8, 3, 14, 30, tzinfo=UTC)
    monkeypatch.setattr(clock, "right_now", lambda: now)
    return now


@pytest.mark.parametrize("session", [date(2026, 8, 4), date(2027, 1, 15)])
def test_a_session_that_has_not_come_yet_is_refused_by_import_and_scan(
    tmp_path: Path, morning: datetime, session: date
) -> None:
    path = tmp_path / "future.csv"
    write(path, chain(session=session, expiries=(date(2027, 8, 20),)))
    ran = run("import", path, "--store", tmp_path / "store")
    assert ran.exit_code == 3
    assert f"of {session}, a session that has not come yet" in " ".join(ran.stdout.split())
    found = scanned(path, tmp_path / "store")
    assert any("has not come yet" in problem["message"] for problem in found["errors"])
    assert stored(tmp_path / "store", session=session) == []


def test_a_label_of_today_without_a_time_waits_for_the_close(tmp_path: Path, morning: datetime) -> None:
    path = tmp_path / "today.csv"
    write(path, chain())
    ran = run("import", path, "--store", tmp_path / "store")
    assert "has not closed yet" in " ".join(ran.stdout.split())
    assert stored(tmp_path / "store") == []


@pytest.mark.parametrize(("ahead", "taken"), [(timedelta(minutes=4), 1), (timedelta(minutes=6), 0)])
def test_a_clock_may_be_some_minutes_off(tmp_path: Path, morning: datetime, ahead: timedelta, taken: int) -> None:
    path = tmp_path / "now.csv"
    write(path, chain(quote_time=morning + ahead), TIMED)
    run("import", path, "--store", tmp_path / "store")
    assert len(stored(tmp_path / "store")) == taken


@pytest.mark.parametrize(
    ("now", "quoted", "columns"),
    [
        # Half past six in New York, quoted at eight: before the open, when the newest close is Friday's.
        (datetime(2026, 8, 3, 10, 30, tzinfo=UTC), datetime(2026, 8, 3, 12, 0, tzinfo=UTC), TIMED),
        # Saturday, quoted on Sunday, with Friday's label beside it and without.
        (datetime(2026, 8, 1, 12, 0, tzinfo=UTC), datetime(2026, 8, 2, 12, 0, tzinfo=UTC), TIMED),
        (datetime(2026, 8, 1, 12, 0, tzinfo=UTC), datetime(2026, 8, 2, 12, 0, tzinfo=UTC), ("quote_time", *LABELLED)),
        # A quarter past four, quoted at eight in the evening.
        (datetime(2026, 7, 31, 20, 15, tzinfo=UTC), datetime(2026, 8, 1, 0, 0, tzinfo=UTC), TIMED),
    ],
)
def test_a_stated_time_to_come_is_refused_though_the_market_is_shut_at_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime, quoted: datetime, columns: tuple[str, ...]
) -> None:
    friday = date(2026, 7, 31)
    monkeypatch.setattr(clock, "right_now", lambda: now)
    path = tmp_path / "early.csv"
    write(path, chain(session=friday, quote_time=quoted), columns)
    ran = run("import", path, "--store", tmp_path / "store")
    assert f"its quotes are of {quoted:%Y-%m-%d %H:%M} UTC, which has not come yet" in " ".join(ran.stdout.split())
    assert stored(tmp_path / "store", session=friday) == []
    monkeypatch.setattr(clock, "right_now", lambda: quoted - timedelta(minutes=4))
    run("import", path, "--store", tmp_path / "store")
    assert len(stored(tmp_path / "store", session=friday)) == 1


def test_a_time_of_a_file_that_has_not_come_yet_is_not_believed(tmp_path: Path, morning: datetime) -> None:
    path = tmp_path / "ABC_20270803T200000Z.csv"
    yahoo_file(path, chain(session=date(2026, 7, 31)), traded="2026-07-31 19:31:07+00:00")
    ran = run("import", path, "--store", tmp_path / "store")
    assert "2027-08-03 20:00 UTC, has not come yet; not believed" in " ".join(ran.stdout.split())
    rows = kept(tmp_path / "store", "yahoo", date(2026, 7, 31))
    assert rows["oi_asof"].unique().to_list() == [date(2026, 7, 30)]
