"""How fast the chains of a whole market come from a vendor that takes its time, and what a call costs the processor.

A server in a process of its own answers with a small chain of Massive's shape after 50 ms, as often as it is asked. The
bound is what no client with so many requests under way can beat: ``names x calls x latency / at once``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from string import ascii_uppercase
from typing import Any

SPOT = 100.25
_MOMENT = datetime(2026, 7, 16, 18, 0, tzinfo=UTC)
_EXPIRIES = (date(2026, 7, 24), date(2026, 8, 21))


def names(count: int) -> list[str]:
    """So many tickers of four letters."""
    return [f"Q{ascii_uppercase[n // 676 % 26]}{ascii_uppercase[n // 26 % 26]}{ascii_uppercase[n % 26]}"
            for n in range(count)]  # fmt: skip


def chain_of(name: str, strikes: int) -> bytes:
    """A chain of two expiries with so many strikes each, in Massive's shape."""
    stamp = int((_MOMENT - timedelta(minutes=16)).timestamp() * 1e9)
    return json.dumps({"status": "DELAYED", "results": list(_entries(name, strikes, stamp))}).encode()


def _entries(name: str, strikes: int, stamp: int) -> Iterator[dict[str, Any]]:
    for expiry in _EXPIRIES:
        for number in range(strikes):
            strike = SPOT // 1 - strikes // 2 + number
            for side in ("call", "put"):
                worth = max(SPOT - strike if side == "call" else strike - SPOT, 0.0) + 2.0
                symbol = f"O:{name}{expiry:%y%m%d}{side[0].upper()}{round(strike * 1000):08d}"
                yield {
                    "details": {
                        "ticker": symbol, "contract_type": side, "expiration_date": str(expiry),
                        "strike_price": strike, "exercise_style": "american", "shares_per_contract": 100,
                    },
                    "greeks": {"delta": 0.5 if side == "call" else -0.5},
                    "last_quote": {"bid": round(worth - 0.05, 2), "ask": round(worth + 0.05, 2), "bid_size": 10,
                                   "ask_size": 12, "last_updated": stamp, "timeframe": "DELAYED"},
                    "open_interest": 100 + number,
                    "underlying_asset": {"ticker": name, "price": SPOT, "last_updated": stamp},
                    "day": {"volume": 5 + number, "close": round(worth, 2), "last_updated": stamp},
                    "last_trade": {"price": round(worth, 2), "sip_timestamp": stamp, "size": 1},
                    "implied_volatility": 0.3,
                }  # fmt: skip


def _serve(told: Connection, latency: float, strikes: int) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = chain_of(head.split(b"?", 1)[0].rsplit(b"/", 1)[1].decode(), strikes)
            await asyncio.sleep(latency)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
            writer.write(body)

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await answer(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(quietly, "127.0.0.1", 0)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def server(latency: float, strikes: int) -> Iterator[str]:
    """The address of a server of its own process, which ends with the block."""
    ours, theirs = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=_serve, args=(theirs, latency, strikes), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def main(arguments: list[str]) -> int:
    """Fetch, and print wall time, the bound, processor time a name and how memory grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks fetching", description=__doc__)
    parser.add_argument("--names", type=int, default=5500)
    parser.add_argument("--at-once", type=int, default=4)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds before the server answers")
    parser.add_argument("--strikes", type=int, default=2, help="strikes of each of two expiries")
    chosen = parser.parse_args(arguments)
    from scanner.market.calendar import Calendar
    from scanner.sources.base import SourceSettings, VendorOptions
    from scanner.sources.registry import open_source

    os.environ["MASSIVE_API_KEY"] = "none"
    with server(chosen.latency, chosen.strikes) as address:
        options = VendorOptions(url=address, calls_per_minute=1_000_000, at_once=chosen.at_once)
        calendar = Calendar.standard()
        source = open_source("massive", SourceSettings(vendors={"massive": options}), calendar, lambda: _MOMENT)
        asked = names(chosen.names)
        _fetched(source, asked[:20])
        began, used, before = time.perf_counter(), time.process_time(), _memory()
        failures, peaks = _fetched(source, asked)
        wall, processor = time.perf_counter() - began, time.process_time() - used
    bound = chosen.names * chosen.latency / chosen.at_once
    sys.stdout.write(
        f"{chosen.names:,} names, {chosen.at_once} at once, {chosen.latency * 1000:g} ms: {wall:.1f} s, "
        f"{wall / bound:.2f} times the bound of {bound:.1f} s; {processor / chosen.names * 1000:.2f} ms of processor "
        f"time a name; {failures} failed; memory {before:.0f} MB before, "
        f"{', '.join(f'{peak:.0f}' for peak in peaks)} MB by quarters\n"
    )
    return 1 if failures else 0


def _fetched(source: Any, asked: list[str]) -> tuple[int, list[float]]:
    """How many names failed, and the memory taken after each quarter of them."""
    failures, peaks = 0, []
    for number, fetched in enumerate(source.chains(asked, _MOMENT), 1):
        failures += fetched.chain is None
        if fetched.error is not None and failures == 1:
            sys.stderr.write(f"{fetched.error}\n")
        if number % max(1, len(asked) // 4) == 0:
            peaks.append(_memory())
    return failures, peaks


def _memory() -> float:
    """Megabytes that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
