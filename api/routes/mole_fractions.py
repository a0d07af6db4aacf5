"""Calibrated mole fractions of an analyser: minutes and hours of each intake, runs of targets, tanks, events."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.answers import csv_answer, json_answer
from api.deps import DEFAULT_PERIOD, From, Period, StationDep, TableFormat, To, choose_period, longest_table
from api.errors import BadQuery
from api.exports.columns import json_columns
from api.exports.encode import file_name
from api.exports.icos_csv import icos_table
from api.exports.mole_fractions import write_mole_fractions
from api.models import MoleFractionsOut, StationEventOut, TankOut, TargetsOut
from api.principals import StoreDep
from api.readable import ReadableStore
from core.station.mole_fraction import GAS_UNITS, MoleFraction
from core.store import StationRow
from core.store.mole_fractions import HOUR_S, MINUTE_S

router = APIRouter(tags=["mole fractions"])

STEPS = {"minute": MINUTE_S, "hour": HOUR_S}
LONGEST = timedelta(days=3660)
