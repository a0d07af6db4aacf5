"""Mistakes that people and programs make with half-hourly tables, to be planted in those of `made_up_tables`."""

from __future__ import annotations

from benchmarks import wrong_stamps, wrong_text, wrong_values
from benchmarks.planting import Mistakes

MISTAKES: Mistakes = {**wrong_values.MISTAKES, **wrong_stamps.MISTAKES, **wrong_text.MISTAKES}
"""Kind -> name -> mistake."""
