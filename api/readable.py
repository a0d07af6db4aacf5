"""The one place that says who may read what: routes and pages get the store through it and know no other.

A method of the store that has no rule here cannot be called, so a new route cannot forget to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from api.errors import AccessDenied
from core.access import EVERYWHERE, Action, DataClass, Policies, Principal
from core.errors import UnknownRelease, UnknownRun, UnknownStation
from core.store import AuditRow, Health, Latest, ReleaseRow, RunRow, StationRow, Store
from core.store.access import StoredAccess
from core.store.attempts import SeasonAttempts
from core.store.findings import StoredFindings
from core.store.fluxes import StoredFluxes
from core.store.gaps import StoredGaps
from core.store.latest import StoredLatest
from core.store.minutes import StoredMinutes
from core.store.mole_fractions import StoredMoleFractions
from core.store.readings import StoredReadings
from core.store.releases import StoredReleases
from core.store.reviews import StoredReviews
from core.store.runs import StoredRuns
from core.store.samples import StoredSamples
from core.store.stations import StoredStations
from core.store.tanks import StoredTanks
from core.store.watermarks import StoredWatermarks

Rule = Callable[..., Any]
"""(readable store, method, arguments of the method) -> what of its answer the principal may see."""


class ReadableStore:
    """What a principal may read of the store; everything else is denied, or looks as if it were not there.

    Parameters
    ----------
    store : Store
    principal : Principal
        Who asks.
    policies : Policies
        In force.
    """

    def __init__(self, store: Store, principal: Principal, policies: Policies) -> None:
        self.principal, self.policies = principal, policies
        self._store = store
        self.stations = cast(StoredStations, self._part("stations"))
        self.latest = cast(StoredLatest, self._part("latest"))
        self.samples = cast(StoredSamples, self._part("samples"))
        self.minutes = cast(StoredMinutes, self._part("minutes"))
        self.readings = cast(StoredReadings, self._part("readings"))
        self.findings = cast(StoredFindings, self._part("findings"))
        self.fluxes = cast(StoredFluxes, self._part("fluxes"))
        self.runs = cast(StoredRuns, self._part("runs"))
        self.attempts = cast(SeasonAttempts, self._part("attempts"))
        self.reviews = cast(StoredReviews, self._part("reviews"))
        self.mole_fractions = cast(StoredMoleFractions, self._part("mole_fractions"))
        self.tanks = cast(StoredTanks, self._part("tanks"))
        self.releases = cast(StoredReleases, self._part("releases"))
        self.access = cast(StoredAccess, self._part("access"))
        self.gaps = cast(StoredGaps, self._part("gaps"))
        self.watermarks = cast(StoredWatermarks, self._part("watermarks"))

    def may_read(self, station: str, data_class: DataClass) -> bool:
        """Whether the principal may read a class of a station's data now."""
        return self.policies.may_read(self.principal, station, data_class, datetime.now(UTC))

    def may(self, action: Action, station: str) -> bool:
        """Whether the principal may do something at a station."""
        return self.policies.may(self.principal, action, station)

    @property
    def sees_all(self) -> bool:
        """Whether no station is hidden from the principal: only then numbers of all of them tell nothing."""
        hidden = (id for id, data_class in self.policies.by_subject if data_class == "station")
        return all(self.may_read(id, "station") for id in hidden)

    def health(self) -> Health | None:
        """Return what the database says of itself; None if it counts stations that are hidden from the principal."""
        found = self._store.health()
        return found if self.sees_all else None

    def require(self, station: str, data_class: DataClass) -> None:
        """Return if the principal may read a class of a station's data.

        Raises
        ------
        UnknownStation
            The station is hidden: it looks as if it were not registered.
        AccessDenied
            The data are not public; kept in the audit log.
        """
        if self.may_read(station, data_class):
            return
        self.log_denied("read", station, data_class=data_class)
        if not self.may_read(station, "station"):
            raise UnknownStation(station)
        policy = self.policies.by_subject[station, data_class]
        raise AccessDenied(
            f"{station}: its {data_class} are "
            + (f"under embargo until {policy.until:%Y-%m-%d %H:%MZ}" if policy.until else "private"),
            is_anonymous=self.principal.kind == "anonymous",
        )

    def log_denied(self, action: Action, station: str, **detail: object) -> None:
        """Write into the audit log that the principal was denied something."""
        self._store.access.log(self.principal, action, station, "denied", **detail)

    def _part(self, name: str) -> _Part:
        return _Part(self, getattr(self._store, name), RULES[name])


class _Part:
    """A part of the store of which only methods with a rule can be called."""

    def __init__(self, readable: ReadableStore, part: object, rules: Mapping[str, Rule]) -> None:
        self._readable, self._part, self._rules = readable, part, rules

    def __getattr__(self, name: str) -> Callable[..., Any]:
        rule = self._rules.get(name)
        if rule is None:
            raise PermissionError(f"{type(self._part).__name__}.{name} has no rule in api/readable.py")
        return partial(rule, self._readable, getattr(self._part, name))


