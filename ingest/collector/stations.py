"""The registered stations as a collector sees them."""

from __future__ import annotations

import gc
import logging
import time

from core.station import Station
from core.store import Store, StreamRow
from ingest.sources import Sources

REFRESH_SECONDS = 2.0
"""Shortest time between two looks at the stations. [s]"""

log = logging.getLogger(__name__)


class KnownStations:
    """The registered stations, looked up again when a message does not fit, but not more often than every 2 s.

    Parameters
    ----------
    store : Store
        Where stations are registered.
    root : str
        First levels of our own topics.

    Attributes
    ----------
    sources : Sources
        What the topics mean.
    version : int
        Another one after every change.
    """

    def __init__(self, store: Store, root: str) -> None:
        self._catalogue = store.catalogue
        self._root = root
        self._next_read = float("-inf")
        self.sources = Sources({}, root)
        self.version = 0

    def station(self, id: str) -> Station:
        """Return a station; ``UnknownStation`` if it was not registered at the last look."""
        return self._catalogue.station(id)

    def layout(self, station: str, stream: str, channels: tuple[str, ...]) -> StreamRow:
        """Return where blocks of a stream are stored; as ``Catalogue.layout``."""
        return self._catalogue.layout(station, stream, "block", channels)

    def refresh(self) -> bool:
        """Look for new stations and files unless that was done just now; say whether there are any.

        Raises
        ------
        StoreError
            The stations cannot be read.
        """
        return time.monotonic() >= self._next_read and self.read()

    def read(self) -> bool:
        """Look for new stations and files; say whether there are any."""
        self._catalogue.refresh()
        self._next_read = time.monotonic() + REFRESH_SECONDS
        if self._catalogue.version == self.version:
            return False
        self.version = self._catalogue.version
        stations = self._catalogue.stations()
        self.sources = Sources(stations, self._root)
        log.info("%d stations are known", len(stations))
        # so many objects that stay would be looked through again and again, for seconds with 20 000 stations
        gc.freeze()
        return True
