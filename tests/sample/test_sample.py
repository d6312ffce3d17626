import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ndsc.errors import UserError
from ndsc.sample import render_sample

RENDER = "import sys; from pathlib import Path; from ndsc.sample import render_sample; " + (
    "print(render_sample(Path(sys.argv[1]), photos_per_class=int(sys.argv[2])))"
)


ARCHIVES = {"beauty_image.tar", "fashion_image.tar", "mobile_image.tar"}


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _start(folder: Path, photos_per_class: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RENDER, str(folder), str(photos_per_class)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_same_arguments_give_the_same_bytes_and_others_give_a_sample_of_their_own(tmp_path: Path) -> None:
    once = render_sample(tmp_path, photos_per_class=10, seed=1)
    again = render_sample(tmp_path / "elsewhere", photos_per_class=10, seed=1)
    other_seed = render_sample(tmp_path, photos_per_class=10, seed=2)
    other_size = render_sample(tmp_path, photos_per_class=11, seed=1)
    assert len({once, other_seed, other_size}) == 3
    assert _contents(once) == _contents(again)
    differing = {name for name, content in _contents(once).items() if content != _contents(other_seed)[name]}
    assert differing == {*ARCHIVES, "train.csv", "sources.csv", "test_photos.csv"}


def test_a_complete_sample_is_found_and_not_rendered_again(tmp_path: Path) -> None:
    folder = render_sample(tmp_path, photos_per_class=10)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert render_sample(tmp_path, photos_per_class=10) == folder
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize(("photos_per_class", "seed"), [(9, 0), (-1, 0), (10, -1)])
def test_numbers_out_of_range_are_refused_before_anything_is_written(
    tmp_path: Path, photos_per_class: int, seed: int
) -> None:
    with pytest.raises(UserError, match=f"Received: {photos_per_class} photos a class and seed {seed}"):
        render_sample(tmp_path / "samples", photos_per_class, seed)
    assert not (tmp_path / "samples").exists()


def test_a_killed_renderer_leaves_nothing_that_is_taken_for_a_sample(tmp_path: Path) -> None:
    process = _start(tmp_path, 20)
    while not any(path.stat().st_size for path in tmp_path.glob(".rendering-*/sample/*.tar")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list(tmp_path.glob("sample-*"))
    folder = render_sample(tmp_path, photos_per_class=20)
    assert _contents(folder) == _contents(render_sample(tmp_path / "undisturbed", photos_per_class=20))


def test_an_interrupted_renderer_cleans_up_behind_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ndsc.sample.layout.render_photo", interrupted)
    with pytest.raises(KeyboardInterrupt):
        render_sample(tmp_path, photos_per_class=10)
    assert not list(tmp_path.iterdir())


def test_leavings_are_cleared_when_they_are_old_and_left_alone_when_someone_may_be_at_work(tmp_path: Path) -> None:
    old, young = tmp_path / ".rendering-old", tmp_path / ".rendering-young"
    for workshop in (old, young):
        (workshop / "sample").mkdir(parents=True)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    render_sample(tmp_path, photos_per_class=10)
    assert not old.exists()
    assert young.exists()


def test_two_processes_at_once_agree_on_one_complete_sample(tmp_path: Path) -> None:
    processes = [_start(tmp_path, 10) for _ in range(2)]
    answers = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    folders = {Path(output.strip()) for output, _ in answers}
    assert list(tmp_path.iterdir()) == list(folders)
    assert _contents(folders.pop()) == _contents(render_sample(tmp_path / "alone", photos_per_class=10))
