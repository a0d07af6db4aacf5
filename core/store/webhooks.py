"""Webhooks: who is told of releases, and the spool of what is still to be told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import UnknownWebhook
from core.store.database import Database
from core.store.stations import StoredStations


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """An address that is told, how often it was, and why not the last time; ``station`` None: of all public ones."""

    id: int
    url: str
    station: str | None
    made_by: str
    created: datetime
    delivered: int
    waiting: int
    abandoned: int
    failure: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """Something that an address is to be told; ``is_named``: its webhook is for this station by name."""

    id: int
    webhook: int
    url: str
    is_named: bool
    station: str
    body: str
    queued: datetime
    attempts: int


class StoredWebhooks:
    """The part of the store that holds webhooks."""

    def __init__(self, database: Database, stations: StoredStations) -> None:
        self._database = database
        self._stations = stations

    def put(self, url: str, station: str | None, made_by: str) -> int:
        """Add an address and return its number."""
        key = None if station is None else self._stations.read(station).key
        row = self._database.row("put_webhook", url=url, station=key, made_by=made_by)
        assert row is not None
        return int(row["id"])

    def read(self) -> list[WebhookRow]:
        """Read the addresses that are told."""
        return [WebhookRow(**row) for row in self._database.rows("webhooks")]

    def remove(self, id: int) -> None:
        """Tell an address nothing more; ``UnknownWebhook`` if there is none of that number."""
        if self._database.row("remove_webhook", id=id) is None:
            raise UnknownWebhook(id)

    def find_due(self, *, limit: int = 100) -> list[Delivery]:
        """Read what is to be told now."""
        return [Delivery(**row) for row in self._database.rows("due_deliveries", limit=limit)]

    def mark_delivered(self, delivery: Delivery) -> None:
        """Note that it was told."""
        self._database.execute("mark_delivered", id=delivery.id)

    def mark_failed(self, delivery: Delivery, failure: str, wait: float, *, is_last: bool) -> None:
        """Note why it could not be told; it is due again after ``wait`` [s], or never."""
        self._database.execute("mark_failed", id=delivery.id, failure=failure, wait=wait, is_last=is_last)
