"""Grafana as code: the data source and one dashboard a station, pushed by ``push``."""

from dashboards.push import push
from dashboards.station import station_dashboard

__all__ = ["push", "station_dashboard"]
