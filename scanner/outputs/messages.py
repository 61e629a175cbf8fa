"""Messages for a phone: one line that stands alone, then a few facts, then the command to see more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from scanner import wording
from scanner.alerts.model import Alert
from scanner.outputs import sentence
from scanner.outputs.text import printable
from scanner.severity import Severity

_LISTED = 12
_SHORT_ID = 8
_VERDICTS = {
    "confirmed": "OPENED{share}{told} by the morning's open interest",
    "faded": "NOT opened{share}{told} by the morning's open interest",
    "gone": "GONE{told}, less than a quarter is still open",
}
_SHORT_VERDICTS = {"confirmed": "OPENED", "faded": "NOT opened", "gone": "GONE"}
_VERDICTS_COUNTED = {"confirmed": "opened", "faded": "not opened", "gone": "gone"}
# In a title.
_NAMED = 3


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
    ranked = _ranked(events)
    simulated = "SIMULATED " if any(alert.simulated for _, alert in ranked) else ""
    count = f"{len(ranked)} {'alert' if len(ranked) == 1 else 'alerts'}"
    names = dict.fromkeys(alert.underlying or "market" for _, alert in ranked)
    why = " held back by the storm limit" if storm else ""
    title = f"{simulated}{count}{why}: {', '.join(list(names)[:_LISTED])}{_remarks(late, again)}"
    return Text(printable(title), "\n".join(map(printable, _lines(ranked))))


def digest(
    kind: str,
    day: date,
    events: Sequence[tuple[str, Alert]],
    names: Mapping[str, str | None],
    *,
    simulated: bool = False,
    late: bool = False,
    again: bool = False,
) -> Text:
    """The digest of a close or a morning: what there is to tell, or that it is nothing, and of which names.

    ``names`` are those that scans looked at, with the reason where one was left out. The title says how many alerts of
    which severity there are, or what became of those before, the strongest of them, and who was left out.
    """
    ranked = _ranked(events)
    left_out = {name: why for name, why in names.items() if why is not None}
    first = "SIMULATED " if simulated or any(alert.simulated for _, alert in ranked) else ""
    said = "; ".join([_summary(ranked), *_absent(list(left_out))])
    title = f"{first}{kind.capitalize()} {wording.day(day, day)}: {said}{_remarks(late, again)}"
    lines = list(_lines(ranked))
    if names:
        lines.append(f"- {len(names) - len(left_out)} of {len(names)} names looked at")
    lines += [f"- {why}" for why in list(left_out.values())[:_LISTED]]
    if not ranked:
        lines.append("- scanner status")
    return Text(printable(title), "\n".join(map(printable, lines)))


def _ranked(events: Sequence[tuple[str, Alert]]) -> list[tuple[str, Alert]]:
    return sorted(events, key=lambda item: item[1].strength, reverse=True)


def _lines(ranked: Sequence[tuple[str, Alert]]) -> Iterator[str]:
    """A line an alert, as many as a phone shows."""
    for event, alert in ranked[:_LISTED]:
        said = f"{_verdict(event, alert)}{_headline(alert)}"
        yield f"- {alert.severity.value.upper()} {said} ({alert.alert_id[:_SHORT_ID]})"
    if len(ranked) > _LISTED:
        yield f"- and {len(ranked) - _LISTED} more: scanner alerts"


def _summary(ranked: Sequence[tuple[str, Alert]]) -> str:
    """``nothing``, ``MU 1,150 call, 14 Aug OPENED 4,668 of 5,399 (86 %)``, ``1 high, 2 notice. MU 980 puts: 110x``."""
    if not ranked:
        return "nothing"
    if len(ranked) == 1 and ranked[0][0] in _SHORT_VERDICTS:
        event, alert = ranked[0]
        return f"{sentence.rests_on(alert)} {_SHORT_VERDICTS[event]}{_share(alert)}"
    became = Counter(_VERDICTS_COUNTED[event] for event, _ in ranked if event in _VERDICTS)
    told = [alert for event, alert in ranked if event not in _VERDICTS]
    severities = Counter(alert.severity for alert in told)
    counts = [f"{count} {outcome}" for outcome, count in became.items()]
    counts += [f"{severities[each]} {each.value}" for each in reversed(Severity) if severities[each]]
    strongest = sentence.of((told or [alert for _, alert in ranked])[0])
    return f"{', '.join(counts)}. {': '.join([strongest.about, *strongest.short[:1]])}"


def _absent(names: Sequence[str]) -> Iterator[str]:
    """``AAPL, MU left out``, where any was."""
    if names:
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{', '.join(names[:_NAMED])}{more} left out"


def _headline(alert: Alert) -> str:
    """``MU 980 calls+puts, 16 Oct: 11,128, 110x, $115 M. About once in 95 sessions``."""
    said = sentence.of(alert)
    what = f"{said.about}: {', '.join(said.short)}" if said.short else said.about
    return f"{what}. {said.rarity[0]}" if said.rarity else what


def _label(alert: Alert) -> str:
    return ("SIMULATED " if alert.simulated else "") + f"{alert.severity.value.upper()} "


def _verdict(event: str, alert: Alert) -> str:
    """What happened, where that is not simply an alert that is new: ``OPENED 4,668 of 5,399 (86 %)``.

    Where more is told with what opened than that, it says what opened.
    """
    if event in _VERDICTS:
        rests = sentence.rests_on(alert)
        told = "" if rests == sentence.about(alert) else f" in {rests}"
        return f"{_VERDICTS[event].format(share=_share(alert), told=told)}: "
    return "STRONGER: " if event == "escalated" else ""


def _share(alert: Alert) -> str:
    """How many lots opened of those that traded, as far as that is known."""
    opened, of = alert.context.get("opened"), alert.context.get("opened_of")
    if opened is None or not of:
        return ""
    return f" {opened:,} of {of:,}" + (f" ({wording.percent(opened / of, digits=0)})" if opened > 0 else "")


def _remarks(late: bool, again: bool) -> str:
    return (" (sent late)" if late else "") + (" (may have come before)" if again else "")
