"""The dashboard is what the SDK's schema knows, and each panel's SQL runs on the real database."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import polars as pl
import psycopg
import pytest

from api.routes.stations import latest_values
from core.settings import Settings
from core.store import NewFinding, Store, Window, replace_findings
from core.store.queries import named
from dashboards import station_dashboard
from dashboards.sdk import JSONEncoder, models
from dashboards.sql import statement
from dashboards.station import _strip as strip
from tests.api import tower
from tests.api.tower import ID, START
from tests.judging import judge_all

PANELS = station_dashboard()["panels"]
MACRO = re.compile(r"\$__(\w+)\(([^()]*)\)")


def _expand(sql: str, start: datetime, end: datetime, variables: dict[str, list[str]], *, timescale: bool) -> str:
    """Do what Grafana's PostgreSQL data source does to a query before it sends it."""

    def macro(match: re.Match[str]) -> str:
        name, arguments = match[1], [part.strip() for part in match[2].split(",")]
        if name == "timeFilter":
            return f"{arguments[0]} BETWEEN '{start.isoformat()}' AND '{end.isoformat()}'"
        assert name == "timeGroup"
        seconds = int(arguments[1].removesuffix("s"))
        if timescale:
            return f"time_bucket('{seconds}.000s',{arguments[0]})"
        return f"floor(extract(epoch from {arguments[0]})/{seconds})*{seconds}"

    sql = sql.replace("$__interval", "600s")
    for name, values in variables.items():
        quoted = ",".join("'" + value.replace("'", "''") + "'" for value in values)
        sql = sql.replace("${" + name + ":sqlstring}", quoted)
    expanded = MACRO.sub(macro, sql)
    assert "$" not in expanded, expanded
    return expanded


def test_the_sdk_reads_back_what_it_wrote() -> None:
    board = station_dashboard("http://tower.example:18080")
    again = json.loads(json.dumps(models.Dashboard.from_json(board), cls=JSONEncoder))
    assert strip(again) == board
    assert board["uid"] == "fluxtower-station"
    assert board["links"][0]["url"] == "http://tower.example:18080/station/${station}"


