"""What the store knows as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from rich.table import Table

from core.access import Policy
from core.settings import Settings
from core.store import (
    Account,
    ApiKey,
    AuditRow,
    Correction,
    CorrectionRow,
    FindingRow,
    Gap,
    RejectRow,
    Review,
    RunRow,
    Store,
)
from core.timeliness import SILENT_STEPS, expected_seconds, fault_of_channel, faults_of
from core.variables import AMOUNTS, VARIABLES, units_for
from fluxtower.batch.quality import StationQuality
from qc.code_table import CODES
from qc.codes import FLAGS
from qc.review import MonthState

SECRETS = ("dsn", "broker", "grafana_token", "oidc_secret")
"""Settings that hold passwords."""
MAX_COUNTED_REJECTS = 1000


def variable_table() -> Table:
    """Return the known variables with unit, limits and words."""
    table = Table("name", "unit", "also declared in", "limits", "description", "说明")
    for one in VARIABLES.values():
        others = ", ".join(unit for unit in units_for(one.name) if unit != one.unit)
        table.add_row(one.name, one.unit, others, f"{one.low:g} .. {one.high:g}", one.en, one.zh)
    for ending, (unit, en, zh) in AMOUNTS.items():
        others = ", ".join(other for other in units_for(f"O3_{ending}") if other != unit)
        table.add_row(f"<GAS>_{ending}", unit, others, "", f"{en} of a further scalar, such as O3", f"其他气体{zh}")
    return table


def code_table() -> Table:
    """Return the quality codes of every scheme: what they are with us, the scheme's words, how far that is sure."""
    table = Table("scheme", "code", "flag", "cause", "words", "standing")
    for one in CODES:
        code = one.code or "(empty)"
        table.add_row(one.scheme, code, str(one.meaning.flag), one.meaning.cause, one.words, one.standing)
    return table


def settings_table(settings: Settings) -> Table:
    """Return the settings with their environment variables; passwords are not shown."""
    table = Table("variable", "value", "description")
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        is_secret = name in SECRETS and value is not None
        table.add_row(f"FLUXTOWER_{name.upper()}", "(set)" if is_secret else str(value), field.description)
    return table


def station_table(store: Store) -> Table:
    """Return the registered stations."""
    table = Table("id", "name", "latitude", "longitude", "streams", "configuration", "since (UTC)", "loggers (UTC)")
    loggers: dict[str, list[str]] = {}
    for one in store.loggers.read():
        word = "online" if one.state.online else "offline"
        state = f"{one.state.logger} {word} since {one.since:%Y-%m-%d %H:%M}".strip()
        loggers.setdefault(one.state.station, []).append(state)
    for row in store.stations.read_all():
        who = row.station.station
        table.add_row(
            who.id,
            who.name,
            f"{who.latitude:g}",
            f"{who.longitude:g}",
            ", ".join(row.station.streams),
            row.config_sha256[:12],
            f"{row.valid_from:%Y-%m-%d %H:%M}",
            "\n".join(loggers.get(who.id, [])),
        )
    return table


def gap_table(gaps: Iterable[Gap]) -> Table:
    """Return known gaps: from when to when nothing came, how much is missing, since when that is known."""
    table = Table("station", "stream", "from (UTC)", "to (UTC)", "messages", "still missing", "noticed", "filled")
    for gap in gaps:
        table.add_row(
            gap.station,
            gap.stream,
            f"{gap.starts:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            f"{gap.ends:%Y-%m-%d %H:%M:%S.%f}"[:-3],
            f"{'' if gap.counted else 'about '}{gap.blocks}",
            f"{gap.missing_s:.1f} s",
            f"{gap.noticed:%Y-%m-%d %H:%M:%S}",
            f"{gap.filled:%Y-%m-%d %H:%M:%S}" if gap.filled else "",
        )
    return table


