"""The store: TimescaleDB through psycopg. All SQL of Fluxtower is in ``sql/``, by name."""

from core.store.access import Account, ApiKey, AuditRow
from core.store.attempts import SeasonFailure
from core.store.blocks import NO_SEQ, BlockArrays
from core.store.catalogue import Catalogue
from core.store.compaction import Compacted
from core.store.corrections import Action, Corrected, Correction, CorrectionRow
from core.store.database import Health
from core.store.files import FileRow
from core.store.findings import (
    FindingRow,
    NewFinding,
    PlacedChannel,
    Window,
    end_window,
    read_findings,
    replace_findings,
    touch_windows,
)
from core.store.fits import FitRow
from core.store.fluxes import FluxOrigin
from core.store.gaps import Gap
from core.store.intervals import DueInterval
from core.store.judgements import (
    FlagCount,
    FlagRows,
    JudgeRequest,
    Judging,
    NewReading,
    Reasons,
    StoredReadingsOfStretch,
    Stretch,
)
from core.store.latest import Latest
from core.store.messages import Committed
from core.store.notices import ReadingNotices
from core.store.readings import JudgedReadings
from core.store.rejects import RejectRow
from core.store.releases import KnownIssue, ReleaseDraft, ReleaseFile, ReleaseRow
from core.store.retention import Dropped
from core.store.reviews import Change, Draft, Review
from core.store.runs import ON_DEMAND, PROVISIONAL, RunRow
from core.store.stations import StationRow, StreamRow
from core.store.store import Store
from core.store.watermarks import Advance, Arrival, WatermarkRow
from core.store.webhooks import Delivery, WebhookRow

__all__ = [
    "NO_SEQ",
    "ON_DEMAND",
    "PROVISIONAL",
    "Account",
    "Action",
    "Advance",
    "ApiKey",
    "Arrival",
    "AuditRow",
    "BlockArrays",
    "Catalogue",
    "Change",
    "Committed",
    "Compacted",
    "Corrected",
    "Correction",
    "CorrectionRow",
    "Delivery",
    "Draft",
    "Dropped",
    "DueInterval",
    "FileRow",
    "FindingRow",
    "FitRow",
    "FlagCount",
    "FlagRows",
    "FluxOrigin",
    "Gap",
    "Health",
    "JudgeRequest",
    "JudgedReadings",
    "Judging",
    "KnownIssue",
    "Latest",
    "NewFinding",
    "NewReading",
    "PlacedChannel",
    "ReadingNotices",
    "Reasons",
    "RejectRow",
    "ReleaseDraft",
    "ReleaseFile",
    "ReleaseRow",
    "Review",
    "RunRow",
    "SeasonFailure",
    "StationRow",
    "Store",
    "StoredReadingsOfStretch",
    "StreamRow",
    "Stretch",
    "WatermarkRow",
    "WebhookRow",
    "Window",
    "end_window",
    "read_findings",
    "replace_findings",
    "touch_windows",
]
