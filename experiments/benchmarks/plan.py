"""How large each benchmark is: the sizes that are asked, or so small that all end in time on this machine."""

from dataclasses import dataclass

# Names of the figures of the frozen pass by which the others are sized.
OURS, PREDICT = "ours, photos a second", "model.predict, photos a second"
CLASSES = 3
# Views that one run of the baseline computes for each of its photos: 80 % in 4 views, 20 % plain.
VIEWS = 0.8 * 4 + 0.2
EPOCHS, TIMED_EPOCHS = 15, 2
# What does not shrink with the sample: archives, frozen pass, growth, and the start of some thirty processes.
FIXED_SECONDS = 900.0
# Whole batches of 32, three classes alike: a padded batch would count as slowness.
FEW_PHOTOS = 96  # of the frozen pass, where it has to be quick
FEWEST, MOST = 40, 1150  # photos a class
QUANTIZED = "backbone.precision=int8"


@dataclass(frozen=True)
class Plan:
    """Photos of the frozen pass, photos a class of the others, and sizes of growth: of images in pixels, and how many
    become feature maps."""

    photos: int
    baseline: int
    accuracy: int
    sweep: int
    fidelity: int
    image_size: int
    map_images: int

    def commands(self, int8: bool) -> list[tuple[str, list[str]]]:
        """Benchmarks in the order in which they run, and their arguments; with `int8` (it needs the package nncf) also
        those at this precision."""
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
    """Sizes with which everything ends in so many minutes.

    Args:
        ours: photos a second of our frozen pass through ResNet50.
        predict: those of `model.predict`.
    """
    cold = CLASSES * VIEWS / ours
    baseline = cold + CLASSES * TIMED_EPOCHS / predict
    # A quarter and half of the others' photos; Keras sees each in every epoch, and in every view.
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
