"""The agent's loop: sources to spool, spool to broker."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import sqlite3
import threading
import time

from core.errors import SetupError
from ingest.agent.config import Config
from ingest.agent.feed import Feed
from ingest.agent.sender import Sender
from ingest.agent.spool import Spool, put_aside
from ingest.agent.status import Status

POLL_SECONDS = 0.5
"""Longest wait before files are looked at again. [s]"""
REMEDY = "make its folder and let the agent write there; one agent a spool"

log = logging.getLogger(__name__)


def run(config: Config, stop: threading.Event) -> None:
    """Run until ``stop`` is set; broker and platform may be away, however long.

    Raises
    ------
    SetupError
        The spool cannot be opened.
    """
    while not stop.is_set():
        try:
            _run_on_spool(config, stop)
        except sqlite3.OperationalError as error:
            raise SetupError(f"the spool {config.spool} cannot be used: {error}", REMEDY) from None
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            put_aside(config.spool, error)


def _run_on_spool(config: Config, stop: threading.Event) -> None:
    """Run until ``stop`` is set, or until the spool turns out to be damaged (``sqlite3.DatabaseError``)."""
    streams = [source.stream for source in config.sources]
    spool = Spool(config.spool, config.station, streams, config.max_spool_bytes, compress=config.broker.compress)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with contextlib.closing(spool), ours, theirs:
        sender = Sender(config.broker, config.station, spool, lambda: _wake(theirs))
        feeds = [Feed(source, spool) for source in config.sources]
        status = Status(config, spool, sender, feeds)
        sender.start()
        try:
            more = False
            while not stop.is_set():
                ports = [feed.fileno for feed in feeds if feed.fileno >= 0]
                ready, _, _ = select.select([ours.fileno(), *ports], [], [], 0.0 if more else POLL_SECONDS)
                if ours.fileno() in ready:
                    ours.recv(4096)
                more = False
                for feed in feeds:
                    live, has_more = feed.poll()
                    sender.add_live(feed.source.stream, live)
                    more = more or has_more
                sender.pump(time.monotonic())
                status.maybe(time.monotonic())
            for feed in feeds:
                feed.finish()
        finally:
            sender.stop()
        sender.hear(float("inf"))
        status.write()


def _wake(theirs: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is full of wake-ups, or closed
        theirs.send(b"x")
