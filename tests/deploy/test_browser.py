"""The browser that set-up provides opens a page and has the fonts for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright

from core.settings import read_settings
from deploy.native.browser import BROWSER_FLAGS, browser_command, install

pytestmark = pytest.mark.browser

DRAW = """character => {
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d");
    context.font = "40px sans-serif";
    context.fillText(character, 10, 50);
    return canvas.toDataURL();
}"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write("<title>通量塔</title>".encode())

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def page() -> Iterator[Page]:
    settings = read_settings()
    install(settings, lambda line: None)
    program, environment = browser_command(settings)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=program, env=environment, args=list(BROWSER_FLAGS))
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        browser.close()
        server.shutdown()


def test_opens_a_page(page: Page) -> None:
    assert page.title() == "通量塔"


@pytest.mark.parametrize("text", ["通量塔", "µ⁻²Δ"])
def test_each_character_has_a_shape_of_its_own(page: Page, text: str) -> None:
    missing = page.evaluate(DRAW, "\U0010fffd")
    shapes = {page.evaluate(DRAW, character) for character in text}
    assert len(shapes) == len(text), "characters without a glyph all look the same"
    assert missing not in shapes
