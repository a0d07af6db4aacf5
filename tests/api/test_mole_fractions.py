"""Mole fractions through the API."""

from __future__ import annotations

import math
from collections.abc import Iterator

import httpx
import numpy as np
import polars as pl
import pytest

from api.air import _repeatability
from api.models import MoleFractionsOut, StationEventsOut, TanksOut, TargetsOut
from core.access import Policy
from core.clock import from_ns
from core.settings import Settings
from core.store import Store
from ingest.simulation.analyser import AnalyserSamples
from qc.making import make_new
from tests.api.conftest import serving
from tests.qc.test_making import DAY, HOUR, HOURS, SCENE, register, samples, send, stored

__all__ = ["samples"]
pytestmark = pytest.mark.integration


@pytest.fixture
def air(settings: Settings, store: Store, samples: AnalyserSamples) -> Iterator[httpx.Client]:
    id = register(store)
    send(store, samples, DAY, DAY + HOURS * HOUR)
    make_new(store, store.stations.read(id))
    with serving(settings) as address, httpx.Client(base_url=f"{address}/api/v1/stations/{id}", timeout=60) as client:
        yield client


def test_all_routes_tell_what_is_stored(air: httpx.Client, store: Store) -> None:
    part = SCENE.station.mole_fraction
    assert part is not None
    id, intake = SCENE.station.id, part.intakes[1]
    answer = air.get("/mole-fractions", params={"gas": "CH4", "intake": intake})
    said = MoleFractionsOut.model_validate(answer.json())
    own = stored(store, id).filter((pl.col("gas") == "CH4") & (pl.col("intake") == intake))
    assert (said.unit, said.height, said.step_s) == ("nmol mol-1", part.heights[intake], 3600)
    assert said.data.time == own["time"].to_list()
    assert [math.nan if one is None else one for one in said.data.value] == pytest.approx(
        own["value"].cast(pl.Float64).fill_null(math.nan).to_list(), nan_ok=True
    )
    assert said.data.flag == own["flag"].to_list()
    minutes = air.get("/mole-fractions", params={"step": "minute"}).json()
    assert minutes["step_s"] == 60
    assert len(minutes["data"]["time"]) > 20 * len(said.data.time)
    csv = air.get("/mole-fractions", params={"format": "csv"}).text.splitlines()
    assert csv[0] == "time,value,sd,u,n,flag,reasons,scale"
    assert csv[1].startswith("UTC,umol mol-1,umol mol-1,umol mol-1")

    targets = TargetsOut.model_validate(air.get("/targets").json())
    assert targets.goal == 0.1
    assert len(targets.data.time) >= 4  # every six hours
    bias = np.array(targets.data.bias, float)
    np.testing.assert_allclose(bias, np.array(targets.data.value, float) - np.array(targets.data.assigned, float))
    assert np.nanmax(np.abs(bias)) < 0.2
    tanks = TanksOut.model_validate(air.get("/tanks").json())
    assert {one.serial for one in tanks.tanks} == set(SCENE.tank_texts)
    assert all(one.assignments for one in tanks.tanks)
    StationEventsOut.model_validate(air.get("/mole-fraction-events").json())


def test_files(air: httpx.Client) -> None:
    icos = air.get("/mole-fractions", params={"format": "icos"})
    assert icos.headers["content-type"].startswith("text/csv")
    assert "co2.csv" in icos.headers["content-disposition"]
    obspack = air.get("/mole-fractions", params={"format": "obspack"})
    assert obspack.headers["content-type"] == "application/x-netcdf"
    assert obspack.content[1:4] == b"HDF"
    assert air.get("/mole-fractions", params={"format": "icos", "step": "minute"}).status_code == 422


def test_what_is_not_there_is_named(air: httpx.Client) -> None:
    for parameters, word in (({"gas": "SF6"}, "SF6"), ({"intake": "roof"}, "roof")):
        answer = air.get("/mole-fractions", params=parameters)
        assert answer.status_code == 422
        assert word in answer.json()["detail"]
        assert answer.json()["remedy"]


def test_they_are_products_for_policies(air: httpx.Client, store: Store) -> None:
    store.access.set_policy(Policy(SCENE.station.id, "products", "private"), "test")
    for path in ("/mole-fractions", "/targets", "/mole-fraction-events"):
        assert air.get(path).status_code == 401
    assert from_ns(DAY).isoformat()[:10] not in air.get("/mole-fractions").text


def test_repeatability_is_that_of_each_tank() -> None:
    runs = pl.DataFrame(
        {"tank": ["a"] * 3 + ["b"] * 3 + ["c"], "value": [400.0, 400.1, 400.2, 450.0, 450.1, 450.2, 9.0]}
    )
    assert _repeatability(runs) == pytest.approx(0.1)  # sums of squares 0.02 each, four degrees of freedom
    assert math.isnan(_repeatability(runs.tail(2)))
