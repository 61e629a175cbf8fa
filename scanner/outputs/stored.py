"""Alerts read back from the store: as a list, and one of them with everything that became of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scanner.activity.record import Level
from scanner.alerts.board import Line
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Alert, plain
from scanner.alerts.outcome import Followed
from scanner.alerts.silence import Silence
from scanner.alerts.verdict import RuleScore
from scanner.outputs import alert_lines, calibration, clauses, following, numbers, sentence, terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from scanner.store.state import Update


# A person is shown so many alerts who does not say how many.
LISTED = 100


@dataclass(frozen=True, slots=True)
class Told:
    """One piece of news: a halt, filing or headline, its moment (UTC), in words, and who told it."""

    at: datetime
    kind: str
    what: str
    source: str


@dataclass(frozen=True, slots=True)
class Story:
    """One alert, every update it had (oldest first), the contracts behind it by session, and the calibration record.

    ``record`` is that of the sessions before the alert's, ``rows`` the contracts at every close since, ``news`` what
    was told of the name from the close before to that of the alert's last session, oldest first.
    """

    alert: Alert
    updates: tuple[Update, ...]
    flagged: tuple[Flagged, ...]
    record: tuple[Level, ...] = ()
    rows: tuple[Followed, ...] = ()
    news: tuple[Told, ...] = ()

    @property
    def first(self) -> list[Flagged]:
        """The contracts of the session that was flagged first."""
        session = min((item.session_date for item in self.flagged), default=None)
        return [item for item in self.flagged if item.session_date == session]

    @property
    def own_record(self) -> list[Level]:
        """The record of the chances that the alert rests on."""
        wanted = calibration.channels_of(self.alert.scope, self.alert.evidence)
        return [level for level in self.record if level.channel in wanted]


def list_text(alerts: Sequence[Alert]) -> str:
    """Stored alerts as JSON: schema and alerts."""
    return to_json({"schema": SCHEMA, "alerts": [alert.as_dict() for alert in alerts]}) + "\n"


def print_list(alerts: Sequence[Alert], to: Console, older: int = 0) -> None:
    """Print stored alerts, newest session first, how many ``older`` ones there are, and what to do next."""
    terminal.print_banner(any(alert.simulated for alert in alerts), to)
    if not alerts:
        to.print("No alerts are stored. `scanner scan` looks for some.")
        return
    for session, listed in groupby(alerts, lambda alert: alert.session_date):
        to.print(Text(f"Session {session}", style="bold"))
        alert_lines.print_alerts(list(listed), to)
    if older:
        to.print(f"{older:,} older: --limit N shows more of them, --format csv or json all.")
    terminal.print_next_step(alerts, to)


def story_text(story: Story) -> str:
    """One alert as JSON: schema, alert, history, confirmations, calibration, follow, news."""
    return (
        to_json(
            {
                "schema": SCHEMA,
                "alert": story.alert.as_dict(),
                "history": [_step(update) for update in story.updates],
                "confirmations": [_confirmation(item) for item in story.flagged],
                "calibration": [plain(asdict(level)) for level in story.own_record],
                "follow": following.mornings_document(following.mornings(story.first, story.rows)),
                "news": [_news(story.alert, told) for told in story.news],
            }
        )
        + "\n"
    )


def _step(update: Update) -> dict[str, Any]:
    alert = update.alert
    return {
        "seen_at": plain(update.seen_at),
        "event": update.event,
        "severity": alert.severity.value,
        "score": alert.score,
        "stars": alert.stars,
        "volume": alert.evidence.get("volume"),
        "message": alert.message,
    }


def _news(alert: Alert, told: Told) -> dict[str, Any]:
    """A piece of news; ``when`` is ``before`` or ``after`` the flow was first seen."""
    when = "before" if told.at <= alert.first_seen else "after"
    return {**plain(asdict(told)), "when": when}


def _confirmation(item: Flagged) -> dict[str, Any]:
    return {
        "session_date": plain(item.session_date),
        "contract": item.contract,
        "volume": item.volume,
        "open_interest": item.open_interest,
        "oi_asof": plain(item.oi_asof),
        "opened": item.opened,
        "outcome": item.outcome,
        "decided_at": plain(item.decided_at),
    }


def print_story(story: Story, to: Console) -> None:
    """Print one alert: its table, its evidence, its history, and what the open interest said."""
    alert = story.alert
    terminal.print_banner(alert.simulated, to)
    for part in alert_lines.lines(alert, to.width, plain=to.options.ascii_only, whole=True):
        terminal.say(part, to)
    to.print()
    for told in sentence.story(alert):
        terminal.say(told, to)
    to.print()
    to.print(_facts(alert))
    to.print()
    to.print(_evidence(story.alert))
    if story.news:
        to.print()
        for piece in _news_lines(story):
            terminal.say(piece, to)
    to.print()
    to.print(_history(story.updates))
    if story.own_record:
        to.print()
        for line in calibration.sentences(story.own_record):
            terminal.say(line, to)
    if story.flagged:
        to.print()
        to.print(_confirmations(story.flagged))
    if story.rows:
        to.print()
        following.print_mornings(following.mornings(story.first, story.rows), story.first, to)


def scoreboard_text(scores: Sequence[RuleScore], outcomes: Sequence[Line], form: str) -> str:
    """The scoreboard as ``json`` - rules and outcomes - or, of rules alone, ``csv``; shares are fractions, or empty."""
    if form == "csv":
        names = list(RuleScore.__dataclass_fields__)
        return csv_document(names, ([getattr(score, name) for name in names] for score in scores))
    rules = [plain(asdict(score)) for score in scores]
    return to_json({"schema": SCHEMA, "scoreboard": rules, **following.board_document(outcomes)}) + "\n"


def print_scoreboard(scores: Sequence[RuleScore], to: Console) -> None:
    """Print how each rule's alerts have done, and what the share of chance is beside them."""
    if not scores:
        to.print("No alert has been raised yet, so that there is nothing to keep score of.")
        return
    table = terminal.plain_table("Rule", "Alerts", "Opened", "Faded", "Unknown", "Waiting", "Share", "Chance")
    for score in scores:
        counts = (score.alerts, score.confirmed, score.faded, score.unconfirmable, score.pending)
        shares = ("-" if share is None else f"{share:.0%}" for share in (score.confirmed_share, score.matched_share))
        table.add_row(Text(printable(score.rule_id)), *(f"{count:,}" for count in counts), *shares)
    to.print(table)
    to.print(
        "Opened: open interest rose by at least half of the flagged volume; unknown: no later figure can tell. "
        "Chance: the share among random contracts like these."
    )


