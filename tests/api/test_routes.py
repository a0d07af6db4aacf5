"""The routes on a real TimescaleDB: what is committed comes out, as the documented models say."""

from __future__ import annotations

import math
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from api.models import (
    FindingsOut,
    FluxesOut,
    HealthOut,
    LatestOut,
    MinutesOut,
    ProductOut,
    ReadingsOut,
    SamplesOut,
    StationOut,
    StationSummary,
)
from core.frames import PRODUCT_COLUMNS
from core.settings import Settings
from core.store import NewFinding, Store, Window, replace_findings
from core.variables import FLUX_COLUMNS
from tests.api import tower
from tests.api.conftest import serving
from tests.api.tower import HALF_HOUR, ID, START
from tests.judging import judge_all

pytestmark = pytest.mark.integration

BASE = f"/api/v1/stations/{ID}"


def test_health_tells_versions_and_counts(client: httpx.Client, registered: Store) -> None:
    for path in ("/health", "/api/v1/health"):
        answer = client.get(path)
        assert answer.status_code == 200
        health = HealthOut.model_validate(answer.json())
        assert health.status == "ok"
        assert health.database is not None
        assert health.database.stations == 1
        assert health.database.timescaledb.startswith("2.")


def test_list_and_description(client: httpx.Client, registered: Store) -> None:
    [line] = [StationSummary.model_validate(one) for one in client.get("/api/v1/stations").json()]
    assert (line.id, line.status, line.time, line.age_s) == (ID, "none", None, None)
    station = StationOut.model_validate(client.get(BASE).json())
    assert [stream.name for stream in station.streams] == ["ec", "met"]
    channel = station.streams[0].channels[2]
    assert (channel.name, channel.variable, channel.unit, channel.zh) == ("Uz", "W", "m s-1", "超声风速计垂直风速")
    assert station.streams[0].step_s == 0.1
    assert (station.flux_stream, station.averaging_minutes, station.flux_end) == ("ec", 30, None)
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    station = StationOut.model_validate(client.get(BASE).json())
    assert (station.flux_start, station.flux_end) == (START, START + HALF_HOUR)


