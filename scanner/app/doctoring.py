"""Whether everything that a scan works with is well: configuration, rules, store, clock, and each configured source."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from scanner.app import clock, configuring, opening
from scanner.errors import ConfigError, RuleError, ScannerError, StoreMissingError, UsageError
from scanner.outputs.diagnosis import Check, Diagnosis, Verdict

if TYPE_CHECKING:
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.ruleset import Rule
    from scanner.sources.base import Fetched, Source, Vendor

_USUAL_SYMBOL = "SPY"
_CLOCKS_APART = 30.0
_LATE = 1.5
# What is missing for want of history is no fault of a source.
_OF_TIME = ("history", "sessions to count over", "no baseline")
_SHOWN_RULES = 6
# What to do about a source that has no chain, by the reason.
_WAYS_OUT = {
    "unauthorised": "set the credential anew; a token may have expired or be of the vendor's other host",
    "not_entitled": "look at what the plan holds, or take another source",
    "no_credential": "set the variable, or take another source",
    "terms": "read the terms; then `--accept-terms NAME`, or `accept_terms:` in the configuration",
    "not_opened": "mend what it names",
    "rate_limited": "wait, ask less often (`vendors.NAME.calls_per_minute`), or take another source",
    "quota_spent": "wait for the vendor's next day, or take another source",
    "unreachable": "look at the network, and at `vendors.NAME.url`",
    "blocked": "take another source",
    "refused": "look at what it says; where that is new, please report it with what `scan --record DIR` keeps",
    "http_error": "look at what it says; where that is new, please report it with what `scan --record DIR` keeps",
    "unknown_symbol": "name a symbol that it has: `scanner doctor SYMBOL`",
}
# What an error in opening a source is called.
_CODES = {"MissingKeyError": "no_credential", "TermsError": "terms"}
_AN_HOUR_AND_A_HALF = 90
# What cannot be told without a column that a source lacks, beside the column itself.
_RESTS_ON = {"spot": ("otm_pct",), "last_trade_time": ("last_trade_age_minutes",)}


def doctor(
    symbol: str | None = None,
    *,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    store: Place | None = None,
    rules: Sequence[Place] = (),
    accept_terms: Sequence[str] = (),
    offline: bool = False,
    notify: bool = False,
) -> Diagnosis:
    """Look at everything a scan works with, and say of each whether it is well and what to do where it is not.

    Each live source is asked for one chain, that of ``symbol`` (None: the first of the watchlists, else SPY);
    ``offline`` asks none, and ``notify`` sends a test message to each output for messages. Nothing is scanned, and
    nothing kept but how often vendors were asked. The other arguments are as in
    :func:`~scanner.app.configuring.settings`. Raises nothing of what it looks for.
    """
    try:
        configured = configuring.settings(
            settings, store=store, source=source, path=path, accept_terms=accept_terms, rules=rules
        )
    except (ConfigError, UsageError) as error:
        lines = error.lines or (str(error),)
        found = [Check("configuration", "", Verdict.wrong, line, "mend the line it names") for line in lines]
        return Diagnosis((*found, _clock(None)))
    checks = [_configuration(configured, settings)]
    usable, of_rules = _rules(configured)
    checks += [of_rules, _store(configured)]
    asked = symbol or next((one for names in configured.watchlists.values() for one in names), _USUAL_SYMBOL)
    of_sources = list(_sources(configured, asked, usable, offline=offline))
    outputs = _outputs(configured, send=notify)
    beside = _companions(configured, asked, offline=offline)
    return Diagnosis((*checks, *outputs, _clock(of_sources), *(one.check for one in of_sources), *beside))


@dataclass(frozen=True)
class _OfSource:
    """A source's check, and by how many seconds its clock is ahead, where it told."""

    check: Check
    apart: float | None = None


def _configuration(configured: Settings, given: Settings | Place | None) -> Check:
    from scanner import config, shipped

    if isinstance(given, config.Settings):
        where = "handed in"
    else:
        path = config.find(configuring.as_path(given))
        where = "the built-in default" if path == shipped.default_config() else str(path)
    names = sorted({name for listed in configured.watchlists.values() for name in listed})
    counts = ((len(configured.watchlists), "watchlist"), (len(names), "name"), (len(configured.schedule), "job"))
    lists = ", ".join(f"{count:,} {word}{'' if count == 1 else 's'}" for count, word in counts)
    return Check("configuration", "", Verdict.well, f"{where}: {lists}", facts=(("symbols", len(names)),))


