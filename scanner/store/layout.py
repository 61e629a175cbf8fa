"""What makes a folder, or a prefix in a bucket, a store: a file in it that says how all beside it is laid out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.errors import StoreError, StoreMissingError
from scanner.object_prefix import ObjectPrefix
from scanner.store.files import expanded, unwritable, write_atomically

if TYPE_CHECKING:
    from scanner.store.mirror import Mirror

LAYOUT = 1
# What the file that makes a folder a store holds.
_MARK = json.dumps({"layout": LAYOUT}).encode()


def taken(place: Path | ObjectPrefix, *, read_only: bool) -> tuple[Path, Mirror | None]:
    """The folder of a store, made where it is new; of one in a bucket the folder that mirrors it, up to date.

    Raises StoreError where it cannot be used, or is only to be read and not there.
    """
    if isinstance(place, ObjectPrefix):
        from scanner.store.mirror import Mirror

        mirror = Mirror(place)
        mirror.fetch()
        path = mirror.folder
    else:
        mirror, path = None, expanded(Path(place))
    marker = path / "store.json"
    if not _is_unfinished(marker):
        _check_layout(marker)
    elif read_only:
        raise StoreMissingError(
            f"no store at {place}; `scanner import` or `scanner scan` makes one, or name it with --store"
        )
    elif path.exists() and not path.is_dir():
        raise StoreError(f"{path} is a file, not a folder; name a folder with --store DIR")
    else:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error
        write_atomically(marker, lambda handle: handle.write(_MARK))
    return path, mirror


def _is_unfinished(marker: Path) -> bool:
    """Whether a store has no marker yet, or no more than the beginning of one, as a power cut leaves it.

    Raises StoreError where that cannot be seen.
    """
    try:
        return marker.stat().st_size < len(_MARK) and _MARK.startswith(marker.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise StoreError(f"cannot read {marker}: {error.strerror}; name another folder with --store DIR") from error


def _check_layout(marker: Path) -> None:
    try:
        layout = json.loads(marker.read_text())["layout"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{marker} cannot be read ({error}); is {marker.parent} a store of this program?") from error
    if layout != LAYOUT:
        raise StoreError(f"{marker.parent} has layout {layout}, this version knows {LAYOUT}; use a newer scanner")
