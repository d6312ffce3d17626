"""The environment of a run: the code and its changes, the packages, the machine."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from ndsc.process import usable_cores
from ndsc.startup import numeric_variables
from ndsc.tracking.gpu import gpu_names, visible_gpus
from ndsc.tracking.tracked_run import Run

MAIN_PACKAGES = (
    "tensorflow",
    "keras",
    "openvino",
    "numpy",
    "pandas",
    "pyarrow",
    "pillow",
    "scikit-learn",
    "hydra-core",
    "mlflow",
)

# Chosen by name, because an environment also holds passwords and tokens.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


@dataclass(frozen=True)
class GitState:
    """A checkout at one moment. Without a checkout `commit` is None and `reason` says why."""

    commit: str | None = None
    dirty: bool = False
    diff: str = ""
    untracked: tuple[str, ...] = ()
    reason: str = ""


def log_environment(run: Run, checkout: Path) -> None:
    """Log the environment: tags `git.commit` and `git.dirty`, and artifacts in the folder `environment/`.

    `git.diff` holds the changes of tracked files; of untracked ones only the names are logged, because they may be data
    or secrets.
    """
    state = git_state(checkout)
    run.set_tags({"git.commit": state.commit or state.reason, "git.dirty": str(state.dirty).lower()})
    run.log_json(environment_report(), "environment/machine.json")
    run.log_text(package_list(), "environment/packages.txt")
    if state.diff:
        run.log_text(state.diff, "environment/git.diff")
    if state.untracked:
        run.log_text("\n".join(state.untracked) + "\n", "environment/untracked.txt")


def environment_report() -> dict[str, Any]:
    """Describe Python, the machine and the main packages as plain data; memory in bytes."""
    versions = package_versions()
    return {
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "cpu": _cpu_model(),
        "cpu_count": os.cpu_count(),
        "cpu_count_usable": usable_cores(),
        "memory_bytes": psutil.virtual_memory().total,
        "gpus": gpu_names(),
        "gpus_reason": visible_gpus().reason,
        "threads": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ} | numeric_variables(),
        "packages": {name: versions.get(name) for name in MAIN_PACKAGES},
    }


@cache  # takes half a second, and a process does not see what is installed later
def package_list() -> str:
    """List every installed package as `name==version`, one a line, sorted; pip is not needed."""
    packages = {f"{package.name}=={package.version}" for package in metadata.distributions()}
    return "\n".join(sorted(packages, key=str.lower)) + "\n"


def package_versions(listed: str | None = None) -> dict[str, str]:
    """Return the versions in a list of packages (None: of this environment) by name."""
    return dict(line.split("==", 1) for line in (listed or package_list()).splitlines())


def git_state(folder: Path) -> GitState:
    """Ask git for the commit, the changes of tracked files since then, and the names of untracked files.

    Outside a checkout, before the first commit or without git, the state says so in `reason`. Changes nothing, not
    even git's index.
    """
    if folder.name in ("site-packages", "dist-packages"):  # which may be below a checkout of something else
        return GitState(reason="not a git repository: ndsc is installed from a wheel")
    try:
        commit = _git(folder, "rev-parse", "--verify", "HEAD").strip()
        diff = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff")
        untracked = _git(folder, "ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/")
    except FileNotFoundError:
        return GitState(reason="git is not installed")
    except subprocess.CalledProcessError as error:
        return GitState(reason=error.stderr.strip() or f"git ended with {error.returncode}")
    names = tuple(name for name in untracked.split("\0") if name)
    return GitState(commit, bool(diff or names), diff, names)


def _git(folder: Path, *arguments: str) -> str:
    environment = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *arguments]
    # A changed file may hold any bytes; a diff with replacement characters is better than none.
    return subprocess.run(
        command, env=environment, check=True, capture_output=True, encoding="utf-8", errors="replace"
    ).stdout


def _cpu_model() -> str:
    if sys.platform == "darwin":
        return subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], check=True, capture_output=True, text=True
        ).stdout.strip()
    description = Path("/proc/cpuinfo")
    lines = description.read_text(encoding="utf-8").splitlines() if description.exists() else []
    # Absent on ARM.
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
