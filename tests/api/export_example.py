"""A table of two days with flags, gaps and uncertainties, for every format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from api.exports.series import ExportTable, season_columns, without_nan
from core.station import parse_station
from tests.api import tower

METADATA = """
[metadata]
igbp = "EBF"
licence = "CC-BY-4.0"
doi = "10.1234/tower"
ameriflux_id = "US-Tst"
fluxnet_id = "CN-Tst"
acknowledgement = "We thank nobody."
[metadata.pi]
name = "Li Wei"
email = "li@example.org"
organisation = "An academy"
orcid = "0000-0002-1825-0097"
[metadata.contact]
name = "Anna Ek"
email = "anna@example.org"
orcid = "0000-0002-1825-0097"
[[metadata.instrument]]
model = "CSAT3"
serial = "0042"
variables = ["U", "V", "W", "T_SONIC"]
height = 30
installed = 2024-05-01
removed = "2026-07-09"
"""
STATION = parse_station(tower.STATION + METADATA, "cn-tower.toml")
START = datetime(2026, 6, 30, 16, tzinfo=UTC)
"""Midnight of 1 July at the station."""
STEP = timedelta(minutes=30)
COUNT = 96
NAMES = ("NEE", "NEE_F", "NEE_F_QC", "NEE_RANDUNC", "NEE_FLAG", "TA_F", "LE_F", "P")
GAP = slice(10, 14)


def values() -> pl.DataFrame:
    rows = np.arange(COUNT)
    nee = -10.0 + rows / 7
    nee[GAP] = np.nan
    qc = np.zeros(COUNT)
    qc[GAP] = [1, 2, 3, 1]
    return pl.DataFrame(
        {
            "start": [START + i * STEP for i in range(COUNT)],
            "end": [START + (i + 1) * STEP for i in range(COUNT)],
            "NEE": nee,
            "NEE_F": -10.0 + rows / 7,
            "NEE_F_QC": qc,
            "NEE_RANDUNC": np.where(np.isnan(nee), np.nan, 0.5 + rows / 1000),
            "NEE_FLAG": np.where(np.isnan(nee), np.nan, rows % 5),
            "TA_F": 20 + np.sin(rows / 8),
            "LE_F": 100.0 + rows,
            "P": np.where(rows == 3, 1.5, 0.0),
        },
        schema_overrides={"start": pl.Datetime("us", "UTC"), "end": pl.Datetime("us", "UTC")},
    )


def season() -> ExportTable:
    columns = season_columns(NAMES)
    return ExportTable(
        station=STATION,
        what="season-run12",
        title="Season of Test forest: filtered, gap-filled, partitioned",
        values=without_nan(values(), columns),
        columns=columns,
        start=START,
        end=START + COUNT * STEP,
        step=STEP,
        state="provisional",
        made=datetime(2026, 7, 9, 12, tzinfo=UTC),
        provenance={"run": "12", "code_version": "1.2.3", "config_sha256": "c" * 64},
    )
