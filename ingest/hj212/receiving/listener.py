"""Takes frames over TCP, commits what they hold, and only then says that they have come."""

from __future__ import annotations

import asyncio
import hmac
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from core.errors import ConfigError, FluxTowerError, PayloadError, SetupError
from core.settings import Settings
from core.store import Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.stamp_limits import StampLimits
from ingest.hj212.codec.frame import HEAD, TAIL, parse_frame
from ingest.hj212.codec.receipts import build_receipt
from ingest.hj212.codec.segment import Segment, parse_segment
from ingest.hj212.codec.splitter import Splitter
from ingest.hj212.config import exchange_path, read_exchange
from ingest.hj212.receiving.batcher import Batcher, NotCommitted
from ingest.hj212.receiving.committing import DeviceWriter
from ingest.hj212.receiving.parts import Parts, Whole
from ingest.hj212.receiving.told import Unused
from ingest.mqtt.wire import Message
from ingest.payloads.hj212 import find_unmapped, streams_for
from ingest.sources import DEVICE

READ_BYTES = 1 << 14
"""How much is read of a connection before it is committed. [bytes]"""
IDLE_SECONDS, STRANGER_SECONDS = 3600.0, 60.0
"""A connection on which nothing comes for so long is closed; one that never brought a frame of a listed device. [s]"""
REFRESH_SECONDS = 5.0
"""How often stations and the list of devices are looked at for changes. [s]"""
ANSWER_SECONDS = 30.0
"""How long a receiver of receipts may take. [s]"""
STOP_SECONDS = 0.2
"""How often it is looked whether to stop. [s]"""
WAITING = 1000
"""Most messages that wait for a commit."""

log = logging.getLogger(__name__)


def run_listener(settings: Settings, stop: threading.Event) -> None:
    """Listen until ``stop`` is set; the store may come and go.

    Raises
    ------
    ConfigError
        The file of devices cannot be read, or names none.
    SetupError
        The port cannot be had.
    """
    path = exchange_path(settings)
    devices = read_exchange(path).devices
    if not devices:
        log.warning("%s names no device under [devices]: nobody may send", path)
    with Store(settings.store_dsn) as store:
        # watermarks have nobody to go to: a device hears of each message by its receipt
        acknowledgements = Acknowledgements(store, settings.topic_root, len)
        writer = DeviceWriter(store, settings.topic_root, stop, StampLimits.of(settings), acknowledgements)
        acknowledgements.start()
        try:
            asyncio.run(Listener(settings, path, devices, writer).serve(stop))
        finally:
            acknowledgements.stop()
    log.info("listener stopped after %d messages, %d readings", writer.counts.messages, writer.counts.readings)


