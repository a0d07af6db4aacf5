"""What live judgement costs: `python benchmarks/qc_live.py [--stations 2500] [--seconds 120]`.

Weather stations of 30 variables send a reading a minute, one station after the other, through a real Mosquitto and the
collector into TimescaleDB, all in a private folder on this machine; `fluxtower judge` gives the flags. Each station has
a past as long as its checks look back on. The first minute, in which the judge reads this past, is not counted.

Counted is the processor time of the judge and of its connections to the database, from /proc, over the time that
passed. The latency of a flag is from the begin of the transaction that stored the reading (`received`) to the commit of
the one that stored its flag (`track_commit_timestamp`). Prints a table and, last, one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psycopg

from benchmarks.ingest import machine, start, wait_for_line
from benchmarks.meter import TICKS
from core.settings import Settings
from core.store import Store
from fluxtower.sending import register_load
from ingest.collector import service
from ingest.simulation.load import Load

BARS = {"core_share_2500": 0.10, "flag_latency_s": 0.5}
WARM_UP_SECONDS = 65.0
PAST_MINUTES = 260
"""More than the checks look back by default. [minutes]"""
JUDGE = "fluxtower judge"
"""What the judge's connections are called in the database."""


def measure_live(stations: int = 2500, seconds: float = 120.0) -> dict[str, float]:
    """Judge the readings of many stations live; return the keys of ``BARS``."""
    with tempfile.TemporaryDirectory(prefix="fluxtower-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with machine(folder / "var") as settings:
            return _measure(settings, folder, Load(1, 1.0, 1.0, stations), seconds)


def _measure(settings: Settings, folder: Path, load: Load, seconds: float) -> dict[str, float]:
    with Store(settings.store_dsn) as store:
        store.migrate()
        register_load(store, load)
    _put_past(settings, load)
    service.open_session(settings.model_copy(update={"collector": "collector"}))
    os.environ["PGAPPNAME"] = JUDGE
    judge = start(settings, folder / "judge.log", "judge", name="collector")
    del os.environ["PGAPPNAME"]
    collector = start(settings, folder / "collector.log", "collector", name="collector")
    arguments = ["--towers", 1, "--rate", 1, "--block-seconds", 1, "--weather", load.weather]
    arguments += ["--seconds", WARM_UP_SECONDS + seconds, "--no-register"]
    try:
        for words in ("connected to the broker", "stations are known"):
            wait_for_line(folder / "collector.log", words)
        _wait_until_flagged(settings)
        sender = start(settings, folder / "sender.log", "simulate", *map(str, arguments))
        time.sleep(WARM_UP_SECONDS)
        spent, began, since = _spent(settings, judge.pid), time.monotonic(), datetime.now(UTC)
        time.sleep(seconds - 5.0)
        until, taken = datetime.now(UTC), time.monotonic() - began
        ours = {kind: (one - spent[kind]) / taken for kind, one in _spent(settings, judge.pid).items()}
        if sender.wait(60) != 0:
            raise SystemExit((folder / "sender.log").read_text())
        time.sleep(2.0)
    finally:
        for one in (collector, judge):
            one.terminate()
        for one in (collector, judge):
            one.wait(60)
    if "Traceback" in (log := (folder / "judge.log").read_text()):
        raise SystemExit(log)
    figures = _read_latency(settings, since, until)
    share = ours["judge"] + ours["database"]
    print(f"{load.weather:,} stations x 30 variables a minute, {taken:.0f} s, {os.cpu_count()} cores, other load "
          f"{os.getloadavg()[0]:.1f}")  # fmt: skip
    print(f"  readings judged            {figures['judged']:,} of {figures['readings']:,}")
    print(f"  values suspect or bad      {100 * figures['refused']:.2f} %")
    print(f"  judge                      {100 * ours['judge']:.1f} % of a core")
    print(f"  its database connections   {100 * ours['database']:.1f} % of a core")
    print(f"  flag after the commit      {figures['p50']:.3f} s median, {figures['p99']:.3f} s 99 %")
    return {"core_share_2500": round(share * 2500 / load.weather, 4), "flag_latency_s": round(figures["p50"], 3)}


def _put_past(settings: Settings, load: Load) -> None:
    """Give each station the readings that its checks look back on, with flags."""
    with psycopg.connect(settings.store_dsn, autocommit=True) as connection:
        now = datetime.now(UTC).replace(second=0, microsecond=0)
        first = now - timedelta(minutes=PAST_MINUTES)
        some = load_values(load, first, PAST_MINUTES - 1)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE past (time timestamptz, values real[])")
            cursor.executemany("INSERT INTO past VALUES (%s, %s)", some)
            cursor.execute(
                "INSERT INTO reading (time, station, stream, values, flags)"
                " SELECT p.time, st.station, st.key, p.values, array_fill(1::smallint, ARRAY[cardinality(p.values)])"
                " FROM stream st CROSS JOIN past p WHERE st.kind = 'reading' ORDER BY p.time, st.station"
            )
        connection.execute("VACUUM ANALYZE reading")


def load_values(load: Load, first: datetime, minutes: int) -> list[tuple[datetime, list[float]]]:
    """Return the values of some minutes as the load's weather stations send them."""
    from ingest.simulation.load.packets import WeatherPackets

    weather = WeatherPackets(load, "flux/v1", time.time_ns())
    times = [first + timedelta(minutes=i) for i in range(minutes)]
    return [(one, list(weather.values_at(one).values())) for one in times]


def _wait_until_flagged(settings: Settings) -> None:
    """Wait until the judge has done what it asks for at its first start."""
    deadline = time.monotonic() + 600
    with psycopg.connect(settings.store_dsn, autocommit=True) as connection:
        while time.monotonic() < deadline:
            rules = connection.execute("SELECT count(*) FROM judge_rules").fetchone()
            waiting = connection.execute("SELECT count(*) FROM judge_request").fetchone()
            if rules and rules[0] and waiting and not waiting[0]:
                return
            time.sleep(0.5)
    raise SystemExit("the judge is not ready")


def _spent(settings: Settings, judge: int) -> dict[str, float]:
    """Return the CPU time of the judge, and of its connections to the database. [s]"""
    with psycopg.connect(settings.store_dsn) as connection:
        rows = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", (JUDGE,)).fetchall()
    return {"judge": _cpu(judge), "database": sum(_cpu(pid) for (pid,) in rows)}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _read_latency(settings: Settings, since: datetime, until: datetime) -> dict[str, float]:
    with psycopg.connect(settings.store_dsn) as connection:
        row = connection.execute(
            """
            SELECT count(*), count(flags),
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY late) FILTER (WHERE flags IS NOT NULL),
                   percentile_cont(0.99) WITHIN GROUP (ORDER BY late) FILTER (WHERE flags IS NOT NULL),
                   avg((SELECT avg((f IN (3, 4))::int) FROM unnest(flags) f))
            FROM (SELECT flags, extract(epoch FROM pg_xact_commit_timestamp(xmin) - received)::float8 AS late
                  FROM reading WHERE received >= %s AND received < %s) AS judged
            """,
            (since, until),
        ).fetchone()
    assert row is not None
    readings, judged, p50, p99, refused = row
    return {"readings": readings, "judged": judged, "p50": p50, "p99": p99, "refused": float(refused)}


def main() -> None:
    """Measure once, and say whether the bars are held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=2500)
    parser.add_argument("--seconds", type=float, default=120.0)
    given = parser.parse_args()
    result = measure_live(given.stations, given.seconds)
    for name, bar in BARS.items():
        print(f"{name}: {result[name]:g}, at most {bar:g}: {'held' if result[name] <= bar else 'NOT HELD'}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
