"""Mole fractions for commands: what may be entered, and files of all gases and intakes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from api.air import read_series
from api.dossier.document import dossier_pdf
from api.dossier.facts import dossier_json
from api.exports.mole_fractions import icos_name, obspack_name, write_icos, write_obspack
from core.clock import from_ns
from core.errors import ConfigError, FluxTowerError
from core.settings import Settings
from core.store import StationRow, Store
from core.store.mole_fractions import StationEvent
from qc.dossier import Dossier, make_dossier
from qc.mole_fraction.comparisons import Comparison, OtherValue
from qc.mole_fraction.scales import convert_scale
from qc.stored_air import compare_event


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


def enter_comparison(
    store: Store, row: StationRow, kind: str, other: OtherValue, *, note: str, by: str
) -> Comparison | None:
    """Store a value of another laboratory and return the comparison, None where the station has nothing for the time.

    Raises
    ------
    ConfigError
        An empty period; a gas, intake, tank or scale that the station does not know.
    """
    part = row.station.mole_fraction
    if part is None:
        raise ConfigError("command line", "STATION", "a station with [mole_fraction]", row.station.id)
    if not other.start_ns < other.end_ns:
        raise ConfigError("command line", "--from, --to", "a begin before the end", "none")
    gas = next((one for one in part.gas if one.name == other.gas), None)
    if gas is None:
        raise ConfigError("command line", "--gas", f"one of {', '.join(one.name for one in part.gas)}", other.gas)
    places = part.intakes if kind == "flask" else part.tanks
    if other.where not in places:
        what = "an intake" if kind == "flask" else "a tank at a port"
        raise ConfigError("command line", "--where", f"{what}: one of {', '.join(places)}", other.where)
    try:
        convert_scale(other.value, other.gas, other.scale, gas.published_scale)
    except ValueError as error:
        raise ConfigError(
            "command line", "--scale", f"{gas.published_scale} or one that is converted", str(error)
        ) from None
    said = {name: getattr(other, name) for name in ("gas", "scale", "value", "u", "where", "laboratory")}
    data = {**said, "by": by, "made": datetime.now(UTC).isoformat()}
    start, end = from_ns(other.start_ns), from_ns(other.end_ns)
    store.mole_fractions.put_event(row, StationEvent(kind, "info", note, start, end, data))
    return compare_event(store.mole_fractions, row, StationEvent(kind, "info", note, start, end, data))


def write_dossier(
    store: Store, row: StationRow, start: datetime, end: datetime, language: str, path: Path, settings: Settings
) -> Dossier:
    """Write a station's dossier as the file's ending says, and return it.

    Raises
    ------
    ConfigError
        Another ending than .pdf and .json; an empty period; the station has no analyser.
    SetupError
        There is no font for the PDF.
    """
    if path.suffix not in (".pdf", ".json"):
        raise ConfigError("command line", "--output", "a file that ends in .pdf or .json", path.name)
    if not start < end:
        raise ConfigError("command line", "--from, --to", "a begin before the end", f"{start} to {end}")
    if row.station.mole_fraction is None:
        raise ConfigError("command line", "STATION", "a station with [mole_fraction]", row.station.id)
    made = make_dossier(store, row, start, end, settings.review_days, datetime.now(UTC))
    content = dossier_pdf(made, language, settings) if path.suffix == ".pdf" else dossier_json(made, language)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return made


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
