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


def test_an_alert_says_what_how_far_off_and_why():
    text = shown(result(), 120)
    for part in (
        "HIGH",
        "★★★★★",
        "93/100",
        "GOOG 235 call 2025-09-12",
        "new, 8 days left",
        "48,210 traded",
        "usual 900 (54x)",
        "1 in 16 million",
        "Sudden call build-up at one strike",
        "baseline: own, 20 sessions",
    ):
        assert part in text


def test_a_wider_alert_shows_its_own_evidence_and_who_did_it():
    text = words(shown(result(alerts=(put_call_alert(),)), 120))
    assert "put call volume 0.70" in text
    assert "put call volume prev 0.58" in text
    assert "driven by NVDA 130 put 2025-09-19" in text


def test_drivers_that_the_message_names_are_not_repeated():
    told = put_call_alert(message="NVDA 0.70 after 0.58: NVDA250919P00130000 and NVDA250919P00135000")
    assert "driven by" not in shown(result(alerts=(told,)), 120)


def test_what_several_rules_say_of_one_contract_stands_together():
    other = alert(alert_id="aaaabbbbccccdddd", rule_id="spike", severity=Severity.notice, title="Volume spike")
    text = shown(result(alerts=(alert(), other)), 120)
    assert text.count("48,210 traded") == 1 + 1
    assert "also notice: Volume spike (aaaabbbb)" in words(text)
    assert "Alerts: 1 high, 1 notice." in text


def test_the_odds_of_a_contract_are_those_of_its_windows_together():
    """A combined surprise of 5 is a chance of 1 in 100,000; volume alone was rarer."""
    evidence = alert().evidence | {"combined_surprise": 5.0}
    text = shown(result(alerts=(alert(evidence=evidence),)), 120)
    assert "1 in 100,000" in text
    assert "1 in 16 million" not in text


def test_an_adjusted_root_is_named_and_not_its_underlying():
    assert "GOOG1 235 call 2025-09-12" in shown(result(alerts=(alert(contract="GOOG1250912C00235000"),)), 120)


def test_a_rule_about_volatility_does_not_speak_of_volume():
    evidence = {"iv_change": 0.061, "iv": 0.412, "dte": 8, "volume": 900, "volume_expected": 850.0}
    text = shown(result(alerts=(alert(evidence=evidence | {"premium": 1.0, "delta": 0.5}),)), 120)
    assert "iv change 6.1%" in text


def test_what_was_held_back_not_judged_or_left_out_is_said_with_its_reason():
    text = words(shown(result()))
    assert "Held back: 12 findings (3 alert budget, 9 false-discovery rate)." in text
    assert "Not judged: GOOG: building history: 3 of 10 sessions (1 rule, 2,610 rows)" in text
    assert "Left out: XYZ (source, rate_limited): HTTP 429; try again in a minute" in text


def test_missing_fields_are_told_in_one_list_after_other_reasons():
    reasons = ("no value for iv_bid", "building history: 3 of 10 sessions", "no value for iv_ask")
    text = words(shown(result(not_judged=(NotJudged("rule", "GOOG", reasons, 4),)), 120))
    assert "GOOG: building history: 3 of 10 sessions; no value for iv_bid, iv_ask (1 rule, 4 rows)" in text


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
    assert "Put/call volume jump" not in text
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
        ({"baseline": Baseline("prior", 0)}, "baseline: prior (built in; own history"),
        ({"score": None, "stars": None, "evidence": {"uncalibrated": True}}, "fixed threshold, not calibrated"),
        (
            {"may_be": ("may be a leg of a spread", "expires tomorrow")},
            "might be nothing: may be a leg of a spread; exp",
        ),
        ({"once_in_sessions": 95.2}, "about once in 95 sessions"),
        ({"discovery": True}, "stands out among all"),
        ({"premium": 31_200_000.0}, "$31 M"),
        ({"confirmation": Confirmation.faded}, "faded by open interest"),
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
    print_result(result(alerts=(alert(message="naïve ★"),)), console(file=page, width=100))
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
    assert numbers.chance(surprise) == odds


@pytest.mark.parametrize(
    ("scope", "name", "value", "text"),
    [
        ("contract", "iv", 0.4213, "42.1%"),
        ("contract", "strike_volume_share", 0.163, "16.3%"),
        ("contract", "premium", 12052500.0, "$12,052,500"),
        ("contract", "bid", 2.45, "$2.45"),
        ("contract", "volume", 48210, "48,210"),
        ("contract", "volume_oi", 15.454, "15.5"),
        ("contract", "underlying.iv30", 0.31, "31.0%"),
        ("contract", "nowhere.known", 1.5, "1.50"),
        ("contract", "new_strike", True, "yes"),
        ("contract", "bid", None, "-"),
        ("underlying", "put_call_surprise", 3.0, "1 in 1,000"),
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
@pytest.mark.parametrize("columns", [80, 120])
def test_a_real_terminal_shows_a_whole_table_and_obeys_no_hostile_text(columns, tmp_path):
    text, coloured = in_terminal(columns, tmp_path)
    lines = text.splitlines()
    assert lines[0].startswith(" SIMULATED MARKET")
    heading = next(line for line in lines if line.startswith(" Severity"))
    assert heading.split() == ["Severity", "What", "How", "far", "off", "Why"]
    assert any(line.startswith(" HIGH") and "48,210 traded" in line for line in lines)
    assert max(len(line) for line in lines) <= columns
    assert "\x1b[1m\x1b[31m" in coloured or "\x1b[1;31m" in coloured


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
