"""Case 62: half-hours of another program are imported while the worker runs; the season is of all of them, at once."""

from __future__ import annotations

import tarfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from core.settings import Settings
from core.store import Store
from fluxcalc import worker
from tests.api.conftest import serving
from tests.fluxtower.batch.test_season_cases import TABLES
from tests.fluxtower.test_cli import fluxtower
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

CASE = "03-eddypro-full-ch4"
ID = "h2-ch4"
HALF_HOURS = 5760
"""Of the table: 120 days."""
BEGIN = datetime(2021, 4, 30, 23, tzinfo=UTC)
"""Its first half-hour ends at 00:30 of 1 May, an hour ahead of UTC."""


def test_a_provisional_season_is_of_all_that_was_imported(
    settings: Settings, store: Store, environment: dict[str, str], tmp_path: Path
) -> None:
    """The worker looks again and again while the rows come in; and /product without dates is the whole of it."""
    with tarfile.open(TABLES) as archive:
        archive.extractall(tmp_path, [one for one in archive.getmembers() if one.name.startswith(CASE)], filter="data")
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(settings, stop))
    thread.start()
    try:
        added = fluxtower("station", "add", tmp_path / CASE / "station_full.toml", environment=environment)
        assert added.returncode == 0, added.stderr
        taken = fluxtower("history", tmp_path / CASE / "full_output.csv", "--station", ID, environment=environment)
        assert f"5,760 of {HALF_HOURS:,} half-hours are new" in taken.stdout, taken
        wait_for(lambda: store.runs.find(ID), 3 * PATIENCE)
    finally:
        stop.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()
    with serving(settings) as address, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        (run,) = client.get(f"/api/v1/stations/{ID}/runs").json()["runs"]
        product = client.get(f"/api/v1/stations/{ID}/product", params={"variables": "NEE,NEE_F"}).json()
        page = client.get(f"/station/{ID}?lang=en")
    assert (run["kind"], run["intervals"]) == ("provisional", HALF_HOURS)
    end = BEGIN + HALF_HOURS * timedelta(minutes=30)
    assert (product["run"], product["newer"]) == (run["id"], None)
    assert [datetime.fromisoformat(product[key]) for key in ("from", "to")] == [BEGIN, end]
    assert len(product["data"]["start"]) == HALF_HOURS
    assert sum(value is not None for value in product["data"]["NEE_F"]) == HALF_HOURS
    assert page.status_code == 200
    assert f"/api/v1/runs/{run['id']}/product?format=csv" in page.text
