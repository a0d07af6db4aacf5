"""Why a value is suspect or bad, in words that the value, its mask and the limits give."""

from __future__ import annotations

from qc.slow import checks
from qc.slow import kernels as k
from qc.slow.limits import StreamLimits
from qc.slow.rules import WORDS

_SIZES = {k.SPIKE: k.SPIKE_SUSPECT, k.STEP: k.STEP_SUSPECT, k.RATE: k.RATE_SUSPECT}


def reasons_of(limits: StreamLimits, channel: int, value: float, mask: int) -> list[str]:
    """Return the reasons of one value, each beginning with the name of its check."""
    said = []
    for place in range(k.BAD_SHIFT):
        if mask >> place & 1:
            bad = bool(mask >> (place + k.BAD_SHIFT) & 1)
            words = WORDS[place] if place in WORDS else _words(limits, channel, value, place, bad)
            said.append(f"{checks.CHECKS[min(place, len(checks.CHECKS) - 1)]}: {words}")
    return said


def _words(limits: StreamLimits, channel: int, value: float, place: int, bad: bool) -> str:
    row = limits.table[channel]
    unit = "" if limits.units[channel] == "1" else f" {limits.units[channel]}"
    if place == k.RANGE:
        low, high = row[[k.BAD_LOW, k.BAD_HIGH] if bad else [k.SUSPECT_LOW, k.SUSPECT_HIGH]]
        return f"{value:.6g}{unit} is above {high:.6g}" if value > high else f"{value:.6g}{unit} is below {low:.6g}"
    if place == k.CLIMATOLOGY:
        return f"{value:.6g}{unit} is outside what this station had in this month at this hour"
    if place == k.SPIKE:
        limit = row[k.SPIKE_BAD if bad else k.SPIKE_SUSPECT]
        small = "" if bad or not row[k.NOISE_LEAST] > 0 else f", or than {row[k.NOISE_LEAST]:.4g} and the noise before"
        return f"{value:.6g}{unit} is away from the readings before and after by more than {limit:.4g}{unit}{small}"
    if place == k.STEP:
        return (
            f"{value:.6g}{unit} is more than {row[k.STEP_BAD if bad else k.STEP_SUSPECT]:.4g}{unit} from the one before"
        )
    if place == k.RATE:
        per_minute = 60 * row[k.RATE_BAD if bad else k.RATE_SUSPECT]
        return f"{value:.6g}{unit}, a change of more than {per_minute:.4g}{unit} a minute"
    minutes = row[k.STILL_BAD_NS if bad else k.STILL_SUSPECT_NS] / 60e9
    return f"changed by less than {row[k.TOLERANCE]:.4g}{unit} for {minutes:.0f} minutes"
