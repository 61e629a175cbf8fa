"""Digests of chains: what a chain says, free of when it was fetched, so that the same recording is known again.

A row is hashed column by column into two words of 64 bits, and the digest of a chain is the sum of its rows' words, in
whatever order they stand: one pass over a frame gives those of all chains in it. The hash is written out here, for a
library's own may change with its version, while digests are kept for years. Those of earlier versions, which hash a
chain's buffers as a whole, are still understood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.kernels.columns import run_starts
from scanner.kernels.compile import kernel
from scanner.kernels.groups import Groups
from scanner.market import chain as chain_module

KEY = ("underlying", "quote_time")
_SAID = tuple(name for name in chain_module.SCHEMA if name != "fetched_at")
# What a digest begins with, to be told from those of earlier versions, which are plain hexadecimal.
_MARK = "2-"

Words = npt.NDArray[np.uint64]


def described(chain: pl.DataFrame) -> pl.DataFrame:
    """The chains of a frame, in their order: ``underlying quote_time rows fingerprint listing volume``.

    ``fingerprint`` is a digest of all that a chain says, ``listing`` one of its contracts, ``volume`` that of all of
    them.
    """
    chains = Groups.of(chain, KEY)
    of_row, count = chains.numbers().astype(np.uint32), len(chains)
    contract = _Column.of(chain["contract"])
    said = (contract if name == "contract" else _Column.of(chain[name]) for name in _SAID)
    return chains.keys.with_columns(
        rows=pl.Series(np.diff(chains.starts), dtype=pl.UInt32),
        fingerprint=pl.Series(_digests(said, of_row, count)),
        listing=pl.Series(_digests([contract], of_row, count)),
        volume=chains.known_sums(chain["volume"]).fill_null(0),
    )


def fingerprint(chain: pl.DataFrame) -> str:
    """The digest of a frame as one chain."""
    said = (_Column.of(chain[name]) for name in _SAID)
    (digest,) = _digests(said, np.zeros(chain.height, np.uint32), 1)
    return digest


def together(fingerprints: Iterable[str]) -> str:
    """The digest of a frame as one chain, from those of the chains in it: the words of all its rows, summed."""
    sums = [0, 0]
    for digest in fingerprints:
        for lane, word in enumerate((digest[2:18], digest[18:])):
            sums[lane] = (sums[lane] + int(word, 16)) % 2**64
    return f"{_MARK}{sums[0]:016x}{sums[1]:016x}"


def agrees(chain: pl.DataFrame, digest: str) -> bool:
    """Whether a digest, of this version or an earlier one, is that of a chain."""
    return digest == (fingerprint(chain) if digest.startswith(_MARK) else earlier_fingerprint(chain))


def is_earlier(digest: str) -> bool:
    """Whether a digest was made by an earlier version."""
    return not digest.startswith(_MARK)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column as it is hashed: of each row a word for either lane, read where it is ``known``; and its seeds.

    The arrays are read-only, whether they are the column's own memory or not: kernels meet one kind of array.
    """

    words: tuple[Words, Words]
    known: npt.NDArray[np.bool_]
    seeds: Words

    @classmethod
    def of(cls, column: pl.Series) -> _Column:
        seeds = np.frombuffer(hashlib.blake2b(column.name.encode(), digest_size=16).digest(), np.uint64)
        column = column.rechunk()
        known = column.is_not_null().to_numpy() if column.null_count() else np.ones(len(column), np.bool_)
        words = _text_words(column, seeds) if column.dtype == pl.String else (_numbers(column),) * 2
        for array in (*words, known):
            array.flags.writeable = False
        return cls(words, known, seeds)


def _digests(said: Iterable[_Column], of_row: npt.NDArray[np.uint32], count: int) -> list[str]:
    words = np.zeros((2, len(of_row)), np.uint64)
    for column in said:
        for lane in range(2):
            _take_in(column.words[lane], column.known, column.seeds[lane], words[lane])
    sums = np.zeros((2, count), np.uint64)
    for lane in range(2):
        _add_up(words[lane], of_row, sums[lane])
    return [f"{_MARK}{one:016x}{other:016x}" for one, other in sums.T.tolist()]


