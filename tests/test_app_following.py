"""What stored sessions tell of earlier alerts, read for all names at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from built_chains import built_chain

from scanner.app import configuring, following, opening
from scanner.store.snapshots import Snapshots
from scanner.store.store import Store

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = WEEK = tuple(date(2026, 8, day) for day in range(3, 8))
EVENING = datetime(2026, 8, 7, 20, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path) -> Iterator[Store]:
    """A week of three names, each of which trades its own number of lots in every contract, and one more each day."""
    with opening.open_memory(configuring.settings(None, store=tmp_path)) as memory:
        for day, session in enumerate(WEEK):
            chains = [
                built_chain(session, underlying=name, volume=lots + day, open_interest=1000 + 10 * day)
                for name, lots in {"ABC": 10, "BRK.B": 20, "XYZ": 30}.items()
            ]
            memory.store.snapshots.write(pl.concat(chains), f"close-{session}")
        memory.store.catch_up()
        yield memory.store


def waiting(name: str | None, session: date) -> Any:
    return SimpleNamespace(underlying=name, session_date=session)


def test_closes_of_a_name_reach_back_to_the_session_before_its_own_first(store):
    closes = dict(following.closes_of(store, "test", {"ABC": WEDNESDAY, "XYZ": FRIDAY, "NONE": MONDAY}, EVENING))
    assert list(closes) == ["ABC", "XYZ"]
    # The first column is there for the open interest that the first chain tells of the close before it.
    assert closes["ABC"].sessions == WEEK
    np.testing.assert_array_equal(closes["ABC"].volume, np.tile([np.nan, 11, 12, 13, 14], (20, 1)))
    np.testing.assert_array_equal(closes["ABC"].open_interest, np.tile([1010, 1020, 1030, 1040, np.nan], (20, 1)))
    assert closes["XYZ"].sessions == (WEDNESDAY, THURSDAY, FRIDAY)
    np.testing.assert_array_equal(closes["XYZ"].volume, np.tile([np.nan, 33, 34], (20, 1)))


def test_a_share_class_is_found_however_an_alert_spelled_it(store):
    ((name, closes),) = following.closes_of(store, "test", {"BRK/B": FRIDAY}, EVENING)
    assert (name, closes.volume[0, -1]) == ("BRK/B", 24)


@pytest.mark.parametrize("names", [("ABC",), ("ABC", "BRK.B", "XYZ")])
def test_a_session_is_read_once_for_all_names(store, monkeypatch, names):
    read, newest = [], Snapshots.newest

    def counted(snapshots: Snapshots, source: str, session: date, *rest: Any) -> pl.DataFrame:
        read.append(session)
        return newest(snapshots, source, session, *rest)

    monkeypatch.setattr(Snapshots, "newest", counted)
    assert len(list(following.closes_of(store, "test", dict.fromkeys(names, THURSDAY), EVENING))) == len(names)
    assert read == [WEDNESDAY, THURSDAY, FRIDAY]
    read.clear()
    ((source, figures),) = following.published(store, [waiting(name, MONDAY) for name in names])
    assert (source, sorted(figures["underlying"].unique())) == ("test", list(names))
    assert read == [TUESDAY]


def test_each_name_is_told_by_the_first_morning_that_describes_the_flagged_close(store):
    """On Monday morning ABC's vendor tells Friday's open interest, XYZ's still Thursday's, and Friday's on Tuesday."""
    for session, name, asof, lots in [
        (date(2026, 8, 10), "ABC", FRIDAY, 1500),
        (date(2026, 8, 10), "XYZ", THURSDAY, 1600),
        (date(2026, 8, 11), "XYZ", FRIDAY, 1700),
    ]:
        chain = built_chain(session, underlying=name, open_interest=lots, columns={"oi_asof": asof})
        store.snapshots.write(chain, f"later-{session}-{name}")
    flagged = [waiting("ABC", FRIDAY), waiting("XYZ", FRIDAY), waiting("NONE", FRIDAY), waiting(None, FRIDAY)]
    ((_, figures),) = following.published(store, flagged)
    assert set(figures.select("underlying", "oi_asof", "open_interest").unique().iter_rows()) == {
        ("ABC", FRIDAY, 1500),
        ("XYZ", FRIDAY, 1700),
    }
    ((_, early),) = following.published(store, flagged, until=date(2026, 8, 10))
    assert early["underlying"].unique().to_list() == ["ABC"]
    assert following.published(store, flagged, until=FRIDAY) == []
