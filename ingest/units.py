"""Words that loggers and people write for units -> ours."""

from __future__ import annotations

import re

from core.station import Channel
from core.variables import UNITS

SILENT_WORDS = frozenset(
    (
        *("", "-", "--", "ts", "rn", "n/a", "na", "none", "null", "unitless", "dimensionless", "number", "count"),
        *("counts", "#", "nd", "adim", "adimensional", "flag", "bits", "bit", "hex", "dec", "integer", "smp", "arb"),
    )
)
"""Words that say nothing about a unit."""

WORDS = {
    **dict.fromkeys(("m/sec", "mps", "meter/s", "meters/s", "metres/s", "meters/second", "metres/second"), "m s-1"),
    **dict.fromkeys(("meters per second", "metres per second", "ms-1", "m.s-1", "m*s-1"), "m s-1"),
    **dict.fromkeys(("cm/sec", "cms-1"), "cm s-1"),
    **dict.fromkeys(("kph", "kmh", "km/hr", "km/hour"), "km h-1"),
    **dict.fromkeys(("kt", "kts", "kn", "knot", "knots"), "kt"),
    **dict.fromkeys(("mph", "mi/h", "miles/hour", "miles per hour"), "mph"),
    **dict.fromkeys(("ft/sec", "fps", "feet/s"), "ft s-1"),
    **dict.fromkeys(("c", "degc", "deg_c", "deg.c", "deg. c", "celsius", "degrees c", "degrees celsius"), "deg C"),
    **dict.fromkeys(("deg celsius", "degree c", "degreec", "degreesc", "cel", "oc", "centigrade", "\u2103"), "deg C"),
    **dict.fromkeys(
        ("f", "degf", "deg_f", "deg.f", "deg. f", "fahrenheit", "degrees f", "degrees fahrenheit"), "deg F"
    ),
    **dict.fromkeys(("deg fahrenheit", "degree f", "of", "\u2109"), "deg F"),
    **dict.fromkeys(("kelvin", "kelvins", "degk", "deg k", "deg_k"), "K"),
    **dict.fromkeys(("mb", "mbar", "millibar", "millibars", "hectopascal"), "hPa"),
    **dict.fromkeys(("kilopascal", "kilopascals"), "kPa"),
    **dict.fromkeys(("pascal", "pascals"), "Pa"),
    **dict.fromkeys(("bar", "bars"), "bar"),
    **dict.fromkeys(("inhg", "in hg", "in.hg", "in. hg", "in_hg", "inches hg", "inch hg", '"hg'), "inHg"),
    **dict.fromkeys(("mmhg", "mm hg", "mm_hg", "torr"), "mmHg"),
    **dict.fromkeys(("psi", "psia", "lbf/in^2", "lb/in^2"), "psi"),
    **dict.fromkeys(("atm", "atmosphere"), "atm"),
    **dict.fromkeys(("ppm", "ppmv", "umol/mol", "ppmvol"), "umol mol-1"),
    **dict.fromkeys(("ppb", "ppbv"), "nmol mol-1"),
    **dict.fromkeys(("mmole/m^3",), "mmol m-3"),
    **dict.fromkeys(("percent", "pct", "% rh", "%rh", "rh%", "vol%", "vol %", "percentage"), "%"),
    **dict.fromkeys(("ratio", "frac", "m^3/m^3", "m3/m3", "m3 m-3", "m^3 m^-3", "v/v", "0-1"), "fraction"),
    **dict.fromkeys(("degrees", "degree", "deg.", "deg true", "deg n", "degn"), "deg"),
    **dict.fromkeys(("radian", "radians"), "rad"),
    **dict.fromkeys(("millimeter", "millimeters", "millimetre", "millimetres"), "mm"),
    **dict.fromkeys(("in", "inch", "inches"), "inch"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("w/m2", "watt/m^2", "watts/m^2", "watts/meter^2", "w/meter^2", "w/sqm"), "W m-2"),
    **dict.fromkeys(("umol/s/m^2", "umol/m^2/s", "umols/s/m^2", "ue/m^2/s", "ue m-2 s-1"), "umol m-2 s-1"),
}
"""Words in lower case -> our unit."""

