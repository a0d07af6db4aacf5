"""Who may do and read what: roles, scopes of principals, policies of stations. Decisions only, no storage, no HTTP."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Role = Literal["viewer", "engineer", "scientist", "reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
Action = Literal["read", "note", "flag", "register", "process", "review", "release", "administer"]
ACTIONS: tuple[Action, ...] = get_args(Action)
DataClass = Literal["station", "raw", "readings", "fluxes", "products"]
DATA_CLASSES: tuple[DataClass, ...] = get_args(DataClass)
"""``station``: that it exists, where it is, how its feeds are; without it none of the others can be read."""
Openness = Literal["public", "embargo", "private"]
OPENNESS: tuple[Openness, ...] = get_args(Openness)

MAY: Mapping[Role, frozenset[Action]] = {
    "viewer": frozenset({"read"}),
    "engineer": frozenset({"read", "note", "flag", "register"}),
    "scientist": frozenset({"read", "note", "flag", "process"}),
    "reviewer": frozenset({"read", "note", "flag", "process", "review", "release"}),
    "admin": frozenset(ACTIONS),
}
"""What a role may do, at the stations of its scope."""

EVERYWHERE = "*"
GROUP = "group:"
"""Before the name of a group in a scope."""
KEY_PREFIX = "ftk_"
"""With which every API key begins, so that one that leaks is recognised."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How open a class of a station's data is.

    Attributes
    ----------
    station : str
    data_class : str
    openness : str
        ``public``; ``embargo``: private until a time, public from then on; ``private``.
    until : datetime or None
        End of the embargo, UTC.
    group : str
        Whose scope has ``group:NAME`` reads it, too; empty: none.
    """

    station: str
    data_class: DataClass
    openness: Openness
    until: datetime | None = None
    group: str = ""

    def is_open(self, now: datetime) -> bool:
        """Whether anybody may read it."""
        return self.openness == "public" or (self.until is not None and now >= self.until)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    name : str
        Of a user, or of a key.
    kind : str
        ``anonymous``, ``key``, ``user``, or ``system``: a command on the platform's own machine.
    role : str
    scope : frozenset of str
        Station ids, ``group:NAME``, or ``*``.
    data_classes : frozenset of str
        What it reads of stations that are not public.
    key : int or None
        Number of the key.
    """

    name: str
    kind: Literal["anonymous", "key", "user", "system"]
    role: Role = "viewer"
    scope: frozenset[str] = frozenset()
    data_classes: frozenset[str] = frozenset(DATA_CLASSES)
    key: int | None = None

    def covers(self, station: str, group: str = "") -> bool:
        """Whether a station is in the scope, by itself or by a group."""
        return EVERYWHERE in self.scope or station in self.scope or (bool(group) and f"{GROUP}{group}" in self.scope)


ANONYMOUS = Principal("", "anonymous")


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies in force, by station and class; what has none is public."""

    by_subject: Mapping[tuple[str, str], Policy] = field(default_factory=dict)

    @staticmethod
    def of(policies: Iterable[Policy]) -> Policies:
        """Return policies of which each is the newest of its subject."""
        return Policies({(one.station, one.data_class): one for one in policies})

    def may_read(self, principal: Principal, station: str, data_class: DataClass, now: datetime) -> bool:
        """Whether a principal may read a class of a station's data at a time."""
        if data_class != "station" and not self.may_read(principal, station, "station", now):
            return False
        policy = self.by_subject.get((station, data_class))
        if policy is None or policy.is_open(now):
            return True
        return principal.covers(station, policy.group) and (
            data_class in principal.data_classes or data_class == "station"
        )

    def may(self, principal: Principal, action: Action, station: str) -> bool:
        """Whether a principal may do something at a station; reading is asked of ``may_read``."""
        groups = {one.group for (id, _), one in self.by_subject.items() if id == station and one.group}
        covered = principal.covers(station) or any(principal.covers(station, group) for group in groups)
        return action in MAY[principal.role] and principal.kind != "anonymous" and covered


def new_key() -> str:
    """Return a fresh API key: 256 random bits that nobody can guess, shown once."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """Return what is kept of a random secret.

    A plain SHA-256 is enough for 256 random bits; a password that a person chose needs a slow hash.
    """
    return hashlib.sha256(secret.encode()).digest()
