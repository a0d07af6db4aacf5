"""What the agent says about itself."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from core.clock import from_ns
from ingest.agent.config import Config
from ingest.agent.feed import Feed
from ingest.agent.sender import Sender
from ingest.agent.spool import Spool

STATUS_SECONDS = 10.0
REPORT_SECONDS = 600.0

log = logging.getLogger(__name__)


class Status:
    """What waits: a file every ten seconds, a line in the log every ten minutes.

    Parameters
    ----------
    config, spool, sender, feeds
        Of whom it tells.
    """

    def __init__(self, config: Config, spool: Spool, sender: Sender, feeds: list[Feed]) -> None:
        self._config, self._spool, self._sender, self._feeds = config, spool, sender, feeds
        self._wrote = self._reported = float("-inf")

    def maybe(self, now: float) -> None:
        """Tell if it is time."""
        if now - self._wrote >= STATUS_SECONDS:
            self._wrote = now
            self.write()
        if now - self._reported >= REPORT_SECONDS:
            self._reported = now
            facts = self.facts()
            waits = ", ".join(
                f"{name}: {stream['waiting']} blocks since {stream['oldest'] or '-'}"
                for name, stream in facts["streams"].items()
            )
            state = "connected" if facts["connected"] else "not connected"
            log.info("%s; %d bytes in the spool; %s", state, facts["spool_bytes"], waits)

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
        for feed in self._feeds:
            streams[feed.source.stream]["bad_lines"] = feed.bad_lines
            streams[feed.source.stream]["repeated"] = feed.repeated
            streams[feed.source.stream]["dropped"] += feed.lost
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
        beside = path.with_name(path.name + ".new")
        try:
            beside.write_text(json.dumps(self.facts(), indent=1) + "\n", encoding="utf-8")
            beside.replace(path)
        except OSError as error:
            log.warning("the status file %s cannot be written: %s", path, error.strerror)
