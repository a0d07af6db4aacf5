"""Accounts, API keys, logins, policies and the audit log; of secrets only hashes."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from core.access import DATA_CLASSES, Action, Policies, Policy, Principal, Role, hash_secret, new_key
from core.errors import AccountExists, UnknownAccount, UnknownKey, UnknownStation
from core.passwords import hash_password, is_password
from core.store.database import Connection, Database, Row, sql

LOGIN_SECONDS = 12 * 3600.0
"""How long a login lasts. [s]"""
Outcome = Literal["done", "denied"]


@dataclass(frozen=True, slots=True)
class Account:
    """A user: by password, by the identity that a provider vouches for, or both."""

    name: str
    role: Role
    scope: tuple[str, ...]
    has_password: bool
    identity: str | None
    created: datetime
    disabled: datetime | None

    @property
    def principal(self) -> Principal:
        """Who asks when this user does."""
        return Principal(self.name, "user", self.role, frozenset(self.scope))


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret, which nobody knows any more."""

    id: int
    name: str
    role: Role
    scope: tuple[str, ...]
    data_classes: tuple[str, ...]
    made_by: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    used: datetime | None
    is_revoked: bool
    is_expired: bool

    @property
    def principal(self) -> Principal:
        """Who asks with this key."""
        return Principal(self.name, "key", self.role, frozenset(self.scope), frozenset(self.data_classes), self.id)


@dataclass(frozen=True, slots=True)
class AuditRow:
    """Something that was done, or denied."""

    id: int
    made: datetime
    principal: str
    kind: str
    action: str
    station: str
    outcome: Outcome
    detail: Mapping[str, Any]


class StoredAccess:
    """The part of the store that holds who may do and read what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_account(
        self,
        name: str,
        role: Role,
        scope: Collection[str],
        *,
        password: str | None = None,
        identity: str | None = None,
    ) -> None:
        """Add a user; ``AccountExists`` if there is one of that name."""
        row = self._database.row(
            "put_account",
            name=name,
            role=role,
            scope=sorted(scope),
            password_hash=None if password is None else hash_password(password),
            identity=identity,
        )
        if row is None:
            raise AccountExists(name)

    def read_accounts(self) -> list[Account]:
        """Read all users by name."""
        return [_account(row) for row in self._database.rows("accounts")]

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password and end the logins; ``UnknownAccount`` if there is none of that name."""
        self._change("set_password", name, password_hash=hash_password(password))

    def disable_account(self, name: str) -> None:
        """End a user's logins and allow no more; ``UnknownAccount`` if there is none of that name."""
        self._change("disable_account", name)

    def _change(self, statement: str, name: str, **parameters: object) -> None:
        with self._database.transaction() as connection:
            if connection.execute(sql(statement), {"name": name, **parameters}).fetchone() is None:
                raise UnknownAccount(name)
            connection.execute(sql("end_logins"), {"name": name})

    def check_password(self, name: str, password: str) -> Account | None:
        """Return the user if the password is his; who is wrong learns neither which nor how soon."""
        row = self._database.row("account", name=name, identity=None)
        right = is_password(password, None if row is None else row["password_hash"])
        return _account(row) if row is not None and right and row["disabled"] is None else None

    def find_identity(self, identity: str) -> Account | None:
        """Return the user for whom an identity provider vouches, if he is known and not disabled."""
        row = self._database.row("account", name=None, identity=identity)
        return None if row is None or row["disabled"] is not None else _account(row)

    def begin_login(self, name: str) -> str:
        """Return the secret of a new login, which lasts ``LOGIN_SECONDS``."""
        secret = secrets.token_urlsafe(32)
        self._database.execute("put_login", sha256=hash_secret(secret), name=name, seconds=LOGIN_SECONDS)
        return secret

    def end_login(self, secret: str) -> None:
        """End a login."""
        self._database.execute("end_login", sha256=hash_secret(secret))

    def find_login(self, secret: str) -> Principal | None:
        """Return who is logged in by a secret, None if the login has ended."""
        row = self._database.row("login", sha256=hash_secret(secret))
        return None if row is None else Principal(row["name"], "user", row["role"], frozenset(row["scope"]))

    def add_key(
        self,
        name: str,
        role: Role,
        scope: Collection[str],
        *,
        made_by: str,
        data_classes: Collection[str] = DATA_CLASSES,
        expires: datetime | None = None,
    ) -> tuple[int, str]:
        """Make an API key; return its number, and the key itself, which is not kept."""
        key = new_key()
        row = self._database.row(
            "put_key",
            name=name,
            sha256=hash_secret(key),
            role=role,
            scope=sorted(scope),
            data_classes=sorted(data_classes),
            made_by=made_by,
            expires=expires,
        )
        assert row is not None
        return int(row["id"]), key

    def find_key(self, key: str) -> ApiKey | None:
        """Return a key by itself, revoked and expired ones too; None if there never was one."""
        row = self._database.row("key", sha256=hash_secret(key))
        return None if row is None else _key(row)

    def read_keys(self) -> list[ApiKey]:
        """Read all keys, oldest first."""
        return [_key(row) for row in self._database.rows("keys")]

    def revoke_key(self, id: int) -> None:
        """Make a key worthless at once; ``UnknownKey`` if there is none of that number."""
        if self._database.row("revoke_key", id=id) is None:
            raise UnknownKey(id)

    def set_policy(self, policy: Policy, set_by: str) -> None:
        """Make a policy the one in force; earlier ones stay on record."""
        row = self._database.row(
            "put_policy",
            station=policy.station,
            data_class=policy.data_class,
            openness=policy.openness,
            until=policy.until,
            group=policy.group,
            set_by=set_by,
        )
        if row is None:
            raise UnknownStation(policy.station)

    def read_policies(self) -> Policies:
        """Read the policies in force."""
        return Policies.of(Policy(**row) for row in self._database.rows("policies"))

    def log(self, principal: Principal, action: Action | str, station: str, outcome: Outcome, **detail: object) -> None:
        """Write into the audit log who did what, or was denied it."""
        with self._database.transaction() as connection:
            log_action(connection, principal, action, station, outcome, detail)

    def read_audit(self, station: str | None = None, *, limit: int = 100, below: int | None = None) -> list[AuditRow]:
        """Read the newest lines of the audit log, of one station or of all; ``below``: with smaller numbers."""
        rows = self._database.rows("audit", station=station, limit=limit, below=below)
        return [AuditRow(**row) for row in rows]


def log_action(
    connection: Connection,
    principal: Principal,
    action: Action | str,
    station: str,
    outcome: Outcome,
    detail: Mapping[str, object],
) -> None:
    """Write into the audit log in the transaction of what it tells of."""
    row = {
        "principal": principal.name,
        "kind": principal.kind,
        "action": action,
        "station": station,
        "outcome": outcome,
        "detail": Jsonb(dict(detail)),
    }
    connection.execute(sql("put_audit"), row)


def _account(row: Row) -> Account:
    has_password = row["password_hash"] is not None
    rest = {name: row[name] for name in ("name", "role", "identity", "created", "disabled")}
    return Account(**rest, scope=tuple(row["scope"]), has_password=has_password)


def _key(row: Row) -> ApiKey:
    return ApiKey(**row | {"scope": tuple(row["scope"]), "data_classes": tuple(row["data_classes"])})
