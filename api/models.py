"""What the API answers, as models: they document the answers and the tests hold the answers to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.access import Action, Role
from core.review import Level, Verdict
from core.timeliness import Status
from fluxcalc.season.ustar.published import UstarThreshold

Numbers = list[float | None]
FLAG_WORDS = "1 good, 2 unknown: not judged, 3 suspect, 4 bad, 9 missing; null of samples, and for a moment of readings"


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ErrorOut(_Out):
    """Any error: problem details as of RFC 9457."""

    type: str = Field(description="address that says what kind it is", examples=["/api/v1/problems#UnknownStation"])
    title: str = Field(description="the kind in words", examples=["No such station"])
    status: int = Field(description="that of the answer", examples=[404])
    error: str = Field(description="name of the kind", examples=["UnknownStation"])
    detail: str = Field(examples=["unknown station 'xx-abc': register it with `fluxtower station add FILE.toml`"])
    remedy: str | None = Field(None, examples=["GET /api/v1/stations lists the registered stations"])


class ProblemOut(_Out):
    """A kind of error."""

    error: str = Field(description="its name", examples=["UnknownStation"])
    type: str = Field(description="its address", examples=["/api/v1/problems#UnknownStation"])
    title: str = Field(description="in words", examples=["No such station"])
    status: int = Field(examples=[404])
    remedy: str | None = Field(None, description="what usually helps; null where each case has its own")


class MeOut(_Out):
    """Who asks."""

    kind: Literal["anonymous", "key", "user", "system"]
    name: str = Field(description="of the user or key; empty of nobody in particular")
    role: Role | None
    scope: list[str] = Field(description="station ids, group:NAME, or * for all", examples=[["cn-tower"]])
    data_classes: list[str] = Field(description="what he reads of stations that are not public", examples=[["fluxes"]])
    may: list[Action] = Field(description="what he may do at the stations of the scope", examples=[["read", "note"]])


class DatabaseOut(_Out):
    """The database, and whether work is piling up."""

    timescaledb: str = Field(description="version of TimescaleDB", examples=["2.19.3"])
    edition: str = Field(examples=["apache"])
    stations: int
    newest: datetime | None = Field(description="when the last message of any station came in")
    intervals_waiting: int = Field(description="averaging intervals whose data are newer than their result")
    intervals_failed: int
    seasons_failed: int = Field(description="stations whose running season cannot be made; their `runs` say why")
    rejects: int = Field(description="messages that could not be used, kept with their reason")


class HealthOut(_Out):
    """Whether the platform can answer."""

    status: Literal["ok", "unavailable"]
    version: str = Field(examples=["0.1.0"])
    database: DatabaseOut | None = Field(
        description="What the database says about itself; null if it is away, or if not all of it may be told."
    )
    problem: str | None = Field(default=None, description="Why it cannot answer.")
    remedy: str | None = None


class ChannelOut(_Out):
    """A channel: the sender's name and what it measures. Values of this channel are in ``unit`` everywhere."""

    name: str = Field(examples=["Ux"])
    variable: str = Field(description="FLUXNET name", examples=["U"])
    unit: str = Field(description="unit in which the sender sends it", examples=["m s-1"])
    en: str = Field(examples=["wind along the sonic's x axis"])
    zh: str = Field(examples=["超声风速计 x 轴风速"])


class StreamOut(_Out):
    """What a station sends under one name."""

    name: str = Field(examples=["fast"])
    kind: Literal["block", "reading"]
    step_s: float = Field(description="time between samples or readings [s]", examples=[0.05])
    expected_s: float = Field(description="longest time between two messages [s]", examples=[60.0])
    faults: list[str] = Field(
        description="what is not as the station file says: rate of readings, clock",
        examples=[["one value every 600 s, the station file says 60 s: correct `interval` there"]],
    )
    channels: list[ChannelOut]


