"""Station files before they are registered: read, and checked against formats, methods and topics."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from core.errors import ConfigError
from core.station import Station, parse_station, read_station_text, with_line
from fluxcalc.halfhour.steps import check_methods, outside_methods
from ingest.formats import check_formats, outside_formats, sample_stamps
from ingest.sources import check_topics
from qc.mole_fraction.background import check_background

__all__ = ["find_doubts", "outside_parts", "read_checked_station", "sample_stamps"]


def read_checked_station(file: Path, topic_root: str, others: Callable[[], Iterable[Station]]) -> tuple[Station, str]:
    """Return the station of a file, and the file's text.

    Parameters
    ----------
    file : Path
        A station file (TOML).
    topic_root : str
        First levels of our own topics.
    others : callable
        Gives the other stations; called only if this one uses topics that they might use.

    Raises
    ------
    ConfigError
        The file is not valid, asks for a format or method that there is not, or for a topic that is used already.
    """
    text = read_station_text(file)
    station = parse_station(text, str(file))
    try:
        check_formats(station, str(file))
        check_methods(station, str(file))
        check_background(station, str(file))
        if station.topic_filters:
            check_topics(station, str(file), others(), topic_root)
    except ConfigError as error:
        raise with_line(error, text) from None
    return station, text


MAX_USUAL_SEPARATION = 3.0
"""Farthest that an analyser stands from its sonic where both see the same eddies. [m]"""


def find_doubts(station: Station) -> list[str]:
    """Return what of a valid station file is hardly meant, each with the key and the likely cause."""
    doubts = []
    for number, analyzer in enumerate(station.analyzer):
        for key in ("northward_separation", "eastward_separation", "vertical_separation"):
            distance = getattr(analyzer, key)
            if abs(distance) > MAX_USUAL_SEPARATION:
                doubts.append(
                    f"analyzer[{number}].{key}: {distance:g} m from the sonic; if it is in centimetres, write "
                    f"{distance / 100:g}"
                )
    return doubts


def outside_parts(station: Station) -> list[tuple[str, str]]:
    """Return what of a station comes from other packages: key with name, and package with version."""
    return [*outside_formats(station), *outside_methods(station)]
