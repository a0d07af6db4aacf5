"""The supervised group: broker, database, collector, judge, worker, keep and API, started and stopped together."""

from deploy.group.lifecycle import down, running, servers, up
from deploy.group.programs import PROGRAM_NAMES, Program, list_programs
from deploy.group.report import show_status, status

__all__ = ["PROGRAM_NAMES", "Program", "down", "list_programs", "running", "servers", "show_status", "status", "up"]
