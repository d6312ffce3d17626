"""Measure the time until a photo can be read from 67 GB of archives, against `tarfile` and against unpacking.

    python -m experiments.benchmarks.archive [--members 666615]

Creates archives of the size of NDSC in a temporary folder. They are sparse files: the photos are holes, so 67 GB take
3 GB of disk space; headers, names and train.csv are real. Everything is read from the page cache. Each measurement
runs in its own process, whose anonymous memory is read from the operating system (Linux). Takes about 2 minutes.
TMPDIR=<folder> selects the folder; in memory, such as /dev/shm, writing and removing 3 GB is faster.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from experiments.benchmarks.command_line import parser
from experiments.benchmarks.processes import measured
from experiments.benchmarks.report import Report
from ndsc.config.schema import DataConfig
from ndsc.data.catalogue import load_catalogue
from ndsc.storage.archive import open_archive
from ndsc.storage.photo_reader import PhotoReader

DOMAINS = {"beauty": 286_583, "fashion": 219_702, "mobile": 160_330}
MEMBERS = sum(DOMAINS.values())
PER_CLASS = 1150
TARFILE_MEMBERS = 50_000
PAD = 512


def main() -> None:
    """Run the benchmark and print its report."""
    known = parser(__doc__)
    known.add_argument("--members", type=int, default=MEMBERS)
    for name in ("--measure", "--folder"):
        known.add_argument(name, help=argparse.SUPPRESS)
    given = known.parse_args()
    if given.measure:
        start = time.process_time()
        result = MEASUREMENTS[given.measure](Path(given.folder))
        print(json.dumps(result | {"processor": time.process_time() - start}))
        return
    with tempfile.TemporaryDirectory(prefix="ndsc-archive-") as folder:
        report = run(Path(folder), given.members)
        # Before the folder is removed, which can take minutes on file systems that discard freed blocks.
        report.show()
        report.save(given.json)


def run(folder: Path, members: int = MEMBERS) -> Report:
    """Run all measurements in an empty folder, on archives with `members` members in total."""
    total = make_archives(folder, members)
    some = min(TARFILE_MEMBERS, members)
    write_sparse_tar(folder / "some.tar", [f"beauty_image/{n:032x}.jpg" for n in range(some)], np.full(some, 100_000))
    results = {name: measure(name, folder) for name in MEASUREMENTS}
    tarfile_seconds, tarfile_processor = (results["tarfile"][key] * members / some for key in ("seconds", "processor"))
    unpacking = measure_unpacking(folder, members)
    ours = results["catalogue, first time"]["seconds"] + results["draw and read"]["seconds"]
    report = Report("archive", f"{members:,} members, {total / 1e9:.1f} GB in three sparse archives")
    report.ratios = {
        "index, CPU time: tarfile / ours": tarfile_processor / results["index"]["processor"],
        "until a sample is read: unpacking everything / ours, first time": unpacking / ours,
        "index: first time / again": results["index"]["seconds"] / results["index, again"]["seconds"],
    }
    for name, result in results.items():
        if name != "tarfile":
            report.figures[f"{name} ({result['what']})"] = f"{result['seconds']:.3f} s"
            report.figures[f"{name}: CPU time"] = f"{result['processor']:.3f} s"
            report.figures[f"{name}: peak anonymous memory"] = f"{result['megabytes']:.0f} MB"
    report.figures[f"index by tarfile (measured on {some:,} members, scaled)"] = f"{tarfile_seconds:.1f} s"
    report.figures[f"unpacking (measured on {min(3 * PER_CLASS, members):,} photos, scaled)"] = f"{unpacking:.1f} s"
    return report


def make_archives(folder: Path, members: int) -> int:
    """Write three sparse archives and train.csv, with 5 % of the paths without `.jpg`. Return the total bytes."""
    random = np.random.default_rng(0)
    total = 0
    with (folder / "train.csv").open("w") as listings:
        listings.write("itemid,title,Category,image_path\n")
        for category, (domain, share) in enumerate(DOMAINS.items()):
            count = round(members * share / MEMBERS)
            names = [f"{domain}_image/{random.bytes(16).hex()}.jpg" for _ in range(count)]
            sizes = random.integers(60_000, 140_000, count)
            total += write_sparse_tar(folder / f"{domain}_image.tar", names, sizes)
            for number in random.permutation(count):
                path = names[number].removesuffix(".jpg") if number % 20 == 0 else names[number]
                listings.write(f"{number},a listing of {domain} number {number},{category},{path}\n")
    return total


def write_sparse_tar(path: Path, names: list[str], sizes: np.ndarray) -> int:
    """Write a tar file whose members are holes. Return its size in bytes."""
    offset = 0
    with path.open("wb", buffering=0) as file:
        for name, size in zip(names, sizes.tolist(), strict=True):
            member = tarfile.TarInfo(name)
            member.size = size
            file.seek(offset)
            file.write(member.tobuf(tarfile.GNU_FORMAT))
            offset += PAD + size + -size % PAD
        file.truncate(offset + 2 * PAD)
    return offset + 2 * PAD


def index(folder: Path) -> dict:
    """Open all archives, which indexes them the first time."""
    start = time.perf_counter()
    found = 0
    for domain in DOMAINS:
        with open_archive(folder / f"{domain}_image.tar", folder / "cache") as archive:
            found += archive.members.num_rows
    return {"seconds": time.perf_counter() - start, "what": f"{found:,} members"}


def catalogue(folder: Path) -> dict:
    """Load the catalogue. It is not cached the first time."""
    start = time.perf_counter()
    rows = load_catalogue(_data(folder), folder / "cache of the catalogue").rows
    return {"seconds": time.perf_counter() - start, "what": f"{rows.num_rows:,} listings"}


def draw_and_read(folder: Path) -> dict:
    """Load the catalogue again, draw a sample and read its photos, on two threads."""
    start = time.perf_counter()
    cache = folder / "cache of the catalogue"
    rows = load_catalogue(_data(folder), cache).rows
    labels = rows.column("label").to_numpy()
    random = np.random.default_rng(0)
    drawn = [random.permutation(np.flatnonzero(labels == domain))[:PER_CLASS] for domain in DOMAINS]
    locations = rows.select(["archive", "offset", "size"]).take(np.concatenate(drawn)).to_pylist()
    with PhotoReader(cache) as reader, ThreadPoolExecutor(2) as threads:
        read = sum(threads.map(lambda location: len(reader.read(**location)), locations))
    return {"seconds": time.perf_counter() - start, "what": f"{len(locations):,} photos, {read / 1e6:.0f} MB"}


def index_by_tarfile(folder: Path) -> dict:
    """List the members of the smaller archive with the standard library."""
    start = time.perf_counter()
    with tarfile.open(folder / "some.tar", "r:") as archive:
        found = len(archive.getmembers())
    return {"seconds": time.perf_counter() - start, "what": f"{found:,} members"}


MEASUREMENTS: dict[str, Callable[[Path], dict]] = {
    "index": index,
    "index, again": index,
    "catalogue, first time": catalogue,
    "catalogue, again": catalogue,
    "draw and read": draw_and_read,
    "tarfile": index_by_tarfile,
}


def measure(name: str, folder: Path) -> dict:
    """Run one measurement in its own process and add the peak of its anonymous memory."""
    command = [sys.executable, "-m", __spec__.name, "--measure", name, "--folder", str(folder)]
    finished = measured(command)
    return json.loads(finished.output) | {"megabytes": finished.megabytes}


def measure_unpacking(folder: Path, members: int) -> float:
    """Return the seconds to unpack all members: measured on random bytes, then scaled. Uses `tar` if installed."""
    path, count = folder / "real.tar", min(3 * PER_CLASS, members)
    photos = folder / "photos"
    photos.mkdir()
    for number in range(count):
        (photos / f"{number}.jpg").write_bytes(np.random.default_rng(number).bytes(100_000))
    with tarfile.open(path, "w") as archive:
        archive.add(photos, "photos")
    shutil.rmtree(photos)
    program = shutil.which("tar")
    start = time.perf_counter()
    if program:
        subprocess.run([program, "-xf", path, "-C", folder], check=True)
    else:
        with tarfile.open(path) as archive:
            archive.extractall(folder, filter="data")
    seconds = time.perf_counter() - start
    return seconds * members / count


def _data(folder: Path) -> DataConfig:
    return DataConfig(source="ndsc", root=str(folder), labels="domain")


if __name__ == "__main__":
    main()
