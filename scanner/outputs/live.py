"""The live view: names with their gauges, the feed of alerts, one alert's story; for terminals from 80 by 24 on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Input, Static

from scanner import wording
from scanner.alerts.model import Alert, Status
from scanner.market.calendar import NEW_YORK
from scanner.outputs import alert_lines, clauses, sentence
from scanner.outputs.screen import Screen
from scanner.outputs.text import printable

_EVERY = 2.0
# From so many columns on the story stands beside the feed, in a column of its own.
_WIDE, _STORY = 140, 57
_COLUMNS = ("NAME", "PRICE", "DAY", "WEEK", "VOL", "CHG", "P/C", "(WAS)", "BACK END", "RAREST")
# Columns of text; the others are figures, that stand at the right.
_WORDS = frozenset({"NAME", "BACK END", "RAREST"})


def state_line(screen: Screen) -> str:
    """``16:21 ET  3 of 3  cboe ok  told 3  ongoing 3  next Mon 09:30 confirm``."""
    parts = [f"{screen.now.astimezone(NEW_YORK):%H:%M} ET"]
    if any(alert.simulated for alert in screen.alerts):
        parts.insert(0, "SIMULATED")
    running = screen.status.get("running")
    # What is due already waits for what runs.
    coming = [(datetime.fromisoformat(item["due"]), item["job"]) for item in screen.status.get("next") or []]
    following = [(due, job) for due, job in coming if due > screen.now]
    if running is not None:
        parts.append(f"{running['job']} is running")
    scans = [run for run in (screen.status.get("runs") or {}).values() if run.get("symbols_requested") is not None]
    if scans:
        newest = max(scans, key=lambda run: run["ended"])
        parts.append(f"{newest['symbols_scanned']} of {newest['symbols_requested']}")
    for kind in ("sources", "outputs"):
        health = screen.status.get(kind) or {}
        parts += [f"{name} {'ok' if told['ok'] else 'ailing'}" for name, told in health.items()]
    told = [alert for alert in screen.alerts if alert.status is not Status.closed]
    parts.append(f"told {len(told)}")
    ongoing = sum(alert.status is Status.ongoing for alert in told)
    if ongoing:
        parts.append(f"ongoing {ongoing}")
    if screen.silenced:
        parts.append(f"muted {len(screen.silenced)}")
    if following:
        due, job = following[0]
        parts.append(f"next {due.astimezone(NEW_YORK):%a %H:%M} {job}")
    if screen.status.get("configuration_problem"):
        parts.append("changed configuration is broken")
    return printable(screen.problem or "  ".join(parts))


def name_cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One name's gauges, as ``_COLUMNS`` names them; ``(WAS)`` is the put/call of the session before."""
    return (
        printable(str(row["underlying"])),
        _number(row.get("spot"), ",.2f"),
        _percent(row.get("spot_change")),
        _percent(clauses.week(row)),
        _number(_times(row.get("iv30"), 100), ".1f", "%"),
        _number(_times(row.get("iv30_change"), 100), "+.1f"),
        _number(row.get("put_call_volume"), ".2f"),
        f"({_number(row.get('put_call_volume_prev'), '.2f')})",
        (clauses.back_end(row) or "-").removeprefix("back end "),
        _rarest(row.get("rarest")),
    )


def _rarest(in_sessions: float | None) -> str:
    """How seldom as much as the rarest of a name comes on the list: ``once in 95``, ``10 a session``."""
    if in_sessions is None:
        return "-"
    return wording.often(in_sessions).replace("rarer than", "under") if in_sessions > 0 else "nothing"


