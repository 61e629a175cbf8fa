"""What a person sees: what was flagged, how far off it is, and why; what was not judged; what to do next.

Everything fits 80 columns and uses more where there are more. Text is never read as markup, and text of unknown origin
goes through :func:`scanner.outputs.text.printable`.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from scanner import fields
from scanner.alerts.model import Alert, NotJudged, ScanMeta
from scanner.errors import ScanProblem
from scanner.market.calendar import NEW_YORK
from scanner.outputs import alert_lines, sentence
from scanner.outputs.files import write_text
from scanner.outputs.result import ScanResult
from scanner.outputs.text import printable, printable_lines
from scanner.severity import Severity

_PAGE_WIDTH = 120
_REASONS_SHOWN = 6
_DRIVERS_SHOWN = 5
_NO_VALUE = "no value for "


class _SafeConsole(Console):
    """A console on which text of unknown origin is only shown: whatever is printed, its controls are visible marks."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed; those that are text hold no control but line breaks."""
        for segment in super().render(renderable, options):
            safe = segment.control or segment.text.isprintable()
            yield segment if safe else Segment(printable_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> None:
        """Let the caller know that nobody reads any more, where the library would end the program."""
        raise  # noqa: PLE0704 # the library calls this while it handles the error


def console(*, no_color: bool = False, file: TextIO | None = None, width: int | None = None) -> Console:
    """A console on stdout (or ``file``) that respects NO_COLOR, pipes and dumb terminals.

    Characters that the terminal's encoding lacks are replaced and never raise.
    """
    stream = file if file is not None else sys.stdout
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")
    return _SafeConsole(file=stream, no_color=no_color or None, width=width, highlight=False, markup=False, emoji=False)


@contextmanager
def printing(output: Path | None, *, no_color: bool = False) -> Iterator[Console]:
    """A console on stdout; with ``output`` its lines go into that file, whole, without colours, 120 columns wide."""
    if output is None:
        yield console(no_color=no_color)
        return
    page = io.StringIO()
    yield console(no_color=True, file=page, width=_PAGE_WIDTH)
    write_text(output, page.getvalue())


def print_result(
    result: ScanResult,
    to: Console,
    *,
    min_severity: Severity = Severity.info,
    limit: int | None = None,
    kept: bool = True,
) -> None:
    """Print one scan: its heading, what became of earlier alerts, its alerts, what was held back or not judged, what
    failed, and the next step.

    Where the alerts are not ``kept`` in a store there is no next step to look them up.
    """
    shown = result.at_least(min_severity)[:limit]
    print_banner(result.scan.simulated, to)
    say(_heading(result.scan), to)
    for verdict in result.verdicts:
        if verdict.alert.severity.rank >= min_severity.rank:
            say(sentence.verdict(verdict), to)
    alert_lines.print_alerts(shown, to)
    for line in _summary(result, len(shown), min_severity):
        say(line, to)
    if kept:
        print_next_step(shown, to, held_back=bool(result.held_back))
    print_banner(result.scan.simulated, to)


def say(sentence: Text | str, to: Console) -> None:
    """Print a sentence: broken between words on a terminal, on one line in a pipe or a file, where it is searched."""
    to.print(sentence, soft_wrap=not to.is_terminal)


def print_banner(simulated: bool, to: Console) -> None:
    """Say loudly that nothing of this ever happened, where that is so."""
    if simulated:
        to.print(Text(" SIMULATED MARKET: invented prices and trades, for trying things out ", style="bold reverse"))


def print_next_step(alerts: Sequence[Alert], to: Console, *, held_back: bool = False) -> None:
    """Say how to learn more about the strongest alert, and about what was held back."""
    steps = [f"scanner alerts show {alerts[0].alert_id[: alert_lines.SHORT_ID]}"] if alerts else []
    steps += ["scanner held-back"] if held_back else []
    if steps:
        to.print(Text(f"Next: {'; '.join(steps)}", style="dim"))


def plain_table(*headings: str, whole: Collection[str] = ()) -> Table:
    """A small table of text columns, as wide as it needs to be; what is typed again stays ``whole``, on one line."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading in whole)
    return table


def _heading(scan: ScanMeta) -> Text:
    symbols = f"{scan.symbols_scanned:,} of {counted(scan.symbols_requested, 'symbol')}"
    label = " (SIMULATED)" if scan.simulated else ""
    return Text(
        f"Session {scan.session_date}, as of {new_york(scan.as_of)}, source {printable(scan.source)}{label}: "
        f"{symbols}, {counted(scan.contracts, 'contract')}, {counted(scan.rules, 'rule')}",
        style="bold",
    )


def counted(count: int, noun: str) -> str:
    """A count with its noun: ``1 rule``, ``9,934 contracts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def new_york(instant: datetime) -> str:
    """An instant as New York's clock shows it: ``2025-09-05 16:00 EDT``."""
    return instant.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M %Z")


def rests_on(alert: Alert) -> str:
    """What the measure rests on, so that nobody trusts it further than it reaches."""
    baseline, label = alert.baseline, "; SIMULATED" if alert.simulated else ""
    if alert.score is None and alert.evidence.get("uncalibrated"):
        return f"fixed threshold, not calibrated{label}"
    if baseline.kind == "prior":
        return f"baseline: prior (built in; own history is too short){label}"
    behind = "" if baseline.sessions is None else f", {baseline.sessions} sessions"
    return f"baseline: {baseline.kind or 'not known'}{behind}{label}"


def _summary(result: ScanResult, shown: int, min_severity: Severity) -> Iterator[Text]:
    hidden = len(result.alerts) - shown
    if result.alerts:
        yield Text(f"Alerts: {_by_severity(result.alerts)}.", style="bold")
    else:
        yield Text("No alerts." if result.scan.symbols_scanned else "Nothing could be scanned.", style="bold")
    if hidden:
        yield Text(f"Not shown: {counted(hidden, 'more alert')} (--min-severity {min_severity.value}, --limit).")
    if result.held_back:
        yield Text(held_back_sentence(result.held_back))
    yield from _not_judged(result.not_judged)
    yield from (_problem(problem) for problem in result.errors)
    yield from _notes(result)


def reservations(result: ScanResult) -> Iterator[Text]:
    """What limits a scan's word, in sentences: what was not judged and why, and what is noted."""
    yield from _not_judged(result.not_judged)
    yield from _notes(result)


def _notes(result: ScanResult) -> Iterator[Text]:
    return (Text(printable(note)) for note in result.notes)


def _by_severity(alerts: Sequence[Alert]) -> str:
    """How many of each severity, the highest first: ``2 high, 4 info``."""
    counts = Counter(alert.severity for alert in alerts)
    return ", ".join(f"{counts[severity]} {severity.value}" for severity in reversed(Severity) if counts[severity])


def held_back_sentence(counts: Mapping[str, int]) -> str:
    """How many findings did not become alerts, and why."""
    parts = ", ".join(f"{count:,} {printable(reason)}" for reason, count in sorted(counts.items()))
    return f"Held back: {counted(sum(counts.values()), 'finding')} ({parts})."


def reasons(item: NotJudged) -> str:
    """Why something was not judged, in one line: ``building history: 3 of 10 sessions; no value for volatility``."""
    missing = [_titled(reason.removeprefix(_NO_VALUE)) for reason in item.reasons if reason.startswith(_NO_VALUE)]
    others = [reason for reason in item.reasons if not reason.startswith(_NO_VALUE)]
    return "; ".join([*others, *([_NO_VALUE + ", ".join(missing)] if missing else [])])


def _titled(name: str) -> str:
    """What a person calls a field that is missing, whichever scope it is of."""
    scope, _, own = name.rpartition(".")
    known = (fields.of(place).get(own) for place in ([scope] if scope in fields.SCOPES else fields.SCOPES))
    return next((field.title for field in known if field is not None), name)


def _not_judged(items: Sequence[NotJudged]) -> Iterator[Text]:
    """What could not be judged, by reason; that is never the same as quiet."""
    by_reason: dict[str, list[NotJudged]] = {}
    for item in items:
        by_reason.setdefault(reasons(item), []).append(item)
    groups = sorted(by_reason.items(), key=lambda group: -sum(item.count for item in group[1]))
    for reason, group in groups[:_REASONS_SHOWN]:
        names = sorted({item.underlying or "market" for item in group})
        listed = ", ".join(names[:_DRIVERS_SHOWN]) + (
            f" and {len(names) - _DRIVERS_SHOWN} more" if len(names) > 5 else ""
        )
        rules = len({item.rule_id for item in group})
        line = Text("Not judged: ", style="yellow")
        line.append(
            f"{printable(listed)}: {printable(reason)} "
            f"({counted(rules, 'rule')}, {counted(sum(item.count for item in group), 'row')})",
            style="default",
        )
        yield line
    if len(groups) > _REASONS_SHOWN:
        more = counted(len(groups) - _REASONS_SHOWN, "more reason")
        yield Text(f"Not judged for {more}: see --format json.", style="yellow")


def _problem(problem: ScanProblem) -> Text:
    line = Text("Left out: " if problem.symbol else "Failed: ", style="red")
    place = f"{problem.symbol} ({problem.stage}, {problem.code})" if problem.symbol else problem.stage
    # Messages name what they are about, for those who read them alone.
    message = problem.message.removeprefix(f"{problem.symbol}: ")
    return line.append(printable(f"{place}: {message}"), style="default")
