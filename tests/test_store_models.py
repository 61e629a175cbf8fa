"""Fitted models kept with the store: the second scan of a session fits nothing, and says what the first one would."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store

from scanner import activity
from scanner.history.known_before import KnownBefore
from scanner.metrics.measure import Methods, measure
from scanner.store import models
from scanner.store.importing import ImportReport, import_chains

DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 7, 10))
TODAY = DAYS[26]
STRIKES = [float(strike) for strike in range(60, 141)]


def chain(day: date) -> pl.DataFrame:
    return built_chain(day, strikes=STRIKES)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(models, "_last", {})
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
    """A scan's contracts, as a process of its own would score them."""
    models._last.clear()
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


def test_within_one_process_the_model_is_not_even_read_again(folder, fits):
    store = open_store(folder)
    panel = store.history.panel("test", ["ABC"], TODAY)
    assert store.models.fit(panel) is store.models.fit(panel)


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
