"""What is fitted over a long period and then applied to each half-hour: planes, lags, spectral constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class PlaneSector:
    """The plane of the mean streamlines for wind from one sector: w = b0 + b1 u + b2 v in the sonic's axes.

    Attributes
    ----------
    start, end : float
        Sector of the wind's direction in the sonic's axes, [start, end); may lie over 0. [deg]
    b0 : float
        [m s-1]
    b1, b2 : float
        [1]
    """

    start: float
    end: float
    b0: float
    b1: float
    b2: float


@dataclass(frozen=True, slots=True)
class LagWindow:
    """Nominal, earliest and latest lag of a gas, for water vapour by class of relative humidity. [s]"""

    nominal: float
    earliest: float
    latest: float
    humidity: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Fits:
    """The fits in force; empty where nothing was fitted.

    Attributes
    ----------
    planes : tuple of PlaneSector
        For ``rotation = "planar_fit"``.
    lags : mapping of str to tuple of LagWindow
        Gas -> windows, for ``lag = "optimised"``.
    cutoffs : mapping of str to tuple of (float, float, float)
        Gas -> (lowest RH [1], highest RH [1], cut-off frequency [Hz]) of the low-pass filter that an analyser and its
        tube are, for the in-situ spectral methods.
    cutoff_curves : mapping of str to (float, float, float)
        Gas -> (a, b, c) of ln(cut-off frequency in Hz) = a + b RH + c RH^2, in place of its classes.
    attenuation : mapping of str to (float, float)
        ``unstable`` and ``stable`` -> (a1 [m-1], a2 [Hz]) of the factor 1 + a1 U/(a2 + cut-off frequency), for
        ``spectral = "ibrom_2007"``.
    """

    planes: tuple[PlaneSector, ...] = ()
    lags: Mapping[str, tuple[LagWindow, ...]] = field(default_factory=dict)
    cutoffs: Mapping[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)
    cutoff_curves: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    attenuation: Mapping[str, tuple[float, float]] = field(default_factory=dict)


NOTHING_FITTED = Fits()

_ADAPTER = TypeAdapter(Fits)


def write_fits(fits: Fits) -> dict[str, object]:
    """Return kind -> data that JSON can hold, for each kind that was fitted."""
    written: dict[str, object] = _ADAPTER.dump_python(fits, mode="json")
    return {kind: data for kind, data in written.items() if data}


def read_fits(data: Mapping[str, object]) -> Fits:
    """Read back what ``write_fits`` wrote.

    Raises
    ------
    pydantic.ValidationError
        It is not of that form.
    """
    return _ADAPTER.validate_python(dict(data))
