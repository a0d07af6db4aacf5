"""Files of tanks: append-only, as station files are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from core.station import config_sha256
from core.store.database import Database, Row, sql
from core.tanks import Tank, Tanks, parse_tank


@dataclass(frozen=True, slots=True)
class TankRow:
    """A registered tank with its file in force."""

    tank: Tank
    text: str
    sha256: str
    valid_from: datetime


class StoredTanks:
    """The part of the store that holds tanks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, text: str, file: str) -> bool:
        """Register a tank file's text; say whether it is new.

        Raises
        ------
        ConfigError
            It is not a valid tank file.
        """
        tank = parse_tank(text, file, now=datetime.now(UTC))
        with self._database.transaction() as connection:
            row = connection.execute(sql("put_tank"), {"serial": tank.serial}).fetchone()
            assert row is not None
            put = {"tank": row["key"], "sha256": config_sha256(text), "toml": text}
            return connection.execute(sql("put_tank_file"), put).fetchone() is not None

    def find(self, serials: Collection[str] | None = None) -> list[TankRow]:
        """Return registered tanks by serial: those named, or all."""
        rows = self._database.rows("tanks", serials=None if serials is None else list(serials))
        return [_tank_row(row) for row in rows]

    def read(self, serials: Collection[str]) -> Tanks:
        """Return what a station's values rest on; a tank that is not registered is not among them."""
        rows = self.find(serials)
        return Tanks.of([row.tank for row in rows], [row.text for row in rows])


def _tank_row(row: Row) -> TankRow:
    # it was valid when it was registered; a date that has passed since is no fault
    tank = parse_tank(row["toml"], row["serial"], now=datetime.max.replace(tzinfo=UTC))
    return TankRow(tank, row["toml"], row["sha256"], row["valid_from"])
