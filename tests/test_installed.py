"""ndsc installed from a wheel, in a virtual environment outside the checkout, used from a folder of its own."""

import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from ndsc.config.schema import CONFIG_FOLDER
from tests.conftest import TINY
from tests.test_house import COMMANDS, ROOT

Installed = Callable[..., str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Run a program of the environment in a folder that is no checkout, and return what it prints."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "venv", with_pip=False)
    programs, work = folder / "venv" / "bin", folder / "work"
    # The packages that ndsc needs are those of this environment, which are not installed again.
    paths = sysconfig.get_paths(vars={"base": str(folder / "venv"), "platbase": str(folder / "venv")})
    needed = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    Path(paths["purelib"], "needed.pth").write_text("\n".join(needed))
    install = ("pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    work.mkdir()

    def run(program: str, *arguments: str, cwd: Path = work) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(programs / program), *arguments]
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    run("python", "-m", *install, str(ROOT), cwd=folder)
    return run


def test_the_wheel_carries_the_whole_configuration(installed: Installed):
    (folder,) = installed("python", "-c", "from ndsc.config.schema import CONFIG_FOLDER; print(CONFIG_FOLDER)").split()
    assert "site-packages" in folder
    files = {path.relative_to(CONFIG_FOLDER): path.read_bytes() for path in CONFIG_FOLDER.rglob("*.yaml")}
    assert files == {path.relative_to(folder): path.read_bytes() for path in Path(folder).rglob("*.yaml")}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_program(installed: Installed, command: str):
    assert f"python -m ndsc.{command}" in installed(f"ndsc-{command}", "--help")


def test_own_experiments_and_choices_add_to_those_of_the_wheel(installed: Installed, tmp_path: Path):
    own = {
        "experiment/mine.yaml": "# @package _global_\ndefaults:\n  - baseline\n  - override /backbone: own\n",
        "backbone/own.yaml": "defaults:\n  - xception\nimage_size: 299\n",
    }
    for name, text in own.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    shown = installed("ndsc-train", "--config-dir", str(tmp_path), "+experiment=mine", "head=mlp", "--cfg", "job")
    assert "image_size: 299" in shown
    assert "units: 256" in shown
    assert "keras.applications.Xception" in shown


@pytest.mark.soak
def test_a_sweep_is_recorded_where_it_is_started_and_its_best_model_predicts(installed: Installed, tmp_path: Path):
    quick = ("sampling.per_class=12", "sampling.test.pool=3", "training.epochs=2", "backbone.engine=tensorflow")
    settings = ("+experiment=baseline", *TINY, *quick, "augmentation=none", "tracking.figures=false")
    shown = installed("ndsc-train", "-m", *settings, "seed=0,1", cwd=tmp_path)
    assert "2 finished" in shown
    assert {path.name for path in tmp_path.iterdir()} == {"cache", "mlruns", "outputs"}
    (run_id,) = (line.split()[-1] for line in shown.splitlines() if line.startswith(" sweep "))
    (photos,) = {path.parent for path in tmp_path.glob("cache/sample/*/beauty_image.tar")}
    installed("python", "-m", "ndsc.predict", f"run={run_id}", f"images={photos / 'beauty_image.tar'}", cwd=tmp_path)
    assert (tmp_path / "predictions.csv").exists()
    installed("ndsc-compare", cwd=tmp_path)
    assert (tmp_path / "outputs" / "comparisons").is_dir()
