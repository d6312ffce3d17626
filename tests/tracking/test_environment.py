import json
import os
import platform
import subprocess

import pytest

from ndsc.tracking.environment import environment_report, git_state, log_environment, package_list
from ndsc.tracking.run import start_run


def git(checkout, *arguments):
    identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=checkout, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    """A git checkout with one commit of one file."""
    folder = tmp_path / "checkout"
    folder.mkdir()
    git(folder, "init", "--quiet")
    (folder / "train.py").write_text("epochs = 30\n")
    git(folder, "add", "train.py")
    git(folder, "commit", "--quiet", "-m", "first")
    return folder


def test_of_a_clean_checkout_only_the_commit_is_recorded(checkout):
    state = git_state(checkout)
    assert (state.commit, state.dirty, state.diff, state.untracked) == (
        git(checkout, "rev-parse", "HEAD"),
        False,
        "",
        (),
    )


def test_a_changed_checkout_gives_a_diff_that_restores_it_and_names_untracked_files(checkout, tmp_path):
    (checkout / "train.py").write_text("epochs = 15\n")
    (checkout / "photo list.txt").write_text("secret content")
    (checkout / "folder").mkdir()
    state = git_state(checkout / "folder")
    assert state.dirty
    assert state.untracked == ("photo list.txt",)
    assert "secret content" not in state.diff

    patch = tmp_path / "git.diff"
    patch.write_text(state.diff)
    git(checkout, "checkout", "--quiet", "train.py")
    git(checkout, "apply", str(patch))
    assert (checkout / "train.py").read_text() == "epochs = 15\n"


def test_a_staged_change_is_in_the_diff(checkout):
    (checkout / "train.py").write_text("epochs = 15\n")
    git(checkout, "add", "train.py")
    assert "+epochs = 15" in git_state(checkout).diff


def test_a_diff_with_bytes_that_are_no_text_can_be_read(checkout):
    (checkout / "train.py").write_bytes(b"epochs = \xff\n")
    assert "\N{REPLACEMENT CHARACTER}" in git_state(checkout).diff


@pytest.mark.parametrize("packages", ["site-packages", "dist-packages"])
def test_an_installed_package_does_not_have_the_commit_of_the_checkout_around_its_environment(checkout, packages):
    installed = checkout / ".venv" / packages
    installed.mkdir(parents=True)
    state = git_state(installed)
    assert (state.commit, state.diff) == (None, "")
    assert "installed" in state.reason


def test_without_a_checkout_a_commit_or_git_the_state_has_a_reason(checkout, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "not a git repository" in git_state(tmp_path).reason

    git(tmp_path, "init", "--quiet", "unborn")
    assert git_state(tmp_path / "unborn").reason != ""

    monkeypatch.setenv("PATH", str(tmp_path))
    state = git_state(checkout)
    assert (state.commit, state.dirty, state.reason) == (None, False, "git is not installed")


def test_the_description_of_the_machine_contains_no_secrets_of_the_environment(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    report = environment_report()
    assert report["python"] == platform.python_version()
    assert report["cpu"]
    assert 1 <= report["cpu_count_usable"] <= report["cpu_count"] == os.cpu_count()
    assert report["memory_bytes"] > 1e9
    assert bool(report["gpus"]) != bool(report["gpus_reason"])
    assert report["threads"] == {"OMP_NUM_THREADS": "2"} | report["threads"]
    assert report["packages"]["numpy"].startswith("2")
    assert "hunter2" not in json.dumps(report)


def test_the_package_list_is_sorted_and_has_one_line_per_package():
    lines = package_list().splitlines()
    assert lines == sorted(set(lines), key=str.lower)
    assert f"pytest=={pytest.__version__}" in lines


def test_the_environment_is_logged_with_a_run(tracking, client, checkout):
    (checkout / "train.py").write_text("epochs = 15\n")
    (checkout / "new.py").write_text("")
    with start_run(tracking, "environment", {}) as run:
        log_environment(run, checkout)

    tags = client.get_run(run.id).data.tags
    assert (tags["git.commit"], tags["git.dirty"]) == (git(checkout, "rev-parse", "HEAD"), "true")
    names = {file.path for file in client.list_artifacts(run.id, "environment")}
    assert names == {f"environment/{name}" for name in ("machine.json", "packages.txt", "git.diff", "untracked.txt")}
