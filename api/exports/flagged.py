"""Readings with their flags and reasons as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import orjson
import polars as pl

from qc.codes import BAD, GOOD

Quality = Literal["all", "good", "not_bad"]


def flag_columns(readings: pl.DataFrame, channels: Sequence[str]) -> dict[str, pl.Series]:
    """Return channel -> its flags; null is not judged yet.

    Parameters
    ----------
    readings : pl.DataFrame
        As the store reads them: ``flags`` is in the order of the columns of channels.
    channels : sequence of str
        Those that are asked for.
    """
    order = [name for name in readings.columns if name not in ("time", "flags", "reasons")]
    return {name: readings["flags"].list.get(order.index(name), null_on_oob=True) for name in channels}


def reason_columns(readings: pl.DataFrame, channels: Sequence[str]) -> dict[str, dict[int, list[str]]]:
    """Return channel -> row -> what is said of its value; rows of which nothing is said are left out."""
    found: dict[str, dict[int, list[str]]] = {name: {} for name in channels}
    said = readings["reasons"]
    for i in said.is_not_null().arg_true().to_list():
        for name, texts in orjson.loads(said[i]).items():
            if name in found:
                found[name][i] = texts
    return found


def keep_quality(values: pl.Series, flags: pl.Series, quality: Quality) -> pl.Series:
    """Return values of a quality, null for others; what is not judged yet is neither good nor bad."""
    if quality == "all":
        return values
    kept = flags.is_in([GOOD]) if quality == "good" else ~flags.is_in([BAD]).fill_null(value=False)
    return pl.select(pl.when(kept.fill_null(value=False)).then(values)).to_series().rename(values.name)


def with_flags(
    table: pl.DataFrame, flags: Mapping[str, pl.Series], reasons: Mapping[str, Mapping[int, Sequence[str]]]
) -> pl.DataFrame:
    """Return a table with ``_FLAG`` and ``_REASON`` after each channel; several reasons are joined by "; "."""
    columns = [table["time"]]
    for name, flag in flags.items():
        texts = (
            [None] * table.height
            if not reasons[name]
            else ["; ".join(reasons[name][i]) if i in reasons[name] else None for i in range(table.height)]
        )
        columns += [table[name], flag.alias(f"{name}_FLAG"), pl.Series(f"{name}_REASON", texts, pl.String)]
    return pl.DataFrame(columns)