def name_columns(names: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The table of the names, its head first: every column as wide as its widest cell and a blank, no wider."""
    table = [_COLUMNS, *map(name_cells, names)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        tuple(
            f"{cell:{'<' if title in _WORDS else '>'}{width}}" + ("" if title is _COLUMNS[-1] else " ")
            for cell, width, title in zip(row, widths, _COLUMNS, strict=True)
        )
        for row in table
    ]


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "-" if value is None else f"{value:{form}}{unit}"


def _percent(value: float | None) -> str:
    return _number(_times(value, 100), "+.1f", "%")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def story_of(alert: Alert | None, width: int) -> Text:
    """One alert in a few lines."""
    if alert is None:
        return Text("No alert yet. A scan in which nothing happens shows nothing here.", style="dim")
    lines = list(alert_lines.lines(alert, width))
    lines += [Text(f"  {part}") for part in sentence.story(alert)]
    return Text("\n").join(lines)


class LiveView(App[None]):
    """The screen. ``read`` gives what there is to see; ``silence`` acknowledges or mutes an alert and says so."""

    CSS = """
    Screen { layout: grid; grid-size: 1; grid-rows: 1 auto 1fr 8 1; }
    #state { text-style: bold; }
    #names { max-height: 8; }
    #feed { height: 100%; overflow-x: hidden; }
    #story { height: 8; border-top: solid $primary; }
    #filter { display: none; height: 1; border: none; }
    #filter.shown { display: block; }
    #keys { color: $text-muted; }
    #keys.hidden { display: none; }
    .wide { grid-size: 2; grid-columns: 1fr 60; grid-rows: 1 auto 1fr 1; }
    .wide #state, .wide #names, .wide #keys, .wide #filter { column-span: 2; }
    .wide #story { height: 100%; border-top: none; border-left: solid $primary; padding-left: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "silence('ack')", "ack"),
        Binding("m", "silence('mute')", "mute"),
        Binding("slash", "filter", "filter"),
        Binding("o", "all", "all"),
        Binding("escape", "unfilter", show=False),
        Binding("q", "quit", "quit"),
    ]

    def __init__(self, read: Callable[[], Screen], silence: Callable[[str, str], str]) -> None:
        super().__init__()
        self._read = read
        self._silence = silence
        self._everything = False
        self._wanted = ""
        self._shown: list[Alert] = []
        self._said = ""

    def compose(self) -> ComposeResult:
        """The five parts, from top to bottom."""
        yield Static(id="state")
        names: DataTable[str] = DataTable(id="names", cursor_type="none", show_cursor=False, cell_padding=0)
        names.can_focus = False
        yield names
        yield DataTable(id="feed", cursor_type="row", show_header=False)
        yield Static(id="story")
        yield Static("a ack  m mute  / filter  o all  up/down story  q quit", id="keys")
        yield Input(placeholder="a name, a rule, a severity; Enter shows, Esc clears", id="filter")

    def on_mount(self) -> None:
        """Fill the screen, and look again every other second."""
        self.query_one("#feed", DataTable).add_columns("alert")
        self.query_one("#feed", DataTable).focus()
        self.set_interval(_EVERY, self.look)
        self.look()

    def on_resize(self) -> None:
        """Put the story beside the feed where there is room."""
        self.screen.set_class(self._is_wide, "wide")
        self._tell()

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= _WIDE

    def look(self) -> None:
        """Show what there is now, keeping the chosen alert chosen."""
        screen = self._read()
        state = (f"{self._said}  | " if self._said else "") + state_line(screen)
        self.query_one("#state", Static).update(Text(state))
        names = self.query_one("#names", DataTable)
        names.clear(columns=True)
        head, *rows = name_columns(screen.names)
        names.add_columns(*head)
        names.add_rows(rows)
        feed = self.query_one("#feed", DataTable)
        chosen = self._chosen()
        self._shown = [alert for alert in screen.alerts if self._wants(alert, screen.silenced)]
        feed.clear()
        for alert in self._shown:
            feed.add_row(self._line(alert, screen.silenced))
        if chosen is not None:
            places = [place for place, alert in enumerate(self._shown) if alert.alert_id == chosen.alert_id]
            feed.move_cursor(row=places[0] if places else 0)
        self._tell()

    def _wants(self, alert: Alert, silenced: frozenset[str]) -> bool:
        if not self._everything and (alert.alert_id in silenced or alert.status is Status.closed):
            return False
        about = f"{alert.underlying} {alert.rule_id} {alert.severity.value} {alert.title} {alert.contract}".lower()
        return self._wanted.lower() in about

    def _line(self, alert: Alert, silenced: frozenset[str]) -> Text:
        said = sentence.of(alert)
        text = Text(f"{alert.severity.value.upper():8}", style=alert_lines.STYLES[alert.severity])
        text.append(f"{'★' * (alert.stars or 0):5} ", style="default")
        tail = "muted" if alert.alert_id in silenced else alert.status.value
        room = self._feed_width - len(text.plain) - len(tail) - 2
        figures = sentence.fitted(said.short, room - len(said.about) - 2, ", ")
        words = f"{said.about}: {figures}" if figures else said.about
        text.append(words if len(words) <= room else said.about[:room], style="default")
        return text.append(f"  {tail}", style="dim")

    @property
    def _feed_width(self) -> int:
        """How long a line of the feed may be: what stands beside it is not its, nor are its bar and margins."""
        return self.size.width - (_STORY + 3 if self._is_wide else 0) - 4

    def _chosen(self) -> Alert | None:
        row = self.query_one("#feed", DataTable).cursor_row
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def _tell(self) -> None:
        width = _STORY if self._is_wide else self.size.width
        self.query_one("#story", Static).update(story_of(self._chosen(), width))

    def on_data_table_row_highlighted(self) -> None:
        """Another alert was chosen."""
        self._tell()

    def action_silence(self, kind: str) -> None:
        """Acknowledge or mute the chosen alert, or take that back."""
        chosen = self._chosen()
        if chosen is not None:
            self._said = f"{sentence.of(chosen).about}: {self._silence(chosen.alert_id, kind)}"
            self.look()

    def action_all(self) -> None:
        """Show closed and muted alerts too, or no longer."""
        self._everything = not self._everything
        self._said = "all" if self._everything else ""
        self.look()

    def action_filter(self) -> None:
        """Ask what to show."""
        asked = self.query_one("#filter", Input)
        self.query_one("#keys").add_class("hidden")
        asked.add_class("shown")
        asked.focus()

    def action_unfilter(self) -> None:
        """Show everything again."""
        self._filtered("")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show what was asked for."""
        self._filtered(event.value.strip())

    def _filtered(self, wanted: str) -> None:
        self._wanted = wanted
        self._said = f"only {printable(wanted)}" if wanted else ""
        asked = self.query_one("#filter", Input)
        asked.value = wanted
        asked.remove_class("shown")
        self.query_one("#keys").remove_class("hidden")
        self.query_one("#feed", DataTable).focus()
        self.look()
