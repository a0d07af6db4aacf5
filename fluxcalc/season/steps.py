"""The season, as the list of its steps: from half-hours to filled, filtered, partitioned exchange with uncertainty.

A step is ``(Season, SeasonMethods, Progress) -> Season``: no mutation, no I/O. A step that fails leaves its results out
and a reason; the others go on.
"""

from __future__ import annotations

import numpy as np

from core.progress import Progress, no_progress, part_of
from fluxcalc.season.cross_checks import cross_check
from fluxcalc.season.empty_stretches import explain_empty
from fluxcalc.season.filtering import (
    check_clock,
    complete_variables,
    reject_flagged,
    reject_low_turbulence,
    reject_spikes,
)
from fluxcalc.season.gap_filling import fill_fluxes, fill_meteorology
from fluxcalc.season.grid import TimeGrid
from fluxcalc.season.partitioning import (
    add_evapotranspiration,
    close_balance,
    partition_day,
    partition_night,
)
from fluxcalc.season.plausible import reject_implausible
from fluxcalc.season.radiation import radiation_of_night, radiation_of_photons
from fluxcalc.season.record import (
    FEW_VERSIONS,
    FILLS,
    MANY_VERSIONS,
    UNCERTAINTY_METHODS,
    USTAR_METHODS,
    USUAL_METHODS,
    Season,
    SeasonMethods,
    Step,
)
from fluxcalc.season.threshold import find_threshold
from fluxcalc.season.uncertainties import estimate_gap_errors, estimate_uncertainty
from fluxcalc.season.versions import make_versions, partition_versions_by_day, partition_versions_by_night
from qc.flag_scales import FLAG_SCALES

SEASON_STEPS: tuple[tuple[str, Step], ...] = (
    ("(limits)", reject_implausible),
    ("SW_IN", radiation_of_photons),
    ("SW_IN_POT", check_clock),
    ("SW_IN at night", radiation_of_night),
    ("NEE", complete_variables),
    ("(cross-checks)", cross_check),
    ("NEE", reject_flagged),
    ("NEE", reject_spikes),
    ("USTAR_THRESHOLD", find_threshold),
    ("NEE", reject_low_turbulence),
    ("TA_F", fill_meteorology),
    ("NEE_F", fill_fluxes),
    ("ET", add_evapotranspiration),
    ("RECO_NT", partition_night),
    ("RECO_DT", partition_day),
    ("NEE_RANDUNC", estimate_uncertainty),
    ("NEE_GAPUNC", estimate_gap_errors),
    ("LE_CORR", close_balance),
    ("NEE_SCENARIOS", make_versions),
    ("RECO_NT_SCENARIOS", partition_versions_by_night),
    ("RECO_DT_SCENARIOS", partition_versions_by_day),
    ("(empty stretches)", explain_empty),
)
"""What a step's failure leaves without a result, and the step."""


def process_season(
    grid: TimeGrid, latitude: float, longitude: float, utc_offset: float, methods: SeasonMethods = USUAL_METHODS,
    progress: Progress = no_progress,
) -> Season:  # fmt: skip
    """Take a season through its steps.

    Parameters
    ----------
    grid : TimeGrid
        Half-hours with ``NEE`` or ``FC`` (and ``SC``), ``LE``, ``H``, ``FCH4``, their ``_SSITC_TEST``, ``USTAR``,
        ``SW_IN``, ``TA``, ``VPD``, ``NETRAD``, ``G``; each may be missing.
    latitude, longitude : float
        [deg]
    utc_offset : float
        Local standard time minus UTC. [h]
    methods : SeasonMethods
    progress : Progress
        Is told the step, its number with the share that is done of it, and how many there are.

    Raises
    ------
    ValueError
        A method is not known.
    """
    _check_methods(methods)
    season = Season(
        grid.starts, grid.minutes, latitude, longitude, utc_offset, dict(grid.variables), problems=grid.problems
    )
    for number, (result, step) in enumerate(SEASON_STEPS):
        progress(step.__name__.replace("_", " "), number, len(SEASON_STEPS))
        try:
            season = step(season, methods, part_of(progress, number, len(SEASON_STEPS)))
        except (ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
            season = season.without(result, f"{step.__name__} failed: {error}")
    progress("done", len(SEASON_STEPS), len(SEASON_STEPS))
    return season


def _check_methods(methods: SeasonMethods) -> None:
    if not isinstance(methods.ustar, float) and methods.ustar not in USTAR_METHODS:
        raise ValueError(f"ustar: expected {', '.join(USTAR_METHODS)} or a number, got {methods.ustar!r}")
    if methods.fill not in FILLS:
        raise ValueError(f"fill: expected one of {', '.join(FILLS)}, got {methods.fill!r}")
    if not set(methods.partition) <= {"nt", "dt"}:
        raise ValueError(f"partition: expected nt, dt, got {', '.join(methods.partition)}")
    if methods.uncertainty not in UNCERTAINTY_METHODS:
        raise ValueError(f"uncertainty: expected one of {', '.join(UNCERTAINTY_METHODS)}, got {methods.uncertainty!r}")
    if methods.flags not in FLAG_SCALES:
        raise ValueError(f"flags: expected one of {', '.join(FLAG_SCALES)}, got {methods.flags!r}")
    if methods.percentiles not in (FEW_VERSIONS, MANY_VERSIONS):
        raise ValueError(f"percentiles: expected {FEW_VERSIONS} or {MANY_VERSIONS}, got {methods.percentiles}")
