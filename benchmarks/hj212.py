"""The listener of HJ 212 under load: `python benchmarks/hj212.py [--devices 300] [--messages 20] [--junk 1000000]`.

A private database and the listener as a process of its own. Devices on a connection each send their messages, each
after the receipt of the one before; then as many strangers send bytes without an end while each device sends one more.
Says how many messages a second, how long a receipt took, and how much memory the listener has at its peak. The last
line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.private import free_ports, private_settings  # noqa: E402
from core.store import Store  # noqa: E402
from deploy.group import servers  # noqa: E402
from deploy.group.supervisor import make_environment  # noqa: E402
from tests.ingest.hj212.device import MN, TEXT, minute  # noqa: E402

START = datetime(2026, 7, 1, tzinfo=UTC)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--devices", type=int, default=300)
    parser.add_argument("--messages", type=int, default=20, help="of each device")
    parser.add_argument("--junk", type=int, default=1_000_000, help="bytes of each stranger")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        file = Path(folder) / "hj212.toml"
        changes = {"hj212_port": port, "hj212_file": file, "hj212_connections": 2 * given.devices + 10}
        settings = private_settings(Path(folder), **changes)
        names = [f"{MN}-{i}" for i in range(given.devices)]
        file.write_text("[devices]\n" + "".join(f'"{name}" = "123456"\n' for name in names))
        file.chmod(0o600)
        with servers(settings, keep=False), Store(settings.store_dsn) as store:
            store.migrate()
            texts = [TEXT.replace("cn-device", f"cn-{i}").replace(MN, name) for i, name in enumerate(names)]
            store.stations.put_all([(text, f"{i}.toml") for i, text in enumerate(texts)])
            environment = {**os.environ, **make_environment(settings)}
            command = [sys.executable, "-m", "fluxtower", "hj212", "listen"]
            with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as listener:
                try:
                    result = asyncio.run(_load(port, names, given.messages, given.junk, listener.pid))
                finally:
                    listener.terminate()
            found = (
                store.readings.read(f"cn-{i}", "minutes", START, START + timedelta(days=9)) for i in range(len(names))
            )
            result["lost"] = given.devices * (given.messages + 1) - sum(len(one) for one in found)
    print(
        f"{result['per_second']:.0f} messages/s over {given.devices} connections, receipt after {result['receipt_s']} s"
    )
    print(f"memory {result['idle_mb']} MB idle, {result['load_mb']} MB loaded, {result['junk_mb']} MB with strangers")
    print(json.dumps(result))
    sys.exit(result["lost"] != 0)


async def _load(port: int, names: list[str], messages: int, junk: int, pid: int) -> dict[str, float]:
    deadline = time.monotonic() + 60
    while True:  # until it listens
        try:
            _, probe = await asyncio.open_connection("127.0.0.1", port)
            probe.close()
            break
        except OSError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)
    idle = _peak_mb(pid)
    waits: list[float] = []
    began = time.monotonic()
    await asyncio.gather(*(_device(port, name, range(messages), waits) for name in names))
    seconds = time.monotonic() - began
    loaded = _peak_mb(pid)
    strangers = [asyncio.create_task(_stranger(port, junk)) for _ in names]
    await asyncio.gather(*(_device(port, name, range(messages, messages + 1), waits) for name in names))
    await asyncio.gather(*strangers)
    return {
        "per_second": round(len(names) * messages / seconds, 1),
        "receipt_s": round(median(waits), 3),
        "idle_mb": idle,
        "load_mb": loaded,
        "junk_mb": _peak_mb(pid),
    }


async def _device(port: int, name: str, numbers: range, waits: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in numbers:
        stamp = f"{START + timedelta(hours=8, minutes=number):%Y%m%d%H%M%S}"
        sent = time.monotonic()
        writer.write(minute(stamp, 400.0 + number, mn=name))
        answer = await reader.readuntil(b"\r\n")
        assert f"QN={stamp}001".encode() in answer, answer
        waits.append(time.monotonic() - sent)
    writer.close()


async def _stranger(port: int, junk: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(junk // 10_000):
        writer.write(b"x" * 10_000)
        await writer.drain()
    writer.close()


def _peak_mb(pid: int) -> int:
    """Return the most memory that a process has had (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main()
