"""How kernels are compiled: cached on disk, and never ``fastmath``, because NaN is our gap.

A kernel calls only kernels of its own module: the cache knows changes of that file alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on plain arrays and scalars; its Python signature stays what the type checker sees."""
    try:
        return cast(F, njit(cache=True)(function))
    except RuntimeError:
        # no folder for the cache can be written: compiling in every process is slower, failing would be worse
        return cast(F, njit(function))
