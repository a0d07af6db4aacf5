"""What temperature, pressure and vapour do to the line that a laser measures, as multipliers of the density terms.

An LI-7700 reports a density as if its line were as wide as under its reference conditions. The true density is kappa
times that, and kappa depends on temperature and on the equivalent pressure P (1 + a x), with the mole fraction x of
vapour, and a for how much more vapour widens the line than dry air does. Fluctuations of temperature and vapour so look
like some of the gas, beyond expansion and dilution.
"""

from __future__ import annotations

import numpy as np

from core.constants import ZERO_CELSIUS
from core.station import Spectroscopy
from fluxcalc.halfhour.state import LineMultipliers


def line_multipliers(table: Spectroscopy, temperature: float, pressure: float, water: float) -> LineMultipliers | None:
    """Return the multipliers for the mean state of the air.

    With n = kappa(T, Pe) n', Pe = P (1 + a x) and x = rho_v R T/(P M), the chain rule makes of w'n' and the terms of
    Webb et al. (1980), with F = A (w'n' + B mu n/rho_d w'rho_v' + C (1 + mu sigma) n/T w'T'),

        A = kappa
        B = 1 + (1 - x) a P/kappa dkappa/dPe
        C = 1 + (1 - x) T/kappa dkappa/dT + x (B - 1)

    Parameters
    ----------
    table : Spectroscopy
        kappa on a grid; between its points a spline, of third order where there are four points and more.
    temperature, pressure : float
        [K], [Pa]
    water : float
        Mole fraction of water vapour. [1]

    Returns
    -------
    LineMultipliers or None
        None outside of the table.

    References
    ----------
    McDermitt et al. (2011), doi:10.1007/s00340-010-4307-0
    """
    celsius, equivalent = temperature - ZERO_CELSIUS, 1e-3 * pressure * (1.0 + table.vapour_broadening * water)
    x, y = np.array(table.temperatures), np.array(table.pressures)
    if not (x[0] <= celsius <= x[-1] and y[0] <= equivalent <= y[-1]):
        return None
    # a tenth of the start of a process, for the few stations with such a laser
    from scipy.interpolate import RectBivariateSpline

    spline = RectBivariateSpline(x, y, np.array(table.kappa), kx=min(3, len(x) - 1), ky=min(3, len(y) - 1), s=0)
    kappa = float(spline.ev(celsius, equivalent))
    by_temperature = float(spline.ev(celsius, equivalent, dx=1)) / kappa  # [K-1]
    by_pressure = 1e-3 * float(spline.ev(celsius, equivalent, dy=1)) / kappa  # [Pa-1]
    dry = 1.0 - water
    b = 1.0 + dry * table.vapour_broadening * pressure * by_pressure
    c = 1.0 + dry * temperature * by_temperature + water * (b - 1.0)
    return LineMultipliers(kappa, b, c)