def arrival_table(store: Store, station: str) -> Table:
    """Return how the messages of a station's streams come in."""
    table = Table("stream", "last message", "records", "repeated", "restarts", "lag", "clock", "open gaps")
    now = datetime.now(UTC)
    streams = store.stations.read(station).station.streams
    arrivals = {one.stream: one for one in store.watermarks.read_arrivals(station)}
    open_gaps = store.gaps.find(station)
    for stream in [*streams, *sorted(arrivals.keys() - streams.keys())]:
        one = arrivals.get(stream)
        gaps = sum(gap.stream == stream for gap in open_gaps)
        if one is None or one.seen is None or one.lag_s is None or one.delay_s is None:
            table.add_row(stream, "never", *[""] * 5, str(gaps))
            continue
        table.add_row(
            stream,
            f"{(now - one.seen).total_seconds():.0f} s ago",
            str(one.records),
            str(one.duplicates),
            str(one.restarts),
            f"{one.lag_s:.1f} s",
            f"{-one.delay_s:+.1f} s",
            str(gaps),
        )
    return table


def faults_of_streams(store: Store, station: str) -> list[str]:
    """Return what is not as the station file says, a line each."""
    delays = {one.stream: one.delay_s for one in store.watermarks.read_arrivals(station)}
    times = store.readings.read_newest_times(station)
    row = store.stations.read(station)
    found = faults_of(row.station, times, delays)
    lines = [f"{stream}: {fault}" for stream, faults in found.items() for fault in faults]
    for one in store.latest.read(station):
        if (stream := row.station.streams.get(one.stream)) is not None:
            missing = store.latest.find_missing(one, SILENT_STEPS * expected_seconds(stream))
            lines += [f"{one.stream}: {fault_of_channel(channel, last)}" for channel, last in missing.items()]
    return lines


def count_rejects(store: Store, station: str) -> str:
    """Return in words how many messages of a station were refused and are not stored since."""
    count = len(store.rejects.find(MAX_COUNTED_REJECTS, station=station))
    return str(count) if count < MAX_COUNTED_REJECTS else f"{MAX_COUNTED_REJECTS} or more"


def reject_table(rejects: Iterable[RejectRow]) -> Table:
    """Return messages that were refused, with the reason."""
    table = Table("id", "last came (UTC)", "times", "topic", "bytes", "reason", "stored (UTC)")
    for row in rejects:
        stored = f"{row.done:%Y-%m-%d %H:%M:%S}" if row.done else ""
        came = f"{row.last:%Y-%m-%d %H:%M:%S}"
        table.add_row(str(row.id), came, str(row.times), row.topic, str(row.size), row.reason, stored)
    return table


def correction_table(corrections: Iterable[CorrectionRow]) -> Table:
    """Return what people said of readings."""
    names = (
        "made (UTC)",
        "by",
        "station",
        "stream",
        "what",
        "channels",
        "from (UTC)",
        "to (UTC)",
        "readings",
        "reason",
    )
    table = Table(*names)
    for row in corrections:
        said = row.correction
        made, start, end = (f"{time:%Y-%m-%d %H:%M:%S}" for time in (row.made, said.start, said.end))
        channels = ", ".join(said.channels) or "all"
        table.add_row(
            made, said.by, said.station, said.stream, _what(said), channels, start, end, str(row.readings), said.reason
        )
    return table


def quality_table(quality: StationQuality) -> Table:
    """Return how many values of each channel have which flag, and what the checks say."""
    table = Table("stream", "channel")
    for word in FLAGS.values():
        table.add_column(word, justify="right")
    table.add_column("checks")
    for stream, one in quality.streams.items():
        for channel, flags in one.flags.items():
            said = ", ".join(f"{check} {count}" for check, count in sorted(one.checks.get(channel, {}).items()))
            table.add_row(stream, channel, *(str(flags.get(word, 0)) for word in FLAGS.values()), said)
    return table


def finding_table(findings: Iterable[FindingRow]) -> Table:
    """Return what checks say of stretches of time."""
    table = Table("check", "stream", "channel", "from (UTC)", "to (UTC)", "flag", "reason")
    for one in findings:
        start, end = (f"{time:%Y-%m-%d %H:%M}" for time in (one.starts, one.ends))
        table.add_row(one.check_name, one.stream_name, one.channel, start, end, FLAGS[one.flag], one.reason)
    return table


def _what(said: Correction) -> str:
    return said.action if said.flag is None else f"{said.action} {FLAGS[said.flag]}"


