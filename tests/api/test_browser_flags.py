"""Flags of readings on the station page: the mark beside a value, its reasons by pointer, finger and keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.store import NewFinding, Store, Window, replace_findings
from tests.api import tower
from tests.api.test_browser import _opened, browser, pictures
from tests.api.tower import ID, START
from tests.judging import judge_all
from tests.waiting import PATIENCE, SOON

pytestmark = [pytest.mark.integration, pytest.mark.browser]

__all__ = ["browser", "pictures"]  # fixtures
END = START + timedelta(days=3)
REASON = "range: 285 deg C is above 60"
expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture
def judged(registered: Store) -> Store:
    """Three days of readings with a leap to 285 deg C at their end, a value that stands still, and a finding."""
    sent = [tower.reading(START + timedelta(minutes=10 * i), 20.0 + i % 7, 55.0 + i % 3) for i in range(432)]
    sent.append(tower.reading(END, 285.0, 55.0))
    registered.messages.commit([], sent, [])
    layout = next(one for one in registered.stations.read_streams(ID) if one.name == "met")
    window = Window(layout.station_key, "drift", START, END)
    said = NewFinding(layout.key, "RH", START, START + timedelta(days=1), 3, "drift: +3.1 in 24 days", {"drift": 3.1})
    with registered.judgements.working() as work:
        replace_findings(work.connection, window, [said])
    judge_all(registered)
    return registered


def _open(browser: Browser, address: str, **options: object) -> _opened:
    return _opened(browser, address, **options)


@pytest.fixture
def page(browser: Browser, address: str, judged: Store) -> Iterator[Page]:
    with _open(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


def test_a_bad_value_is_marked_and_says_why(page: Page, judged: Store, pictures: Path) -> None:
    page.goto(f"/station/{ID}?period=3d")
    mark = page.locator(".readouts .flag:visible")
    expect(mark).to_have_count(1)
    expect(mark).to_have_text("bad")
    said = page.locator(".readouts .said", has_text="Range: 285 deg C is above 60")
    expect(said).to_be_hidden()
    mark.hover()
    expect(said).to_be_visible()
    expect(page.locator("#findings")).to_contain_text("Drift: +3.1 in 24 days")
    page.screenshot(path=pictures / "flags.png", full_page=True)
    page.mouse.move(0, 0)
    expect(said).to_be_hidden()
    mark.focus()
    expect(said).to_be_visible()  # by the keyboard
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()

    judged.messages.commit([], [tower.reading(END + timedelta(minutes=1), 21.0)], [])
    judge_all(judged)
    expect(page.locator(".readouts .flag", has_text="bad")).to_be_hidden(timeout=1000 * SOON)


def test_the_figure_marks_flagged_readings_and_its_axis_fits_the_others(page: Page) -> None:
    page.goto(f"/station/{ID}?period=3d&met.channel=TA")
    figure = page.locator("#traces figure").last
    expect(figure.locator("canvas")).to_have_count(1)
    canvas = figure.locator("canvas")
    colours = canvas.evaluate(
        """(canvas) => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let found = 0;
            for (let i = 0; i < data.length; i += 4)
                if (data[i] === 0xd5 && data[i + 1] === 0x5e && data[i + 2] === 0) found++;
            return found;
        }"""
    )
    assert colours > 10  # a cross in the colour of bad values
    figure.scroll_into_view_if_needed()
    box = figure.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20)
    expect(figure.locator(".hover")).to_contain_text("Range: 285 deg C is above 60")


@pytest.mark.parametrize(
    ("language", "flag", "words"),
    [("en", "bad", "Range: 285 deg C is above 60"), ("zh", "差", "超出范围: 285 deg C 高于 60")],
)
def test_on_a_phone_a_tap_opens_the_reasons(
    browser: Browser, address: str, judged: Store, pictures: Path, language: str, flag: str, words: str
) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with _open(browser, address, **phone) as page:
        page.goto(f"/station/{ID}?lang={language}&period=3d")
        mark = page.locator(".readouts .flag:visible")
        expect(mark).to_have_text(flag)
        mark.tap()
        said = page.locator(".readouts .said", has_text=words)
        expect(said).to_be_visible()
        box = said.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390  # nothing beyond the edge
        page.locator(".readouts").last.scroll_into_view_if_needed()
        page.screenshot(path=pictures / f"flags-phone-{language}.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.screenshot(path=pictures / f"flags-phone-{language}-whole.png", full_page=True)
