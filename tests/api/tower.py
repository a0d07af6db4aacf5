"""A small tower with data that can be told by heart."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import psycopg

from core.clock import NS, to_ns
from core.records import FluxRecord, Reading, SampleBlock
from core.store import Store
from core.variables import FLUX_COLUMNS

ID = "cn-tower"
STATION = """
[station]
id = "cn-tower"
name = "Test forest"
name_zh = "试验森林站"
latitude = 26.1
longitude = 117.4
altitude = 300
utc_offset = 8
description = "A tower of the tests."
[site]
canopy_height = 12
[sonic]
model = "CSAT3"
height = 30
[[analyzer]]
model = "LI-7500"
gases = ["CO2", "H2O"]
[[stream]]
name = "ec"
kind = "block"
rate = 10
channels = [
    { name = "Ux", variable = "U", unit = "m s-1" },
    { name = "Uy", variable = "V", unit = "m s-1" },
    { name = "Uz", variable = "W", unit = "m s-1" },
    { name = "Ts", variable = "T_SONIC", unit = "deg C" },
    { name = "co2", variable = "CO2_DENSITY", unit = "mmol m-3" },
]
[[stream]]
name = "met"
kind = "reading"
interval = 60
channels = [{ name = "TA", variable = "TA", unit = "deg C" }, { name = "RH", variable = "RH", unit = "%" }]
[flux]
stream = "ec"
meteorology = "met"
averaging_minutes = 30
lateness_seconds = 60
"""
CHANNELS = ("Ux", "Uy", "Uz", "Ts", "co2")
START = datetime(2026, 7, 1, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)
REASON = "not stationary: 64 % (limit 30 %)"


def block(start: datetime, seconds: int = 10, first: float = 0.0) -> SampleBlock:
    """10 Hz; Ux counts samples from ``first``, Uz is a sine of one minute, the others are constant."""
    n = seconds * 10
    index = np.arange(n)
    since = (to_ns(start) - to_ns(START)) / NS + index / 10
    samples = np.empty((len(CHANNELS), n), np.float32)
    samples[:] = [[0.0], [0.5], [0.0], [20.0], [15.0]]
    samples[0] = first + index
    samples[2] = np.sin(since * 2 * np.pi / 60)
    return SampleBlock(ID, "ec", to_ns(start), NS // 10, CHANNELS, samples)


def reading(time: datetime, ta: float, rh: float = 50.0) -> Reading:
    return Reading(ID, "met", to_ns(time), {"TA": ta, "RH": rh})


def flux(start: datetime, reasons: dict[str, str] | None = None, **values: float) -> FluxRecord:
    """A record in which what is not given is missing."""
    whole = dict.fromkeys(FLUX_COLUMNS, math.nan) | values
    return FluxRecord(ID, start, start + HALF_HOUR, whole, reasons or {}, {"spikes_w": 3.0, "pitch": math.nan})


def put_flux(store: Store, record: FluxRecord, revision: int = 1) -> None:
    store.fluxes.put(record, config_sha256="c" * 64, code_version="1.2.3", revision=revision)


def put_days(store: Store, days: int) -> None:
    """Fluxes with a diurnal course, some flags, a gap of six hours, and a season that is filled and partitioned."""
    for start, fc, sun, wobble, flag, gap in _days(days):
        if not gap:
            reasons = {} if flag == 0 else {"FC_SSITC_TEST": REASON}
            put_flux(
                store,
                flux(
                    start,
                    reasons,
                    FC=fc * (4 if flag == 2 else 1),
                    LE=20 + 320 * sun + 25 * wobble,
                    H=-25 + 190 * sun + 20 * wobble,
                    USTAR=0.15 + 0.45 * sun + 0.05 * wobble,
                    TAU=-0.2 * (0.15 + 0.45 * sun),
                    ZL=0.3 - 0.9 * sun,
                    WS=1.2 + 2.5 * sun,
                    WD=(140 + 20 * wobble + 60 * sun) % 360,
                    TA=19 + 9 * sun,
                    FC_SSITC_TEST=flag,
                    LE_SSITC_TEST=0.0 if flag < 2 else 1.0,
                    H_SSITC_TEST=0.0,
                    TAU_SSITC_TEST=flag,
                ),
            )
    reasons = {"USTAR_THRESHOLD": "no threshold in 50 complete records of the night; NEE is not filtered by u*"}
    sums = {
        "NEE_F": {"value": -4.25, "unit": "gC m-2", "random": 0.3, "filling": 0.4, "ustar": None, "joint": 0.5},
        "GPP_NT": {"value": 1234.5, "unit": "gC m-2", "random": None, "filling": None, "ustar": None, "joint": None},
        "LE_F": {"value": 15.5, "unit": "MJ m-2", "random": 0.25, "filling": 0.25, "ustar": None, "joint": 0.35},
    }
    said = {
        "inputs": {"fluxes": {"records": 132, "config_sha256": ["c" * 64]}, "sha256": "a" * 64},
        "not_done": reasons,
        "sums": sums,
        "course": course_of_days(days),
        "notes": ["NEE is FC"],
        "problems": [],
        "thresholds": [],
        "E0": 212.5,
    }
    put_run(store, filled_days(days), provenance=said)


def course_of_days(days: int) -> dict[str, Any]:
    """The sum of NEE grows by -1.5 gC m-2 a day; its uncertainty is 0.25 more each day."""
    return {
        "unit": "gC m-2",
        "missing": 0,
        "end": [START + timedelta(days=day) for day in range(1, days + 1)],
        "NEE_F": [-1.5 * day for day in range(1, days + 1)],
        "NEE_F_JOINTUNC": [0.25 * day for day in range(1, days + 1)],
    }


def filled_days(days: int) -> pl.DataFrame:
    """The season of these days."""
    rows = []
    for start, fc, sun, _, flag, gap in _days(days):
        measured = not gap and flag < 2
        reco = 4.0 + 0.5 * sun
        rows.append((start, fc if measured else math.nan, fc, 0 if measured else 1, reco, reco - fc, 19.5 * sun))
    names = ("start", "NEE", "NEE_F", "NEE_F_QC", "RECO_NT", "GPP_NT", "GPP_DT")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        pl.when(pl.col("NEE_F_QC") > 0).then(1.4).otherwise(None).alias("NEE_F_SD"),
        pl.lit(9).alias("NEE_F_N"),
        pl.lit(1).alias("NEE_F_METHOD"),
        pl.lit(14).alias("NEE_F_WINDOW"),
    )


def _days(days: int) -> Iterator[tuple[datetime, float, float, float, float, bool]]:
    """Start, flux of CO2, share of the highest sun, disturbance, flag, whether it is in the gap."""
    for i in range(48 * days):
        start = START + i * HALF_HOUR
        sun = max(0.0, math.sin((start.hour + start.minute / 60 + 8 - 6) / 12 * math.pi))
        wobble = math.sin(i * 12.9898) * 0.5
        flag = 2.0 if i % 23 == 7 else 1.0 if i % 5 == 2 else 0.0
        yield start, 4.0 - 19.0 * sun + 2.0 * wobble, sun, wobble, flag, 60 <= i < 72


def put_run(store: Store, product: pl.DataFrame, **more: Any) -> int:
    return store.runs.put(
        ID,
        config_sha256="c" * 64,
        code_version="1.2.3",
        methods={"gap filling": "mds"},
        started=datetime(2026, 7, 9, tzinfo=UTC),
        product=product,
        **more,
    )


def fail_season(store: Store) -> None:
    """Three attempts at a run of the season that failed."""
    with psycopg.connect(store.dsn) as connection:
        connection.execute(
            "INSERT INTO season_attempt SELECT key, 3, '2026-07-03 12:00Z', 'no grid' FROM station WHERE id = %s", (ID,)
        )
