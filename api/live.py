"""The live feed: one poller a process looks at the store, any number of readers are told what is new.

A reader has a mailbox with one place for each thing that can change, so one that is slower than the feed
gets the newest state of everything and never a backlog.

The id of an event is a time of the database's clock up to which its reader has been told everything. Whoever comes back
with it, to this process or to another, is told what is newer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import orjson
from sse_starlette import ServerSentEvent

from core.access import DataClass
from core.errors import StoreError
from core.store import Latest, Store
from core.store.fluxes import Computed

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0  # [s]
LEAST_SECONDS = 0.1  # between polls, however many readers come [s]
CHECK_SECONDS = 10.0  # between looks whether keys and logins are still good [s]
RETRY_SECONDS = 5.0  # between polls while the database is away [s]
RECOMPUTED_SPAN = timedelta(days=2)  # how far back a recomputed flux is noticed
MAX_MAILBOX_MESSAGES = 500
OVERLAP = timedelta(seconds=5)  # a transaction that began earlier may end later than one that was told of
LATER_MS = 3000  # when a reader tries again that has lost the connection [ms]

Message = tuple[str, dict[str, object], datetime | None]
"""Name, data, and when it became so by the database's clock."""
_TICK = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    """What one reader has not yet been told: the newest message of each key, in the order of first arrival.

    Parameters
    ----------
    listener : Listener
    last : datetime or None
        Up to when he had been told everything when he came.

    Attributes
    ----------
    is_greeted : bool
        Whether he has been told what was known when he came.
    """

    def __init__(self, listener: Listener, last: datetime | None = None) -> None:
        self.listener, self.last = listener, last
        self.is_closed = False
        self.is_greeted = False
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
        """Wait for a message and take it; None if nothing more comes.

        Its time is not later than what is still in the box: up to there everything is told.
        """
        while not self._messages and not self.is_closed:
            self._filled.clear()
            await self._filled.wait()
        if not self._messages:
            return None
        name, data, time = self._messages.popitem(last=False)[1]
        waiting = min((other for _, _, other in self._messages.values() if other is not None), default=None)
        return name, data, min(time, waiting - _TICK) if time is not None and waiting is not None else time


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

    async def events(self, listener: Listener, last: datetime | None = None) -> AsyncIterator[ServerSentEvent]:
        """Yield first what is known, then what is new, of what a listener may read, until he may no longer.

        Parameters
        ----------
        listener : Listener
        last : datetime or None
            Up to when he was told everything before, as the id of his last event says: only what is newer is yielded.
        """
        mailbox = Mailbox(listener, last)
        yield ServerSentEvent(comment="fluxtower", retry=LATER_MS)
        self._mailboxes.add(mailbox)
        self._wanted.set()
        try:
            while (message := await mailbox.take()) is not None:
                name, data, time = message
                yield ServerSentEvent(data=orjson.dumps(data).decode(), event=name, id=event_id(time))
        finally:
            self._mailboxes.discard(mailbox)

    def _greet(self, mailbox: Mailbox) -> None:
        """Tell a new reader what is known."""
        for key, latest in self._latest.items():
            if _may_be_told(mailbox.listener, latest.station, latest.data_class) and _is_news(
                latest.received, mailbox.last
            ):
                mailbox.put(("latest", *key), _latest_message(latest))
        mailbox.is_greeted = True

    async def _tell_missed(self, new: Sequence[Mailbox]) -> None:
        """Tell those of new readers who came back which intervals were computed while they were away."""
        waiting: dict[str, list[Mailbox]] = {}
        for mailbox in new:
            if mailbox.last is not None and mailbox.listener.station is not None:
                waiting.setdefault(mailbox.listener.station, []).append(mailbox)
        after = {station: min(one.last for one in boxes if one.last) - OVERLAP for station, boxes in waiting.items()}
        for one in await asyncio.to_thread(self._store.fluxes.read_computed, after, RECOMPUTED_SPAN):
            for mailbox in waiting[one.station]:
                if _may_be_told(mailbox.listener, one.station, "fluxes") and _is_news(one.computed, mailbox.last):
                    mailbox.put(("flux", one.station, one.start), _flux_message(one))

    def _post(self, station: str | None, data_class: DataClass, key: Hashable, message: Message) -> None:
        for mailbox in self._mailboxes:
            if station is None or (mailbox.is_greeted and _may_be_told(mailbox.listener, station, data_class)):
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
                    self._post(None, "station", "state", ("well", {}, None))
                await self._pause()

    async def _pause(self) -> None:
        """Wait for the next look, which comes sooner for new readers: they are greeted with what it finds."""
        await asyncio.sleep(LEAST_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wanted.wait(), POLL_SECONDS - LEAST_SECONDS)

    async def _report_and_wait(self, error: Exception) -> None:
        if self._problem is None:
            log.warning("live feed: %s", error)
        self._problem = ("problem", {"detail": str(error)}, None)
        self._post(None, "station", "state", self._problem)
        await asyncio.sleep(RETRY_SECONDS)

    async def _poll(self) -> None:
        self._wanted.clear()
        new = [mailbox for mailbox in self._mailboxes if not mailbox.is_greeted]
        await asyncio.to_thread(self._refresh)
        await self._close_ended()
        listened = {mailbox.listener.station for mailbox in self._mailboxes}
        only = next(iter(listened)) if len(listened) == 1 else None
        for latest in await asyncio.to_thread(self._store.latest.read, only):
            key = (latest.station, latest.stream)
            if self._latest.get(key) != latest:
                self._latest[key] = latest
                self._post(latest.station, latest.data_class, ("latest", *key), _latest_message(latest))
        await self._poll_fluxes({station for station in listened if station is not None})
        for mailbox in new:
            self._greet(mailbox)
        await self._tell_missed(new)

    async def _poll_fluxes(self, stations: set[str]) -> None:
        """Post what was computed since the last look; of a station that nobody listened to, nothing."""
        known = {station: self._computed[station] for station in stations if station in self._computed}
        after = {
            station: max(times.values(), default=_EPOCH + OVERLAP) - OVERLAP
            if (times := known.get(station)) is not None
            else _EPOCH
            for station in stations
        }
        found = await asyncio.to_thread(self._store.fluxes.read_computed, after, RECOMPUTED_SPAN)
        self._computed = {station: {} for station in stations}
        for one in found:
            self._computed[one.station][one.start] = one.computed
            if one.station in known and known[one.station].get(one.start) != one.computed:
                self._post(one.station, "fluxes", ("flux", one.station, one.start), _flux_message(one))


