"""Sizes of the benchmarks: those of the targets, or smaller ones that end in time on this machine."""

from dataclasses import dataclass

# Names of the figures of the frozen pass that decide the sizes of the other benchmarks.
OURS, PREDICT = "ours, photos a second", "model.predict, photos a second"
CLASSES = 3
# Views that one run of the baseline computes for each of its photos: 80 % in 4 views, 20 % plain.
VIEWS = 0.8 * 4 + 0.2
EPOCHS, TIMED_EPOCHS = 15, 2
# Time that does not depend on the sizes: archives, frozen pass, growth, and the start of about thirty processes.
FIXED_SECONDS = 900.0
# Full batches of 32 with three equal classes: a padded batch would make the pass look slower.
FEW_PHOTOS = 96  # of a quick frozen pass
FEWEST, MOST = 40, 1150  # photos a class
QUANTIZED = "backbone.precision=int8"


@dataclass(frozen=True)
class Plan:
    """Sizes of all benchmarks.

    `photos` are those of the frozen pass; `image_size` (pixels) and `map_images` (feature maps) those of `growth`; the
    others are photos per class.
    """

    photos: int
    baseline: int
    accuracy: int
    sweep: int
    fidelity: int
    image_size: int
    map_images: int

    def commands(self, int8: bool) -> list[tuple[str, list[str]]]:
        """Return the benchmarks with their arguments, in the order in which they run.

        With `int8`, which needs the package nncf, the frozen pass and fidelity also run at this precision.
        """
        maps = ["--freeze", "before:conv5_block1", "--images", str(self.map_images), "--views", "2"]
        fidelity = ["--per-class", str(self.fidelity)]
        commands = [
            ("archive", []),
            ("baseline", ["--per-class", str(self.baseline)]),
            ("sweep", ["--per-class", str(self.sweep)]),
            ("fidelity", fidelity),
            ("growth", ["--image-size", str(self.image_size)]),
            ("growth", maps),
            ("baseline", ["--backbone", "xception", "--accuracy", "--per-class", str(self.accuracy)]),
        ]
        if int8:
            commands += [
                ("frozen_pass", ["--photos", str(self.photos), QUANTIZED]),
                ("fidelity", [*fidelity, QUANTIZED]),
            ]
        return commands


FULL = Plan(photos=384, baseline=1150, accuracy=1150, sweep=1150, fidelity=350, image_size=224, map_images=2000)


def sized(ours: float, predict: float, minutes: float) -> Plan:
    """Return sizes with which all benchmarks end within `minutes`.

    Args:
        ours: photos a second of the frozen pass through ResNet50.
        predict: photos a second of `model.predict`.
        minutes: the time limit.
    """
    cold = CLASSES * VIEWS / ours
    baseline = cold + CLASSES * TIMED_EPOCHS / predict
    # A quarter of the photos, and half of them below. Keras processes each photo in every epoch and every view.
    accuracy = (cold + CLASSES * EPOCHS / predict) / 4
    # Twice, at two precisions.
    fidelity = 2 * CLASSES * VIEWS * (1 / ours + 1 / predict) / 2
    seconds = max(60 * minutes - FIXED_SECONDS, 0.0)
    per_class = round(min(max(seconds / (baseline + 2 * cold + accuracy + fidelity), FEWEST), MOST))
    return Plan(
        photos=FEW_PHOTOS,
        baseline=per_class,
        accuracy=max(per_class // 4, FEWEST // 2),
        sweep=per_class,
        fidelity=min(max(per_class // 2, FEWEST // 2), FULL.fidelity),
        image_size=32,
        map_images=min(4 * per_class, FULL.map_images),
    )
