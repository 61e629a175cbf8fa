"""The live view on a terminal of 80 by 24, driven by its keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from alert_samples import alert, put_call_alert

from scanner.alerts.model import Status
from scanner.outputs.screen import Screen

pytest.importorskip("textual")

from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from scanner.outputs.live import LiveView, name_cells, name_columns, state_line

NOW = datetime(2025, 9, 4, 20, 21, tzinfo=UTC)
STATUS = {
    "running": None,
    "next": [
        {"job": "intraday", "due": "2025-09-04T20:20:00+00:00"},  # waits for what runs
        {"job": "confirm", "due": "2025-09-05T13:30:00+00:00"},
    ],
    "sources": {"cboe": {"ok": True}},
    "outputs": {"phone": {"ok": False}},
    "runs": {
        "confirm": {"ended": "2025-09-04T20:00:00+00:00", "symbols_scanned": None, "symbols_requested": None},
        "close": {"ended": "2025-09-04T20:20:00+00:00", "symbols_scanned": 3, "symbols_requested": 4},
        "intraday": {"ended": "2025-09-04T19:45:00+00:00", "symbols_scanned": 4, "symbols_requested": 4},
    },
}
NAMES = [
    {"underlying": "GOOG", "spot": 232.3, "spot_change": -0.008, "spot_change_5": 0.061, "iv30": 0.636,
     "iv30_change": -0.028, "put_call_volume": 0.41, "put_call_volume_prev": None, "back_end_surprise": 0.2,
     "rarest": 94.7},
]  # fmt: skip
CLOSED = alert(alert_id="closed0000000000", contract="GOOG250912C00240000", status=Status.closed)


def screen(silenced=frozenset(), names=NAMES) -> Screen:
    return Screen(NOW, STATUS, [alert(), put_call_alert(), CLOSED], silenced, names)


def seen(app: LiveView) -> list[str]:
    """The lines of the feed."""
    feed = app.query_one("#feed", DataTable)
    return [str(feed.get_row_at(row)[0]) for row in range(feed.row_count)]


def drive(script: Callable[[LiveView, Pilot], Awaitable[None]], silence=lambda alert_id, kind: kind) -> None:
    async def run() -> None:
        app = LiveView(screen, silence)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            await script(app, pilot)

    asyncio.run(run())


def test_a_screen_tells_the_state_in_a_line():
    line = state_line(screen(frozenset({"0123456789abcdef"})))
    assert line == "16:21 ET  3 of 4  cboe ok  phone ailing  told 2  muted 1  next Fri 09:30 confirm"


def test_a_name_shows_its_gauges_and_what_is_missing_as_a_dash():
    assert name_cells(NAMES[0]) == ("GOOG", "232.30", "-0.8%", "+6.1%", "63.6%", "-2.8", "0.41", "(-)",
                                    "ordinary", "once in 95")  # fmt: skip
    assert name_cells({"underlying": "X"})[1:] == ("-", "-", "-", "-", "-", "-", "(-)", "-", "-")
    assert name_cells({"underlying": "X", "back_end_surprise": 0.2, "back_volume_ratio_20": 0.9})[-2] == "quiet"


@pytest.mark.parametrize(
    ("in_sessions", "said"),
    [(0.0, "nothing"), (0.1, "10 a session"), (1.0, "once a session"), (5.2, "once in 5"), (400.0, "under 1 a year")],
)
def test_a_name_shows_how_seldom_as_much_as_its_rarest_comes_told_or_not(in_sessions, said):
    assert name_cells({"underlying": "X", "rarest": in_sessions})[-1] == said


def test_the_widest_names_fit_eighty_columns_and_every_figure_stands_below_its_head():
    wide = {"underlying": "GOOGL", "spot": 12_345.67, "spot_change": -0.1234, "spot_change_5": -0.1234, "iv30": 1.236,
            "iv30_change": -0.128, "put_call_volume": 10.41, "put_call_volume_prev": 10.41, "back_end_surprise": 1.2,
            "rarest": 400.0}  # fmt: skip
    lines = ["".join(row) for row in name_columns([*NAMES, wide])]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert len(lines[0]) <= 80
    assert lines[0].index("RAREST") == lines[1].index("once in 95")
    assert lines[0].index("PRICE") + len("PRICE") == lines[1].index("232.30") + len("232.30")


def test_the_feed_shows_what_stands_and_all_on_request():
    async def script(app, pilot):
        assert [line.split()[0] for line in seen(app)] == ["HIGH", "NOTICE"]
        await pilot.press("o")
        assert len(seen(app)) == 3
        await pilot.press("o")
        assert len(seen(app)) == 2

    drive(script)


def test_a_line_of_the_feed_leaves_out_figures_that_have_no_room_and_never_what_became_of_it():
    """A line as wide as the terminal would be cut in the midst of a figure, and moved sideways by a bar of its own."""
    story = {
        "strikes": (440, 1780), "expiries": ("2026-08-24", "2028-12-15"), "roots": ["GOOG"], "rights": "CP",
        "contracts": 9, "traded": 5_110, "usual": 106, "sessions": 1,
    }  # fmt: skip
    told = alert(context={"story": story}, premium=2_600_000.0)

    async def run(size: tuple[int, int]) -> str:
        app = LiveView(lambda: Screen(NOW, STATUS, [told], frozenset(), NAMES), lambda alert_id, kind: kind)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            feed = app.query_one("#feed", DataTable)
            assert not feed.show_horizontal_scrollbar
            return seen(app)[0]

    narrow, wide = (asyncio.run(run(size)) for size in ((80, 24), (120, 24)))
    assert narrow.endswith("GOOG 440-1,780 calls+puts, 24 Aug 2026-15 Dec 2028  new")
    assert wide.endswith("GOOG 440-1,780 calls+puts, 24 Aug 2026-15 Dec 2028: 5,110 / 106 = 48x, $2.6 M  new")


def test_the_story_is_that_of_the_chosen_alert():
    async def script(app, pilot):
        assert "GOOG 235 call" in str(app.query_one("#story", Static).render())
        await pilot.press("down")
        await pilot.pause()
        assert "NVDA" in str(app.query_one("#story", Static).render())

    drive(script)


def test_a_filter_leaves_what_it_names_and_escape_takes_it_back():
    async def script(app, pilot):
        await pilot.press("slash", *"nvda", "enter")
        assert len(seen(app)) == 1
        assert "only nvda" in str(app.query_one("#state", Static).render())
        await pilot.press("escape")
        assert len(seen(app)) == 2

    drive(script)


def test_keys_acknowledge_and_mute_the_chosen_alert():
    asked = []

    async def script(app, pilot):
        await pilot.press("a", "m")
        assert asked == [("0123456789abcdef", "ack"), ("0123456789abcdef", "mute")]

    drive(script, lambda alert_id, kind: asked.append((alert_id, kind)) or kind)


@pytest.mark.parametrize(("size", "beside"), [((80, 24), False), ((139, 40), False), ((140, 40), True)])
def test_the_story_stands_beside_the_feed_where_there_is_room(size, beside):
    async def run() -> None:
        app = LiveView(screen, lambda alert_id, kind: kind)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            feed, story = app.query_one("#feed").region, app.query_one("#story").region
            assert (story.y == feed.y and story.x >= feed.right) is beside
            assert (story.y >= feed.bottom and story.x == feed.x) is not beside
            assert story.height >= 7

    asyncio.run(run())
