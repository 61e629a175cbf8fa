"""The HTML report: one page that escapes everything, loads nothing, and says what is simulated."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import polars as pl
import pytest
from alert_samples import GOOG_235, NVDA_130, alert, put_call_alert, scan

from scanner.activity.record import MAIN, Level
from scanner.alerts.model import HeldBack, NotJudged
from scanner.alerts.verdict import RuleScore
from scanner.errors import ScanProblem
from scanner.outputs.charts import alerts as charts
from scanner.outputs.charts.alerts import Around
from scanner.outputs.report import Page, Report, render
from scanner.outputs.result import ScanResult

HOSTILE = "<script>alert(1)</script>\"'><img src=http://example.com/x>\x1b[31m"


class Reader(HTMLParser):
    """Tags with their attributes, and the text a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "line", "br", "polyline", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "polyline", "polygon"):
            assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


HELD = alert(
    underlying="NVDA", contract=NVDA_130, expiry=date(2025, 9, 19), strike=130.0, right="P", premium=850.0,
    once_in_sessions=0.25, evidence={"volume": 700, "volume_expected": 5.0},
)  # fmt: skip


def contracts() -> pl.DataFrame:
    """Calls of GOOG's expiry: 96 expected of each, 48,210 traded at 235 and 10 elsewhere."""
    strikes = [225.0, 230.0, 235.0, 240.0]
    return pl.DataFrame(
        {
            "underlying": "GOOG",
            "contract": [f"GOOG250912C00{int(strike)}000" for strike in strikes],
            "expiry": date(2025, 9, 12),
            "strike": strikes,
            "right": "C",
            "volume": [10, 10, 48210, 10],
            "volume_expected": 96.0,
            "open_interest": [50, 100, 200, None],
            "otm": True,
            "moneyness_sd": [-0.4, -0.1, 0.2, 0.5],
            "iv": [0.29, 0.28, 0.33, 0.27],
            "iv_excess": [None, None, 0.055, None],
        }
    )


PAST = pl.DataFrame(
    {
        "contract": GOOG_235,
        "session_date": [date(2025, 9, 2), date(2025, 9, 3)],
        "volume": [120.0, 24105.0],
        "open_interest": [100.0, None],
    }
)


def result(*alerts, **changes) -> ScanResult:
    values = {
        "scan": scan(),
        "alerts": alerts,
        "not_judged": (NotJudged("iv-rank", "KO", ("building history: 3 of 126 sessions",), 5),),
        "underlyings": pl.DataFrame(
            {"underlying": ["GOOG"], "spot": [232.3], "iv30": [0.31], "put_call_volume": [0.41]}
        ),
        "errors": (ScanProblem("XYZ", "source", "rate_limited", "too many requests"),),
        "held_back": {"alert budget": 3},
        "held_back_items": (HeldBack(HELD, "NVDA", "alert budget"),),
        "notes": ("calibration drifts: stated as rare as 0.01 came 3.1 times as often",),
    }
    return ScanResult(**(values | changes))


def page_of(*alerts, **changes) -> str:
    level = Level("cboe", MAIN, 1e-2, 0.031, 9000, 20, date(2025, 8, 5), date(2025, 9, 3), 3.1, drifts=True)
    score = RuleScore("call-buildup", 8, 3, 2, 1, 2, 0.6, 0.25)
    return render(
        Report(
            "Unusual options activity", [Page(result(*alerts, **changes), Around(contracts(), PAST))], [level], [score]
        )
    )


WEEK = {"spot_change": -0.008, "spot_change_5": 0.09, "iv30": 0.278, "iv30_change": 0.007}
TOLD = {
    "once_in_sessions": 95.0,
    "premium": 31_200_000.0,
    "may_be": ("2 cents each", "expires tomorrow"),
    "context": WEEK,
}


