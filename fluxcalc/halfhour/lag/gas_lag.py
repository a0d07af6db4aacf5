"""By how much a gas was shifted to the wind, and how that was found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.records import FluxRecord

_MAXIMUM = re.compile(r"lag_([a-z0-9]+)_maximum_s")


@dataclass(frozen=True, slots=True)
class LagSearch:
    """How the lag of a gas was looked for.

    Attributes
    ----------
    at_edge : bool
        The largest covariance lies at the end of the window, where it may be no maximum.
    nominal : bool
        The nominal lag stands in for a maximum.
    maximum : float
        Lag of a true maximum in the window of the geometry; NaN if there is none. [s]
    fitted : bool or None
        Whether the window was fitted to the station's own lags; None where the method fits none.
    """

    at_edge: bool
    nominal: bool
    maximum: float
    fitted: bool | None = None


@dataclass(frozen=True, slots=True)
class GasLag:
    """By how much a gas was shifted to the wind.

    Attributes
    ----------
    seconds : float
        Positive: the gas came later. [s]
    search : LagSearch or None
        None where the lag was not looked for.
    """

    seconds: float
    search: LagSearch | None = None

    def published(self, gas: str) -> dict[str, float]:
        """Return the diagnostics of a gas."""
        values = {f"lag_{gas}_s": self.seconds}
        if self.search is None:
            return values
        values[f"lag_{gas}_nominal"] = float(self.search.nominal)
        values[f"lag_{gas}_at_edge"] = float(self.search.at_edge)
        values[f"lag_{gas}_maximum_s"] = self.search.maximum
        if self.search.fitted is not None:
            values[f"lag_{gas}_fitted"] = float(self.search.fitted)
        return values


def read_true_lags(record: FluxRecord) -> dict[str, float]:
    """Return gas -> lag of a true maximum [s], NaN if there was none, of the gases whose lag was looked for."""
    found = ((_MAXIMUM.fullmatch(name), lag) for name, lag in record.diagnostics.items())
    return {match[1]: lag for match, lag in found if match}
