"""The station dashboard: newest values, fluxes with flags, the season, weather, completeness."""

from __future__ import annotations

import json
from typing import Any

from core.variables import VARIABLES
from dashboards.sdk import JSONEncoder, common, dashboard, models, options, stat, statetimeline, table, timeseries
from dashboards.sql import SOURCE, SqlQuery, statement

UID = "fluxtower-station"
GOOD, USABLE, BAD, FILLED = "#0072B2", "#E69F00", "#D55E00", "#8FA3B0"
READING_FLAG_COLOURS = {"1": ("good", GOOD), "2": ("unknown", FILLED), "3": ("suspect", USABLE), "4": ("bad", BAD)}
FLAG_COLOURS = {"0": ("good", GOOD), "1": ("usable", USABLE), "2": ("bad", BAD)}
STATE_COLOURS = {"ok": ("on time", GOOD), "late": ("late", USABLE), "silent": ("silent", BAD)}
GRID_WIDTH = 24

Panel = Any  # the SDK's builders share no type


def station_dashboard(page: str | None = None) -> dict[str, Any]:
    """Return the dashboard as Grafana's JSON.

    Parameters
    ----------
    page : str, optional
        Address of Fluxtower's own pages, to link to.
    """
    board = (
        dashboard.Dashboard("Fluxtower station")
        .uid(UID)
        .description(
            "Fluxes, flags, the season and weather of one station. Times are UTC, at the START of an interval."
        )
        .tags(["fluxtower", "eddy covariance"])
        .timezone("utc")
        .time("now-7d", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(_variable("station", "Station", "stations"))
        .with_variable(_variable("reading", "Readings", "reading_channels").multi(True))
        .with_variable(_variable("sample", "Samples", "sample_channels"))
    )
    if page:
        board.link(
            dashboard.DashboardLink("Live page").type(models.DashboardLinkType.LINK).url(f"{page}/station/${{station}}")
        )
    y = 0
    for row in _rows():
        x, height = 0, max(height for _, _, height in row)
        for panel, width, _ in row:
            board.with_panel(panel.datasource(SOURCE).grid_pos(models.GridPos(h=height, w=width, x=x, y=y)))
            x += width
        y += height
    return _strip(json.loads(json.dumps(board.build(), cls=JSONEncoder)))


def _rows() -> list[list[tuple[Panel, int, int]]]:
    """Return the panels, row by row, with width and height."""
    return [
        [(_age(), 6, 5), (_newest(), 10, 5), (_completeness(), 8, 5)],
        [(_fc(), 12, 8), (_nee(), 12, 8)],
        [(_heat(), 12, 8), (_ustar(), 12, 8)],
        [(_nee_sum(), 8, 8), (_parts("RECO"), 8, 8), (_parts("GPP"), 8, 8)],
        [(_not_done(), GRID_WIDTH, 5)],
        [(_flags(), GRID_WIDTH, 6)],
        [(_readings(), 12, 8), (_minutes(), 12, 8)],
        [(_reading_flags(), 12, 6), (_findings(), 12, 6)],
        [(_latest(), GRID_WIDTH, 9)],
    ]


def _age() -> Panel:
    mapping = {
        state: models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (state, (text, colour)) in enumerate(STATE_COLOURS.items())
    }
    coloured_text = {"type": "color-text"}
    return (
        table.Panel()
        .title("Last message")
        .description("Time since each stream's last message came in, and what that is by its station file.")
        .with_target(SqlQuery("age", "table"))
        .override_by_name("age", [models.DynamicConfigValue("unit", "s")])
        .override_by_name(
            "state",
            [
                models.DynamicConfigValue("mappings", [models.ValueMap(mapping)]),
                models.DynamicConfigValue("custom.cellOptions", coloured_text),
            ],
        )
    )


def _newest() -> Panel:
    panel = (
        stat.Panel()
        .title("Newest interval")
        .description("Fluxes of the newest averaging interval, whatever their flags.")
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.NONE)
        .with_target(SqlQuery("newest_flux", "table"))
    )
    for name in ("FC", "LE", "H", "USTAR"):
        panel.override_by_name(name, [models.DynamicConfigValue("unit", _unit(VARIABLES[name].unit))])
    return panel


def _completeness() -> Panel:
    return (
        _series(
            "Completeness",
            "Share of the day with a computed interval, and with FC that is not bad.",
            "%",
            "completeness",
        )
        .draw_style(options.GraphDrawStyle.BARS)
        .fill_opacity(40)
        .min(0)
        .max(100)
    )


def _fc() -> Panel:
    panel = _points("FC", "CO2 flux as measured, positive upward, not filled.", VARIABLES["FC"].unit, "fc")
    return _coloured(panel, {"good": GOOD, "usable": USABLE, "bad": BAD})


def _nee() -> Panel:
    text = "Net ecosystem exchange: measured, and filled by marginal distribution sampling. Provisional."
    return _coloured(_points("NEE", text, VARIABLES["NEE"].unit, "nee"), {"measured": GOOD, "filled": FILLED})


