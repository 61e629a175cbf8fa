"""The sections of ``config.yaml``, typed and frozen, with their defaults."""

from __future__ import annotations

from datetime import date, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from scanner.alerts.routing import Route
from scanner.config.values import (
    Amount,
    Cooldown,
    CrontabLine,
    Database,
    Day,
    DialectName,
    Digest,
    Duration,
    FormatName,
    Hours,
    Lots,
    MomentOfDay,
    QuietHours,
    SourceName,
    StorePlace,
    Symbols,
    UsablePath,
    VendorName,
    companions_of,
    exported,
)
from scanner.market.calendar import Calendar
from scanner.market.moments import During
from scanner.object_prefix import folder_of
from scanner.outputs.exports.registry import GENERIC
from scanner.severity import Severity
from scanner.sources.base import Gives, SourceSettings, VendorOptions

# Beside the store: how often each vendor was asked.
PACE_FILE = "vendors.sqlite"
# Beside it: what companions told, and when.
COMPANIONS_FILE = "companions.sqlite"
# From 09:30 to 16:00. Half days are shorter: an interval that fits a whole session only has no run on them.
_WHOLE_SESSION = timedelta(hours=6, minutes=30)


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _address_alone(value: object) -> object:
    return {"url": value} if isinstance(value, str | SecretStr) else value


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoreSettings(_Section):
    """Where history is kept, and for how long."""

    path: StorePlace = Path("~/.local/share/scanner")
    keep_snapshots: Duration = timedelta(days=400)
    keep_alerts: Duration = timedelta(days=1_100)
    keep_records: Duration = timedelta(days=90)

    @property
    def folder(self) -> Path:
        """The folder on this machine: the store itself, or what mirrors it, and what is kept beside it."""
        return folder_of(self.path)


class Job(_Section):
    """One scheduled job: a scan (or confirmation) of a watchlist, at an interval or at a fixed moment of the day."""

    name: str = Field(min_length=1, max_length=128)
    watchlist: str
    task: Literal["scan", "confirm"] = "scan"
    every: Duration | None = None
    at: MomentOfDay | None = None
    cron: CrontabLine | None = None
    during: During | None = None
    time_limit: Duration | None = None
    symbol_time_limit: Duration = timedelta(minutes=1)

    @property
    def hours(self) -> During:
        """The hours the job keeps to: those it names, else the regular ones; a cron job names its times itself."""
        return self.during or ("always" if self.cron is not None else "regular")

    @property
    def longest(self) -> timedelta:
        """How long fetching may take: the limit it names, else until the next run of ``every``, at most 15 minutes."""
        usual = timedelta(minutes=15)
        return self.time_limit or (usual if self.every is None else min(usual, self.every))

    @model_validator(mode="after")
    def _one_trigger(self) -> Job:
        if sum(given is not None for given in (self.every, self.at, self.cron)) != 1:
            raise ValueError(
                "give one of `every` (such as 15m), `at` (such as close, open+30m or 09:45) and `cron` (a crontab "
                "line), not several and not none"
            )
        if self.every is not None and self.every < timedelta(minutes=1):
            raise ValueError("`every` must be at least 1m")
        if self.every is not None and self.every > _WHOLE_SESSION and self.hours == "regular":
            raise ValueError(
                "`every` is longer than a session (6h 30m) and would never run; write a shorter one, `at: close`, or "
                "`during: always`"
            )
        if self.at is not None and self.during is not None:
            raise ValueError("`during` has no meaning beside `at`: such a job runs once a session; take it out")
        for name in ("time_limit", "symbol_time_limit"):
            if (limit := getattr(self, name)) is not None and limit < timedelta(seconds=1):
                raise ValueError(f"`{name}` must be at least 1s")
        return self


class AtLeast(_Section):
    """How large a story must be to be told: dollars of premium (25k is 25,000) and lots."""

    premium: Amount = 1_000.0
    lots: Lots = Field(default=50, ge=0)


class AlertSettings(_Section):
    """How findings become alerts."""

    budget_per_session: int = Field(default=20, ge=1, le=1_000_000)
    at_least: AtLeast = AtLeast()
    false_discovery_rate: float | None = Field(default=None, gt=0, lt=1)
    cooldown: Cooldown = 1


class PricingSettings(_Section):
    """How options are priced."""

    use_vendor_iv: bool = False
    curve: UsablePath | None = None


class TerminalOutput(_Section):
    """What is printed."""

    min_severity: Severity = Severity.notice


class WatchlistOutput(_Section):
    """The watchlist that each scan writes."""

    path: UsablePath = Path("watchlists")
    dialect: DialectName = GENERIC
    format: FormatName | None = None

    @model_validator(mode="after")
    def _together(self) -> WatchlistOutput:
        exported(self.dialect, self.format)
        return self


