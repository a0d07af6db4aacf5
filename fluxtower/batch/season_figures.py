"""Figures of a season: fingerprint, cumulative sum, diurnal courses, u*, light response."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from core.records import FloatArray
from fluxcalc.season.aggregates import MOLAR_CARBON
from fluxcalc.season.energy_balance import Closure
from fluxcalc.season.record import LOW_TURBULENCE, USED, Season
from fluxcalc.season.report import SeasonReport
from fluxcalc.season.sums import versions_of
from fluxcalc.season.ustar.low_turbulence import NIGHT_RADIATION

# no display is asked for, and a figure does not depend on when it was made
mpl.rcParams.update({"svg.hashsalt": "fluxtower", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
NEE_UNIT = "NEE (µmol m$^{-2}$ s$^{-1}$)"
MEASURED, FILLED, BAND = "#1b6ca8", "#c8553d", "#9bbfd9"
BIN_COUNT = 20
QUARTERS = (
    (1, "Jan-Mar", "#5b7db1"),
    (4, "Apr-Jun", "#4a9c59"),
    (7, "Jul-Sep", "#d49a2a"),
    (10, "Oct-Dec", "#8c564b"),
)


def draw_figures(season: Season, report: SeasonReport, folder: Path, stem: str) -> list[Path]:
    """Draw what the season has data for, each as PNG and SVG; return the files."""
    files = []
    drawn: dict[str, Callable[[], Figure | None]] = {
        "fingerprint": lambda: fingerprint(season),
        "cumulative": lambda: cumulative(season),
        "diurnal": lambda: diurnal(season),
        "ustar": lambda: turbulence(season),
        "light": lambda: light(season),
        "balance": lambda: balance(season, report.closure),
    }
    for name, draw in drawn.items():
        figure = draw()  # one after the other: each takes memory
        if figure is None:
            continue
        for ending in ("png", "svg"):
            files.append(folder / f"{stem}_{name}.{ending}")
            figure.savefig(files[-1], dpi=130, metadata={"Date": None} if ending == "svg" else None)
    return files


def fingerprint(season: Season) -> Figure | None:
    """Draw measured and filled NEE, a row a day."""
    if "NEE_F" not in season.results:
        return None
    first = season.starts[0]
    lead = (first.hour * 60 + first.minute) // season.minutes
    figure = Figure(figsize=(8, 7), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    filled = season.results["NEE_F"]
    present = filled[np.isfinite(filled)]
    reach = float(np.percentile(np.abs(present), 99)) if present.size else 1.0
    for panel, values, title in zip(
        panels, (season.measured("NEE"), filled), ("measured, kept", "filled"), strict=True
    ):
        rows = -(-(lead + values.size) // season.per_day)
        grid = np.full(rows * season.per_day, np.nan)
        grid[lead : lead + values.size] = values
        days = np.datetime64(first.date())
        image = panel.pcolormesh(
            np.arange(season.per_day + 1) * season.minutes / 60,
            np.arange(days, days + np.timedelta64(rows + 1, "D")),
            grid.reshape(rows, season.per_day),
            cmap="RdYlBu_r", vmin=-reach, vmax=reach, rasterized=True,
        )  # fmt: skip
        panel.set(title=title, xlabel="hour (local standard time)", xticks=range(0, 25, 6))
    panels[0].invert_yaxis()
    figure.colorbar(image, ax=panels, label=NEE_UNIT)
    return figure


def cumulative(season: Season) -> Figure | None:
    """Draw the sum of NEE so far, with the band of the thresholds of u*."""
    if "NEE_F" not in season.results:
        return None
    figure = Figure(figsize=(8, 4), layout="constrained")
    panel = figure.subplots()
    each = season.minutes * 60 * MOLAR_CARBON
    time = season.starts.to_numpy()
    days = versions_of(season, "NEE")
    if days is not None:
        sums = np.cumsum(np.nan_to_num(days.sums), axis=1) * each
        label = f"{len(sums)} versions by thresholds of u*"
        ends = time[np.append(days.first[1:], time.size) - 1]
        panel.fill_between(ends, sums.min(axis=0), sums.max(axis=0), color=BAND, lw=0, label=label)
    filled = season.results["NEE_F"]
    sums = np.where(np.isfinite(filled), np.nancumsum(filled), np.nan) * each
    panel.plot(time, sums, color=MEASURED, label="NEE")
    panel.axhline(0, color="0.6", lw=0.6)
    panel.set_ylabel("sum of NEE (gC m$^{-2}$)")
    panel.legend(frameon=False)
    return figure


def diurnal(season: Season) -> Figure | None:
    """Draw the mean day of each month, measured and filled."""
    if "NEE_F" not in season.results:
        return None
    figure = Figure(figsize=(9, 6), layout="constrained")
    panels = figure.subplots(3, 4, sharex=True, sharey=True).ravel()
    month = season.starts.dt.month().to_numpy()
    time = (season.starts.dt.hour().cast(int) * 60 + season.starts.dt.minute().cast(int)).to_numpy()
    for number, panel in enumerate(panels, start=1):
        panel.axhline(0, color="0.7", lw=0.6)
        for values, color, label in (
            (season.measured("NEE"), MEASURED, "measured, kept"), (season.results["NEE_F"], FILLED, "filled"),
        ):  # fmt: skip
            here = (month == number) & np.isfinite(values)
            slots = time[here] // season.minutes
            count = np.bincount(slots, minlength=season.per_day)
            total = np.bincount(slots, values[here], minlength=season.per_day)
            mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
            panel.plot((np.arange(season.per_day) + 0.5) * season.minutes / 60, mean, color=color, label=label)
        panel.set_title(f"month {number}", fontsize=8)
        panel.set_xticks(range(0, 25, 6))
    panels[0].legend(frameon=False, fontsize=7)
    figure.supxlabel("hour (local standard time)")
    figure.supylabel(NEE_UNIT)
    return figure


def turbulence(season: Season) -> Figure | None:
    """Draw the night's exchange against u*, as it was before the filter."""
    if "NEE" not in season.variables or "USTAR" not in season.variables or "SW_IN" not in season.variables:
        return None
    flags = season.flags["NEE"]
    night = (season.measured("SW_IN") < NIGHT_RADIATION) & np.isin(flags, (USED, LOW_TURBULENCE))
    x, y = season.variables["USTAR"][night], season.variables["NEE"][night]
    middles, means, errors = _binned(x, y)
    if middles.size < 3:
        return None
    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    panel.errorbar(middles, means, errors, fmt="o", color=MEASURED, ms=4, label="night, mean and standard error")
    threshold = season.results.get("USTAR_THRESHOLD")
    if threshold is not None:
        for i, value in enumerate(np.unique(threshold[np.isfinite(threshold)])):
            panel.axvline(value, color=FILLED, lw=0.8, label="thresholds" if i == 0 else None)
    panel.set(xlabel="u* (m s$^{-1}$)", ylabel=NEE_UNIT, xlim=(0, None))
    panel.legend(frameon=False, loc="lower right")
    return figure


