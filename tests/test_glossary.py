"""Every name of the public interface is in the glossary, or on the page that the glossary names for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import typer.main
from pydantic import BaseModel

from api.app import create_app
from core.settings import Settings
from core.station import Station
from core.variables import FLUX_COLUMNS, VARIABLES
from fluxtower.cli import app
from ingest.mqtt import topics

ROOT = Path(__file__).resolve().parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
STATION_PAGES = [ROOT / "docs" / "guide" / name for name in ("station.md", "co2_station.md")]


def words_in_code(page: Path) -> set[str]:
    """Words that stand in code marks on a page."""
    return {
        word
        # a fence is code as well
        for code in re.findall(r"`([^`]+)`", page.read_text(encoding="utf-8").replace("```", "`"))
        for word in re.findall(r"[\w-]+", code)
    }


def commands(command: Any) -> Iterator[str]:
    for name, inner in getattr(command, "commands", {}).items():
        yield name
        yield from commands(inner)


def options(command: Any) -> Iterator[str]:
    for inner in getattr(command, "commands", {}).values():
        yield from options(inner)
    yield from (name for one in command.params for name in one.opts if name.startswith("--"))


def model_keys(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        yield from (key for part in models_in(field.annotation) for key in model_keys(part))


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    return create_app(Settings()).openapi()


def test_commands_and_options() -> None:
    root = typer.main.get_command(app)
    known = words_in_code(GLOSSARY)
    assert {*commands(root)} > {"process", "season"}
    assert {*commands(root)} - known == set()
    assert {*options(root)} - known - {"--help"} == set()


def test_routes_questions_and_answers(openapi: dict[str, Any]) -> None:
    routes = {part for path in openapi["paths"] for part in re.findall(r"(?<!\{)\b\w+\b(?!\})", path)}
    asked = {
        one["name"]
        for path in openapi["paths"].values()
        for route in path.values()
        for one in route.get("parameters", [])
    }
    answered = {name for schema in openapi["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert "fluxes" in routes
    assert "max_points" in asked
    assert "config_sha256" in answered
    assert (routes | asked | answered) - words_in_code(GLOSSARY) - {*VARIABLES, *FLUX_COLUMNS} == set()


def test_topics() -> None:
    made = (topics.block_topic, topics.reading_topic, topics.committed_topic, topics.latest_topic)
    last_levels = {topic("a", "b", Settings().topic_root).rpartition("/")[2] for topic in made}
    assert len(last_levels) == len(made)
    assert last_levels - words_in_code(GLOSSARY) == set()


def test_keys_of_the_station_file() -> None:
    keys = {*model_keys(Station)}
    assert len(keys) > 100
    assert keys - set().union(*(words_in_code(page) for page in STATION_PAGES)) == set()


def test_tables_of_the_database() -> None:
    migrations = (ROOT / "core" / "store" / "sql" / "migrations").glob("*.sql")
    tables = {
        name for path in migrations for name in re.findall(r"CREATE TABLE (\w+)", path.read_text(encoding="utf-8"))
    }
    assert "sample_block" in tables
    assert tables - words_in_code(GLOSSARY) == set()


def test_a_term_that_is_missing_is_noticed(tmp_path: Path) -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    (tmp_path / "glossary.md").write_text(text.replace("`--percentiles`", "percentiles"), encoding="utf-8")
    root = typer.main.get_command(app)
    assert {*options(root)} - words_in_code(tmp_path / "glossary.md") - {"--help"} == {"--percentiles"}
