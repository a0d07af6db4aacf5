"""The page of calibrated mole fractions in a real browser: its figures, its state in the address, a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.store import Store
from core.store.mole_fractions import StationEvent
from tests.api import air_station
from tests.api.air_station import HOUR, ID, OTHER, START
from tests.api.test_browser import _opened, browser, pictures  # noqa: F401

pytestmark = [pytest.mark.integration, pytest.mark.browser]


@pytest.fixture
def measured(store: Store) -> Store:
    """Two days of a station through the chain, two years of hours before them, and another station."""
    air_station.put_days(store)
    times, values = air_station.years_of_background(760)
    air_station.put_hours(store, ID, times, values)
    air_station.register(store, air_station.SimulatedAnalyser(), OTHER)
    hours = air_station.hours_from(START, 48)
    air_station.put_hours(store, OTHER, hours, [421.0 + 0.05 * i for i in range(48)])
    data = {"gas": "CO2", "scale": "WMO-CO2-X2019", "value": 424.0, "u": 0.05, "where": "10m", "laboratory": "CMA"}
    row = store.stations.read(ID)
    store.mole_fractions.put_event(
        row, StationEvent("flask", "info", "pair", START + 10 * HOUR, START + 11 * HOUR, data)
    )
    return store


@pytest.fixture
def page(browser: Browser, address: str, measured: Store) -> Iterator[Page]:  # noqa: F811
    with _opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


FIGURES = 4
"""Hours, difference to another station, curve, one target."""


def test_the_page_tells_value_flag_bias_tanks_and_what_to_do(page: Page, pictures: Path) -> None:  # noqa: F811
    page.goto(f"/station/{ID}/co2?against={OTHER}")
    expect(page.locator("figure .u-over")).to_have_count(FIGURES)
    newest = page.locator("#newest > div").first
    expect(newest).to_contain_text("µmol mol⁻¹")
    expect(newest).to_contain_text("WMO-CO2-X2019")
    expect(newest).to_contain_text("provisional")  # no reference was measured since
    expect(newest).to_contain_text("d ago")
    expect(page.locator("#newest-reason")).to_contain_text("not between two runs of the same reference tank")
    expect(page.locator("#curve")).to_contain_text("2025: 2.50")
    expect(page.locator("#tank-table tbody tr")).to_have_count(5)
    expect(page.locator("#tank-table tbody tr").last).to_contain_text("422.00 ± 0.02")
    expect(page.locator("#tank-table tbody tr").last).to_contain_text("2025-11-03 filled (Fuzhou)")
    alarm = page.locator("#event-table tbody tr").first
    expect(alarm).to_contain_text("more than twice the goal of 0.1")
    expect(alarm).to_contain_text("measure the target again")
    expect(page.locator("#comparison-table tbody tr").first).to_contain_text("CMA")
    expect(page.locator("#comparison-table tbody tr").first).to_contain_text("beyond the goal")
    page.screenshot(path=pictures / "co2.png", full_page=True)


def test_the_pointer_tells_flag_and_background_in_words(page: Page) -> None:
    page.goto(f"/station/{ID}/co2")
    figure = page.locator("figure").first
    told = set()
    box = figure.locator(".u-over").bounding_box()
    assert box
    for step in range(2, 99):
        page.mouse.move(box["x"] + box["width"] * step / 100, box["y"] + 40)
        told.add(figure.locator(".hover").inner_text())
    text = "\n".join(told)
    assert re.search(r"2026-0\d-\d\d \d\d:00\s+CO2 4\d\d\.\d\d ± 0\.\d{3} µmol mol⁻¹\s+good; background", text)
    assert "good; not background: " in text
    assert "missing" in text


def test_state_is_in_the_address_and_in_the_downloads(page: Page) -> None:
    page.goto(f"/station/{ID}/co2")
    page.get_by_label("Gas").select_option("CH4")
    page.get_by_label("Intake").select_option("40m")
    page.get_by_label("Background by").select_option("rebs")
    expect(page).to_have_url(re.compile(r"gas=CH4&intake=40m&method=rebs"))
    expect(page.locator("#newest > div").first).to_contain_text("CH4 40m")
    expect(page.get_by_role("heading", name="Hours of CH4 at 40m")).to_be_visible()
    expect(page.locator("#curve")).to_contain_text("No curve yet: there is background air on")
    expect(page.locator("#downloads a", has_text="ICOS CSV")).to_have_attribute(
        "href", re.compile(r"gas=CH4&intake=40m&from=.*&format=icos")
    )
    with page.expect_download() as saved:
        page.locator("#downloads a", has_text="ObsPack").click()
    assert saved.value.suggested_filename == f"ch4_{ID}_surface-insitu_fluxtower_allvalid-40magl.nc"
    page.get_by_text("中文", exact=True).click()
    expect(page.get_by_role("heading", name="40m 处 CH4 的小时值")).to_be_visible()
    expect(page).to_have_url(re.compile(r"gas=CH4&intake=40m&method=rebs&lang=zh"))


def test_chinese_on_a_phone_in_the_dark(page: Page, browser: Browser, address: str, pictures: Path) -> None:  # noqa: F811
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "color_scheme": "dark"}
    with _opened(browser, address, **phone) as small:
        small.goto(f"/station/{ID}/co2?lang=zh&against={OTHER}")
        expect(small.locator("figure .u-over")).to_have_count(FIGURES)
        expect(small.locator("#newest-reason")).to_contain_text("参考气：不在同一参考气瓶的两次测量之间")
        expect(small.locator("#event-table tbody tr").first).to_contain_text("重新测量目标气")
        assert small.evaluate("document.documentElement.scrollWidth") <= 390
        small.screenshot(path=pictures / "co2-phone-zh-dark.png", full_page=True)


def test_an_empty_page_says_why_and_what_to_do(page: Page) -> None:
    page.goto(f"/station/{OTHER}/co2?gas=CH4")
    expect(page.get_by_text("No calibrated value yet.")).to_contain_text(f"fluxtower mole-fractions make {OTHER}")
    expect(page.get_by_text("No run of a target in these 90 days.")).to_be_visible()
    expect(page.get_by_text("No alarm, test or visit")).to_contain_text(f"fluxtower mole-fractions event {OTHER}")
    expect(page.get_by_text("No flask and no round-robin tank")).to_be_visible()
    expect(page.get_by_text("Choose a station whose air is the background.")).to_be_visible()
