"""A query of Grafana's PostgreSQL data source, which the SDK has no class for."""

from __future__ import annotations

import re
from typing import Literal

from core.store.queries import named
from core.timeliness import LATE_STEPS, MAX_BLOCK_SECONDS, SILENT_STEPS
from dashboards.sdk import Builder, Dataquery, options

UID = "fluxtower"
PLUGIN = "grafana-postgresql-datasource"
SOURCE = options.DataSourceRef(type_val=PLUGIN, uid=UID)

LIMITS = {
    "late_steps": LATE_STEPS,
    "silent_steps": SILENT_STEPS,
    "max_block_seconds": MAX_BLOCK_SECONDS,
}

Format = Literal["time_series", "table"]


class SqlQuery(Dataquery, Builder[Dataquery]):  # type: ignore[misc]
    """A statement of ``core/store/sql/grafana.sql``, as Grafana's data source stores it.

    Parameters
    ----------
    name : str
        Name of the statement.
    form : {"time_series", "table"}
        What Grafana makes of the rows.
    """

    def __init__(self, name: str, form: Format = "time_series") -> None:
        self.sql, self.form = statement(name), form

    def build(self) -> SqlQuery:
        """Return itself: it is its own builder."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return the stored form."""
        return {
            "refId": "A",
            "datasource": SOURCE.to_json(),
            "rawQuery": True,
            "editorMode": "code",
            "format": self.form,
            "rawSql": self.sql,
        }


def statement(name: str) -> str:
    """Return a named statement with its limits, without its closing semicolon."""
    text = named("grafana.sql")[name].removesuffix(";")
    return re.sub(r"%\((\w+)\)s", lambda match: f"{LIMITS[match[1]]:g}", text)
