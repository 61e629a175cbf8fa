"""A week as a column: headings, paragraphs and a table, the same for Markdown and for a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scanner.outputs.column.phrases import Language, Phrases
from scanner.outputs.column.week import BENCHMARK, NameWeek, Week
from scanner.outputs.text import printable

_MOST_EXPIRING = 5
_MOST_WATCHED = 7


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its paragraphs."""

    heading: str
    paragraphs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column in one language: ``title``, sections, the figures behind it, and what to know of it."""

    language: Language
    title: str
    sections: Sequence[Section]
    figures: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]

    def markdown(self) -> str:
        """The column as Markdown; nothing of a vendor's in it is markup."""
        parts = [f"# {_plain(self.title)}"]
        for section in self.sections:
            parts += [f"## {_plain(section.heading)}", *map(_plain, section.paragraphs)]
        table = [self.heads, ["---"] * len(self.heads), *self.rows]
        parts += [f"## {_plain(self.figures)}", "\n".join(f"| {' | '.join(map(_plain, row))} |" for row in table)]
        return "\n\n".join([*parts, *map(_plain, self.notes)]) + "\n"


def column(week: Week, language: Language) -> Column:
    """The column of a week."""
    said = Phrases(language, week.last, simulated=week.simulated)
    returns, watch, put_call, expiry, events, figures = said.sections()
    sections = (
        Section(returns, _returns(week, said)),
        Section(watch, _watch(week, said)),
        Section(put_call, [line for item in _unwatched(week) if (line := said.put_call(item))]),
        Section(expiry, list(_expiring(week, said))),
        Section(events, [line for item in week.names for held in item.events if (line := said.event(item, held))]),
    )
    notes = [*([said.missing(week.missing)] if week.missing else []), *map(printable, week.notes), said.foot()]
    return Column(
        language=language,
        title=said.mark() + said.title(),
        sections=[section for section in sections if section.paragraphs],
        figures=figures,
        heads=said.heads(),
        rows=[said.row(item) for item in week.names],
        notes=notes,
    )


def _returns(week: Week, said: Phrases) -> list[str]:
    beside = next((item for item in week.names if item.name == BENCHMARK), None)
    others = [item for item in week.names if item is not beside]
    told = (
        said.returns(others, beside),
        said.year(week.names),
        None if week.basket is None else said.basket(week.basket),
    )
    return [line for line in told if line is not None]


def _watch(week: Week, said: Phrases) -> list[str]:
    """The names of which something was told, the strongest first, as alerts are; beyond seven they are named alone."""
    told = [item for item in week.names if item.episode is not None]
    told.sort(key=lambda item: () if item.episode is None else item.episode.order, reverse=True)
    lines = [line for item in told[:_MOST_WATCHED] if (line := said.watch(item)) is not None]
    others = [item.name for item in told[_MOST_WATCHED:]]
    return [*lines, *([said.more(others)] if others else [])] or [said.quiet()]


def _unwatched(week: Week) -> list[NameWeek]:
    return [item for item in week.names if item.episode is None]


def _expiring(week: Week, said: Phrases) -> Iterator[str]:
    known = [item for item in week.names if item.expiring is not None and item.expiring.notional is not None]
    known.sort(key=lambda item: -(0.0 if item.expiring is None else item.expiring.notional or 0.0))
    for item in known[:_MOST_EXPIRING]:
        line = said.expiring(item)
        if line is not None:
            yield line


def _plain(text: str) -> str:
    """Text in which nothing is read as Markdown's marks."""
    return "".join(f"\\{mark}" if mark in "\\`*_[]<>|#" else mark for mark in text)
