"""Fitted models kept with the store: the second scan of a session fits nothing, and says what the first one would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from built_chains import Recorded, built_chain
from standard import calendar, measure, open_store

from scanner import activity
from scanner.app import clock, jobs, opening
from scanner.app.schedule import Due
from scanner.config import Job, Settings, StoreSettings
from scanner.history.known_before import KnownBefore
from scanner.pipeline import Methods
from scanner.sources.base import Fetched, Vendor
from scanner.store import models
from scanner.store.importing import ImportReport, import_chains
from scanner.store.models import LastModel

DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 7, 10))
TODAY = DAYS[26]
STRIKES = [float(strike) for strike in range(60, 141)]


def chain(day: date) -> pl.DataFrame:
    return built_chain(day, strikes=STRIKES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "store")
    import_chains(store, [Recorded(chain(day)) for day in DAYS[:26]], ImportReport())
    return tmp_path / "store"


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The newest session of every panel that a model was fitted to."""
    done: list[date] = []
    fit = activity.fit

    def counted(panel, events=None):
        done.append(panel.sessions[-1])
        return fit(panel, events)

    monkeypatch.setattr(activity, "fit", counted)
    return done


def scored(folder: Path, *, read_only: bool = False, events: pl.DataFrame | None = None) -> pl.DataFrame:
    """A scan's contracts, by a store opened for it alone."""
    store = open_store(folder, read_only=read_only)
    panel = store.history.panel("test", ["ABC"], TODAY)
    moment = calendar.session_close(TODAY)
    return measure(chain(TODAY), KnownBefore(panel, events=events), moment, Methods(fit=store.models.fit)).frames[
        "contract"
    ]


def test_the_second_scan_of_a_session_takes_the_model_of_the_first_and_scores_the_same(folder, fits):
    first = scored(folder)
    assert (fits, first["baseline_kind"].unique().to_list()) == ([DAYS[25]], ["own"])
    assert scored(folder).equals(first)
    assert len(fits) == 1


@dataclass
class Today:
    """A source of today's chain, as quoted at a moment."""

    moment: datetime
    vendor = Vendor("test", "chains of a test", "")

    def chains(self, symbols: tuple[str, ...], now: datetime) -> Iterator[Fetched]:
        yield Fetched(symbols[0], built_chain(TODAY, strikes=STRIKES, quote_time=self.moment))


def test_within_one_process_of_a_schedule_the_model_is_not_even_read_again(folder, fits, monkeypatch):
    job = Job(name="intraday", watchlist="mine", every="15m")
    settings = Settings(store=StoreSettings(path=folder), watchlists={"mine": ["ABC"]}, schedule=[job])
    source, shown = Today(calendar.session_close(TODAY)), []
    rules, _ = opening.usable_rules(settings, strict=True)
    worker = jobs.Worker(jobs.Loaded(settings, [source], rules), lambda result, _: shown.append(result))
    for minutes in (60, 45, 30):
        source.moment = calendar.session_close(TODAY) - timedelta(minutes=minutes)
        monkeypatch.setattr(clock, "right_now", lambda: source.moment)
        worker.run(Due(job, source.moment))
        # Nobody finds it here any more.
        shutil.rmtree(folder / "models", ignore_errors=True)
    assert [result.errors for result in shown] == [(), (), ()]
    assert [result.scan.contracts for result in shown] == [324, 324, 324]
    assert fits == [DAYS[25]]


def test_the_model_held_for_the_next_scan_is_another_where_the_panel_is(folder, fits):
    last = LastModel()
    days = [TODAY, TODAY, DAYS[25], TODAY]
    used = []
    for day in days:
        store = open_store(folder)
        used.append(store.models.fit(store.history.panel("test", ["ABC"], day), last=last))
    assert used[0] is used[1]
    assert used[2] is not used[1]
    # Both are on disk by now, and that of the newest session is read from there.
    assert fits == [DAYS[25], DAYS[24]]


def test_another_newest_session_other_events_or_a_session_summarised_anew_is_fitted_again(folder, fits):
    scored(folder)
    earnings = {"underlying": ["ABC"], "date": [DAYS[20]], "kind": ["earnings"], "value": [None], "when": [None]}
    scored(folder, events=pl.DataFrame(earnings))
    store = open_store(folder)
    store.models.fit(store.history.panel("test", ["ABC"], DAYS[25]))
    store.snapshots.write(built_chain(DAYS[24], strikes=STRIKES, volume=77), "later pull")
    store.catch_up()
    scored(folder)
    assert fits == [DAYS[25], DAYS[25], DAYS[24], DAYS[25]]


def test_a_store_that_is_only_read_uses_what_is_there_and_keeps_nothing(folder, fits):
    alone = scored(folder, read_only=True)
    assert not (folder / "models").exists()
    scored(folder)
    assert scored(folder, read_only=True).equals(alone)
    assert len(fits) == 2


def test_a_damaged_model_is_fitted_again(folder, fits):
    first = scored(folder)
    for path in (folder / "models").iterdir():
        path.write_bytes(path.read_bytes()[:1000])
    assert scored(folder).equals(first)
    assert len(fits) == 2


def test_only_the_models_used_last_stay_on_disk(folder, monkeypatch):
    monkeypatch.setattr(models, "MOST_KEPT", 2)
    store = open_store(folder)
    for day in DAYS[23:27]:
        store.models.fit(store.history.panel("test", ["ABC"], day))
    assert len(list((folder / "models").iterdir())) == 2
