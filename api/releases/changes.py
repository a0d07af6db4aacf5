"""What is other in a release than in the one before: methods, thresholds, sums, and how many records by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from core.store import RunRow


def compare_runs(old: RunRow, old_table: pl.DataFrame, new: RunRow, new_table: pl.DataFrame) -> dict[str, Any]:
    """Return what differs between two runs of a station.

    Parameters
    ----------
    old, new : RunRow
    old_table, new_table : DataFrame
        ``start`` and their series; NaN or null is missing.

    Returns
    -------
    dict
        ``program``, ``configuration``: [old, new] where they differ; ``methods``, ``sums``: name -> [old, new] of
        those that differ; ``thresholds``: ``gone`` and ``new``; ``records``: how many only one of them has;
        ``series``: name -> how many records differ, and by how much (``only_old``, ``only_new``: a value in one alone);
        ``series_gone``, ``series_new``.
    """
    olds, news = (set(table.columns) - {"start"} for table in (old_table, new_table))
    joined = old_table.join(new_table, on="start", how="inner", suffix=" new")
    compared = {name: _compare(joined[name], joined[f"{name} new"]) for name in sorted(olds & news)}
    return {
        "program": _pair(old.code_version, new.code_version),
        "configuration": _pair(old.config_sha256, new.config_sha256),
        "period": _pair([old.first, old.last], [new.first, new.last]),
        "methods": _different(old.methods, new.methods),
        "sums": _different(_sums(old), _sums(new)),
        "thresholds": _thresholds(old.provenance.get("thresholds") or [], new.provenance.get("thresholds") or []),
        "records": {
            "both": joined.height,
            "only_old": old_table.height - joined.height,
            "only_new": new_table.height - joined.height,
        },
        "series": {name: said for name, said in compared.items() if said},
        "series_gone": sorted(olds - news),
        "series_new": sorted(news - olds),
    }


def _compare(old: pl.Series, new: pl.Series) -> dict[str, Any]:
    """Return how two columns differ, empty if they do not."""
    olds, news = (column.cast(pl.Float64).fill_nan(None) for column in (old, new))
    has_old, has_new = olds.is_not_null(), news.is_not_null()
    difference = (news - olds).drop_nulls()
    other = difference.filter(difference != 0)
    said = {
        "differ": other.len(),
        "only_old": int((has_old & ~has_new).sum()),
        "only_new": int((has_new & ~has_old).sum()),
    }
    if not any(said.values()):
        return {}
    sizes: dict[str, Any] = {}
    if other.len():
        sizes = {"mean_difference": other.mean(), "largest_difference": other.abs().max()}
    return said | sizes


def _pair(old: object, new: object) -> list[object] | None:
    return None if old == new else [old, new]


def _different(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, list[Any]]:
    names = sorted({*old, *new})
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}


def _sums(run: RunRow) -> dict[str, Any]:
    return {
        name: {part: said.get(part) for part in ("value", "unit", "joint")}
        for name, said in (run.provenance.get("sums") or {}).items()
    }


def _thresholds(old: Sequence[Any], new: Sequence[Any]) -> dict[str, list[Any]]:
    return {"gone": [one for one in old if one not in new], "new": [one for one in new if one not in old]}
