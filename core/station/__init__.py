"""The station file (TOML): who the station is, what stands where, which channel is what, which methods are used."""

from core.station.files import FileLayout, Files
from core.station.filters import overlap
from core.station.flux import Flux, LagLimits, Methods, Options, Profile, Screening
from core.station.metadata import Instrument, Metadata, Person
from core.station.mole_fraction import MoleFraction
from core.station.quality import ChannelQuality
from core.station.reading import (
    config_sha256,
    parse_station,
    parse_station_json,
    read_station,
    read_station_text,
    station_json,
    with_line,
)
from core.station.site import HJ212, MAX_CHANNELS, Analyzer, Channel, Identity, Site, Sonic, Spectroscopy, Stream
from core.station.whole import Station

__all__ = [
    "HJ212",
    "MAX_CHANNELS",
    "Analyzer",
    "Channel",
    "ChannelQuality",
    "FileLayout",
    "Files",
    "Flux",
    "Identity",
    "Instrument",
    "LagLimits",
    "Metadata",
    "Methods",
    "MoleFraction",
    "Options",
    "Person",
    "Profile",
    "Screening",
    "Site",
    "Sonic",
    "Spectroscopy",
    "Station",
    "Stream",
    "config_sha256",
    "overlap",
    "parse_station",
    "parse_station_json",
    "read_station",
    "read_station_text",
    "station_json",
    "with_line",
]