def _rules(configured: Settings) -> tuple[list[Rule], Check]:
    try:
        usable, problems = opening.usable_rules(configured, strict=False)
    except RuleError as error:
        said = "; ".join(error.lines)
        return [], Check("rules", "", Verdict.wrong, said, "`scanner rules check` says what is wrong and where")
    count = f"{len(usable):,} stable rules"
    if not problems:
        return usable, Check("rules", "", Verdict.well, count, facts=(("rules", len(usable)),))
    said = "; ".join(problem.message for problem in problems)
    do = "`scanner rules check` says what is wrong and where"
    return usable, Check("rules", "", Verdict.doubtful, f"{count}, {len(problems)} broken: {said}", do)


def _store(configured: Settings) -> Check:
    from scanner.store import holdings

    path, folder = configured.store.path, configured.store.folder
    try:
        opened = opening.open_store(configured, read_only=True)
        info = holdings.info(opened)
    except ScannerError as error:
        if isinstance(error, StoreMissingError) and (folder.is_dir() or not folder.exists()):
            return Check("store", "", Verdict.well, f"{path}: not there yet; the first scan makes it")
        return Check("store", "", Verdict.wrong, str(error), "mend it, or name another with `store.path` or --store")
    if not os.access(folder, os.W_OK):
        return Check("store", "", Verdict.wrong, f"{folder} cannot be written", "mend its permissions, or name another")
    if opened.mirror is not None and (waiting := opened.mirror.waiting()):
        said = f"{path}: {waiting:,} file{'' if waiting == 1 else 's'} in {folder} not sent yet"
        return Check("store", "", Verdict.doubtful, said, "the next scan sends them, or `scanner store verify` now")
    sessions = max((one.sessions for one in info.sources), default=0)
    megabytes = (info.snapshot_bytes + info.summary_bytes) / 1e6
    said = f"{path}: {sessions:,} session{'' if sessions == 1 else 's'}, {megabytes:,.1f} MB"
    if opened.mirror is not None and configured.state is None:
        said += "; alerts are remembered on this machine alone (`state: postgresql://...` shares them, too)"
    if info.set_aside:
        do = "`scanner store verify` says which; what was derived is made anew"
        return Check("store", "", Verdict.doubtful, f"{said}; {info.set_aside} damaged files were set aside", do)
    return Check("store", "", Verdict.well, said, facts=(("sessions", sessions),))


def _outputs(configured: Settings, *, send: bool) -> Iterator[Check]:
    """The outputs for messages: whether each takes one, where ``send`` says to try."""
    from scanner.app import notifying

    addresses = configured.outputs.notify
    if not addresses:
        if send:
            do = "add an address under `outputs.notify`; docs/configuration.md has examples"
            yield Check("messages", "", Verdict.doubtful, "no output for messages is configured", do)
        return
    try:
        notifying.check(configured)
    except UsageError as error:
        yield Check("messages", "", Verdict.wrong, str(error), "mend the address, or install what it names")
        return
    if not send:
        count = f"{len(addresses):,} output{'' if len(addresses) == 1 else 's'}"
        yield Check("messages", "", Verdict.skipped, f"{count}; not tried (--notify sends a test message)")
        return
    for tried in notifying.test(configured):
        if tried.problem is None:
            yield Check("messages", tried.output, Verdict.well, "a test message was taken")
        else:
            do = "look at its address and the network; messages are kept and tried again"
            yield Check("messages", tried.output, Verdict.wrong, tried.problem, do)


def _clock(sources: Sequence[_OfSource] | None) -> Check:
    now = clock.right_now()
    said = f"{now:%Y-%m-%d %H:%M:%S} UTC, {clock.on_the_exchange(now)} on the exchange"
    apart = [one.apart for one in sources or () if one.apart is not None]
    if not apart:
        return Check("clock", "", Verdict.skipped if sources else Verdict.well, f"{said}; no server told another time")
    worst = max(apart, key=abs)
    facts = (("seconds_behind", round(worst, 1)),)
    if abs(worst) <= _CLOCKS_APART:
        return Check("clock", "", Verdict.well, f"{said}; servers agree to {abs(worst):.0f} s", facts=facts)
    way = "behind" if worst > 0 else "ahead of"
    do = "set this machine's clock: chains from the future are refused, and sessions are told by it"
    return Check("clock", "", Verdict.doubtful, f"{said}: {abs(worst):,.0f} s {way} a vendor's", do, facts)


