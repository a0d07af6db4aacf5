"""How kernels are compiled: cached on disk, and never ``fastmath``, because NaN is our gap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on plain arrays and scalars; its Python signature stays what the type checker sees."""
    return cast(F, njit(cache=True)(function))
