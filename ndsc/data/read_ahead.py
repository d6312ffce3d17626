"""Reading before it is needed: from a server many photos are asked for at once, so that its delays overlap."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ndsc.data.catalogue import PhotoReader
from ndsc.data.remote import CONCURRENT_READS, is_remote
from ndsc.process import usable_cores


def reads_at_once(archives: Iterable[object]) -> int:
    """How many threads shall read out of these archives: as many as there are cores, or more where one is remote."""
    return CONCURRENT_READS if any(map(is_remote, set(archives))) else usable_cores()


def read_ahead(reader: PhotoReader, places: Iterable[tuple[str, int, int]]) -> Iterator[bytes]:
    """The bytes at each (archive, offset, size), in order. Those of a server are on their way before they are needed.

    Raises:
        ShortRead: they cannot be had; says why in a few words.
        UserError: there is no such archive, or its server does not answer any more.
    """
    waiting: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(CONCURRENT_READS) as threads:
        try:
            for archive, offset, size in places:
                remote = is_remote(archive)
                if remote:
                    waiting.append(threads.submit(reader.read, archive, offset, size))
                while len(waiting) >= (CONCURRENT_READS if remote else 1):
                    yield waiting.popleft().result()
                if not remote:
                    yield reader.read(archive, offset, size)
            while waiting:
                yield waiting.popleft().result()
        finally:
            for unread in waiting:
                unread.cancel()
