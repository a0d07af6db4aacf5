"""A station's dossier as PDF, through typst."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import orjson
import typst

from api.air_words import ALARM, ROLES, choose_words, kind_words, message_words, remedy_of
from api.dossier.facts import month_of, summary_of
from api.dossier.words import words_in
from core.fonts import find_font
from core.settings import Settings
from core.station.mole_fraction import GAS_UNITS
from core.store.mole_fractions import StationEvent
from core.tanks import Tank
from qc.dossier import Dossier, HoursOfMonth, PerformanceGoals, TankAtPort, TargetOfMonth
from qc.mole_fraction.comparisons import Comparison
from qc.stored_air import other_value_of

TEMPLATE = Path(__file__).with_suffix(".typ")
MAX_ALARMS = 40
DASH = "–"
UNIT_SIGNS = {"umol mol-1": "µmol/mol", "nmol mol-1": "nmol/mol"}
State = Literal["met", "missed", "unknown"]
Cell = str | dict[str, str]


def dossier_pdf(dossier: Dossier, language: str, settings: Settings) -> bytes:
    """Return a dossier as PDF; the same dossier gives the same bytes.

    Raises
    ------
    SetupError
        There is no font with Chinese characters.
    """
    return typst.compile(
        TEMPLATE,
        font_paths=[find_font(settings)],
        ignore_system_fonts=True,
        sys_inputs={"data": orjson.dumps(document_of(dossier, language)).decode()},
        format="pdf",
        timestamp=int(dossier.made.timestamp()),
    )


def document_of(dossier: Dossier, language: str) -> dict[str, Any]:
    """Return what the PDF shows: words and numbers as texts, by part."""
    words = words_in(language)
    who = dossier.station
    name = who.name_zh if language == "zh" and who.name_zh else who.name
    first, last = _local(dossier, dossier.start), _local(dossier, dossier.end)
    period = words["period"].format(first=f"{first:%Y-%m-%d}", last=f"{last:%Y-%m-%d}")
    place = f"{abs(who.latitude):.4f}°{'NS'[who.latitude < 0]} {abs(who.longitude):.4f}°{'EW'[who.longitude < 0]}"
    offset = f"UTC{who.utc_offset:+g}"
    return {
        "lang": language,
        "title": words["title"].format(name=name),
        "name": name,
        "subtitle": f"{who.id} · {place} · {who.altitude:.0f} m · {dossier.system} · {period} ({offset})",
        "footer": f"Fluxtower · {who.id} · {period} · {words['made']} {_time(dossier, dossier.made)} {offset}",
        "words": words,
        "summary": {
            "head": [words[key] for key in ("gas", "coverage", "cmr_minute", "cmr_hour", "ltr", "bias")],
            "rows": [_summary_row(dossier, gas.name, words) for gas in dossier.gases],
        },
        "hours": _hours(dossier, words),
        "targets": _targets(dossier, words),
        "tanks": {
            "head": [words[key] for key in ("tank", "role", "port", "since", "assigned", "history")],
            "rows": [_tank_row(dossier, one, words, language) for one in dossier.tanks],
        },
        "line_tests": {
            "head": [words[key] for key in ("time", "result", "found")],
            "rows": [_line_test_row(dossier, one, words) for one in dossier.line_tests],
        },
        "alarms": _alarms(dossier, words, language),
        "comparisons": {
            "head": [words[key] for key in ("time", "what", "where", "theirs", "ours", "difference")],
            "rows": [_comparison_row(dossier, event, one, words, language) for event, one in dossier.comparisons],
        },
        "work": _work(dossier, words, language),
        "reviews": _reviews(dossier, words),
        "origin": _origin(dossier, words),
    }


def _summary_row(dossier: Dossier, gas: str, words: dict[str, str]) -> list[Cell]:
    found, goals = summary_of(dossier, gas), dossier.goals[gas]
    limits = {"cmr_minute": goals.cmr_minute, "cmr_hour": goals.cmr_hour, "ltr": goals.ltr, "bias": goals.bias}
    cells: list[Cell] = [f"{gas} [{UNIT_SIGNS[GAS_UNITS[gas]]}]", _share(found["coverage"])]
    for name, limit in limits.items():
        goal = "" if limit is None else f" ({words['goal']} {'±' if name == 'bias' else '≤ '}{limit:g})"
        text = (_signed(found[name]) if name == "bias" else _decimals(found[name])) + goal
        cells.append({"text": text, "state": _judge(found[name], limit)})
    return cells


def _hours(dossier: Dossier, words: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "title": words["above_ground"].format(gas=gas.name, intake=intake, height=f"{height:g}"),
            "head": [words[key] for key in ("month", "due", "good", "provisional", "suspect", "coverage")],
            "rows": [_hours_row(dossier, one) for one in dossier.hours if (one.gas, one.intake) == (gas.name, intake)],
        }
        for gas in dossier.gases
        for intake, height in dossier.heights.items()
    ]


def _work(dossier: Dossier, words: dict[str, str], language: str) -> dict[str, Any]:
    done = sorted((*dossier.people, *dossier.recomputed), key=lambda one: one.time)
    return {
        "head": [words[key] for key in ("time", "what", "found")],
        "rows": [[_time(dossier, one.time), kind_words(one.kind, language), one.message] for one in done],
    }


def _reviews(dossier: Dossier, words: dict[str, str]) -> dict[str, Any]:
    return {
        "head": [words[key] for key in ("month", "subject", "state", "why")],
        "rows": [
            [
                month_of(dossier, one.start),
                one.subject.removeprefix("mole_fraction."),
                words[one.state] + (f" ({words['overdue']})" if one.is_overdue else ""),
                one.by or one.why or DASH,
            ]
            for one in dossier.reviews
        ],
    }


def _hours_row(dossier: Dossier, one: HoursOfMonth) -> list[Cell]:
    counts = (one.due, one.good, one.provisional, one.suspect)
    return [month_of(dossier, one.start), *map(str, counts), _share(one.coverage)]


def _targets(dossier: Dossier, words: dict[str, str]) -> list[dict[str, Any]]:
    head = ("month", "runs", "mean_bias", "largest_bias", "within", "ltr", "cmr_minute", "cmr_hour")
    by_tank: dict[tuple[str, str], list[TargetOfMonth]] = {}
    for one in dossier.targets:
        by_tank.setdefault((one.gas, one.tank), []).append(one)
    return [
        {
            "title": words["target_title"].format(
                gas=gas, tank=tank, goal=f"{dossier.goals[gas].bias:g}", unit=UNIT_SIGNS[GAS_UNITS[gas]]
            ),
            "head": [words[key] for key in head],
            "rows": [_target_row(dossier, one, dossier.goals[gas]) for one in months],
        }
        for (gas, tank), months in by_tank.items()
    ]


def _target_row(dossier: Dossier, one: TargetOfMonth, goals: PerformanceGoals) -> list[Cell]:
    return [
        month_of(dossier, one.start),
        str(one.runs),
        {"text": _signed(one.bias), "state": _judge(one.bias, goals.bias)},
        _signed(one.largest),
        _share(one.within),
        {"text": _decimals(one.ltr), "state": _judge(one.ltr, goals.ltr)},
        {"text": _decimals(one.cmr_minute), "state": _judge(one.cmr_minute, goals.cmr_minute)},
        {"text": _decimals(one.cmr_hour), "state": _judge(one.cmr_hour, goals.cmr_hour)},
    ]


def _tank_row(dossier: Dossier, one: TankAtPort, words: dict[str, str], language: str) -> list[Cell]:
    port = one.port
    begin = words["always"] if port.start is None else f"{_local(dossier, port.start):%Y-%m-%d}"
    end = "" if port.end is None else f" – {_local(dossier, port.end):%Y-%m-%d}"
    role = choose_words(ROLES[port.role], language) if port.role else DASH
    assigned, history = (words["unknown_tank"], DASH) if one.tank is None else _told(dossier, one.tank)
    return [str(port.tank), role, str(port.number), begin + end, assigned, history]


def _told(dossier: Dossier, tank: Tank) -> tuple[str, str]:
    gases = [gas.name for gas in dossier.gases]
    assigned = [
        f"{one.gas} {one.c0:.2f} ± {one.u_c0:.2f}"
        + (f" {one.c1:+.3f} a⁻¹" if one.c1 else "")
        + f" ({one.scale}, {_local(dossier, one.assign_date):%Y-%m-%d})"
        for one in tank.assignment
        if one.gas in gases
    ]
    history = [
        f"{_local(dossier, one.time):%Y-%m-%d} {one.what}" + (f" ({one.where})" if one.where else "")
        for one in tank.history
    ]
    return "\n".join(assigned) or DASH, "\n".join(history) or DASH


def _line_test_row(dossier: Dossier, one: StationEvent, words: dict[str, str]) -> list[Cell]:
    if one.kind == "line_test":
        about = " ".join(filter(None, (one.data.get("intake"), one.data.get("tank"))))
        return [_time(dossier, one.time), words["done"], f"{about}: {one.message}"]
    passed = one.severity == "info"
    state: State = "met" if passed else "missed"
    return [
        _time(dossier, one.time),
        {"text": words["passed" if passed else "failed"], "state": state},
        one.message.removeprefix("line_test: "),
    ]


def _alarms(dossier: Dossier, words: dict[str, str], language: str) -> dict[str, Any]:
    shown = list(reversed(dossier.alarms))[:MAX_ALARMS]
    counts = Counter(kind_words(one.kind, language) for one in dossier.alarms)
    return {
        "head": [words[key] for key in ("time", "what", "found", "remedy")],
        "rows": [
            [
                _time(dossier, one.time),
                kind_words(one.kind, language),
                message_words(one, language).removeprefix(f"{one.kind.removeprefix(ALARM)}: "),
                remedy_of(one.kind, one.severity, language).replace("`", ""),
            ]
            for one in shown
        ],
        "note": words["alarms_note"].format(
            shown=len(shown),
            all=len(dossier.alarms),
            counts=", ".join(f"{kind} {number}" for kind, number in counts.items()),
        ),
    }


def _comparison_row(
    dossier: Dossier, event: StationEvent, one: Comparison | None, words: dict[str, str], language: str
) -> list[Cell]:
    other = other_value_of(event)
    row: list[Cell] = [
        _time(dossier, event.time),
        f"{kind_words(event.kind, language)} {other.gas}",
        " ".join(filter(None, (other.where, other.laboratory))),
        f"{other.value:.2f} ± {other.u:.2f} ({other.scale})",
    ]
    if one is None:
        return [*row, words["no_value"], DASH]
    state: State = "met" if one.within_goal else "missed"
    return [*row, f"{one.value:.2f}", {"text": f"{_signed(one.difference)} ± {one.u:.3f}", "state": state}]


def _origin(dossier: Dossier, words: dict[str, str]) -> list[tuple[str, str]]:
    origin = dossier.origin
    lines = [
        (words["program"], ", ".join(origin.code_version)),
        (words["station_files"], ", ".join(one[:16] for one in origin.config_sha256)),
        (words["tank_files"], ", ".join(one[:16] for one in origin.tanks_sha256)),
        (words["newest"], "" if origin.newest is None else _time(dossier, origin.newest)),
    ]
    return [(name, text or DASH) for name, text in lines]


def _judge(value: float, limit: float | None) -> State:
    if limit is None or not math.isfinite(value):
        return "unknown"
    return "met" if abs(value) <= limit else "missed"


def _local(dossier: Dossier, time: datetime) -> datetime:
    return time + timedelta(hours=dossier.station.utc_offset)


def _time(dossier: Dossier, time: datetime) -> str:
    return f"{_local(dossier, time):%Y-%m-%d %H:%M}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %" if math.isfinite(value) else DASH


def _decimals(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else DASH


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−") if math.isfinite(value) else DASH
