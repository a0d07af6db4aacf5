"""What the agent says about itself."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from core.clock import from_ns
from ingest.agent.config import AgentConfig, FileSourceConfig
from ingest.agent.sender import Sender
from ingest.agent.source_reader import SourceReader
from ingest.agent.spool import Spool

STATUS_SECONDS = 10.0
LOG_SECONDS = 600.0

log = logging.getLogger(__name__)


class Status:
    """What waits: a file every ten seconds, a line in the log every ten minutes.

    Parameters
    ----------
    config, spool, sender, readers
        What it describes.
    """

    def __init__(self, config: AgentConfig, spool: Spool, sender: Sender, readers: list[SourceReader]) -> None:
        self._config, self._spool, self._sender, self._readers = config, spool, sender, readers
        self._written_at = self._logged_at = float("-inf")

    def write_if_due(self, now: float) -> None:
        """Write the file and the line in the log, each if it is time."""
        if now - self._written_at >= STATUS_SECONDS:
            self._written_at = now
            self.write()
        if now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            facts = self.facts()
            waiting = ", ".join(
                f"{name}: {stream['waiting']} blocks since {stream['oldest'] or '-'}"
                for name, stream in facts["streams"].items()
            )
            state = "connected" if facts["connected"] else "not connected"
            log.info("%s; %d bytes in the spool; %s", state, facts["spool_bytes"], waiting)
            for name in (one.source.stream for one in self._readers if isinstance(one.source, FileSourceConfig)):
                log.info("%s: %s", name, self._spool.accounts(name).describe())

    def facts(self) -> dict[str, Any]:
        """Return what waits, as it is written."""
        streams: dict[str, dict[str, Any]] = {
            name: {
                "waiting": count,
                "oldest": None if oldest is None else f"{from_ns(oldest):%Y-%m-%dT%H:%M:%SZ}",
                "dropped": dropped,
            }
            for name, (count, oldest, dropped) in self._spool.waiting().items()
        }
        for reader in self._readers:
            streams[reader.source.stream]["bad_lines"] = reader.bad_lines
            streams[reader.source.stream]["repeated"] = reader.repeated
            streams[reader.source.stream]["dropped"] += reader.lost
            if isinstance(reader.source, FileSourceConfig):
                streams[reader.source.stream] |= self._spool.accounts(reader.source.stream).as_json()
        return {
            "time": f"{from_ns(time.time_ns()):%Y-%m-%dT%H:%M:%SZ}",
            "connected": self._sender.is_connected,
            "committed": self._sender.committed,
            "spool_bytes": self._spool.used_bytes,
            "streams": streams,
        }

    def write(self) -> None:
        """Write the status file, if there is to be one: the whole of it or nothing."""
        path = self._config.status_file
        if path is None:
            return
        unfinished = path.with_name(path.name + ".new")
        try:
            unfinished.write_text(json.dumps(self.facts(), indent=1) + "\n", encoding="utf-8")
            unfinished.replace(path)
        except OSError as error:
            log.warning("the status file %s cannot be written: %s", path, error.strerror)
