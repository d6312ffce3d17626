"""Commands with closed or odd standard streams, and with `~` in a path."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ndsc.config.schema import Config

CACHE = f"{sys.executable} -m ndsc.cache list --root"


@pytest.mark.parametrize("closed", ["2>&-", "<&-", "<&- 2>&-"])
def test_a_command_works_with_closed_streams(tmp_path: Path, closed: str):
    done = subprocess.run(f"{CACHE} {tmp_path} {closed}", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "total" in done.stdout
    assert subprocess.run(f"{CACHE} {tmp_path} >&-", shell=True, capture_output=True).returncode == 0


def test_characters_that_the_terminal_lacks_are_escaped(tmp_path: Path):
    (tmp_path / "写真").mkdir()
    done = subprocess.run(f"PYTHONIOENCODING=latin-1 {CACHE} {tmp_path}", shell=True, capture_output=True, text=True)
    assert done.returncode == 0
    assert r"\u5199\u771f" in done.stdout


def test_a_reader_that_has_gone_ends_a_command_quietly(tmp_path: Path):
    done = subprocess.run(["bash", "-c", f"{CACHE} {tmp_path} | true; echo ${{PIPESTATUS[0]}}"], capture_output=True)
    assert (done.stdout, done.stderr) == (b"141\n", b"")


def test_the_home_folder_is_expanded_in_every_path(configured: Callable[..., Config], monkeypatch, tmp_path: Path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = configured("tracking.root='~/runs'", "cache.root='~/cache'")
    assert (config.tracking.root, config.cache.root) == (f"{tmp_path}/runs", f"{tmp_path}/cache")
    command = [sys.executable, "-m", "ndsc.train", "--cfg", "job", "tracking.root=~/runs"]
    assert f"root: {tmp_path}/runs\n" in subprocess.run(command, capture_output=True, text=True, check=True).stdout
