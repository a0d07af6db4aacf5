"""What commands do with files of HJ 212."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from core.clock import to_ns
from core.errors import ConfigError
from core.settings import Settings
from core.store import Store
from ingest.hj212.config import Destination, exchange_path, read_exchange
from ingest.hj212.sending.forwarder import export_frames, read_station


def export_to_file(
    settings: Settings, store: Store, station: str, start: datetime, end: datetime, file: Path, name: str = ""
) -> int:
    """Write the frames that a destination is sent of [start, end); return how many messages they are.

    Raises
    ------
    ConfigError
        It is not clear which destination is meant, or the period is empty.
    StoreError, UnknownStation
        The store is away, or the station is not registered.
    """
    if end <= start:
        raise ConfigError("command line", "--to", "a time after --from", f"{end:%Y-%m-%d %H:%M}")
    path = exchange_path(settings)
    to = _destination(read_exchange(path).destination, station, name, path)
    frames = export_frames(store, to, read_station(store, to, path), to_ns(start), to_ns(end))
    file.write_bytes(b"".join(frames))
    return len(frames)


def _destination(all: tuple[Destination, ...], station: str, name: str, path: Path) -> Destination:
    chosen = [one for one in all if one.station == station and name in ("", one.name)]
    if len(chosen) != 1:
        names = ", ".join(one.name for one in all if one.station == station) or "none"
        expected = f"one [[destination]] of station {station} ({names}), or --destination to say which"
        raise ConfigError(str(path), "destination", expected, repr(name) if name else f"{len(chosen)} of them")
    return chosen[0]
