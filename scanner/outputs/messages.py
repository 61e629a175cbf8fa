"""Messages for a phone: one line that stands alone, then a few facts, then the command to see more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scanner import wording
from scanner.alerts.model import Alert
from scanner.outputs import sentence
from scanner.outputs.text import printable

_LISTED = 12
_SHORT_ID = 8
_VERDICTS = {
    "confirmed": "OPENED{} by the morning's open interest",
    "faded": "NOT opened{} by the morning's open interest",
    "gone": "GONE, less than a quarter is still open",
}


@dataclass(frozen=True, slots=True)
class Text:
    """What is sent: a title that says it all, and more below it."""

    title: str
    body: str


def one(event: str, alert: Alert, *, late: bool = False, again: bool = False) -> Text:
    """The message of one alert. ``late`` and ``again`` are said: it could not be sent then; it may have come before."""
    title = f"{_label(alert)}{_verdict(event, alert)}{_headline(alert)}{_remarks(late, again)}"
    said = sentence.of(alert)
    facts = ["; ".join(said.beside) or alert.title]
    facts.append(f"might be nothing: {'; '.join(said.doubts)}" if said.doubts else alert.message)
    if event not in _VERDICTS:
        facts.append("open interest tells the next morning")
    more = f"scanner alerts show {alert.alert_id[:_SHORT_ID]}"
    return Text(printable(title), "\n".join([*(f"- {printable(fact)}" for fact in facts), f"- {more}"]))


def several(
    events: Sequence[tuple[str, Alert]], *, storm: bool = False, late: bool = False, again: bool = False
) -> Text:
    """Alerts gathered into one message, the strongest first; ``storm`` says that there were too many to send singly."""
    ranked = sorted(events, key=lambda item: item[1].strength, reverse=True)
    simulated = "SIMULATED " if any(alert.simulated for _, alert in ranked) else ""
    count = f"{len(ranked)} {'alert' if len(ranked) == 1 else 'alerts'}"
    names = dict.fromkeys(alert.underlying or "market" for _, alert in ranked)
    why = " held back by the storm limit" if storm else ""
    title = f"{simulated}{count}{why}: {', '.join(list(names)[:_LISTED])}{_remarks(late, again)}"
    lines = [
        f"- {alert.severity.value.upper()} {_verdict(event, alert)}{_headline(alert)} ({alert.alert_id[:_SHORT_ID]})"
        for event, alert in ranked[:_LISTED]
    ]
    if len(ranked) > _LISTED:
        lines.append(f"- and {len(ranked) - _LISTED} more: scanner alerts")
    return Text(printable(title), "\n".join(printable(line) for line in lines))


def _headline(alert: Alert) -> str:
    """``MU 980 calls+puts, 16 Oct: 11,128, 110x, $115 M. About once in 95 sessions``."""
    said = sentence.of(alert)
    what = f"{said.about}: {', '.join(said.short)}" if said.short else said.about
    return f"{what}. {said.rarity[0]}" if said.rarity else what


def _label(alert: Alert) -> str:
    return ("SIMULATED " if alert.simulated else "") + f"{alert.severity.value.upper()} "


def _verdict(event: str, alert: Alert) -> str:
    """What happened, where that is not simply an alert that is new: ``OPENED 4,668 of 5,399 (86 %)``."""
    if event in _VERDICTS:
        return f"{_VERDICTS[event].format(_share(alert))}: "
    return "STRONGER: " if event == "escalated" else ""


def _share(alert: Alert) -> str:
    """How many lots opened of those that traded, as far as that is known."""
    opened, of = alert.context.get("opened"), alert.context.get("opened_of")
    if opened is None or not of:
        return ""
    return f" {opened:,} of {of:,}" + (f" ({wording.percent(opened / of, digits=0)})" if opened > 0 else "")


def _remarks(late: bool, again: bool) -> str:
    return (" (sent late)" if late else "") + (" (may have come before)" if again else "")
