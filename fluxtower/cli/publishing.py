"""Commands that publish."""

from __future__ import annotations

import typer

from core.settings import read_settings

app = typer.Typer()
grafana_app = typer.Typer(no_args_is_help=True, help="Grafana dashboards as code.")
app.add_typer(grafana_app, name="grafana")


@grafana_app.command()
def push() -> None:
    """Push data source and dashboards to the Grafana at FLUXTOWER_GRAFANA_URL."""
    import dashboards

    dashboards.push(read_settings())
