"""Alerts on a screen: one line each where there is room, at most four where there is not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from scanner import wording
from scanner.alerts.model import Alert, Confirmation, Status
from scanner.outputs import clauses, sentence
from scanner.outputs.sentence import Sentence
from scanner.outputs.text import printable
from scanner.severity import Severity

STYLES = {
    Severity.critical: "bold white on red",
    Severity.high: "bold red",
    Severity.notice: "yellow",
    Severity.info: "dim",
}
_RIGHTS = {"C": "bright_blue", "P": "dark_orange"}
SHORT_ID = 8
# From here on a line holds all that one look needs.
_WIDE = 132
_INDENT = "  "
# No column of a wide line may take so much that nothing is left for what goes on in the name.
_WIDEST = (24, 30, 34, 7, 25)
_LABEL = "SIMULATED "
_OUTCOMES = {
    Confirmation.confirmed: "opened, by open interest",
    Confirmation.faded: "not opened, by open interest",
    Confirmation.unconfirmable: "open interest cannot tell",
}


def print_alerts(alerts: Sequence[Alert], to: Console) -> None:
    """Print alerts in their order: what, how far off, how rare, what is beside it, why it might be nothing."""
    if to.width >= _WIDE:
        for line in _table(alerts, to.width, plain=to.options.ascii_only) if alerts else ():
            to.print(line, soft_wrap=True)
        return
    subjects: dict[tuple[object, ...], list[Alert]] = {}
    for alert in alerts:
        subjects.setdefault(alert.subject, []).append(alert)
    named: set[str | None] = set()
    for first, *others in subjects.values():
        said = lines(first, to.width, plain=to.options.ascii_only, name=first.underlying not in named)
        named.add(first.underlying)
        for line in (*said, *map(_also, others)):
            to.print(line, soft_wrap=not to.is_terminal)


def lines(alert: Alert, width: int, *, plain: bool = False, whole: bool = False, name: bool = True) -> Iterator[Text]:
    """At most four lines that fit a width; ``whole`` says everything, however many it takes.

    Without ``name`` there is no line of what goes on in the name: it was said above.
    """
    said = sentence.of(alert)
    room = 10_000 if whole else width - len(_INDENT)
    head = _head(alert, plain=plain)
    left = 10_000 if whole else width - cell_len(head.plain) - 1
    yield head.append(" ").append(_headline(said, alert, left))
    tail = "; ".join(_tail(alert))
    rarity = sentence.fitted(said.rarity, room - len(tail) - 2)
    yield Text(f"{_INDENT}{_capital(rarity)}", style="default").append(f"  {tail}", style="dim")
    beside = sentence.fitted(said.beside, room)
    if beside and name:
        yield Text(f"{_INDENT}{beside}")
    doubts = sentence.fitted(said.doubts, room - len("Might be nothing: "))
    if doubts:
        yield Text(f"{_INDENT}Might be nothing: {doubts}")


def _also(other: Alert) -> Text:
    """What another rule says of the same thing."""
    return Text(f"{_INDENT}also {other.severity.value}: {printable(other.title)}  ").append(
        "; ".join(_tail(other)), style="dim"
    )


def _head(alert: Alert, *, plain: bool) -> Text:
    style = "dim" if alert.status is Status.closed else STYLES[alert.severity]
    text = Text(_LABEL if alert.simulated else "", style="reverse")
    text.append(alert.severity.value.upper(), style=f"not reverse {style}")
    if alert.stars:
        text.append(" " + stars(alert.stars, plain=plain), style="not reverse")
    return text


def stars(count: int, *, plain: bool = False) -> str:
    """So many stars."""
    return ("*" if plain else "★") * count


def _headline(said: Sentence, alert: Alert, room: int) -> Text:
    """What and how far off; where there is little room, in figures alone."""
    left = room - len(said.about) - 2
    full = ", ".join(said.measure)
    measure = full if len(full) <= left else sentence.fitted(said.short, left, ", ")
    return _about(said, alert).append(f": {measure}" if measure else "", style="not bold default")


def _about(said: Sentence, alert: Alert) -> Text:
    story = alert.context.get("story")
    rights = story["rights"] if story is not None and alert.scope != "underlying" else alert.right or ""
    return Text(said.about, style=f"bold {_RIGHTS.get(rights, 'default')}")


def _tail(alert: Alert) -> Iterator[str]:
    """Where the alert stands, and by what it is looked up."""
    if alert.status is not Status.new:
        yield alert.status.value
    if alert.confirmation in _OUTCOMES:
        yield _OUTCOMES[alert.confirmation]
    yield alert.alert_id[:SHORT_ID]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _row(alert: Alert, *, plain: bool) -> tuple[list[Text], list[str], str]:
    """One alert for a wide screen: its columns, what goes on in the name, and by what it is looked up."""
    said = sentence.of(alert)
    measured, *money = said.short if sentence.traded(alert) is not None else (", ".join(said.measure[1:]),)
    once = "" if alert.once_in_sessions is None else wording.once(alert.once_in_sessions).removeprefix("about ")
    columns = [_head(alert, plain=plain), _about(said, alert), *map(Text, (measured, "".join(money), once))]
    *state, looked_up = _tail(alert)
    return columns, [*state, *clauses.short(alert.context)], looked_up


def _table(alerts: Sequence[Alert], width: int, *, plain: bool) -> Iterator[Text]:
    """A line each, what is alike below one another; what goes on in the name takes the room that is left."""
    rows = [_row(alert, plain=plain) for alert in alerts]
    widths = [
        min(max(cell_len(columns[place].plain) for columns, *_ in rows), most) for place, most in enumerate(_WIDEST)
    ]
    left = width - sum(widths) - 2 * (len(widths) + 1) - max(len(tail) for *_, tail in rows)
    for columns, beside, tail in rows:
        line = Text()
        for part, room in zip(columns, widths, strict=True):
            part.truncate(room, overflow="ellipsis", pad=True)
            line.append_text(part).append("  ")
        around = Text(sentence.fitted(beside, left, ", "))
        around.truncate(max(left, 1), overflow="ellipsis", pad=True)
        yield line.append_text(around).append("  ").append(tail, style="dim")
