"""The description of the API (OpenAPI 3.1), as it is served."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from api.errors import PROBLEM_TYPE

_PROBLEM = "#/components/schemas/ErrorOut"


def install(app: FastAPI) -> None:
    """Make the application describe itself as it answers."""
    generate = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            for operations in schema["paths"].values():
                for operation in operations.values():
                    _name_problems(operation)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


def _name_problems(operation: dict[str, Any]) -> None:
    """Errors are problem details, which the framework does not know."""
    for response in operation["responses"].values():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema", {}).get("$ref") == _PROBLEM:
            content[PROBLEM_TYPE] = content.pop("application/json")
