"""What is asked of an analyser's mole fractions: one gas at one intake, with what files say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from api.errors import BadQuery
from api.exports.mole_fractions import GOOD, Series
from core.station.mole_fraction import Gas, MoleFraction
from core.store import StationRow
from core.store.mole_fractions import HOUR_S, StoredMoleFractions
from qc.mole_fraction.background import BACKGROUND

ALL_VALID = "allvalid"
"""What of the hours is in a file: all that have a value."""
MIN_RUNS = 3
"""So many runs of a target make a long-term repeatability."""


def analyser_of(row: StationRow) -> MoleFraction:
    """Return a station's analyser.

    Raises
    ------
    BadQuery
        It has none.
    """
    part = row.station.mole_fraction
    if part is None:
        raise BadQuery(
            f"{row.station.id} measures no calibrated mole fractions", "ask for a station with [mole_fraction]"
        )
    return part


def choose_gas(part: MoleFraction, gas: str | None) -> Gas:
    """Return the asked gas, or the first."""
    names = [one.name for one in part.gas]
    if gas is not None and gas not in names:
        raise BadQuery(f"gas: no {gas!r} here", f"one of {', '.join(names)}")
    return next(name for name in names if gas in (None, name))


def choose_intake(part: MoleFraction, intake: str | None) -> str:
    """Return the asked intake, or the first."""
    if intake is not None and intake not in part.intakes:
        raise BadQuery(f"intake: no {intake!r} here", f"one of {', '.join(part.intakes)}")
    return intake or part.intakes[0]


def choose_method(method: str) -> str:
    """Return the asked method of selecting background air; empty: the station file's."""
    if method and method not in BACKGROUND:
        raise BadQuery(f"method: no {method!r} here", f"one of {', '.join(sorted(BACKGROUND))}")
    return method


def scale_of(part: MoleFraction, gas: str) -> str:
    """Return the calibration scale on which a gas is published."""
    return next(one.published_scale for one in part.gas if one.name == gas)


def goal_of(part: MoleFraction, gas: str) -> float:
    """Return the largest bias of a target that is accepted, in the gas's unit."""
    return next(one.accepted_bias for one in part.gas if one.name == gas)


def read_series(
    stored: StoredMoleFractions, row: StationRow, gas: Gas, intake: str, start: datetime, end: datetime
) -> Series:
    """Read all hours of a gas at an intake that have a value, for a file."""
    part = analyser_of(row)
    id = row.station.id
    table = stored.read(id, start, end, step_s=HOUR_S, gases=[gas], intakes=[intake])
    targets = stored.read_targets(id, start, end).filter((pl.col("gas") == gas) & (pl.col("flag") == GOOD))
    origin = stored.read_origin(id, start, end)
    bias = (targets["value"] - targets["assigned"]).drop_nulls().to_numpy()
    return Series(
        station=row.station.station,
        gas=gas,
        intake=intake,
        height=part.heights[intake],
        scale=_one_scale(table["scale"].unique().to_list(), scale_of(part, gas)),
        system=part.system,
        table=table.filter(pl.col("value").is_not_null()),
        selection=ALL_VALID,
        ltr=_repeatability(targets),
        cmr=float("nan"),
        bias=float(bias.mean()) if bias.size else float("nan"),
        bias_u=float(bias.std(ddof=1) / np.sqrt(bias.size)) if bias.size > 1 else float("nan"),
        made=origin.newest or datetime.now(UTC),
        code_version=", ".join(origin.code_version),
        config_sha256=", ".join(origin.config_sha256),
        tanks_sha256=", ".join(origin.tanks_sha256),
    )


def _repeatability(targets: pl.DataFrame) -> float:
    """Return the sd of runs of targets about the mean of each tank: two tanks do not hold the same.

    NaN if no tank has ``MIN_RUNS`` runs.
    """
    many = targets.filter(pl.len().over("tank") >= MIN_RUNS)
    freedom = many.height - many["tank"].n_unique()
    if freedom <= 0:
        return float("nan")
    apart = many.select(pl.col("value") - pl.col("value").mean().over("tank"))["value"].to_numpy()
    return float(np.sqrt(np.sum(apart**2) / freedom))


def after_last_hour(stored: StoredMoleFractions, station: str) -> datetime | None:
    """Return the end of a station's newest hour, None without one."""
    span = stored.read_span(station)
    return None if span is None else span[1] + timedelta(hours=1)


def _one_scale(found: Sequence[str], declared: str) -> str:
    """Return the scale of values; a period with two scales is no series.

    Raises
    ------
    BadQuery
        There are two: it is being computed again.
    """
    if len(found) > 1:
        raise BadQuery(f"the period has values on {' and '.join(sorted(found))}", "wait until all are made again")
    return found[0] if found else declared
