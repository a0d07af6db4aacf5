"""The report of what became of each file's records, for programs: JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from core.errors import SetupError


def write_report(path: Path, content: Mapping[str, object]) -> None:
    """Write a report.

    Raises
    ------
    SetupError
        It cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{path} cannot be written: {error}", "choose another --report") from None
