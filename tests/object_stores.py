"""A real S3 server of the tests' own on this machine, and a bad line in front of it."""

from __future__ import annotations

import http.client
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import boto3
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIATESTSTESTSTESTS0", "s3cret/of+the=tests"


@contextmanager
def server() -> Iterator[str]:
    """The URL of an S3 server, its buckets in memory."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        running.stop()


@dataclass(frozen=True)
class Bucket:
    """A bucket as another library sees it."""

    endpoint: str
    name: str

    @classmethod
    def new(cls, endpoint: str) -> Bucket:
        bucket = cls(endpoint, f"test-{uuid.uuid4().hex}")
        bucket.client.create_bucket(Bucket=bucket.name)
        return bucket

    @property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    @property
    def url(self) -> str:
        """The prefix that the tests keep a store below."""
        return f"s3://{self.name}/desk/options"

    def environment(self, endpoint: str | None = None) -> dict[str, str]:
        """What a process needs to know of it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": endpoint or self.endpoint,
            "AWS_ALLOW_HTTP": "true",
        }

    def objects(self) -> dict[str, bytes]:
        """Every object below the prefix, by its key behind it."""
        before = len("desk/options/")
        listed = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix="desk/options/")
        keys = [item["Key"] for page in listed for item in page.get("Contents", [])]
        return {key[before:]: self.client.get_object(Bucket=self.name, Key=key)["Body"].read() for key in keys}

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=self.name, Key=f"desk/options/{key}", Body=content)

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=self.name, Key=f"desk/options/{key}")


@contextmanager
def refusing_strangers(endpoint: str) -> Iterator[None]:
    """The server asks for credentials that it knows, and it knows none."""
    _authenticate_after(endpoint, "0")
    try:
        yield
    finally:
        _authenticate_after(endpoint, "inf")


def _authenticate_after(endpoint: str, requests: str) -> None:
    headers = {"Content-Type": "text/plain"}
    urlopen(Request(f"{endpoint}/moto-api/reset-auth", requests.encode(), headers, method="POST")).close()


Fault = Callable[[str, str], str | None]


def none(method: str, path: str) -> str | None:
    del method, path


@dataclass
class Line:
    """A line to a server that breaks as it is told to: ``fault`` says how, of each request, None where it does not.

    ``busy`` answers 503; ``reset`` breaks off before the server is asked, ``deaf`` after it has done what it was asked;
    ``half`` breaks off in the middle of the answer, ``stuck`` in the middle of the request, and holds it until
    ``released``; ``slow`` lets the body come a byte at a time, for as long as somebody reads it.
    """

    endpoint: str
    fault: Fault = none
    seen: list[tuple[str, str]] = field(default_factory=list)
    stuck: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, part: str = "") -> int:
        return sum(asked == method and part in path for asked, path in self.seen)


@contextmanager
def line_to(endpoint: str) -> Iterator[tuple[Line, str]]:
    """Such a line, and the URL of its end here."""
    line = Line(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            _handle(self, line)

        do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Nothing."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    try:
        yield line, f"http://127.0.0.1:{running.server_address[1]}"
    finally:
        line.released.set()
        running.shutdown()
        running.server_close()


def _handle(request: BaseHTTPRequestHandler, line: Line) -> None:
    fault = line.fault(request.command, request.path)
    length = int(request.headers.get("Content-Length") or 0)
    if fault == "stuck":
        # Half of the body is on its way when the line stands still; the server never sees it.
        request.rfile.read(length // 2)
        line.stuck.set()
        line.released.wait()
        request.close_connection = True
        return None
    body = request.rfile.read(length)
    line.seen.append((request.command, request.path))
    if fault == "busy":
        return _answer(request, 503, {}, b"<Error><Code>SlowDown</Code></Error>")
    if fault == "reset":
        request.close_connection = True
        return None
    status, headers, content = _asked(request, body, line.endpoint)
    if fault == "deaf":
        request.close_connection = True
        return None
    return _answer(
        request, status, headers, content, half=fault == "half", drip=line.released if fault == "slow" else None
    )


def _asked(request: BaseHTTPRequestHandler, body: bytes, endpoint: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=60)
    try:
        connection.request(request.command, request.path, body, dict(request.headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _answer(
    request: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    content: bytes,
    *,
    half: bool = False,
    drip: threading.Event | None = None,
) -> None:
    request.send_response_only(status)
    for name, value in headers.items():
        if name.lower() not in ("content-length", "transfer-encoding", "connection"):
            request.send_header(name, value)
    # The length of what is not sent, as the answer to HEAD has it.
    length = headers.get("Content-Length", str(len(content))) if request.command == "HEAD" else str(len(content))
    request.send_header("Content-Length", length)
    request.end_headers()
    if drip is not None:
        _drip(request, content, drip)
    elif request.command != "HEAD":
        request.wfile.write(content[: len(content) // 2] if half else content)
    if half:
        request.close_connection = True


def _drip(request: BaseHTTPRequestHandler, content: bytes, until: threading.Event) -> None:
    """Send a body so slowly that nobody waits for its end, and always some of it."""
    try:
        for place in range(len(content)):
            request.wfile.write(content[place : place + 1])
            request.wfile.flush()
            if until.wait(0.1):
                break
    except OSError:
        """Whoever read it has gone."""
    request.close_connection = True
