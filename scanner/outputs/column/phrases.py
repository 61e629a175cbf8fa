"""Every phrase of the weekly column, in both languages, each in this one place.

A phrase is made from what is known alone; where a figure is missing there is none. The words and the thresholds behind
them are those of :mod:`scanner.outputs.clauses`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from enum import StrEnum

from scanner import wording
from scanner.metrics.event_moves import MEAN_ABSOLUTE
from scanner.outputs import clauses, moves
from scanner.outputs.column.week import Basket, Episode, Expiring, NameWeek
from scanner.outputs.moves import Held
from scanner.outputs.text import printable


class Language(StrEnum):
    """The languages that a column is written in."""

    english = "en"
    chinese = "zh"


_NAMES = {
    "AAPL": "苹果", "AMZN": "亚马逊", "AVGO": "博通", "BABA": "阿里巴巴", "BRK.B": "伯克希尔", "CLX": "高乐氏",
    "COST": "好市多", "GOOG": "谷歌", "GOOGL": "谷歌", "INTC": "英特尔", "JPM": "摩根大通", "KO": "可口可乐",
    "META": "Meta", "MSFT": "微软", "MU": "美光", "NFLX": "奈飞", "NVDA": "英伟达", "ORCL": "甲骨文",
    "QCOM": "高通", "TSLA": "特斯拉", "TSM": "台积电", "WMT": "沃尔玛",
}  # fmt: skip
_LIFTS = {
    "did not move": "基本未变", "hardly lifted": "略微抬升", "slipped": "略降", "lifted": "抬升", "fell": "回落",
    "jumped": "急升", "collapsed": "骤降",
}  # fmt: skip
_BACK_ENDS = {
    "back end quiet": ("beyond 14 days it is quiet", "14天以后相对清淡"),
    "back end ordinary": ("beyond 14 days it is as usual", "14天以后如常"),
    "back end busier": ("beyond 14 days it is busier", "14天以后较活跃"),
    "back end busy too": ("beyond 14 days it is busy too", "14天以后同样活跃"),
}
_EVENTS = {"earnings": "财报", "deliveries": "交付量公布", "launch": "发布会"}
_COUNTS = "零一两三四五六七八九十"
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class Phrases:
    """The phrases in one language, beside the session that they are said of."""

    def __init__(self, language: Language, session: date, *, simulated: bool) -> None:
        self.language, self._session, self._simulated = language, session, simulated

    def _either(self, english: str, chinese: str) -> str:
        return english if self.language is Language.english else chinese

    def mark(self) -> str:
        """What comes first where nothing of it ever happened."""
        return self._either("SIMULATED. ", "【模拟】") if self._simulated else ""

    def name(self, symbol: str) -> str:
        """A name as readers call it."""
        return printable(self._either(symbol, _NAMES.get(symbol, symbol)))

    def day(self, when: date) -> str:
        """A day; its year where that is another one."""
        year = "" if when.year == self._session.year else f"{when.year}年"
        return self._either(wording.day(when, self._session), f"{year}{when.month}月{when.day}日")

    def part(self, value: float, *, signed: bool = False, digits: int = 1) -> str:
        """A part of a whole, or a change."""
        said = wording.percent(value, signed=signed, digits=digits)
        return self._either(said, said.replace(" %", "%"))

    def change(self, value: float) -> str:
        """A return; next to nothing is flat."""
        return self._either("flat", "持平") if abs(value) < clauses.FLAT else self.part(value, signed=True)

    def money(self, dollars: float) -> str:
        """An amount of dollars."""
        large = f"{dollars / 1e8:,.0f}亿美元" if dollars >= 1e9 else f"{dollars / 1e8:,.1f}亿美元"
        return self._either(wording.money(dollars), large if dollars >= 1e7 else f"{dollars / 1e4:,.0f}万美元")

    def title(self) -> str:
        """The heading of the column."""
        return self._either(
            f"Options in the week to {wording.day(self._session, self._session)} {self._session.year}",
            f"{self._session.year}年{self._session.month}月{self._session.day}日当周期权观察",
        )

    def returns(self, names: Sequence[NameWeek], benchmark: NameWeek | None) -> str | None:
        """The week's returns, the best first, and the benchmark's."""
        known = sorted((item for item in names if item.returned is not None), key=lambda item: -(item.returned or 0.0))
        if not known:
            return None
        told = [self._moved(item.name, item.returned or 0.0) for item in known]
        beside = ""
        if benchmark is not None and benchmark.returned is not None:
            beside = self._either("; ", "；") + f"{benchmark.name} {self.change(benchmark.returned)}"
        day = self.day(self._session)
        english = f"Week to {day}: {', '.join(told)}{beside}."
        return self.mark() + self._either(english, f"至{day}收盘，过去一周{'，'.join(told)}{beside}。")

    def _moved(self, symbol: str, change: float) -> str:
        """A name and its return; no space beside a Chinese word."""
        name, told = self.name(symbol), self.change(change)
        return f"{name}{' ' if name.isascii() and told.isascii() else ''}{told}"

    def year(self, names: Sequence[NameWeek]) -> str | None:
        """Returns since the year began, of the names of which that is known."""
        known = sorted((item for item in names if item.year is not None), key=lambda item: -(item.year or 0.0))
        if not known:
            return None
        told = [self._moved(item.name, item.year or 0.0) for item in known]
        return self.mark() + self._either(f"Year to date: {', '.join(told)}.", f"年初至今：{'，'.join(told)}。")

    def basket(self, held: Basket) -> str:
        """The seven in equal weights beside the benchmark."""
        since, seven = self.day(held.since), self.change(held.seven)
        beside = "" if held.benchmark is None else self._either(
            f"; SPY {self.change(held.benchmark)}", f"；SPY {self.change(held.benchmark)}"
        )  # fmt: skip
        return self.mark() + self._either(
            f"Seven equal weights, rebalanced quarterly: {seven} since {since}{beside}.",
            f"七巨头等权（每季再平衡）自{since}{seven}{beside}。",
        )

    def watch(self, item: NameWeek) -> str | None:
        """One name's options: what its volatility did, what traded, what became of it, and what is beside it."""
        parts = [part for part in (self.volatility(item), *self._episode(item), self._put_call_week(item),
                                   self._back_end(item)) if part is not None]  # fmt: skip
        if item.episode is None or not parts:
            return None
        returned = "" if item.returned is None else self.change(item.returned)
        head = self._either(
            f"{self.name(item.name)}{', ' if returned else ''}{returned}: ",
            f"{self.name(item.name)}{'一周' if returned else ''}{returned}，期权异动：",
        )
        tail = self._waits(item.episode)
        return self.mark() + head + self._either("; ", "；").join(parts) + self._either(".", "。") + tail

    def volatility(self, item: NameWeek) -> str | None:
        """What the volatility did in the week, in words and figures."""
        level, change = item.context.get("iv30"), item.context.get("iv30_change")
        if level is None or change is None or level - change <= 0:
            return None
        words = clauses.lift(change, level - change)
        points = wording.points(change).removesuffix(" points")
        return self._either(
            f"volatility {words} ({self.part(level)}, {points} points)",
            f"隐含波动率{_LIFTS[words]}（{self.part(level)}，{points}个百分点）",
        )

    def _episode(self, item: NameWeek) -> Iterator[str]:
        told = item.episode
        if told is None:
            return
        first, last = (self.day(expiry) for expiry in told.expiries)
        low, high = told.strikes
        strikes = f"{low:,g}" if low == high else f"{low:,g}-{high:,g}"
        side = {"C": ("calls", "看涨"), "P": ("puts", "看跌")}.get(told.rights, ("calls and puts", "看涨和看跌"))
        expiries = first if first == last else f"{first}-{last}"
        within = (
            "" if told.sessions == 1 else self._either(f" in {told.sessions} sessions", f"（{told.sessions}个交易日）")
        )
        yield self._either(
            f"{told.traded:,.0f} of the {strikes} {side[0]} of {expiries} traded{within}{self._times(told)}",
            f"{expiries}到期的{strikes}{side[1]}成交{told.traded:,.0f}张{within}{self._times(told)}",
        )
        became = self._became(told)
        if became is not None:
            yield became

    def _times(self, told: Episode) -> str:
        if told.usual is None:
            return ""
        if told.usual < wording.NONE:
            return self._either(", usually none", "，平常几乎没有")
        times = wording.multiple(told.traded, told.usual)
        number = times.removesuffix("x")
        above = number.startswith(">")
        return self._either(f", {times} usual", f"，为平常{'逾' if above else ''}{number.removeprefix('>')}倍")

    def _became(self, told: Episode) -> str | None:
        if told.rises > 1:
            count = _NUMBERS[told.rises] if told.rises < len(_NUMBERS) else f"{told.rises}"
            many = _COUNTS[told.rises] if told.rises < len(_COUNTS) else f"{told.rises}"
            opening = "" if told.opened is False else "，有建仓"
            return self._either(f"open interest rose {count} mornings running", f"未平仓连升{many}日{opening}")
        if told.opened is None:
            return None
        if told.opened:
            return self._either("opened the next morning", "次日未平仓上升，有建仓")
        return self._either("not opened the next morning", "未见建仓")

    def _waits(self, told: Episode) -> str:
        """What the newest session's trades wait for."""
        if told.session != self._session:
            return ""
        weekday = f"{self._session:%A}"
        days = {"Monday": "一", "Tuesday": "二", "Wednesday": "三", "Thursday": "四", "Friday": "五"}
        then = "周一" if weekday == "Friday" else "次日"
        return self._either(
            f" {weekday}'s trades await {'Monday' if weekday == 'Friday' else 'the next morning'}'s open interest.",
            f"周{days.get(weekday, '末')}成交待{then}确认。",
        )

    def _put_call_week(self, item: NameWeek) -> str | None:
        now, before = item.context.get("put_call_volume"), item.context.get("put_call_volume_prev")
        if now is None or before is None:
            return None
        if abs(now - before) < clauses.MOVED:
            return self._either(f"put/call {now:.2f}, hardly changed", f"看跌/看涨比{now:.2f}，变化不大")
        return self._either(
            f"put/call {now:.2f}, a week before {before:.2f}",
            f"看跌/看涨比由{before:.2f}{'升' if now > before else '降'}至{now:.2f}",
        )

    def put_call(self, item: NameWeek) -> str | None:
        """A name's put/call, where it moved."""
        now, before = item.context.get("put_call_volume"), item.context.get("put_call_volume_prev")
        if now is None or before is None or abs(now - before) < clauses.MOVED:
            return None
        surprise = item.context.get("put_call_surprise")
        rare = surprise is not None and surprise >= clauses.NOT_RARE
        english = (
            f"{self.name(item.name)}'s put/call {'rose' if now > before else 'fell'} to {now:.2f} from {before:.2f}"
        )
        chinese = f"{self.name(item.name)}看跌/看涨成交比由{before:.2f}{'升' if now > before else '降'}至{now:.2f}"
        return self.mark() + self._either(
            english + ("." if rare else ", in itself not rare."), chinese + ("。" if rare else "，单看不罕见。")
        )

    def _back_end(self, item: NameWeek) -> str | None:
        words = clauses.back_end(item.context)
        return None if words is None else self._either(*_BACK_ENDS[words])

    def expiring(self, item: NameWeek) -> str | None:
        """What goes with a name's next expiry."""
        told: Expiring | None = item.expiring
        if told is None or told.notional is None or told.open_interest is None:
            return None
        day, money = self.day(told.expiry), self.money(told.notional)
        held = self.part(told.open_interest, digits=0)
        english = f"{money} of {self.name(item.name)} options expire on {day}, {held} of open interest"
        chinese = f"{day}到期的{self.name(item.name)}期权名义价值{money}，占未平仓{held}"
        if told.gamma is not None and told.positive_gamma is not None:
            gamma, positive = (self.part(value, digits=0) for value in (told.gamma, told.positive_gamma))
            english += f"; with them go {gamma} of gamma, {positive} of the positive"
            chinese += f"；到期后总伽马减{gamma}，正伽马减{positive}"
        return self.mark() + self._either(f"{english}.", f"{chinese}。")

    def event(self, item: NameWeek, held: Held) -> str | None:
        """An event of the week: what was priced for it, and what it brought."""
        verdict = moves.verdict(held)
        if verdict is None or held.implied is None or held.realised is None:
            return None
        priced = self.part(held.implied / MEAN_ABSOLUTE)
        moved, over = self.part(held.realised, signed=True), verdict == moves.MORE
        kind = self._either(held.kind, _EVENTS.get(held.kind, held.kind))
        return self.mark() + self._either(
            f"Options priced {priced} for {self.name(item.name)}'s {kind}; it moved {moved}: {verdict}.",
            f"{self.name(item.name)}{kind}定价±{priced}，实际{moved}，{'超定价' if over else '未超定价'}。",
        )

    def heads(self) -> tuple[str, ...]:
        """The headings of the table."""
        return (
            ("Name", "Week", "Year", "Volatility", "Change", "Put/call", "Week before")
            if self.language is Language.english
            else ("名称", "周涨跌", "年初至今", "隐含波动率", "变化", "看跌/看涨比", "一周前")
        )

    def row(self, item: NameWeek) -> tuple[str, ...]:
        """A row of the table; what is missing is a dash."""
        context = item.context
        level, change = context.get("iv30"), context.get("iv30_change")
        now, before = context.get("put_call_volume"), context.get("put_call_volume_prev")
        dash = wording.MISSING
        points = dash if change is None else wording.points(change).removesuffix(" points")
        return (
            self.name(item.name),
            dash if item.returned is None else self.change(item.returned),
            dash if item.year is None else self.change(item.year),
            dash if level is None else self.part(level),
            points if change is None else points + self._either(" points", "个百分点"),
            dash if now is None else f"{now:.2f}",
            dash if before is None else f"{before:.2f}",
        )

    def sections(self) -> tuple[str, ...]:
        """The headings of the parts: returns, options watch, put/call, expiry, events, figures."""
        return (
            ("Returns", "Options watch", "Put/call", "Into the next expiry", "Events", "Figures")
            if self.language is Language.english
            else ("涨跌", "期权异动", "看跌/看涨成交比", "到期", "事件", "数据")
        )

    def more(self, names: Sequence[str]) -> str:
        """Of which other names something weaker was told."""
        said = self._either(", ", "、").join(self.name(name) for name in names)
        return self.mark() + self._either(f"Weaker: {said}.", f"另有较弱异动：{said}。")

    def quiet(self) -> str:
        """Said where nothing was told of any name."""
        return self.mark() + self._either("Nothing unusual was told in the week.", "本周未见异动。")

    def missing(self, days: Sequence[date]) -> str:
        """Which sessions of the week are not there."""
        said = self._either(", ", "、").join(self.day(day) for day in days)
        return self._either(f"Not in the store: {said}.", f"缺少交易日：{said}。")

    def foot(self) -> str:
        """What the words rest on."""
        return self._either(
            "Unusual is not the same as informed: a chain does not tell who bought, or where prices go.",
            "异动不等于知情：期权链不显示买卖方向，也不预示价格走势。",
        )