def event_id(time: datetime | None) -> str | None:
    """Return the id of an event: microseconds since 1970; None if it has no time."""
    return None if time is None else str((time - _EPOCH) // _TICK)


def read_event_id(text: str | None) -> datetime | None:
    """Return the time that an id says; None without one, or if it is none of ours."""
    if text is None or not re.fullmatch(r"[0-9]{1,17}", text):
        return None
    return _EPOCH + int(text) * _TICK


def _is_news(time: datetime, last: datetime | None) -> bool:
    """Whether a reader may not have been told, who was told everything up to ``last``; in doubt he is told again.

    What came last is in doubt, too: its flags may have come since.
    """
    return last is None or time > last - OVERLAP


def _may_be_told(listener: Listener, station: str, data_class: DataClass) -> bool:
    return listener.station in (None, station) and listener.may_read(station, data_class)


def _latest_message(latest: Latest) -> Message:
    told: dict[str, object] = {
        "station": latest.station,
        "stream": latest.stream,
        "time": _iso(latest.time),
        "received": _iso(latest.received),
        "values": latest.values,
        "flags": latest.flags,
        "reasons": latest.reasons,
    }
    return "latest", told, latest.received


def _flux_message(one: Computed) -> Message:
    told: dict[str, object] = {"station": one.station, "start": _iso(one.start), "computed": _iso(one.computed)}
    return "flux", told, one.computed


def _iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
