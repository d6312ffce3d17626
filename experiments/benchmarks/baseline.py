"""The whole baseline, whole processes: ours from a cold and from a warm cache, a sweep of 20 heads, and
the same recipe in plain Keras (two epochs timed, the second taken for all; the first also traces the graph).

    python -m experiments.benchmarks.baseline [--per-class 1150] [--backbone resnet50] [--epochs 15]

Random weights, no early stopping: only time is compared here.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from experiments.benchmarks.report import Report, arguments, data_overrides

SWEEP = ["optimizer.learning_rate=1e-4,3e-4,1e-3,3e-3,1e-2", "optimizer.weight_decay=null,1e-4", "head.dropout=0,0.2"]


def main() -> None:
    """Measure and show."""
    more = [
        ("--per-class", {"type": int, "default": 1150}),
        ("--backbone", {"default": "resnet50"}),
        ("--epochs", {"type": int, "default": 15}),
    ]
    given = arguments(__doc__, more)
    recipe = ["+experiment=baseline", *data_overrides(given.root), f"backbone={given.backbone}", "callbacks=none"]
    recipe += ["backbone.weights=random", f"sampling.per_class={given.per_class}", f"training.epochs={given.epochs}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if given.root is None:  # the sample data are rendered before the clock starts
            train(folder / "sample", ["tracking=off", *recipe, "backbone=mobilenetv3small", "backbone.image_size=32"])
            (folder / "cold").mkdir()
            (folder / "sample" / "cache" / "sample").rename(folder / "cold" / "sample")
            (folder / "cold" / "cache").mkdir()
            (folder / "cold" / "sample").rename(folder / "cold" / "cache" / "sample")
        cold = train(folder / "cold", recipe)
        warm = train(folder / "cold", recipe)
        sweep = train(
            folder / "cold", [*recipe, *SWEEP, "tracking.model=head", "tracking.figures=false"], multirun=True
        )
        (manifest,) = list((folder / "cold").rglob("manifest.parquet"))[:1]
        keras = plain_keras(manifest, given.backbone, given.epochs)
    report = Report(
        "whole baseline", f"{given.backbone}, {given.per_class} a class, {given.epochs} epochs, root {bool(given.root)}"
    )
    report.ratios = {
        "plain Keras / ours, cold": keras / cold,
        "plain Keras / ours, warm": keras / warm,
        "20 heads, cold / one cold run": (cold + sweep) / cold,
    }
    report.figures = {
        "ours, cold, seconds": f"{cold:.1f}",
        "ours, warm, seconds": f"{warm:.1f}",
        "20 heads, warm, seconds": f"{sweep:.1f}",
        f"plain Keras, {given.epochs} epochs scaled from one, seconds": f"{keras:.1f}",
    }
    report.show()
    report.save(given.json)


def train(folder: Path, overrides: list[str], multirun: bool = False) -> float:
    """Seconds of one process of ours."""
    places = [f"tracking.root={folder / 'mlruns'}", f"cache.root={folder / 'cache'}"]
    outputs = [f"hydra.run.dir={folder / 'outputs'}", f"hydra.sweep.dir={folder / 'sweeps'}"]
    command = [sys.executable, "-m", "ndsc.train", *(["-m"] if multirun else []), *overrides, *places, *outputs]
    started = time.perf_counter()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def plain_keras(manifest: Path, backbone: str, epochs: int) -> float:
    """Seconds that so many epochs of the notebook would take."""
    command = [sys.executable, "-m", "experiments.benchmarks.plain_keras", str(manifest), backbone, "2"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(done.stdout.splitlines()[-1])[1] * epochs


if __name__ == "__main__":
    main()
