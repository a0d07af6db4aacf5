"""The dossier: its figures from data that can be told by heart, its review, the same bytes twice."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from api.dossier.document import document_of, dossier_pdf
from api.dossier.facts import dossier_json, summary_of
from core import fonts
from core.clock import to_ns
from core.errors import SetupError
from core.records import Reading
from core.settings import ROOT, Settings
from core.store import Draft, Store
from core.store.mole_fractions import StationEvent
from deploy.native import fonts as native_fonts
from fluxtower.cli import app
from ingest.simulation.analyser import SimulatedAnalyser
from qc.dossier import Dossier, last_year, make_dossier
from qc.review import read_states, sign_review
from tests.api import air_station
from tests.api.air_station import DAY, HOUR, ID

pytestmark = pytest.mark.integration

# June and July of local standard time, UTC+8
JUNE, JULY = datetime(2026, 5, 31, 16, tzinfo=UTC), datetime(2026, 6, 30, 16, tzinfo=UTC)
AUGUST = datetime(2026, 7, 31, 16, tzinfo=UTC)
SUBJECT = "mole_fraction.CO2@10m"


@pytest.fixture
def font(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the font, installed under this tree's var if the machine has none."""
    ours = Settings(native=ROOT / "var" / "native")  # type: ignore[call-arg]
    folder = native_fonts.install(ours, print)
    monkeypatch.setattr(fonts, "SYSTEM_FOLDER", folder)
    return folder


@pytest.fixture
def two_months(store: Store) -> Store:
    """From 11 June on CO2 at 10 m: 100 good hours, 20 provisional ones, 40 of July; targets, an alarm, a line test."""
    air_station.register(store, SimulatedAnalyser())
    begin = JUNE + 10 * DAY
    air_station.put_hours(store, ID, air_station.hours_from(begin, 100), [420.0] * 100)
    air_station.put_hours(store, ID, air_station.hours_from(begin + 100 * HOUR, 20), [421.0] * 20, flag=2)
    air_station.put_hours(store, ID, air_station.hours_from(JULY, 40), [422.0] * 40)
    air_station.put_targets(store, ID, [begin + i * HOUR for i in range(4)], [0.02, 0.04, 0.06, 0.16])
    air_station.put_targets(store, ID, [JULY + i * HOUR for i in range(2)], [-0.35, -0.05])
    row = store.stations.read(ID)
    store.mole_fractions.put_event(row, air_station.alarm(JULY + HOUR))
    passed = {"gas": "CO2", "about": "10m", "value": 0.01, "limit": None}
    store.mole_fractions.put_event(
        row, StationEvent("mole fraction line_test", "info", "line_test: fine", JULY + DAY, None, passed)
    )
    return store


def dossier(store: Store, now: datetime = AUGUST) -> Dossier:
    return make_dossier(store, store.stations.read(ID), JUNE, AUGUST, 45.0, now)


def test_hours_are_of_those_due_since_the_first(two_months: Store) -> None:
    june, july = (one for one in dossier(two_months).hours if (one.gas, one.intake) == ("CO2", "10m"))
    assert (june.start, june.end, july.end) == (JUNE, JULY, AUGUST)
    assert (june.due, june.good, june.provisional, june.suspect) == (20 * 24, 100, 20, 0)
    assert (july.due, july.good, july.coverage) == (31 * 24, 40, 40 / 744)
    # what is not over is not due
    assert [one.due for one in dossier(two_months, JULY + 50 * HOUR).hours][:2] == [480, 50]
    assert math.isnan(dossier(two_months, JUNE).hours[0].coverage)


