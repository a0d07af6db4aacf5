"""The demonstration: three stations through real MQTT into the store, to fluxes and mole fractions, to live pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from typing import TypeVar

import httpx
import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from core.clock import NS, floor_to_grid, from_ns, intervals
from core.errors import FluxTowerError, StoreUnavailable
from core.records import Reading, SampleBlock
from core.settings import ROOT, Settings
from core.station import Station
from core.store import Store
from deploy import group
from fluxcalc.worker import fill_season
from fluxtower import demo_air
from fluxtower.comparison import compare
from fluxtower.progress_bar import progress_bar
from fluxtower.sending import days_since, file_records, publish
from fluxtower.services import prepare
from ingest.mqtt.publisher import Publisher
from ingest.simulation.tower import Tower, history, records, truth

DEMO = ROOT / "deploy" / "demo"
FOREST, ORCHARD = "cn-simulated-forest", "us-orchard"
FOREST_DAYS = 2
PAST_DAYS = 60
"""Half-hours before the simulated samples: enough for a threshold of u*, for respiration and uptake. [d]"""
OUTAGE_HOURS = (31, 39)
"""Part of the simulated days in which the tower sends no samples: the gap filling has something to do. [h]"""
BLOCK_SECONDS = 5.0
MAX_WAIT_SECONDS = 240.0
TOLERANCE = 0.15
"""Largest median difference of recovered from built-in fluxes, which differ by chance in a single half-hour. [1]"""

SUMMED_VARIABLES = ("NEE_F", "RECO_NT", "GPP_NT", "RECO_DT", "GPP_DT")
"""What a whole season has the sum of."""

T = TypeVar("T")
Sent = list[SampleBlock | Reading]


def run_demo(settings: Settings, *, once: bool) -> None:
    """Run the demonstration.

    Parameters
    ----------
    settings : Settings
        Which servers and ports; what is stored there stays.
    once : bool
        End after checking what is shown; otherwise go on with live data until Ctrl-C.

    Raises
    ------
    FluxTowerError
        Something is not as it should be; says what.
    """
    console = Console(soft_wrap=True)
    with (
        Store(settings.store_dsn) as store,
        group.running(settings, report=console.print, prepare=lambda: prepare(settings)),
    ):
        stations = {id: _register(store, id) for id in (ORCHARD, FOREST)}
        demo_air.register_analyser(store)
        now = floor_to_grid(datetime.now(UTC), 30)
        tower, start = forest(stations[FOREST], now)
        with Publisher(settings.broker_url, settings.topic_root) as publisher:
            publisher.wait_connected(30)
            sent = _send_all(publisher, stations[ORCHARD], tower, start)
            publish(publisher, demo_air.past_readings(now), demo_air.STATION, demo_air.DAYS, days_since(start))
            _await_samples(store, sent, console)
            due = _intervals(stations, sent)
            _await_fluxes(store, due)
            _await_mole_fractions(store, now)
            _put_past(store, tower, start, console)
            for id in stations:
                _retry_while_away(lambda id=id: fill_season(store, id))  # type: ignore[misc]
            _show(store, stations, due, console)
            _check(store, tower, due, settings, console)
            _check_air(store, now, settings, console)
            if once:
                console.print("[bold green]all as it should be[/]")
                return
            _send_live(settings, publisher, tower, now, console)


def _register(store: Store, id: str) -> Station:
    path = DEMO / "stations" / f"{id}.toml"
    return store.stations.put(path.read_text(encoding="utf-8"), path.name).station


def forest(station: Station, now: datetime) -> tuple[Tower, datetime]:
    """Return the simulated tower of a demonstration at ``now``, and when its past begins."""
    start = now - timedelta(days=FOREST_DAYS)
    hours = np.arange(*OUTAGE_HOURS, 0.5)
    outages = frozenset(start + timedelta(hours=float(hour)) for hour in hours)
    return Tower(station, block_seconds=BLOCK_SECONDS, outages=outages, spikes=3), start


def live_tower(tower: Tower) -> Tower:
    """Return the tower as it goes on after its past: what it sends now is what a later demonstration sends again."""
    return replace(tower, outages=frozenset())


def _send_all(publisher: Publisher, orchard: Station, tower: Tower, start: datetime) -> Sent:
    sent: Sent = []

    def recording(some: Iterable[SampleBlock | Reading]) -> Iterator[SampleBlock | Reading]:
        for record in some:
            sent.append(record)
            yield record

    files = sorted((DEMO / "data").glob("*.dat.gz"))
    stream = orchard.flux.stream if orchard.flux else ""
    quarter_hours = recording(file_records(orchard, files, stream))
    publish(publisher, quarter_hours, orchard.id, 1, lambda _: len(sent) / 180)
    publish(publisher, recording(records(tower, start, FOREST_DAYS)), tower.station.id, FOREST_DAYS, days_since(start))
    return sent


def _put_past(store: Store, tower: Tower, start: datetime, console: Console) -> None:
    """Take over the forest's half-hours before its samples, as those of another program: a season needs weeks."""
    past = history(tower, start - timedelta(days=PAST_DAYS), PAST_DAYS)
    config = _retry_while_away(lambda: store.stations.read(FOREST).config_sha256)
    made_by = "fluxtower demo: simulated half-hours"
    _retry_while_away(lambda: store.fluxes.put_history(past, config_sha256=config, code_version=made_by))
    console.print(f"{FOREST}: {len(past):,} simulated half-hours before the samples, taken over as a history")