class Notify(_Section):
    """One address that is told of alerts: which, and when."""

    url: SecretStr
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")] | None = None
    min_severity: Severity = Severity.notice
    min_stars: Annotated[int, Field(ge=1, le=5)] | None = None
    watchlist: str | None = None
    digest: Digest = None
    quiet: QuietHours = None
    most_an_hour: Annotated[int, Field(ge=1, le=1000)] = 10


class Outputs(_Section):
    """Where alerts go, apart from the store."""

    terminal: TerminalOutput = TerminalOutput()
    watchlist: WatchlistOutput | None = None
    notify: tuple[Annotated[Notify, BeforeValidator(_address_alone)], ...] = ()


class VendorSettings(_Section):
    """What the user says of one vendor, in place of what the register of vendors says."""

    url: str | None = Field(default=None, max_length=500)
    feed: Literal["indicative", "opra", "delayed", "realtime"] | None = None
    calls_per_minute: int | None = Field(default=None, ge=1, le=1_000_000)
    calls_per_day: int | None = Field(default=None, ge=1, le=1_000_000_000)
    at_once: int | None = Field(default=None, ge=1, le=64)
    delay: Duration | None = None
    longest_scan: Duration = timedelta(minutes=10)


class CompanionSettings(_Section):
    """Who is asked for what stands beside chains; a list is a fallback order, nobody means that nobody is."""

    closes: Annotated[tuple[str, ...], BeforeValidator(_listed), companions_of(Gives.closes)] = ()
    open_interest: Annotated[tuple[str, ...], BeforeValidator(_listed), companions_of(Gives.open_interest)] = ()
    announcements: Annotated[tuple[str, ...], BeforeValidator(_listed), companions_of(Gives.announcements)] = ()
    news: Annotated[tuple[str, ...], BeforeValidator(_listed), companions_of(Gives.news)] = ()
    dark_pool: Annotated[tuple[str, ...], BeforeValidator(_listed), companions_of(Gives.dark_pool)] = ()


class Settings(_Section):
    """The whole configuration."""

    source: Annotated[tuple[SourceName, ...], BeforeValidator(_listed), Field(min_length=1)] = ("cboe",)
    accept_terms: tuple[VendorName, ...] = ()
    vendors: dict[VendorName, VendorSettings] = {}
    companions: CompanionSettings = CompanionSettings()
    path: UsablePath | None = None
    watchlists: dict[str, Symbols] = {}
    store: StoreSettings = StoreSettings()
    state: Database | None = None
    schedule: tuple[Job, ...] = ()
    alerts: AlertSettings = AlertSettings()
    pricing: PricingSettings = PricingSettings()
    rules: tuple[UsablePath, ...] = ()
    events: UsablePath | None = None
    calendar: dict[Day, Hours] = {}
    extended_hours: Symbols = ()
    outputs: Outputs = Outputs()

    def for_sources(self, record_to: Path | None = None) -> SourceSettings:
        """What opening a source needs to know of all this; bodies are kept verbatim in ``record_to``."""
        told = {name: VendorOptions(**dict(vendor)) for name, vendor in self.vendors.items()}
        return SourceSettings(self.path, told, self.store.folder / PACE_FILE, record_to)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Who is told of what, by the outputs' names: those they were given, else their kind and place in the list."""
        return tuple(
            Route(
                name_of(place, address),
                address.min_severity,
                address.min_stars,
                None if address.watchlist is None else frozenset(self.watchlists[address.watchlist]),
                address.digest,
                address.quiet,
                address.most_an_hour,
            )
            for place, address in enumerate(self.outputs.notify, 1)
        )

    @property
    def exchange_calendar(self) -> Calendar:
        """The exchange's calendar with the days that ``calendar:`` has otherwise; made once and handed down."""
        return _calendar_with(tuple(self.calendar.items()), tuple(self.extended_hours))


def name_of(place: int, address: Notify) -> str:
    """What an output is called: its own name, else its kind and place (``mailtos-2``), and nothing of its address."""
    kind = address.url.get_secret_value().partition("://")[0]
    return address.name or f"{kind}-{place}"


# Kept beside the settings, not in them: a copy of settings with other days would take the calendar along.
@lru_cache(maxsize=16)
def _calendar_with(changes: tuple[tuple[date, tuple[time, time] | None], ...], extended: tuple[str, ...]) -> Calendar:
    amended = Calendar.standard().amended(dict(changes))
    return amended.with_extended_hours(extended) if extended else amended
