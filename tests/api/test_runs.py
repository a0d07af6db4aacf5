"""Seasons and their runs through the API: listed, described, downloaded; each answer names its run."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from datetime import timedelta

import httpx
import polars as pl
import pytest

from api.models import ProductOut, RunDetailOut, RunsOut
from core.frames import PRODUCT_COLUMNS
from core.store import Store
from tests.api import tower
from tests.api.tower import HALF_HOUR, ID, START

pytestmark = pytest.mark.integration

BASE = f"/api/v1/stations/{ID}"


def season(store: Store, first: float = 1.0, days: int = 2, **more: object) -> int:
    """Store a run whose filled exchange counts up from ``first``, with a further series."""
    n = 48 * days
    product = pl.DataFrame(
        {
            "start": [START + i * HALF_HOUR for i in range(n)],
            "NEE_F": [first + i for i in range(n)],
            "NEE_F_QC": [1] * n,
            "GPP_NT": [0.5] * n,
            "NEE_VUT_05": [-first - i for i in range(n)],
        }
    )
    return tower.put_run(store, product, kind="season", **more)


def test_the_product_without_dates_is_that_of_the_whole_run(client: httpx.Client, registered: Store) -> None:
    """Also where its station's fluxes lie years apart from it, or are not there at all."""
    number = season(registered, days=20)
    table = ProductOut.model_validate(client.get(f"{BASE}/product", params={"kind": "season"}).json())
    assert (table.run, table.start, table.end) == (number, START, START + timedelta(days=20))
    assert table.data["NEE_F"] == [1.0 + i for i in range(960)]
    later = {"kind": "season", "from": (START + timedelta(days=19)).isoformat()}
    table = ProductOut.model_validate(client.get(f"{BASE}/product", params=later).json())
    assert table.data["NEE_F"] == [1.0 + i for i in range(912, 960)]


def test_runs_are_listed_and_described(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 2)
    said = {"sums": {"NEE_F": {"value": -1.5}}, "not_done": {"RECO_DT": "too young"}, "inputs": {"sha256": "a" * 64}}
    number = season(registered, provenance=said)
    listed = RunsOut.model_validate(client.get(f"{BASE}/runs").json()).runs
    assert [(run.id, run.kind, run.intervals) for run in listed] == [
        (number, "season", 96),
        (number - 1, "provisional", 96),
    ]
    assert (listed[0].first, listed[0].last) == (START, START + 95 * HALF_HOUR)
    for query, ids in (
        ({"kind": "provisional"}, [number - 1]),
        ({"limit": 1}, [number]),
        ({"limit": 1, "before": number}, [number - 1]),
    ):
        found = RunsOut.model_validate(client.get(f"{BASE}/runs", params=query).json()).runs  # type: ignore[arg-type]
        assert [run.id for run in found] == ids
    one = RunDetailOut.model_validate(client.get(f"/api/v1/runs/{number}").json())
    assert one.station == ID
    assert one.provenance.model_dump(exclude_unset=True) == said
    assert one.further == ["NEE_VUT_05"]
    assert one.methods == {"gap filling": "mds"}


def test_a_season_that_cannot_be_made_says_why(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 2)
    assert client.get(f"{BASE}/runs").json()["failure"] is None
    tower.fail_season(registered)
    failure = RunsOut.model_validate(client.get(f"{BASE}/runs").json()).failure
    assert failure is not None
    assert (failure.attempts, failure.tried.isoformat(), failure.reason) == (3, "2026-07-03T12:00:00+00:00", "no grid")
    assert client.get("/health").json()["database"]["seasons_failed"] == 1


def test_an_earlier_run_is_still_what_it_was(client: httpx.Client, registered: Store) -> None:
    first = season(registered, 1.0)
    before = client.get(f"/api/v1/runs/{first}/product").json()
    second = season(registered, 1000.0)
    assert client.get(f"/api/v1/runs/{first}/product").json() == before
    newest = ProductOut.model_validate(client.get(f"{BASE}/product", params={"kind": "season", "from": START}).json())  # type: ignore[arg-type]
    assert (newest.run, newest.status) == (second, "season")
    assert newest.data["NEE_F"][0] == 1000.0


