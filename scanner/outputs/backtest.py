"""A backtest as people and scripts read it: the ledger of one configuration, or two of them side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Protocol, runtime_checkable

from rich.console import Console

from scanner.alerts.board import FEWEST, Figure, Line
from scanner.alerts.comparison import FEWEST_SESSIONS, Difference
from scanner.alerts.entries import Entry
from scanner.alerts.model import Alert, plain
from scanner.alerts.outcome import HORIZONS
from scanner.alerts.verdict import RuleScore
from scanner.outputs import following, sentence, stored, terminal
from scanner.outputs.delimited import csv_document
from scanner.outputs.document import SCHEMA, to_json
from scanner.outputs.pages import template
from scanner.outputs.text import printable

# A person is shown so many of the alerts that only one of two configurations told.
_ALONE_SHOWN = 20
_LEDGER = (
    "session_date", "alert_id", "rule_id", "severity", "stars", "score", "once_in_sessions", "underlying", "scope",
    "contract", "expiry", "strike", "right", "title", "volume", "opened", "confirmation", "matched_share",
    *(f"{name}_{count}" for count in HORIZONS
      for name in ("state", "share", "contract", "matched_contract", "basis", "stock")),
    "simulated",
)  # fmt: skip
_HEADINGS = ("Session", "What", "Rule", "Traded", "Opened", "Outcome", *(f"After {count}" for count in HORIZONS))


class Scores(Protocol):
    """How alerts have done: by the next morning's open interest, and after 1, 3 and 5 sessions."""

    @property
    def rules(self) -> Sequence[RuleScore]:
        """By rule."""

    @property
    def outcomes(self) -> Sequence[Line]:
        """By all, rule, stars and name."""


class Judged(Protocol):
    """Sessions that were judged by one configuration, and what became of the alerts."""

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions."""

    @property
    def alerts(self) -> Sequence[Alert]:
        """The alerts as they stood at last."""

    @property
    def board(self) -> Scores:
        """How they have done."""

    @property
    def entries(self) -> Sequence[Entry]:
        """Each alert in each session it was told in."""

    @property
    def simulated(self) -> bool:
        """Whether some sessions never took place."""


@runtime_checkable
class Compared(Protocol):
    """Two of them over the same sessions."""

    @property
    def called(self) -> tuple[str, str]:
        """What tells the two apart."""

    @property
    def both(self) -> tuple[Judged, Judged]:
        """The two."""

    @property
    def sessions(self) -> Sequence[date]:
        """The sessions that both judged."""

    @property
    def differences(self) -> Sequence[Difference]:
        """The first's measures less the second's."""

    @property
    def alone(self) -> tuple[Sequence[Entry], Sequence[Entry]]:
        """What only the one, and only the other, told."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text, with its title and a note."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def show(judged: Judged | Compared, to: Console) -> None:
    """Print a backtest of one configuration, or of two."""
    if isinstance(judged, Compared):
        print_comparison(judged, to)
    else:
        print_backtest(judged, to)


def written(judged: Judged | Compared, form: str) -> str:
    """The same as ``json``, ``csv`` or ``html``."""
    if isinstance(judged, Compared):
        return {"json": comparison_text, "csv": comparison_csv, "html": comparison_page}[form](judged)
    return {"json": text, "csv": ledger_csv, "html": page_of}[form](judged)


# -- one configuration ------------------------------------------------------------------------------------------------


def text(judged: Judged) -> str:
    """A backtest as JSON: schema, simulated, sessions, alerts, ledger, scoreboard, outcomes."""
    return to_json({"schema": SCHEMA, **_document(judged)}) + "\n"


