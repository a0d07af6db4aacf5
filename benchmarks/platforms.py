"""A platform whose parts can be killed: private servers under their supervisor, a collector, a link, a full disk."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.private import private_settings
from core.settings import ROOT, Settings
from core.store import Store
from deploy.group import servers
from deploy.group.supervisor import Control, make_environment
from deploy.native.installation import find_installation
from deploy.native.postgres import cluster
from ingest.collector import service

MAX_NOTICE_SECONDS = 240.0
"""How long the database may take until it notices that its disk is full. [s]"""
VOLUME_MB = 400
NO_SPACE = "No space left on device"


class Relay:
    """The link: passes bytes on to a port until it is cut."""

    def __init__(self, port: int, target: int) -> None:
        self._target = target
        self._open: set[socket.socket] = set()
        self._cut = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let none begin."""
        self._cut.set()
        for one in list(self._open):
            one.close()

    def restore(self) -> None:
        """Let connections begin again."""
        self._cut.clear()

    def close(self) -> None:
        """End."""
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self._cut.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                near.close()
                continue
            self._open |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(1 << 16):
                if self._cut.is_set():
                    break
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            end.close()
            self._open.discard(end)


class Platform:
    """Servers under their supervisor, which starts them again, and a collector that we start again."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._collector = self._start()

    def kill_collector(self) -> None:
        """Kill the collector, and start it again a moment later."""
        self._collector.send_signal(signal.SIGKILL)
        self._collector.wait()
        time.sleep(random.uniform(0.0, 1.0))
        self._collector = self._start()

    def kill_database(self) -> None:
        """Kill the database server; its supervisor starts it again."""
        pid = (cluster(find_installation(self.settings)) / "postmaster.pid").read_text().split()[0]
        os.kill(int(pid), signal.SIGKILL)

    def kill_broker(self) -> None:
        """Kill the broker; its supervisor starts it again."""
        os.kill(Control(self.settings).processes()["broker"]["pid"], signal.SIGKILL)

    def fill_disk(self, seconds: float) -> None:
        """Fill the database's volume to the last byte until it complains, and for a while more."""
        log = self.settings.var / "log" / "database.log"
        before = log.read_text(errors="replace").count(NO_SPACE)
        ballast = cluster(find_installation(self.settings)) / "ballast"
        with ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2
        deadline = time.monotonic() + MAX_NOTICE_SECONDS
        while log.read_text(errors="replace").count(NO_SPACE) == before:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the database does not notice that its disk is full: {log}")
            time.sleep(0.2)
        time.sleep(seconds)
        ballast.unlink()

    def stop(self) -> None:
        """End the collector."""
        self._collector.terminate()
        self._collector.wait(30)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **make_environment(self.settings)}
        command = [sys.executable, "-m", "fluxtower", "collector"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)


@contextmanager
def platform_in(folder: Path, *, small_disk: bool = False) -> Iterator[Platform]:
    """Run private servers and a collector in a folder; with the database on a small volume of its own, if so asked."""
    settings = private_settings(folder, topic_root="faults", collector="faults")
    with ExitStack() as stack:
        if small_disk:
            with servers(settings):
                pass
            stack.enter_context(_small_volume(cluster(find_installation(settings))))
        with servers(settings, keep=small_disk), Store(settings.store_dsn) as store:
            store.wait(60)
            store.migrate()
            service.open_session(settings)
            platform = Platform(settings)
            try:
                yield platform
            finally:
                platform.stop()


@contextmanager
def _small_volume(database: Path) -> Iterator[None]:
    """Put the database's folder on a small tmpfs."""
    away = database.with_name("database.away")
    database.rename(away)
    database.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={VOLUME_MB}m", "tmpfs", str(database)], check=True)
    try:
        subprocess.run(["cp", "-a", f"{away}/.", str(database)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(database)], check=True)
        subprocess.run(["rm", "-rf", str(database.parent)], check=True)


def can_mount() -> bool:
    """Say whether we may mount a volume of our own."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0
