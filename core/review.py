"""Words of reviews: at which level one is signed, what it says, of what."""

from __future__ import annotations

from typing import Literal, get_args

Level = Literal["station", "centre"]
"""``station``: its operator; ``centre``: the province or centre."""
LEVELS: tuple[Level, ...] = get_args(Level)
Verdict = Literal["accepted", "returned"]
"""``accepted``: what is not flagged is good; ``returned``: to be looked at again."""
FLUXES = "fluxes"
"""The subject of the half-hours; those of readings are ``stream.channel``."""
