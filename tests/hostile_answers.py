"""Answers that no sound server sends, from a seed: damaged status lines, headers, lengths, chunks, encodings, bytes."""

from __future__ import annotations

import gzip
import zlib
from random import Random

STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.1 2000 Many", b"HTTP/1.1 20", b"HTTP/1.1 -1 No",
    b"HTTP/9.9 200 OK", b"HTTP/ 200 OK", b"ICY 200 OK", b"", b"\x00", b"HTTP/1.1 \xb2\xb2\xb2 OK", b"HTTP/1.1 204 None",
    b"HTTP/1.1 100 Continue", b"HTTP/1.1 103 Early Hints", b"HTTP/1.1 101 Switching", b"HTTP/1.1 304 Same",
    b"HTTP/1.1 301 Moved", b"HTTP/1.1 302 Found", b"HTTP/1.1 308 Moved", b"HTTP/1.1 429 Slow", b"HTTP/1.1 503 Down",
    b"HTTP/1.1 200 " + b"x" * 70_000,
)  # fmt: skip
# What a header may hold, each in a way that somebody could trip over.
_NUMBERS = (
    b"", b"0", b"5", b"-5", b"1e9", b"nan", b"99999999999999999999999", b"5, 5", b"5, 6", b"\xb2", b"\xd9\xa3", b"0x10",
    b"9" * 5000, b"9" * 60_000,
)  # fmt: skip
_DATES = (
    b"Fri, 31 Dec 9999 23:59:59 GMT", b"Mon, 01 Jan 2024 00:00:00 GMT", b"Mon, 01 Jan 2024 00:00:00 -0000",
    b"Mon, 32 Foo 99999999999999999999 99:99:99 +99999999999999999999", b"Mon, 01 Jan 2024 00:00:00 +9999999999",
    b"Mon,", b", , ,", b"2024",
)  # fmt: skip
_PACKINGS = (
    b"gzip", b"x-gzip", b"deflate", b"br", b"gzip, gzip", b"identity", b", ,", b"chunked", b"gzip, chunked",
    b"chunked, chunked", b"\xff", b"gzip," * 10_000,
)  # fmt: skip
_ADDRESSES = (
    b"/b", b"b", b"", b"?", b"#", b"/%", b"/%zz", b"/\xe2\x82\xac", b"//example.com/", b"http://example.com/",
    b"https://127.0.0.1/", b"http://[", b"http://", b"http:", b"http://127.0.0.1:99999/", b"http://127.0.0.1:x/",
    b"javascript:alert(1)", b"file:///etc/passwd", b"\\\\example.com", b"http://example.com\\@127.0.0.1/", b"a b",
    b"http://key@127.0.0.1/", b"\x1b[31m", b"\xff\xfe", b"/" + b"x" * 60_000, b"http://" + b"x" * 60_000,
    b"http://xn--/", b"http://\xe2\x82\xac.com/", b"http://127.0.0.1\x00.example.com/", b"http://%31/",
)  # fmt: skip
_WORDS = (
    b"close", b"keep-alive", b"text/html; charset=\xff", b"x" * 70_000, b"first\r\n second", b"first\r\r\nsecond",
    b"a=b; expires=Mon, 99 Foo 9999 99:99:99; domain=..; path=\x00; max-age=\xb2", b"a", b"=;=;", b"<b>; rel=next",
)  # fmt: skip
HEADERS = {
    b"Content-Length": _NUMBERS, b"Retry-After": _NUMBERS + _DATES, b"Date": _DATES, b"Content-Encoding": _PACKINGS,
    b"Transfer-Encoding": _PACKINGS, b"Location": _ADDRESSES, b"Set-Cookie": _WORDS, b"Connection": _WORDS,
    b"Content-Type": _WORDS, b"Trailer": _WORDS, b"Link": _WORDS, b"": _WORDS, b" ": _WORDS, b"X\x00Y": _WORDS,
    b"\xff": _WORDS, b"Content-Length ": _NUMBERS,
}  # fmt: skip
# The headers that matter to a status alone.
_TELLING = {b"HTTP/1.1 30": b"Location", b"HTTP/1.1 429": b"Retry-After", b"HTTP/1.1 503": b"Retry-After"}
SIZES = (
    b"0",
    b"5",
    b"-1",
    b"-5",
    b"zz",
    b"",
    b"5;x=y",
    b"ffffffffffffffffffffff",
    b" 5",
    b"1_0",
    b"0x5",
    b"5" * 70_000,
)
PLAIN = b'{"data": {"options": []}}' * 40


def answer(seed: int) -> bytes:
    """One raw answer; what comes after it is the end of the connection."""
    random = Random(seed)
    lines = [random.choice(STATUS_LINES) if random.random() < 0.5 else STATUS_LINES[0]]
    lines += [_header(random) for _ in range(random.choice((0, 1, 2, 3, 5, 120)))]
    for status, name in _TELLING.items():
        if lines[0].startswith(status) and random.random() < 0.8:
            lines.append(name + b": " + random.choice(HEADERS[name]))
    sent = random.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r")).join(lines) + b"\r\n\r\n" + _body(random)
    if random.random() < 0.3:
        sent = sent[: random.randrange(len(sent) + 1)]
    if random.random() < 0.3:
        sent = _scratched(sent, random)
    return sent


def _header(random: Random) -> bytes:
    name = random.choice(tuple(HEADERS))
    value = random.choice(HEADERS[name])
    return name + random.choice((b": ", b": ", b": ", b":", b"", b" ")) + value


def _body(random: Random) -> bytes:
    packed = (
        PLAIN,
        gzip.compress(PLAIN),
        gzip.compress(PLAIN) * 3,
        zlib.compress(PLAIN),
        gzip.compress(PLAIN)[:60],
        b"",
    )
    body = random.choice(packed)
    if random.random() < 0.5:
        return body
    cuts = [body[start : start + 100] for start in range(0, len(body), 100)]
    chunks = [(b"%x" % len(cut) if random.random() < 0.9 else random.choice(SIZES)) + b"\r\n" + cut for cut in cuts]
    return b"\r\n".join([*chunks, random.choice(SIZES), b"", b""])


def _scratched(sent: bytes, random: Random) -> bytes:
    scratched = bytearray(sent)
    for _ in range(random.randrange(1, 5)):
        if scratched:
            scratched[random.randrange(len(scratched))] = random.randrange(256)
    return bytes(scratched)
