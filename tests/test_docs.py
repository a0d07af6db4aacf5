"""The documentation is whole: every page is in the index, and what pages point to is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FOLDERS = "core|ingest|qc|fluxcalc|api|dashboards|deploy|fluxtower|benchmarks|scripts|tests|docs"
PATH = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")


def _text(page: Path) -> str:
    return CODE_BLOCK.sub("", page.read_text(encoding="utf-8"))


def _links(page: Path) -> list[str]:
    return [link for link in LINK.findall(_text(page)) if "://" not in link and not link.startswith("mailto:")]


def _anchors(page: Path) -> set[str]:
    """Return what a heading is called in an address: lower case, blanks as hyphens, without punctuation."""
    headings = re.findall(r"^#+ (.+)$", _text(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = DOCS / "README.md"
    listed = {(DOCS / link.partition("#")[0]).resolve() for link in _links(index)}
    assert set(DOCS.rglob("*.md")) - {index} <= listed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page: Path) -> None:
    missing = []
    for link in _links(page):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            missing.append(link)
    missing += [path for path in PATH.findall(_text(page)) if not (ROOT / path).exists()]
    assert missing == []


def test_a_link_to_nowhere_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A *good* heading\n[one](other.md) [two](#a-good-heading) [three](https://example.org)\n")
    assert _links(page) == ["other.md", "#a-good-heading"]
    assert _anchors(page) == {"a-good-heading"}
    assert PATH.findall("`api/gone.py` and `fluxtower season`") == ["api/gone.py"]


def test_the_package_that_is_shown_is_the_one_that_is_installed() -> None:
    page = (ROOT / "docs" / "guide" / "extend.md").read_text(encoding="utf-8")
    toy = ROOT / "tests" / "toy_package"
    assert f"```python\n{(toy / 'fluxtower_toy' / 'messages.py').read_text(encoding='utf-8').rstrip()}\n```" in page
    shown = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])
    installed = tomllib.loads((toy / "pyproject.toml").read_text(encoding="utf-8"))
    installed["project"].pop("requires-python")
    assert shown == installed
