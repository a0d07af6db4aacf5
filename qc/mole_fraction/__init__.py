"""Mole fractions of CO2, CH4, CO and N2O: from raw samples of an analyser to calibrated hours, as pure functions."""

from qc.mole_fraction.chain import changed_span, look_ahead_ns, look_back_ns, process_mole_fractions, restricted
from qc.mole_fraction.revision import Change, changes_between
from qc.mole_fraction.series import (
    Alarm,
    Calibration,
    Event,
    LineTest,
    Means,
    MoleFractions,
    RawSeries,
    Repeatability,
    TankRun,
    TargetRun,
    reasons_of,
)

__all__ = [
    "Alarm",
    "Calibration",
    "Change",
    "Event",
    "LineTest",
    "Means",
    "MoleFractions",
    "RawSeries",
    "Repeatability",
    "TankRun",
    "TargetRun",
    "changed_span",
    "changes_between",
    "look_ahead_ns",
    "look_back_ns",
    "process_mole_fractions",
    "reasons_of",
    "restricted",
]
