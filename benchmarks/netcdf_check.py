"""Whether our netCDF files are what CF-1.11 and ACDD-1.3 want: `python benchmarks/netcdf_check.py`.

Writes a file of fluxes, of a season and of readings and gives them to the IOOS compliance checker, which gets an
environment of its own (FLUXTOWER_VAR/compliance-checker, made at the first run; it needs a package index then). CF has
to pass without a remark, ACDD without a highly recommended attribute missing but `standard_name` of variables for which
CF's table has no name: these are listed. Exit status 1 otherwise. Last line: JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from api.exports.netcdf import write_netcdf  # noqa: E402
from api.exports.series import ExportTable  # noqa: E402
from benchmarks import made_up_exports  # noqa: E402
from core.settings import read_settings  # noqa: E402

CHECKER = "compliance-checker==6.1.0"
NO_NAME = ["standard_name"]
"""What ACDD may miss: CF's table of names does not have all that a tower measures."""


def checker() -> Path:
    """Return the checker's program, installed if it is not there."""
    folder = read_settings().var.resolve() / "compliance-checker"
    program = folder / "bin" / "compliance-checker"
    if not program.exists():
        print(f"installing {CHECKER} in {folder}", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", CHECKER], check=True)
    return program


def check(program: Path, export: ExportTable, folder: Path) -> tuple[list[str], list[str]]:
    """Return complaints about a file, and its variables for which CF has no standard name."""
    file, report = folder / f"{export.what}.nc", folder / f"{export.what}.json"
    file.write_bytes(write_netcdf(export))
    subprocess.run(
        [program, "-t", "cf:1.11", "-t", "acdd:1.3", "-f", "json", "-o", report, file],
        capture_output=True,
        check=False,  # it says 1 for anything recommended that is not there
    )
    found = json.loads(report.read_text())
    complaints, nameless = [], []
    for one in found["cf:1.11"]["all_priorities"]:
        complaints += [f"CF {one['name']}: {message}" for message in one["msgs"]]
    for one in found["acdd:1.3"]["high_priorities"]:
        if one["msgs"] == NO_NAME:
            nameless.append(one["name"].split('"')[1])
        else:
            complaints += [f"ACDD {one['name']}: {message}" for message in one["msgs"]]
    return complaints, nameless


def main() -> int:
    """Check; return the exit status."""
    program = checker()
    complaints, nameless = [], 0
    with tempfile.TemporaryDirectory(prefix="fluxtower-netcdf-") as folder:
        for make in (made_up_exports.fluxes, made_up_exports.season, made_up_exports.readings):
            export = make(96)
            wrong, without = check(program, export, Path(folder))
            print(f"{export.what}: {len(export.columns)} variables, {len(wrong)} complaints")
            print("\n".join([*(f"  {line}" for line in wrong), f"  without a CF name: {', '.join(without) or 'none'}"]))
            complaints += wrong
            nameless += len(without)
    print(json.dumps({"netcdf_errors": len(complaints), "variables_without_cf_name": nameless}))
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
