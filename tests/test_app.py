"""The application as a Python API: its names, its arguments, its frames, its errors."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from built_chains import built_chain
from polars.testing import assert_frame_equal
from standard import calendar

from scanner import app, errors
from scanner.market import chain
from scanner.market.calendar import NEW_YORK

FRIDAY = date(2026, 8, 7)
CLOSE = calendar.session_close(FRIDAY)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A store of the test's own, where the clock says that the Friday is over."""
    monkeypatch.setattr("scanner.app.clock.right_now", lambda: CLOSE + timedelta(hours=4))
    return app.settings(store=tmp_path / "store")


def test_the_names_of_the_application_are_written_down_and_sorted():
    # Each comes with its first use, so that the module's own dictionary does not hold them from the beginning.
    named = {name for name in dir(app) if not name.startswith("_") and not inspect.ismodule(getattr(app, name))}
    assert named - {"Any", "TYPE_CHECKING", "import_module"} == set(app.__all__)
    assert app.__all__ == sorted(app.__all__)
    assert {"scan", "chain", "alerts", "watchlist", "replay", "report", "explain", "settings"} <= named


def test_every_function_says_what_it_gives_and_what_it_raises():
    functions = [getattr(app, name) for name in app.__all__ if inspect.isfunction(getattr(app, name))]
    assert [function.__name__ for function in functions if not inspect.getdoc(function)] == []
    silent = [function.__name__ for function in functions if "aises" not in (inspect.getdoc(function) or "")]
    # Any frame can be turned, any rule checked; what is wrong with a rule is the result.
    assert silent == ["check_rules", "to_pandas"]


@pytest.mark.parametrize("name", [name for name in app.__all__ if name not in ("RankedBy", "Severity", "settings")])
def test_settings_are_taken_in_the_same_way_everywhere(name):
    parameters = inspect.signature(getattr(app, name)).parameters
    if name in ("fields", "new_rule", "simulate", "to_pandas", "to_polars"):
        assert "settings" not in parameters
    else:
        assert parameters["settings"].default is None
        assert parameters["settings"].kind is inspect.Parameter.KEYWORD_ONLY


def test_what_is_said_in_a_call_stands_over_the_settings(tmp_path):
    base = app.settings(store=tmp_path / "one", source="simulated", accept_terms=["cboe"])
    changed = app.settings(base, store=tmp_path / "two")
    assert (base.store.path, changed.store.path) == (tmp_path / "one", tmp_path / "two")
    assert (changed.source, changed.accept_terms) == (("simulated",), ("cboe",))
    assert app.settings(base, source=["cboe", "files"]).source == ("cboe", "files")
    assert app.settings(base, path="x.csv").source == ("files",)


def test_a_chain_is_scanned_out_of_a_frame_of_either_library(settings, tmp_path):
    frame = built_chain(FRIDAY)
    of_polars = app.scan(chain=frame, settings=settings)
    of_pandas = app.scan(chain=app.to_pandas(frame), settings=settings, store=tmp_path / "other")
    for result in (of_polars, of_pandas):
        assert result.errors == ()
        assert (result.scan.source, result.scan.symbols_scanned, result.scan.contracts) == ("test", 1, 20)
        assert result.scan.as_of == CLOSE
        assert result.not_judged
    assert_frame_equal(of_polars.underlyings, of_pandas.underlyings)
    (held,) = app.store_info(settings=settings).sources
    assert (held.source, held.sessions, held.chains) == ("test", 1, 1)


def test_only_the_names_asked_for_are_taken_and_one_that_is_not_there_is_told(settings):
    both = pl.concat([built_chain(FRIDAY), built_chain(FRIDAY, underlying="XYZ")])
    result = app.scan(["xyz", "NONE"], chain=both, settings=settings)
    assert result.underlyings["underlying"].to_list() == ["XYZ"]
    assert [(problem.symbol, problem.code) for problem in result.errors] == [("NONE", "unknown_symbol")]


def test_as_of_takes_what_the_frame_had_by_then(settings):
    noon = CLOSE - timedelta(hours=4)
    thursday = calendar.previous_session(FRIDAY)
    frame = pl.concat([built_chain(thursday, volume=10), built_chain(FRIDAY, volume=90, quote_time=noon)])
    assert app.chain("ABC", chain=frame, settings=settings).frame["volume"].to_list() == [90] * 20
    assert app.chain("ABC", chain=frame, as_of=noon, settings=settings).frame["volume"].to_list() == [90] * 20
    assert app.chain("ABC", chain=frame, as_of=thursday, settings=settings).frame["volume"].to_list() == [10] * 20
    with pytest.raises(errors.SourceError, match="its newest chain is of 2026-08-06"):
        app.chain("ABC", chain=frame, as_of=noon - timedelta(minutes=1), settings=settings)
    with pytest.raises(errors.SourceError, match="ABC: no chain of it up to 2026-08-05"):
        app.chain("ABC", chain=frame, as_of="2026-08-05T12:00:00Z", settings=settings)


