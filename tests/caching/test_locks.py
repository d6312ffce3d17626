import logging
import os
import platform
import shutil
import threading
from pathlib import Path

import pytest

from ndsc.caching.locks import claim, exclusive_lock, unclaimed


def test_a_lock_is_waited_for_and_its_holder_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    order: list[str] = []

    def wait() -> None:
        with exclusive_lock(tmp_path / "lock"):
            order.append("second")

    with caplog.at_level(logging.INFO):
        with exclusive_lock(tmp_path / "lock"):
            waiting = threading.Thread(target=wait)
            waiting.start()
            waiting.join(0.2)
            order.append("first")
        waiting.join()
    assert order == ["first", "second"]
    assert caplog.messages == [
        f"Waiting for process {os.getpid()} on {platform.node()}, which writes to the same folder ({tmp_path})."
    ]


def test_a_claim_on_a_folder_that_is_being_deleted_waits_and_creates_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    claimed: list[int] = []
    with unclaimed(folder) as is_free:
        assert is_free
        waiting = threading.Thread(target=lambda: claimed.append(claim(folder)))
        waiting.start()
        waiting.join(0.2)
        assert not claimed, "it waits until the folder is pruned"
        shutil.rmtree(folder)
    waiting.join()
    with unclaimed(folder) as is_free:
        assert not is_free
