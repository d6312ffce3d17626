"""The same recipe as a notebook would have it, to measure against: files in class folders, the frozen base and the
augmentation in the model, every photo through everything in every epoch.

    python -m experiments.benchmarks.plain_keras <manifest.parquet> <backbone> <epochs>

Prints the seconds of each epoch as JSON. The photos are unpacked first, which is not counted.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import keras
import pandas as pd

from ndsc.data.catalogue import PhotoReader


class Clock(keras.callbacks.Callback):
    """Seconds of each epoch, validation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Start the clock."""
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Stop it."""
        self.seconds.append(time.perf_counter() - self._started)


def main(manifest: Path, backbone: str, epochs: int) -> None:
    """Unpack, train, print."""
    rows = pd.read_parquet(manifest)
    with tempfile.TemporaryDirectory() as name:
        unpack(rows, Path(name))
        sides = [
            keras.utils.image_dataset_from_directory(
                f"{name}/{split}", image_size=(224, 224), batch_size=32, shuffle=split == "train", verbose=False
            ).prefetch(2)
            for split in ("train", "validation")
        ]
        model, clock = recipe(backbone, rows["label"].nunique()), Clock()
        model.fit(sides[0], validation_data=sides[1], epochs=epochs, callbacks=[clock], verbose=0)
    print(json.dumps(clock.seconds))


def unpack(rows: pd.DataFrame, folder: Path) -> None:
    """Write the photos as folder/split/label/number.jpg."""
    with PhotoReader(folder / "cache") as reader:
        for number, row in enumerate(rows.itertuples()):
            path = folder / str(row.split) / str(row.label) / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(reader.read(str(row.archive), int(row.offset), int(row.size)))


def recipe(backbone: str, classes: int) -> keras.Model:
    """The original study's model."""
    build, module = {
        "resnet50": (keras.applications.ResNet50, keras.applications.resnet50),
        "xception": (keras.applications.Xception, keras.applications.xception),
        "mobilenetv3small": (keras.applications.MobileNetV3Small, keras.applications.mobilenet_v3),
    }[backbone]
    base = build(include_top=False, weights=None, pooling="avg", input_shape=(224, 224, 3))
    base.trainable = False
    photo = keras.Input((224, 224, 3))
    seen = keras.layers.RandomFlip("horizontal")(photo)
    seen = keras.layers.RandomRotation(0.05, fill_mode="nearest")(seen)
    seen = keras.layers.RandomTranslation(0.0, 0.1, fill_mode="nearest")(seen)
    pooled = base(module.preprocess_input(seen), training=False)
    model = keras.Model(photo, keras.layers.Dense(classes, activation="softmax")(pooled))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
