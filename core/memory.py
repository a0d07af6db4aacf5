"""What a process does with memory that it has freed."""

from __future__ import annotations

from functools import cache

import numpy as np

MAX_KEPT_BYTES = (1 << 25) - (1 << 16)
"""glibc keeps what is smaller than the largest piece freed so far, up to 32 MB. [bytes]"""


@cache
def keep_freed_memory() -> None:
    """Let arrays of some megabytes take the memory of the ones before them.

    By default glibc hands such pieces back to the system and gets every page anew, which takes as long as reading them
    from a file. It keeps what is smaller than a piece that was once freed (mallopt(3), M_MMAP_THRESHOLD): this frees
    one, never touched. Elsewhere it changes nothing.
    """
    np.empty(MAX_KEPT_BYTES, np.uint8)
