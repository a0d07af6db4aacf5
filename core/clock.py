"""Time: everything inside is UTC and stamped at the START of its interval.

Integer nanoseconds since 1970 for samples, aware ``datetime`` elsewhere; exports give local standard time.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

NS = 1_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_ns(time: datetime) -> int:
    """Return an aware time as integer nanoseconds since 1970 UTC (exact to the microsecond)."""
    since = time - EPOCH
    return (since.days * 86_400 + since.seconds) * NS + since.microseconds * 1_000


def from_ns(ns: int) -> datetime:
    """Return nanoseconds since 1970 as an aware UTC time; what is below a microsecond is cut off."""
    return EPOCH + timedelta(microseconds=ns // 1_000)


def floor_to_grid(time: datetime, minutes: int) -> datetime:
    """Return the start of the averaging interval that holds ``time``; the grid starts at midnight UTC."""
    step = timedelta(minutes=minutes)
    return EPOCH + (time - EPOCH) // step * step


def intervals(start: datetime, end: datetime, minutes: int) -> list[datetime]:
    """Return the starts of all grid intervals that touch [start, end)."""
    step = timedelta(minutes=minutes)
    first = floor_to_grid(start, minutes)
    count = max(0, -((first - end) // step))
    return [first + i * step for i in range(count)]


def local_standard(time: datetime, utc_offset_hours: float) -> datetime:
    """Return a UTC time in the station's local standard time (never daylight saving)."""
    return time.astimezone(timezone(timedelta(hours=utc_offset_hours)))


def fluxnet_stamp(time: datetime, utc_offset_hours: float) -> str:
    """Return FLUXNET's ``YYYYMMDDHHMM`` in local standard time."""
    return local_standard(time, utc_offset_hours).strftime("%Y%m%d%H%M")
