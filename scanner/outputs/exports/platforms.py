"""What trading platforms' lists have in common: they name each contract or underlying once, in their own spelling.

What a platform has no name for - an adjusted, FLEX or mini contract, or what is no ticker symbol - is left out, and
said.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from scanner.alerts.model import Alert
from scanner.market import symbology
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject
from scanner.outputs.text import printable

_TICKER = re.compile(r"[A-Z0-9]{1,8}([./\- ][A-Z0-9]{1,3})?")
# Spells a contract of an underlying; an underlying.
OfContract = Callable[[symbology.Contract, str], str]
OfUnderlying = Callable[[str], str]


def export_symbols(
    subjects: Sequence[Subject], platform: str, of_contract: OfContract, of_underlying: OfUnderlying
) -> Exported:
    """A line for each symbol, and what could not be named."""
    lines = dict.fromkeys(line for subject in subjects for line in _lines(subject, of_contract, of_underlying))
    return Exported("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), _left_out(subjects, platform))


def spelled(name: str, mark: str) -> str:
    """A ticker with the platform's mark between a company and its share class."""
    parts = symbology.share_class(name)
    return name if parts is None else mark.join(parts)


def _lines(subject: Subject, of_contract: OfContract, of_underlying: OfUnderlying) -> Iterator[str]:
    """What a platform's list says of a subject: its contracts and, where it is not about one, the underlying."""
    name = _name(subject.first)
    for contract in _contracts(subject):
        if not _is_odd(contract):
            yield of_contract(contract, name)
    if _is_wide(subject) and _is_ticker(name):
        yield of_underlying(name)


def _left_out(subjects: Sequence[Subject], platform: str) -> tuple[str, ...]:
    contracts = dict.fromkeys(
        contract.osi for subject in subjects for contract in _contracts(subject) if _is_odd(contract)
    )
    wide = [_name(subject.first) for subject in subjects if _is_wide(subject)]
    names = dict.fromkeys(name for name in wide if not _is_ticker(name))
    told = {"adjusted, FLEX and mini contracts": contracts, "what is no ticker symbol": names}
    return tuple(
        f"left out of the {platform} watchlist, in which {what} cannot be named: {', '.join(unnamed)}"
        for what, unnamed in told.items()
        if unnamed
    )


def _is_wide(subject: Subject) -> bool:
    return subject.whole_name or subject.first.contract is None


def _contracts(subject: Subject) -> list[symbology.Contract]:
    """The contracts a subject's first alert names: its own, or those that drove it; of a whole name none."""
    alert = subject.first
    named = () if subject.whole_name else alert.drivers if alert.contract is None else (alert.contract,)
    found = []
    for symbol in named:
        try:
            found.append(symbology.parse_osi(symbol))
        except ValueError:
            continue
    return found


def _is_odd(contract: symbology.Contract) -> bool:
    """Whether platforms cannot tell a contract from the standard one with the same terms."""
    return symbology.root_info(contract.root).nonstandard


def _is_ticker(name: str) -> bool:
    """Whether a name is one that a platform may look up; what a file says may be anything, even a formula."""
    return _TICKER.fullmatch(name) is not None


def _name(alert: Alert) -> str:
    return printable(symbology.ticker(alert.underlying or ""))
