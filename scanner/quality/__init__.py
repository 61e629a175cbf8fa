"""Whether a chain can be judged: verdicts, each switching off exactly what it makes untrustworthy."""

from scanner.quality.gate import apply, judge, unusable

__all__ = ["apply", "judge", "unusable"]
