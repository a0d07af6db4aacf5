"""The methods among which the station file chooses for a step: ours, and those of other packages.

Another package adds one by an entry point in the group ``fluxtower.methods``, called ``<step>.<method>``:
docs/guide/extend.md. Workers find it as the command does, when a half-hour of a station asks for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from core.errors import FluxTowerError
from core.extensions import Choices, Unfit
from core.station import Station
from fluxcalc.halfhour.interval import HalfHour, Step

GROUP = "fluxtower.methods"


def choices(step: str, own: Mapping[str, Step]) -> Choices[Step]:
    """Return the choices of a step.

    Parameters
    ----------
    step : str
        Its key in ``[flux.methods]``.
    own : mapping of str to Step
        Our methods by name.
    """
    return Choices(own, GROUP, _accept, prefix=f"{step}.")


def _accept(found: object, package: str) -> Step:
    """Return another package's method so that what goes wrong in it names the package.

    Raises
    ------
    Unfit
        It is no function of a half-hour and a station.
    """
    if not callable(found):
        raise Unfit("a function (HalfHour, Station) -> HalfHour", found)
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise Unfit("a function (HalfHour, Station) -> HalfHour", found) from None

    def step(half: HalfHour, station: Station) -> HalfHour:
        try:
            after = found(half, station)
        except Exception as error:
            raise FluxTowerError(f"{package}: {type(error).__name__}: {error}") from error
        if not isinstance(after, HalfHour):
            raise FluxTowerError(f"{package}: expected a HalfHour, got {type(after).__name__}")
        return after

    return step
