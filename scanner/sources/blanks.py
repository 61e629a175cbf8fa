"""The blanks that may stand around a vendor's value."""

from __future__ import annotations

# Tabulators, ends of lines and the spaces of all scripts. The control characters that Unicode also calls blank (form
# feed, vertical tabulator, next line) are not among them: no vendor sends them, and one may stand in a digit's place.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
AROUND_VALUES = f"{_SPACES}\t\r\n\u2028\u2029"