class StationSummary(_Out):
    """A station in the list."""

    id: str = Field(examples=["us-orchard"])
    name: str
    name_zh: str
    latitude: float = Field(description="degrees north")
    longitude: float = Field(description="degrees east")
    altitude: float = Field(description="metres above sea level")
    utc_offset: float = Field(description="local standard time minus UTC, hours", examples=[-8.0])
    description: str
    source: str = Field(description="where the data come from; a simulated station says so here")
    status: Status = Field(description="by the age of the last message and the station's own expectation")
    time: datetime | None = Field(description="time of the newest data")
    received: datetime | None = Field(description="when the last message came in")
    age_s: float | None = Field(description="seconds since the last message came in")


class SensorOut(_Out):
    """An instrument, or a channel of slow readings, as the station's file declares it."""

    kind: Literal["sonic", "analyzer", "reading"]
    name: str = Field(description="model of an instrument, channel of a slow sensor", examples=["CSAT3"])
    stream: str | None = Field(None, description="stream that carries it, where that is declared")
    variables: list[str] = Field(description="what it measures")
    declared: dict[str, Any] = Field(description="everything else that the file says of it", examples=[{"height": 30}])
    since: datetime = Field(description="from when on it is declared as now")


class SensorsOut(_Out):
    """What measures at a station now."""

    station: str
    sensors: list[SensorOut]


class ConfigurationOut(_Out):
    """A version of a station's file."""

    sha256: str = Field(description="of the file; results name it as `config_sha256`")
    valid_from: datetime
    valid_to: datetime | None = Field(description="null of the one in force")
    changes: int = Field(description="settings that came, went or changed since the version before")


class ConfigurationsOut(_Out):
    """How a station's configuration changed, newest first."""

    station: str
    configurations: list[ConfigurationOut]


class ConfigurationDiffOut(_Out):
    """What differs between two configurations."""

    station: str
    old: str | None = Field(description="SHA-256; null before the first")
    new: str = Field(description="SHA-256")
    changes: int
    diff: str = Field(description="unified diff of the settings, a line a key; comments and topics are left out")


class StationOut(StationSummary):
    """A station with its streams."""

    streams: list[StreamOut]
    flux_stream: str | None = Field(description="stream of samples from which half-hours are made")
    averaging_minutes: int | None = Field(examples=[30])
    flux_start: datetime | None = Field(description="start of the first flux interval that is there")
    flux_end: datetime | None = Field(description="end of the last one")
    lateness_s: float | None = Field(description="how long a half-hour waits for late samples [s]")
    config_sha256: str = Field(description="SHA-256 of the station file in force")
    valid_from: datetime


class LatestValue(_Out):
    """The newest value of one channel."""

    stream: str
    channel: str
    variable: str = Field(examples=["TA"])
    value: float | None = Field(examples=[21.3])
    unit: str = Field(examples=["deg C"])
    time: datetime = Field(description="time of the value")
    received: datetime = Field(description="when its message came in")
    age_s: float = Field(description="seconds since then")
    status: Status = Field(description="of the stream's messages; `silent` where the channel alone has no values")
    missing: bool = Field(
        description="messages come, but the channel has had no value for the ten steps after which a stream is silent"
    )
    last_value: datetime | None = Field(
        description="of a missing channel: when it last had a value; null where that is over seven days ago, or never"
    )
    flag: int | None = Field(description=FLAG_WORDS, examples=[3])
    reasons: list[str] = Field(
        description="what is said of it; each begins with a check", examples=[["spike: 35 deg C is away from ..."]]
    )


class FeedOut(_Out):
    """How the messages of a stream come in."""

    stream: str
    records: int = Field(description="blocks or readings that came")
    repeated: int = Field(description="how many of them were stored already")
    restarts: int = Field(description="how often the sender began its numbers afresh")
    received: datetime | None = Field(description="when the last message came")
    time: datetime | None = Field(description="end of the newest data")
    lag_s: float | None = Field(description="of the last message: arrival minus end of its data [s]")
    clock_s: float | None = Field(description="how far the sender's clock is ahead, as measured [s]")