def _of_station(data_class: DataClass) -> Rule:
    """Allow a method whose first argument is a station."""

    def call(readable: ReadableStore, method: Rule, station: str, *args: object, **more: object) -> Any:
        readable.require(station, data_class)
        return method(station, *args, **more)

    return call


def _visible_stations(readable: ReadableStore, method: Rule) -> list[StationRow]:
    return [row for row in method() if readable.may_read(row.station.id, "station")]


def _visible_latest(readable: ReadableStore, method: Rule, station: str | None = None) -> list[Latest]:
    if station is not None:
        readable.require(station, "station")
    found: list[Latest] = method(station)
    return [one for one in found if readable.may_read(one.station, one.data_class)]


def _of_latest(readable: ReadableStore, method: Rule, one: Latest, *args: object) -> Any:
    readable.require(one.station, one.data_class)
    return method(one, *args)


def _visible_run(readable: ReadableStore, method: Rule, id: int) -> RunRow:
    run: RunRow = method(id)
    if not readable.may_read(run.station, "products"):
        # a number that is denied would tell how many runs there are
        raise UnknownRun(id)
    return run


def _of_run(readable: ReadableStore, method: Rule, run: RunRow | None, *args: object, **more: object) -> Any:
    if run is not None:
        readable.require(run.station, "products")
    return method(run, *args, **more)


def _raw_of_analyser(readable: ReadableStore, method: Rule, row: StationRow, *args: object, **more: object) -> Any:
    readable.require(row.station.id, "readings")
    return method(row, *args, **more)


def _of_anybody(_: ReadableStore, method: Rule, *args: object, **more: object) -> Any:
    """Allow what belongs to no station: tanks go from one to another, and whoever asks knows their serials."""
    return method(*args, **more)


def _visible_release(readable: ReadableStore, method: Rule, name: str) -> ReleaseRow:
    release: ReleaseRow = method(name)
    if not readable.may_read(release.station, "products"):
        # a name that is denied would tell how many releases there are
        raise UnknownRelease(name)
    return release


def _visible_releases(
    readable: ReadableStore, method: Rule, station: str | None = None, *, limit: int = 100, below: int | None = None
) -> list[ReleaseRow]:
    if station is not None:
        readable.require(station, "products")
        found: list[ReleaseRow] = method(station, limit=limit, below=below)
        return found
    visible: list[ReleaseRow] = []
    while len(visible) < limit:
        page: list[ReleaseRow] = method(None, limit=limit, below=below)
        visible += [one for one in page if readable.may_read(one.station, "products")]
        if len(page) < limit:
            break
        below = page[-1].id
    return visible[:limit]


def _audit_for_admins(
    readable: ReadableStore, method: Rule, station: str | None = None, **more: object
) -> list[AuditRow]:
    """Allow admins: of everything those of everywhere, of a station those of its scope."""
    principal = readable.principal
    is_admin = principal.kind != "anonymous" and principal.role == "admin"
    covers = EVERYWHERE in principal.scope or (station is not None and readable.may("administer", station))
    if is_admin and covers:
        found: list[AuditRow] = method(station, **more)
        return found
    readable.log_denied("read", station or "", what="audit")
    raise AccessDenied(
        "the audit log is for admins" + (", yours that of one `station` of your scope" if is_admin else ""),
        is_anonymous=principal.kind == "anonymous",
    )


RULES: Mapping[str, Mapping[str, Rule]] = {
    "stations": {
        "read": _of_station("station"),
        "read_all": _visible_stations,
        "read_configurations": _of_station("station"),
    },
    "latest": {"read": _visible_latest, "find_missing": _of_latest},
    "samples": {"read": _of_station("raw")},
    "minutes": {"read": _of_station("raw")},
    "readings": {"read": _of_station("readings"), "read_newest_times": _of_station("readings")},
    "findings": {"find": _of_station("readings")},
    "fluxes": {"read": _of_station("fluxes"), "read_span": _of_station("fluxes")},
    "runs": {
        "find": _of_station("products"),
        "read": _visible_run,
        "read_newest": _of_station("products"),
        "read_shown": _of_station("products"),
        "read_newer_provisional": _of_run,
        "read_threshold_range": _of_run,
        "read_product": _of_run,
    },
    "attempts": {"read_failures": _of_station("products")},
    "reviews": {"find": _of_station("readings"), "find_changes": _of_station("readings")},
    "mole_fractions": {
        **{
            name: _of_station("products")
            for name in ("read", "read_span", "read_origin", "read_targets", "read_events")
        },
        "read_raw": _raw_of_analyser,
    },
    "tanks": {"read": _of_anybody},
    "releases": {"read": _visible_release, "find": _visible_releases},
    "access": {"read_audit": _audit_for_admins},
    "gaps": {"find": _of_station("station")},
    "watermarks": {"read_arrivals": _of_station("station")},
}
