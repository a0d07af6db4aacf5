"""The description of the API is valid, complete and in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from fastapi.openapi.models import OpenAPI
from jsonschema import Draft202012Validator

from api.app import create_app
from api.description import EXAMPLES
from core.settings import Settings

METHODS = {"get", "post", "put", "delete", "patch"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return create_app(Settings(dsn="postgresql://nobody@127.0.0.1:9/none")).openapi()


def test_schema_is_openapi(schema: dict[str, Any]) -> None:
    parsed = OpenAPI.model_validate(schema)
    assert parsed.openapi.startswith("3.1")
    for reference in _references(schema):
        assert reference.startswith("#/components/schemas/")
        assert reference.rsplit("/", 1)[1] in schema["components"]["schemas"]


WRITING = {"/api/v1/stations/{id}/reviews", "/api/v1/stations/{id}/releases"}
"""Routes that also write."""


def test_every_route_reads_and_is_described(schema: dict[str, Any]) -> None:
    assert len(schema["paths"]) >= 11
    for path, operations in schema["paths"].items():
        assert path.startswith("/api/v1/")
        assert set(operations) & METHODS == ({"get", "post"} if path in WRITING else {"get"})
        operation = operations["get"]
        assert operation["summary"]
        assert operation["description"]
        assert operation["tags"]
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (path, parameter["name"])
        for status in ("404", "422", "503"):
            assert status in operation["responses"], (path, status)
        good = operation["responses"]["200"]["content"]
        assert any("schema" in content or "example" in content for content in good.values()), path


def test_data_routes_offer_csv(schema: dict[str, Any]) -> None:
    for resource in ("readings", "minutes", "samples", "fluxes", "product"):
        content = schema["paths"][f"/api/v1/stations/{{id}}/{resource}"]["get"]["responses"]["200"]["content"]
        assert set(content) >= {"application/json", "text/csv"}


def test_every_answer_has_an_example_that_is_one(schema: dict[str, Any]) -> None:
    checked = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            content = operation["responses"]["201" if method == "post" else "200"]["content"]
            assert any("example" in one for one in content.values()), (method, path)
            for one in content.values():
                if "example" in one and "schema" in one:
                    rule = {**one["schema"], "components": schema["components"]}
                    problems = [problem.message for problem in Draft202012Validator(rule).iter_errors(one["example"])]
                    assert problems == [], (method, path)
                    checked += 1
    recorded = orjson.loads(EXAMPLES.read_bytes())
    assert checked >= len(recorded) >= 20
    described = {f"{method} {path}" for path, operations in schema["paths"].items() for method in operations}
    assert set(recorded) <= described


def test_errors_are_problem_details(schema: dict[str, Any]) -> None:
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            for status in ("401", "404", "422"):
                assert set(operation["responses"][status]["content"]) == {"application/problem+json"}, path
    problem = schema["components"]["schemas"]["ErrorOut"]
    assert set(problem["required"]) == {"type", "title", "status", "detail", "error"}


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
