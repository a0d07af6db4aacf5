"""Gathers the messages of many connections into commits, and tells each when its own is done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress

from ingest.collector.writer import Stopped
from ingest.mqtt.wire import Message

Write = Callable[[Sequence[Message]], None]
"""Commit messages, or what is refused of them as rejects; return when that is done."""

log = logging.getLogger(__name__)


class Batcher:
    """One commit after the other, in a thread; what waits is bounded by ``most``.

    Parameters
    ----------
    write : callable
        Commits messages.
    most : int
        Most messages of a commit, and most that wait for the next one.
    seconds : float
        Longest time that a message waits for others. [s]
    """

    def __init__(self, write: Write, most: int, seconds: float) -> None:
        self._write, self._most, self._seconds = write, most, seconds
        self._queue: asyncio.Queue[tuple[Message, asyncio.Future[None]]] = asyncio.Queue(most)

    async def commit(self, message: Message) -> asyncio.Future[None]:
        """Hand a message over, waiting for room; the future is done when the message is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._queue.put((message, done))
        return done

    async def run(self) -> None:
        """Commit until cancelled, or until the writer was asked to stop."""
        while True:
            batch = [await self._queue.get()]
            await self._gather(batch)
            try:
                await asyncio.to_thread(self._write, [message for message, _ in batch])
            except Stopped:
                _fail(batch, "the store was away when the listener was stopped")
                return
            except Exception:
                log.exception("a batch of %d messages is not committed: their senders get no receipt", len(batch))
                _fail(batch, "not committed")
                continue
            for _, done in batch:
                if not done.done():
                    done.set_result(None)

    async def _gather(self, batch: list[tuple[Message, asyncio.Future[None]]]) -> None:
        deadline = asyncio.get_running_loop().time() + self._seconds
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                while len(batch) < self._most:
                    batch.append(await self._queue.get())


def _fail(batch: Sequence[tuple[Message, asyncio.Future[None]]], why: str) -> None:
    for _, done in batch:
        if not done.done():
            done.set_exception(NotCommitted(why))


class NotCommitted(Exception):
    """A message was not committed: there is no receipt for it, and its sender sends again."""
