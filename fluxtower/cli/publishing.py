"""Commands that publish."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import FromLocal, ToLocal, open_store

app = typer.Typer()
grafana_app = typer.Typer(no_args_is_help=True, help="Grafana dashboards as code.")
app.add_typer(grafana_app, name="grafana")


@app.command()
def export(
    station: Annotated[str, typer.Argument(help="Station id.")],
    output: Annotated[Path, typer.Option(help="File, or directory: the file is then named by its format.")] = Path(),
    form: Annotated[
        str,
        typer.Option(
            "--format",
            help="csv (FLUXNET), csv-units, parquet, arrow, netcdf, fluxnet (zip), ameriflux, badm (metadata).",
        ),
    ] = "csv",
    data: Annotated[
        str | None,
        typer.Option(help="fluxes, season, readings or samples; default: season for fluxnet, else fluxes."),
    ] = None,
    begin: FromLocal = None,
    end: ToLocal = None,
    stream: Annotated[str | None, typer.Option(help="Stream of readings or samples; default: the first.")] = None,
    variable: Annotated[list[str] | None, typer.Option(help="Only this variable; may be repeated.")] = None,
    run: Annotated[int | None, typer.Option(help="Run of a season; default: the one that the page shows.")] = None,
) -> None:
    """Write a station's data, or its metadata, to a file that others read."""
    from fluxtower.exporting import export_station, write_file

    with open_store(read_settings()) as store:
        file = export_station(store, station, form, data, begin, end, stream=stream, variables=variable or [], run=run)
        missing = store.stations.read(station).station.metadata.missing
    typer.echo(f"{write_file(file, output)} ({len(file.content)} bytes)")
    if missing:
        typer.echo(f"not in the station file, and so not in the file: {', '.join(missing)}", err=True)


@grafana_app.command()
def push() -> None:
    """Push data source and dashboards to the Grafana at FLUXTOWER_GRAFANA_URL."""
    import dashboards

    dashboards.push(read_settings())
