"""The fields as columns of polars frames: which dtype each has, and what the frames of a scope hold.

Apart from the dictionary, so that whoever reads only what a field means need not wait for a library of frames.
"""

from __future__ import annotations

import polars as pl

from scanner.fields import Field, Kind, of

_DTYPES: dict[Kind, pl.DataType] = {
    Kind.number: pl.Float64(),
    Kind.integer: pl.Int64(),
    Kind.text: pl.String(),
    Kind.flag: pl.Boolean(),
    Kind.date: pl.Date(),
    Kind.instant: pl.Datetime("us", "UTC"),
}


def dtype(field: Field) -> pl.DataType:
    """The dtype in which rules see a field: enums are strings, all integers 64 bits wide."""
    return _DTYPES[field.kind]


def column_dtype(field: Field) -> pl.DataType:
    """The exact dtype of a field's column in chains, metric frames and the store."""
    if not field.compact:
        return dtype(field)
    return pl.Enum(field.choices) if field.kind is Kind.text else pl.Int32()


def schema(scope: str) -> pl.Schema:
    """The columns of a scope's metric frame, with their exact dtypes."""
    return pl.Schema({name: column_dtype(field) for name, field in of(scope).items()})


def remembered(scope: str) -> pl.Schema:
    """The columns that are kept of a session for later ones, with their exact dtypes."""
    return pl.Schema({name: column_dtype(field) for name, field in of(scope).items() if field.remembered})
