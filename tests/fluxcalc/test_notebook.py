"""The example for notebooks runs as it is printed, and gives what was built into its samples."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "guide" / "notebook.md"
ORCHARD_H = (172.9995, 148.1136)  # EddyPro 6.2.1 on the same files [W m-2]


def test_the_example_runs_and_finds_what_it_built_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for example in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(example, str(PAGE), "exec"), names)
    record = names["record"]
    # w has a variance of 0.16 m2 s-2 and carries 0.3 K, -0.05 mmol m-3 and -0.4 m s-1 a metre a second
    assert record.diagnostics["cov_w_ts"] == pytest.approx(0.3 * 0.16, rel=0.05)
    assert record.diagnostics["cov_w_co2"] == pytest.approx(-0.05e-3 * 0.16, rel=0.05)
    assert record.diagnostics["cov_uw"] == pytest.approx(-0.4 * 0.16, rel=0.1)
    assert record.diagnostics["lag_co2_s"] == 0.0
    assert {record.values[f"{name}_SSITC_TEST"] for name in ("H", "LE", "FC")} == {0.0}
    assert [one.values["H"] for one in names["fluxes"]] == pytest.approx(ORCHARD_H, rel=1e-3)


def test_importing_fluxcalc_does_not_load_the_compiler() -> None:
    check = "import sys, fluxcalc; assert callable(fluxcalc.process); sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False, cwd=ROOT).returncode == 0