def _nee_sum() -> Panel:
    """Return the growth of the season's sum; its band lies between two lines that are not drawn."""
    text = (
        "Sum of NEE to the end of each day since the season began (not since the left edge), negative = uptake;"
        " the band is one standard deviation of what is known of its uncertainty. Provisional."
    )
    panel = _coloured(_series("NEE, summed", text, "gC m-2", "nee_sum"), {"NEE": GOOD, "low": GOOD, "high": GOOD})
    undrawn = [models.DynamicConfigValue("custom.lineWidth", 0)]
    undrawn.append(models.DynamicConfigValue("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False}))
    band = [models.DynamicConfigValue("custom.fillBelowTo", "low"), models.DynamicConfigValue("custom.fillOpacity", 20)]
    return panel.override_by_name("low", undrawn).override_by_name("high", [*undrawn, *band])


def _parts(name: str) -> Panel:
    facts = VARIABLES[name]
    text = f"{facts.en[0].upper()}{facts.en[1:]}, by the night-time (NT) and the day-time (DT) method. Provisional."
    return _coloured(_series(name, text, facts.unit, name.lower()), {f"{name}_NT": GOOD, f"{name}_DT": USABLE})


def _not_done() -> Panel:
    return (
        table.Panel()
        .title("Season: not done, and why")
        .description("What the newest provisional run of the season has not, and why.")
        .with_target(SqlQuery("not_done", "table"))
    )


def _heat() -> Panel:
    text = "Sensible (H) and latent (LE) heat flux, positive upward, without bad values."
    return _coloured(_series("H, LE", text, "W m-2", "heat"), {"H": BAD, "LE": GOOD})


def _ustar() -> Panel:
    text = "Friction velocity, and the season's threshold of it: NEE below is not used."
    return _coloured(_series("USTAR", text, "m s-1", "ustar"), {"USTAR": GOOD, "threshold": BAD})


def _flags() -> Panel:
    mapping = {
        value: models.ValueMappingResult(text=text, color=colour, index=int(value))
        for value, (text, colour) in FLAG_COLOURS.items()
    }
    return (
        statetimeline.Panel()
        .title("Quality flags")
        .description("SSITC flags of each interval: 0 good, 1 usable, 2 bad.")
        .mappings([models.ValueMap(mapping)])
        .show_value(options.VisibilityMode.NEVER)
        .merge_values(False)
        .with_target(SqlQuery("flags"))
    )


def _readings() -> Panel:
    text = "Slow readings as sent, without bad ones, mean per step of the axis."
    return _series("Readings", text, "sender's unit", "readings")


def _reading_flags() -> Panel:
    mapping = {
        value: models.ValueMappingResult(text=text, color=colour, index=int(value))
        for value, (text, colour) in READING_FLAG_COLOURS.items()
    }
    return (
        statetimeline.Panel()
        .title("Flags of readings")
        .description("The worst flag of each step of the axis: 1 good, 2 unknown, 3 suspect, 4 bad.")
        .mappings([models.ValueMap(mapping)])
        .show_value(options.VisibilityMode.NEVER)
        .merge_values(False)
        .with_target(SqlQuery("reading_flags"))
    )


def _findings() -> Panel:
    return (
        table.Panel()
        .title("Findings")
        .description("What checks say of stretches of time: clock, drift, level, neighbours.")
        .with_target(SqlQuery("found_of_stretches", "table"))
    )


def _minutes() -> Panel:
    panel = _series(
        "Samples per minute", "Smallest, mean and largest sample of each minute, as sent.", "sender's unit", "minutes"
    )
    return _coloured(panel, {"mean": GOOD, "min": FILLED, "max": FILLED})


def _latest() -> Panel:
    return (
        table.Panel()
        .title("Newest values")
        .description("The newest value of every channel in the sender's unit, its flag and why.")
        .with_target(SqlQuery("latest", "table"))
    )


def _series(title: str, text: str, unit: str, name: str) -> Panel:
    """Return a line chart whose gaps stay gaps."""
    return (
        timeseries.Panel()
        .title(title)
        .description(text)
        .axis_label(f"[{unit}]")
        .line_width(1)
        .span_nulls(False)
        .legend(common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM))
        .with_target(SqlQuery(name))
    )


def _points(title: str, text: str, unit: str, name: str) -> Panel:
    return _series(title, text, unit, name).draw_style(options.GraphDrawStyle.POINTS).point_size(5)


def _coloured(panel: Panel, colours: dict[str, str]) -> Panel:
    for name, colour in colours.items():
        value = {"mode": "fixed", "fixedColor": colour}
        panel.override_by_name(name, [models.DynamicConfigValue("color", value)])
    return panel


def _variable(name: str, label: str, query: str) -> Any:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(statement(query))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _unit(unit: str) -> str:
    """Return a unit that Grafana shows behind the value as it is."""
    return f"suffix: {unit}"


def _strip(board: dict[str, Any]) -> dict[str, Any]:
    """Take out what the SDK writes for variables and Grafana's schema does not know."""
    for variable in board["templating"]["list"]:
        for key in ("auto", "auto_min", "auto_count"):
            variable.pop(key, None)
    return board