def _facts(alert: Alert) -> Text:
    baseline = alert.baseline
    span = "" if baseline.first is None else f" ({baseline.first} to {baseline.last})"
    quoted = "not given" if alert.quote_time is None else terminal.new_york(alert.quote_time)
    lines = [
        f"id {alert.alert_id}, rule {printable(alert.rule_id)}, {alert.scope} scope, source {printable(alert.source)}",
        f"first seen {terminal.new_york(alert.first_seen)}, last seen {terminal.new_york(alert.last_seen)}",
        f"quotes of {quoted}, open interest of {alert.oi_asof or 'an unknown session'}",
        f"{terminal.rests_on(alert)}{span}",
    ]
    return Text("\n".join(lines))


def _evidence(alert: Alert) -> Table:
    table = terminal.plain_table("Evidence", "Value")
    for name, value in alert.evidence.items():
        if name != "uncalibrated":
            told = printable(numbers.title(alert.scope, name))
            table.add_row(Text(told), Text(printable(numbers.with_unit(alert.scope, name, value))))
    return table


def _news_lines(story: Story) -> Iterator[Text]:
    """What was told of the name, each before or after the flow was seen."""
    seen = terminal.new_york(story.alert.first_seen)
    yield Text(f"News of {printable(story.alert.underlying or '')}; the flow was first seen {seen}", style="bold")
    for told in story.news:
        when = clauses.order(told.at, story.alert.first_seen)
        said = f"{terminal.new_york(told.at)}, {when}: {told.kind} by {told.source}: {told.what}"
        yield Text(printable(said))


def _history(updates: Sequence[Update]) -> Table:
    table = terminal.plain_table("When", "What", "Severity", "Stars", "Volume")
    for update in updates:
        alert = update.alert
        table.add_row(
            terminal.new_york(update.seen_at),
            update.event,
            alert.severity.value,
            "-" if alert.stars is None else str(alert.stars),
            numbers.with_unit("contract", "volume", alert.evidence.get("volume")),
        )
    return table


def _confirmations(flagged: Sequence[Flagged]) -> Table:
    table = terminal.plain_table("Session", "Contract", "Flagged", "OI before", "Opened", "Outcome")
    for item in flagged:
        counts = (item.volume, item.open_interest, item.opened)
        table.add_row(
            str(item.session_date),
            Text(printable(item.contract)),
            *("-" if count is None else f"{count:,}" for count in counts),
            item.outcome,
        )
    return table


def silence_words(wish: Silence) -> str:
    """A wish for silence in words: ``muted: rule put-call-jump, until 2026-08-24 16:00 EDT``."""
    until = "for good" if wish.until is None else f"until {terminal.new_york(wish.until)}"
    verb = "acknowledged" if wish.kind == "ack" else "muted"
    return printable(f"{verb}: {wish.subject.value} {wish.value}, {until}")
