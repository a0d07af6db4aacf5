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
from ingest.agent.config import AgentConfig
from ingest.agent.sender import Sender
from ingest.agent.source_reader import SourceReader
from ingest.agent.spool import Spool, put_aside
from ingest.agent.status import Status

POLL_SECONDS = 0.5
"""Longest wait before files are looked at again. [s]"""
SPOOL_REMEDY = "make its folder and let the agent write there; one agent a spool"

log = logging.getLogger(__name__)


def run_agent(config: AgentConfig, stop: threading.Event) -> None:
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
            raise SetupError(f"the spool {config.spool} cannot be used: {error}", SPOOL_REMEDY) from None
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            put_aside(config.spool, error)


def _run_on_spool(config: AgentConfig, stop: threading.Event) -> None:
    """Run until ``stop`` is set, or until the spool turns out to be damaged (``sqlite3.DatabaseError``)."""
    streams = [source.stream for source in config.sources]
    spool = Spool(config.spool, config.station, streams, config.max_spool_bytes, compress=config.broker.compress)
    wake_reader, wake_writer = socket.socketpair()
    wake_reader.setblocking(False)
    wake_writer.setblocking(False)
    with contextlib.closing(spool), wake_reader, wake_writer:
        sender = Sender(config.broker, config.station, spool, lambda: _wake(wake_writer))
        readers = [SourceReader(source, spool) for source in config.sources]
        status = Status(config, spool, sender, readers)
        sender.start()
        try:
            more = False
            while not stop.is_set():
                ports = [reader.fileno for reader in readers if reader.fileno >= 0]
                ready, _, _ = select.select([wake_reader.fileno(), *ports], [], [], 0.0 if more else POLL_SECONDS)
                if wake_reader.fileno() in ready:
                    wake_reader.recv(4096)
                more = False
                for reader in readers:
                    live, has_more = reader.poll()
                    sender.add_live(reader.source.stream, live)
                    more = more or has_more
                sender.send_due(time.monotonic())
                status.write_if_due(time.monotonic())
            for reader in readers:
                reader.finish()
        finally:
            sender.stop()
        sender.apply_watermarks(float("inf"))
        status.write()


def _wake(wake_writer: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it is full of wake-ups, or closed
        wake_writer.send(b"x")