def _await_samples(store: Store, sent: Sent, console: Console) -> None:
    """Wait until what was sent is stored, and compare it bit for bit."""
    with console.status("comparing what is stored with what was sent"):
        last = sent[-200:]  # the newest are stored last
        _wait_until(lambda: compare(store, last).different == 0, "the collector does not keep up")
        result = _retry_while_away(lambda: compare(store, sent))
    _require(result.different == 0, f"{result.different:,} of {result.sent:,} stored values differ from those sent")
    console.print(f"stored: all {result.sent:,} values sent, bit for bit")


def _intervals(stations: dict[str, Station], sent: Sent) -> dict[str, list[datetime]]:
    """Return the averaging intervals for which each station sent samples."""
    found: dict[str, set[datetime]] = {id: set() for id in stations}
    for record in sent:
        flux = stations[record.station].flux
        if isinstance(record, SampleBlock) and flux is not None:
            first = from_ns(record.start_ns)
            end = from_ns(record.start_ns + record.dt_ns * record.samples.shape[1])
            found[record.station].update(intervals(first, end, flux.averaging_minutes))
    return {id: sorted(starts) for id, starts in found.items()}


def _await_fluxes(store: Store, due: dict[str, list[datetime]]) -> None:
    total = sum(len(starts) for starts in due.values())
    with progress_bar("computing half-hours") as progress:

        def computed() -> bool:
            done = sum(
                store.intervals.read_pending_revision(id, start) is None
                for id, starts in due.items()
                for start in starts
            )
            progress("computing half-hours", done, total)
            return done == total

        _wait_until(computed, "the worker does not keep up")


def _await_mole_fractions(store: Store, now: datetime) -> None:
    with Console(stderr=True).status("calibrating mole fractions"):
        _wait_until(lambda: demo_air.is_made(store, now), "the judge does not keep up with the analyser")


def _show(store: Store, stations: dict[str, Station], due: dict[str, list[datetime]], console: Console) -> None:
    for id, station in stations.items():
        fluxes = _fluxes(store, id, due[id])
        table = Table(title=f"{station.station.name}: the last of {len(fluxes)} intervals", title_justify="left")
        names = ("H", "LE", "FC", "USTAR", "TA")
        units = ("W m-2", "W m-2", "umol m-2 s-1", "m s-1", "deg C")
        heads = [f"{name}\n{unit}" for name, unit in zip(names, units, strict=True)]
        for head in ("start (UTC)", *heads, "flags\nH LE FC"):
            table.add_column(head, justify="right", no_wrap=True)
        for row in fluxes.tail(6).iter_rows(named=True):
            flags = " ".join(_flag(row[f"{name}_SSITC_TEST"]) for name in ("H", "LE", "FC"))
            table.add_row(f"{row['start']:%Y-%m-%d %H:%M}", *(_number(row[name]) for name in names), flags)
        console.print(table)
    product = store.runs.read_newest_product(FOREST, due[FOREST][0], due[FOREST][-1] + timedelta(minutes=30))
    filled = product.filter(pl.col("NEE_F_QC") > 0)
    console.print(f"{FOREST}: NEE of {len(product)} half-hours, {len(filled)} of them gap-filled (provisional)")


