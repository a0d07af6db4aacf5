"""The description of the API (OpenAPI 3.1), as it is served."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from fastapi import FastAPI

from api.errors import PROBLEM_TYPE

EXAMPLES = Path(__file__).with_name("examples.json")
"""``method path`` -> an answer as JSON, of a small made-up tower."""
_PROBLEM = "#/components/schemas/ErrorOut"


def install(app: FastAPI) -> None:
    """Make the application describe itself as it answers, with an example of every answer."""
    generate = app.openapi

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema, examples = generate(), orjson.loads(EXAMPLES.read_bytes())
            for path, operations in schema["paths"].items():
                for method, operation in operations.items():
                    _name_problems(operation)
                    _add_example(operation, examples.get(f"{method} {path}"))
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]


class Operation(NamedTuple):
    """What a page tells of one thing that can be asked.

    Attributes
    ----------
    name : str
        Of the section on the page.
    types : list of str
        Media types of its answers.
    example : str or None
        An answer.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[dict[str, Any]]
    types: list[str]
    example: str | None


def list_operations(schema: dict[str, Any]) -> Iterator[Operation]:
    """Yield everything that a description describes, in its order."""
    for path, operations in schema["paths"].items():
        for method, said in operations.items():
            content = said["responses"].get("200", said["responses"].get("201", {})).get("content", {})
            examples = [one["example"] for one in content.values() if "example" in one]
            yield Operation(
                said["operationId"],
                method.upper(),
                path,
                said["summary"],
                said["description"],
                said.get("parameters", []),
                list(content),
                _text_of(examples[0]) if examples else None,
            )


def _name_problems(operation: dict[str, Any]) -> None:
    """Errors are problem details, which the framework does not know."""
    for response in operation["responses"].values():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema", {}).get("$ref") == _PROBLEM:
            content[PROBLEM_TYPE] = content.pop("application/json")


def _add_example(operation: dict[str, Any], example: object) -> None:
    good = operation["responses"].get("200", operation["responses"].get("201", {}))
    if example is not None:
        good["content"]["application/json"]["example"] = example


def _text_of(example: object) -> str:
    return example if isinstance(example, str) else orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()
