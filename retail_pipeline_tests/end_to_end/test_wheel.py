"""The built wheel, away from the sources."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]


def test_an_installed_wheel_brings_its_sql_yaml_and_migrations(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        assert not [name for name in archive.namelist() if name.startswith("retail_pipeline_tests")]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETAIL_")}
    environment |= {"PYTHONPATH": str(installed), "RETAIL_HOME": str(tmp_path / "home")}
    where = "import retail_pipeline; print(retail_pipeline.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert found.stdout.startswith(str(installed))
    demo = [sys.executable, "-m", "retail_pipeline", "demo"]
    result = subprocess.run(demo, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "19,798 loaded" in result.stdout
    page = [sys.executable, "-m", "retail_pipeline", "dashboards", "--output", str(tmp_path / "page.html")]
    result = subprocess.run(page, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    static = (
        "from api.dashboards import static; print(len(static('dashboards.js').body), len(static('style.css').body))"
    )
    result = subprocess.run(
        [sys.executable, "-c", static], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
