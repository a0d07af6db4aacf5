"""The parts of Grafana's SDK that we use."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # at import the SDK recommends its second dashboard schema, which only Grafana 12 and later take
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import common, dashboard, stat, statetimeline, table, timeseries
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import common as options
    from grafana_foundation_sdk.models import dashboard as models

__all__ = [
    "Builder",
    "Dataquery",
    "JSONEncoder",
    "common",
    "dashboard",
    "models",
    "options",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
]