def light(season: Season) -> Figure | None:
    """Draw the day's exchange against radiation, by quarter."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    panel = figure.subplots()
    month = season.starts.dt.month().to_numpy()
    drawn = False
    for first, name, color in QUARTERS:
        here = (month >= first) & (month < first + 3) & (season.measured("SW_IN") >= NIGHT_RADIATION)
        middles, means, errors = _binned(season.measured("SW_IN")[here], season.measured("NEE")[here])
        if middles.size >= 3:
            panel.errorbar(middles, means, errors, fmt="o-", color=color, ms=3, lw=1, label=name)
            drawn = True
    if not drawn:
        return None
    panel.axhline(0, color="0.7", lw=0.6)
    panel.set(xlabel="incoming shortwave radiation (W m$^{-2}$)", ylabel=NEE_UNIT)
    panel.legend(frameon=False)
    return figure


def balance(season: Season, closure: Closure | None) -> Figure | None:
    """Draw turbulent fluxes against the available energy."""
    if closure is None or not np.isfinite(closure.slope):
        return None
    available = season.measured("NETRAD") - season.measured("G")
    turbulent = season.measured("H") + season.measured("LE")
    figure = Figure(figsize=(5, 5), layout="constrained")
    panel = figure.subplots()
    panel.plot(available, turbulent, ".", color=MEASURED, ms=1.5, alpha=0.4, rasterized=True)
    ends = np.array([np.nanmin(available), np.nanmax(available)])
    panel.plot(ends, ends, color="0.6", lw=0.8, label="closed")
    label = f"slope {closure.slope:.2f}, sums {closure.ratio:.2f}"
    panel.plot(ends, closure.intercept + closure.slope * ends, color=FILLED, lw=1.2, label=label)
    panel.set(xlabel="NETRAD - G (W m$^{-2}$)", ylabel="H + LE (W m$^{-2}$)")
    panel.legend(frameon=False)
    return figure


def _binned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return means of x and y in bins of equally many records, and the standard error of y's."""
    present = np.isfinite(x) & np.isfinite(y)
    order = np.argsort(x[present], kind="stable")
    parts = [part for part in np.array_split(order, BIN_COUNT) if part.size > 1]
    x, y = x[present], y[present]
    return (
        np.array([x[part].mean() for part in parts]),
        np.array([y[part].mean() for part in parts]),
        np.array([y[part].std(ddof=1) / part.size**0.5 for part in parts]),
    )
