"""Sends what the store has to bureaus' platforms, until each message has its receipt. One thread a destination."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from core.clock import NS
from core.errors import ConfigError, PayloadError, StoreError
from core.settings import Settings
from core.station import Station
from core.store import Store
from ingest.hj212.codec.frame import parse_frame
from ingest.hj212.codec.receipts import received
from ingest.hj212.codec.segment import parse_segment
from ingest.hj212.codec.splitter import Splitter
from ingest.hj212.config import Destination, check_destination, exchange_path, read_exchange
from ingest.hj212.sending.averages import Content
from ingest.hj212.sending.filling import contents_of
from ingest.hj212.sending.messages import build_message
from ingest.hj212.sending.spool import Spool, Waiting, is_same

FILL_SECONDS, RECENT_HOURS = 5.0, 3
"""How often the newest hours are looked at for what is to be sent. [s], [h]"""
LOOK_BACK_SECONDS = 600.0
"""How often it is looked for what came late, as far back as the destination says. [s]"""
CONNECT_SECONDS, READ_SECONDS = 10.0, 0.2
MIN_RETRY_SECONDS, MAX_RETRY_SECONDS = 1.0, 120.0
"""Waits before a destination is tried again. [s]"""
MAX_RESENT = 3
"""A connection on which a message got no receipt so many times is given up for a new one."""
REPORT_SECONDS = 60.0
"""How often the state of the spool is logged. [s]"""
DAY_NS = 86_400 * NS

log = logging.getLogger(__name__)


def run_forwarder(settings: Settings, stop: threading.Event) -> None:
    """Forward until ``stop`` is set; store and destinations may come and go.

    Raises
    ------
    ConfigError
        The file of destinations cannot be read, names none, or asks for what a station does not measure.
    SetupError
        A spool cannot be used.
    """
    path = exchange_path(settings)
    destinations = read_exchange(path).destination
    if not destinations:
        raise ConfigError(str(path), "destination", "a part [[destination]]", "none")
    with Store(settings.store_dsn) as store:
        stations = [read_station(store, one, path) for one in destinations]
        spools = [Spool(spool_path(settings, one)) for one in destinations]
        forwarders = [Forwarder(*parts, stop=stop) for parts in zip(destinations, stations, spools, strict=True)]
        # each of them writes its spool from its own thread alone, opened here so that mistakes end the program
        threads = [threading.Thread(target=one.run, args=(store,), name=one.to.name) for one in forwarders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for spool in spools:
            spool.close()


def spool_path(settings: Settings, to: Destination) -> Path:
    """Return where the spool of a destination is."""
    return settings.var / "hj212" / f"{to.name}.sqlite"


def read_station(store: Store, to: Destination, path: Path) -> Station:
    """Return the station of a destination, checked against what the destination asks for.

    Raises
    ------
    UnknownStation, ConfigError
        It is not registered, or does not measure that.
    """
    station = store.stations.read(to.station).station
    check_destination(to, station, path)
    return station


@dataclass(slots=True)
class _Sent:
    """A message that was sent over this connection."""

    message: Waiting
    at: float
    times: int = 1
    receipts: set[str] = field(default_factory=set)


class Forwarder:
    """One destination.

    Parameters
    ----------
    to : Destination
        Where, as whom, and what.
    station : Station
        Whose readings.
    spool : Spool
        What is on its way.
    stop : threading.Event
        Ends it.
    """

    def __init__(self, to: Destination, station: Station, spool: Spool, stop: threading.Event) -> None:
        self.to, self._station, self._spool, self._stop = to, station, spool, stop
        self._link: socket.socket | None = None
        self._splitter = Splitter()
        self._sent: dict[str, _Sent] = {}
        self._last = 0  # the newest message that was sent over this connection
        self._wait = MIN_RETRY_SECONDS
        self._connect_at = self._fill_at = self._look_back_at = self._report_at = 0.0
        self._told: set[str] = set()

    def run(self, store: Store) -> None:
        """Forward until stopped."""
        while not self._stop.is_set():
            try:
                self._fill_if_due(store)
                self._exchange()
            except Exception:
                log.exception("%s: trying again", self.to.name)
                self._give_up("a defect of this program, or a full disk")
                self._stop.wait(MIN_RETRY_SECONDS)
            self._report_if_due()
        self._close()

    def fill(self, store: Store, start_ns: int, now_ns: int) -> None:
        """Put what is to be sent of the readings since a time into the spool. [ns since 1970 UTC]"""
        for sent in self.to.stream:
            contents = contents_of(store, self._station, self.to, sent, start_ns, now_ns, now_ns)
            known: dict[tuple[str, int], bytes] = {
                (cn, time_ns): digest
                for cn in sent.cn
                for time_ns, digest in self._spool.known(sent.name, cn, start_ns - DAY_NS, now_ns + DAY_NS).items()
            }
            fresh = [one for one in contents if not is_same(one, known.get((one.cn, one.time_ns)))]
            if not fresh:
                continue
            changed = self._spool.put(sent.name, fresh, self._build)
            if changed:
                log.warning(
                    "%s: %d messages of stream %s have other values now than were sent, for data came or were "
                    "corrected after that: they stay as they were sent; tell the receiver if it matters",
                    self.to.name, changed, sent.name,
                )  # fmt: skip

    def _build(self, content: Content, qn_ns: int) -> tuple[bytes, int]:
        return build_message(content, self.to, qn_ns)

    def _fill_if_due(self, store: Store) -> None:
        now, now_ns = time.monotonic(), time.time_ns()
        if now < self._fill_at:
            return
        horizon_ns = max(now_ns - round(self.to.days * DAY_NS), self._spool.floor_ns)
        is_look_back = now >= self._look_back_at
        try:
            self.fill(store, horizon_ns if is_look_back else max(horizon_ns, now_ns - RECENT_HOURS * 3600 * NS), now_ns)
        except StoreError as error:
            log.warning("%s: the store cannot be read now: %s", self.to.name, error)
        else:
            if is_look_back:
                self._look_back_at = now + LOOK_BACK_SECONDS
                self._spool.forget(horizon_ns - 2 * DAY_NS)
        self._fill_at = time.monotonic() + FILL_SECONDS

    def _exchange(self) -> None:
        """Connect if it is time, send what may be sent, take what has come."""
        if self._link is None and not self._connect():
            self._stop.wait(READ_SECONDS)
            return
        try:
            self._send()
            self._read()
        except OSError as error:
            self._give_up(str(error) or type(error).__name__)

    def _connect(self) -> bool:
        if time.monotonic() < self._connect_at:
            return False
        try:
            self._link = socket.create_connection((self.to.host, self.to.port), CONNECT_SECONDS)
        except OSError as error:
            self._give_up(str(error))
            return False
        self._link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._splitter, self._sent, self._last = Splitter(), {}, 0
        return True

    def _send(self) -> None:
        """Send new messages as far as the window allows, and again those whose receipt is overdue."""
        assert self._link is not None
        self._link.settimeout(CONNECT_SECONDS)
        now = time.monotonic()
        for one in self._sent.values():
            if now - one.at < self.to.resend_seconds:
                continue
            if one.times >= MAX_RESENT:
                raise TimeoutError(f"no receipt of message {one.message.qn} after it was sent {one.times} times")
            one.at, one.times = now, one.times + 1
            self._link.sendall(one.message.frames)
        room = self.to.window - len(self._sent)
        for message in self._spool.waiting(self._last, room) if room > 0 else ():
            self._link.sendall(message.frames)
            self._sent[message.qn] = _Sent(message, now)
            self._last = message.id

    def _read(self) -> None:
        assert self._link is not None
        self._link.settimeout(READ_SECONDS)
        try:
            data = self._link.recv(1 << 14)
        except TimeoutError:
            return
        if not data:
            raise ConnectionResetError("the other end closed the connection")
        for frame in self._splitter.feed(data):
            self._take(frame)

    def _take(self, frame: bytes) -> None:
        try:
            answer = parse_segment(parse_frame(frame))
        except PayloadError as error:
            self._tell("an answer that cannot be read", error.reason)
            return
        qn = received(answer)
        one = self._sent.get(qn)
        if one is None:
            if not qn:
                self._tell(f"a message CN {answer.cn}", "it is not acted upon: only receipts are")
            return
        one.receipts.add(answer.fields.get("PNO", f"number {len(one.receipts)}"))
        if len(one.receipts) >= one.message.parts:
            self._spool.receive(qn)
            del self._sent[qn]
            self._wait = MIN_RETRY_SECONDS

    def _tell(self, what: str, why: str) -> None:
        """Log something once."""
        if what not in self._told and len(self._told) < 100:
            self._told.add(what)
            log.warning("%s sends %s: %s (further ones are not logged)", self.to.name, what, why)

    def _give_up(self, why: str) -> None:
        """End the connection; what has no receipt is sent again over the next one, after a while."""
        self._close()
        log.warning("%s (%s:%d): %s; again in %.0f s", self.to.name, self.to.host, self.to.port, why, self._wait)
        self._connect_at = time.monotonic() + self._wait * random.uniform(0.75, 1.0)
        self._wait = min(2 * self._wait, MAX_RETRY_SECONDS)

    def _close(self) -> None:
        if self._link is not None:
            with suppress(OSError):
                self._link.close()
        self._link = None

    def _report_if_due(self) -> None:
        if time.monotonic() < self._report_at:
            return
        self._report_at = time.monotonic() + REPORT_SECONDS
        waiting, done, changed = self._spool.count()
        log.info("%s: %d messages wait, %d are received, %d have changed since", self.to.name, waiting, done, changed)


def export_frames(store: Store, destination: Destination, station: Station, start_ns: int, end_ns: int) -> list[bytes]:
    """Return the messages that would be sent of the readings in [start, end), each in its frames.

    Their names (``QN``) follow from the time of the data, so that the same readings give the same bytes; they ask for
    no receipt.
    """
    frames: list[bytes] = []
    used: set[int] = set()
    for sent in destination.stream:
        for content in contents_of(store, station, destination, sent, start_ns, end_ns, 1 << 62):
            if not start_ns <= content.time_ns < end_ns:
                continue
            qn_ns = content.time_ns
            while qn_ns in used:
                qn_ns += 1_000_000
            used.add(qn_ns)
            frames.append(build_message(content, destination, qn_ns, receipt=False)[0])
    return frames
