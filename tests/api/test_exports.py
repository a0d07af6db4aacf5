"""What leaves the house, letter by letter."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from api.decimate import decimate, group_size
from api.exports.columns import json_columns, write_csv
from api.exports.fluxnet import write_fluxnet
from tests.api.twins import decimate as naive_decimate

START = datetime(2012, 6, 7, 20, 45, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")


def _table(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"start": TIME, "FC": pl.Float64, "QC": pl.Int64}, orient="row")


def test_fluxnet_stamps_are_local_standard_time_of_start_and_end() -> None:
    table = _table((START, -12.5, 0), (START + timedelta(minutes=15), math.nan, None))
    assert write_fluxnet(table, utc_offset=-8, minutes=15) == (
        "TIMESTAMP_START,TIMESTAMP_END,FC,QC\n201206071245,201206071300,-12.5,0\n201206071300,201206071315,-9999,-9999\n"
    )
    assert "201206080215,201206080230" in write_fluxnet(table, utc_offset=5.5, minutes=15)


def test_fluxnet_step_is_regular() -> None:
    table = _table((START, 1.0, 0), (START + timedelta(minutes=60), 2.0, 0))
    lines = write_fluxnet(table, utc_offset=0, minutes=30).splitlines()
    assert lines[1:] == [
        "201206072045,201206072115,1,0",
        "201206072115,201206072145,-9999,-9999",
        "201206072145,201206072215,2,0",
    ]


def test_fluxnet_numbers_have_seven_digits_and_no_exponent() -> None:
    table = _table((START, 1.23456789e-6, 1), (START + timedelta(minutes=30), 987654321.0, 1))
    lines = write_fluxnet(table, utc_offset=0, minutes=30).splitlines()
    assert lines[1].split(",")[2] == "0.000001234568"
    assert lines[2].split(",")[2] == "987654300"


def test_fluxnet_without_rows_is_a_header() -> None:
    assert write_fluxnet(_table(), utc_offset=0, minutes=30) == "TIMESTAMP_START,TIMESTAMP_END,FC,QC\n"


def test_columns_have_null_for_nan() -> None:
    assert json_columns(_table((START, math.nan, 1))) == {"start": ["2012-06-07T20:45:00Z"], "FC": [None], "QC": [1]}


def test_csv_quotes_a_unit_with_a_comma() -> None:
    text = write_csv(_table((START, 0.5, 1)), {"FC": "a, b"})
    assert text == 'start,FC,QC\nUTC,"a, b",\n2012-06-07T20:45:00.000Z,0.5,1\n'


@given(
    values=st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), max_size=60),
    size=st.integers(1, 20),
)
def test_decimation_equals_its_twin(values: list[float], size: int) -> None:
    fast = decimate(np.array(values, dtype=np.float64), size)
    slow = naive_decimate(values, size)
    for got, expected in zip(fast, zip(*slow, strict=True) if slow else ([], [], []), strict=True):
        np.testing.assert_allclose(got, list(expected), rtol=1e-9, atol=1e-6, equal_nan=True)


@given(n=st.integers(0, 10**6), points=st.integers(10, 5000))
def test_never_more_points_than_asked(n: int, points: int) -> None:
    size = group_size(n, points)
    assert -(-n // size) <= points
    assert size == 1 or -(-n // (size - 1)) > points
