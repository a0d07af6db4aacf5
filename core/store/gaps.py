"""What has not come: stretches of time without data, found in the watermarks. Written apart from the data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.store.database import Database, sql
from core.store.watermarks import lock_watermarks

MAX_RANGES = 500
"""Most ranges that are kept of a message sequence; with more, the oldest are forgotten."""
GRACE_SECONDS = 60.0
"""How long a hole may stand until it is a gap. [s]"""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time for which nothing came although later data did.

    Attributes
    ----------
    starts, ends : datetime
        End of the data before, start of the data after.
    blocks : int
        Messages that were missing when the gap was noticed; 0 where the sender's numbers go on: it recorded nothing.
    counted : bool
        Whether ``blocks`` comes from the sender's numbers; otherwise from the length of its messages.
    missing_s : float
        What is still missing. [s]
    noticed, filled : datetime
        Since when it is known; when the last of it came late, None while it is open.
    """

    station: str
    stream: str
    starts: datetime
    ends: datetime
    blocks: int
    counted: bool
    missing_s: float
    noticed: datetime
    filled: datetime | None


class StoredGaps:
    """The part of the store that holds known gaps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def search(self) -> None:
        """Note the gaps that opened, close those that were filled; streams whose messages came in line cost nothing."""
        settings = {"grace": GRACE_SECONDS, "most": MAX_RANGES}
        steps = ("forget_gaps", "fill_gaps", "heal_watermarks", "note_gaps", "shorten_watermarks", "mark_looked")
        with self._database.transaction() as connection:
            lock_watermarks(connection)
            for name in steps:
                connection.execute(sql(name, holes=sql("holes")), settings)

    def check(self, station: str | None = None) -> None:
        """Close open gaps whose data are stored although they did not come from the sender itself, as from files."""
        settings = {"grace": GRACE_SECONDS, "station": station}
        with self._database.transaction() as connection:
            lock_watermarks(connection)
            for name in ("heal_watermarks", "fill_gaps"):
                connection.execute(sql(name, holes=sql("open_holes")), settings)

    def find(self, station: str | None = None, limit: int = 1000, *, filled: bool = False) -> list[Gap]:
        """Read the newest known gaps, of one station or of all; ``filled``: those too that came late."""
        return [Gap(**row) for row in self._database.rows("gaps", station=station, limit=limit, all=filled)]
