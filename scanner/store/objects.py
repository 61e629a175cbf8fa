"""A prefix in a bucket, spoken to through obstore: listed, read, and written on condition.

An object is put in one request, so that it is there whole or not at all, and only where what stands there is what the
writer knows: nothing (``if-none-match``) or the version it read (``if-match``). Errors are told in words of our own:
what servers answer may repeat what they were asked with.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from scanner.errors import StoreError, StoreUnreachableError
from scanner.object_prefix import ObjectPrefix

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

# A store that stumbles is asked again for some seconds; one that is down longer is not waited for.
_RETRIES = 6
_RETRY_TIMEOUT, _FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(milliseconds=50), timedelta(seconds=3)
# For a connection, and for a whole file over a slow line. After so long a request is not tried again.
_CONNECTION, _REQUEST = "5 s", "300 s"
_STATUS = re.compile(r"status code: (\d{3})")
_CODE = re.compile(r"<Code>(\w{1,60})</Code>")
_NO_ANSWER = ("HTTP error", "HttpError", "error sending", "timed out")
_TOO_SLOW = "TimedOut"
# Where machines in a cloud ask for their credentials: whoever gets there has none in the environment.
_MACHINE_CREDENTIALS = ("169.254.169.254", "169.254.170.2", "metadata.google.internal")
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role of the machine",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or the account of the machine",
    "az": "AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or the identity of the machine",
}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object: what the server calls it, when it was written and how many bytes it has."""

    tag: str
    written: datetime
    size: int


class RefusedError(Exception):
    """A put whose condition does not hold: something else stands there."""


class Objects:
    """The objects below a prefix, by their keys behind it. Every method raises StoreError in words."""

    def __init__(self, place: ObjectPrefix) -> None:
        self.place = place
        self._store = _opened(place)

    def listed(self) -> dict[str, Version]:
        """Every object, in one listing."""
        import obstore

        with self._told("listed"):
            return {item["path"]: _version(item) for part in obstore.list(self._store) for item in part}

    def read(self, key: str) -> tuple[bytes, Version] | None:
        """An object with its version; None where there is none."""
        import obstore

        with self._told("read"):
            try:
                answer = obstore.get(self._store, key)
                return bytes(answer.bytes()), _version(answer.meta)
            except FileNotFoundError:
                return None

    def write(self, key: str, content: bytes, over: str | None) -> Version:
        """Put an object where none is, or ``over`` the version of that tag. Raises RefusedError where neither is so."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        with self._told("written"):
            try:
                put = obstore.put(
                    self._store, key, content, mode="create" if over is None else {"e_tag": over}, use_multipart=False
                )
                found = _version(obstore.head(self._store, key))
            except (AlreadyExistsError, PreconditionError) as error:
                raise RefusedError(key) from error
            except FileNotFoundError as error:
                if "NoSuchBucket" in str(error):
                    raise
                raise RefusedError(key) from error
            return Version(put["e_tag"] or found.tag, found.written, len(content))

    def delete(self, key: str) -> None:
        """Remove an object, whether or not it is there."""
        import obstore

        with self._told("written"):
            obstore.delete(self._store, key)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except (BaseError, OSError) as error:
            raise _in_words(self.place, what, f"{type(error).__name__} {error}") from None


def _opened(place: ObjectPrefix) -> ObjectStore:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url
    except ImportError as error:
        raise StoreError(
            f"{place}: object stores need obstore: pip install 'options-unusual-activity-scanner[objects]'"
        ) from error
    client: ClientConfig = {"connect_timeout": _CONNECTION, "timeout": _REQUEST, "allow_http": _plain_http()}
    pauses = {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2}
    retries: RetryConfig = {"max_retries": _RETRIES, "retry_timeout": _RETRY_TIMEOUT, "backoff": pauses}  # type: ignore[typeddict-item]
    try:
        return from_url(str(place), client_options=client, retry_config=retries)
    except (BaseError, ValueError) as error:
        raise _in_words(place, "opened", f"{type(error).__name__} {error}") from None


def _plain_http() -> bool:
    """Whether the environment allows requests that are not encrypted, as a server on this machine has them."""
    return os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")


def _version(meta: Any) -> Version:
    return Version(meta["e_tag"] or "", meta["last_modified"], meta["size"])


def _in_words(place: ObjectPrefix, what: str, said: str) -> StoreError:
    """What an error of the library means, without what the server wrote around it."""
    status, code = _STATUS.search(said), _CODE.search(said)
    number = int(status[1]) if status else None
    named = " ".join(part for part in (status[1] if status else "", code[1] if code else "") if part)
    refusal = _refusal(place, said, number, named)
    if refusal is not None:
        return StoreError(f"{place}: {refusal}")
    if number is None and not any(sign in said for sign in _NO_ANSWER):
        return StoreError(f"{place} cannot be {what}: {' '.join(said.split())[:160]}")
    if not named:
        named = f"no whole answer in {_REQUEST}" if _TOO_SLOW in said else "no answer"
    return StoreUnreachableError(f"{place} cannot be {what} now ({named}); try again later")


def _refusal(place: ObjectPrefix, said: str, number: int | None, named: str) -> str | None:
    """What is wrong with a request that would be refused again, and how to mend it; None where it may be answered."""
    credentials = _CREDENTIALS[place.scheme]
    if any(sign in said for sign in _MACHINE_CREDENTIALS):
        return f"no credentials were found; give {credentials}"
    if "BadScheme" in said:
        return "the endpoint is not encrypted (http); set AWS_ALLOW_HTTP=true where that is meant"
    if "NoSuchBucket" in said or number == 404:
        return f"there is no bucket {place.bucket}; make it, or mend the URL"
    if number in (401, 403) or "PermissionDenied" in said or "Unauthenticated" in said:
        return (
            f"access denied ({named or 'no permission'}); look at the credentials ({credentials}) and what they may do"
        )
    if number is not None and number < 500 and number not in (408, 429):
        return f"the server refused the request ({named})"
    return None