FOREIGN_WORDS = {
    **dict.fromkeys(("mgc", "gc", "kgc"), "a mass of carbon"),
    **dict.fromkeys(("ppt", "pptv"), "parts per thousand or per trillion"),
    **dict.fromkeys(("v", "mv", "volt", "volts", "millivolt", "millivolts"), "volts"),
    **dict.fromkeys(("ma", "amp", "ohm", "ohms", "kohm", "kohms", "hz"), "what a sensor puts out"),
    **dict.fromkeys(("g/kg", "g kg-1", "kg/kg", "kg kg-1", "mg/kg", "g/g"), "a ratio of masses"),
    **dict.fromkeys(("tips", "tip", "pulses", "pulse"), "pulses"),
}
"""Words whose first part says what we cannot convert -> what that is."""

_MARKS = str.maketrans({"\u00b5": "u", "\u03bc": "u", "\u00b7": " ", "\u22c5": " ", "\u2212": "-", "\u207b": "-"})
_POWERS = str.maketrans("\u00b9\u00b2\u00b3\u2074", "1234")


def unit_of(words: str) -> str | None:
    """Return our unit for a logger's words (``m/s``, ``mg/m^3``, ``umol+1m-2s-1``), None where they are not known."""
    text = words.strip().strip("[]()").strip()
    if text in UNITS:
        return text
    plain = " ".join(text.translate(_MARKS).translate(_POWERS).replace("\u00b0", "deg ").split())
    for word in (plain, plain.lower(), plain.lower().replace("^", "")):
        if word in WORDS or word.replace(" ", "") in WORDS:
            return WORDS.get(word) or WORDS[word.replace(" ", "")]
        if word in UNITS:
            return word
    parts = _with_powers(plain).split()
    return _BY_PARTS.get(frozenset(parts)) or _BY_PARTS.get(frozenset(part.lower() for part in parts))


def fault_of_words(words: str, channel: Channel) -> tuple[str, bool]:
    """Return what does not fit about a unit that a sender states, and whether it is refused for that.

    Parameters
    ----------
    words : str
        As the sender writes it.
    channel : Channel
        Declares its unit; one of flags has none, and of one with a ``gain`` the sender's unit is another anyway.

    Returns
    -------
    fault : str
        Empty if nothing is wrong, or nothing is stated.
    refused : bool
        A known unit that is another one is; a word that is not known is told only.
    """
    stated = words.strip().strip("[]()").strip()
    if channel.unit == "1" or channel.is_scaled or stated.lower() in SILENT_WORDS:
        return "", False
    unit = unit_of(stated)
    if unit == channel.unit:
        return "", False
    if unit is not None:
        return f"is in {words.strip()!a} ({unit}), the station file declares {channel.unit}", True
    foreign = FOREIGN_WORDS.get(stated.lower()) or FOREIGN_WORDS.get(re.split(r"[\s/]", stated.lower(), maxsplit=1)[0])
    if foreign:
        said = f"is in {words.strip()!a}, which is {foreign}, the station file declares {channel.unit}"
        return f"{said}: say how it is converted by `gain` and `gain_offset` of the channel", True
    return f"is in {words.strip()!a}, a unit that is not known; it is taken as {channel.unit}, as declared", False


def _with_powers(text: str) -> str:
    """Return ``mg/m^3``, ``mg m-3``, ``mg+1m-3``, ``mg m^-3``, ``umol/(m2 s)`` as ``mg m-3`` and so on."""
    text = text.replace("**", "^").replace("^", "").replace("*", " ").replace(".", " ")
    parts: list[str] = []
    for i, piece in enumerate(re.sub(r"[()]", " ", text).split("/")):
        for name, sign, power in re.findall(r"([A-Za-z%]+)\s?([+-]?)(\d?)", piece):
            below = (i > 0) != (sign == "-")
            exponent = power or "1"
            parts.append(f"{name}-{exponent}" if below else name if exponent == "1" else f"{name}{exponent}")
        if re.sub(r"[A-Za-z%]+\s?[+-]?\d?", "", piece).strip():
            return ""
    return " ".join(parts)


_BY_PARTS = {frozenset(unit.lower().split()): unit for unit in UNITS} | {
    frozenset(unit.split()): unit for unit in UNITS
}
"""Units by their parts, whose order means nothing."""
