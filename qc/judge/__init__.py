"""Flags of stored readings: as they come (`fluxtower judge`), and over a period; what both give is the same."""

from qc.judge.examiner import Examiner
from qc.judge.period import JudgedPeriod, judge_missing, judge_period, judge_requested, read_rules
from qc.judge.rules import StreamRules, rules_of
from qc.judge.service import run_judge
from qc.judge.stretch import judge_part

__all__ = [
    "Examiner",
    "JudgedPeriod",
    "StreamRules",
    "judge_missing",
    "judge_part",
    "judge_period",
    "judge_requested",
    "read_rules",
    "rules_of",
    "run_judge",
]
