"""Servers on this machine that give files over HTTP, with ranges or without, and over S3's protocol."""

import email.utils
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest


@dataclass
class WebServer:
    """A web server of the files in a folder. What it does badly can be changed while it runs."""

    root: Path
    ranges: bool = True
    versions: bool = True  # says ETag and Last-Modified
    delay: float = 0.0  # seconds before each answer
    failing: int = 0  # so many of the next answers are 503
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range
    at_once: int = 0  # the most answers that were waited for at one time
    address: str = ""

    def ranges_of(self, method: str, name: str) -> list[str]:
        """Return the ranges that were requested of one file."""
        return [range for how, path, range in self.requests if how == method and path.endswith(name)]


@contextmanager
def web_server(root: Path) -> Iterator[WebServer]:
    """A server of these files on a free port, until the block ends."""
    state = WebServer(root)
    lock, busy = threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def _answer(self, with_body: bool) -> None:
            with lock:
                state.requests.append((self.command, self.path, self.headers.get("Range", "")))
                busy[0] += 1
                state.at_once = max(state.at_once, busy[0])
                failing, state.failing = state.failing > 0, max(0, state.failing - 1)
            time.sleep(state.delay)
            self._send(with_body, failing)
            with lock:
                busy[0] -= 1

        def _send(self, with_body: bool, failing: bool) -> None:
            path = state.root / self.path.lstrip("/")
            if failing or not path.is_file():
                self.send_response(503 if failing else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            size = path.stat().st_size
            start, stop = self._range(size)
            self.send_response(206 if (start, stop) != (0, size) else 200)
            self.send_header("Content-Length", str(stop - start))
            if (start, stop) != (0, size):
                self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{size}")
            if state.versions:
                self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}"')
                self.send_header("Last-Modified", email.utils.formatdate(path.stat().st_mtime, usegmt=True))
            self.end_headers()
            if with_body:
                with path.open("rb") as file:
                    file.seek(start)
                    self.wfile.write(file.read(stop - start))

        def _range(self, size: int) -> tuple[int, int]:
            requested = self.headers.get("Range", "")
            if not state.ranges or not requested:
                return 0, size
            first, _, last = requested.removeprefix("bytes=").partition("-")
            return int(first), min(int(last) + 1, size)

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that goes away early, as one does that wanted a range, is no error."""

    with Server(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def s3_server(monkeypatch: pytest.MonkeyPatch, objects: Mapping[str, bytes]) -> Iterator[str]:
    """Moto's S3 on a free port, which the environment names as AWS' own; yields the address of a bucket with these
    objects."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    # Whatever the person who runs the tests is to AWS otherwise.
    settings |= {
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    files = fsspec.filesystem("s3")
    # Moto remembers a process' buckets from one server to the next.
    bucket = f"bucket-{secrets.token_hex(6)}"
    try:
        files.mkdir(bucket)
        for name, data in objects.items():
            files.pipe_file(f"{bucket}/{name}", data)
        yield f"s3://{bucket}"
    finally:
        files.clear_instance_cache()
        server.stop()