def test_the_page_tells_what_was_flagged_how_rare_it_is_and_what_became_of_earlier_alerts():
    text = re.sub(r"\s+", " ", Reader(page_of(alert(**TOLD))).text)
    for told in (
        "GOOG 235 call, 12 Sep",
        "48,210 traded, usual 900 (54x), $31 M About once in 95 sessions on this list; 1 in 16 million in itself",
        "GOOG -0.8 %, week +9.0 %; volatility hardly lifted (27.8 %, +0.7)",
        "NVDA 130 put, 19 Sep 700 / 5.0 = 140x $850 4 a session alert budget",
        "Gamma per 1 %",
        "Might be nothing: 2 cents each; expires tomorrow",
        "building history: 3 of 126 sessions",
        "XYZ: too many requests",
        "calibration drifts",
        "alert budget 3",
        "3.10 drifts",
        "call-buildup 8 3 2 1 2 60% 25%",
        "$232.30",
        "31.0 %",
    ):
        assert told in text


def test_nothing_a_vendor_or_a_rule_says_becomes_markup():
    named = alert(
        title=HOSTILE, message=HOSTILE, underlying=HOSTILE, contract=None, rule_id=HOSTILE, drivers=(HOSTILE,)
    )
    hostile = page_of(
        named.changed(rule_id=HOSTILE, evidence={HOSTILE: HOSTILE}, source=HOSTILE),
        notes=(HOSTILE,),
        not_judged=(NotJudged(HOSTILE, HOSTILE, (HOSTILE,), 1),),
        held_back={HOSTILE: 1},
        errors=(ScanProblem(HOSTILE, "source", "x", HOSTILE),),
        underlyings=pl.DataFrame({"underlying": [HOSTILE]}),
        scan=scan(source=HOSTILE),
    )
    read = Reader(hostile)
    assert {tag for tag, _ in read.tags} & {"script", "img", "iframe", "link", "object"} == set()
    assert read.text.count("<script>alert(1)</script>") >= 9
    assert "\x1b" not in hostile


def test_nothing_becomes_an_attribute_or_a_part_of_a_chart_either():
    named = alert(alert_id=HOSTILE, drivers=(HOSTILE,), evidence=alert().evidence | {"kind": HOSTILE})
    level = Level(HOSTILE, HOSTILE, 1e-2, 0.031, 9000, 20, date(2025, 8, 5), date(2025, 9, 3), 3.1, drifts=True)
    pages = [Page(result(named), Around(contracts().with_columns(contract=pl.lit(HOSTILE)), PAST))]
    read = Reader(render(Report(HOSTILE, pages, [level], [RuleScore(HOSTILE, 8, 3, 2, 1, 2, 0.6, 0.25)])))
    assert "svg" in {tag for tag, _ in read.tags}
    assert {tag for tag, _ in read.tags} & {"script", "img", "iframe", "link", "object"} == set()
    known = {
        "id",
        "class",
        "title",
        "style",
        "role",
        "viewbox",
        "aria-label",
        "lang",
        "charset",
        "name",
        "content",
        "scope",
        "tabindex",
        "href",
        "points",
        "cx",
        "cy",
        "r",
    }
    assert {name for _, attributes in read.tags for name in attributes} <= known | {
        "http-equiv", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "text-anchor",
    }  # fmt: skip


