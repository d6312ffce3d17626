import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pandas as pd

from ndsc.tracking.dataset import dataset_input, digest, send_dataset
from ndsc.tracking.run import start_run


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


def test_runs_that_bring_one_dataset_at_the_same_moment_all_have_it(tracking, client):
    with start_run(tracking, "makes the experiment", {}):
        pass
    experiment = client.get_experiment_by_name(tracking.experiment).experiment_id
    together = Barrier(4)

    def bring(name: str) -> str:
        run_id = client.create_run(experiment).info.run_id
        dataset = dataset_input(pd.DataFrame({"path": [name]}), name, "data/photos", "training")
        together.wait()
        send_dataset(client, run_id, dataset)
        return run_id

    with ThreadPoolExecutor(4) as threads:
        for number in range(10):
            for run_id in list(threads.map(bring, [f"photos {number}"] * 4)):
                assert len(client.get_run(run_id).inputs.dataset_inputs) == 1
