"""What a person says of readings, checked and carried out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.store import Corrected, Correction, FlaggedReadings, Store
from qc.limits import BAD, flag_limits


def correct(store: Store, correction: Correction) -> Corrected:
    """Flag, unflag or delete readings; what was computed of them is computed anew.

    An unflagged reading has the flag that its check gives it.

    Raises
    ------
    ConfigError
        An empty period, a channel that the stream has not, or no reading in the period.
    UnknownStation, StoreError
        The station, or a stream of readings of that name, is not registered.
    """
    period = f"{correction.start:%Y-%m-%dT%H:%M:%SZ} to {correction.end:%Y-%m-%dT%H:%M:%SZ}"
    if not correction.start < correction.end:
        raise ConfigError("command line", "--from, --to", "a begin before the end", period)
    if not correction.reason.strip():
        raise ConfigError("command line", "--reason", "why", "nothing")
    found = store.corrections.read_readings(correction.station, correction.stream, correction.start, correction.end)
    known = {name for one in found for name in one.stream.channels}
    for name in correction.channels:
        if found and name not in known:
            raise ConfigError("command line", "--channel", f"one of {', '.join(sorted(known))}", name)
    if not found:
        where = f"{correction.station}/{correction.stream}"
        raise ConfigError("command line", "--from, --to", f"a period (UTC) with readings of {where}", period)
    if correction.action == "delete":
        return store.corrections.delete(correction)
    return store.corrections.put_flags(correction, [(one, _new_flags(one, correction)) for one in found])


def _new_flags(readings: FlaggedReadings, correction: Correction) -> NDArray[np.int16]:
    """Return the flags of readings as they are, those of the correction's channels as it says."""
    stream = readings.stream
    checked = flag_limits(readings.values, stream.variables, stream.units)
    flags = np.array(
        [
            fresh if stored is None else np.array(stored, np.int16)
            for fresh, stored in zip(checked, readings.flags, strict=True)
        ]
    )
    for i, name in enumerate(stream.channels):
        if not correction.channels or name in correction.channels:
            flags[:, i] = BAD if correction.action == "flag" else checked[:, i]
    return flags
