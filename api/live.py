"""The live feed: one poller a process looks at the store, any number of readers are told what is new.

A reader has a mailbox with one place for each thing that can change, so one that is slower than the feed
gets the newest state of everything and never a backlog.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson
from sse_starlette import ServerSentEvent

from core.access import DataClass
from core.errors import StoreError
from core.store import Latest, Store

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # [s]
CHECK_SECONDS = 10.0  # between looks whether keys and logins are still good [s]
RETRY_SECONDS = 5.0  # between polls while the database is away [s]
RECOMPUTED_SPAN = timedelta(days=2)  # how far back a recomputed flux is noticed
MAX_MAILBOX_MESSAGES = 500

Message = tuple[str, dict[str, object]]


@dataclass(frozen=True)
class Listener:
    """Who listens, to what.

    Attributes
    ----------
    station : str or None
        The one station, or all.
    may_read : callable
        (station, class of data) -> whether he may read it now.
    is_still : callable
        Whether his key or login is still good; asks the store.
    """

    station: str | None
    may_read: Callable[[str, DataClass], bool]
    is_still: Callable[[], bool]


class Mailbox:
    """What one reader has not yet been told: the newest message of each key, in the order of first arrival."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_closed = False
        self._messages: OrderedDict[Hashable, Message] = OrderedDict()
        self._filled = asyncio.Event()

    def put(self, key: Hashable, message: Message) -> None:
        """Leave a message; it replaces an older one of the same key, and the oldest goes when the box is full."""
        self._messages[key] = message
        if len(self._messages) > MAX_MAILBOX_MESSAGES:
            self._messages.popitem(last=False)
        self._filled.set()

    def close(self) -> None:
        """Tell the reader that nothing more comes."""
        self.is_closed = True
        self._messages.clear()
        self._filled.set()

    async def take(self) -> Message | None:
        """Wait for a message and take it; None if nothing more comes."""
        while not self._messages and not self.is_closed:
            self._filled.clear()
            await self._filled.wait()
        return self._messages.popitem(last=False)[1] if self._messages else None


class LiveFeed:
    """Looks at the store once a second while anybody listens.

    Parameters
    ----------
    store : Store
        Where the news comes from.
    refresh : callable
        Reads the policies afresh if they are old.
    """

    def __init__(self, store: Store, refresh: Callable[[], object]) -> None:
        self._store = store
        self._refresh = refresh
        self._checked = monotonic()
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

    async def events(self, listener: Listener) -> AsyncIterator[ServerSentEvent]:
        """Yield first what is known, then what is new, of what a listener may read, until he may no longer."""
        mailbox = Mailbox(listener)
        self._mailboxes.add(mailbox)
        for key, latest in self._latest.items():
            if _may_be_told(listener, latest.station, latest.data_class):
                mailbox.put(("latest", *key), _latest_message(latest))
        if self._problem:
            mailbox.put("state", self._problem)
        self._wanted.set()
        try:
            while (message := await mailbox.take()) is not None:
                name, data = message
                yield ServerSentEvent(data=orjson.dumps(data).decode(), event=name)
        finally:
            self._mailboxes.discard(mailbox)

    def _post(self, station: str | None, data_class: DataClass, key: Hashable, message: Message) -> None:
        for mailbox in self._mailboxes:
            if station is None or _may_be_told(mailbox.listener, station, data_class):
                mailbox.put(key, message)

    async def _close_ended(self) -> None:
        """End the streams of those whose key or login is no longer good."""
        if monotonic() - self._checked < CHECK_SECONDS:
            return
        self._checked = monotonic()
        for mailbox in list(self._mailboxes):
            if not await asyncio.to_thread(mailbox.listener.is_still):
                mailbox.close()

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
                    self._post(None, "station", "state", ("well", {}))
                await asyncio.sleep(POLL_SECONDS)

    async def _report_and_wait(self, error: Exception) -> None:
        if self._problem is None:
            log.warning("live feed: %s", error)
        self._problem = ("problem", {"detail": str(error)})
        self._post(None, "station", "state", self._problem)
        await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self) -> None:
        await asyncio.to_thread(self._refresh)
        await self._close_ended()
        listened = {mailbox.listener.station for mailbox in self._mailboxes}
        only = next(iter(listened)) if len(listened) == 1 else None
        for latest in await asyncio.to_thread(self._store.latest.read, only):
            key = (latest.station, latest.stream)
            if self._latest.get(key) != latest:
                self._latest[key] = latest
                self._post(latest.station, latest.data_class, ("latest", *key), _latest_message(latest))
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
                    "fluxes",
                    ("flux", station, start),
                    ("flux", {"station": station, "start": _iso(start), "computed": _iso(time)}),
                )

    def _newest_fluxes(self, station: str) -> dict[datetime, datetime]:
        span = self._store.fluxes.read_span(station)
        if span is None:
            return {}
        table = self._store.fluxes.read(station, span[1] - RECOMPUTED_SPAN, span[1])
        return dict(zip(table["start"], table["computed"], strict=True))


def _may_be_told(listener: Listener, station: str, data_class: DataClass) -> bool:
    return listener.station in (None, station) and listener.may_read(station, data_class)


def _latest_message(latest: Latest) -> Message:
    return "latest", {
        "station": latest.station,
        "stream": latest.stream,
        "time": _iso(latest.time),
        "received": _iso(latest.received),
        "values": latest.values,
    }


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
