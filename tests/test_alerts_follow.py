"""What became of a flagged contract, by figures that can be worked out on paper."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from standard import calendar

from scanner.alerts.board import Told
from scanner.alerts.closes import Closes
from scanner.alerts.flagged import Flagged
from scanner.alerts.follow import followed, outcomes
from scanner.alerts.outcome import state_of
from scanner.alerts.scoreboard import board, table
from scanner.outputs.following import mornings, print_board

# Wednesday to the Wednesday after; the Monday is Labor Day.
DAYS = [date(2025, 9, 3), date(2025, 9, 4), date(2025, 9, 5), date(2025, 9, 8), date(2025, 9, 9), date(2025, 9, 10)]
CALL = "ABC251017C00100000"
LIKE = [f"ABC251017C0010{number}000" for number in range(1, 6)]
# Open interest as the chain of each day has it: that of the close before.
OPEN = [100, 100, 1100, 1080, 500, 200]


def chains(**changes) -> list[pl.DataFrame]:
    """Six sessions of six calls; the first one is the flagged one."""
    found = []
    for number, day in enumerate(DAYS):
        rows = [
            {
                "contract": name,
                "right": "C",
                "expiry": date(2025, 10, 17),
                "session_date": day,
                "oi_asof": calendar.previous_session(day),
                "open_interest": OPEN[number] if name == CALL else 50 + 10 * number,
                "volume": 1500 if name == CALL and number == 1 else 20,
                "bid": 2.0 + number,
                "ask": 2.2 + number,
                "last": 2.1 + number,
                "iv": 0.3,
                "delta": 0.5,
                "spot": 100.0 + number,
                **changes,
            }
            for name in (CALL, *LIKE)
        ]
        found.append(pl.DataFrame(rows, schema_overrides=TYPES))
    return found


TYPES = {"bid": pl.Float64, "ask": pl.Float64, "open_interest": pl.Int64}
FLAGGED = [
    Flagged(
        "a1", DAYS[1], CALL, "rule", "ABC", False, date(2025, 10, 17), datetime(2025, 9, 4, 20, tzinfo=UTC), 1500, 100,
        DAYS[0],
    )
]  # fmt: skip


def closes(**changes) -> Closes:
    found = Closes.of(chains(**changes), calendar)
    assert found is not None
    return found


def test_open_interest_stands_at_the_close_that_it_describes():
    found = closes()
    row = found.row_of[CALL]
    told = {day: found.open_interest[row, column] for day, column in found.column_of.items()}
    assert [told[day] for day in DAYS[:5]] == [100, 1100, 1080, 500, 200]
    assert np.isnan(told[DAYS[5]])


def test_what_opened_is_followed_morning_by_morning():
    """1,000 opened: 98 % are there at the next close, 40 % at the one after, 10 % at last."""
    found = mornings(FLAGGED, followed(FLAGGED, closes()))
    assert [(item.session_date, item.open_interest, item.state) for item in found] == [
        (DAYS[1], 1100, "held"),
        (DAYS[2], 1080, "held"),
        (DAYS[3], 500, "trimmed"),
        (DAYS[4], 200, "gone"),
        (DAYS[5], None, "not told"),
    ]
    assert [item.share for item in found[:4]] == pytest.approx([1.0, 0.98, 0.4, 0.1])
    assert (found[0].spot_move, found[0].price_move) == (None, None)  # there is nothing to have moved from
    assert found[2].spot_move == pytest.approx(103 / 101 - 1)
    assert found[2].price == pytest.approx(5.1)


def test_moves_are_from_the_ask_to_the_bid_with_the_fee_both_ways():
    after = {item.horizon: item.figures for item in outcomes(FLAGGED, closes())}
    assert sorted(after) == [1, 3]  # five sessions later is still to come
    assert (after[1]["opened"], after[1]["volume"], after[1]["confirmed"]) == (1000, 1500, True)
    assert after[1]["contract"] == pytest.approx((4.0 - 0.0065) / (3.2 + 0.0065) - 1)
    assert after[3]["contract"] == pytest.approx((6.0 - 0.0065) / (3.2 + 0.0065) - 1)
    assert after[3]["stock"] == pytest.approx(104 / 101 - 1)
    assert (after[1]["state"], after[3]["state"]) == ("held", "gone")
    assert after[3]["basis"] == "quotes"


def test_without_quotes_moves_are_from_last_to_last():
    (figures,) = [item.figures for item in outcomes(FLAGGED, closes(bid=None, ask=None)) if item.horizon == 1]
    assert (figures["contract"], figures["basis"]) == (pytest.approx(4.1 / 3.1 - 1), "last")


def test_a_put_counts_the_stock_the_other_way():
    puts = [item.figures for item in outcomes(FLAGGED, closes(right="P")) if item.horizon == 1]
    assert puts[0]["stock"] == pytest.approx(-(102 / 101 - 1))


def test_what_is_beside_it_is_of_the_same_session_name_and_right():
    (first, *_) = outcomes(FLAGGED, closes())
    # 10 opened of 20: half, which counts as opened.
    assert [(item["opened"], item["volume"], item["confirmed"]) for item in first.matched] == [(10, 20, True)] * 3


def test_open_interest_that_is_not_known_is_not_told():
    found = mornings(FLAGGED, followed(FLAGGED, closes(open_interest=None)))
    assert {item.state for item in found} == {"not told"}
    assert outcomes(FLAGGED, closes(open_interest=None))[0].figures["confirmed"] is None


@pytest.mark.parametrize(
    ("share", "expired", "state"),
    [
        (1.2, False, "held"),
        (0.9, False, "held"),
        (0.89, False, "trimmed"),
        (0.25, False, "trimmed"),
        (0.2, False, "gone"),
        (-0.5, False, "gone"),
        (None, False, "not told"),
        (0.9, True, "expired"),
    ],
)
def test_a_position_is_called_by_what_is_left_of_it(share, expired, state):
    assert state_of(share, expired) == state


def outcome(alert_id: str, day: date, opened: bool, move: float):
    figures = {"confirmed": opened, "state": "held", "share": 1.0, "contract": move, "stock": 0.01}
    from scanner.alerts.outcome import Outcome

    return Outcome(alert_id, day, 1, figures, (figures | {"confirmed": False},))


def test_the_board_leaves_no_alert_out_and_states_no_share_of_few():
    told = [Told(f"a{number}", "rule", number % 2 + 1, "ABC") for number in range(40)]
    days = calendar.sessions_between(date(2025, 9, 2), date(2025, 10, 10))
    found = [outcome(f"a{number}", days[number % 20], number < 15, number / 100) for number in range(30)]
    lines = {(item.group, item.key, item.measure): item for item in board(told, table(found))}
    whole = lines["all", "", "opened"]
    assert lines["all", "", "alerts"].alerts.count == 40
    assert (whole.alerts.count, whole.alerts.value, whole.matched.value) == (30, 0.5, 0.0)
    assert whole.alerts.low < 0.5 < whole.alerts.high
    assert lines["all", "", "contract_1"].alerts.value == pytest.approx(0.145)  # the middle of 0.00 to 0.29
    few = lines["stars", "1", "opened"].alerts
    assert (few.count, few.value) == (15, None)
    assert lines["rule", "rule", "held_1"].alerts.count == 15


def test_a_board_without_any_outcome_counts_the_alerts_alone():
    lines = board([Told("a1", "rule", None, None)], table([]))
    assert {(item.measure, item.alerts.count) for item in lines if item.group == "all"} >= {
        ("alerts", 1),
        ("opened", 0),
    }
    assert [item.key for item in lines if item.group == "stars"][:1] == ["none"]
    assert board([], table([]))[0].alerts.count == 0


def test_a_brief_board_has_the_same_lines_and_of_groups_only_what_opened():
    told = [Told(f"a{number}", "rule", 3, "ABC") for number in range(2)]
    found = table(outcome(alert.alert_id, DAYS[0], opened=True, move=0.1) for alert in told)
    whole, brief = board(told, found), board(told, found, brief=True)
    assert [line for line in whole if line.group == "all" or line.measure in ("alerts", "opened")] == brief
    assert len(brief) < len(whole)


def test_a_board_of_alerts_that_nothing_was_told_of_is_no_page_of_zeros():
    page = io.StringIO()
    told = [Told("a1", "rule", None, "ABC"), Told("a2", "rule", 1, "ABC")]
    print_board(board(told, table([])), Console(file=page, width=100, highlight=False))
    assert "n 0" not in page.getvalue()
    assert "Of none of them it is told yet" in page.getvalue()
    found = [outcome("a2", date(2025, 9, 3), True, 0.1)]
    page = io.StringIO()
    print_board(board(told, table(found)), Console(file=page, width=100, highlight=False))
    assert "Opened next morning" in page.getvalue()
    assert "1 star " in page.getvalue()
    assert "no stars" not in page.getvalue()
