"""The weekly column: its sentences in two languages, from figures alone, and the basket by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from scanner.outputs.column import week as weeks
from scanner.outputs.column.phrases import Language, Phrases
from scanner.outputs.column.week import Basket, Episode, Expiring, NameWeek, Week
from scanner.outputs.column.writing import column
from scanner.outputs.moves import Held

FRIDAY = date(2025, 9, 5)
EN, ZH = (Phrases(language, FRIDAY, simulated=True) for language in (Language.english, Language.chinese))
BUILD_UP = Episode(
    FRIDAY, (235.0, 235.0), "C", (date(2025, 9, 12), date(2025, 9, 12)), 96_137, 1_115.0, 1, 300.0, None, 4
)
QUIET = {
    "iv30": 0.278, "iv30_change": 0.007, "put_call_volume": 0.11, "put_call_volume_prev": 0.49,
    "back_end_surprise": 0.3, "back_volume_ratio_20": 0.7,
}  # fmt: skip
GOOG = NameWeek("GOOG", 0.09, None, QUIET, BUILD_UP)


def test_the_options_watch_reads_as_the_column_does():
    assert EN.watch(GOOG) == (
        "SIMULATED. GOOG, +9.0 %: volatility hardly lifted (27.8 %, +0.7 points); 96,137 of the 235 calls of 12 Sep "
        "traded, 86x usual; open interest rose four mornings running; put/call 0.11, a week before 0.49; beyond "
        "14 days it is quiet. Friday's trades await Monday's open interest."
    )
    assert ZH.watch(GOOG) == (
        "【模拟】谷歌一周+9.0%，期权异动：隐含波动率略微抬升（27.8%，+0.7个百分点）；9月12日到期的235看涨成交96,137张，为平常86倍；"
        "未平仓连升四日，有建仓；看跌/看涨比由0.49降至0.11；14天以后相对清淡。周五成交待周一确认。"
    )


def test_returns_come_best_first_with_the_benchmark_behind():
    names = [NameWeek("TSLA", -0.061, None, {}), NameWeek("GOOG", 0.09, None, {}), NameWeek("META", 0.0004, None, {})]
    spy = NameWeek("SPY", -0.031, None, {})
    assert EN.returns(names, spy) == "SIMULATED. Week to 5 Sep: GOOG +9.0 %, META flat, TSLA -6.1 %; SPY -3.1 %."
    assert ZH.returns(names, spy) == "【模拟】至9月5日收盘，过去一周谷歌+9.0%，Meta持平，特斯拉-6.1%；SPY -3.1%。"
    assert EN.returns([NameWeek("GOOG", None, None, {})], spy) is None


@pytest.mark.parametrize(
    ("surprise", "english", "chinese"),
    [
        (1.0, "NVDA's put/call rose to 0.70 from 0.58, in itself not rare.", "升至0.70，单看不罕见。"),
        (3.4, "NVDA's put/call rose to 0.70 from 0.58.", "升至0.70。"),
    ],
)
def test_a_put_call_is_called_rare_only_where_it_is(surprise, english, chinese):
    context = {"put_call_volume": 0.70, "put_call_volume_prev": 0.58, "put_call_surprise": surprise}
    item = NameWeek("NVDA", None, None, context)
    assert EN.put_call(item) == f"SIMULATED. {english}"
    assert ZH.put_call(item) == f"【模拟】英伟达看跌/看涨成交比由0.58{chinese}"
    assert EN.put_call(replace(item, context={**context, "put_call_volume": 0.62})) is None


def test_what_expires_is_told_with_its_share_of_gamma():
    item = NameWeek("SPY", None, None, {}, expiring=Expiring(date(2025, 9, 19), 222.5e9, 0.17, 0.18, 0.13))
    assert EN.expiring(item) == (
        "SIMULATED. $222 bn of SPY options expire on 19 Sep, 17 % of open interest; with them go 18 % of gamma, 13 % "
        "of the positive."
    )
    assert (
        ZH.expiring(item)
        == "【模拟】9月19日到期的SPY期权名义价值2,225亿美元，占未平仓17%；到期后总伽马减18%，正伽马减13%。"
    )


def test_an_event_is_more_than_priced_beyond_one_standard_deviation():
    # A mean size of 3.59 % is 4.5 % of one standard deviation.
    held = Held("earnings", date(2025, 9, 3), 0.0359, -0.074, None)
    item = NameWeek("AAPL", None, None, {})
    assert EN.event(item, held).endswith("Options priced 4.5 % for AAPL's earnings; it moved -7.4 %: more than priced.")
    assert ZH.event(item, held) == "【模拟】苹果财报定价±4.5%，实际-7.4%，超定价。"
    assert ZH.event(item, replace(held, realised=0.04)).endswith("未超定价。")
    assert EN.event(item, replace(held, realised=None)) is None


def test_an_episode_says_what_became_of_it_and_waits_for_nothing_that_is_known():
    over = replace(BUILD_UP, session=date(2025, 9, 3), rises=0, opened=True)
    assert "; opened the next morning" in EN.watch(replace(GOOG, episode=over))
    assert EN.watch(replace(GOOG, episode=over)).endswith("beyond 14 days it is quiet.")
    assert "；未见建仓" in ZH.watch(replace(GOOG, episode=replace(over, opened=False)))
    assert "; not opened the next morning; " in EN.watch(replace(GOOG, episode=replace(over, opened=False)))
    assert "未平仓连升两日" in ZH.watch(replace(GOOG, episode=replace(BUILD_UP, rises=2)))
    assert ", usually none" in EN.watch(replace(GOOG, episode=replace(over, usual=0.2)))
    assert "逾1,000倍" in ZH.watch(replace(GOOG, episode=replace(over, usual=10.0)))


def test_the_basket_is_made_equal_again_at_the_end_of_a_quarter():
    days = [date(2025, 6, 27), date(2025, 6, 30), date(2025, 7, 1), date(2025, 7, 2)]
    closes = {
        "A": dict(zip(days, (100, 200, 200, 200), strict=True)),
        "B": dict(zip(days, (100, 100, 100, 50), strict=True)),
    }
    spy = dict(zip(days, (500, 510, 520, 525), strict=True))
    # Half and half until 30 June: 1.5. From then on half and half again: half of it stays, half of it halves.
    held = weeks.basket(closes, ("A", "B"), spy, days[-1])
    assert held == Basket(days[0], pytest.approx(1.5 * 0.75 - 1), pytest.approx(0.05))
    assert weeks.basket(closes, ("A", "B", "C"), spy, days[-1]) is None
    assert EN.basket(Basket(date(2025, 7, 11), 0.043, -0.024)) == (
        "SIMULATED. Seven equal weights, rebalanced quarterly: +4.3 % since 11 Jul; SPY -2.4 %."
    )
    assert (
        ZH.basket(Basket(date(2025, 7, 11), 0.043, -0.024))
        == "【模拟】七巨头等权（每季再平衡）自7月11日+4.3%；SPY -2.4%。"
    )


def test_markdown_has_every_part_a_table_and_nothing_that_is_markup_by_accident():
    hostile = NameWeek("A|B<x>", 0.01, None, {})
    week = Week(FRIDAY, [FRIDAY], [date(2025, 9, 4)], [GOOG, hostile], None, simulated=True)
    text = column(week, Language.english).markdown()
    assert text.startswith("# SIMULATED. Options in the week to 5 Sep 2025\n")
    assert "| GOOG | +9.0 % | - | 27.8 % | +0.7 points | 0.11 | 0.49 |" in text
    assert "A\\|B\\<x\\>" in text
    assert "Not in the store: 4 Sep." in text
    assert "缺少交易日：9月4日。" in column(week, Language.chinese).markdown()


def test_beyond_seven_names_the_less_rare_are_named_alone():
    names = [
        replace(GOOG, name=f"N{number}", episode=replace(BUILD_UP, once_in_sessions=100.0 - number))
        for number in range(9)
    ]
    week = Week(FRIDAY, [FRIDAY], [], names, None, simulated=False)
    (watch,) = (part for part in column(week, Language.english).sections if part.heading == "Options watch")
    assert [text[:2] for text in watch.paragraphs[:-1]] == [f"N{number}" for number in range(7)]
    assert watch.paragraphs[-1] == "Weaker: N7, N8."


def test_the_strongest_alert_comes_first_as_in_the_list_of_alerts():
    high, notice = (2, True, 40.0, 80.0), (1, True, 900.0, 95.0)
    names = [
        replace(GOOG, name=name, episode=replace(BUILD_UP, strength=strength, once_in_sessions=strength[2]))
        for name, strength in (("CLX", notice), ("GOOG", high))
    ]
    week = Week(FRIDAY, [FRIDAY], [], names, None, simulated=False)
    (watch,) = (part for part in column(week, Language.english).sections if part.heading == "Options watch")
    assert [text.split(",")[0] for text in watch.paragraphs] == ["GOOG", "CLX"]


def test_a_quiet_week_is_said_to_be_quiet():
    week = Week(FRIDAY, [FRIDAY], [], [NameWeek("GOOG", None, None, {})], None, simulated=False)
    assert "Nothing unusual was told in the week." in column(week, Language.english).markdown()
