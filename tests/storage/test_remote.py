"""Files on a real web server and a real S3 server on this machine."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import fsspec
import pytest

from ndsc.errors import UserError
from ndsc.storage import remote
from ndsc.storage.remote import NotThere, RemoteFile, RemotePath, is_remote, missing_packages
from tests.storage.servers import WebServer, s3_server, web_server

DATA = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "FIRST_PAUSE", 0.01)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebServer]:
    (tmp_path / "x.tar").write_bytes(DATA)
    with web_server(tmp_path) as server:
        yield server


def test_addresses_are_distinguished_from_paths():
    assert [
        is_remote(location) for location in ("s3://b/x", "https://h/x", "HTTP://h/x", "/s3/x", Path("https:/h"), "x")
    ] == [True] * 3 + [False] * 3


def test_an_address_is_joined_like_a_path():
    folder = RemotePath("s3://bucket/folder/")
    assert (str(folder / "a.tar"), (folder / "a.tar").name, folder.name) == (
        "s3://bucket/folder/a.tar",
        "a.tar",
        "folder",
    )


def test_parts_of_a_file_are_read_and_nothing_beyond_its_end(web: WebServer):
    with closing(RemoteFile(RemotePath(f"{web.address}/x.tar"))) as file:
        assert file.end == len(DATA)
        assert file.read_at(300, 20) == DATA[300:320]
        assert file.read_at(len(DATA) - 5, 100) == DATA[-5:]
        assert file.read_at(len(DATA), 1) == file.read_at(1 << 62, 1) == file.read_at(5, 0) == b""
    assert web.ranges_of("GET", "x.tar")[1:] == ["bytes=300-319", f"bytes={len(DATA) - 5}-{len(DATA) - 1}"]


def test_a_missing_file_is_distinguished_from_a_server_that_does_not_answer(web: WebServer):
    missing = RemotePath(f"{web.address}/y.tar")
    assert not missing.is_file()
    with pytest.raises(NotThere, match=r"Received: the server has none there"):
        missing.status()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(UserError, match=r"server of http.*/x\.tar was expected to answer\. Received: ClientConnector"):
        RemotePath(f"http://127.0.0.1:{port}/x.tar").is_file()


def test_a_request_is_repeated_after_a_temporary_error(web: WebServer):
    with closing(RemoteFile(RemotePath(f"{web.address}/x.tar"))) as file:
        web.failing = remote.ATTEMPTS - 1
        assert file.read_at(0, 9) == DATA[:9]
        web.failing = remote.ATTEMPTS
        with pytest.raises(UserError, match=r"expected to answer\. Received: .*503"):
            file.read_at(0, 9)


def test_a_server_without_range_requests_is_an_error(web: WebServer):
    web.ranges = False
    with pytest.raises(UserError, match=r"parts of files \(HTTP range requests\)"):
        RemoteFile(RemotePath(f"{web.address}/x.tar"))


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing_packages("s3://b/x") == ["fsspec", "s3fs"]
    assert missing_packages("https://h/x") == ["fsspec", "aiohttp"]
    with pytest.raises(UserError, match=r"needs fsspec and s3fs\..*installed here.*requirements/remote\.txt"):
        RemotePath("s3://b/x").status()


def test_the_version_is_the_one_that_the_server_states(web: WebServer, tmp_path: Path):
    path = RemotePath(f"{web.address}/x.tar")
    first = path.status()
    assert first.size == len(DATA)
    assert path.status() == first
    (tmp_path / "x.tar").write_bytes(DATA)
    assert path.status() != first
    web.versions = False
    assert path.status().version == ""


def test_files_in_a_bucket_are_read_and_missing_like_those_on_a_web_server(monkeypatch: pytest.MonkeyPatch):
    with s3_server(monkeypatch, {"folder/x.tar": DATA}) as bucket:
        path = RemotePath(f"{bucket}/folder/x.tar")
        assert path.status().size == len(DATA)
        assert path.status().version
        with closing(RemoteFile(path)) as file:
            assert file.read_at(300, 20) == DATA[300:320]
            assert file.read_at(len(DATA) - 5, 100) == DATA[-5:]
        for missing in (f"{bucket}/folder/y.tar", f"{bucket}/folder", "s3://nobody/x.tar"):
            assert not RemotePath(missing).is_file()
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        fsspec.filesystem("s3").clear_instance_cache()
        with pytest.raises(UserError, match=r"Access denied: s3://.*NoCredentials.*FSSPEC_S3_ANON=true"):
            path.status()
