"""Tables as JSON columns and as plain CSV with a line of units; times UTC, missing is null or empty."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

ISO_SECONDS = "%Y-%m-%dT%H:%M:%SZ"
ISO_MILLIS = "%Y-%m-%dT%H:%M:%S.%3fZ"


def iso_times(table: pl.DataFrame, form: str = ISO_SECONDS) -> pl.DataFrame:
    """Return the table with its UTC times as ISO text."""
    return table.with_columns(pl.col(pl.Datetime).dt.strftime(form))


def json_columns(table: pl.DataFrame, form: str = ISO_SECONDS) -> dict[str, list[object]]:
    """Return the columns as lists; NaN becomes None."""
    columns: dict[str, list[object]] = iso_times(table, form).fill_nan(None).to_dict(as_series=False)
    return columns


def write_csv(table: pl.DataFrame, units: Mapping[str, str], form: str = ISO_MILLIS) -> str:
    """Return CSV: a line of names, a line of units (``UTC`` for times), then values with up to 7 significant digits."""
    times = {name for name, kind in table.schema.items() if kind == pl.Datetime}
    second = [_quoted("UTC" if name in times else units.get(name, "")) for name in table.columns]
    floats = [name for name, kind in table.schema.items() if kind.is_float()]
    rounded = iso_times(table, form).fill_nan(None).with_columns(pl.col(floats).round_sig_figs(7))
    text = rounded.write_csv(null_value="", float_scientific=False)
    names, _, rows = text.partition("\n")
    return f"{names}\n{','.join(second)}\n{rows}"


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text
