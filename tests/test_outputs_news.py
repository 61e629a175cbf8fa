"""What somebody who watches all day is told of one scan after the other."""

from __future__ import annotations

import io

from alert_samples import alert, at, put_call_alert, scan
from rich.console import Console

from scanner.alerts.model import NotJudged, Status
from scanner.errors import ScanProblem
from scanner.outputs.news import News
from scanner.outputs.result import ScanResult
from scanner.severity import Severity

# 19:45 UTC is 15:45 in New York in September.
LATE = scan(as_of=at(scan().session_date, 19, 45), symbols_requested=3, symbols_scanned=3, contracts=20_802)


def told(news: News, *alerts, min_severity=Severity.info, limit=None, meta=LATE, **values) -> str:
    page = io.StringIO()
    to = Console(file=page, width=140, markup=False, highlight=False, emoji=False)
    news.print(ScanResult(meta, alerts, **values), to, min_severity=min_severity, limit=limit)
    return page.getvalue()


def test_a_scan_in_which_nothing_happened_is_one_line_with_its_time():
    ongoing = [alert(alert_id=f"{number}" * 16, status=Status.ongoing) for number in range(3)]
    assert told(News(), *ongoing) == "15:45  quiet: 3 names, 20,802 contracts, nothing new, 3 ongoing\n"


def test_what_an_earlier_scan_of_the_same_moment_told_is_no_news():
    """A market at rest, or a recorded chain, looked at again and again."""
    again = alert(status=Status.new)
    page = told(News(), again, put_call_alert(), repeated=frozenset({again.alert_id}))
    assert "15:45  1 new, 1 ongoing:" in page
    assert "GOOG 235 call" not in page
    page = told(News(), again, repeated=frozenset({again.alert_id}), held_back={"alert budget": 4})
    assert page == "15:45  quiet: 3 names, 20,802 contracts, nothing new, 1 ongoing\n"


def test_new_grown_and_ended_alerts_are_told_and_the_rest_is_counted():
    page = told(
        News(),
        alert(status=Status.new),
        put_call_alert(status=Status.escalated),
        alert(alert_id="closed0000000000", strike=240.0, contract="GOOG250912C00240000", status=Status.closed),
        alert(alert_id="ongoing000000000", strike=245.0, contract="GOOG250912C00245000", status=Status.ongoing),
        held_back={"alert budget": 4},
    )
    assert "15:45  1 new, 1 escalated, 1 closed, 1 ongoing, 4 held back: 3 names, 20,802 contracts" in page
    assert "GOOG 235 call" in page
    assert "GOOG 240 call" in page
    assert "GOOG 245 call" not in page


def test_what_is_milder_than_asked_for_or_beyond_the_limit_is_counted_aloud():
    page = told(News(), alert(), put_call_alert(), min_severity=Severity.high)
    assert "15:45  1 new, 1 below high:" in page
    assert "NVDA" not in page
    assert "15:45  2 new, 1 not shown (--limit):" in told(News(), alert(), put_call_alert(), limit=1)


def test_what_was_not_judged_is_said_once_a_session():
    news, short = News(), (NotJudged("call-buildup", "GOOG", ("building history: 3 of 10 sessions",), 2610),)
    first, again = (told(news, not_judged=short, notes=("MU: no dividends known",)) for _ in range(2))
    assert "building history: 3 of 10 sessions" in first
    assert "MU: no dividends known" in first
    assert again == "15:45  quiet: 3 names, 20,802 contracts, nothing new\n"
    tomorrow = scan(as_of=at(LATE.session_date, 19, 45), session=at(LATE.session_date, 1).date().replace(day=5))
    assert "building history" in told(news, not_judged=short, meta=tomorrow)


def test_a_simulated_market_says_so_before_anything_else():
    invented = scan(as_of=LATE.as_of, simulated=True)
    assert told(News(), meta=invented).startswith("SIMULATED 15:45  quiet: 2 names,")


def test_a_scan_without_any_chain_is_never_called_quiet():
    nothing = scan(as_of=LATE.as_of, symbols_requested=3, symbols_scanned=0, contracts=0)
    page = told(News(), meta=nothing, errors=(ScanProblem("A", "source", "unreachable", "A: no network"),))
    assert page == "15:45  nothing could be scanned: 3 names failed\n"
    part = scan(as_of=LATE.as_of, symbols_requested=3, symbols_scanned=2)
    assert "quiet: 2 of 3 names, 2 contracts" in told(News(), meta=part)
