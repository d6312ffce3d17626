"""Photos on a sheet: what the network sees, what it thinks of the test photos, and where it is surely wrong."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ndsc.evaluation.figures.sheet import Sheet
from ndsc.evaluation.figures.style import BLUE, FAINT, INK, MARGIN, MUTED, ORANGE, counted, percent, shorten
from ndsc.evaluation.predictions import DIFFICULTIES


def view_sheet(views: NDArray, titles: Sequence[str]) -> Figure:
    """A row a photo, a column a view, the plain view first.

    `views`: (photos, views, height, width, 3) grey levels 0 to 255. `titles`: one for each photo.
    """
    photos, columns = views.shape[:2]
    cell, gap, names, heads = 1.25, 0.08, 1.6, 0.3  # inches
    sheet = Sheet(
        f"Each photo plain and in {counted(columns - 1, 'augmented view')}" if columns > 1 else "Each photo, plain",
        "What the network is shown: a photo keeps its views in every epoch, run and sweep."
        if columns > 1
        else "What the network is shown: this policy augments nothing.",
        width=max(2 * MARGIN + names + columns * (cell + gap), 5.0),
        body=heads + photos * (cell + gap) + MARGIN,
    )
    left, top = MARGIN + names, sheet.top + heads
    for view in range(columns):
        middle = left + view * (cell + gap) + cell / 2
        sheet.text(f"view {view}" if view else "plain", middle, top - heads / 2, colour=MUTED, align="center")
    for row, title in enumerate(titles):
        y = top + row * (cell + gap)
        sheet.text("\n".join(shorten(line, 20) for line in title.splitlines()), MARGIN, y + cell / 2)
        for view in range(columns):
            sheet.photo(views[row, view], left + view * (cell + gap), y, cell)
    return sheet.figure


def photo_probabilities(
    photos: Sequence[NDArray],
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    true: Sequence[str],
    difficulties: Sequence[str],
) -> Figure:
    """A card for each test photo with the bars of its most probable classes, sorted by class, then easy to hard.

    `photos`: n of (height, width, 3) grey levels 0 to 255, of any sizes. `probabilities`: (n, classes).
    `true` and `difficulties`: n names each.
    """
    order = sorted(range(len(photos)), key=lambda n: (classes.index(true[n]), _difficulty_rank(difficulties[n]), n))
    right = sum(classes[probabilities[n].argmax()] == true[n] for n in order)
    columns = min(len(photos), 3 if len(photos) <= 30 else 6)
    width, height = 3.3, 1.6  # inches, of a card
    sheet = Sheet(
        f"All {counted(len(photos), 'test photo')} right"
        if right == len(photos)
        else f"{right:,} of {counted(len(photos), 'test photo')} right",
        "By class, from easy to hard. Blue is the true class, orange a wrong first choice.",
        width=max(2 * MARGIN + columns * width, 6.0),
        body=-(-len(photos) // columns) * height + MARGIN / 2,
    )
    for place, n in enumerate(order):
        left, top = MARGIN + place % columns * width, sheet.top + place // columns * height
        _card(sheet, left, top, photos[n], probabilities[n], classes, true[n], difficulties[n])
    return sheet.figure


def _difficulty_rank(difficulty: str) -> int:
    return DIFFICULTIES.index(difficulty) if difficulty in DIFFICULTIES else len(DIFFICULTIES)


def _card(
    sheet: Sheet,
    left: float,
    top: float,
    photo: NDArray,
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    true: str,
    difficulty: str,
) -> None:
    side = 1.4  # inches
    truth, first = classes.index(true), int(probabilities.argmax())
    sheet.photo(photo, left, top, side, FAINT if truth == first else ORANGE)
    left += side + 0.12
    sheet.text(shorten(true, 18), left, top + 0.1, bold=True)
    sheet.text(difficulty, left, top + 0.28, size=8, colour=MUTED)
    for line, shown in enumerate(_shown_classes(probabilities, truth)):
        colour = BLUE if shown == truth else ORANGE if shown == first else MUTED
        y = top + 0.47 + 0.32 * line
        sheet.text(shorten(classes[shown], 16), left, y, size=7.5, colour=INK if shown in (truth, first) else MUTED)
        sheet.text(percent(probabilities[shown]), left + 1.6, y, size=7.5, colour=colour, align="right")
        sheet.bar(left, y + 0.08, 1.6, 0.07, FAINT)
        sheet.bar(left, y + 0.08, 1.6 * float(probabilities[shown]), 0.07, colour)


def _shown_classes(probabilities: NDArray[np.floating], truth: int) -> list[int]:
    """Three classes, in their order: all there are, or the most probable ones, the true one among them."""
    ranked = [int(position) for position in np.argsort(-probabilities, kind="stable")]
    ranked.remove(truth)
    return sorted([truth, *ranked[:2]])


def confident_mistakes(
    photos: Sequence[NDArray],
    true: Sequence[str],
    predicted: Sequence[str],
    probability: Sequence[float],
    paths: Sequence[str],
    mistakes: int,
    evaluated: int,
) -> Figure:
    """A grid of wrong photos in the order given, the most confident first.

    `photos`: n of (height, width, 3) grey levels 0 to 255; the next four: n each. `mistakes` counts all there are
    (n may be the worst of them), `evaluated` the photos looked at.
    """
    if not mistakes:
        return Sheet(
            f"No mistakes: all {counted(evaluated, 'photo')} right",
            "Where the classifier is wrong, this sheet shows the photos that it is most confident about.",
            width=7.5,
            body=MARGIN,
        ).figure
    columns = min(len(photos), 6)
    cell, gap, words = 1.75, 0.2, 0.62  # inches
    sheet = Sheet(
        f"{counted(mistakes, 'mistake')} among {counted(evaluated, 'photo')}"
        + (f", the {len(photos)} most confident" if len(photos) < mistakes else ""),
        "With the predicted class and its probability, and the label. Some of the surest mistakes are wrong labels.",
        width=max(2 * MARGIN + columns * (cell + gap), 6.0),
        body=-(-len(photos) // columns) * (cell + words + gap),
    )
    for n, photo in enumerate(photos):
        left, top = MARGIN + n % columns * (cell + gap), sheet.top + n // columns * (cell + words + gap)
        sheet.photo(photo, left, top, cell)
        top += cell
        sheet.text(f"{shorten(predicted[n], 16)} {percent(probability[n])}", left, top + 0.13, 8.5, ORANGE, bold=True)
        sheet.text(f"label: {shorten(true[n], 22)}", left, top + 0.31, size=8.5)
        sheet.text(shorten(paths[n], 30), left, top + 0.47, size=6.5, colour=MUTED)
    return sheet.figure