def _sources(configured: Settings, symbol: str, rules: Sequence[Rule], *, offline: bool) -> Iterator[_OfSource]:
    from scanner.sources.registry import open_source, require_terms, vendor_of

    for name in configured.source:
        vendor = vendor_of(name)
        try:
            require_terms(name, configured.accept_terms)
            calendar = configured.exchange_calendar
            opened = open_source(name, configured.for_sources(), calendar, clock.right_now)
        except ScannerError as error:
            code = _CODES.get(type(error).__name__, "not_opened")
            yield _OfSource(_failed(vendor, error.lines[0].removeprefix(f"source {name}: "), code))
            continue
        if offline and vendor.live:
            said = f"{_terms_of(opened.vendor)}; not asked (--offline)"
            yield _OfSource(Check("source", name, Verdict.skipped, said))
            continue
        yield _asked(opened, configured, symbol, rules)


def _companions(configured: Settings, symbol: str, *, offline: bool) -> Iterator[Check]:
    """What stands beside chains: the curve that discounts, and each vendor that is asked for more; with its age."""
    from scanner.app import companions

    yield _curve(configured)
    for kind, names in configured.companions:
        for name in names:
            says, facts = companions.held_in_words(configured, kind, name)
            problem = None if offline else companions.tried(configured, kind, name, symbol)
            label = f"{kind.replace('_', ' ')} by {name}"
            if problem is None:
                verdict = Verdict.skipped if offline else Verdict.well
                yield Check(
                    "companion", label, verdict, f"{says}; not asked (--offline)" if offline else says, facts=facts
                )
                continue
            code = getattr(problem, "code", "") or _CODES.get(type(problem).__name__, "not_opened")
            do = _WAYS_OUT.get(code, "").replace("NAME", name)
            more = (f"a scan goes on without it; {says}",)
            yield Check("companion", label, Verdict.doubtful, str(problem), do, (*facts, ("code", code)), more)


def _curve(configured: Settings) -> Check:
    """The Treasury curve, and how old it is."""
    from scanner.app import preparing

    today = clock.right_now().date()
    try:
        known = preparing.curve(configured)
    except ScannerError as error:
        return Check(
            "companion", "treasury", Verdict.wrong, error.lines[0], "`scanner curve --refresh` fetches it anew"
        )
    facts = (("of", str(known.last_date)), ("days_old", (today - known.last_date).days))
    return Check("companion", "treasury", Verdict.well, known.source(today), facts=facts)


def _asked(source: Source, configured: Settings, symbol: str, rules: Sequence[Rule]) -> _OfSource:
    """What one chain of a source tells."""
    now = clock.right_now()
    wanted = () if source.vendor.recorded else (symbol,)
    fetched = next(iter(source.chains(wanted, now)), None)
    pace = getattr(source, "pace", None)
    apart = None if pace is None else pace.apart
    if fetched is None or fetched.chain is None:
        problem = None if fetched is None else fetched.error
        code, said = ("empty", "it holds no chain") if problem is None else (problem.code, problem.message)
        return _OfSource(_failed(source.vendor, said, code), apart)
    facts: dict[str, Any] = {"symbol": fetched.symbol, "contracts": fetched.chain.height}
    said = f"{_terms_of(source.vendor)}; {fetched.symbol}: {fetched.chain.height:,} contracts"
    more = [_sample(fetched, facts)]
    doubts = list(_doubts(fetched, source.vendor, configured, now, facts))
    if pace is not None:
        left = pace.left()
        facts |= {"calls_left_today": left.today, "seconds_to_wait": round(left.wait, 1)}
        more += [f"{left.today:,} calls left today"] if left.today is not None else []
    more.append(_not_judged(fetched.chain, source.vendor, configured, rules, facts))
    more += [doubt for doubt, _ in doubts]
    verdict = Verdict.doubtful if doubts else Verdict.well
    ways = "; ".join(do for _, do in doubts)
    return _OfSource(Check("source", source.vendor.name, verdict, said, ways, tuple(facts.items()), tuple(more)), apart)


