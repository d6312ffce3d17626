"""What is said where photos that were stated as test photos are lost to the test: nothing replaces them, and a test
that loses its hard photos flatters."""

import logging

import pandas as pd

log = logging.getLogger(__name__)

MOST_SHOWN = 5


def warn_missing_test_photos(lost: pd.DataFrame) -> None:
    """Name the photos and why they are lost.

    Args:
        lost: image_path and reason of photos that the test list or a column named; may be empty.
    """
    if lost.empty:
        return
    named = [f"{path} ({reason})" for path, reason in zip(lost["image_path"], lost["reason"], strict=True)]
    log.warning(
        "%d of the test photos that the data or sampling.test.list names are lost to the test, which may so be easier "
        "than it was meant to be; nothing replaces them: %s%s",
        len(named),
        ", ".join(named[:MOST_SHOWN]),
        ", …" if len(named) > MOST_SHOWN else "",
    )
