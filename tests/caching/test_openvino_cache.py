import os
from pathlib import Path

import pytest

from ndsc.caching.openvino_cache import cached_network
from ndsc.errors import UserError


def test_no_telemetry_is_sent_while_a_network_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    telemetry = pytest.importorskip(
        "openvino.tools.ovc.telemetry_utils", reason="no wheels of OpenVINO for this machine"
    )
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("NNCF_CI", "mine")
    consents = []

    def make(path: Path) -> None:
        consents.append(telemetry.init_ovc_telemetry("a test of ndsc").consent)
        path.write_text("network")
        path.with_suffix(".bin").write_bytes(b"weights")

    cached_network({"name": "a"}, tmp_path, make)
    assert consents == [False]
    assert "CI" not in os.environ
    assert os.environ["NNCF_CI"] == "mine"


def test_a_cache_that_cannot_be_written_is_a_user_error(tmp_path: Path):
    (tmp_path / "cache").write_text("a file, where a folder should be")
    with pytest.raises(UserError, match=r"The cache must be writable.* Received: Not a directory at .*networks"):
        cached_network({"name": "a"}, tmp_path / "cache", lambda path: None)


def test_a_damaged_network_is_made_again(tmp_path: Path):
    made = []

    def make(path: Path) -> dict[str, int]:
        made.append(path)
        path.write_text("network")
        path.with_suffix(".bin").write_bytes(b"weights")
        return {"photos": 3}

    first = cached_network({"name": "a"}, tmp_path, make)
    assert cached_network({"name": "a"}, tmp_path, make) == first
    assert len(made) == 1
    first.path.with_suffix(".bin").write_bytes(b"weighty")
    assert cached_network({"name": "a"}, tmp_path, make) == first
    assert len(made) == 2
    assert first.notes == {"photos": 3}
    assert os.listdir(tmp_path / "networks") == [first.folder.name]
