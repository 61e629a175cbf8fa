"""Digests of chains: the same for the same recording, another for whatever else is said."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime, timedelta

import polars as pl
from built_chains import built_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.market import chain as chain_module
from scanner.store import fingerprints

CHAIN = built_chain(date(2026, 8, 3))
WORD = 2**64


def mixed(word: int) -> int:
    """SplitMix64's finaliser, as Steele, Lea and Flood give it."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 % WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB % WORD
    return word ^ word >> 31


def listing_by_hand(contracts: list[str]) -> str:
    """The digest of a listing in plain Python: what is written today must be read by every later version."""
    digest = hashlib.blake2b(b"contract", digest_size=16).digest()
    sums = [0, 0]
    for lane in (0, 1):
        seed = int.from_bytes(digest[8 * lane : 8 * lane + 8], "little")
        for contract in contracts:
            said = seed
            for character in contract.encode():
                said = (said ^ character) * 0x100000001B3 % WORD
            row = mixed(mixed((said + len(contract)) % WORD))
            sums[lane] = (sums[lane] + mixed((row + 1) % WORD)) % WORD
    return f"2-{sums[0]:016x}{sums[1]:016x}"


def test_a_digest_is_what_plain_python_makes_of_the_same_text() -> None:
    assert fingerprints.described(CHAIN)["listing"].to_list() == [listing_by_hand(CHAIN["contract"].to_list())]


def test_each_chain_of_a_frame_has_the_digest_that_it_has_alone_in_whatever_order_rows_stand() -> None:
    noon = datetime(2026, 8, 3, 16, tzinfo=UTC)
    alone = [
        built_chain(date(2026, 8, 3), underlying=name, quote_time=noon + timedelta(minutes=minutes), volume=minutes)
        for name in ("ABC", "XYZ")
        for minutes in (0, 20)
    ]
    together = fingerprints.described(pl.concat(alone).sample(fraction=1.0, shuffle=True, seed=5))
    told = {(name, quoted): said for name, quoted, *said in together.iter_rows()}
    for chain in alone:
        ((name, quoted, *said),) = fingerprints.described(chain).iter_rows()
        assert told.pop((name, quoted)) == said
        assert said[1] == fingerprints.fingerprint(chain)
        assert fingerprints.agrees(chain, said[1])
        assert said[0] == 20
    assert told == {}


def test_a_digest_is_free_of_when_a_chain_was_fetched() -> None:
    later = CHAIN.with_columns(fetched_at=pl.lit(datetime(2026, 8, 4, tzinfo=UTC)).cast(chain_module.INSTANT))
    assert fingerprints.fingerprint(later) == fingerprints.fingerprint(CHAIN)


def test_an_absent_number_is_not_zero_and_an_absent_text_is_not_empty() -> None:
    digests = {
        fingerprints.fingerprint(CHAIN.with_columns(pl.lit(value, CHAIN[name].dtype).alias(name)))
        for name, values in {"volume": (None, 0), "bid": (None, 0.0), "last": (None, 0.0), "root": (None, "")}.items()
        for value in values
    }
    assert len(digests) == 8


SAID = [name for name in chain_module.SCHEMA if CHAIN[name].null_count() == 0]


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(SAID), row=st.integers(0, 19), other=st.integers(0, 19))
def test_whatever_one_cell_says_counts_and_so_does_where_it_stands(name: str, row: int, other: int) -> None:
    whole = fingerprints.fingerprint(CHAIN)
    values = CHAIN[name].to_list()
    lacking = [None if place == row else value for place, value in enumerate(values)]
    assert fingerprints.fingerprint(_with(name, lacking)) != whole
    swapped = [*values]
    swapped[row], swapped[other] = values[other], values[row]
    assert (fingerprints.fingerprint(_with(name, swapped)) != whole) == (swapped != values)


def _with(name: str, values: list[object]) -> pl.DataFrame:
    return CHAIN.with_columns(pl.Series(name, values, dtype=CHAIN[name].dtype))