class GapOut(_Out):
    """A stretch of time for which nothing came although later data did."""

    stream: str
    start: datetime
    end: datetime
    messages: int = Field(description="how many were missing when the gap was noticed; 0: nothing was recorded")
    counted: bool = Field(description="whether by the sender's numbers, or by the length of its messages")
    missing_s: float = Field(description="what is still missing [s]")
    noticed: datetime
    filled: datetime | None = Field(description="when the last of it came late")


class FeedsOut(_Out):
    """Feeds and gaps of a station, newest gap first."""

    station: str
    feeds: list[FeedOut]
    gaps: list[GapOut]


class FindingOut(_Out):
    """What a check says of a stretch of time of a channel."""

    check: str = Field(examples=["clock"])
    stream: str
    channel: str = Field(examples=["SW_IN"])
    start: datetime
    end: datetime
    flag: int = Field(description="which the readings have at least", examples=[3])
    reason: str = Field(examples=["clock: 60 minutes behind the sun"])
    data: dict[str, Any] = Field(description="the figures of which it is made")
    found: datetime
    withdrawn: datetime | None = Field(description="when it did not hold any more, for the data had changed")


class FindingsOut(_Out):
    """Findings of a station, newest first."""

    station: str
    findings: list[FindingOut]


class LatestOut(_Out):
    """The newest values of a station."""

    station: str
    values: list[LatestValue]


class Table(_Out):
    """A table by columns: ``pandas.DataFrame(answer["data"])`` reads it. Missing values are null."""

    station: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    units: dict[str, str] = Field(description="unit of each column", examples=[{"TA": "deg C"}])


class ReadingsOut(Table):
    """Slow readings as sent: ``time`` and one column a channel, in the sender's unit."""

    stream: str
    quality: Literal["all", "good", "not_bad"] = Field(
        description="which values are in ``data``; others are null there"
    )
    flags: dict[str, list[int | None]] = Field(
        description=f"channel -> flag of each time: {FLAG_WORDS}", examples=[{"TA_1_1_1": [1]}]
    )
    reasons: dict[str, dict[str, list[str]]] = Field(
        description="channel -> place in the columns (from 0) -> what is said of the value there",
        examples=[{"TA_1_1_1": {"0": ["range: 285 deg C is above 60"]}}],
    )
    data: dict[str, list[str] | Numbers] = Field(examples=[{"time": ["2026-07-01T00:00:00.000Z"], "TA_1_1_1": [21.3]}])


class MinutesOut(Table):
    """Statistics per minute and channel, long form."""

    stream: str
    data: dict[str, list[str] | Numbers] = Field(
        examples=[{"time": ["2026-07-01T00:00:00.000Z"], "channel": ["Uz"], "n": [1200], "mean": [0.02]}]
    )


class SampledChannel(ChannelOut):
    """One channel of a trace; ``min`` and ``max`` enclose the samples that were summarised into a point."""

    mean: Numbers
    min: Numbers
    max: Numbers


class SamplesOut(_Out):
    """A raw trace: point i covers [from + i step_s, from + (i + 1) step_s)."""

    station: str
    stream: str
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    step_s: float = Field(description="time between points [s]")
    samples_per_point: int
    points: int
    channels: list[SampledChannel]


class FluxesOut(Table):
    """Fluxes: ``start``, ``end``, one column a variable (FLUXNET names and units), reasons in words."""

    averaging_minutes: int
    data: dict[str, list[str] | Numbers | list[dict[str, str]] | list[dict[str, float | None]]] = Field(
        examples=[
            {
                "start": ["2012-06-07T20:00:00Z"],
                "end": ["2012-06-07T20:15:00Z"],
                "FC": [-12.4],
                "FC_SSITC_TEST": [1],
                "reasons": [{"FC_SSITC_TEST": "stationarity 45 %"}],
            }
        ]
    )


class ProductOut(Table):
    """A season: filtered, gap-filled, partitioned half-hours."""

    status: Literal["provisional", "season"] = Field(description="a provisional run is superseded by the next day's")
    run: int | None = Field(description="run that made it: /runs/{run} says of what and how")
    newer: int | None = Field(description="a provisional run that is newer than this one, made on demand")
    not_done: dict[str, str] = Field(
        description="what is not there, and why", examples=[{"USTAR_THRESHOLD": "no threshold in 646 complete records"}]
    )
    averaging_minutes: int
    data: dict[str, list[str] | Numbers]