def test_targets_are_judged_by_month(two_months: Store) -> None:
    found = dossier(two_months)
    june, july = found.targets
    assert (june.runs, june.bias, june.largest, june.within) == (4, pytest.approx(0.07), pytest.approx(0.16), 0.75)
    # deviations of 0.02, 0.04, 0.06, 0.16 from 0.07: -0.05, -0.03, -0.01, 0.09
    assert june.ltr == pytest.approx(math.sqrt((0.05**2 + 0.03**2 + 0.01**2 + 0.09**2) / 3))
    assert (july.bias, july.largest, july.within) == (pytest.approx(-0.2), pytest.approx(-0.35), 0.5)
    assert math.isnan(july.ltr)  # two runs are too few
    assert math.isnan(june.cmr_minute)  # no run of a day
    summary = summary_of(found, "CO2")
    assert summary["bias"] == pytest.approx(-0.2)  # the worse of the months
    assert summary["ltr"] == june.ltr
    assert summary["coverage"] == pytest.approx(140 / (2 * (480 + 744)))  # of both intakes
    assert [one.message for one in found.alarms] == ["target: SIM-T is off by +0.300 in CO2"]
    assert [one.severity for one in found.line_tests] == ["info"]
    assert [(one.port.number, one.port.tank) for one in found.tanks] == [
        (8, "SIM-R"), (9, "SIM-1"), (10, "SIM-2"), (11, "SIM-3"), (12, "SIM-T")]  # fmt: skip


def test_cmr_is_that_of_a_tank_measured_for_a_day(store: Store) -> None:
    air_station.register(store, SimulatedAnalyser())
    start = JULY + DAY
    # 5 s samples of 24 h at the target's port: minutes are 422 +/- 0.02 in turn, hours alike
    names = ("valve", "co2", "co2_dry", "ch4", "h2o", "pressure", "temperature", "flow")
    readings = []
    for i in range(12 * 1440 + 60):
        minute = i // 12
        co2 = 422.0 + (0.02 if minute % 2 else -0.02)
        values = (12.0, co2, co2, 2005.0, 0.0, 140.0, 45.0, 230.0)
        readings.append(
            Reading(ID, "analyser", to_ns(start + i * timedelta(seconds=5)), dict(zip(names, values, strict=True)))
        )
    for first in range(0, len(readings), 5000):
        store.messages.commit([], readings[first : first + 5000])
    # stored as two runs: made while it lasted
    air_station.put_targets(store, ID, [start + 6 * HOUR, start + 18 * HOUR], [0.0, 0.0], n=8640)
    (found,) = dossier(store).targets
    # 1440 values of +/- 0.02: sd = 0.02 sqrt(1440/1439); float32 in the store
    assert found.cmr_minute == pytest.approx(0.02 * math.sqrt(1440 / 1439), abs=2e-5)
    assert found.cmr_hour == pytest.approx(0.0, abs=2e-5)


def test_a_recalibration_sends_a_reviewed_month_back_and_says_why(two_months: Store) -> None:
    row = two_months.stations.read(ID)

    def state() -> tuple[str, str]:
        months = read_states(two_months.reviews, row, JUNE, JULY, 45.0)
        return next((one.state, one.why) for one in months if one.subject == SUBJECT)

    assert state() == ("to review", "")
    sign_review(two_months, Draft(ID, "station", "accepted", (SUBJECT,), JUNE, JULY, "", "li"))
    sign_review(two_months, Draft(ID, "centre", "accepted", (SUBJECT,), JUNE, JULY, "", "wu"))
    assert state() == ("centre", "")
    hours = air_station.hours_from(JUNE + 10 * DAY, 100)
    # the same values again change nothing
    air_station.put_hours(two_months, ID, hours, [420.0] * 100, code_version="newer")
    assert state() == ("centre", "")
    air_station.put_hours(two_months, ID, hours, [420.0] * 99 + [420.5])
    word, why = state()
    assert word == "to review"
    assert why.startswith("mole fractions were computed on ")
    data = {
        "made": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
        "why": "a tank file has changed",
        "replaced": [{"gas": "CO2", "intake": "10m", "hours": 1, "largest": 0.5, "mean": 0.5}],
    }
    event = StationEvent("mole fraction recomputed", "info", "x", hours[0], hours[-1] + HOUR, data)
    two_months.mole_fractions.put_event(row, event)
    assert state()[1].startswith("1 hours were computed again (a tank file has changed) on ")
    # other subjects, and readings, are not concerned
    others = read_states(two_months.reviews, row, JUNE, JULY, 45.0)
    assert [one.why for one in others if one.subject != SUBJECT and one.why] == []
    shown = dossier(two_months).reviews
    assert [(one.subject, one.state) for one in shown if one.start == JUNE] == [(SUBJECT, "to review")]


