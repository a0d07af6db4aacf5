"""What instruments say about themselves: samples that they call bad become missing, are counted and named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.records import FloatArray
from core.station import Analyzer, Channel, Station
from core.variables import base_name
from fluxcalc.halfhour.interval import HalfHour, flux_of
from fluxcalc.halfhour.raw.channels import on_grid, to_si
from fluxcalc.halfhour.raw.diagnostic_words import ANALYZER_WORDS, SONIC_WORDS, find_word, read_words
from fluxcalc.halfhour.state import InstrumentReport

SONIC_SERIES = ("u", "v", "w", "ts")


@dataclass(frozen=True, slots=True)
class Device:
    """An instrument that says something about itself, and the series that its word is about."""

    name: str
    model: str
    series: tuple[str, ...]
    least_signal: float | None = None
    most_agc: float | None = None


def apply_instrument_diagnostics(half: HalfHour, station: Station) -> HalfHour:
    """Make samples missing that the sonic or an analyser calls bad.

    Channels ``DIAG_SONIC``, ``DIAG_IRGA`` hold words, ``SIGNAL_IRGA`` a signal strength (much is good), ``AGC_IRGA`` an
    automatic gain (little is good); the first of a kind is that of the first ``[[analyzer]]``, the second that of the
    second. Publishes ``bad_sonic``, ``bad_irga_1``... (samples lost), ``sonic_<fault>``, ``irga_1_<fault>`` (samples
    with it; only faults that there were), ``irga_1_signal``, ``irga_1_agc`` (means, [1]). A missing word calls nothing
    bad.
    """
    bad: dict[Device, NDArray[np.bool_]] = {}
    reports: dict[str, InstrumentReport] = {}
    for device, kind, values in _channels(half, station):
        report = reports.get(device.name, InstrumentReport())
        if kind == "SIGNAL_IRGA":
            report = replace(report, signal=_valid_mean(values))
        elif kind == "AGC_IRGA":
            report = replace(report, agc=_valid_mean(values))
        found = find_bad_samples(device, kind, values)
        if found is not None:
            wrong, faults = found
            bad[device] = bad.get(device, np.zeros(half.n, dtype=np.bool_)) | wrong
            happened = {fault: count for fault, count in faults.items() if count}
            report = replace(report, bad=int(bad[device].sum()), faults={**report.faults, **happened})
        reports[device.name] = report
    series = dict(half.series)
    for device, wrong in bad.items():
        if wrong.any():
            series |= {name: np.where(wrong, np.nan, series[name]) for name in device.series if name in series}
    published: dict[str, float] = {}
    for name, report in reports.items():
        published |= report.published(name)
    return replace(half, series=series, instruments=reports, diagnostics=half.diagnostics_with(**published))


def find_bad_samples(device: Device, kind: str, values: FloatArray) -> tuple[NDArray[np.bool_], dict[str, int]] | None:
    """Find the samples that one channel of an instrument calls bad.

    Parameters
    ----------
    device : Device
        Its model, and its limits.
    kind : str
        ``DIAG_SONIC``, ``DIAG_IRGA``, ``SIGNAL_IRGA`` or ``AGC_IRGA``.
    values : ndarray, shape (n,), float64
        Words, or parts of the full signal or gain; NaN calls nothing bad. [1]

    Returns
    -------
    wrong : ndarray, shape (n,), bool
        Bad samples.
    faults : dict
        Fault -> samples with it.
        None instead of both where the channel cannot be judged: an unknown model, or no limit.
    """
    if kind == "SIGNAL_IRGA":
        return None if device.least_signal is None else _count("weak_signal", values < device.least_signal / 100.0)
    if kind == "AGC_IRGA":
        return None if device.most_agc is None else _count("high_gain", values > device.most_agc / 100.0)
    word = find_word(device.model, SONIC_WORDS if kind == "DIAG_SONIC" else ANALYZER_WORDS)
    return None if word is None else read_words(values, word)


def _count(fault: str, wrong: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    return wrong, {fault: int(wrong.sum())}


def _valid_mean(values: FloatArray) -> float:
    valid = values[~np.isnan(values)]
    return float(valid.mean()) if valid.size else np.nan


def explain_losses(half: HalfHour, name: str, station: Station) -> str:
    """Say in words how many samples of a series were called bad by its instrument and why; nothing if none were."""
    for device in (_sonic(station), *_analyzers(station)):
        report = half.instruments.get(device.name)
        if report is not None and report.bad and name in device.series:
            faults = ", ".join(fault.replace("_", " ") for fault in report.faults)
            return f"{100.0 * report.bad / half.n:.1f} % called bad by the {device.model} ({faults})"
    return ""


def _channels(half: HalfHour, station: Station) -> Iterator[tuple[Device, str, FloatArray]]:
    """Yield (device, kind of channel, values) of all channels in which instruments speak of themselves."""
    analyzers = _analyzers(station)
    seen: dict[str, int] = {}
    for channel in station.streams[flux_of(station).stream].channels:
        kind = base_name(channel.variable)
        number = seen.get(kind, 0)
        seen[kind] = number + 1
        if kind == "DIAG_SONIC" and number == 0:
            device = _sonic(station)
        elif kind in ("DIAG_IRGA", "SIGNAL_IRGA", "AGC_IRGA") and number < len(analyzers):
            device = analyzers[number]
        else:
            continue
        values = _values(half, channel)
        if values is not None and kind == "DIAG_SONIC":
            values = values + 256.0 * _addresses(half, station)
        if values is not None:
            yield device, kind, values


def _values(half: HalfHour, channel: Channel) -> FloatArray | None:
    values = half.samples.channels.get(channel.name)
    return None if values is None else on_grid(to_si(values, channel), half.samples, half)


def _addresses(half: HalfHour, station: Station) -> FloatArray | float:
    """Return the addresses of the sonic's status, 0 where they are no channel of their own."""
    channel = station.streams[flux_of(station).stream].channel_of("DIAG_SONIC_ADDRESS")
    if channel is None:
        return 0.0
    values = _values(half, channel)
    return np.nan if values is None else values


def _sonic(station: Station) -> Device:
    return Device("sonic", station.sonic.model if station.sonic else "", SONIC_SERIES)


def _analyzers(station: Station) -> list[Device]:
    options = flux_of(station).options
    return [
        Device(
            f"irga_{number}",
            analyzer.model,
            _gases(analyzer, station),
            options.least_signal if analyzer.least_signal is None else analyzer.least_signal,
            options.most_agc if analyzer.most_agc is None else analyzer.most_agc,
        )
        for number, analyzer in enumerate(station.analyzer, start=1)
    ]


def _gases(analyzer: Analyzer, station: Station) -> tuple[str, ...]:
    return tuple(gas.lower() for gas in station.gases if station.analyzer_of(gas) is analyzer)
