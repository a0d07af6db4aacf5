"""What all parts of a station file share: strictness, names, and how a mistake is told."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class Part(BaseModel):
    """A table of the file: unknown keys and wrong types are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, ignored_types=(cached_property,))


def mistake(key: str, expected: str, got: str = "nothing") -> PydanticCustomError:
    """Return an error about a key of the part that is being checked."""
    return PydanticCustomError("mistake", "{expected}", {"key": key, "expected": expected, "got": got})


def require_different(key: str, names: list[str]) -> None:
    """Raise a mistake about ``key`` if two names are the same."""
    for name in names:
        if names.count(name) > 1:
            raise mistake(key, "names that differ", f"{name!r} twice")