def _numbers(column: pl.Series) -> Words:
    """The values as words, zero where null."""
    column = column.to_physical() if column.dtype == pl.Enum else column
    wide = column.cast(pl.Float64 if column.dtype.is_float() else pl.Int64)
    return (wide.fill_null(0) if wide.null_count() else wide).to_numpy().view(np.uint64)


def _text_words(column: pl.Series, seeds: Words) -> tuple[Words, Words]:
    """The texts as words; of rows of one text that stand together it is hashed once."""
    starts = run_starts(column)
    told = column if len(starts) == len(column) else column[starts]
    words = np.empty((2, len(told)), np.uint64)
    _hash_text(*_text(told), seeds[0], seeds[1], words)
    if told is not column:
        words = words.repeat(np.diff(starts, append=len(column)), axis=1)
    return words[0], words[1]


def _text(column: pl.Series) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Where each text begins and ends among the characters, and the characters."""
    array = (
        (column.fill_null("") if column.null_count() else column)
        .rechunk()
        .to_arrow(compat_level=pl.CompatLevel.oldest())
    )
    _, offsets, characters = array.buffers()
    bounds = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return bounds, np.frombuffer(characters or b"", np.uint8)


@kernel(inline="always")
def _mixed(word: np.uint64) -> np.uint64:
    """A word with every bit of it spread over all (the finaliser of SplitMix64)."""
    word ^= word >> np.uint64(30)
    word *= np.uint64(0xBF58476D1CE4E5B9)
    word ^= word >> np.uint64(27)
    word *= np.uint64(0x94D049BB133111EB)
    return word ^ word >> np.uint64(31)


@kernel
def _take_in(values: Words, known: npt.NDArray[np.bool_], seed: np.uint64, words: Words) -> None:
    """Take a column into the words of one lane: plain enough a loop for several rows to be done at once."""
    for row in range(values.shape[0]):
        said = _mixed(values[row] + seed) if known[row] else seed
        words[row] = _mixed(words[row] + said)


@kernel
def _hash_text(
    bounds: npt.NDArray[np.int64],
    characters: npt.NDArray[np.uint8],
    one: np.uint64,
    other: np.uint64,
    words: Words,
) -> None:
    """Hash texts for either lane, without the seed that taking in adds."""
    for row in range(words.shape[1]):
        begin, end = bounds[row], bounds[row + 1]
        first, second = one, other
        for place in range(begin, end):
            first = (first ^ np.uint64(characters[place])) * np.uint64(0x100000001B3)
            second = (second ^ np.uint64(characters[place])) * np.uint64(0x100000001B3)
        words[0, row] = first + np.uint64(end - begin) - one
        words[1, row] = second + np.uint64(end - begin) - other


@kernel
def _add_up(words: Words, of_row: npt.NDArray[np.uint32], sums: Words) -> None:
    for row in range(words.shape[0]):
        # Mixed once more, so that what two rows exchange does not cancel out.
        sums[of_row[row]] += _mixed(words[row] + np.uint64(1))


def earlier_fingerprint(chain: pl.DataFrame) -> str:
    """The digest that earlier versions gave a chain."""
    digest = hashlib.blake2b(digest_size=16)
    for name in _SAID:
        digest.update(name.encode())
        for buffer in _buffers(chain[name]):
            digest.update(buffer)
    return digest.hexdigest()


def _buffers(column: pl.Series) -> Iterator[bytes | memoryview]:
    """The content of a column as bytes: where it is null (if anywhere), then its values."""
    if column.null_count():
        yield column.is_null().to_numpy().tobytes()
        column = column.fill_null("") if column.dtype == pl.String else column.to_physical().fill_null(0)
    if column.dtype != pl.String:
        yield np.ascontiguousarray(column.to_physical().to_numpy()).data
        return
    # Offsets and characters, as large as they are; far cheaper than one Python string a row.
    for buffer in column.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest()).buffers()[1:]:
        if buffer is not None:
            yield memoryview(buffer)