def test_panels_have_names_words_and_room() -> None:
    cells = []
    for panel in PANELS:
        assert panel["title"]
        assert panel["description"].endswith(".")
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24
        cells.append((place["x"], place["y"], place["x"] + place["w"], place["y"] + place["h"]))
    for one, other in combinations(cells, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_every_query_names_our_source_and_every_statement_is_used() -> None:
    used = set()
    for panel in PANELS:
        [target] = panel["targets"]
        assert (
            target["datasource"] == panel["datasource"] == {"type": "grafana-postgresql-datasource", "uid": "fluxtower"}
        )
        assert target["rawQuery"] is True
        used.add(target["rawSql"])
    for variable in station_dashboard()["templating"]["list"]:
        assert not {"auto", "auto_min", "auto_count"} & set(variable)
        used.add(variable["query"])
    assert used == {statement(name) for name in named("grafana.sql")}


@pytest.fixture
def filled(store: Store) -> Store:
    """The small tower with a day of everything, and a second station that must not show."""
    store.stations.put(tower.STATION, "cn-tower.toml")
    store.stations.put(tower.STATION.replace(ID, "other"), "other.toml")
    tower.put_days(store, 2)
    readings = [tower.reading(START + timedelta(minutes=5 * i), float(i), math.nan) for i in range(4)]
    other = [type(one)("other", one.stream, one.time_ns, {"TA": 999.0, "RH": 999.0}) for one in readings]
    store.messages.commit([tower.block(START)], [*readings, *other], [])
    judge_all(store)
    layout = next(one for one in store.stations.read_streams(ID) if one.name == "met")
    said = NewFinding(layout.key, "TA", START, START + timedelta(hours=1), 3, "level: leapt", {"leap": 3.0})
    with store.judgements.working() as work:
        replace_findings(work.connection, Window(layout.station_key, "level", START, START), [said])
    return store


def _rows(settings: Settings, sql: str) -> list[dict[str, Any]]:
    with psycopg.connect(settings.store_dsn, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[call-overload,no-any-return]


@pytest.mark.integration
@pytest.mark.parametrize("timescale", [True, False])
@pytest.mark.parametrize("name", list(named("grafana.sql")))
def test_each_statement_runs_and_finds_something(settings: Settings, filled: Store, name: str, timescale: bool) -> None:
    variables = {"station": [ID], "reading": ["TA", "RH"], "sample": ["Ux"]}
    sql = _expand(statement(name), START, START + timedelta(days=2), variables, timescale=timescale)
    rows = _rows(settings, sql)
    assert rows
    assert all(value != 999.0 for row in rows for value in row.values())
    [panel] = [panel for panel in PANELS if panel["targets"][0]["rawSql"] == statement(name)] or [None]
    if panel and panel["targets"][0]["format"] == "time_series":
        assert "time" in rows[0]
        times = [row["time"] for row in rows]
        assert times == sorted(times)


@pytest.mark.integration
def test_numbers_of_the_panels(settings: Settings, filled: Store) -> None:
    def run(name: str, days: int = 2) -> list[dict[str, Any]]:
        variables = {"station": [ID], "reading": ["TA", "RH"], "sample": ["Ux"]}
        sql = _expand(statement(name), START, START + timedelta(days=days), variables, timescale=True)
        return _rows(settings, sql)

    assert [row["station"] for row in run("stations")] == [ID, "other"]
    assert [row["channel"] for row in run("reading_channels")] == ["RH", "TA"]
    assert "Ux" in [row["channel"] for row in run("sample_channels")]
    # readings 0..3 at minutes 0, 5, 10, 15, in steps of ten minutes; RH was never measured
    assert [row["value"] for row in run("readings") if row["metric"] == "TA [deg C]"] == [0.5, 2.5]
    assert {row["value"] for row in run("readings") if row["metric"] == "RH [%]"} == {None}
    # values that stand still for as long as these are good; what was never measured has no flag
    assert [row["value"] for row in run("reading_flags") if row["metric"] == "TA"] == [1, 1]
    assert {row["value"] for row in run("reading_flags") if row["metric"] == "RH"} == {None}
    found = [(row["check"], row["channel"], row["flag"]) for row in run("found_of_stretches")]
    assert found == [("level", "TA", "suspect")]
    assert {(row["channel"], row["flag"]) for row in run("latest") if row["stream"] == "met"} == {
        ("TA", "good"),
        ("RH", "missing"),
    }
    assert run("minutes")[0] == {"time": START, "min": 0.0, "mean": 49.5, "max": 99.0}
    # the second day lacks 12 of 48 intervals; bad ones are not counted as good or usable
    first, second = run("completeness")
    assert (first["time"], float(first["computed"])) == (datetime(2026, 7, 1, tzinfo=UTC), 100.0)
    assert float(second["computed"]) == 75.0
    bad = sum(row["bad"] is not None for row in run("fc") if row["time"] < START + timedelta(days=1))
    assert float(first["FC good or usable"]) == pytest.approx(100 * (48 - bad) / 48)
    for row in run("fc"):
        assert sum(row[flag] is not None for flag in ("good", "usable", "bad")) == 1
    for row in run("nee"):
        assert (row["measured"] is None) != (row["filled"] is None)
    assert [(row["stream"], row["age"] < 60, row["state"]) for row in run("age")] == [
        ("ec", True, "ok"),
        ("met", True, "ok"),
    ]


@pytest.mark.integration
@pytest.mark.parametrize("age", [100, 140, 580, 620, 10_000])
def test_a_stream_is_late_as_the_api_says(settings: Settings, filled: Store, age: int) -> None:
    with psycopg.connect(settings.store_dsn) as connection:
        connection.execute("UPDATE latest SET received = now() - make_interval(secs => %s)", [age])
    values = latest_values(filled.stations.read(ID), filled.latest.read(ID), datetime.now(UTC), {})
    said = {value.stream: value.status for value in values}
    sql = _expand(statement("age"), START, START, {"station": [ID]}, timescale=True)
    assert said.keys() == {"ec", "met"}
    assert {row["stream"]: row["state"] for row in _rows(settings, sql)} == said


@pytest.mark.integration
def test_numbers_of_the_season(settings: Settings, filled: Store) -> None:
    def run(name: str, begin: int = 0) -> list[dict[str, Any]]:
        start, end = START + timedelta(days=begin), START + timedelta(days=2)
        return _rows(settings, _expand(statement(name), start, end, {"station": [ID]}, timescale=True))

    days = [{"time": START + timedelta(days=n), "NEE": -1.5 * n, "low": -1.75 * n, "high": -1.25 * n} for n in (1, 2)]
    assert run("nee_sum") == days
    assert run("nee_sum", begin=2) == days[1:]
    # respiration of the tower is 4 by night, 4.5 at noon; it has no day-time one, of uptake both
    parts = run("reco")
    assert len(parts) == 96
    assert {row["RECO_DT"] for row in parts} == {None}
    assert (min(row["RECO_NT"] for row in parts), max(row["RECO_NT"] for row in parts)) == (4.0, 4.5)
    assert {row["GPP_DT"] is None or row["GPP_NT"] is None for row in run("gpp")} == {False}
    [missing] = run("not_done")
    assert (missing["series"], missing["why"][:12]) == ("USTAR_THRESHOLD", "no threshold")
    assert {row["threshold"] for row in run("ustar")} == {None}

    # a newer run counts, one on demand does not; without a day's sum there is a gap, without a course nothing
    gap = {"end": [START + timedelta(days=1)], "NEE_F": [None], "NEE_F_JOINTUNC": [None]}
    product = tower.filled_days(1).with_columns(USTAR_THRESHOLD=pl.lit(0.25))
    tower.put_run(filled, product, provenance={"course": gap})
    tower.put_run(filled, tower.filled_days(2), kind="season", provenance={"not_done": {"NEE_F": "none"}})
    assert run("nee_sum") == [{"time": START + timedelta(days=1), "NEE": None, "low": None, "high": None}]
    assert run("not_done") == []
    assert {row["threshold"] for row in run("ustar") if row["time"] < START + timedelta(days=1)} == {0.25}
    tower.put_run(filled, product, provenance={"course": None})
    assert run("nee_sum") == []


def test_the_band_of_the_sum_lies_between_lines_that_are_not_drawn() -> None:
    [panel] = [panel for panel in PANELS if panel["title"] == "NEE, summed"]
    told: dict[str, dict[str, Any]] = {}
    for override in panel["fieldConfig"]["overrides"]:
        told.setdefault(override["matcher"]["options"], {}).update(
            {one["id"]: one["value"] for one in override["properties"]}
        )
    assert told["high"]["custom.fillBelowTo"] == "low"
    assert told["low"]["custom.lineWidth"] == told["high"]["custom.lineWidth"] == 0
    assert "custom.lineWidth" not in told["NEE"]
