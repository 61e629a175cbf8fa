"""Frames of pandas and of polars: one into the other, without a value or a null changing its meaning.

Inside, every frame is one of polars. pandas takes half a second to import, so that only who asks for a frame of it, or
hands one in, waits for it.

| polars | pandas | missing |
|---|---|---|
| integers, floats, Boolean | ``Int64``, ``Float64``, ``boolean`` and their like | ``NA`` |
| String | ``string`` | ``NA`` |
| Enum | ``category`` of the same categories | ``NaN`` |
| Date | ``datetime64[ms]``, midnight, without a time zone | ``NaT`` |
| Datetime in UTC | ``datetime64[us, UTC]`` | ``NaT`` |
| lists and structs | ``object`` | ``None`` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scanner.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    # What a caller may hand in.
    Frame = pl.DataFrame | pd.DataFrame


def to_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """A polars frame as one of pandas, rows numbered from 0; the module's table says which dtype becomes which."""
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    nullable = {
        pa.bool_(): pd.BooleanDtype(),
        pa.int8(): pd.Int8Dtype(),
        pa.int16(): pd.Int16Dtype(),
        pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(),
        pa.uint8(): pd.UInt8Dtype(),
        pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(),
        pa.uint64(): pd.UInt64Dtype(),
        pa.float32(): pd.Float32Dtype(),
        pa.float64(): pd.Float64Dtype(),
        pa.large_string(): pd.StringDtype(),
    }
    made: pd.DataFrame = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).to_pandas(
        types_mapper=nullable.get, date_as_object=False
    )
    for column in frame:
        if isinstance(column.dtype, pl.Enum):
            # On the way those are lost that no row has.
            made[column.name] = made[column.name].cat.set_categories(column.dtype.categories.to_list())
        elif column.dtype.is_nested():
            made[column.name] = pd.Series(column.to_list(), dtype=object)
    return made


def to_polars(frame: Frame) -> pl.DataFrame:
    """A frame of pandas or polars as one of polars; one of polars comes back as it is.

    The inverse of :func:`to_pandas`: a category becomes an Enum of its categories, ``datetime64`` without a time zone
    becomes Date where every value is a midnight, and NA, NaT, NaN and None become null. An index that has a name
    becomes a column; one without is left out. Raises UsageError for what is no frame, for two columns of one name, and
    for a column whose values are of several kinds.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    if not all(hasattr(frame, name) for name in ("columns", "dtypes", "index", "items")):
        raise UsageError(f"expected a frame of polars or pandas, found {type(frame).__name__}")
    named = [name for name in frame.index.names if name is not None]
    table = frame.reset_index(level=named) if named else frame
    names = [str(name) for name in table.columns]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"the frame has two columns of one name: {', '.join(doubled)}")
    return pl.DataFrame([_from_pandas(str(name), column) for name, column in table.items()])


def _from_pandas(name: str, column: pd.Series[Any]) -> pl.Series:
    import pandas as pd
    import polars as pl

    kinds = list(column.cat.categories) if isinstance(column.dtype, pd.CategoricalDtype) else []
    try:
        if kinds and all(isinstance(kind, str) for kind in kinds):
            return pl.Series(name, _or_none(column), dtype=pl.Enum(kinds))
        plain = column.dtype == object
        found = pl.Series(name, _or_none(column)) if plain else pl.from_pandas(column.rename(name), nan_to_null=True)
    except (TypeError, ValueError, ArithmeticError, pl.exceptions.PolarsError) as error:
        raise UsageError(f"column {name}: its values are of several kinds, or of one unknown here ({error})") from error
    if found.dtype == pl.Object:
        raise UsageError(f"column {name}: its values are of several kinds, or of one unknown here")
    return found.fill_nan(None) if found.dtype.is_float() else _as_dates(found)


def _as_dates(column: pl.Series) -> pl.Series:
    """Moments without a time zone that are all midnights: the dates that pandas has no dtype for."""
    import polars as pl

    if not isinstance(column.dtype, pl.Datetime) or column.dtype.time_zone is not None:
        return column
    return column.cast(pl.Date) if (column.dt.truncate("1d") == column).all() else column


def _or_none(column: pd.Series[Any]) -> list[Any]:
    """The values, with None for whatever pandas takes for missing."""
    import pandas as pd

    return [value if pd.api.types.is_list_like(value) or not pd.isna(value) else None for value in column]
