"""Stations: who they are, what they send, how they are, their newest values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api.answers import geojson_answer, json_answer
from api.deps import StationDep
from api.models import ChannelOut, LatestOut, LatestValue, StationOut, StationSummary, StreamOut
from api.principals import StoreDep
from api.readable import ReadableStore
from core.station import Channel, Stream
from core.store import Latest, StationRow
from core.timeliness import SILENT_STEPS, expected_seconds, faults_of, status, worst
from core.variables import variable

router = APIRouter(tags=["stations"])

_GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "us-orchard",
            "geometry": {"type": "Point", "coordinates": [-120.5, 46.2, 300.0]},
            "properties": {"name": "Orchard", "status": "ok"},
        }
    ],
}

Missing = Mapping[tuple[str, str], datetime | None]
"""``(stream, channel) -> time of its last value`` of channels without values."""


@router.get(
    "/stations",
    summary="All stations and how they are",
    response_model=None,
    responses={200: {"model": list[StationSummary], "content": {"application/geo+json": {"example": _GEOJSON}}}},
)
def stations(
    store: StoreDep,
    form: Annotated[Literal["json", "geojson"], Query(alias="format", description="json or geojson")] = "json",
) -> Response:
    """Return every registered station with the state of its feed; GeoJSON: a point each, for a map."""
    listed = [one.model_dump(mode="json") for one in list_stations(store)]
    if form == "json":
        return json_answer(listed)
    return geojson_answer({"type": "FeatureCollection", "features": [_feature(one) for one in listed]})


def list_stations(store: ReadableStore) -> list[StationSummary]:
    """Return every registered station that may be seen with the state of its feed."""
    latest, now = store.latest.read(), datetime.now(UTC)
    return [
        summarise(row, [one for one in latest if one.station == row.station.id], now)
        for row in store.stations.read_all()
    ]


@router.get("/stations/{id}", summary="One station: place, streams, channels")
def station(row: StationDep, store: StoreDep) -> StationOut:
    """Return a station with its streams and channels, their variables, units and words."""
    return describe(row, store, store.latest.read(row.station.id), datetime.now(UTC))


@router.get("/stations/{id}/latest", summary="Newest value of every channel, with its age")
def latest(row: StationDep, store: StoreDep) -> LatestOut:
    """Return the newest values in the sender's units. ``age_s`` counts from the arrival of the message."""
    found = store.latest.read(row.station.id)
    values = latest_values(row, found, datetime.now(UTC), find_missing(store, row, found))
    return LatestOut(station=row.station.id, values=values)


def flux_span(store: ReadableStore, id: str) -> tuple[datetime, datetime] | None:
    """Return from when to when a station has fluxes, None without any, or where they may not be read."""
    return store.fluxes.read_span(id) if store.may_read(id, "fluxes") else None


def summarise(row: StationRow, latest: Sequence[Latest], now: datetime) -> StationSummary:
    """Return a station's line in the list."""
    newest = {one.stream: one for one in latest}
    states = []
    for stream in row.station.stream:
        one = newest.get(stream.name)
        states.append(status(_age(one, now) if one else None, expected_seconds(stream)))
    received = max((one.received for one in latest), default=None)
    return StationSummary(
        **row.station.station.model_dump(exclude={"state_topics"}),  # of the broker, and nothing to a reader
        status=worst(states),
        time=max((one.time for one in latest), default=None),
        received=received,
        age_s=(now - received).total_seconds() if received else None,
    )


def describe(row: StationRow, store: ReadableStore, latest: Sequence[Latest], now: datetime) -> StationOut:
    """Return a station with its streams."""
    flux, id = row.station.flux, row.station.id
    span = flux_span(store, id)
    delays = {one.stream: one.delay_s for one in store.watermarks.read_arrivals(id)}
    times = store.readings.read_newest_times(id) if store.may_read(id, "readings") else {}
    faults = faults_of(row.station, times, delays)
    return StationOut(
        **summarise(row, latest, now).model_dump(),
        streams=[describe_stream(stream, faults.get(stream.name, [])) for stream in row.station.stream],
        flux_stream=flux.stream if flux else None,
        averaging_minutes=flux.averaging_minutes if flux else None,
        flux_start=span[0] if span else None,
        flux_end=span[1] if span else None,
        lateness_s=flux.lateness_seconds if flux else None,
        config_sha256=row.config_sha256,
        valid_from=row.valid_from,
    )


def describe_stream(stream: Stream, faults: list[str]) -> StreamOut:
    """Return a stream with its channels in words, and what is not as declared."""
    return StreamOut(
        name=stream.name,
        kind=stream.kind,
        step_s=stream.dt_ns / 1e9,
        expected_s=expected_seconds(stream),
        faults=faults,
        channels=[describe_channel(channel) for channel in stream.channels],
    )


def describe_channel(channel: Channel) -> ChannelOut:
    """Return a channel in words."""
    facts = variable(channel.variable)
    return ChannelOut(name=channel.name, variable=channel.variable, unit=channel.unit, en=facts.en, zh=facts.zh)


def find_missing(store: ReadableStore, row: StationRow, latest: Sequence[Latest]) -> Missing:
    """Find the channels without values in streams whose messages come."""
    return {
        (one.stream, channel): last
        for one in latest
        if (stream := row.station.streams.get(one.stream)) is not None
        for channel, last in store.latest.find_missing(one, SILENT_STEPS * expected_seconds(stream)).items()
    }


def latest_values(row: StationRow, latest: Sequence[Latest], now: datetime, missing: Missing) -> list[LatestValue]:
    """Return the newest value of every channel that the station file declares now."""
    values = []
    for one in latest:
        stream = row.station.streams.get(one.stream)
        if stream is None:
            continue
        age = _age(one, now)
        for channel in stream.channels:
            value = one.values.get(channel.name)
            is_missing = (one.stream, channel.name) in missing
            values.append(
                LatestValue(
                    stream=one.stream,
                    channel=channel.name,
                    variable=channel.variable,
                    value=None if value is None or value != value else value,
                    unit=channel.unit,
                    time=one.time,
                    received=one.received,
                    age_s=age,
                    status="silent" if is_missing else status(age, expected_seconds(stream)),
                    missing=is_missing,
                    last_value=missing.get((one.stream, channel.name)),
                    flag=one.flags.get(channel.name),
                    reasons=list(one.reasons.get(channel.name, ())),
                )
            )
    return values


def _feature(station: dict[str, Any]) -> dict[str, object]:
    """Return a station as GeoJSON: longitude, latitude, height above the sea."""
    place = [station.pop(name) for name in ("longitude", "latitude", "altitude")]
    geometry = {"type": "Point", "coordinates": place}
    return {"type": "Feature", "id": station["id"], "geometry": geometry, "properties": station}


def _age(latest: Latest, now: datetime) -> float:
    # the database's clock may be some milliseconds ahead of ours
    return max(0.0, (now - latest.received).total_seconds())