def _document(judged: Judged) -> dict[str, Any]:
    return {
        "simulated": judged.simulated,
        "sessions": [plain(session) for session in judged.sessions],
        "alerts": [alert.as_dict() for alert in judged.alerts],
        "ledger": [_entry(entry) for entry in judged.entries],
        "scoreboard": [plain(asdict(score)) for score in judged.board.rules],
        **following.board_document(judged.board.outcomes),
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return plain(dict(zip(_LEDGER, _values(entry), strict=True)))  # type: ignore[no-any-return]


def ledger_csv(judged: Judged) -> str:
    """The ledger as CSV: one row an alert and session; shares and moves are decimals, empty where not known."""
    return csv_document(_LEDGER, map(_values, judged.entries))


def _values(entry: Entry) -> list[Any]:
    alert = entry.alert
    values: list[Any] = [
        entry.session_date, alert.alert_id, alert.rule_id, alert.severity.value, alert.stars, alert.score,
        alert.once_in_sessions, alert.underlying, alert.scope, alert.contract, alert.expiry, alert.strike, alert.right,
        alert.title, entry.volume, entry.opened, entry.confirmation, entry.matched_share,
    ]  # fmt: skip
    for horizon in HORIZONS:
        outcome = entry.outcomes.get(horizon)
        figures = {} if outcome is None else outcome.figures
        values += [figures.get("state"), figures.get("share"), figures.get("contract")]
        values += [entry.matched(horizon, "contract"), figures.get("basis"), figures.get("stock")]
    return [*values, alert.simulated]


def print_backtest(judged: Judged, to: Console) -> None:
    """Print the ledger's strongest, and how all alerts have done, by rule and after 1, 3 and 5 sessions."""
    terminal.print_banner(judged.simulated, to)
    to.print(_summary(judged) + "\n")
    if judged.entries:
        shown = _strongest(judged.entries)
        _print_table(_ledger_table(shown, _of(len(shown), len(judged.entries))), to)
        to.print()
    stored.print_scoreboard(judged.board.rules, to)
    to.print()
    following.print_board(judged.board.outcomes, to)


def page_of(judged: Judged) -> str:
    """A backtest as one page for a browser, with the whole ledger."""
    tables = [_board_table(judged), _rules_table(judged), _ledger_table(judged.entries, "The ledger")]
    return _rendered("Backtest", _summary(judged), tables, simulated=judged.simulated)


def _summary(judged: Judged) -> str:
    count = terminal.counted(len(judged.sessions), "session")
    return f"{count} judged{_span(judged.sessions)}, {terminal.counted(len(judged.alerts), 'alert')} raised."


def _span(sessions: Sequence[date]) -> str:
    return f" ({min(sessions)} to {max(sessions)})" if sessions else ""


def _strongest(entries: Sequence[Entry]) -> list[Entry]:
    """So many of the strongest as are shown, in the order of the ledger."""
    ranked = sorted(entries, key=lambda entry: entry.alert.strength, reverse=True)
    kept = {id(entry) for entry in ranked[:_ALONE_SHOWN]}
    return [entry for entry in entries if id(entry) in kept]


def _of(shown: int, count: int) -> str:
    return f"The ledger{f', the strongest {shown} of {count:,}' if shown < count else ''}"


def _ledger_table(entries: Sequence[Entry], title: str) -> Table:
    note = (
        "Opened: by how much the open interest rose by the next morning. After so many sessions: what of that is still "
        "there; the move of the contract, ask to bid and fees paid, and in brackets that of three like it."
    )
    return Table(title, _HEADINGS, [_cells(entry) for entry in entries], note)


def _cells(entry: Entry) -> list[str]:
    counts = ("-" if count is None else f"{count:,}" for count in (entry.volume, entry.opened))
    return [
        entry.session_date.isoformat(),
        printable(sentence.about(entry.alert)),
        printable(entry.alert.rule_id),
        *counts,
        entry.confirmation,
        *(_after(entry, horizon) for horizon in HORIZONS),
    ]


def _after(entry: Entry, horizon: int) -> str:
    """``held, +12 % (-3 %)``; a dash where no such session is stored."""
    outcome = entry.outcomes.get(horizon)
    if outcome is None:
        return "-"
    move, like = outcome.figures.get("contract"), entry.matched(horizon, "contract")
    state = outcome.figures["state"] if outcome.figures.get("confirmed") else "not opened"
    if outcome.figures.get("confirmed") is None:
        state = "not told"
    return f"{state}, {_per_cent(move)} ({_per_cent(like)})"


def _per_cent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:+.0f} %"


def _board_table(judged: Judged) -> Table:
    rows = following.board_rows([line for line in judged.board.outcomes if line.alerts.count or line.matched.count])
    return Table(
        "What became of them",
        ("Measure", "Alerts", "Matched"),
        rows,
        f"In brackets 90 % of draws of whole sessions. Below {FEWEST} counts only.",
    )


def _rules_table(judged: Judged) -> Table:
    rows = [
        [printable(score.rule_id), *(f"{count:,}" for count in (score.alerts, score.confirmed, score.faded)),
         *("-" if share is None else f"{share:.0%}" for share in (score.confirmed_share, score.matched_share))]
        for score in judged.board.rules
    ]  # fmt: skip
    return Table("By rule", ("Rule", "Alerts", "Opened", "Faded", "Share", "Chance"), rows)


# -- two of them ------------------------------------------------------------------------------------------------------


def comparison_text(compared: Compared) -> str:
    """Two backtests as JSON: what each is, the differences, and what only one of them told."""
    listed = [
        {"configuration": name, **_document(judged), "told_alone": [_entry(entry) for entry in alone]}
        for name, judged, alone in zip(compared.called, compared.both, compared.alone, strict=True)
    ]
    document = {
        "schema": SCHEMA,
        "sessions": [plain(session) for session in compared.sessions],
        "unit": "session",
        "interval": "90 % of 1,000 draws of whole sessions, the same for both",
        "differences": [plain(asdict(item)) for item in compared.differences],
        "configurations": listed,
    }
    return to_json(document) + "\n"