def test_a_chain_narrowed_gives_the_contracts_asked_for_and_says_where_the_rates_are_from(settings):
    seen = app.chain("ABC", chain=built_chain(FRIDAY), expiry="next", right="put", near=1, settings=settings)
    assert seen.frame.select("strike", "right").rows() == [(100.0, "P"), (105.0, "P")]
    assert seen.frame["expiry"].unique().to_list() == [date(2026, 9, 18)]
    assert seen.discounting.startswith("Discounted by the ")
    assert seen.frames["contract"].height == 20
    assert seen.to_pandas()["strike"].tolist() == [100.0, 105.0]
    with pytest.raises(errors.UsageError, match="no contract is left"):
        app.chain("ABC", chain=built_chain(FRIDAY), expiry="2027-01-15", settings=settings)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda frame: frame.drop("strike", "contract"), "columns missing: contract, strike"),
        (
            lambda frame: frame.with_columns(pl.col("quote_time").dt.replace_time_zone(None)),
            "without a time zone: quote_",
        ),
        (lambda frame: frame.with_columns(quote_time=pl.col("session_date")), "without a time zone: quote_time"),
        (lambda frame: pl.concat([frame, frame]), "share a contract"),
        (lambda frame: frame.with_columns(bid=-1.0), "20 rows with a negative bid"),
        (
            lambda frame: pl.concat([frame, frame.with_columns(source=pl.lit("other"))]),
            "ABC: rows of other and test, whose volumes do not compare",
        ),
    ],
)
@pytest.mark.parametrize("turn", [lambda frame: frame, app.to_pandas])
def test_a_frame_that_is_no_chain_is_an_error_that_says_why(settings, damage, said, turn):
    with pytest.raises(errors.ChainError, match=said):
        app.scan(chain=turn(damage(built_chain(FRIDAY))), settings=settings)


def test_columns_that_may_be_null_may_be_left_out(settings):
    needed = [column.name for column in chain.COLUMNS if not column.can_be_missing]
    told_by_root = ("contract", "multiplier", "exercise_style", "settlement", "nonstandard")
    bare = built_chain(FRIDAY).select(name for name in needed if name not in told_by_root)
    assert app.scan(chain=app.to_pandas(bare), settings=settings).scan.contracts == 20


def test_frames_are_imported_as_history_once(settings):
    days = calendar.sessions_between(date(2026, 8, 3), FRIDAY)
    frame = pl.concat([built_chain(day) for day in days])
    assert app.import_chains(app.to_pandas(frame), settings=settings).stored == 5
    again = app.import_chains(frame, settings=settings)
    assert (again.stored, again.known) == (0, 5)
    replayed = list(app.replay(days[0], FRIDAY, settings=settings))
    assert [result.scan.session_date for result in replayed] == days


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda s: app.scan(chain=built_chain(FRIDAY), source="simulated", settings=s), "takes the place of --source"),
        (lambda s: app.scan(chain=[1], settings=s), "expected a frame of polars or pandas, found list"),
        (lambda s: app.scan(source="cbo", settings=s), "--source: there is no source 'cbo'"),
        (lambda s: app.scan(watchlist="mine", settings=s), "--watchlist mine: there is no such watchlist"),
        (
            lambda s: app.scan("KO", source="simulated", as_of=datetime(2026, 8, 7, 12), settings=s),
            "without a time zone",
        ),
        (lambda s: app.chain("ABC", right="X", settings=s), "--right X: expected C or P"),
        (lambda s: app.replay("2026-08-07", "2026-08-03", settings=s), "--from 2026-08-07 is after --to 2026-08-03"),
        (lambda s: app.replay("friday", FRIDAY, settings=s), "--from friday: expected a date"),
        (lambda s: app.alerts(min_severity="loud", settings=s), "--min-severity loud: there are info, notice, high"),
        (
            lambda s: app.watchlist(dialect="excel", settings=s),
            "there is no dialect 'excel'; there are generic",
        ),
        (lambda s: app.report(week=FRIDAY, as_of=FRIDAY, settings=s), "--week and --as-of: give one of them"),
        (lambda s: app.explain("no-such-rule", settings=s), "there is no rule 'no-such-rule'"),
        (lambda _: app.fields("galaxy"), "--scope galaxy: there are "),
        (lambda s: app.prune_store("soon", settings=s), "--keep soon: 'soon' is not a duration"),
    ],
)
def test_what_cannot_be_done_is_a_usage_error_in_the_command_lines_words(settings, wrong, said):
    with pytest.raises(errors.UsageError, match=said):
        wrong(settings)


def test_where_nothing_is_stored_the_error_says_so(settings):
    for ask in (app.alerts, app.watchlist, app.scoreboard, app.report, app.store_info):
        with pytest.raises(errors.StoreError):
            ask(settings=settings)
    with pytest.raises(errors.StoreError):
        list(app.replay(FRIDAY, FRIDAY, settings=settings))


def test_a_moment_may_be_text_a_date_or_a_moment_with_its_zone(settings):
    frame = built_chain(FRIDAY)
    for as_of in ("2026-08-07", FRIDAY, CLOSE, CLOSE.astimezone(NEW_YORK)):
        assert app.chain("ABC", chain=frame, as_of=as_of, settings=settings).moment == CLOSE.astimezone(UTC)


def test_a_chain_that_is_shown_has_every_column_that_its_volatility_gives(settings):
    """Also those that a scan finds for a few contracts alone."""
    frame = app.chain("ABC", chain=built_chain(FRIDAY), settings=settings).frame
    solved = frame.filter(pl.col("iv").is_not_null())
    assert solved.height > 0
    assert solved.select("delta", "gamma", "vega", "theta", "rho").null_count().row(0) == (0,) * 5
    assert frame.select(pl.col("iv_bid", "iv_ask").count()).row(0) == (solved.height, solved.height)