class RunOut(_Out):
    """A season run."""

    id: int
    station: str
    kind: str = Field(examples=["provisional", "season"])
    first: datetime | None = Field(description="start of its first interval")
    last: datetime | None = Field(description="start of its last one")
    intervals: int
    minutes: int | None = Field(description="length of an interval; null of runs of the first versions")
    config_sha256: str = Field(description="SHA-256 of the station file in force")
    code_version: str = Field(examples=["fluxtower 0.1.0"])
    methods: dict[str, Any]
    started: datetime = Field(description="before its inputs were read")
    finished: datetime
    further: list[str] = Field(description="series that it has beside those of every product")


class ProvenanceOut(BaseModel):
    """What is known of a run's making; keys that a run has not are left out."""

    model_config = ConfigDict(extra="allow")

    thresholds: list[UstarThreshold] = Field(
        default=[],
        description="thresholds of u* [m s-1]: of seasons, years and versions. `kind` is `fixed` (given by hand), "
        "`season`, `year`, or `VUT` or `CUT` of forty-one versions; `year` that in which a season begins; `season` its "
        "first month, or its number where nights are counted; `percentile` that over the bootstraps [%]. What does not "
        "apply is null: `year` of all years, `season` of a whole year, `percentile` of the records as they are",
        examples=[[{"kind": "season", "value": 0.21, "year": 2025, "season": 12, "percentile": None}]],
    )
    E0: float | None = Field(default=None, description="sensitivity of respiration to temperature, by night [K]")


class RunDetailOut(RunOut):
    """A season run with all that is known of its making."""

    provenance: ProvenanceOut = Field(
        description="inputs (with their SHA-256), versions, thresholds, E0, sums [gC m-2, mm], notes, not_done, "
        "problems; course: the sum of NEE to the end of each day, with its uncertainty"
    )


class SeasonFailureOut(_Out):
    """Why a station's running season cannot be made."""

    attempts: int = Field(description="how often it was tried since the newest provisional run")
    tried: datetime = Field(description="when the last attempt began or failed")
    reason: str


class RunsOut(_Out):
    """Season runs of a station, newest first."""

    station: str
    failure: SeasonFailureOut | None = Field(
        None, description="why there is no newer provisional run; null if none fails"
    )
    runs: list[RunOut]
    next: str | None = Field(None, description="address of the next page; null on the last")


class FlagIn(_Out):
    """A manual flag that a review sets."""

    stream: str = Field(examples=["met"])
    channels: list[str] = Field(default_factory=list, description="default: all of the stream", examples=[["TA"]])
    start: AwareDatetime
    end: AwareDatetime
    reason: str = Field(min_length=1, max_length=1000, examples=["sensor iced over"])


class ReviewIn(_Out):
    """What a person says of data of [start, end)."""

    level: Level = Field(description="station: its operator; centre: the province or centre")
    verdict: Verdict = Field("accepted", description="accepted: what is not flagged is good; returned: look again")
    subjects: list[str] = Field(
        default_factory=list, description="stream.channel, or fluxes; default: all", examples=[["met.TA", "fluxes"]]
    )
    start: AwareDatetime
    end: AwareDatetime
    reason: str = Field("", max_length=1000)
    flags: list[FlagIn] = Field(default_factory=list, max_length=1000, description="flags to set as bad, with reasons")


class ReviewOut(_Out):
    """A signed review; a newer one undoes it."""

    id: int
    station: str
    level: Level
    verdict: Verdict
    subjects: list[str]
    start: datetime
    end: datetime
    reason: str
    by: str
    made: datetime


class MonthOut(_Out):
    """How far the review of a subject is for a month of local standard time."""

    subject: str = Field(examples=["met.TA"])
    start: datetime
    end: datetime
    state: Literal["to review", "station", "centre"] = Field(description="the highest level at which it is reviewed")
    by: str = Field(description="who signed it")
    why: str = Field(description="why it is to review again")
    due: datetime
    is_overdue: bool