def run_table(runs: Iterable[RunRow]) -> Table:
    """Return season runs."""
    table = Table("run", "station", "kind", "from (UTC)", "to (UTC)", "intervals", "made (UTC)", "by")
    for run in runs:
        first, end = _period(run)
        made = f"{run.finished:%Y-%m-%d %H:%M}"
        table.add_row(str(run.id), run.station, run.kind, first, end, str(run.intervals), made, run.code_version)
    return table


def account_table(accounts: Iterable[Account]) -> Table:
    """Return who may log in."""
    table = Table("name", "role", "scope", "logs in by", "made (UTC)", "disabled (UTC)")
    for one in accounts:
        ways = [*(["password"] if one.has_password else []), *([one.identity] if one.identity else [])]
        disabled = f"{one.disabled:%Y-%m-%d %H:%M}" if one.disabled else ""
        table.add_row(
            one.name, one.role, ", ".join(one.scope), ", ".join(ways), f"{one.created:%Y-%m-%d %H:%M}", disabled
        )
    return table


def key_table(keys: Iterable[ApiKey]) -> Table:
    """Return API keys without their secrets."""
    table = Table("key", "name", "role", "scope", "data", "made by", "made (UTC)", "last used (UTC)", "state")
    for one in keys:
        until = f"until {one.expires:%Y-%m-%d %H:%M}" if one.expires else "for ever"
        state = "revoked" if one.is_revoked else f"expired {one.expires:%Y-%m-%d}" if one.is_expired else until
        table.add_row(
            str(one.id),
            one.name,
            one.role,
            ", ".join(one.scope),
            ", ".join(one.data_classes),
            one.made_by,
            f"{one.created:%Y-%m-%d %H:%M}",
            f"{one.used:%Y-%m-%d %H:%M}" if one.used else "never",
            state,
        )
    return table


def policy_table(policies: Iterable[Policy]) -> Table:
    """Return policies."""
    table = Table("station", "data", "openness", "until (UTC)", "group")
    for one in policies:
        until = f"{one.until:%Y-%m-%d %H:%M}" if one.until else ""
        table.add_row(one.station, one.data_class, one.openness, until, one.group)
    return table


def audit_table(rows: Iterable[AuditRow]) -> Table:
    """Return who did what, or was denied it."""
    table = Table("when (UTC)", "who", "what", "station", "outcome", "more")
    for row in rows:
        who = f"{row.principal} ({row.kind})" if row.principal else row.kind
        more = ", ".join(f"{name}: {value}" for name, value in row.detail.items())
        table.add_row(f"{row.made:%Y-%m-%d %H:%M:%S}", who, row.action, row.station, row.outcome, more)
    return table


def month_table(months: Iterable[tuple[str, MonthState]]) -> Table:
    """Return how far the review of months is."""
    table = Table("station", "subject", "from (UTC)", "to (UTC)", "reviewed by", "due (UTC)", "why")
    for station, one in months:
        start, end = f"{one.start:%Y-%m-%d %H:%M}", f"{one.end:%Y-%m-%d %H:%M}"
        due = f"{one.due:%Y-%m-%d}{' overdue' if one.is_overdue else ''}"
        state = "nobody" if one.state == "to review" else f"{one.state} ({one.by})"
        table.add_row(station, one.subject, start, end, state, due, one.why)
    return table


def review_table(reviews: Iterable[Review]) -> Table:
    """Return signed reviews."""
    table = Table("review", "made (UTC)", "by", "level", "verdict", "from (UTC)", "to (UTC)", "subjects", "reason")
    for one in reviews:
        made, start, end = (f"{time:%Y-%m-%d %H:%M}" for time in (one.made, one.start, one.end))
        table.add_row(
            str(one.id), made, one.by, one.level, one.verdict, start, end, ", ".join(one.subjects), one.reason
        )
    return table


def _period(run: RunRow) -> tuple[str, str]:
    if run.first is None or run.last is None:
        return "-", "-"
    return f"{run.first:%Y-%m-%d %H:%M}", f"{run.last + timedelta(minutes=run.minutes or 30):%Y-%m-%d %H:%M}"
