"""The live feed: one poller a process looks at the store, any number of readers are told what is new.

A reader has a mailbox with one place for each thing that can change, so one that is slower than the feed
gets the newest state of everything and never a backlog.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import orjson
from sse_starlette import ServerSentEvent

from core.errors import StoreError
from core.store import Latest, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # [s]
RETRY_SECONDS = 5.0  # between polls while the database is away [s]
RECOMPUTED_SPAN = timedelta(days=2)  # how far back a recomputed flux is noticed
MAX_MAILBOX_MESSAGES = 500

Message = tuple[str, dict[str, object]]


class Mailbox:
    """What one reader has not yet been told: the newest message of each key, in the order of first arrival."""

    def __init__(self, station: str | None) -> None:
        self.station = station
        self._messages: OrderedDict[Hashable, Message] = OrderedDict()
        self._filled = asyncio.Event()

    def put(self, key: Hashable, message: Message) -> None:
        """Leave a message; it replaces an older one of the same key, and the oldest goes when the box is full."""
        self._messages[key] = message
        if len(self._messages) > MAX_MAILBOX_MESSAGES:
            self._messages.popitem(last=False)
        self._filled.set()

    async def take(self) -> Message:
        """Wait for a message and take it."""
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages.popitem(last=False)[1]


class LiveFeed:
    """Looks at the store once a second while anybody listens.

    Parameters
    ----------
    store : Store
        Where the news comes from.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._mailboxes: set[Mailbox] = set()
        self._wanted = asyncio.Event()
        self._latest: dict[tuple[str, str], Latest] = {}
        self._computed: dict[str, dict[datetime, datetime]] = {}
        self._problem: Message | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[LiveFeed]:
        """Look at the store in the background."""
        task = asyncio.create_task(self._run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def events(self, station: str | None) -> AsyncIterator[ServerSentEvent]:
        """Yield first what is known, then what is new, of one station or of all."""
        mailbox = Mailbox(station)
        self._mailboxes.add(mailbox)
        for key, latest in self._latest.items():
            if station in (None, latest.station):
                mailbox.put(("latest", *key), _latest_message(latest))
        if self._problem:
            mailbox.put("state", self._problem)
        self._wanted.set()
        try:
            while True:
                name, data = await mailbox.take()
                yield ServerSentEvent(data=orjson.dumps(data).decode(), event=name)
        finally:
            self._mailboxes.discard(mailbox)

    def _post(self, station: str | None, key: Hashable, message: Message) -> None:
        for mailbox in self._mailboxes:
            if station is None or mailbox.station in (None, station):
                mailbox.put(key, message)

    async def _run(self) -> None:
        while True:
            if not self._mailboxes:
                self._wanted.clear()
                self._computed.clear()  # whoever comes next reads the fluxes that are there by itself
                await self._wanted.wait()
            try:
                await self._poll()
            except StoreError as error:
                await self._report_and_wait(error)
            except Exception as error:  # a feed that dies would leave readers with old values and no word
                log.exception("live feed")
                await self._report_and_wait(error)
            else:
                if self._problem:
                    self._problem = None
                    self._post(None, "state", ("well", {}))
                await asyncio.sleep(POLL_SECONDS)

    async def _report_and_wait(self, error: Exception) -> None:
        if self._problem is None:
            log.warning("live feed: %s", error)
        self._problem = ("problem", {"detail": str(error)})
        self._post(None, "state", self._problem)
        await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self) -> None:
        listened = {mailbox.station for mailbox in self._mailboxes}
        only = next(iter(listened)) if len(listened) == 1 else None
        for latest in await asyncio.to_thread(self._store.latest.read, only):
            key = (latest.station, latest.stream)
            if self._latest.get(key) != latest:
                self._latest[key] = latest
                self._post(latest.station, ("latest", *key), _latest_message(latest))
        for station in listened - {None}:
            assert station is not None
            await self._poll_fluxes(station)

    async def _poll_fluxes(self, station: str) -> None:
        computed = await asyncio.to_thread(self._newest_fluxes, station)
        before = self._computed.get(station)
        self._computed[station] = computed
        if before is None:
            return
        for start, time in computed.items():
            if before.get(start) != time:
                self._post(
                    station,
                    ("flux", station, start),
                    ("flux", {"station": station, "start": _iso(start), "computed": _iso(time)}),
                )

    def _newest_fluxes(self, station: str) -> dict[datetime, datetime]:
        span = self._store.fluxes.read_span(station)
        if span is None:
            return {}
        table = self._store.fluxes.read(station, span[1] - RECOMPUTED_SPAN, span[1])
        return dict(zip(table["start"], table["computed"], strict=True))


def _latest_message(latest: Latest) -> Message:
    return "latest", {
        "station": latest.station,
        "stream": latest.stream,
        "time": _iso(latest.time),
        "received": _iso(latest.received),
        "values": latest.values,
        "flags": latest.flags,
        "reasons": latest.reasons,
    }


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
