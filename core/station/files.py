"""What the station's raw files look like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from core.station.part import Part, mistake


class FileLayout(Part):
    """What one kind of file looks like."""

    pattern: str = Field(default="", description="what such files are called, for `fluxtower ingest`: *_fast_*.dat")
    format: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        default="toa5", description="``ingest.formats`` knows which there are"
    )
    separator: Literal[",", ";", "\t", " "] = ","
    decimal: Literal[".", ","] = "."
    header_rows: int = Field(default=1, ge=0, le=100)
    names_row: int = Field(default=1, ge=1, le=100, description="which of the header rows has the columns' names")
    columns: tuple[str, ...] = Field(default=(), description="the columns' names, where no header row has them")
    time_columns: tuple[str, ...] = Field(default=(), description="columns that make the time, joined by a blank")
    time_format: str = "%Y-%m-%d %H:%M:%S%.f"
    start: str = Field(default="", description="pattern of the first sample's time in the file's name")
    end: str = Field(default="", description="pattern of the time in the file's name at which its last sample ends")
    stamps: Literal["start", "end"] | None = Field(default=None, description="which end of a sample a stamp is")
    utc_offset: float | None = Field(default=None, ge=-12, le=14, description="stamps minus UTC, hours")
    missing: tuple[str, ...] = ("-9999",)
    check_units: bool = Field(default=True, description="refuse a file whose units are not the declared ones")

    @model_validator(mode="after")
    def _comma_has_one_meaning(self) -> FileLayout:
        if self.decimal == "," == self.separator:
            raise mistake("separator", 'another one than "," beside `decimal = ","`', repr(self.separator))
        return self


class Files(FileLayout):
    """What the station's raw files look like, for `fluxtower process`; those of slow meteorology apart."""

    meteorology: FileLayout = FileLayout()
