"""The files of a release: what each writer makes of a frozen run; the same content gives the same bytes."""

from __future__ import annotations

import hashlib
import warnings
import zipfile
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import orjson
import polars as pl

from api.exports.fluxnet import write_fluxnet
from api.releases.citation import abstract_of, describe_datacite, write_bibtex, write_cff, write_citation
from api.releases.frozen import Frozen
from core.store import RunRow

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of each file in the archive: the earliest that it can say, so that the bytes depend on the content alone."""


class Content(NamedTuple):
    """A file before it is written."""

    name: str
    media_type: str
    data: bytes

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.data).hexdigest()


Writer = Callable[[Frozen], Content]


def _csv(frozen: Frozen) -> Content:
    offset = frozen.station.station.station.utc_offset
    text = write_fluxnet(frozen.table, utc_offset=offset, minutes=frozen.minutes)
    return Content(f"{frozen.name}.csv", "text/csv", text.encode())


def _parquet(frozen: Frozen) -> Content:
    ends = (pl.col("start") + pl.duration(minutes=frozen.minutes)).alias("end")
    table = frozen.table.select("start", ends, pl.exclude("start"))
    about = {
        "release": frozen.name,
        "station": frozen.station.station.id,
        "citation": write_citation(frozen),
        "licence": frozen.licence.spdx,
        "time": "UTC, start and end of the interval",
        "units": _json(frozen.units).decode(),
    }
    return Content(f"{frozen.name}.parquet", "application/vnd.apache.parquet", _parquet_bytes(table, about))


def _parquet_bytes(table: pl.DataFrame, metadata: Mapping[str, str]) -> bytes:
    content = BytesIO()
    with warnings.catch_warnings():
        # polars calls metadata of files unstable
        warnings.simplefilter("ignore")
        table.write_parquet(content, metadata=dict(metadata))
    return content.getvalue()


def _variables(frozen: Frozen) -> Content:
    lines = [f"{name},{unit}" for name, unit in frozen.units.items()]
    return Content("variables.csv", "text/csv", "\n".join(["name,unit", *lines, ""]).encode())


def _provenance(frozen: Frozen) -> Content:
    said = {
        "release": frozen.name,
        "run": describe_run(frozen.run),
        "review": frozen.review,
        "changes": frozen.changes,
    }
    return Content("provenance.json", "application/json", _json(said))


def _readme(frozen: Frozen) -> Content:
    who = frozen.station.station.station
    text = f"""# {frozen.title}, version {frozen.version}

{abstract_of(frozen)}

Cite as: {write_citation(frozen)}

Licence: {frozen.licence.words}, {frozen.licence.url}

## Files

- `{frozen.name}.csv`: FLUXNET form. TIMESTAMP_START and TIMESTAMP_END in local standard time
  (UTC{who.utc_offset:+g} h), -9999 is missing, numbers have up to 7 significant digits.
- `{frozen.name}.parquet`: the same in full precision; `start` and `end` in UTC; missing is null or NaN.
- `variables.csv`: the unit of each series.
- `provenance.json`: inputs, methods, thresholds, sums, the state of the review, and what changed against the release
  before.
- `CITATION.cff`, `citation.bib`, `datacite.json`: how to cite it.
- `SHA256SUMS`: of all these (`sha256sum -c SHA256SUMS`).
- `{frozen.name}.zip`: all these in one.

## Review

{_told_review(frozen)}

## What changed

{_told_changes(frozen)}
"""
    return Content("README.md", "text/markdown", text.encode())


WRITERS: tuple[Writer, ...] = (
    _readme,
    _csv,
    _parquet,
    _variables,
    _provenance,
    lambda frozen: Content("CITATION.cff", "application/yaml", write_cff(frozen).encode()),
    lambda frozen: Content("citation.bib", "application/x-bibtex", write_bibtex(frozen).encode()),
    lambda frozen: Content("datacite.json", "application/json", _json(describe_datacite(frozen))),
)
"""A further format is one more function here."""


def write_files(frozen: Frozen, writers: Sequence[Writer] = WRITERS) -> list[Content]:
    """Return all files of a release: those of the writers, their checksums, and an archive of all."""
    files = [writer(frozen) for writer in writers]
    sums = "".join(f"{file.sha256}  {file.name}\n" for file in files)
    files.append(Content("SHA256SUMS", "text/plain", sums.encode()))
    return [*files, Content(f"{frozen.name}.zip", "application/zip", _archive(frozen.name, files))]


def describe_run(run: RunRow) -> dict[str, object]:
    """Return everything that is known of a run."""
    names = ("id", "station", "kind", "first", "last", "intervals", "minutes", "config_sha256", "code_version")
    return {name: getattr(run, name) for name in (*names, "methods", "started", "finished", "further", "provenance")}


def _archive(folder: str, files: Sequence[Content]) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in files:
            entry = zipfile.ZipInfo(f"{folder}/{file.name}", _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, file.data)
    return content.getvalue()


def _told_review(frozen: Frozen) -> str:
    review = frozen.review
    if review["is_whole"]:
        return "Every month of the period is signed by the station and by the centre."
    lines = [
        f"- {one['month']}{' ' if one['subject'] else ''}{one['subject']}: {one['state']}"
        + (f" ({one['why']})" if one["why"] else "")
        for one in review["missing"]
    ]
    lines += [
        f"- {one['subject']}: changed {one['changed']:%Y-%m-%d}, after the run ({one['how']})"
        for one in review["changed"]
    ]
    return "\n".join(["The period is not wholly reviewed:", "", *lines])


def _told_changes(frozen: Frozen) -> str:
    changes = frozen.changes
    if changes is None:
        return "This is the first release."
    lines = [f"Against {changes['against']}:", ""]
    lines += [
        f"- {word}: was {pair[0]}, is {pair[1]}" for word in ("program", "configuration") if (pair := changes[word])
    ]
    lines += [f"- method of {name}: was {old}, is {new}" for name, (old, new) in changes["methods"].items()]
    lines += [f"- sum of {name}: was {_sum(old)}, is {_sum(new)}" for name, (old, new) in changes["sums"].items()]
    thresholds = changes["thresholds"]
    if thresholds["gone"] or thresholds["new"]:
        lines.append(f"- thresholds of u*: {len(thresholds['gone'])} are gone, {len(thresholds['new'])} are new")
    lines += [f"- records: {changes['records'][key]} {told}" for key, told in _RECORDS if changes["records"][key]]
    lines += [f"- {name}: {_told_series(said)}" for name, said in changes["series"].items()]
    lines += [f"- series {told}: {', '.join(changes[key])}" for key, told in _SERIES if changes[key]]
    return "\n".join(lines if len(lines) > 2 else [*lines, "- nothing"])


_RECORDS = (("only_old", "are in the old one only"), ("only_new", "are in the new one only"))
_SERIES = (("series_gone", "that are gone"), ("series_new", "that are new"))


def _told_series(said: dict[str, float]) -> str:
    told = []
    if said["differ"]:
        told.append(
            f"{said['differ']} values differ, by {said['mean_difference']:.4g} on the mean and "
            f"{said['largest_difference']:.4g} at most"
        )
    told += [f"{said[word]} values {words}" for word, words in _RECORDS if said[word]]
    return "; ".join(told)


def _sum(said: dict[str, object] | None) -> str:
    return "not there" if said is None else f"{said['value']} {said['unit']}"


def _json(content: object) -> bytes:
    return orjson.dumps(content, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)