def test_nothing_is_loaded_from_elsewhere_and_the_browser_is_told_so():
    page = page_of(alert())
    read = Reader(page)
    assert not any({"src", "srcset", "data", "action"} & set(attributes) for _, attributes in read.tags)
    assert all((attributes.get("href") or "#").startswith("#") for _, attributes in read.tags)
    assert "url(" not in page
    assert "@import" not in page
    policies = [attributes for tag, attributes in read.tags if "http-equiv" in attributes]
    assert policies[0]["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_simulated_is_said_at_the_head_in_the_title_and_at_the_foot_and_never_of_a_real_market():
    assert "SIMULATED" not in page_of(alert())
    simulated = page_of(alert(simulated=True), scan=scan(simulated=True))
    assert re.search(r"<title>.*SIMULATED</title>", simulated)
    assert simulated.count("SIMULATED") >= 4


def bars(page: str) -> list[tuple[str | None, float]]:
    rectangles = [attributes for tag, attributes in Reader(page).tags if tag == "rect"]
    return [(item["class"], float(item["height"] or 0)) for item in rectangles]


def test_the_chart_marks_the_flagged_strike_and_is_to_scale():
    drawn = bars(str(charts.by_strike(alert(), contracts()).svg))
    # Strike by strike: what traded above the axis, what is open below it, where that is known.
    assert [kind for kind, _ in drawn] == ["bar", "open", "bar", "open", "bar flagged", "open", "bar"]
    # The 172 units of height are shared as 1 above to 0.6 below; 10 of 48,210 are less than half a unit.
    assert drawn[4][1] == pytest.approx(172 / 1.6, abs=0.06)
    assert drawn[0][1] < 0.5
    assert drawn[5][1] == pytest.approx(172 / 1.6 * 0.6, abs=0.06)
    assert drawn[1][1] == pytest.approx(drawn[5][1] * 50 / 200, abs=0.06)


def test_a_chart_by_session_ends_with_today_beside_what_was_to_be_expected_and_its_table_says_the_same():
    figure = charts.by_session(alert(), Around(contracts(), PAST))
    heights = bars(str(figure.svg))
    assert [kind for kind, _ in heights] == ["bar", "open", "bar", "bar flagged", "open"]
    assert heights[2][1] == pytest.approx(heights[3][1] / 2, abs=0.1)
    assert figure.rows == [
        ["4 Sep", "48,210 (usual 96)", "200"], ["3 Sep", "24,105", "-"], ["2 Sep", "120", "100"],
    ]  # fmt: skip


def test_the_smile_marks_the_flagged_contract_and_leaves_it_out_of_the_line():
    figure = charts.smile(alert(), contracts())
    marks = [attributes["class"] for tag, attributes in Reader(str(figure.svg)).tags if tag == "circle"]
    assert marks == ["smile dot", "smile dot", "smile dot", "flagged dot"]
    assert ("235 (flagged)", "33.0 %", "+5.5 points") in figure.rows
    assert charts.smile(alert(), contracts().with_columns(iv=pl.lit(None, pl.Float64))) is None


def test_no_label_of_the_axis_stands_close_to_that_of_the_flagged_strike():
    """Of 33 strikes every fourth has a label: 220, 230 and so on; those of 230 and 240 would touch 235."""
    strikes = [180 + 2.5 * place for place in range(33)]
    contracts = pl.DataFrame(
        {
            "contract": [alert().contract if strike == 235 else f"K{strike}" for strike in strikes],
            "underlying": "GOOG",
            "expiry": alert().expiry,
            "right": "C",
            "strike": strikes,
            "volume": 10,
            "volume_expected": 9.0,
            "open_interest": 5,
        }
    )
    drawn = str(charts.by_strike(alert(), contracts).svg)
    labels = [float(label) for label in re.findall(r'text-anchor="middle">([\d.]+)<', drawn)]
    assert labels == [180, 190, 200, 210, 220, 235, 250, 260]


def test_labels_of_flagged_strikes_side_by_side_do_not_touch():
    strikes = [180.0 + 2.5 * number for number in range(33)]
    many = pl.concat([contracts().head(1).with_columns(strike=pl.lit(strike)) for strike in strikes])
    volumes = {230.0: 10, 232.5: 20, 235.0: 90, 237.5: 30, 240.0: 15}
    many = many.with_columns(
        volume=pl.col("strike").replace_strict(volumes, default=1, return_dtype=pl.Int64), contract=pl.lit("none")
    )
    told = alert(contract=None, strike=None, evidence={"first_strike": 230.0, "last_strike": 240.0})
    labels = re.findall(r'class="flagged"[^>]*middle">([\d.]+)<', str(charts.by_strike(told, many).svg))
    # Every fourth strike has room for a label: the busiest has it, those beside it have none.
    assert labels == ["235"]


def test_an_alert_without_an_expiry_or_without_its_chain_has_no_chart():
    assert bars(page_of(put_call_alert())) == []
    bare = replace(result(alert()), underlyings=None)
    assert bars(render(Report("Bare", [Page(bare)]))) == []


def test_what_two_rules_say_of_one_contract_stands_on_one_card():
    other = alert(alert_id="0011223344556677", rule_id="spike", title="Volume spike", message="spiked")
    page = page_of(alert(), other)
    assert page.count("<article") == 1
    assert "Volume spike: spiked" in page


def test_a_missing_figure_is_a_dash_and_a_quiet_scan_says_that_quiet_is_not_the_same_as_not_judged():
    text = Reader(page_of(underlyings=pl.DataFrame({"underlying": ["GOOG"], "spot": [None]}))).text
    assert "Nothing was flagged" in text
    assert "nan" not in text.lower().replace("financ", "")
    assert GOOG_235 not in text
