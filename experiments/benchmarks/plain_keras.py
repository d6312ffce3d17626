"""The baseline in plain Keras, as a good notebook writes it.

The files are in class folders, augmentation and the frozen network are in the model, and every photo passes through the
whole model in every epoch.

    python -m experiments.benchmarks.plain_keras --manifest <manifest.parquet> --epochs 2 +experiment=baseline …

Takes the settings of `python -m ndsc.train`. Prints JSON: `not_counted`, the seconds for work that a notebook does
not have (unpacking the photos of the manifest, reading the configuration); `epochs`, the seconds of each epoch
including validation; and `validation_accuracy`, that of the epoch with the lowest validation loss.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from ndsc.config.schema import Config
    from ndsc.model.backbone import Backbone


class Clock(keras.callbacks.Callback):
    """Measure the seconds of each epoch, including validation."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._started)


def main() -> None:
    """Unpack the photos, train, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ndsc-plain-keras-") as name:
        print(json.dumps(run(given.manifest, given.epochs, given.overrides, Path(name))))


def run(manifest: Path, epochs: int, overrides: list[str], folder: Path) -> dict:
    """Train for `epochs` epochs on the photos of a manifest, which are unpacked into an empty folder."""
    started = time.perf_counter()
    # Imported here, because a notebook would not import it: its time is not counted.
    from experiments.benchmarks.command_line import configured

    config = configured(overrides)
    unpack(manifest, folder)
    not_counted = time.perf_counter() - started
    train, validation = (photos(folder / split, config) for split in ("train", "validation"))
    model, clock = recipe(config, len(train.class_names)), Clock()
    fitted = model.fit(
        train.prefetch(2),
        validation_data=validation.prefetch(2),
        epochs=epochs,
        callbacks=[clock],
        shuffle=False,  # the batches come shuffled
        verbose=0,
    )
    losses = fitted.history["val_loss"]
    accuracy = fitted.history["val_accuracy"][losses.index(min(losses))]
    return {"not_counted": not_counted, "epochs": clock.seconds, "validation_accuracy": accuracy}


def unpack(manifest: Path, folder: Path) -> None:
    """Write the photos of a manifest as folder/split/label/number.jpg."""
    from ndsc.data.manifest import load_manifest
    from ndsc.storage.photo_reader import PhotoReader

    with PhotoReader(folder / "cache") as reader:
        for number, row in enumerate(load_manifest(manifest).rows.itertuples()):
            path = folder / row.split / row.label / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(reader.read(row.archive, int(row.offset), int(row.size)))


def photos(folder: Path, config: "Config"):
    """Return batches of (photos, class numbers), read and decoded in parallel. Training photos are shuffled."""
    size = config.backbone.image_size
    return keras.utils.image_dataset_from_directory(
        folder,
        image_size=(size, size),
        batch_size=config.training.batch_size,
        shuffle=folder.name == "train",
        seed=config.seed,
        verbose=False,
    )


def recipe(config: "Config", classes: int) -> keras.Model:
    """Return the compiled model of the original study: augmentation layers, the frozen network, one Dense layer."""
    from ndsc.config.instantiate import build

    base = _base(config)
    base.network.trainable = False
    photo = keras.Input(base.network.input_shape[1:])
    seen = photo
    for name, layer in config.augmentation.layers.items():
        seen = build(layer, name)(seen)
    pooled = base.network(base.preprocess(seen), training=False)
    model = keras.Model(photo, keras.layers.Dense(classes, activation="softmax")(pooled))
    model.compile(build(config.optimizer, "optimizer"), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _base(config: "Config") -> "Backbone":
    """Return the network of `keras.applications` with the same weights as ndsc uses."""
    from ndsc.model.backbone import build_backbone
    from ndsc.model.weights import locate_weights

    return build_backbone(config.backbone, locate_weights(config.backbone, False, Path), config.seed)


if __name__ == "__main__":
    main()