def _check(store: Store, tower: Tower, due: dict[str, list[datetime]], settings: Settings, console: Console) -> None:
    fluxes = _fluxes(store, FOREST, due[FOREST])
    built_in = [truth(tower, start) for start in due[FOREST]]
    for name, values in (
        ("H", [t.h for t in built_in]),
        ("LE", [t.le for t in built_in]),
        ("FC", [1e6 * t.fc for t in built_in]),
    ):
        found = fluxes[name].to_numpy()
        error = float(np.nanmedian(np.abs(found - values)) / np.median(np.abs(values)))
        console.print(f"{FOREST}: {name} differs from what the simulator built in by {100 * error:.1f} % (median)")
        _require(error <= TOLERANCE, f"{name} of the simulated forest is {100 * error:.0f} % off")
    whole = (due[FOREST][0], due[FOREST][-1] + timedelta(minutes=30))
    product = store.runs.read_newest_product(FOREST, *whole)
    expected = len(intervals(*whole, 30))
    _require(
        len(product) == expected and product["NEE_F"].null_count() == 0, "the published NEE of the forest has a hole"
    )
    _check_season(store, settings, console)
    for id in due:
        page = _retry_while_away(lambda id=id: _get(settings, f"/station/{id}"))  # type: ignore[misc]
        _require(id in page.text, f"the page of {id} does not name it")
        query = {"from": due[id][0].isoformat(), "to": (due[id][-1] + timedelta(hours=1)).isoformat()}
        answer = _retry_while_away(lambda id=id, query=query: _get(settings, f"/api/v1/stations/{id}/fluxes", query))  # type: ignore[misc]
        _require(len(answer.json()["data"]["start"]) >= len(due[id]), f"the API lacks fluxes of {id}")


def _check_air(store: Store, now: datetime, settings: Settings, console: Console) -> None:
    _retry_while_away(lambda: demo_air.check_values(store, now, console))
    answer = _retry_while_away(lambda: _get(settings, f"/api/v1/stations/{demo_air.STATION}/targets"))
    _require(len(answer.json()["data"]["time"]) > 0, f"the API lacks targets of {demo_air.STATION}")


def _check_season(store: Store, settings: Settings, console: Console) -> None:
    run = store.runs.read_newest(FOREST)
    if run is None:
        raise FluxTowerError("the forest has no season")
    sums = {name: total["value"] for name, total in run.provenance["sums"].items()}
    for name in SUMMED_VARIABLES:
        why = run.provenance["not_done"].get(name, "a record has none")
        _require(sums.get(name) is not None, f"the season has no sum of {name}: {why}")
    listed = ", ".join(f"{name} {sums[name]:.0f}" for name in SUMMED_VARIABLES)
    console.print(f"{FOREST}: season of {run.intervals:,} half-hours, run {run.id}, in gC m-2: {listed}")
    page = _retry_while_away(lambda: _get(settings, f"/runs/{run.id}"))
    _require(all(name in page.text for name in SUMMED_VARIABLES), f"the page of run {run.id} lacks a sum")


def _send_live(settings: Settings, publisher: Publisher, tower: Tower, now: datetime, console: Console) -> None:
    """Go on as the simulated tower in real time until Ctrl-C."""
    console.print("\nlive: the simulated forest and the CO2 station go on in real time")
    for id in (FOREST, ORCHARD, demo_air.STATION):
        console.print(f"  [bold]http://{settings.api_host}:{settings.api_port}/station/{id}[/]")
    console.print("Ctrl-C stops everything; the data stay")
    with suppress(KeyboardInterrupt):
        both = merge(records(live_tower(tower), now, 365), demo_air.live_readings(now), key=_end_of)
        publisher.play(_in_real_time(both))


def _in_real_time(made: Iterable[SampleBlock | Reading]) -> Iterator[SampleBlock | Reading]:
    for record in made:
        time.sleep(max(0.0, _end_of(record) - time.time()))
        yield record


def _end_of(record: SampleBlock | Reading) -> float:
    """Return when a record is whole. [s since 1970]"""
    if isinstance(record, SampleBlock):
        return float(record.start_ns + record.dt_ns * record.samples.shape[1]) / NS
    return record.time_ns / NS


def _fluxes(store: Store, id: str, due: list[datetime]) -> pl.DataFrame:
    found = store.fluxes.read(id, due[0], due[-1] + timedelta(seconds=1))
    return found.filter(pl.col("start").is_in(due))


def _get(settings: Settings, path: str, query: dict[str, str] | None = None) -> httpx.Response:
    answer = httpx.get(
        f"http://{settings.api_host}:{settings.api_port}{path}", params=query, timeout=10, trust_env=False
    )
    answer.raise_for_status()
    return answer


def _retry_while_away(work: Callable[[], T]) -> T:
    """Do something that fails while a server is being started again."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while True:
        try:
            return work()
        except (StoreUnavailable, httpx.HTTPError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _wait_until(condition: Callable[[], T], complaint: str) -> T:
    """Wait until a condition holds, and return it."""
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while not (met := _retry_while_away(condition)):
        _require(time.monotonic() < deadline, complaint)
        time.sleep(0.3)
    return met


def _require(condition: bool, complaint: str) -> None:
    if not condition:
        raise FluxTowerError(f"{complaint}; look at var/log (`fluxtower status` says where)")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _flag(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
