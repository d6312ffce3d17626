"""The table of issues: one row per suspicious photo, which a person can edit and `sampling.exclude` reads."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ndsc.auditing.findings import Findings
from ndsc.auditing.label_issues import MIN_TRAINING_PHOTOS, has_learned_class, is_reliable
from ndsc.auditing.outliers import MAX_DEVIATION
from ndsc.evaluation.figures.style import counted

COLUMNS = ["image_path", "content", "label", "issue", "score", "note", "exclude"]
BROKEN, TWO_LABELS, BLANK = "broken", "two labels", "nearly blank"
WRONG, DOUBTFUL, OUTLIER, DUPLICATE = "likely wrong label", "doubtful label", "outlier", "duplicate"
# The worst first.
ISSUES = (BROKEN, TWO_LABELS, WRONG, DOUBTFUL, BLANK, "dark", "blurred", OUTLIER, DUPLICATE)
# Always proposed for exclusion, like wrong labels that can be judged. Most photos with other issues look as the shop
# intended.
EXCLUDED = (BROKEN, TWO_LABELS)
EXCLUDED_EARLIER, NOT_EXAMINED = "excluded earlier", "excluded by sampling.exclude, so not examined"
# Nearly blank photos below this score are excluded too: CleanVision gives 0.16 to a photo of a single shade. Above it,
# most are thin objects on a white background.
CERTAINLY_BLANK = 0.2


def issue_table(findings: Findings) -> pd.DataFrame:
    """Return one row per photo with at least one issue, the worst first, with the columns COLUMNS.

    `issue` names all issues, separated by `; `; `score` is that of the first, from 0 (certain) to 1; `exclude` is yes
    or no. A photo that the configuration names as a test photo is never excluded: a test without its hard photos is too
    easy.
    """
    unusable = findings.rejected.assign(content="", role="")
    photos = pd.concat([findings.photos, unusable], ignore_index=True)[["image_path", "content", "label", "role"]]
    found = pd.concat(_issues(findings), ignore_index=True).join(photos, on="position")
    found["rank"] = found["issue"].map({issue: rank for rank, issue in enumerate(ISSUES)})
    learned = found["position"].isin(findings.labels.index[has_learned_class(findings.labels)])
    wrong = (found["issue"] == WRONG) & learned & is_reliable(findings.labels)
    blank = (found["issue"] == BLANK) & (found["score"] < CERTAINLY_BLANK)
    found["excluded"] = (found["issue"].isin(EXCLUDED) | blank | wrong) & (found["role"] != "test")
    found = found.sort_values(["rank", "score", "image_path"], kind="stable")
    merged = found.groupby("position", sort=False).agg(
        image_path=("image_path", "first"),
        content=("content", "first"),
        label=("label", "first"),
        issue=("issue", _joined),
        score=("score", "first"),
        note=("note", _joined),
        exclude=("excluded", lambda excluded: "yes" if excluded.any() else "no"),
    )
    return merged.reset_index(drop=True)[COLUMNS]


def add_excluded(issues: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    """Append the listings that `sampling.exclude` excluded from this audit, with their earlier issues.

    A training reads one table of exclusions: without these rows, the next training would use these listings again.

    Args:
        excluded: image_path, label and issue.
    """
    earlier = excluded.assign(content="", score=0.0, note=NOT_EXAMINED, exclude="yes")
    earlier["issue"] = earlier["issue"].where(earlier["issue"] != "", EXCLUDED_EARLIER)
    # An empty table would change the types of the columns.
    return pd.concat([part for part in (issues, earlier[COLUMNS]) if len(part)] or [issues], ignore_index=True)


def describe_label(findings: Findings, position: int) -> str:
    """Return a phrase that names the class more probable than the label, and warns if few photos have that label."""
    row = findings.labels.loc[position]
    likelier = findings.classes[int(row["likelier"])]
    text = f"looks like {likelier} ({row['other']:.0%}; as labelled {row['given']:.0%})"
    if row["fitted"] >= MIN_TRAINING_PHOTOS:
        return text
    return f"{text}, learned from only {counted(int(row['fitted']), 'photo')} with its label"


def _issues(findings: Findings) -> Iterator[pd.DataFrame]:
    """Yield tables of one issue each; rejected files are numbered after the usable photos."""
    labels, duplicates = findings.labels, findings.duplicates
    rejected = len(findings.photos) + np.arange(len(findings.rejected))
    yield _rows(BROKEN, rejected, 0.0, findings.rejected["reason"])
    for issue, flagged in ((TWO_LABELS, duplicates["labels"] > 1), (DUPLICATE, duplicates["labels"] == 1)):
        groups = "group " + duplicates.loc[flagged, "group"].astype(str)
        yield _rows(issue, duplicates.loc[flagged, "position"], 0.0, groups)
    for issue, flagged in ((WRONG, labels["wrong"]), (DOUBTFUL, labels["doubtful"] & ~labels["wrong"])):
        positions = labels.index[flagged]
        notes = [describe_label(findings, position) for position in positions]
        yield _rows(issue, positions, labels.loc[positions, "quality"], notes)
    yield _rows(OUTLIER, findings.outliers, MAX_DEVIATION / findings.deviations[findings.outliers], "")
    for issue in findings.appearance:
        scores = findings.appearance[issue].dropna()
        yield _rows(str(issue), scores.index, scores, "")


def _rows(issue: str, positions: ArrayLike, score: ArrayLike, note: ArrayLike) -> pd.DataFrame:
    """Return one row per position. `score` and `note` are single values or one value per position."""
    rows = pd.DataFrame({"position": np.asarray(positions, dtype=int)}).assign(issue=issue)
    rows["score"] = np.broadcast_to(np.asarray(score, dtype=float), len(rows))
    rows["note"] = np.broadcast_to(np.asarray(note, dtype=object), len(rows))
    return rows


def _joined(texts: pd.Series) -> str:
    """Join the different non-empty texts of a photo."""
    return "; ".join(dict.fromkeys(text for text in texts if text))