@pytest.mark.usefixtures("font")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_document_says_it_in_both_languages(two_months: Store, settings: Settings, language: str) -> None:
    found = dossier(two_months)
    shown = document_of(found, language)
    assert shown["name"] == {"en": "Simulated CO2 station", "zh": "模拟温室气体站"}[language]
    (co2, ch4) = shown["summary"]["rows"]
    assert co2[1] == "5.7 %"  # 140 of 2448 hours
    assert co2[5] == {"text": {"en": "−0.200 (goal ±0.1)", "zh": "−0.200 (目标 ±0.1)"}[language], "state": "missed"}
    assert ch4[5]["state"] == "unknown"
    pdf = dossier_pdf(found, language, settings)
    assert pdf.startswith(b"%PDF-")
    assert dossier_pdf(found, language, settings) == pdf
    assert dossier_pdf(replace(found, made=found.made + DAY), language, settings) != pdf
    told = orjson.loads(dossier_json(found, language))
    assert told["gases"][0]["bias"] == pytest.approx(-0.2)
    assert told["gases"][1]["bias"] is None
    assert [one["month"] for one in told["months"][:2]] == ["2026-06", "2026-07"]
    assert shown["alarms"]["rows"][0][2] == {
        "en": "SIM-T is off by +0.300 in CO2", "zh": "SIM-T：CO2 偏差 +0.300"}[language]  # fmt: skip
    assert told["alarms"][0]["remedy"].startswith({"en": "measure the target again", "zh": "重新测量目标气"}[language])


def test_without_the_font_the_remedy_is_told(
    two_months: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(fonts, "SYSTEM_FOLDER", tmp_path)
    with pytest.raises(SetupError, match="apt-get install fonts-wqy-microhei"):
        dossier_pdf(dossier(two_months), "en", settings.model_copy(update={"native": tmp_path}))


def test_the_default_is_a_year_of_whole_months() -> None:
    now = datetime(2026, 11, 30, 18, tzinfo=UTC)  # 1 December, 02:00, local standard time
    start, end = last_year(now, 8.0)
    assert (start, end) == (datetime(2025, 12, 31, 16, tzinfo=UTC), now)
    assert last_year(datetime(2026, 3, 31, 12, tzinfo=UTC), 8.0)[0] == datetime(2025, 3, 31, 16, tzinfo=UTC)


@pytest.mark.usefixtures("two_months", "font")
def test_commands_write_dossiers_and_enter_comparisons(environment: dict[str, str], tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner(env=environment).invoke(app, [*arguments])
        return result.exit_code, result.output + str(result.exception or "")

    period = ("--from", "2026-05-31T16:00:00", "--to", "2026-07-31T16:00:00")
    for name, begin in (("a.pdf", b"%PDF-"), ("a.json", b'{"station":{"id":"cn-simulated-co2"')):
        code, said = run("dossier", ID, *period, "--language", "zh", "--output", str(tmp_path / name))
        assert (code, said) == (0, f"{tmp_path / name}: 2 months, 1 alarms, 5 tanks\n")
        assert (tmp_path / name).read_bytes().startswith(begin)
    assert "a file that ends in .pdf or .json" in run("dossier", ID, *period, "--output", str(tmp_path / "a.doc"))[1]

    def compare(kind: str, where: str, *more: str) -> str:
        hours = ("--from", "2026-06-30T16:00:00", "--to", "2026-07-01T16:00:00")
        value = ("--value", "421.0", "--u", "0.04", "--laboratory", "CMA")
        return run("mole-fractions", "compare", ID, kind, *hours, *value, "--where", where, *more)[1]

    # runs of July are off by -0.35 and -0.05 of 422: 421.8
    assert "ours minus theirs +0.800" in compare("round_robin", "SIM-T")
    assert "beyond the goal" in compare("round_robin", "SIM-T")
    assert "no good value for that time" in compare("flask", "10m")  # there are hours, but no minutes
    assert "an intake: one of 10m, 40m" in compare("flask", "SIM-T")
    assert "no conversion" in compare("round_robin", "SIM-T", "--scale", "X85")
    assert "one of CO2, CH4" in compare("flask", "10m", "--gas", "N2O")
