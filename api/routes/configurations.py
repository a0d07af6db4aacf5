"""What measures at a station, and how what its file declares changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import StationDep
from api.errors import BadQuery
from api.exports.settings import Sensor, diff_settings, find_sensors
from api.models import ConfigurationDiffOut, ConfigurationOut, ConfigurationsOut, SensorOut, SensorsOut
from api.principals import StoreDep
from core.store.stations import Configuration

router = APIRouter(tags=["stations"])

_SHA = "^[0-9a-f]{6,64}$"


@router.get("/stations/{id}/sensors", summary="Instruments and slow sensors, and since when")
def sensors(row: StationDep, store: StoreDep) -> SensorsOut:
    """Return what the station's file declares: the sonic, the analysers, every channel of slow readings."""
    history = store.stations.read_configurations(row.station.id)
    before = [(one.valid_from, find_sensors(one.text)) for one in reversed(history)]
    return SensorsOut(
        station=row.station.id,
        sensors=[
            SensorOut(**dataclasses.asdict(sensor), since=_since(sensor, before)) for sensor in find_sensors(row.text)
        ],
    )


@router.get("/stations/{id}/configurations", summary="Versions of the station's file")
def configurations(row: StationDep, store: StoreDep) -> ConfigurationsOut:
    """Return every version of the station's file, newest first, and how much each changed."""
    history = store.stations.read_configurations(row.station.id)
    listed = []
    for number, one in enumerate(history):
        old = history[number - 1].text if number else None
        following = history[number + 1].valid_from if number + 1 < len(history) else None
        _, changes = diff_settings(old, one.text, "", "")
        listed.append(
            ConfigurationOut(sha256=one.sha256, valid_from=one.valid_from, valid_to=following, changes=changes)
        )
    return ConfigurationsOut(station=row.station.id, configurations=listed[::-1])


@router.get("/stations/{id}/configurations/diff", summary="What differs between two configurations")
def configuration_diff(
    row: StationDep,
    store: StoreDep,
    new: Annotated[
        str | None, Query(description="SHA-256, or how it begins; default: the one in force.", pattern=_SHA)
    ] = None,
    old: Annotated[
        str | None, Query(description="SHA-256, or how it begins; default: the one before ``new``.", pattern=_SHA)
    ] = None,
) -> ConfigurationDiffOut:
    """Return the unified diff of the settings of two versions of the station's file, a line a key.

    Comments and the topics of the broker are left out, so two versions may differ without a line here.
    """
    history = store.stations.read_configurations(row.station.id)
    place = len(history) - 1 if new is None else _find(history, "new", new)
    before = place - 1 if old is None else _find(history, "old", old)
    after, earlier = history[place], history[before] if before >= 0 else None
    name_of = {one.sha256: f"{one.sha256[:12]} {one.valid_from:%Y-%m-%d %H:%M}Z" for one in history}
    old_name = "nothing" if earlier is None else name_of[earlier.sha256]
    diff, changes = diff_settings(earlier.text if earlier else None, after.text, old_name, name_of[after.sha256])
    return ConfigurationDiffOut(
        station=row.station.id, old=earlier.sha256 if earlier else None, new=after.sha256, changes=changes, diff=diff
    )


def _since(sensor: Sensor, newest_first: Sequence[tuple[datetime, Sequence[Sensor]]]) -> datetime:
    """Return from when on a sensor is declared as it is now."""
    since = newest_first[0][0]
    for valid_from, found in newest_first:
        if sensor not in found:
            break
        since = valid_from
    return since


def _find(history: Sequence[Configuration], name: str, sha: str) -> int:
    """Return the place of the newest configuration whose SHA-256 begins so."""
    places = [place for place, one in enumerate(history) if one.sha256.startswith(sha)]
    if len({history[place].sha256 for place in places}) != 1:
        how = "no configuration's SHA-256 begins so" if not places else "several configurations' SHA-256 begin so"
        raise BadQuery(f"{name}: {how}: {sha}", "GET /api/v1/stations/{id}/configurations lists them")
    return places[-1]
