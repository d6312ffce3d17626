"""One table that says of each doubtful photo what is wrong with it, and whether to leave it out: for
`sampling.exclude`, and for a person to edit in a spreadsheet before."""

import pandas as pd

from ndsc.auditing.findings import Findings
from ndsc.auditing.labels import LEAST_FITTED, believable, well_known
from ndsc.auditing.outliers import FAR
from ndsc.evaluation.figures.style import counted

COLUMNS = ["image_path", "content", "label", "issue", "score", "note", "exclude"]
BROKEN, TWO_LABELS, BLANK = "broken", "two labels", "nearly blank"
WRONG, DOUBTFUL, ODD, COPY = "likely wrong label", "doubtful label", "odd", "copy"
# In the order in which they are told.
ISSUES = (BROKEN, TWO_LABELS, WRONG, DOUBTFUL, BLANK, "dark", "blurred", ODD, COPY)
# What a photo is always left out for, beside labels where they can be judged. Of the others, most are as a shop meant
# them.
EXCLUDED = (BROKEN, TWO_LABELS)
EXCLUDED_BEFORE, NOT_LOOKED_AT = "left out before", "sampling.exclude left it out, so it was not looked at"
# Below this score a nearly blank photo is left out as well: CleanVision gives 0.16 to one of a single shade. Above it,
# they are mostly slim things on a white ground.
CERTAINLY_BLANK = 0.2


def verdict_table(findings: Findings) -> pd.DataFrame:
    """One row a photo with at least one issue, the worst first; columns as COLUMNS.

    `issue` names all of them, `; ` between; `score` is that of the first, from 0 (sure) to 1; `exclude` is yes or no,
    and no for every photo that the configuration names as a test photo: a test that loses its hard photos flatters.
    """
    told = pd.concat([_broken(findings), _usable(findings)], ignore_index=True)
    told["rank"] = told["issue"].map({issue: rank for rank, issue in enumerate(ISSUES)})
    blank = (told["issue"] == BLANK) & (told["score"] < CERTAINLY_BLANK)
    doubted = (told["issue"] == WRONG) & told["believed"] & believable(findings.labels)
    told["out"] = (told["issue"].isin(EXCLUDED) | blank | doubted) & (told["role"] != "test")
    told = told.sort_values(["rank", "score", "image_path"], kind="stable")
    told["note"] = told["note"].where(told["note"] != "", None)
    merged = told.groupby("photo", sort=False).agg(
        image_path=("image_path", "first"),
        content=("content", "first"),
        label=("label", "first"),
        issue=("issue", lambda issues: "; ".join(dict.fromkeys(issues))),
        score=("score", "first"),
        note=("note", lambda notes: "; ".join(dict.fromkeys(notes.dropna()))),
        exclude=("out", lambda out: "yes" if out.any() else "no"),
    )
    return merged.reset_index(drop=True)[COLUMNS]


def with_excluded(verdicts: pd.DataFrame, excluded: pd.DataFrame) -> pd.DataFrame:
    """The verdicts, and below them the listings that `sampling.exclude` kept this audit from looking at, still left out
    for the issue that its file gave: a training takes one file, and without them here they would come back.

    Args:
        excluded: image_path, label and issue.
    """
    kept = excluded.assign(content="", score=0.0, note=NOT_LOOKED_AT, exclude="yes")
    kept["issue"] = kept["issue"].where(kept["issue"] != "", EXCLUDED_BEFORE)
    # An empty table's columns would decide the types.
    return pd.concat([part for part in (verdicts, kept[COLUMNS]) if len(part)] or [verdicts], ignore_index=True)


def _broken(findings: Findings) -> pd.DataFrame:
    rows = findings.rejected
    return pd.DataFrame(
        {
            "photo": [f"broken {number}" for number in range(len(rows))],
            "image_path": rows["image_path"],
            "content": "",
            "label": rows["label"],
            "role": "",
            "believed": False,
            "issue": BROKEN,
            "score": 0.0,
            "note": rows["reason"],
        }
    )


def _usable(findings: Findings) -> pd.DataFrame:
    labels, copies = findings.labels, findings.copies
    two = copies["labels"] > 1
    wrong, doubtful = labels.index[labels["wrong"]], labels.index[labels["doubtful"] & ~labels["wrong"]]
    parts = [
        _part(findings, copies.loc[two, "position"], TWO_LABELS, 0.0, "group " + copies.loc[two, "group"].astype(str)),
        _part(findings, copies.loc[~two, "position"], COPY, 0.0, "group " + copies.loc[~two, "group"].astype(str)),
        _part(findings, wrong, WRONG, labels.loc[wrong, "quality"], [looks_like(findings, at) for at in wrong]),
        _part(
            findings, doubtful, DOUBTFUL, labels.loc[doubtful, "quality"], [looks_like(findings, at) for at in doubtful]
        ),
        _part(findings, findings.odd, ODD, FAR / findings.oddity[findings.odd], ""),
    ]
    for issue in findings.appearance:
        scores = findings.appearance[issue].dropna()
        parts.append(_part(findings, scores.index, issue, scores, ""))
    return pd.concat(parts, ignore_index=True)


def _part(findings: Findings, positions: object, issue: str, score: object, note: object) -> pd.DataFrame:
    """Rows of one issue. Score and note: one for all, or one each in the order of the positions."""
    rows = findings.photos.iloc[list(positions)]
    found = rows[["image_path", "content", "label", "role"]].assign(photo=rows.index.astype(str), issue=issue)
    return found.assign(
        believed=well_known(findings.labels.loc[rows.index]),
        score=score if isinstance(score, float) else list(score),
        note=note if isinstance(note, str) else list(note),
    )


def looks_like(findings: Findings, position: int) -> str:
    """In words, what a photo is more likely than what its label says, and why that may mean little."""
    row = findings.labels.loc[position]
    likelier = findings.classes[int(row["likelier"])]
    told = f"looks like {likelier} ({row['other']:.0%}; as labelled {row['given']:.0%})"
    if row["fitted"] >= LEAST_FITTED:
        return told
    return f"{told}, judged by only {counted(int(row['fitted']), 'photo')} under its label"
