"""A tape read to the end: cleaned, sided, and put together into orders, packages and campaigns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from scanner.tape import orders as orders_of
from scanner.tape.cleaning import clean
from scanner.tape.packages import packages
from scanner.tape.prints import Problem, Tape
from scanner.tape.side import buy_chance


@dataclass(frozen=True)
class Reading:
    """What a tape says. ``prints`` stand, each with ``use``, ``buy_chance`` and the number of its ``order``.

    ``problems`` are what was found wrong, in the order of the steps. The other frames are made when they are asked for.
    """

    prints: pl.DataFrame
    problems: tuple[Problem, ...]

    @cached_property
    def orders(self) -> pl.DataFrame:
        """One row an order (:func:`scanner.tape.orders.orders`)."""
        return orders_of.orders(self.prints)

    @cached_property
    def campaigns(self) -> pl.DataFrame:
        """One row a campaign (:func:`scanner.tape.orders.campaigns`)."""
        return orders_of.campaigns(self.orders)

    @cached_property
    def packages(self) -> pl.DataFrame:
        """One row a package (:func:`scanner.tape.packages.packages`)."""
        return packages(self.prints)


def read(tape: Tape) -> Reading:
    """Read a tape."""
    cleaned = clean(tape.prints)
    sided = cleaned.prints.with_columns(buy_chance(cleaned.prints))
    return Reading(orders_of.numbered(sided), (*tape.problems, *cleaned.problems))
