"""Where a store may be kept apart from a folder: below a prefix in a bucket, named by its URL."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from urllib.parse import urlsplit

from scanner.errors import UsageError

SCHEMES = ("s3", "gs", "az")
_IS_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
# What every object store takes in a name, and no file system turns into something else.
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")
# Where mirrors lie on this machine, unless its environment says where.
_MIRRORS, _MIRRORS_VARIABLE = "~/.local/share/scanner-mirrors", "SCANNER_MIRRORS"
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class ObjectPrefix:
    """A prefix in a bucket: ``s3://bucket/prefix``; with ``az`` the account comes first, ``az://account/container``."""

    scheme: str
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def mirror(self) -> Path:
        """The folder on this machine that its files are kept in, one for each URL, in that of ``SCANNER_MIRRORS``."""
        digest = hashlib.blake2b(str(self).encode(), digest_size=6).hexdigest()
        words = re.sub(r"[^A-Za-z0-9]+", "-", str(self))[:_LONGEST_NAME].strip("-")
        folder = Path(os.environ.get(_MIRRORS_VARIABLE) or _MIRRORS) / f"{words}-{digest}"
        try:
            return folder.expanduser()
        except RuntimeError:
            # No home folder is known; whoever opens it says so.
            return folder


def store_place(given: str | PathLike[str] | ObjectPrefix) -> Path | ObjectPrefix:
    """Where a store is, as a person names it: a folder, or the URL of a prefix in a bucket.

    Raises UsageError for a URL of another kind, and for one with credentials in it, which is not repeated.
    """
    if isinstance(given, ObjectPrefix):
        return given
    text = fspath(given)
    if not _IS_URL.match(text):
        return Path(text)
    scheme, _, rest = text.partition(":")
    if scheme.lower() not in SCHEMES or not rest.startswith("//"):
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise UsageError(f"a store is a folder or begins with {known}, such as s3://bucket/prefix; not {scheme}:")
    url = urlsplit(text)
    if "@" in text or url.query or url.fragment:
        raise UsageError(
            f"the URL of a store is {scheme}://bucket/prefix and no more: credentials and settings come from the "
            "environment (docs/scale.md names them)"
        )
    parts = [part for part in (url.netloc, *url.path.split("/")) if part]
    if not url.netloc or not all(_PART.fullmatch(part) for part in parts):
        raise UsageError(
            f"{text!r}: expected {scheme}://bucket/prefix, its parts of letters, digits and - _ . = that do not begin "
            "with a mark"
        )
    return ObjectPrefix(scheme.lower(), parts[0], "/".join(parts[1:]))


def folder_of(place: Path | ObjectPrefix) -> Path:
    """The folder on this machine in which the files of a store lie, and what is kept beside it."""
    return place.mirror if isinstance(place, ObjectPrefix) else place