class Listener:
    """Connections of devices.

    Parameters
    ----------
    settings : Settings
        Where it listens, and how many it takes.
    path : Path
        The file of devices, which is read again when it changes.
    devices : mapping of str to str
        MN -> PW of who may send.
    writer : DeviceWriter
        Commits.
    """

    def __init__(self, settings: Settings, path: Path, devices: Mapping[str, str], writer: DeviceWriter) -> None:
        self._settings, self._path, self._devices, self._writer = settings, path, devices, writer
        self._modified = path.stat().st_mtime_ns
        self._batcher = Batcher(self._write, min(settings.batch_messages, WAITING), settings.batch_seconds)
        self._connections: set[asyncio.Task[None]] = set()
        self._unused = Unused()

    async def serve(self, stop: threading.Event, ready: Callable[[int], None] | None = None) -> None:
        """Take connections until ``stop`` is set."""
        host, port = self._settings.hj212_host, self._settings.hj212_port
        committing = asyncio.create_task(self._batcher.run())
        try:
            server = await asyncio.start_server(self._accept, host, port, limit=READ_BYTES)
        except OSError as error:
            committing.cancel()
            remedy = "choose another one with FLUXTOWER_HJ212_PORT or FLUXTOWER_HJ212_HOST"
            raise SetupError(f"cannot listen on {host}:{port}: {error.strerror}", remedy) from None
        refreshing = asyncio.create_task(self._refresh())
        log.info("listening on %s:%d for %d devices", host, port, len(self._devices))
        async with server:
            if ready is not None:
                ready(server.sockets[0].getsockname()[1])
            while not stop.is_set() and not committing.done():
                self._unused.tell()
                await asyncio.sleep(STOP_SECONDS)
            server.close()
        tasks = (committing, refreshing, *self._connections)
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
        self._unused.tell(now=True)

    async def _refresh(self) -> None:
        """Follow changes of stations and of the list of devices."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await asyncio.to_thread(self._writer.refresh)
            self._read_devices()

    def _read_devices(self) -> None:
        try:
            modified = self._path.stat().st_mtime_ns
            if modified != self._modified:
                self._modified = modified
                self._devices = read_exchange(self._path).devices
                log.info("%d devices are on the list now", len(self._devices))
        except (OSError, ConfigError) as error:
            log.warning("the list of devices stays as it was: %s", error)

    def _write(self, messages: Sequence[Message]) -> None:
        contested = self._writer.write(messages)
        if contested:
            log.warning("%d readings have other values than are stored of their time: kept as rejects", contested)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = str((writer.get_extra_info("peername") or ("somebody",))[0])
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._connections) >= self._settings.hj212_connections:
                self._unused.add("a connection too many", "raise FLUXTOWER_HJ212_CONNECTIONS")
                return
            self._connections.add(task)
            await _Connection(self, peer, reader, writer).run()
        except (OSError, NotCommitted, TimeoutError) as error:
            log.info("connection from %s ended: %s", peer, error or type(error).__name__)
        finally:
            self._connections.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    def may_send(self, segment: Segment, peer: str) -> bool:
        """Whether a frame's device is on the list with its password; a stranger's is counted."""
        expected = self._devices.get(segment.mn, "")
        # both are compared, whatever is wrong, in the same time
        if hmac.compare_digest(expected.encode(), segment.pw.encode()) and expected:
            return True
        what = f"frames of MN {segment.mn!a} from {peer}, which is not on the list or has another PW"
        self._unused.add(what, "they are not kept; to take them add the device under [devices]")
        return False

    def count_bad(self, peer: str, reason: str) -> None:
        """Count bytes of somebody of whom nothing is known."""
        self._unused.add(f"bytes from {peer} before any frame of a listed device", f"they are not kept: {reason}")

    async def commit(self, mn: str, payload: bytes) -> asyncio.Future[None]:
        """Hand a message over; the future is done when it is committed, or kept as a reject."""
        return await self._batcher.commit(Message(DEVICE + mn, payload, 1, 0, 0))

    async def take(self, whole: Whole) -> asyncio.Future[None] | None:
        """Hand a message over, None if it is of a command that the station file does not ask for: that is counted."""
        first = whole.segments[0]
        with suppress(FluxTowerError):
            if not self._writer.stations.version or self._is_new(first):
                await asyncio.to_thread(self._writer.stations.refresh)
            source = self._writer.stations.sources.device(first.mn)
            if not streams_for(source, first.cn):
                what = f"messages CN {first.cn} of MN {first.mn!a}"
                self._unused.add(what, f"no stream of {source.station} takes them: add it to `cn`")
                return None
            with suppress(PayloadError):
                for code in find_unmapped(source, whole.segments):
                    what = f"values {code} of MN {first.mn!a}"
                    self._unused.add(what, f"no channel of {source.station} has it as `field`")
        return await self.commit(first.mn, whole.payload)

    def _is_new(self, segment: Segment) -> bool:
        try:
            return not streams_for(self._writer.stations.sources.device(segment.mn), segment.cn)
        except PayloadError:
            return True


class _Connection:
    """One connection: what is read is committed before more is read, so its memory is bounded."""

    def __init__(
        self, listener: Listener, peer: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._listener, self._peer, self._reader, self._writer = listener, peer, reader, writer
        self._splitter, self._parts = Splitter(), Parts()
        self._device = ""  # the last one on the list that sent a good frame

    async def run(self) -> None:
        while True:
            due = self._parts.due()
            idle = IDLE_SECONDS if self._device else STRANGER_SECONDS
            seconds = idle if due is None else max(0.0, due - time.monotonic())
            try:
                data = await asyncio.wait_for(self._reader.read(READ_BYTES), seconds)
            except TimeoutError:
                if due is None:
                    raise
                await self._commit(self._parts.take_due(time.monotonic()), [])
                continue
            frames = self._splitter.feed(data) if data else self._splitter.end()
            wholes, bad = self._read(frames)
            await self._commit(wholes if data else [*wholes, *self._parts.take_all()], bad)
            if not data:
                return

    def _read(self, frames: list[bytes]) -> tuple[list[Whole], list[bytes]]:
        """Return whole messages of devices on the list, and frames of theirs that cannot be read."""
        wholes: list[Whole] = []
        bad: list[bytes] = []
        for frame in frames:
            try:
                segment = parse_segment(parse_frame(frame))
            except PayloadError as error:
                if self._device or self._may_have_sent(frame):
                    bad.append(frame)
                else:
                    self._listener.count_bad(self._peer, error.reason)
                continue
            if self._listener.may_send(segment, self._peer):
                self._device = segment.mn
                wholes += self._parts.add(frame, segment, time.monotonic())
        return wholes, bad

    def _may_have_sent(self, frame: bytes) -> bool:
        """Whether a damaged frame names a device of the list with its password."""
        try:
            segment = parse_segment(frame[HEAD:-TAIL])
        except PayloadError:
            return False
        if not self._listener.may_send(segment, self._peer):
            return False
        self._device = segment.mn
        return True

    async def _commit(self, wholes: list[Whole], bad: list[bytes]) -> None:
        """Commit messages, then send their receipts; what cannot be read is kept, and gets none: it is sent again."""
        done = [await self._listener.commit(self._device, frame) for frame in bad]
        taken = [(whole, await self._listener.take(whole)) for whole in wholes]
        await asyncio.gather(*done, *(future for _, future in taken if future is not None))
        for whole, _ in taken:
            for segment in whole.segments:
                if segment.wants_receipt:
                    self._writer.write(build_receipt(segment))
        await asyncio.wait_for(self._writer.drain(), ANSWER_SECONDS)