def test_latest_values_have_unit_and_age(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([], [tower.reading(START, 21.5, math.nan)], [])
    latest = LatestOut.model_validate(client.get(f"{BASE}/latest").json())
    ta, rh = latest.values
    assert (ta.channel, ta.value, ta.unit, ta.status) == ("TA", 21.5, "deg C", "ok")
    assert rh.value is None
    assert ta.time == START
    assert 0 <= ta.age_s < 60
    [line] = client.get("/api/v1/stations").json()
    assert (line["status"], line["time"]) == ("ok", "2026-07-01T00:00:00Z")


def test_a_channel_that_has_lost_its_values_is_told_though_messages_come(
    client: httpx.Client, registered: Store
) -> None:
    """TA every minute; RH until minute 4, so that in minute 14 ten steps have gone by, and in minute 15 more."""
    times = [START + timedelta(minutes=i) for i in range(16)]
    records = [tower.reading(time, 20.0, 50.0 if i <= 4 else math.nan) for i, time in enumerate(times)]
    registered.messages.commit([], records[:15], [])
    _, rh = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert (rh.status, rh.missing, rh.last_value) == ("ok", False, None)
    registered.messages.commit([], records[15:], [])
    ta, rh = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert (ta.status, ta.missing, ta.last_value) == ("ok", False, None)
    assert (rh.status, rh.missing, rh.last_value, rh.value) == ("silent", True, times[4], None)
    registered.messages.commit([], [tower.reading(times[15] + timedelta(minutes=1), 20.0, 51.0)], [])
    _, rh = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert (rh.status, rh.missing, rh.value) == ("ok", False, 51.0)


def test_a_channel_of_samples_that_never_had_a_value_is_told(client: httpx.Client, registered: Store) -> None:
    """Of twelve minutes of blocks; after the first five nobody can say yet, as samples come within ten minutes."""
    blocks = []
    for i in range(12):
        one = tower.block(START + timedelta(minutes=i), seconds=60)
        one.samples[4] = math.nan
        blocks.append(one)
    registered.messages.commit(blocks[:5], [], [])
    found = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert not any(one.missing for one in found)
    registered.messages.commit(blocks[5:], [], [])
    found = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert {one.channel: (one.missing, one.last_value) for one in found} == {
        "Ux": (False, None), "Uy": (False, None), "Uz": (False, None), "Ts": (False, None), "co2": (True, None)
    }  # fmt: skip


def test_readings_default_to_the_newest_days_however_old(client: httpx.Client, registered: Store) -> None:
    times = [START - timedelta(days=8), START - timedelta(days=1), START]
    registered.messages.commit([], [tower.reading(time, float(i)) for i, time in enumerate(times)], [])
    answer = client.get(f"{BASE}/readings").json()
    table = ReadingsOut.model_validate(answer)
    assert table.data == {
        "time": ["2026-06-30T00:00:00.000Z", "2026-07-01T00:00:00.000Z"],
        "TA": [1.0, 2.0],
        "RH": [50.0, 50.0],
    }
    assert table.units == {"TA": "deg C", "RH": "%"}
    assert table.end == START + timedelta(minutes=1)


def test_readings_csv_has_a_line_of_units(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit(
        [], [tower.reading(START, 21.5, math.nan), tower.reading(START + timedelta(minutes=1), -0.1)], []
    )
    answer = client.get(f"{BASE}/readings", params={"format": "csv", "channels": "RH,TA"})
    assert answer.text == (
        "time,RH,RH_FLAG,RH_REASON,TA,TA_FLAG,TA_REASON\nUTC,%,,,deg C,,\n"
        "2026-07-01T00:00:00.000Z,,,,21.5,,\n2026-07-01T00:01:00.000Z,50,,,-0.1,,\n"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith(f'attachment; filename="{ID}_met_202606240802-')


def put_hot_minute(store: Store) -> None:
    """Of three minutes the second is too hot for any air; the third has no humidity."""
    minutes = [(21.5, 50.0), (285.0, 50.0), (21.5, math.nan)]
    sent = [tower.reading(START + timedelta(minutes=i), *values) for i, values in enumerate(minutes)]
    store.messages.commit([], sent, [])
    judge_all(store)


def test_readings_have_flags_and_reasons(client: httpx.Client, registered: Store) -> None:
    put_hot_minute(registered)
    table = ReadingsOut.model_validate(client.get(f"{BASE}/readings").json())
    assert table.flags["TA"][1] == 4
    assert table.flags["RH"] == [1, 1, 9]
    assert "range: 285 deg C is above 60" in table.reasons["TA"]["1"]
    assert table.reasons["RH"] == {}
    assert table.data["TA"] == [21.5, 285.0, 21.5]  # the value never changes
    csv = client.get(f"{BASE}/readings", params={"format": "csv", "channels": "TA"}).text.splitlines()
    assert csv[0] == "time,TA,TA_FLAG,TA_REASON"
    assert csv[3].startswith('2026-07-01T00:01:00.000Z,285,4,"range: 285 deg C is above 60') or csv[3].startswith(
        "2026-07-01T00:01:00.000Z,285,4,range: 285 deg C is above 60"
    )


def test_readings_of_a_quality_leave_out_the_others(client: httpx.Client, registered: Store) -> None:
    put_hot_minute(registered)
    registered.messages.commit([], [tower.reading(START + timedelta(minutes=3), 21.5)], [])  # not judged yet

    def values(quality: str) -> list[float | None]:
        table = client.get(f"{BASE}/readings", params={"quality": quality, "channels": "TA"}).json()
        assert table["quality"] == quality
        assert len(table["flags"]["TA"]) == 4
        return list(table["data"]["TA"])

    assert values("all") == [21.5, 285.0, 21.5, 21.5]
    assert values("not_bad")[0] == 21.5
    assert values("not_bad")[1] is None
    assert values("good")[:2] == [21.5, None]
    assert values("good")[3] is None
    assert client.get(f"{BASE}/readings", params={"quality": "fair"}).status_code == 422


def test_latest_values_have_flags_and_reasons(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([], [tower.reading(START, 285.0)], [])
    ta, rh = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert (ta.flag, ta.reasons) == (None, [])
    judge_all(registered)
    ta, rh = LatestOut.model_validate(client.get(f"{BASE}/latest").json()).values
    assert (ta.flag, ta.reasons) == (4, ["range: 285 deg C is above 60"])
    assert (rh.flag, rh.reasons) == (1, [])


def test_findings_are_told_until_they_are_withdrawn(client: httpx.Client, registered: Store) -> None:
    layout = next(one for one in registered.stations.read_streams(ID) if one.name == "met")
    window = Window(layout.station_key, "level", START, START + timedelta(days=1))
    said = NewFinding(layout.key, "TA", START, START + timedelta(hours=1), 3, "level: a leap of 3 deg C", {"leap": 3.0})
    with registered.judgements.working() as work:
        assert len(replace_findings(work.connection, window, [said])) == 1
    (one,) = FindingsOut.model_validate(client.get(f"{BASE}/findings").json()).findings
    assert (one.check, one.channel, one.flag, one.data, one.withdrawn) == ("level", "TA", 3, {"leap": 3.0}, None)
    after = {"from": (START + timedelta(hours=1)).isoformat()}
    assert client.get(f"{BASE}/findings", params=after).json()["findings"] == []
    with registered.judgements.working() as work:
        assert replace_findings(work.connection, window, [said]) == []  # nothing new
        replace_findings(work.connection, window, [])
    assert client.get(f"{BASE}/findings").json()["findings"] == []
    (gone,) = client.get(f"{BASE}/findings", params={"withdrawn": True}).json()["findings"]
    assert gone["withdrawn"] is not None


def test_samples_as_sent_when_few(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([tower.block(START, 10)], [], [])
    answer = client.get(f"{BASE}/samples", params={"from": START.isoformat(), "channels": "Ux", "max_points": 5000})
    trace = SamplesOut.model_validate(answer.json())
    assert (trace.samples_per_point, trace.points, trace.step_s) == (1, 100, 0.1)
    [ux] = trace.channels
    assert ux.mean == ux.min == ux.max == [float(i) for i in range(100)]


def test_samples_are_summarised_and_gaps_stay_gaps(client: httpx.Client, registered: Store) -> None:
    # 10 s of samples, 10 s of nothing, 10 s of samples, in points of 5 s
    registered.messages.commit(
        [tower.block(START, 10), tower.block(START + timedelta(seconds=20), 10, first=1000)], [], []
    )
    end = START + timedelta(seconds=30)
    query = {"from": START.isoformat(), "to": end.isoformat(), "channels": "Ux", "max_points": "10"}
    trace = SamplesOut.model_validate(client.get(f"{BASE}/samples", params=query).json())
    assert trace.samples_per_point == 30  # 300 samples in at most 10 points of 3 s
    [ux] = trace.channels
    assert ux.min[:3] == [0, 30, 60]
    assert ux.max[:3] == [29, 59, 89]
    assert ux.mean[:3] == [14.5, 44.5, 74.5]
    assert (ux.mean[3], ux.min[3], ux.max[3]) == (94.5, 90, 99)  # the last second of the first block
    assert ux.mean[4:6] == ux.min[4:6] == [None, None]
    assert ux.max[9] == 1099


def test_samples_default_to_the_newest_five_minutes(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([tower.block(START, 10)], [], [])
    trace = SamplesOut.model_validate(client.get(f"{BASE}/samples").json())
    assert trace.end == START + timedelta(seconds=10)
    assert trace.start == trace.end - timedelta(minutes=5)
    assert trace.points <= 2000
    assert trace.channels[1].mean[-1] == 0.5


def test_samples_csv(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([tower.block(START, 1)], [], [])
    query = {"from": START.isoformat(), "to": (START + timedelta(seconds=0.2)).isoformat(), "channels": "Ux"}
    text = client.get(f"{BASE}/samples", params={**query, "format": "csv"}).text
    assert text.splitlines() == [
        "time,Ux_mean,Ux_min,Ux_max",
        "UTC,m s-1,m s-1,m s-1",
        "2026-07-01T00:00:00.000Z,0,0,0",
        "2026-07-01T00:00:00.100Z,1,1,1",
    ]


def test_minutes_of_one_channel(client: httpx.Client, registered: Store) -> None:
    registered.messages.commit([tower.block(START, 10)], [], [])
    table = MinutesOut.model_validate(client.get(f"{BASE}/minutes", params={"channels": "Ux"}).json())
    assert table.data["n"] == [100]
    assert table.data["mean"] == [49.5]
    assert (table.data["min"], table.data["max"]) == ([0.0], [99.0])
    assert table.data["sd"] == pytest.approx([math.sqrt((100**2 - 1) / 12)])
    assert table.units == {"Ux": "m s-1"}


def test_fluxes_with_flags_reasons_and_diagnostics(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, {"FC_SSITC_TEST": tower.REASON}, FC=-12.25, FC_SSITC_TEST=1.0))
    table = FluxesOut.model_validate(client.get(f"{BASE}/fluxes").json())
    assert list(table.units) == list(FLUX_COLUMNS)
    assert table.data["start"] == ["2026-07-01T00:00:00Z"]
    assert table.data["end"] == ["2026-07-01T00:30:00Z"]
    assert table.data["FC"] == [-12.25]
    assert table.data["LE"] == [None]
    assert table.data["reasons"] == [{"FC_SSITC_TEST": tower.REASON}]
    assert "diagnostics" not in table.data
    query = {"variables": "USTAR,FC", "diagnostics": "true"}
    some = FluxesOut.model_validate(client.get(f"{BASE}/fluxes", params=query).json())
    assert some.units == {"USTAR": "m s-1", "FC": "umol m-2 s-1"}
    assert some.data["diagnostics"] == [{"spikes_w": 3.0, "pitch": None}]


def test_fluxes_have_what_a_station_measures_beside(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=-1.0, FCH4=3.5, FNH3=0.25, FNH3_SSITC_TEST=1.0))
    table = FluxesOut.model_validate(client.get(f"{BASE}/fluxes").json())
    extra = {name: unit for name, unit in table.units.items() if name not in FLUX_COLUMNS}
    assert extra == {"FCH4": "nmol m-2 s-1", "FNH3": "nmol m-2 s-1", "FNH3_SSITC_TEST": "1"}
    assert (table.data["FCH4"], table.data["FNH3"]) == ([3.5], [0.25])
    query = {"format": "csv", "variables": "FNH3,FNH3_SSITC_TEST"}
    assert client.get(f"{BASE}/fluxes", params=query).text.splitlines()[1].endswith(",0.25,1")
    assert client.get(f"{BASE}/fluxes", params={"variables": "FN2O"}).status_code == 422
    # declared, though nothing is computed of it yet
    declared = tower.STATION.replace('["CO2", "H2O"]', '["CO2", "H2O", "N2O"]')
    registered.stations.put(declared, "tower.toml")
    later = FluxesOut.model_validate(client.get(f"{BASE}/fluxes", params={"variables": "FN2O,FCH4"}).json())
    assert (later.data["FN2O"], later.data["FCH4"]) == ([None], [3.5])


def test_fluxes_csv_is_fluxnet(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=-12.25, USTAR=0.1 + 0.2, FC_SSITC_TEST=0.0))
    tower.put_flux(registered, tower.flux(START + 2 * HALF_HOUR, FC=1e-7, FC_SSITC_TEST=2.0))
    answer = client.get(f"{BASE}/fluxes", params={"format": "csv", "variables": "FC,USTAR,FC_SSITC_TEST"})
    assert answer.text == (
        "TIMESTAMP_START,TIMESTAMP_END,FC,USTAR,FC_SSITC_TEST\n"
        "202607010800,202607010830,-12.25,0.3,0\n"
        "202607010830,202607010900,-9999,-9999,-9999\n"
        "202607010900,202607010930,0.0000001,-9999,2\n"
    )
    assert 'filename="cn-tower_fluxes_202606240930-202607010930.csv"' in answer.headers["content-disposition"]


def test_product_is_marked_provisional(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 2)
    table = ProductOut.model_validate(client.get(f"{BASE}/product").json())
    assert table.status == "provisional"
    assert table.run is not None
    assert table.data["NEE"][65] is None  # in the gap
    assert table.data["NEE_F"][65] is not None
    assert table.data["NEE_F_QC"][65] == 1
    answer = client.get(f"{BASE}/product", params={"format": "csv"})
    assert answer.headers["x-fluxtower-status"] == "provisional"
    assert f"provisional-run{table.run}" in answer.headers["content-disposition"]
    header, first, *_ = answer.text.splitlines()
    assert header == ",".join(["TIMESTAMP_START", "TIMESTAMP_END", *list(PRODUCT_COLUMNS)[1:]])
    assert first.startswith("202607010800,202607010830,")


def test_an_empty_station_has_empty_answers(client: httpx.Client, registered: Store) -> None:
    for resource in ("readings", "samples", "minutes", "fluxes", "product"):
        for form in ("json", "csv"):
            answer = client.get(f"{BASE}/{resource}", params={"format": form})
            assert answer.status_code == 200, (resource, form, answer.text)
    csv = client.get(f"{BASE}/fluxes", params={"format": "csv", "variables": "FC"}).text
    assert csv == "TIMESTAMP_START,TIMESTAMP_END,FC\n"


@pytest.mark.parametrize(
    ("path", "status", "error", "says"),
    [
        ("/api/v1/stations/nope", 404, "UnknownStation", "fluxtower station add"),
        (f"{BASE}/samples?stream=met", 404, "UnknownStream", "it has: ec"),
        (f"{BASE}/readings?channels=XX", 404, "UnknownStream", "TA, RH"),
        (f"{BASE}/fluxes?variables=XX", 422, "BadQuery", "has no 'XX'"),
        (f"{BASE}/fluxes?from=2026-07-01T00:00:00", 422, "BadQuery", "timezone"),
        (f"{BASE}/fluxes?from=2020-01-01T00:00:00Z&to=2026-01-01T00:00:00Z", 422, "BadQuery", "at most 366 days"),
        (f"{BASE}/samples?from=2026-07-01T00:00:00Z&to=2026-07-02T00:00:00Z", 422, "BadQuery", "at most 6:00:00"),
        (f"{BASE}/fluxes?from=2026-07-02T00:00:00Z&to=2026-07-01T00:00:00Z", 422, "BadQuery", "is not before"),
        (f"{BASE}/samples?max_points=5001", 422, "BadQuery", "max_points"),
        (f"{BASE}/fluxes?format=xml", 422, "BadQuery", "format"),
        ("/api/v1/nothing", 404, "HTTPError", "/api/v1/nothing"),
    ],
)
def test_errors_say_what_and_what_to_do(
    client: httpx.Client, registered: Store, path: str, status: int, error: str, says: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(body) - {"remedy"} == {"type", "title", "status", "detail", "error"}
    assert (body["error"], body["status"], body["type"]) == (error, status, f"/api/v1/problems#{error}")
    assert says in body["detail"]
    assert body.get("remedy") or path.endswith(("5001", "xml"))


def test_a_station_without_samples_says_so(client: httpx.Client, store: Store) -> None:
    text = tower.STATION.split("[site]")[0] + '[[stream]]\nname = "met"\nkind = "reading"\ninterval = 60\n'
    store.stations.put(text + 'channels = [{ name = "TA", variable = "TA", unit = "deg C" }]\n', "slow.toml")
    answer = client.get(f"{BASE}/samples")
    assert answer.status_code == 404
    assert "no stream of kind block" in answer.json()["detail"]
    assert client.get(f"{BASE}/fluxes").json()["data"]["start"] == []
    assert client.get(f"/station/{ID}").status_code == 200


def test_an_etag_saves_the_second_answer(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    query = {"from": START.isoformat(), "to": (START + HALF_HOUR).isoformat()}
    first = client.get(f"{BASE}/fluxes", params=query)
    again = client.get(f"{BASE}/fluxes", params=query, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    tower.put_flux(registered, tower.flux(START, FC=2.0), revision=2)
    changed = client.get(f"{BASE}/fluxes", params=query, headers={"If-None-Match": first.headers["etag"]})
    assert changed.json()["data"]["FC"] == [2.0]


def test_times_may_have_any_offset(client: httpx.Client, registered: Store) -> None:
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    start, end = quote("2026-07-01T08:00:00+08:00"), quote("2026-06-30T16:30:00-08:00")
    answer = client.get(f"{BASE}/fluxes?from={start}&to={end}").json()
    assert answer["from"] == "2026-07-01T00:00:00Z"
    assert answer["data"]["FC"] == [1.0]


def test_large_answers_are_compressed(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 2)
    answer = client.get(f"{BASE}/fluxes", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"


def test_the_service_starts_without_a_database(settings: Settings) -> None:
    away = settings.model_copy(update={"dsn": "postgresql://nobody@127.0.0.1:9/none"})
    with serving(away) as address:
        answer = httpx.get(f"{address}/health")
        assert answer.status_code == 503
        health = HealthOut.model_validate(answer.json())
        assert health.status == "unavailable"
        assert health.problem
        assert "fluxtower status" in str(health.remedy)
