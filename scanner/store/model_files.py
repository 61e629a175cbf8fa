"""A fitted model as a file: a zip of plain arrays (npz), of which nothing is taken on trust.

A file may be damaged, be another model's, or have been put below a prefix by whoever can write there, and the arrays
go to compiled code that looks up rows in them. So nothing in a file is unpickled, nothing larger than a model is
unpacked, and only arrays of the names, types, shapes and ranges that a model of the panel has are let in.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.activity import prior
from scanner.fields import FAMILIES

SUFFIX = ".npz"
# Bytes of a file, and of all that it unpacks to. That of 500 names has a tenth of it.
LARGEST = 64 * 2**20
_LARGEST_UNPACKED = 256 * 2**20
_MOST_ARRAYS = 256
# Of what it is the model: the name it is kept under.
_MADE_OF = "made_of"
_STORIES = ("past_family", "past_name", "past_key", "past_below")
_ANY = -1
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    SyntaxError,
)

Arrays = dict[str, NDArray[Any]]


class DoubtfulError(Exception):
    """A file that is not the model it is taken for; the text says why."""


def packed(values: Mapping[str, NDArray[Any]], name: str) -> bytes:
    """The file of a model that is kept under a name."""
    built = io.BytesIO()
    np.savez_compressed(built, allow_pickle=False, **values, **{_MADE_OF: np.frombuffer(name.encode(), np.uint8)})
    return built.getvalue()


def unpacked(content: bytes, name: str, names: int, sessions: int) -> Arrays:
    """The arrays of the model kept under a name, which is of so many underlyings and of no more sessions.

    Raises DoubtfulError where the file is anything else.
    """
    values = _read(content)
    made_of = values.pop(_MADE_OF, np.empty(0, np.uint8))
    if made_of.dtype != np.uint8 or made_of.tobytes() != name.encode():
        raise DoubtfulError("it is the model of something else")
    expected = _expected(names)
    if values.keys() != expected.keys():
        raise DoubtfulError("its arrays are not those of a model")
    for title, (dtype, shape) in expected.items():
        _check(title, values[title], dtype, shape)
    _check_together(values, names, sessions)
    return values


def _read(content: bytes) -> Arrays:
    if len(content) > LARGEST:
        raise DoubtfulError(f"it has {len(content):,} bytes, more than any model")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_ARRAYS or sum(member.file_size for member in members) > _LARGEST_UNPACKED:
                raise DoubtfulError("it unpacks to more than any model")
            return {member.filename.removesuffix(".npy"): _array(archive.read(member)) for member in members}
    except _UNREADABLE as error:
        raise DoubtfulError(f"it cannot be read ({' '.join(str(error).split())[:120]})") from error


def _array(content: bytes) -> NDArray[Any]:
    """One array, as long as its header says and no longer. Raises ValueError."""
    handle = io.BytesIO(content)
    if np.lib.format.read_magic(handle) != (1, 0):
        raise ValueError("an array of another version of the format")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(handle)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(content) - handle.tell():
        raise ValueError("an array that is not what its header says")
    values = np.frombuffer(content, dtype, offset=handle.tell())
    return values.reshape(shape, order="F" if in_columns else "C").copy()


@cache
def _built_in() -> Arrays:
    return prior.arrays_of(*prior.load())


def _expected(names: int) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Type and shape of every array of a model, by its name."""
    found = {title: (values.dtype, values.shape) for title, values in _built_in().items()}
    found = {
        title: (dtype, (_ANY,) if title.startswith("realised_") else shape) for title, (dtype, shape) in found.items()
    }
    real, whole = np.dtype(np.float64), np.dtype(np.int64)
    return found | {
        "base": (found["base"][0], (names + 1, *found["base"][1])),
        "own": (real, (found["own"][1][0], names)),
        "past_family": (whole, (_ANY,)),
        "past_name": (whole, (_ANY,)),
        "past_key": (real, (_ANY,)),
        "past_below": (real, (_ANY,)),
        "past_money": (real, (names, _ANY)),
    }


def _check(title: str, values: NDArray[Any], dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    fits = values.ndim == len(shape) and all(due in (_ANY, has) for due, has in zip(shape, values.shape, strict=True))
    if values.dtype != dtype or not fits:
        raise DoubtfulError(f"its {title} is {values.dtype} {values.shape}, not {dtype} {shape}")
    # Of a story that was not there before nothing is below, and of a session that was not judged no money is known.
    known = {"past_below": values < np.inf, "past_money": ~np.isinf(values)}.get(title, np.isfinite(values))
    if not known.all():
        raise DoubtfulError(f"its {title} has values that are no numbers")


def _check_together(values: Arrays, names: int, sessions: int) -> None:
    """What arrays say of each other: rows that others look up are there."""
    stories = {len(values[title]) for title in _STORIES}
    records = {len(column) for title, column in values.items() if title.startswith("realised_")}
    families, whose = values["past_family"], values["past_name"]
    if len(stories) > 1 or len(records) > 1 or values["past_money"].shape[1] > sessions:
        raise DoubtfulError("its arrays are of different lengths")
    if not ((families >= 0) & (families < len(FAMILIES))).all() or not ((whose >= 0) & (whose < names)).all():
        raise DoubtfulError("its stories are of names or families that there are none of")
