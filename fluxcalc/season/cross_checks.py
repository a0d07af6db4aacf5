"""Step of a season that holds its variables against each other, and tells what contradicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from core.progress import Progress
from fluxcalc.season.checks.changes import note_unseen, tell_changes
from fluxcalc.season.checks.exchange import note_exchange, tell_exchange, tell_scatter
from fluxcalc.season.checks.jumps import PART_DAYS, note_jumps, tell_leaps
from fluxcalc.season.checks.values import tell_values
from fluxcalc.season.checks.weather import tell_weather
from fluxcalc.season.record import Season, SeasonMethods


def cross_check(season: Season, _methods: SeasonMethods, _progress: Progress) -> Season:
    """Tell what contradicts itself: VPD and humidity, signs, values that stand still, an NEE that has no gap."""
    problems = [*tell_weather(season), *tell_exchange(season), *tell_values(season), *tell_scatter(season)]
    problems += [*_in_parts(season, problems), *tell_leaps(season)]
    problems += tell_changes(season, _told(problems))
    for problem in problems:
        season = season.with_problem(problem)
    return season.noting(*note_exchange(season), *note_jumps(season), *note_unseen(season))


def _in_parts(season: Season, whole: list[str]) -> Iterator[str]:
    """Tell what contradicts itself in a part of a season only, as after another program of the logger."""
    told = _told(whole)
    found: dict[str, tuple[int, int, str]] = {}
    size = PART_DAYS * season.per_day
    for first in range(0, len(season.starts) - size + 1, size):
        part = _part(season, slice(first, first + size))
        # respiration of bare soil goes up with the sun of some days, too
        exchange = list(tell_exchange(part))
        contradictions = (*tell_weather(part, part=True), *(exchange if len(exchange) > 1 else ()))
        for problem in contradictions:
            name = problem.split()[0]
            begin, _, words = found.get(name, (first, 0, problem))
            found[name] = (begin, first + size, words)
    for name, (first, end, words) in found.items():
        if name not in told:
            yield f"{season.starts[first]:%Y-%m-%d} to {season.starts[end - 1]:%Y-%m-%d}: {words}"


def _told(problems: list[str]) -> set[str]:
    """Return the variables that problems are of: they stand first, or after the days."""
    return {word for problem in problems for word in (problem.split()[0], problem.split(": ")[-2].split()[0])}


def _part(season: Season, part: slice) -> Season:
    return replace(
        season,
        starts=season.starts[part],
        variables={name: values[part] for name, values in season.variables.items()},
        flags={name: flags[part] for name, flags in season.flags.items()},
        results={name: values[part] for name, values in season.results.items()},
    )
