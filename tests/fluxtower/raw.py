"""Raw files of a synthetic station, and what `fluxtower process` makes of them."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import turbulence

MINUTES = 5
N = 1200
"""Samples of an interval: one minute at 20 Hz."""
STATION = (STATIONS / "synthetic.toml").read_text().replace("averaging_minutes = 30", "averaging_minutes = 1")
FIRST = datetime(2024, 6, 20, 13, 0)
HEADER = (
    '"TOA5","synth","CR3000","0","CR3000.Std.31","CPU:synth.CR3","0","ts_data"\n'
    '"TIMESTAMP","RECORD","Ux","Uy","Uz","Ts","co2","h2o","Ta","press"\n'
    '"TS","RN","m/s","m/s","m/s","C","mg/m^3","g/m^3","C","kPa"\n'
    '"","","Smp","Smp","Smp","Smp","Smp","Smp","Smp","Smp"\n'
)
NAMES = ("Ux", "Uy", "Uz", "Ts", "co2", "h2o", "Ta", "press")


class Result(NamedTuple):
    status: int
    out: str
    err: str
    rows: list[dict[str, str]]


RunCommand = Callable[..., Result]


def lines(minutes: int = MINUTES, **changes: np.ndarray) -> list[str]:
    """Records of the first minutes, a TOA5 line each, stamped at the end of their sample."""
    n = minutes * N
    columns = turbulence(3, max(minutes, MINUTES) * N) | changes
    table = np.column_stack([columns[name][:n] for name in NAMES])
    stamps = [FIRST + timedelta(milliseconds=50 * (i + 1)) for i in range(n)]
    return [
        f'"{stamp:%Y-%m-%d %H:%M:%S}.{stamp.microsecond // 10000:02d}",{i},' + ",".join(f"{x:.6f}" for x in row) + "\n"
        for i, (stamp, row) in enumerate(zip(stamps, table, strict=True))
    ]


def write(path: Path, body: Sequence[str], header: str = HEADER) -> Path:
    text = (header + "".join(body)).encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path
