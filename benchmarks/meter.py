"""Cores that the programs of a benchmark use, by kind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psycopg

from core.settings import Settings

TICKS = os.sysconf("SC_CLK_TCK")


class CpuMeter:
    """CPU time of the programs of a run, by kind."""

    def __init__(self, settings: Settings, ours: dict[str, int]) -> None:
        self._ours = ours
        self._database = database_pid(settings)
        self._first = self._read()
        self._began = time.monotonic()

    def _read(self) -> dict[str, float]:
        spent: dict[str, float] = {}
        parents: dict[int, int] = {}
        times: dict[int, float] = {}
        kinds: dict[int, str] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    name, fields = (entry / "stat").read_text().rpartition(")")[::2]
                except OSError:
                    continue
                values = fields.split()
                pid = int(entry.name)
                parents[pid], times[pid] = int(values[1]), (int(values[11]) + int(values[12])) / TICKS
                kinds[pid] = "broker" if name.endswith("(mosquitto") and self._is_ours(entry) else ""
        for pid, spent_here in times.items():
            kind = next((name for name, one in self._ours.items() if one == pid), kinds[pid])
            if parents[pid] == self._database or pid == self._database:
                kind = "database"
            if kind:
                spent[kind] = spent.get(kind, 0.0) + spent_here
        return spent

    def _is_ours(self, entry: Path) -> bool:
        # the database and the broker have the same configuration folder
        folder = Path(f"/proc/{self._database}/cmdline").read_bytes().split(b"config_file=")[1].split(b"/etc/")[0]
        return folder in (entry / "cmdline").read_bytes()

    def read(self) -> dict[str, float]:
        """Cores used since the begin, by kind."""
        taken = time.monotonic() - self._began
        return {kind: (spent - self._first.get(kind, 0.0)) / taken for kind, spent in self._read().items()}


def database_pid(settings: Settings) -> int:
    """Process id of the database server."""
    with psycopg.connect(settings.store_dsn) as connection:
        (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
