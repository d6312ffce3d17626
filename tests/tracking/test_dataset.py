import json

import pandas as pd

from ndsc.tracking.dataset import dataset_input, digest


def test_a_dataset_has_columns_rows_and_a_source():
    frame = pd.DataFrame({"path": ["a", "b"], "size": [1, 2], "share": [0.5, None], "rejected": [True, False]})
    dataset = dataset_input(frame, "ndsc", "data/photos", "training").dataset
    columns = json.loads(dataset.schema)["mlflow_colspec"]
    assert [(column["name"], column["type"], column["required"]) for column in columns] == [
        ("path", "string", True),
        ("size", "long", True),
        ("share", "double", False),
        ("rejected", "boolean", True),
    ]
    assert json.loads(dataset.profile) == {"num_rows": 2, "num_elements": 8}
    assert json.loads(dataset.source) == {"uri": "data/photos"}


def test_the_digest_covers_every_row_and_cell():
    frame = pd.DataFrame({"path": [f"{number}.jpg" for number in range(10_002)]})
    changed = frame.copy()
    changed.loc[10_001, "path"] = "other.jpg"
    assert digest(frame) == digest(frame.copy())
    assert digest(frame) != digest(changed)
    assert len(digest(frame)) <= 36