class ReviewsOut(_Out):
    """Reviews of a station, and what is to review."""

    station: str
    months: list[MonthOut]
    reviews: list[ReviewOut]


class MoleFractionColumns(_Out):
    """Columns of mole fractions, a place a mean."""

    time: list[datetime] = Field(description="starts, UTC")
    value: Numbers
    sd: Numbers
    u: Numbers = Field(description="uncertainty of the value, 1 sigma")
    n: list[int]
    flag: list[int] = Field(description="1 good, 2 provisional, 3 suspect, 4 bad")
    reasons: list[list[str]]
    scale: list[str]


class MoleFractionsOut(_Out):
    """Calibrated dry mole fractions of a gas at an intake."""

    station: str
    gas: str = Field(examples=["CO2"])
    intake: str
    height: float = Field(description="of the intake above ground [m]")
    unit: str = Field(examples=["umol mol-1"])
    scale: str = Field(examples=["WMO-CO2-X2019"])
    step_s: int = Field(description="60 or 3600")
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    data: MoleFractionColumns


class TargetColumns(_Out):
    """Columns of runs of targets."""

    time: list[datetime]
    tank: list[str] = Field(description="serials")
    value: Numbers
    u: Numbers
    sd: Numbers
    n: list[int]
    assigned: Numbers
    u_assigned: Numbers
    flag: list[int]
    bias: Numbers = Field(description="measured minus assigned")


class TargetsOut(_Out):
    """Runs of targets of a gas."""

    station: str
    gas: str
    unit: str
    goal: float = Field(description="largest bias that is accepted, in the unit")
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    data: TargetColumns


class TankOut(_Out):
    """A tank at a port."""

    serial: str
    port: int
    role: str = Field(description="reference, standard or target")
    start: datetime | None
    end: datetime | None
    assignments: list[dict[str, Any]] = Field(description="per gas and scale: c0 + c1 t + c2 t2, since when, by when")
    history: list[dict[str, Any]]


class TanksOut(_Out):
    """Tanks of an analyser."""

    station: str
    tanks: list[TankOut]


class StationEventOut(_Out):
    """Something that was done or found at a station."""

    kind: str = Field(examples=["mole fraction target"])
    severity: Literal["info", "warning", "critical"]
    message: str
    time: datetime
    end: datetime | None
    data: dict[str, Any]
    remedy: str = Field(description="what to do; empty if there is nothing")


class StationEventsOut(_Out):
    """Events of a station."""

    station: str
    events: list[StationEventOut]


class BackgroundColumns(_Out):
    """Columns of a selection of background air."""

    time: list[datetime] = Field(description="start of the hour")
    value: Numbers = Field(description="null where the hour is not good")
    u: Numbers
    state: list[Literal["kept", "excluded", "variable", "step", "alone"]]
    baseline: Numbers = Field(description="of REBS, null with other methods")


class BackgroundOut(_Out):
    """Which hours are background air."""

    station: str
    gas: str
    intake: str
    unit: str
    scale: str
    method: str = Field(examples=["noaa"])
    methods: list[str] = Field(description="that can be asked for")
    selected_by: str = Field(description="gas by whose hours they are selected")
    wind_known: bool = Field(description="whether the station's own wind was looked at")
    kept: int = Field(description="hours of background air")
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    data: BackgroundColumns


class CurveColumns(_Out):
    """Columns of a curve, a row a day."""

    time: list[datetime] = Field(description="noon of the day of local standard time")
    value: Numbers = Field(description="mean of the day's background air")
    smooth: Numbers
    trend: Numbers


class GrowthOut(_Out):
    """Growth of the trend in a calendar year."""

    year: int
    growth: float


