"""Mole fractions for commands: what may be entered, and files of all gases and intakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from api.air import read_series
from api.exports.mole_fractions import icos_name, obspack_name, write_icos, write_obspack
from core.errors import ConfigError, FluxTowerError
from core.store import StationRow, Store
from core.store.mole_fractions import StationEvent


def enter_event(
    store: Store,
    row: StationRow,
    kind: str,
    start: datetime,
    end: datetime,
    *,
    note: str,
    intake: str,
    tank: str,
    failed: Sequence[str],
    by: str,
) -> None:
    """Store a test of a sampling line, a weekly check or a visit, and have the values around it made again.

    Raises
    ------
    ConfigError
        An empty period; the station has no analyser or no such intake, or a line test is of no known tank.
    """
    if not start < end:
        raise ConfigError("command line", "--from, --to", "a begin before the end", f"{start} to {end}")
    _check_event(store, row, kind, intake, tank)
    checks = dict.fromkeys(failed, False)
    data = {"intake": intake, "tank": tank, "checks": checks, "by": by, "made": datetime.now(UTC).isoformat()}
    store.mole_fractions.put_event(row, StationEvent(kind, "info", note, start, end, data))
    store.mole_fractions.request(row, start, end)


def export_files(
    store: Store, row: StationRow, start: datetime, end: datetime, form: str, folder: Path
) -> Iterator[tuple[Path, int]]:
    """Write a file a gas and intake; yield each with the number of its hours.

    Raises
    ------
    FluxTowerError
        The station has no analyser.
    """
    part = row.station.mole_fraction
    if part is None:
        raise FluxTowerError(f"{row.station.id} has no part [mole_fraction] in its station file")
    folder.mkdir(parents=True, exist_ok=True)
    for gas in part.gas:
        for intake in part.intakes:
            series = read_series(store.mole_fractions, row, gas.name, intake, start, end)
            name = icos_name(series) if form == "icos" else obspack_name(series)
            whole = folder / name
            unfinished = folder / f".{name}"
            if form == "icos":
                unfinished.write_text(write_icos(series), encoding="utf-8")
            else:
                write_obspack(series, unfinished)
            unfinished.replace(whole)
            yield whole, series.table.height


def _check_event(store: Store, row: StationRow, kind: str, intake: str, tank: str) -> None:
    part = row.station.mole_fraction
    if part is None:
        raise ConfigError("command line", "STATION", "a station with [mole_fraction]", row.station.id)
    if intake and intake not in part.intakes:
        raise ConfigError("command line", "--intake", f"one of {', '.join(part.intakes)}", intake)
    if kind == "line_test" and not intake:
        raise ConfigError("command line", "--intake", "the intake whose line is tested", "nothing")
    if kind == "line_test" and tank not in store.tanks.read([tank]):
        raise ConfigError("command line", "--tank", "a registered tank (`fluxtower tank list`)", repr(tank))
    if kind != "line_test" and tank:
        raise ConfigError("command line", "--tank", f"nothing: a {kind} has no tank", tank)
