"""A season or half-hour that cannot be made: the reason is stored, the next attempt waits, the others go on."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from core.records import FluxRecord
from core.store import Store
from core.variables import FLUX_COLUMNS
from fluxcalc import worker
from fluxcalc.worker.seasons import try_season
from tests.fluxcalc.season.test_steps import made_up
from tests.fluxcalc.worker.test_seasons import HALF, ID, STATION, put_fluxes, put_readings
from tests.fluxcalc.worker.test_worker import START, end, forest_records, start_worker
from tests.fluxcalc.worker.test_worker import forest as forest
from tests.waiting import wait_for

pytestmark = pytest.mark.integration

DAY = 86_400.0
BROKEN = "a-broken"


def execute(store: Store, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(store.dsn) as connection:
        found = connection.execute(statement)  # type: ignore[call-overload]
        return found.fetchall() if found.description else []


def put_broken(store: Store) -> None:
    """A station with three fluxes on three grids: there is no season of them."""
    store.stations.put(STATION.replace(f'id = "{ID}"', f'id = "{BROKEN}"'), "broken.toml")
    starts = [datetime(2023, 5, 1, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in (0, 37, 71)]
    values = {**dict.fromkeys(FLUX_COLUMNS, 0.0), "FC": 1.0}
    records = [FluxRecord(BROKEN, start, start + HALF, values, {}, {}) for start in starts]
    store.fluxes.put_history(records, config_sha256="c" * 64, code_version="other")


def waited(store: Store, seconds: float) -> bool:
    """Whether the broken station is due once so much time has passed since the last attempt."""
    execute(store, f"UPDATE season_attempt SET tried = clock_timestamp() - interval '{seconds} s'")
    return store.attempts.find_due(DAY) == [BROKEN]


def test_a_season_that_fails_says_why_and_waits_twice_as_long_each_time(store: Store) -> None:
    put_broken(store)
    assert store.attempts.find_due(DAY) == [BROKEN]
    assert try_season(store, BROKEN, DAY) is None
    (failure,) = store.attempts.read_failures()
    assert (failure.station, failure.attempts) == (BROKEN, 1)
    assert failure.reason.startswith("ValueError: 2 of 3 stamps are not on one grid of 30 minutes")
    assert store.health().seasons_failed == 1
    assert store.attempts.find_due(DAY) == []
    assert not store.attempts.begin(BROKEN, DAY)
    for attempts, seconds in [(1, 60), (2, 120), (3, 240)]:
        assert store.attempts.read_failures(BROKEN)[0].attempts == attempts
        assert not waited(store, seconds - 5)
        assert waited(store, seconds + 1)
        try_season(store, BROKEN, DAY)
    execute(store, "UPDATE season_attempt SET attempts = 2000")
    assert not waited(store, DAY - 5)
    assert waited(store, DAY + 1)


def test_a_run_that_is_stored_ends_the_attempts(store: Store) -> None:
    put_broken(store)
    try_season(store, BROKEN, DAY)
    execute(store, "DELETE FROM flux WHERE time > '2023-05-01 00:30Z'")
    record = FluxRecord(
        BROKEN, datetime(2023, 5, 1, 2, tzinfo=UTC), datetime(2023, 5, 1, 2, 30, tzinfo=UTC), {"FC": 1.0}
    )
    store.fluxes.put_history([record], config_sha256="c" * 64, code_version="other")
    assert waited(store, 61)
    assert try_season(store, BROKEN, DAY) == store.runs.find()[0].id
    assert store.attempts.read_failures() == []
    assert store.health().seasons_failed == 0
    assert try_season(store, BROKEN, DAY) is None
    assert len(store.runs.find()) == 1


def test_an_attempt_that_kills_its_worker_counts(store: Store) -> None:
    put_broken(store)
    assert store.attempts.begin(BROKEN, DAY)
    assert store.attempts.read_failures() == []
    assert waited(store, 61)
    assert store.attempts.begin(BROKEN, DAY)
    (failure,) = store.attempts.read_failures()
    assert (failure.attempts, failure.reason) == (2, "the worker ended in the midst of it")
    assert not waited(store, 61)


def test_the_worker_goes_on_beside_a_season_that_fails(store: Store, environment: dict[str, str]) -> None:
    put_broken(store)
    store.stations.put(STATION, "made-up.toml")
    frame = made_up(5)
    put_fluxes(store, frame)
    put_readings(store, frame)
    process = start_worker(environment)
    try:
        wait_for(lambda: store.runs.find() and store.attempts.read_failures())
        time.sleep(3 * 1.0)  # it looks every second
    finally:
        log = end([process])
    assert process.returncode == 0
    assert [run.station for run in store.runs.find()] == [ID]
    assert [(one.station, one.attempts) for one in store.attempts.read_failures()] == [(BROKEN, 1)]
    assert log.count("the season of a-broken: ValueError: 2 of 3 stamps") == 1
    assert execute(store, "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'season'") == [(0,)]


@pytest.mark.usefixtures("forest")
def test_a_half_hour_of_a_station_whose_file_is_no_more_valid_is_marked(store: Store) -> None:
    """As after an update of the program that knows a key no longer."""
    station = store.stations.read_all()[0].station
    store.messages.commit(*forest_records(station, 1))
    execute(store, "UPDATE station_config SET toml = replace(toml, 'canopy_height', 'canopy_heigth'), parsed = NULL")
    worker.compute_half_hour(store, station.id, START)
    assert store.intervals.find_due(datetime.now(UTC), 10) == []
    ((failure,),) = execute(store, "SELECT failure FROM interval_state WHERE failure IS NOT NULL")
    assert "canopy_heigth: expected no such key" in str(failure)
