"""The one place that makes text of unknown origin harmless: for terminals, for spreadsheets, for file names.

Symbols, notes and messages come from vendors and files. A terminal obeys escape codes, a spreadsheet runs what looks
like a formula, a file system follows ``..``; so everything printed or written passes through here.
"""

from __future__ import annotations

import re
import unicodedata

# Cc: control characters; Cf: invisible ones, among them the marks that reverse the reading direction;
# Cs: lone surrogates, which cannot be written; Zl, Zp: line breaks of Unicode.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BREAKS = re.compile(r"[\t\r\n\v\f\x85\u2028\u2029]+")
# What spreadsheets take as the beginning of a formula, with its full-width and small forms. Where a comma is the
# decimal mark they part cells at semicolons, and then a formula may begin behind one, quotes or none.
_FORMULA = re.compile(r"(^|;)(?=[\s\"]*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])")
_NOT_IN_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_RESERVED = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_LONGEST_FILE_NAME = 120


def printable(text: str) -> str:
    """One line that a terminal only shows: breaks become spaces, escape codes and other controls a visible mark."""
    line = _BREAKS.sub(" ", text)
    if line.isprintable():
        return line
    return "".join(_REPLACEMENT if unicodedata.category(character) in _UNPRINTABLE else character for character in line)


def printable_lines(text: str) -> str:
    """Text that a terminal only shows, its line breaks kept: of what is meant to have several lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def csv_text(text: str) -> str:
    """Text for one CSV cell, which a spreadsheet shows and never runs: what could be a formula gets a leading quote."""
    return _FORMULA.sub(r"\1'", printable(text))


def file_name(text: str, default: str = "scanner") -> str:
    """A name for a file in one folder, on any system: letters, digits, dot, dash and underscore; never hidden."""
    name = _NOT_IN_FILE_NAME.sub("-", text).strip(".-")[:_LONGEST_FILE_NAME].rstrip(".-")
    if not name:
        return default
    return f"{default}-{name}" if _RESERVED.match(name) else name
