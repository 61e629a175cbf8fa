"""What of a tape counts for what: cancels undone, and prints apart that would mislead.

A print that is out of its place in time still traded, so it counts as volume, but the quote beside it is not the one it
met and never tells its side. Compression trades shift positions at negotiated prices, and extended hours have quotes of
their own: both are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from scanner.tape.conditions import Kind, is_of
from scanner.tape.prints import Problem, contracts_of

USES = pl.Enum(["all", "volume", "apart"])
"""What a print counts for: everything, volume and money alone, or nothing but itself."""

# A price so far from its quote is a misprint, or of a contract that was changed meanwhile.
_FAR = 10.0
_MATCH = ("contract", "exchange", "price", "size")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The prints that stand, with ``use`` and ``quoted``, and what was found.

    ``quoted`` says that the quote beside the print stood before it and can be believed.
    """

    prints: pl.DataFrame
    problems: tuple[Problem, ...]


def clean(prints: pl.DataFrame) -> Cleaned:
    """Undo what was cancelled, and say what each print that stands counts for. Rows keep their order.

    ``prints`` obey :mod:`scanner.tape.prints`. A tape that ends at some moment knows the cancels up to then, so a
    print that is cancelled later still stands.
    """
    standing, problems = _without_cancelled(prints)
    standing = standing.with_columns(use=_use(), quoted=_quoted())
    return Cleaned(standing, (*problems, *_told(standing)))


def _without_cancelled(prints: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    marked = prints.select(pl.col("cancelled").sum()).item()
    cancels = prints.filter(is_of(Kind.cancel))
    problems = [Problem("cancelled", "cancelled, as their source marks them; left out", marked)] if marked else []
    if marked:
        prints = prints.filter(~pl.col("cancelled"))
    if cancels.is_empty():
        return prints, problems
    numbered = prints.with_row_index("row")
    asked = numbered.filter(~is_of(Kind.cancel)).join(
        cancels.select(_MATCH).unique(), on=_MATCH, how="semi", nulls_equal=True
    )
    undone, unmatched = _matched(asked, cancels)
    if undone:
        problems.append(Problem("cancelled", "cancelled by a later message; both left out", len(undone)))
    if unmatched:
        problems.append(Problem("cancel_of_nothing", "cancel something that is not on this tape; left out", unmatched))
    gone = pl.Series(undone, dtype=pl.UInt32).implode()
    return numbered.filter(~is_of(Kind.cancel) & ~pl.col("row").is_in(gone)).drop("row"), problems


def _matched(candidates: pl.DataFrame, cancels: pl.DataFrame) -> tuple[list[int], int]:
    """For each cancel the newest print before it that has its contract, venue, price and size and is not taken yet."""
    waiting: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for row, *key, time in candidates.select("row", *_MATCH, pl.col("time").to_physical()).iter_rows():
        waiting.setdefault(tuple(key), []).append((time, row))
    undone, unmatched = [], 0
    for *key, time in cancels.sort("time").select(*_MATCH, pl.col("time").to_physical()).iter_rows():
        before = [item for item in waiting.get(tuple(key), []) if item[0] <= time]
        if before:
            waiting[tuple(key)].remove(before[-1])
            undone.append(before[-1][1])
        else:
            unmatched += 1
    return undone, unmatched


def _use() -> pl.Expr:
    apart = is_of(Kind.compression, Kind.extended_hours)
    return (
        pl.when(apart)
        .then(pl.lit("apart"))
        .when(is_of(Kind.late))
        .then(pl.lit("volume"))
        .otherwise(pl.lit("all"))
        .cast(USES)
    )


def _quoted() -> pl.Expr:
    stood = (pl.col("quote_time") < pl.col("time")).fill_null(value=True)
    sound = (pl.col("bid") >= 0) & (pl.col("ask") > 0) & (pl.col("bid") <= pl.col("ask"))
    return (stood & sound & ~_is_far()).fill_null(value=False)


def _is_far() -> pl.Expr:
    return ((pl.col("price") > _FAR * pl.col("ask")) | (pl.col("price") < pl.col("bid") / _FAR)).fill_null(value=False)


_NAMED: Sequence[tuple[str, str, pl.Expr]] = (
    ("late", "late or out of sequence; they count as volume, their side is not told", pl.col("use") == "volume"),
    ("apart", "compression trades or of extended hours; kept apart", pl.col("use") == "apart"),
    ("far_from_quote", f"priced outside {_FAR:g} times their quote; their side is not told", _is_far()),
    ("quote_not_before", "with a quote not from before them; it tells no side", pl.col("quote_time") >= pl.col("time")),
    ("crossed", "with a bid above the ask; their side is not told", pl.col("bid") > pl.col("ask")),
    ("no_quote", "without a quote; their side is not told by one", pl.col("bid").is_null() | pl.col("ask").is_null()),
    ("no_condition", "do not say how they traded, or by a code that is not known", pl.col("condition").is_null()),
)  # fmt: skip


def _told(prints: pl.DataFrame) -> Iterator[Problem]:
    counts = prints.select(expression.fill_null(value=False).sum().alias(code) for code, _, expression in _NAMED)
    for code, reason, _ in _NAMED:
        if counts[code][0]:
            yield Problem(code, reason, int(counts[code][0]))
    yield from _expired(prints)


def _expired(prints: pl.DataFrame) -> Iterator[Problem]:
    """Prints of contracts that had expired before their session: nothing that trades, but they are on the tape."""
    by_session = prints.group_by("contract", "session_date").len().with_columns(pl.col("contract").cast(pl.String))
    known = contracts_of(prints).select(pl.col("contract").cast(pl.String), "expiry")
    late = by_session.join(known, on="contract").filter(pl.col("session_date") > pl.col("expiry"))
    if late.height:
        example = late.sort("contract")["contract"][0]
        yield Problem("expired", "of contracts that had expired before", int(late["len"].sum()), example)
