"""The door to the store: one object, thread-safe, whose parts each know one subject."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from core.store.access import StoredAccess
from core.store.attempts import SeasonAttempts
from core.store.catalogue import Catalogue
from core.store.compaction import Compaction
from core.store.corrections import Corrections
from core.store.database import Database, Health
from core.store.files import StoredFiles
from core.store.findings import StoredFindings
from core.store.fits import StoredFits
from core.store.fluxes import StoredFluxes
from core.store.gaps import StoredGaps
from core.store.intervals import StoredIntervals
from core.store.judgements import Judgements
from core.store.latest import StoredLatest
from core.store.loggers import StoredLoggers
from core.store.messages import StoredMessages
from core.store.minutes import StoredMinutes
from core.store.mole_fractions import StoredMoleFractions
from core.store.readings import StoredReadings
from core.store.rejects import StoredRejects
from core.store.releases import StoredReleases
from core.store.retention import Retention
from core.store.reviews import StoredReviews
from core.store.runs import StoredRuns
from core.store.samples import StoredSamples
from core.store.stations import StoredStations
from core.store.tanks import StoredTanks
from core.store.watermarks import StoredWatermarks
from core.store.webhooks import StoredWebhooks


class Store:
    """TimescaleDB behind Fluxtower's own words.

    Parameters
    ----------
    dsn : str
        PostgreSQL address.
    pool_size : int
        Most connections at once.

    Attributes
    ----------
    stations, catalogue
        Registered stations: read each time, and kept in memory.
    messages
        Takes what came: blocks, readings, and what was refused of them.
    samples, readings, minutes, latest, loggers, rejects
        What is known of messages.
    judgements, findings, corrections, reviews
        Flags of readings; what checks say of stretches of time; what people say of readings, and of a station's data
        after looking at them.
    watermarks, gaps
        Which of them are committed, and which are missing.
    intervals, fluxes, fits
        Half-hours: what is due, results, and what was fitted over longer periods.
    runs, attempts
        Season runs, and attempts at the provisional ones.
    releases, webhooks
        Runs that are frozen for ever, and who is told of them.
    files
        Raw files that were read.
    tanks, mole_fractions
        Tanks of calibrated air, and the mole fractions that rest on them.
    access
        Who may do and read what, and the audit log.
    compaction, retention
        Housekeeping.

    Every method of a part raises ``StoreUnavailable`` when the server cannot be reached (try again later)
    and ``StoreError`` when it refuses the work; those that take a station id raise ``UnknownStation``.
    """

    def __init__(self, dsn: str, *, pool_size: int = 4) -> None:
        self.dsn = dsn
        self._database = database = Database(dsn, pool_size)
        self.stations = stations = StoredStations(database)
        self.catalogue = catalogue = Catalogue(database, stations)
        self.samples = StoredSamples(database, stations)
        self.readings = StoredReadings(database, stations)
        self.judgements = Judgements(database, stations)
        self.findings = StoredFindings(database)
        self.corrections = Corrections(database, stations)
        self.minutes = StoredMinutes(database, catalogue, stations)
        self.latest = StoredLatest(database)
        self.messages = StoredMessages(database, catalogue, self.latest)
        self.loggers = StoredLoggers(database)
        self.rejects = StoredRejects(database)
        self.watermarks = StoredWatermarks(database)
        self.gaps = StoredGaps(database)
        self.intervals = StoredIntervals(database)
        self.fluxes = StoredFluxes(database, stations)
        self.fits = StoredFits(database, stations)
        self.runs = StoredRuns(database, stations)
        self.attempts = SeasonAttempts(database)
        self.releases = StoredReleases(database, stations)
        self.webhooks = StoredWebhooks(database, stations)
        self.files = StoredFiles(database)
        self.tanks = StoredTanks(database)
        self.mole_fractions = StoredMoleFractions(database, stations)
        self.access = StoredAccess(database)
        self.reviews = StoredReviews(database, stations)
        self.compaction = Compaction(database, catalogue)
        self.retention = Retention(database)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def wait(self, timeout: float) -> None:
        """Wait until the server answers; ``StoreUnavailable`` after ``timeout`` seconds."""
        self._database.wait(timeout)

    def migrate(self) -> list[str]:
        """Bring the schema up to date and return the names of what was applied; safe to repeat and in parallel."""
        return self._database.migrate()

    def health(self) -> Health:
        """Return versions and the numbers that show whether work is piling up."""
        return self._database.health()
