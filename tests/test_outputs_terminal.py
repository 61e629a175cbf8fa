"""What a person sees: in a real terminal of 80 and 120 columns, in a pipe, and without colours."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from alert_samples import NVDA_130, alert, at, put_call_alert, scan
from rich.console import Console

from scanner import wording
from scanner.alerts.model import Baseline, Confirmation, NotJudged, Status
from scanner.errors import ScanProblem, StoreError
from scanner.outputs import numbers
from scanner.outputs.result import ScanResult
from scanner.outputs.terminal import console, plain_table, print_result, printing
from scanner.severity import Severity

HOSTILE = "\x1b[2J\x1b]0;owned\x07 [red]not markup[/red] \x9b31m"


def result(**changes) -> ScanResult:
    values = {
        "scan": scan(symbols_requested=3, symbols_scanned=2, contracts=9934, rules=14),
        "alerts": (alert(), put_call_alert()),
        "not_judged": (NotJudged("call-buildup", "GOOG", ("building history: 3 of 10 sessions",), 2610),),
        "errors": (ScanProblem("XYZ", "source", "rate_limited", "HTTP 429; try again in a minute"),),
        "held_back": {"alert budget": 3, "false-discovery rate": 9},
    }
    return ScanResult(**(values | changes))


def shown(told: ScanResult, width: int = 100, **options) -> str:
    page = io.StringIO()
    print_result(told, console(file=page, width=width), **options)
    return page.getvalue()


def words(text: str) -> str:
    return " ".join(text.split())


def test_an_alert_is_a_line_each_of_what_how_rare_what_beside_it_and_why_it_might_be_nothing():
    told = alert(
        once_in_sessions=95.2,
        premium=12_052_500.0,
        premium_surprise=1.28,
        may_be=("may be a leg of a spread", "expires tomorrow"),
        context={"spot_change": -0.008, "spot_change_5": -0.005, "iv30": 0.278, "iv30_change": 0.007},
    )
    lines = [line.rstrip() for line in shown(result(alerts=(told,)), 80).splitlines()]
    start = next(number for number, line in enumerate(lines) if line.startswith("HIGH"))
    assert lines[start : start + 4] == [
        "HIGH ★★★★★ GOOG 235 call, 12 Sep: 48,210 traded, usual 900 (54x), $12 M",
        "  About once in 95 sessions on this list; money in GOOG: once in 19  01234567",
        "  GOOG -0.8 %, week -0.5 %; volatility hardly lifted (27.8 %, +0.7)",
        "  Might be nothing: may be a leg of a spread; expires tomorrow",
    ]


def test_a_wide_screen_has_a_line_for_each_alert():
    told = (
        alert(once_in_sessions=95.2, premium=12_052_500.0, context={"spot_change": -0.008}),
        put_call_alert(context={"spot_change": 0.01}),
    )
    lines = shown(result(alerts=told), 140).splitlines()
    (goog,) = [line for line in lines if line.startswith("HIGH")]
    (nvda,) = [line for line in lines if line.startswith("NOTICE")]
    assert "GOOG 235 call, 12 Sep" in goog
    assert re.search(r"48,210 / 900 = 54x +\$12 M +once in 95 sessions +day -0.8 % +01234567$", goog)
    assert "once in 95 sessions" in goog
    assert "put/call 0.70 (0.58)" in nvda
    assert max(len(goog), len(nvda)) <= 140


def test_a_story_of_several_contracts_is_told_as_a_whole_and_by_its_window():
    story = {
        "contracts": 9, "roots": ["MU"], "rights": "P", "strikes": [105.0, 125.0],
        "expiries": ["2025-08-14", "2025-08-14"], "sessions": 5, "traded": 36_269, "usual": 43.0,
    }  # fmt: skip
    text = shown(result(alerts=(alert(context={"story": story}, premium=36_000.0),)), 100)
    assert "MU 105-125 puts, 14 Aug: 36,269 traded in 5 sessions, usual 43 (843x), $36 k" in text


def test_a_wider_alert_says_what_its_rule_saw():
    text = words(shown(result(alerts=(put_call_alert(),)), 120))
    assert "NVDA: put/call volume jump, put/call 0.70 (0.58)" in text
    assert "put_call" not in text
    changed = put_call_alert(
        evidence={"put_call_volume_change": 0.12}, context={"put_call_volume": 0.70, "put_call_volume_prev": 0.58}
    )
    assert "NVDA: put/call volume jump, put/call 0.70 (0.58)" in words(shown(result(alerts=(changed,)), 120))


def test_what_several_rules_say_of_one_contract_stands_together():
    other = alert(alert_id="aaaabbbbccccdddd", rule_id="spike", severity=Severity.notice, title="Volume spike")
    text = shown(result(alerts=(alert(), other)), 120)
    assert text.count("48,210 traded") == 1
    assert "also notice: Volume spike aaaabbbb" in words(text)
    assert "Alerts: 1 high, 1 notice." in text


def test_an_adjusted_root_is_named_and_not_its_underlying():
    assert "GOOG1 235 call, 12 Sep" in shown(result(alerts=(alert(contract="GOOG1250912C00235000"),)), 120)


def test_a_rule_about_volatility_does_not_speak_of_volume():
    evidence = {"iv30_change": 0.061, "iv30": 0.412, "volume": 900}
    text = shown(result(alerts=(put_call_alert(evidence=evidence, title="Volatility lifts"),)), 120)
    assert "NVDA: volatility lifts, change of volatility +6.1 points, volatility, 30 days 41.2 %" in text


def test_what_was_held_back_not_judged_or_left_out_is_said_with_its_reason():
    text = words(shown(result()))
    assert "Held back: 12 findings (3 alert budget, 9 false-discovery rate)." in text
    assert "Not judged: GOOG: building history: 3 of 10 sessions (1 rule, 2,610 rows)" in text
    assert "Left out: XYZ (source, rate_limited): HTTP 429; try again in a minute" in text


def test_missing_fields_are_told_in_one_list_after_other_reasons():
    reasons = ("no value for iv_bid", "building history: 3 of 10 sessions", "no value for iv_ask")
    text = words(shown(result(not_judged=(NotJudged("rule", "GOOG", reasons, 4),)), 120))
    told = "no value for volatility of the bid, volatility of the ask (1 rule, 4 rows)"
    assert f"GOOG: building history: 3 of 10 sessions; {told}" in text


def test_what_failed_of_the_scan_itself_is_said():
    text = shown(result(errors=(ScanProblem("", "store", "not_stored", "the disk is full"),)))
    assert "Failed: store: the disk is full" in text


def test_many_reasons_not_to_judge_are_cut_short_and_counted():
    many = tuple(NotJudged("rule", "GOOG", (f"reason {number}",), 1) for number in range(10))
    text = shown(result(not_judged=many))
    assert text.count("Not judged: ") == 6
    assert "Not judged for 4 more reasons" in text


def test_no_alerts_is_not_the_same_as_nothing_scanned():
    assert "No alerts." in shown(result(alerts=()))
    assert "Nothing could be scanned." in shown(result(alerts=(), scan=scan(symbols_scanned=0)))


def test_milder_alerts_are_counted_when_they_are_not_shown():
    text = shown(result(), min_severity=Severity.high)
    assert "put/call volume jump" not in text
    assert "Not shown: 1 more alert" in text


def test_a_simulated_market_is_named_above_below_and_beside_each_alert():
    simulated = tuple(item.changed(simulated=True) for item in result().alerts)
    text = shown(result(scan=scan(simulated=True), alerts=simulated))
    lines = [line for line in text.splitlines() if line.strip()]
    assert "SIMULATED" in lines[0]
    assert "SIMULATED" in lines[-1]
    assert text.count("SIMULATED") == 2 + 1 + len(simulated)
    assert "SIMULATED" not in shown(result())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"baseline": Baseline("prior", 0)}, "Built-in baseline: its own history is too short for a rank"),
        ({"score": None, "stars": None, "evidence": {"uncalibrated": True}}, "A fixed threshold, not calibrated"),
        ({"once_in_sessions": 300.0}, "Rarer than once in a year on this list"),
        ({"discovery": True, "once_in_sessions": 95.2}, "stands out among all contracts"),
        ({"once_in_sessions": 300.0, "premium_surprise": 0.2}, "but the money is nothing rare"),
        ({"premium": 31_200_000.0}, "$31 M"),
        ({"confirmation": Confirmation.faded}, "not opened, by open interest"),
        ({"status": Status.escalated}, "escalated"),
    ],
)
def test_what_weakens_or_changes_an_alert_is_said(changes, said):
    assert said in words(shown(result(alerts=(alert(**changes),)), 120))


def test_an_alert_that_closes_is_listed_but_does_not_count_as_raised():
    told = result(alerts=(alert(status=Status.closed), put_call_alert()))
    assert len(told.at_least(Severity.high)) == 1
    assert not told.raised(Severity.high)
    assert told.raised(Severity.notice)


def test_the_next_step_names_the_strongest_alert():
    assert "Next: scanner alerts show 01234567" in shown(result())


def test_there_is_no_next_step_to_alerts_that_nobody_keeps():
    assert "scanner alerts show" not in shown(result(), kept=False)


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width):
    told = result(alerts=(alert(message="x" * 300), put_call_alert(drivers=(NVDA_130,) * 9)))
    page = io.StringIO()
    print_result(told, Console(file=page, width=width, force_terminal=True, color_system=None))
    assert max(len(line) for line in page.getvalue().splitlines()) <= width


def test_in_a_pipe_or_a_file_every_sentence_stands_on_one_line():
    told = result(alerts=(), errors=(ScanProblem("GOOG", "source", "refused", "GOOG: " + "no answer, " * 20 + "end"),))
    line = next(line for line in shown(told, 80).splitlines() if line.startswith("Left out: "))
    assert line == "Left out: GOOG (source, refused): " + "no answer, " * 20 + "end"


def test_hostile_text_neither_acts_on_the_terminal_nor_is_read_as_markup():
    told = result(
        alerts=(alert(title=HOSTILE, message=HOSTILE, underlying=HOSTILE, drivers=(HOSTILE,)),),
        errors=(ScanProblem(HOSTILE, HOSTILE, HOSTILE, HOSTILE),),
        not_judged=(NotJudged("rule", HOSTILE, (HOSTILE,), 1),),
        held_back={HOSTILE: 1},
        notes=(HOSTILE,),
    )
    text = shown(told)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert "[red]not" in words(text)


def test_plain_strings_are_shown_and_not_obeyed_in_sentences_and_in_tables():
    page = io.StringIO()
    to = console(file=page, width=100)
    table = plain_table(HOSTILE)
    table.add_row(HOSTILE)
    to.print(f"first\n{HOSTILE}")
    to.print(table)
    assert "\x1b" not in page.getvalue()
    assert "\x9b" not in page.getvalue()
    assert "\x07" not in page.getvalue()
    assert page.getvalue().startswith("first\n\N{REPLACEMENT CHARACTER}[2J")
    assert page.getvalue().count("[red]not markup[/red]") == 3


def test_a_pipe_gets_no_escape_codes():
    assert "\x1b" not in shown(result())


def test_an_ascii_only_stream_gets_plain_characters():
    raw = io.BytesIO()
    page = io.TextIOWrapper(raw, encoding="ascii")
    print_result(result(alerts=(put_call_alert(title="naïve ★", stars=5),)), console(file=page, width=100))
    page.flush()
    text = raw.getvalue().decode("ascii")
    assert "*****" in text
    assert "na?ve ?" in text


def test_a_file_gets_the_whole_page_without_colours(tmp_path):
    path = tmp_path / "alerts.txt"
    with printing(path) as page:
        print_result(result(), page)
    assert "48,210 traded" in path.read_text("utf-8")
    assert "\x1b" not in path.read_text("utf-8")


def test_a_file_that_cannot_be_written_is_a_clear_error(tmp_path):
    with pytest.raises(StoreError, match="cannot write"), printing(tmp_path):
        pass


@pytest.mark.parametrize(
    ("surprise", "odds"),
    [
        (0.1, "nothing rare"),
        (2.0, "1 in 100"),
        (4.2, "1 in 16,000"),
        (7.2, "1 in 16 million"),
        (8.5, "1 in 316 million"),
        (9.3, "1 in 2 billion"),
        (20.0, "rarer than 1 in a quadrillion"),
    ],
)
def test_a_surprise_reads_as_odds(surprise, odds):
    assert wording.chance(surprise) == odds


@pytest.mark.parametrize(
    ("scope", "name", "value", "text"),
    [
        ("contract", "iv", 0.4213, "42.1 %"),
        ("contract", "strike_volume_share", 0.163, "16.3 %"),
        ("contract", "premium", 12052500.0, "$12 M"),
        ("contract", "bid", 2.45, "$2.45"),
        ("contract", "volume", 48210, "48,210"),
        ("contract", "volume_oi", 15.454, "15.5"),
        ("contract", "underlying.iv30", 0.31, "31.0 %"),
        ("contract", "nowhere.known", 1.5, "1.50"),
        ("contract", "new_strike", True, "yes"),
        ("contract", "bid", None, "-"),
        ("underlying", "put_call_surprise", 3.0, "1 in 1,000"),
        ("underlying", "iv30_change", 0.0071, "+0.7 points"),
        ("underlying", "spot_change", -0.0004, "0.0 %"),
        ("contract", "delta", -0.475, "-0.47"),
    ],
)
def test_values_are_written_in_their_unit(scope, name, value, text):
    assert numbers.with_unit(scope, name, value) == text


PROGRAM = """
import sys
sys.path[:0] = [{root!r}, {tests!r}]
from test_outputs_terminal import HOSTILE, result
from alert_samples import alert, put_call_alert, scan
from scanner.outputs.terminal import console, print_result
told = (alert(simulated=True, message=HOSTILE), put_call_alert(simulated=True))
print_result(result(scan=scan(simulated=True), alerts=told), console(no_color={no_color}))
"""


def in_terminal(columns: int, folder: Path, *, no_color: bool = False, environment: str = "") -> tuple[str, str]:
    """What a real terminal of that width shows after the program has run: its text, and the same with its colours."""
    tmux = shutil.which("tmux")
    if tmux is None:
        pytest.skip("tmux is not installed, and what a person sees needs a real terminal")
    tests = Path(__file__).parent
    program = folder / "show.py"
    program.write_text(PROGRAM.format(root=str(tests.parent), tests=str(tests), no_color=no_color))
    name = uuid.uuid4().hex
    base = [tmux, "-L", name, "-f", "/dev/null"]
    clean = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TMUX", "COLUMNS")}
    run = f"clear; {environment} {sys.executable} {program}; tmux -L {name} wait-for -S shown; exec cat"
    start = [*base, "new-session", "-d", "-x", str(columns), "-y", "60", "sh", "-c", run]
    try:
        subprocess.run(start, check=True, env=clean, timeout=30)
        subprocess.run([*base, "wait-for", "shown"], check=True, env=clean, timeout=60)
        pane = [*base, "capture-pane", "-p"]
        plain, coloured = (
            subprocess.run(command, check=True, env=clean, capture_output=True, text=True, timeout=30).stdout
            for command in (pane, [*pane, "-e"])
        )
    finally:
        subprocess.run([*base, "kill-server"], check=False, env=clean, timeout=30)
    return plain, coloured


@pytest.mark.terminal
@pytest.mark.parametrize("columns", [80, 140])
def test_a_real_terminal_shows_whole_alerts_and_obeys_no_hostile_text(columns, tmp_path):
    text, coloured = in_terminal(columns, tmp_path)
    lines = text.splitlines()
    assert lines[0].startswith(" SIMULATED MARKET")
    assert any(re.match(r"SIMULATED HIGH ★★★★★ +GOOG 235 call, 12 Sep:? +48,210", line) for line in lines)
    assert max(len(line) for line in lines) <= columns
    assert re.search(r"31m[^A-Z]*HIGH", coloured)


@pytest.mark.terminal
@pytest.mark.parametrize(
    ("no_color", "environment"), [(True, ""), (False, "NO_COLOR=1"), (False, "TERM=dumb")], ids=["flag", "env", "dumb"]
)
def test_colours_can_be_switched_off(no_color, environment, tmp_path):
    text, coloured = in_terminal(100, tmp_path, no_color=no_color, environment=environment)
    assert "48,210 traded" in text
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]", coloured)


def test_times_are_shown_as_new_yorks_clock_has_them():
    assert "as of 2025-09-04 16:00 EDT" in shown(result(scan=scan(at(scan().session_date, 20))), 120)
