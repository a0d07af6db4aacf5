"""Which stamps of live records are believed: none far ahead of our clock, none from before a tower can have sent it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from core.clock import NS, from_ns
from core.errors import PayloadError
from core.settings import Settings

DAY_NS = 86_400 * NS


@dataclass(frozen=True, slots=True)
class StampLimits:
    """How far a record may lie from the time at which it came.

    Attributes
    ----------
    ahead_ns : int
        How far its end may be ahead. [ns]
    age_ns : int
        How long ago its end may be, 0 for any time. [ns]
    """

    ahead_ns: int = 300 * NS
    age_ns: int = 0

    @classmethod
    def of(cls, settings: Settings) -> StampLimits:
        """Return the limits of an installation."""
        return cls(round(settings.max_ahead_seconds * NS), round(settings.max_age_days * DAY_NS))

    def out_of_range(self, end_ns: NDArray[np.int64], now_ns: int) -> NDArray[np.bool_]:
        """Return which of many records are refused by the ends of their data. [ns since 1970 UTC]"""
        refused: NDArray[np.bool_] = end_ns > now_ns + self.ahead_ns
        return refused | (end_ns < now_ns - self.age_ns) if self.age_ns else refused

    def check(self, end_ns: int, now_ns: int, station: str) -> None:
        """Refuse a record by the end of its data.

        Parameters
        ----------
        end_ns, now_ns : int
            End of the data, and when it came. [ns since 1970 UTC]
        station : str
            Whose record it is.

        Raises
        ------
        PayloadError
            It is too far ahead, or too old; says the remedy.
        """
        off_ns = end_ns - now_ns
        if off_ns > self.ahead_ns:
            raise PayloadError(
                f"t: the record ends at {_shown(end_ns)}, {_rounded(off_ns)} ahead of this machine's clock when it "
                "came: set the logger's clock, and check that `t` is UTC (FLUXTOWER_MAX_AHEAD_SECONDS allows "
                f"{self.ahead_ns / NS:g})",
                station=station,
            )
        if self.age_ns and -off_ns > self.age_ns:
            raise PayloadError(
                f"t: the record ends at {_shown(end_ns)}, {-off_ns // DAY_NS} days before it came: set the logger's "
                "clock (an empty battery?); if the data are that old, raise FLUXTOWER_MAX_AGE_DAYS "
                f"({self.age_ns / DAY_NS:g}) and replay the message, or take files in with `fluxtower ingest`",
                station=station,
            )


def _shown(ns: int) -> str:
    return f"{from_ns(ns):%Y-%m-%dT%H:%M:%SZ}"


def _rounded(ns: int) -> timedelta:
    return timedelta(seconds=ns // NS)
