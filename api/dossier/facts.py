"""A station's dossier as JSON, and its summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime

from api.air_words import remedy_of
from api.exports.encode import json_bytes
from core.station.mole_fraction import GAS_UNITS
from core.store.mole_fractions import StationEvent
from qc.dossier import Dossier, local_month
from qc.mole_fraction.comparisons import Comparison


def dossier_json(dossier: Dossier, language: str) -> bytes:
    """Return all of a dossier as JSON: numbers in the gas's unit, null where there is none; words in a language."""
    who = dossier.station
    return json_bytes(
        {
            "station": {"id": who.id, "name": who.name, "name_zh": who.name_zh, "utc_offset": who.utc_offset},
            "system": dossier.system,
            "language": language,
            "from": dossier.start,
            "to": dossier.end,
            "made": dossier.made,
            "gases": [
                {
                    "gas": gas.name,
                    "unit": GAS_UNITS[gas.name],
                    "scale": gas.published_scale,
                    "goals": _fields(dossier.goals[gas.name]),
                    **{name: _number(value) for name, value in summary_of(dossier, gas.name).items()},
                }
                for gas in dossier.gases
            ],
            "months": [
                _fields(one) | {"month": month_of(dossier, one.start), "coverage": _number(one.coverage)}
                for one in dossier.hours
            ],
            "targets": [_fields(one) | {"month": month_of(dossier, one.start)} for one in dossier.targets],
            "tanks": [
                one.port.model_dump(mode="json", exclude_none=True)
                | {"file": None if one.tank is None else one.tank.model_dump(mode="json")}
                for one in dossier.tanks
            ],
            "line_tests": [_event(one, language) for one in dossier.line_tests],
            "alarms": [_event(one, language) for one in dossier.alarms],
            "recomputed": [_event(one, language) for one in dossier.recomputed],
            "people": [_event(one, language) for one in dossier.people],
            "comparisons": [_event(event, language) | _compared(one) for event, one in dossier.comparisons],
            "reviews": [_fields(one) | {"month": month_of(dossier, one.start)} for one in dossier.reviews],
            "origin": _fields(dossier.origin),
        }
    )


def summary_of(dossier: Dossier, gas: str) -> dict[str, float]:
    """Return coverage, CMR, LTR and bias of the whole period: the worst month of each but the coverage."""
    hours = [one for one in dossier.hours if one.gas == gas]
    targets = [one for one in dossier.targets if one.gas == gas]
    due = sum(one.due for one in hours)
    return {
        "coverage": sum(one.good for one in hours) / due if due else math.nan,
        "cmr_minute": _worst(one.cmr_minute for one in targets),
        "cmr_hour": _worst(one.cmr_hour for one in targets),
        "ltr": _worst(one.ltr for one in targets),
        "bias": _worst(one.bias for one in targets),
    }


def month_of(dossier: Dossier, time: datetime) -> str:
    """Return the month of local standard time of a time."""
    return local_month(time, dossier.station.utc_offset)


def _event(one: StationEvent, language: str) -> dict[str, object]:
    return {
        "kind": one.kind,
        "severity": one.severity,
        "message": one.message,
        "time": one.time,
        "end": one.ends,
        "data": dict(one.data),
        "remedy": remedy_of(one.kind, one.severity, language),
    }


def _compared(one: Comparison | None) -> dict[str, object]:
    if one is None:
        return {"value": None, "difference": None, "u": None, "within_goal": None}
    return {"value": one.value, "difference": one.difference, "u": one.u, "within_goal": one.within_goal}


def _fields(one: object) -> dict[str, object]:
    names: Sequence[str] = tuple(type(one).__dataclass_fields__)  # type: ignore[attr-defined]
    values = {name: getattr(one, name) for name in names}
    return {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}


def _worst(values: Iterable[float]) -> float:
    return max((one for one in values if math.isfinite(one)), key=abs, default=math.nan)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
