"""What the station's raw files look like."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from core.station.part import Part, mistake


class FileLayout(Part):
    """What one kind of file looks like."""

    pattern: str = Field(default="", description="what such files are called, for `fluxtower ingest`: *_fast_*.dat")
    format: Literal["toa5", "tob1", "tob3", "ghg", "icos_csv", "csv"] = "toa5"
    separator: Literal[",", ";", "\t"] = ","
    header_rows: int = Field(default=1, ge=0, le=100)
    names_row: int = Field(default=1, ge=1, le=100, description="which of the header rows has the columns' names")
    columns: tuple[str, ...] = Field(default=(), description="the columns' names, where no header row has them")
    time_columns: tuple[str, ...] = Field(default=(), description="columns that make the time, joined by a blank")
    time_format: str = "%Y-%m-%d %H:%M:%S%.f"
    start: str = Field(default="", description="pattern of the first sample's time in the file's name")
    stamps: Literal["start", "end"] | None = Field(default=None, description="which end of a sample a stamp is")
    utc_offset: float | None = Field(default=None, ge=-12, le=14, description="stamps minus UTC, hours")
    missing: tuple[str, ...] = ("-9999",)
    check_units: bool = Field(default=True, description="refuse a TOA5 file whose units are not the declared ones")

    @property
    def stamps_end(self) -> bool:
        """Whether stamps are interval ENDs: those of Campbell's files are, unless the station file says otherwise."""
        return (self.stamps or ("end" if self.format in ("toa5", "tob1", "tob3") else "start")) == "end"

    @property
    def start_pattern(self) -> str:
        """Pattern of the first sample's time in the file's name; empty where records have stamps."""
        return self.start or ("_EC_%Y%m%d%H%M" if self.format == "icos_csv" and not self.time_columns else "")

    @model_validator(mode="after")
    def _layout_fits_format(self) -> FileLayout:
        csv_keys = ("separator", "header_rows", "names_row", "columns", "time_columns", "time_format", "start")
        if self.format not in ("icos_csv", "csv"):
            for key in csv_keys:
                if key in self.model_fields_set:
                    raise mistake(
                        key, f"nothing: a {self.format.upper()} file says it itself", repr(getattr(self, key))
                    )
            return self
        if bool(self.time_columns) == bool(self.start_pattern):
            got = "both" if self.time_columns else "neither"
            raise mistake("time_columns", "either time_columns or start, to know when a sample was taken", got)
        if not self.columns and self.names_row > self.header_rows:
            raise mistake("columns", f"names, for there is no header row {self.names_row}")
        return self


class Files(FileLayout):
    """What the station's raw files look like, for `fluxtower process`; those of slow meteorology apart."""

    meteorology: FileLayout = FileLayout()