def _failed(vendor: Vendor, said: str, code: str) -> Check:
    do = _WAYS_OUT.get(code, "").replace("NAME", vendor.name)
    return Check("source", vendor.name, Verdict.wrong, said, do, (("code", code),))


def _terms_of(vendor: Vendor) -> str:
    """What the register says of a vendor, in a few words."""
    if not vendor.live:
        return vendor.says
    minutes = vendor.delay.total_seconds() / 60
    late = f"{minutes:g} minutes" if minutes < _AN_HOUR_AND_A_HALF else f"{minutes / 60:g} hours"
    behind = f"{late} behind the market" if minutes else "in real time"
    return f"{behind}, {vendor.price}"


def _sample(fetched: Fetched, facts: dict[str, Any]) -> str:
    """The busiest contract of the chain, as it came."""
    assert fetched.chain is not None
    row = fetched.chain.sort("volume", descending=True, nulls_last=True).row(0, named=True)
    facts["sample"] = {
        name: row[name] if isinstance(row[name], int | float | str | None) else str(row[name])
        for name in ("contract", "bid", "ask", "volume", "open_interest", "oi_asof", "spot", "quote_time")
    }
    quote = "no quote" if row["bid"] is None or row["ask"] is None else f"{row['bid']:g} x {row['ask']:g}"
    volume = "volume not known" if row["volume"] is None else f"volume {row['volume']:,}"
    interest = "open interest not known"
    if row["open_interest"] is not None:
        interest = f"open interest {row['open_interest']:,} of {row['oi_asof'] or 'a close that cannot be told'}"
    return f"such as {row['contract']} {quote}, {volume}, {interest}"


def _doubts(
    fetched: Fetched, vendor: Vendor, configured: Settings, now: datetime, facts: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    """What is not as the vendor promises, and what to do about it."""
    assert fetched.chain is not None
    quoted: datetime = fetched.chain["quote_time"][0]
    calendar = configured.exchange_calendar
    facts["behind_minutes"] = round((now - quoted).total_seconds() / 60, 1)
    allowed = vendor.delay.total_seconds() / 60 + 5
    if vendor.live and calendar.is_open(now) and facts["behind_minutes"] > _LATE * allowed:
        yield (
            f"its quotes are {facts['behind_minutes']:,.0f} minutes old while the market is open",
            f"look at the plan, or set `vendors.{vendor.name}.delay` to what it gives",
        )
    for column, what in (("volume", "volume"), ("open_interest", "open interest"), ("bid", "quotes")):
        if fetched.chain[column].null_count() == fetched.chain.height:
            yield f"no {what} at all", f"the plan may not hold {what}; rules that need it are not judged"


def _not_judged(
    chain: pl.DataFrame, vendor: Vendor, configured: Settings, rules: Sequence[Rule], facts: dict[str, Any]
) -> str:
    """Which rules cannot be judged with such a chain, however much history there is."""
    from scanner import pipeline
    from scanner.app import preparing

    without = {name for column in vendor.lacks for name in {column, *_RESTS_ON.get(column, ())}}
    missing = {rule.id: without & {one.field.name for one in rule.fields} for rule in rules}
    lacking = {rule: sorted(names) for rule, names in missing.items() if names}
    try:
        moment = chain["quote_time"][0]
        with opening.memory_if_there(configured, configured.exchange_calendar.session_of(moment)) as memory:
            setup = preparing.setup(configured, memory.store, memory.state, rules)
            remembered, known = pipeline.know(chain, setup)
            judged = pipeline.judge(remembered.chain, known, moment, rules, setup.methods)
        for rule, reasons in judged.judgement.not_judged.select("rule_id", "reasons").iter_rows():
            own = [reason for reason in reasons if not any(word in reason for word in _OF_TIME)]
            if own:
                lacking.setdefault(rule, own)
    except ScannerError as error:
        facts["not_judged"] = {}
        return f"whether its rules can be judged could not be told ({error})"
    facts["not_judged"] = lacking
    if not lacking:
        return "every rule can be judged, once there is history"
    shown = ", ".join(f"{rule} ({'; '.join(why)})" for rule, why in list(lacking.items())[:_SHOWN_RULES])
    more = f" and {len(lacking) - _SHOWN_RULES} more" if len(lacking) > _SHOWN_RULES else ""
    return f"not judged in such a chain: {shown}{more}"