class CurveOut(_Out):
    """Thoning curve of background air."""

    station: str
    gas: str
    intake: str
    unit: str
    scale: str
    method: str = Field(description="by which background air was selected")
    days: int = Field(description="with background air")
    span_days: int = Field(description="from the first of them to the last")
    needed_days: int = Field(description="of a span for which a curve is made")
    residual_sd: float | None = Field(description="sd about polynomial and harmonics")
    smooth_sd: float | None = Field(description="sd about the smooth curve")
    growth: list[GrowthOut]
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    data: CurveColumns


class EnhancementColumns(_Out):
    """Columns of an enhancement."""

    time: list[datetime]
    difference: Numbers = Field(description="site minus background")
    u: Numbers
    afternoon: list[bool] = Field(description="12 to 16 h local standard time")


class EnhancementOut(_Out):
    """How much a station is above another one."""

    station: str
    background: str = Field(description="id of the other station")
    gas: str
    intake: str
    background_intake: str
    unit: str
    scale: str
    afternoon_mean: float | None
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    data: EnhancementColumns


class ComparisonOut(_Out):
    """Another laboratory's value beside the station's."""

    kind: Literal["flask", "round_robin"]
    time: datetime
    end: datetime | None
    gas: str
    unit: str
    where: str = Field(description="intake of a flask, serial of a tank")
    laboratory: str
    scale: str = Field(description="of their value")
    their_value: float
    their_u: float
    value: float | None
    n: int | None = Field(description="minutes, or runs, in our value")
    difference: float | None = Field(description="ours minus theirs, on our scale")
    u: float | None
    goal: float | None
    within_goal: bool | None
    note: str


class ComparisonsOut(_Out):
    """Comparisons of a station with other laboratories."""

    station: str
    comparisons: list[ComparisonOut]


class ReleaseIn(_Out):
    """A run that is to be released."""

    run: int = Field(description="number of the run", ge=1)
    licence: str = Field("CC-BY-4.0", description="SPDX name", examples=["CC-BY-4.0"])
    title: str = Field("", max_length=300)
    creators: list[str] = Field([], description="whom to cite; default: the station", max_length=100)
    known_issues: list[str] = Field([], description="what is known to be wrong with it", max_length=100)


class ReleaseFileOut(_Out):
    """A file of a release; its bytes are the same for ever."""

    name: str = Field(examples=["cn-tower-v1.csv"])
    media_type: str
    size: int = Field(description="bytes")
    sha256: str
    url: str = Field(description="where it is")


class KnownIssueOut(_Out):
    """What became known of a release later."""

    made: datetime
    by: str
    text: str
    withdraws: bool = Field(description="whether the release is not to be used any more")


class ReleaseOut(_Out):
    """A release: a season run frozen under a number."""

    name: str = Field(examples=["cn-tower-v1"])
    station: str
    version: int
    run: int
    released: datetime
    by: str
    title: str
    citation: str
    licence: str = Field(description="SPDX name")
    sha256: str = Field(description="of the list of the files' SHA-256")
    state: Literal["released", "superseded", "withdrawn"]
    successor: str | None = Field(description="name of the next release of the station")
    page: str = Field(description="its page, for people")
    creators: list[str]
    period: list[datetime] = Field(description="begin and end")
    review: dict[str, Any] = Field(description="whether the whole period is reviewed; if not, what is missing")
    issues: list[KnownIssueOut]
    files: list[ReleaseFileOut]


class ReleaseDetailOut(ReleaseOut):
    """A release with what changed against the one before."""

    abstract: str
    changes: dict[str, Any] | None = Field(description="null of the first release")
    dataset: dict[str, Any] = Field(description="the release as schema.org's Dataset (JSON-LD)")


class ReleasesOut(_Out):
    """Releases, newest first."""

    releases: list[ReleaseOut]
    before: int | None = Field(description="`before` of the next page; null on the last")


class AuditLineOut(_Out):
    """Something that was done, or denied."""

    id: int
    made: datetime
    principal: str
    kind: str
    action: str
    station: str
    outcome: Literal["done", "denied"]
    detail: dict[str, Any]


class AuditOut(_Out):
    """Lines of the audit log, newest first."""

    lines: list[AuditLineOut]
    before: int | None = Field(description="`before` of the next page; null on the last")
