"""Objects as JSON, in bytes; what a downloaded file is called."""

from __future__ import annotations

from datetime import datetime

import orjson

from core.clock import local_standard


def json_bytes(content: object) -> bytes:
    """Return JSON; NaN becomes null, a time UTC with ``Z``."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z)


def file_name(
    station: str, what: str, start: datetime, end: datetime, utc_offset: float, extension: str = "csv"
) -> str:
    """Return e.g. ``us-orchard_fluxes_201206071300-201206071330.csv``, stamps in local standard time."""
    first, last = (local_standard(time, utc_offset).strftime("%Y%m%d%H%M") for time in (start, end))
    return f"{station}_{what}_{first}-{last}.{extension}"
