"""Push folder, data source and dashboard to a Grafana; again is the same as once."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from grafana_client import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, TokenAuth

from core.errors import ConfigError, SetupError
from core.settings import Settings
from dashboards.sql import PLUGIN, UID
from dashboards.station import station_dashboard

FOLDER_UID = "fluxtower"


def push(settings: Settings) -> list[str]:
    """Push everything to ``settings.grafana_url``.

    Returns
    -------
    list of str
        Addresses of the dashboards.

    Raises
    ------
    SetupError
        No Grafana is named, it cannot be reached, or it refuses.
    ConfigError
        The database address is not of the form that Grafana can be told.
    """
    if not settings.grafana_url or not settings.grafana_token:
        raise SetupError("no Grafana is named", "set FLUXTOWER_GRAFANA_URL and FLUXTOWER_GRAFANA_TOKEN")
    source = data_source(settings.store_dsn)
    board = station_dashboard(f"http://{settings.api_host}:{settings.api_port}")
    grafana = GrafanaApi.from_url(settings.grafana_url, credential=TokenAuth(settings.grafana_token))
    try:
        _put_folder(grafana)
        _put_source(grafana, source)
        done = grafana.dashboard.update_dashboard({"dashboard": board, "folderUid": FOLDER_UID, "overwrite": True})
    except (GrafanaException, OSError) as error:  # the client lets a refused connection through as it is
        raise SetupError(
            f"Grafana at {settings.grafana_url} did not take the dashboards: {error}",
            "look whether it runs, and whether the token is of a service account with the role Admin",
        ) from error
    return [settings.grafana_url.rstrip("/") + done["url"]]


def data_source(dsn: str) -> dict[str, Any]:
    """Return the PostgreSQL data source as Grafana's JSON.

    Raises
    ------
    ConfigError
        ``dsn`` is not an address such as postgresql://user:password@host:5432/database.
    """
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise ConfigError(
            "environment", "FLUXTOWER_DSN", "an address postgresql://user:password@host:5432/database", "another form"
        )
    return {
        "uid": UID,
        "name": "Fluxtower",
        "type": PLUGIN,
        "access": "proxy",
        "url": f"{parts.hostname}:{parts.port or 5432}",
        "user": unquote(parts.username or ""),
        "jsonData": {
            "database": unquote(parts.path.removeprefix("/")),
            "sslmode": "disable" if parts.hostname in ("127.0.0.1", "localhost", "::1") else "require",
            "timescaledb": True,
            "postgresVersion": 1700,
        },
        "secureJsonData": {"password": unquote(parts.password or "")},
    }


def _put_folder(grafana: GrafanaApi) -> None:
    try:
        grafana.folder.get_folder(FOLDER_UID)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.folder.create_folder("Fluxtower", uid=FOLDER_UID)


def _put_source(grafana: GrafanaApi, source: dict[str, Any]) -> None:
    try:
        grafana.datasource.get_datasource_by_uid(UID)
    except GrafanaClientError as error:
        if error.status_code != 404:
            raise
        grafana.datasource.create_datasource(source)
    else:
        grafana.datasource.update_datasource_by_uid(UID, source)
