"""How a release is cited: as a sentence, for BibTeX, as CITATION.cff, as DataCite metadata, as schema.org says."""

from __future__ import annotations

import json
from typing import Any

from api.releases.frozen import LICENCES, Frozen
from core.store import ReleaseRow, StationRow

PUBLISHER = "Fluxtower"
DATACITE_SCHEMA = "http://datacite.org/schema/kernel-4.6"
_SUBJECTS = ("eddy covariance", "net ecosystem exchange", "carbon dioxide", "latent heat flux", "sensible heat flux")
_BIBTEX_SIGNS = str.maketrans(
    {
        **{sign: rf"\{sign}" for sign in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
    }
)


def write_citation(frozen: Frozen) -> str:
    """Return the sentence by which a release is cited."""
    return (
        f"{'; '.join(frozen.creators)} ({frozen.released:%Y}): {frozen.title}, version {frozen.version}. "
        f"{PUBLISHER}, release {frozen.name}. {frozen.licence.words}."
    )


def write_bibtex(frozen: Frozen) -> str:
    """Return the entry of a bibliography."""
    # doubled braces keep the name of an institution in one piece
    authors = " and ".join(f"{{{_bibtex(name)}}}" for name in frozen.creators)
    fields = {
        "author": authors,
        "title": f"{{{_bibtex(frozen.title)}}}",
        "year": f"{frozen.released:%Y}",
        "version": str(frozen.version),
        "publisher": PUBLISHER,
        "note": f"release {_bibtex(frozen.name)}, {frozen.licence.words}",
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@misc{{{frozen.name},\n{lines}}}\n"


def write_cff(frozen: Frozen) -> str:
    """Return CITATION.cff, as of the Citation File Format 1.2.0."""
    # text in JSON is text in YAML
    authors = "".join(f"  - name: {_yaml(name)}\n" for name in frozen.creators)
    return (
        "cff-version: 1.2.0\n"
        "message: If you use these data, please cite them as below.\n"
        "type: dataset\n"
        f"title: {_yaml(frozen.title)}\n"
        f"version: {_yaml(str(frozen.version))}\n"
        f"date-released: {frozen.released:%Y-%m-%d}\n"
        f"license: {frozen.licence.spdx}\n"
        f"authors:\n{authors}"
        "identifiers:\n"
        f"  - type: other\n    value: {_yaml(frozen.name)}\n    description: Name of the release\n"
    )


def describe_datacite(frozen: Frozen) -> dict[str, Any]:
    """Return metadata as of DataCite 4.6, ready for who mints a DOI; ``doi`` and ``url`` are his to add."""
    who = frozen.station.station.station
    start, end = frozen.period
    place = {"pointLongitude": who.longitude, "pointLatitude": who.latitude}
    return {
        "schemaVersion": DATACITE_SCHEMA,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Half-hourly ecosystem exchange"},
        "identifiers": [{"identifier": frozen.name, "identifierType": "Fluxtower release"}],
        "creators": [{"name": name, "nameType": "Organizational"} for name in frozen.creators],
        "titles": [{"title": frozen.title, "lang": "en"}],
        "publisher": {"name": PUBLISHER},
        "publicationYear": frozen.released.year,
        "version": str(frozen.version),
        "language": "en",
        "subjects": [{"subject": one} for one in _SUBJECTS],
        "dates": [
            {"date": f"{start:%Y-%m-%dT%H:%MZ}/{end:%Y-%m-%dT%H:%MZ}", "dateType": "Collected"},
            {"date": f"{frozen.released:%Y-%m-%d}", "dateType": "Available"},
        ],
        "rightsList": [
            {
                "rights": frozen.licence.words,
                "rightsUri": frozen.licence.url,
                "rightsIdentifier": frozen.licence.spdx,
                "rightsIdentifierScheme": "SPDX",
                "schemeUri": "https://spdx.org/licenses/",
            }
        ],
        "descriptions": [{"description": abstract_of(frozen), "descriptionType": "Abstract", "lang": "en"}],
        "geoLocations": [{"geoLocationPlace": who.name, "geoLocationPoint": place}],
        "formats": ["text/csv", "application/vnd.apache.parquet"],
    }


def abstract_of(frozen: Frozen) -> str:
    """Return what a release is in a few sentences."""
    who = frozen.station.station.station
    start, end = frozen.period
    reviewed = "reviewed by the centre" if frozen.review["is_whole"] else "NOT wholly reviewed"
    return (
        f"{frozen.table.height} intervals of {frozen.minutes} minutes of {who.name} ({who.id}; {who.latitude:g} N, "
        f"{who.longitude:g} E, {who.altitude:g} m), {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC: quality "
        f"filtered, gap-filled and partitioned fluxes with flags and uncertainty. The data are {reviewed}. "
        f"{who.description}"
    ).strip()


def describe_dataset(release: ReleaseRow, row: StationRow, page: str, file_address: str) -> dict[str, Any]:
    """Return schema.org's Dataset of a release (JSON-LD).

    Parameters
    ----------
    release : ReleaseRow
    row : StationRow
    page : str
        Address of the release's page.
    file_address : str
        Address before the name of a file.
    """
    who = row.station.station
    start, end = release.said["period"]
    box = {"@type": "GeoCoordinates", "latitude": who.latitude, "longitude": who.longitude, "elevation": who.altitude}
    return {
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": page,
        "url": page,
        "identifier": release.name,
        "name": release.title,
        "description": release.said["abstract"],
        "version": str(release.version),
        "license": LICENCES[release.licence].url,
        "creativeWorkStatus": "withdrawn" if release.withdrawal else "superseded" if release.successor else "released",
        "creator": [{"@type": "Organization", "name": name} for name in release.said["creators"]],
        "publisher": {"@type": "Organization", "name": PUBLISHER},
        "citation": release.citation,
        "datePublished": f"{release.released:%Y-%m-%d}",
        "temporalCoverage": f"{start}/{end}",
        "spatialCoverage": {"@type": "Place", "name": who.name, "geo": box},
        "keywords": list(_SUBJECTS),
        "variableMeasured": [
            {"@type": "PropertyValue", "name": name, "unitText": unit} for name, unit in release.said["units"].items()
        ],
        "distribution": [
            {
                "@type": "DataDownload",
                "name": file.name,
                "contentUrl": f"{file_address}{file.name}",
                "encodingFormat": file.media_type,
                "contentSize": f"{file.size} B",
                "sha256": file.sha256,
            }
            for file in (() if release.withdrawal else release.files)
        ],
    }


def _bibtex(text: str) -> str:
    return text.translate(_BIBTEX_SIGNS)


def _yaml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
