"""Senders that keep every block until the platform says that it is committed: towers, and a logger with its agent."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from paho.mqtt.client import Client, MQTTMessage

from core.clock import NS, from_ns
from core.records import SampleBlock
from core.settings import ROOT
from ingest.collector.watermark import Watermark, decode
from ingest.encoding import encode_block
from ingest.mqtt.broker import connect, make_client, parse_address
from ingest.mqtt.topics import block_topic, committed_topic

RATE = 20
N = 10
"""Samples in a block."""
CHANNELS = ("c0", "c1")
RESEND_SECONDS = 4.0
"""How long a sender waits until it sends a block again that is not said to be committed. [s]"""
STATION = """
[station]
id = "{id}"
name = "{id}"
latitude = 0.0
longitude = 0.0
altitude = 0.0
utc_offset = 0.0
[[stream]]
name = "ec"
kind = "block"
rate = 20.0
channels = [
    {{ name = "c0", variable = "W", unit = "m s-1" }},
    {{ name = "c1", variable = "T_SONIC", unit = "deg C" }},
]
"""
AGENT = """
[agent]
station = "{id}"
spool = "{folder}/spool.db"
max_spool_bytes = 100_000_000
[broker]
url = "{broker}"
topic_root = "{root}"
rate_limit = 1e9
resend_seconds = 4
[[source]]
type = "toa5"
stream = "ec"
rate = 20
block_seconds = 1
folder = "{folder}/logger"
pattern = "*.dat"
utc_offset = 0
flush_seconds = 1
columns = ["c0", "c1"]
"""

Samples = dict[tuple[str, int], tuple[float, float]]
"""(station, start of the sample [us since 1970 UTC]) -> a value for each channel."""


class Towers:
    """Towers that keep their blocks until the platform has them; a thread, one connection."""

    def __init__(self, url: str, root: str, names: list[str]) -> None:
        self._root, self._names = root, names
        self._run = time.time_ns()
        self._start_ns = self._run // NS * NS
        self._unacknowledged: dict[tuple[str, int], float] = {}  # (tower, number) -> when it was sent last
        self._watermarks: dict[str, Watermark] = {}
        self.made = 0
        self._stop = threading.Event()
        self._client = make_client(parse_address(url), "")
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.max_inflight_messages_set(1000)
        connect(self._client, parse_address(url))
        self._thread = threading.Thread(target=self._send_until_stopped, daemon=True)
        self._thread.start()

    def finish(self, timeout: float) -> int:
        """Make no more blocks; return how many are not said to be committed when all should be."""
        self._stop.set()
        deadline = time.monotonic() + timeout
        while self._unacknowledged and time.monotonic() < deadline:
            time.sleep(0.1)
        left = len(self._unacknowledged)
        self._unacknowledged.clear()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()
        return left

    @property
    def sent(self) -> Samples:
        """Return every sample of every block that was made."""
        return {
            (name, (self._start_ns + (seq * N + i) * NS // RATE) // 1000): _values(name, seq * N + i)
            for name in self._names
            for seq in range(self.made)
            for i in range(N)
        }

    def _send_until_stopped(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set() or self._unacknowledged:
            if not self._stop.is_set() and time.monotonic() - began >= self.made * N / RATE:
                for name in self._names:
                    self._unacknowledged[name, self.made] = 0.0
                self.made += 1
            if self._client.is_connected():
                self._send_due()
            time.sleep(0.02)

    def _send_due(self) -> None:
        now = time.monotonic()
        for (name, seq), sent in list(self._unacknowledged.items()):
            watermark = self._watermarks.get(name)
            if watermark is not None and watermark.run == self._run and watermark.covers(seq):
                self._unacknowledged.pop((name, seq), None)
            elif now - sent > RESEND_SECONDS:
                self._unacknowledged[name, seq] = now
                values = np.array([_values(name, seq * N + i) for i in range(N)], np.float32).T
                start_ns = self._start_ns + seq * N * NS // RATE
                block = SampleBlock(name, "ec", start_ns, NS // RATE, CHANNELS, values, seq, self._run)
                self._client.publish(block_topic(name, "ec", self._root), encode_block(block), qos=1)

    def _on_connect(self, client: Client, *_: Any) -> None:
        client.subscribe([(committed_topic(name, "ec", self._root), 1) for name in self._names])

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self._watermarks[message.topic.split("/")[-3]] = decode(message.payload)


class Logger:
    """A logger that writes a TOA5 file, and the agent that follows it."""

    def __init__(self, folder: Path, url: str, root: str, name: str) -> None:
        self._name = name
        (folder / "logger").mkdir(parents=True)
        self._config = folder / "agent.toml"
        self._config.write_text(AGENT.format(id=name, folder=folder, broker=url, root=root))
        self._file = folder / "logger" / "ts.dat"
        self._file.write_text(
            '"TOA5","tower","CR6","1","os","prog","2","ts"\r\n"TIMESTAMP","c0","c1"\r\n"TS","",""\r\n"","",""\r\n'
        )
        self._start_ns = time.time_ns() // NS * NS
        self.made = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write_until_stopped, daemon=True)
        self._thread.start()
        self.agent = self._start()

    def kill(self) -> None:
        """End the agent as a power cut would, and start it again."""
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait()
        time.sleep(random.uniform(0.0, 1.0))
        self.agent = self._start()

    def finish(self, timeout: float, stored: Callable[[], int]) -> int:
        """Write no more, give the agent time to send all, and end it; return how many samples did not come."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + timeout
        while stored() < self.made and time.monotonic() < deadline:
            time.sleep(0.2)
        self.agent.terminate()
        self.agent.wait(30)
        return max(0, self.made - stored())

    @property
    def sent(self) -> Samples:
        """Return every sample that was written."""
        return {
            (self._name, (self._start_ns + i * NS // RATE) // 1000): _values(self._name, i) for i in range(self.made)
        }

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "ingest.agent", "--config", str(self._config)]
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)

    def _write_until_stopped(self) -> None:
        began = time.monotonic()
        # whole seconds, so that the last block is full
        while not self._stop.wait(0.02) or self.made % RATE:
            while self.made < (time.monotonic() - began) * RATE:
                end = from_ns(self._start_ns) + timedelta(seconds=(self.made + 1) / RATE)
                c0, c1 = _values(self._name, self.made)
                with self._file.open("a") as file:
                    file.write(f'"{end:%Y-%m-%d %H:%M:%S}.{end.microsecond // 10_000:02d}",{c0:g},{c1:g}\r\n')
                self.made += 1


def _values(name: str, i: int) -> tuple[float, float]:
    """Return the values of a sample: they belong to one tower and time only, and float32 holds them exactly."""
    tower = int(name.rpartition("-")[2])
    return float(i * 64 + tower % 64), -float(i * 64 + tower % 64) / 2
