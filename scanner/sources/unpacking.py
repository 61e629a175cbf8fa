"""Packed bodies, unpacked here, so that one cut short is an error and never half a chain."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping

from scanner.sources.failures import HttpError, quoted, shown

_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_UNPACKED = frozenset({"", "identity"})
_GZIP_OR_ZLIB = 47  # wbits: 32 + 15 detects either header
_PIECE = 1024 * 1024


def is_packed(url: str, headers: Mapping[str, str]) -> bool:
    """Whether a body has to be unpacked. Raises HttpError where it is packed in a way that was not asked for."""
    packings, transfers = _listed(headers, "Content-Encoding"), _listed(headers, "Transfer-Encoding")
    if set(packings) <= _PACKED and len(packings) <= 1 and transfers in ([], ["chunked"]):
        return bool(packings)
    said = quoted(", ".join(packings + transfers))
    raise HttpError(f"{shown(url)}: the body is packed as {said}, which was not asked for", "unreadable")


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    """The encodings that a header lists, but those that change nothing."""
    return [word for part in headers.get(name, "").lower().split(",") if (word := part.strip()) not in _UNPACKED]


def unpacked(url: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip body of one or several members, or a zlib one, in pieces; zeros may pad it, as gzip allows.

    Raises HttpError where it is damaged or cut short.
    """
    decoder, begun, size = zlib.decompressobj(_GZIP_OR_ZLIB), False, 0
    for chunk in chunks:
        rest = chunk
        while rest := rest.lstrip(b"\0") if decoder.eof else rest:
            if decoder.eof:
                decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
            begun = True
            try:
                part = decoder.decompress(rest, _PIECE)
            except zlib.error as error:
                raise HttpError(f"{shown(url)}: the compressed body is damaged", "truncated") from error
            size += len(part)
            yield part
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if begun and not decoder.eof:
        raise HttpError(f"{shown(url)}: the compressed body was cut short after {size:,} bytes", "truncated")