def test_a_run_is_downloaded_whole(client: httpx.Client, registered: Store) -> None:
    number = season(registered, provenance={"notes": ["made up"]})
    whole = ProductOut.model_validate(client.get(f"/api/v1/runs/{number}/product").json())
    assert set(whole.data) == {"start", "end", *PRODUCT_COLUMNS, "NEE_VUT_05"}
    assert whole.units["GPP_NT"] == whole.units["NEE_VUT_05"] == "umol m-2 s-1"
    assert (whole.units["NEE_F_QC"], whole.units["LE_F"], whole.units["ET"]) == ("1", "W m-2", "mm")
    assert whole.data["NEE_F"] == [1.0 + i for i in range(96)]
    assert whole.data["RECO_NT"] == [None] * 96

    answer = client.get(f"/api/v1/runs/{number}/product", params={"format": "csv", "variables": "NEE_F,NEE_F_QC,NEE"})
    assert answer.headers["x-fluxtower-run"] == str(number)
    assert f"_season-run{number}_202607010800-202607030800.csv" in answer.headers["content-disposition"]
    assert answer.text.splitlines()[:2] == [
        "TIMESTAMP_START,TIMESTAMP_END,NEE_F,NEE_F_QC,NEE",
        "202607010800,202607010830,1,1,-9999",
    ]
    assert len(answer.text.splitlines()) == 97

    answer = client.get(f"/api/v1/runs/{number}/product", params={"format": "parquet"})
    table = pl.read_parquet(io.BytesIO(answer.content))
    assert table["NEE_VUT_05"].to_list() == [-1.0 - i for i in range(96)]
    assert (table["end"] - table["start"]).unique().to_list() == [timedelta(minutes=30)]
    metadata = pl.read_parquet_metadata(io.BytesIO(answer.content))
    assert (metadata["station"], metadata["run"]) == (ID, str(number))
    assert json.loads(metadata["provenance"]) == {"notes": ["made up"]}


def test_a_part_of_a_run(client: httpx.Client, registered: Store) -> None:
    number = season(registered)
    query = {"from": (START + HALF_HOUR).isoformat(), "to": (START + 3 * HALF_HOUR).isoformat(), "variables": "NEE_F"}
    part = ProductOut.model_validate(client.get(f"/api/v1/runs/{number}/product", params=query).json())
    assert part.data["NEE_F"] == [2.0, 3.0]


def test_what_was_not_done_is_told_with_the_data(client: httpx.Client, registered: Store) -> None:
    tower.put_days(registered, 1)
    tower.put_run(registered, tower.filled_days(1), provenance={"not_done": {"RECO_DT": "there is no SW_IN_F"}})
    table = ProductOut.model_validate(client.get(f"{BASE}/product", params={"variables": "NEE_F,GPP_NT"}).json())
    assert table.not_done == {"RECO_DT": "there is no SW_IN_F"}
    assert set(table.data) == {"start", "end", "NEE_F", "GPP_NT"}


@pytest.mark.parametrize(
    ("path", "status", "error", "says"),
    [
        ("/api/v1/runs/999999", 404, "UnknownRun", "/runs lists"),
        ("/api/v1/runs/999999/product", 404, "UnknownRun", "unknown run 999999"),
        ("/api/v1/runs/0", 422, "BadQuery", "greater than or equal to 1"),
        (f"{BASE}/runs?limit=100000", 422, "BadQuery", "limit"),
        (f"{BASE}/product?variables=NEE_VUT_95", 422, "BadQuery", "has no 'NEE_VUT_95'"),
        (f"{BASE}/product?kind=best", 422, "BadQuery", "kind"),
        ("/api/v1/stations/nope/runs", 404, "UnknownStation", "fluxtower station add"),
    ],
)
def test_mistakes_are_told(
    client: httpx.Client, registered: Store, path: str, status: int, error: str, says: str
) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert says in answer.text


def test_too_much_at_once_is_refused(client: httpx.Client, registered: Store) -> None:
    number = season(registered)
    query = {"from": "2000-01-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
    answer = client.get(f"/api/v1/runs/{number}/product", params=query)
    assert answer.status_code == 422
    assert "fewer `variables`" in answer.json()["remedy"]


def test_page_api_and_command_show_the_same_run(
    client: httpx.Client, registered: Store, environment: dict[str, str]
) -> None:
    """The newest that was kept on demand, with a line if a provisional one is newer; without one the provisional."""

    def shown() -> tuple[int | None, int | None, int | None, str]:
        table = ProductOut.model_validate(client.get(f"{BASE}/product").json())
        header = client.get(f"{BASE}/product", params={"format": "csv"}).headers
        assert header["x-fluxtower-run"] == str(table.run)
        assert header.get("x-fluxtower-newer-run") == (str(table.newer) if table.newer else None)
        page = client.get(f"/station/{ID}?lang=en").text
        linked = re.search(r"A newer provisional run exists:.*?/runs/(\d+)", page, re.S)
        assert f"/api/v1/runs/{table.run}/product?format=csv" in page
        assert (int(linked[1]) if linked else None) == table.newer
        said = subprocess.run(
            [sys.executable, "-m", "fluxtower", "run", "show", ID],
            env=environment, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return table.run, json.loads(said.stdout)["id"], table.newer, said.stderr

    provisional = tower.put_run(registered, tower.filled_days(2))
    assert shown() == (provisional, provisional, None, "")
    kept = season(registered, days=3)
    assert shown() == (kept, kept, None, "")
    newer = tower.put_run(registered, tower.filled_days(4))
    run, of_command, of_page, line = shown()
    assert (run, of_command, of_page) == (kept, kept, newer)
    assert f"a newer provisional run exists: {newer}, made " in line
    asked = ProductOut.model_validate(client.get(f"{BASE}/product", params={"kind": "provisional"}).json())
    assert (asked.run, asked.newer, asked.end) == (newer, None, START + timedelta(days=4))
