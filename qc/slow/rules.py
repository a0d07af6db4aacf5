"""Which channels of a message have to do with each other: dew point and air temperature, gust and mean wind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.variables import base_name, gas_of
from qc.slow import kernels as k

RULES: dict[int, tuple[tuple[str, ...], tuple[int, ...]]] = {
    k.DEW: (("T_DEW", "TA"), (1, 1)),
    k.GUST: (("WS_MAX", "WS"), (1, 1)),
    k.PHOTONS: (("PPFD_IN", "SW_IN"), (1, 1)),
    k.SUN: (("SW_IN",), (1,)),
    k.ALBEDO: (("SW_OUT", "SW_IN"), (1, 1)),
    k.HUMIDITY: (("VPD", "TA", "RH"), (1, 1, 1)),
    k.DEW_HUMIDITY: (("T_DEW", "TA", "RH"), (1, 1, 1)),
    k.NET: (("NETRAD", "SW_IN", "SW_OUT", "LW_IN", "LW_OUT"), (1, 1, 1, 1, 1)),
}
"""Kind -> the variables that it compares, the first as often as it is measured; and which of them are flagged."""
WORDS: dict[int, str] = {
    k.DEW: "the dew point is above the air temperature",
    k.GUST: "the gust is below the mean wind",
    k.PHOTONS: "photons over shortwave radiation are not 1.6 to 2.6 umol J-1",
    k.SUN: "radiation is above 1.15 times the potential one, or below 1 % of it",
    k.ALBEDO: "more shortwave radiation goes up than comes down",
    k.HUMIDITY: "VPD is not that of air temperature and relative humidity",
    k.DEW_HUMIDITY: "the dew point is not that of air temperature and relative humidity",
    k.LONGWAVE: "longwave radiation is not that of any sky or ground at this air temperature",
    k.NET: "net radiation is not the sum of its parts",
    k.SIGNAL: "the analyser's signal is weak, as in rain or with dirty windows",
}
"""What is said of each."""


def find_rules(variables: Sequence[str], usable: Sequence[int]) -> NDArray[np.int64]:
    """Return the rules that hold among channels, as the kernel takes them.

    Parameters
    ----------
    variables : sequence of str
        What each channel measures.
    usable : sequence of int
        Channels that may be compared.
    """
    bases = {i: base_name(variables[i]) for i in usable}
    rows = [_row(*rule) for rule in _rules(variables, bases)]
    return np.array(rows, dtype=np.int64).reshape(len(rows), 2 + 2 * k.RULE_MEMBERS)


def _rules(
    variables: Sequence[str], bases: dict[int, str]
) -> Iterator[tuple[int, int, tuple[int, ...], tuple[int, ...]]]:
    for kind, (names, flagged) in RULES.items():
        for first in (i for i, base in bases.items() if base == names[0]):
            members = [first, *(_partner(variables, bases, first, name) for name in names[1:])]
            if all(member >= 0 for member in members):
                yield kind, 0, tuple(members), flagged
    for i, base in bases.items():
        air = _partner(variables, bases, i, "TA")
        if base in ("LW_IN", "LW_OUT") and air >= 0:
            yield k.LONGWAVE, int(base == "LW_OUT"), (i, air), (1, 0)
        for position, signal in enumerate(("SIGNAL_IRGA", "AGC_IRGA")):
            partner = _partner(variables, bases, i, signal)
            if partner >= 0 and gas_of(variables[i]) in ("CO2", "H2O"):
                yield k.SIGNAL, position, (i, partner), (1, 0)


def _partner(variables: Sequence[str], bases: dict[int, str], of: int, name: str) -> int:
    """Return the channel of a variable at the same place: with the same position, else the only one there is."""
    found = [i for i, base in bases.items() if base == name]
    position = variables[of].removeprefix(bases[of])
    same = [i for i in found if variables[i].removeprefix(name) == position]
    if same:
        return same[0]
    return found[0] if len(found) == 1 else -1


def _row(kind: int, parameter: int, members: tuple[int, ...], flagged: tuple[int, ...]) -> list[int]:
    padding = [-1] * (k.RULE_MEMBERS - len(members))
    return [kind, parameter, *members, *padding, *flagged, *(0 for _ in padding)]
