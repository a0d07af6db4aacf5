"""The page of calibrated mole fractions in a real browser: its figures, its state in the address, a phone."""

from __future__ import annotations

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
        row, StationEvent("flask", "info", "pair", START + 30 * HOUR, START + 31 * HOUR, data)
    )
    return store


@pytest.fixture
def page(browser: Browser, address: str, measured: Store) -> Iterator[Page]:  # noqa: F811
    with _opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


def test_a_look(page: Page, browser: Browser, address: str, pictures: Path) -> None:  # noqa: F811
    page.goto(f"/station/{ID}/co2?against={OTHER}")
    expect(page.locator("figure canvas.u-none, figure .u-over")).to_have_count(4)
    page.wait_for_timeout(1500)
    page.screenshot(path=pictures / "co2.png", full_page=True)
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "color_scheme": "dark"}
    with _opened(browser, address, **phone) as small:
        small.goto(f"/station/{ID}/co2?lang=zh&against={OTHER}")
        small.wait_for_timeout(3000)
        small.screenshot(path=pictures / "co2-phone-zh-dark.png", full_page=True)
        assert small.evaluate("document.documentElement.scrollWidth") <= 390