def comparison_csv(compared: Compared) -> str:
    """Both ledgers as CSV; two columns more say whose a row is, and whether the other told it, too."""
    rows = []
    for name, judged, alone in zip(compared.called, compared.both, compared.alone, strict=True):
        only = {entry.key for entry in alone}
        rows += [
            [*_values(entry), name, None if entry.session_date not in compared.sessions else entry.key not in only]
            for entry in judged.entries
        ]
    return csv_document([*_LEDGER, "configuration", "told_by_both"], rows)


def print_comparison(compared: Compared, to: Console) -> None:
    """Print what two configurations did over the same sessions, the differences, and what only one of them told."""
    terminal.print_banner(any(judged.simulated for judged in compared.both), to)
    to.print(_compared_summary(compared) + "\n")
    for table in _compared_tables(compared):
        if table.rows:
            _print_table(table, to)
        else:
            to.print(f"{table.title}: none.")
        to.print()


def comparison_page(compared: Compared) -> str:
    """Two backtests side by side as one page for a browser."""
    tables = list(_compared_tables(compared, shown=None))
    simulated = any(judged.simulated for judged in compared.both)
    return _rendered("Backtest of two configurations", _compared_summary(compared), tables, simulated=simulated)


def _compared_summary(compared: Compared) -> str:
    one, other = map(printable, compared.called)
    sessions = terminal.counted(len(compared.sessions), "session")
    raised = " against ".join(
        f"{terminal.counted(len(judged.alerts), 'alert')} by {printable(name)}"
        for name, judged in zip(compared.called, compared.both, strict=True)
    )
    few = len(compared.sessions) < FEWEST_SESSIONS
    said = f"; of fewer than {FEWEST_SESSIONS} sessions no interval is told" if few else ""
    return f"{sessions} judged by {one} and {other}{_span(compared.sessions)}: {raised}{said}."


def _compared_tables(compared: Compared, shown: int | None = _ALONE_SHOWN) -> Iterator[Table]:
    one, other = map(printable, compared.called)
    rows = [_difference(item) for item in compared.differences if _worth_a_row(item)]
    yield Table(
        "Side by side",
        ("Measure", one, other, "Difference"),
        rows,
        "The session is the unit: in brackets 90 % of 1,000 draws of whole sessions, the same for both, so that "
        f"differences are paired. Beyond matched: less the same of contracts like those flagged. Below {FEWEST} counts "
        "only.",
    )
    for name, entries in zip((one, other), compared.alone, strict=True):
        listed = entries if shown is None else _strongest(entries)
        more = f", the strongest {len(listed)}" if len(listed) < len(entries) else ""
        yield replace(_ledger_table(listed, f"Told by {name} alone ({len(entries):,}{more})"), note="")


def _worth_a_row(item: Difference) -> bool:
    """Whether anything was counted; matched contracts are of the same stock, and their moves stand in each ledger."""
    of_interest = item.of == "alerts" or item.measure.startswith(("opened", "held"))
    return of_interest and bool(item.one.count or item.other.count)


def _difference(item: Difference) -> list[str]:
    if item.measure == "alerts_a_session":
        return ["Alerts a session", *map(_plain_figure, (item.one, item.other)), _plain_figure(item.difference, "+")]
    name = following.MEASURES[item.measure] + (" - beyond matched" if item.of != "alerts" else "")
    sign = "" if item.of == "alerts" and item.measure.startswith(("opened", "held")) else "+"
    counted = item.of == "alerts"
    figures = [_share(each, sign, counted=counted) for each in (item.one, item.other)]
    return [name, *figures, _share(item.difference, "+", counted=False)]


def _plain_figure(figure: Figure, sign: str = "") -> str:
    return _figure(figure, f"{sign}.1f", 1.0, "")


def _share(figure: Figure, sign: str, *, counted: bool = True) -> str:
    if figure.value is None:
        return f"n {figure.count:,}" if counted else "-"
    return _figure(figure, f"{sign}.1f", 100.0, " %") + (f" n {figure.count:,}" if counted else "")


def _figure(figure: Figure, form: str, times: float, unit: str) -> str:
    if figure.value is None:
        return "-"
    value = f"{times * figure.value:{form}}{unit}"
    if figure.low is None or figure.high is None:
        return value
    return f"{value} ({times * figure.low:{form}}..{times * figure.high:{form}})"


# -- both ways --------------------------------------------------------------------------------------------------------


def _print_table(table: Table, to: Console) -> None:
    to.print(f"{table.title}:")
    shown = terminal.plain_table(*table.headings)
    for row in table.rows:
        shown.add_row(*row)
    to.print(shown)
    if table.note:
        terminal.say(table.note, to)


def _rendered(title: str, summary: str, tables: Sequence[Table], *, simulated: bool) -> str:
    return template("backtest.html.j2").render(title=title, summary=summary, tables=tables, simulated=simulated)
