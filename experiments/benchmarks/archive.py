"""How long it takes until a photo can be read out of 67 GB of archives, against `tarfile` and against unpacking.

    python experiments/benchmarks/archive.py [--members 666615] [--json result.json]

Makes archives of NDSC's size in a temporary folder. They are sparse files: the photos are holes, so that 67 GB take
3 GB of disk; headers, names and train.csv are real. Everything is read from the page cache. Each measurement of ours
is a process of its own, whose anonymous memory is sampled from the operating system (Linux). Takes about 3 minutes;
TMPDIR=<folder> says where (in memory, such as /dev/shm, the 3 GB are written and removed faster).
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np

# Run as a script, so the folder of the package is not among the places where Python looks.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

DOMAINS = {"beauty": 286_583, "fashion": 219_702, "mobile": 160_330}
MEMBERS = sum(DOMAINS.values())
PER_CLASS = 1150
TARFILE_MEMBERS = 50_000
PAD = 512


def main() -> None:
    """Make the archives, measure, print the ratios and the figures."""
    arguments = _arguments()
    if arguments.measure:
        start = time.process_time()
        result = MEASUREMENTS[arguments.measure](Path(arguments.folder))
        print(json.dumps(result | {"cpu_seconds": time.process_time() - start}))
        return
    with tempfile.TemporaryDirectory(prefix="ndsc-archive-") as name:
        report = run(Path(name), arguments.members)
        # Before the folder is removed: that can take minutes where the file system discards freed blocks.
        show(report)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(report, indent=2))


def run(folder: Path, members: int) -> dict:
    """All measurements, on archives of so many members in total."""
    print(f"writing {members:,} members", file=sys.stderr)
    total = make_archives(folder, members)
    figures = {name: measured(name, folder) for name in MEASUREMENTS}
    figures["tarfile index"] = measure_tarfile(folder, members)
    figures["unpacking"] = measure_unpacking(folder, members)
    ours = figures["catalogue, first time"]["seconds"] + figures["draw and read"]["seconds"]
    ratios = {
        "index: tarfile / ours": figures["tarfile index"]["seconds"] / figures["index"]["seconds"],
        "until the sample is read: unpacking all / ours, first time": figures["unpacking"]["seconds"] / ours,
        "index: first time / again": figures["index"]["seconds"] / figures["index, again"]["seconds"],
    }
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    return {"members": members, "gigabytes": total / 1e9, "machine": machine, "ratios": ratios, "figures": figures}


def show(report: dict) -> None:
    """Print the ratios, then the figures."""
    print(f"{report['members']:,} members, {report['gigabytes']:.1f} GB, {report['machine']}\n")
    for name, ratio in report["ratios"].items():
        print(f"{ratio:>10.1f} x  {name}")
    print(f"\n{'seconds':>10}  {'of CPU':>8}  {'peak MB':>8}")
    for name, figure in report["figures"].items():
        processor = f"{figure['cpu_seconds']:.3f}" if "cpu_seconds" in figure else ""
        memory = f"{figure['megabytes']:.0f}" if "megabytes" in figure else ""
        print(f"{figure['seconds']:>10.3f}  {processor:>8}  {memory:>8}  {name}{figure['note']}")


def make_archives(folder: Path, members: int) -> int:
    """Three sparse archives and their train.csv, 5 % of the paths without `.jpg`; returns the archives' bytes."""
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
    """A tar file whose members are holes; returns its size in bytes."""
    offset = 0
    with path.open("wb", buffering=0) as file:
        for name, size in zip(names, sizes.tolist(), strict=True):
            member = tarfile.TarInfo(name)
            member.size = size
            file.seek(offset)
            file.write(member.tobuf(tarfile.GNU_FORMAT))
            offset += PAD + -(-size // PAD) * PAD
        file.truncate(offset + 2 * PAD)
    return offset + 2 * PAD


def index(folder: Path) -> dict:
    """Open all archives, which indexes them unless that was done before."""
    from ndsc.data.archive import open_archive

    start = time.perf_counter()
    found = 0
    for domain in DOMAINS:
        with open_archive(folder / f"{domain}_image.tar", folder / "cache") as archive:
            found += archive.members.num_rows
    return {"seconds": time.perf_counter() - start, "note": f" ({found:,} members)"}


def catalogue(folder: Path) -> dict:
    """Load the catalogue, without a cache at the first time."""
    from ndsc.data.catalogue import load_catalogue

    start = time.perf_counter()
    rows = load_catalogue(_data(folder), folder / "cache of the catalogue").rows
    return {"seconds": time.perf_counter() - start, "note": f" ({rows.num_rows:,} listings)"}


def draw_and_read(folder: Path) -> dict:
    """Load the catalogue again, draw a sample and read its photos, on two threads."""
    from ndsc.data.catalogue import PhotoReader, load_catalogue

    start = time.perf_counter()
    cache = folder / "cache of the catalogue"
    rows = load_catalogue(_data(folder), cache).rows
    labels = rows.column("label").to_numpy()
    random = np.random.default_rng(0)
    drawn = [random.choice(np.flatnonzero(labels == domain), PER_CLASS, replace=False) for domain in DOMAINS]
    places = rows.select(["archive", "offset", "size"]).take(np.concatenate(drawn)).to_pylist()
    with PhotoReader(cache) as reader, ThreadPoolExecutor(2) as threads:
        read = sum(threads.map(lambda place: len(reader.read(**place)), places))
    return {"seconds": time.perf_counter() - start, "note": f" ({len(places):,} photos, {read / 1e6:.0f} MB)"}


MEASUREMENTS: dict[str, Callable[[Path], dict]] = {
    "index": index,
    "index, again": index,
    "catalogue, first time": catalogue,
    "catalogue, again": catalogue,
    "draw and read": draw_and_read,
}


def measured(name: str, folder: Path) -> dict:
    """Do one measurement in a process of its own; adds the peak of its anonymous memory and the time of the process."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--measure", name, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        status, peak = Path(f"/proc/{process.pid}/status"), 0
        while process.poll() is None:
            peak = max(peak, _anonymous_kilobytes(status))
            time.sleep(0.01)
        output = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"the measurement {name!r} failed")
    result = json.loads(output) | {"process_seconds": time.perf_counter() - start}
    return result | ({"megabytes": peak / 1024} if peak else {})


def measure_tarfile(folder: Path, members: int) -> dict:
    """The same index by `tarfile`, on some of the members, scaled."""
    count = min(TARFILE_MEMBERS, members)
    path = folder / "some.tar"
    write_sparse_tar(path, [f"beauty_image/{number:032x}.jpg" for number in range(count)], np.full(count, 100_000))
    start = time.perf_counter()
    with tarfile.open(path, "r:") as archive:
        found = len(archive.getmembers())
    seconds = time.perf_counter() - start
    return {"seconds": seconds * members / found, "note": f" (measured on {found:,} members, scaled)"}


def measure_unpacking(folder: Path, members: int) -> dict:
    """Unpack as many photos as a sample has, of random bytes, by `tar` where there is one; scaled to all members."""
    path, count = folder / "real.tar", 3 * PER_CLASS
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
    by = "tar" if program else "tarfile"
    return {"seconds": seconds * members / count, "note": f" (by {by}, measured on {count:,} photos, scaled)"}


def _data(folder: Path) -> SimpleNamespace:
    return SimpleNamespace(source="ndsc", root=str(folder), labels="domain", extra=None)


def _anonymous_kilobytes(status: Path) -> int:
    try:
        lines = status.read_text().splitlines()
    except OSError:
        # The process has just ended, or this is not Linux.
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=MEMBERS, help="in all three archives together")
    parser.add_argument("--json", help="write all figures to this file")
    parser.add_argument("--measure", choices=MEASUREMENTS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
