"""Files on a server, at s3:// or https:// addresses: their status, and their bytes by range.

Everything goes through fsspec, so credentials, proxies and endpoints are set as usual: by AWS' own variables and files,
FSSPEC_S3_…, and ~/.netrc.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from ndsc import process
from ndsc.caching.digests import content_hash
from ndsc.errors import UserError

Response = TypeVar("Response")

SCHEMES = ("s3://", "https://", "http://")
# So many photos are requested at once: with answers in 50 ms, 600 a second instead of 20.
CONCURRENT_READS = 32
ATTEMPTS = 4
FIRST_PAUSE = 0.5  # seconds before the second attempt; doubled before each further one
RESPONSE_SECONDS = 30.0


class NotThere(UserError):
    """The server answers, but has no such file."""


class Status(NamedTuple):
    """A file's size in bytes, and what the server identifies its version by (ETag, time; may be "")."""

    size: int
    version: str


@dataclass(frozen=True)
class RemotePath:
    """The address of a file or a folder on a server; the parts of `Path` that mean something there."""

    address: str

    def __str__(self) -> str:
        return self.address

    def __truediv__(self, name: str) -> "RemotePath":
        return RemotePath(f"{self.address.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The text behind the last slash."""
        return self.address.rstrip("/").rpartition("/")[2]

    def is_file(self) -> bool:
        """Whether the server has it.

        Raises:
            UserError: the server does not answer, or denies access.
        """
        try:
            self.status()
        except NotThere:
            return False
        return True

    def status(self) -> Status:
        """Ask the server for the file's current status.

        Raises:
            NotThere: it has no such file.
            UserError: a package is missing, or the server does not answer, denies access, or does not state the file's
                size.
        """
        # Not at every read: the status of a file is requested before its bytes are.
        absent = missing_packages(self)
        if absent:
            raise UserError(
                f"Data at {self} needs {' and '.join(absent)}. Received: not installed here. "
                f"Install with: {process.install_command('remote')}"
            )
        info = with_retries(self, lambda files: files.info(self.address))
        if info.get("type") != "file":
            raise NotThere(f"A file was expected. Received: {self}, which is a folder. Fix the address.")
        if info.get("size") is None:
            raise UserError(
                f"A server that states the size of its files was expected. Received: no size for {self}. Move the data "
                "to another server, or to a disk."
            )
        versions = (str(info.get(name) or "") for name in ("ETag", "Last-Modified", "LastModified"))
        return Status(int(info["size"]), " ".join(filter(None, versions)))


def is_remote(location: object) -> bool:
    """Whether this is the address of something on a server."""
    return str(location).lower().startswith(SCHEMES)


def missing_packages(location: object) -> list[str]:
    """Return the packages of the extra `remote` that this address needs and that are not installed."""
    needed = ("fsspec", "s3fs" if str(location).lower().startswith("s3:") else "aiohttp")
    return process.missing_packages({name: name for name in needed})


class RemoteFile:
    """A file on a server as a ByteSource (see `ndsc.storage.byte_sources`), read by any number of threads at once."""

    def __init__(self, path: RemotePath) -> None:
        """Ask the server for the file's size, and whether it sends parts of files.

        Raises:
            UserError: there is no such file, the server does not answer, or sends whole files only.
        """
        self._path = path
        self.end = path.status().size
        if self.end > 1 and not with_retries(path, self._sends_ranges):
            raise UserError(
                "A server that sends parts of files (HTTP range requests) was expected, as photos are read one by one "
                f"from an archive of gigabytes. Received: {path}, of which the server sends all or nothing. Move the "
                "data to another server, or to a disk."
            )

    def read_at(self, offset: int, size: int) -> bytes:
        """See ByteSource.

        Raises:
            UserError: the server stops answering. That says nothing about the photo, so the run must not go on.
        """
        stop = min(offset + size, self.end)
        if offset >= stop:
            return b""
        return with_retries(self._path, lambda files: files.cat_file(self._path.address, start=offset, end=stop))

    def close(self) -> None:
        """See ByteSource. Connections belong to fsspec, and other files use them too."""

    def _sends_ranges(self, files: Any) -> bool:
        if self._path.address.startswith("s3:"):
            return True
        try:
            # Not `cat_file`, which would download gigabytes where the server ignores ranges.
            with files.open(self._path.address, cache_type="none") as file:
                file.seek(1)
                return len(file.read(1)) == 1
        except ValueError:
            return False


def with_retries(path: RemotePath, request: Callable[[Any], Response]) -> Response:
    """Send a request through fsspec's file system, and repeat it after a pause if the error is temporary. Fsspec itself
    does not repeat requests over HTTP.

    Raises:
        NotThere: there is no such file.
        UserError: the server does not answer, or denies access.
    """
    for attempt in range(ATTEMPTS):
        try:
            return request(_filesystem(path.address))
        except Exception as error:  # of fsspec, aiohttp and botocore, which share no ancestor
            # HTTPFileSystem.info raises FileNotFoundError whatever the reason.
            reason = error.__cause__ or error if isinstance(error, FileNotFoundError) else error
            if attempt == ATTEMPTS - 1 or not _is_temporary(reason):
                raise _user_error(path, reason) from error
        time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError("unreachable")


def address_digest(path: RemotePath, status: Status) -> str:
    """Return 32 hex digits that change with the address and with the version of the file there."""
    return content_hash(f"{path} {status.size} {status.version}")


def _filesystem(address: str) -> Any:
    """Return the `AbstractFileSystem`, of which fsspec caches one for each set of arguments, with its connections."""
    import fsspec

    if address.startswith("s3:"):
        pool = {"max_pool_connections": CONCURRENT_READS}
        return fsspec.filesystem("s3", use_listings_cache=False, config_kwargs=pool)
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=RESPONSE_SECONDS, sock_read=RESPONSE_SECONDS)
    # Compression by the server would shift every offset.
    return fsspec.filesystem(
        "http", client_kwargs={"trust_env": True, "timeout": timeout}, headers={"Accept-Encoding": "identity"}
    )


def _status_code(error: BaseException) -> int | None:
    """The HTTP status, where the server answered at all: aiohttp's, or botocore's behind the error of s3fs."""
    response: Any = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    if isinstance(response, dict):
        return response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return getattr(error, "status", None)


def _is_temporary(error: BaseException) -> bool:
    """Whether it may help to repeat the request."""
    import aiohttp

    code = _status_code(error)
    if code is not None:
        return code >= 500 or code == 429
    return isinstance(error, (OSError, aiohttp.ClientError)) and not isinstance(
        error, (FileNotFoundError, PermissionError)
    )


def _user_error(path: RemotePath, error: BaseException) -> UserError:
    code = _status_code(error)
    if code in (404, 410) or (code is None and isinstance(error, FileNotFoundError)):
        return NotThere(f"A file was expected at {path}. Received: the server has none there. Fix the address.")
    reason = f"{type(error).__name__}: {str(error) or 'no answer'}".replace("\n", " ")
    if code in (401, 403) or isinstance(error, PermissionError) or "Credentials" in reason:
        return UserError(
            f"Access denied: {path}. Received: {reason}. Set AWS credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID; "
            "FSSPEC_S3_ANON=true for a public bucket) or ~/.netrc."
        )
    return UserError(
        f"The server of {path} was expected to answer. Received: {reason}. Check the address and the network; files "
        "that are already in the cache are not fetched again."
    )
