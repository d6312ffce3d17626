"""The offline buffer: what MLflow did not take of a run, in a folder, until it is sent.

MLflow has no offline mode. `<root>/unsent/<run id>/` holds `params.jsonl`, `metrics.jsonl`, `tags.jsonl` and
`datasets.jsonl`, one JSON object a line in the order in which they were logged, and below `artifacts/` the files at
their artifact paths. `status.txt` is there once the run has ended: only then do other runs send it.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT

from ndsc.caching.locks import LockState, acquire, file_lock

UNSENT, STATUS, ARTIFACTS = "unsent", "status.txt", "artifacts"
TAG = "ndsc.unsent"  # of a run: its folder
ENTITIES = {"params": Param, "metrics": Metric, "tags": RunTag}

log = logging.getLogger(__name__)


def buffer_lines(folder: Path, kind: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Append each row to `<kind>.jsonl` as a JSON object."""
    with open(folder / f"{kind}.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def buffer_file(folder: Path, source: Path, artifact_folder: str) -> None:
    """Copy a file or a folder, under its own name, to its artifact path."""
    target = folder / ARTIFACTS / artifact_folder / source.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copy2(source, target)


def send_buffer(client: MlflowClient, run_id: str, folder: Path) -> None:
    """Send everything in the folder of a run that has ended, and delete what MLflow has taken.

    Does nothing if another process is sending it. Params, metrics and tags come first. Until everything is sent, a tag
    of the run names the folder.

    Raises:
        Exception: what MLflow raised for values, or for the first artifact that it did not take.
    """
    if acquire(lock := file_lock(folder / ".sending.lock")) is LockState.BUSY:
        return
    try:
        client.set_tag(run_id, TAG, str(folder))
        for file in folder.glob("*.jsonl"):
            rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            if file.stem in ENTITIES:
                client.log_batch(run_id, **{file.stem: [ENTITIES[file.stem](**row) for row in rows]})
            for row in rows if file.stem == "datasets" else ():
                context = InputTag(MLFLOW_DATASET_CONTEXT, row.pop("context"))
                send_dataset(client, run_id, DatasetInput(Dataset(**row), [context]))
            file.unlink()
        _send_artifacts(client, run_id, folder / ARTIFACTS)
        client.delete_tag(run_id, TAG)
        shutil.rmtree(folder)
    finally:
        lock.release()


def send_earlier(client: MlflowClient, root: Path) -> None:
    """Send what the open store did not take of runs that have ended. A failure is logged, and what is left stays."""
    for folder in (root / UNSENT).glob("*/"):
        status, run_id = folder / STATUS, folder.name
        try:
            recorded = client.get_run(run_id).info.status
            if status.exists() and (ended := status.read_text(encoding="utf-8").strip()) != recorded:
                client.set_terminated(run_id, ended)
            elif recorded == "RUNNING":
                continue
            send_buffer(client, run_id, folder)
            log.info("sent what MLflow had not taken of run %s", run_id)
        except Exception as error:  # artifact stores raise whatever their own client libraries raise
            if getattr(error, "error_code", None) != "RESOURCE_DOES_NOT_EXIST":  # a run of another store
                log.warning("MLflow still does not take %s of run %s: %s", folder, run_id, error)


def send_dataset(client: MlflowClient, run_id: str, dataset: DatasetInput) -> None:
    """Log a dataset, with a second attempt.

    MLflow looks for the dataset before it inserts it, and refuses the slower of two runs that log the same one at the
    same moment, as the first jobs of a sweep do. At the second attempt it is there.
    """
    try:
        client.log_inputs(run_id, datasets=[dataset])
    except MlflowException as error:
        if "unique" not in str(error).lower():
            raise
        client.log_inputs(run_id, datasets=[dataset])


def _send_artifacts(client: MlflowClient, run_id: str, artifacts: Path) -> None:
    failure = None
    for file in sorted(path for path in artifacts.rglob("*") if path.is_file()):
        parent = file.parent.relative_to(artifacts).as_posix()
        try:
            client.log_artifact(run_id, str(file), None if parent == "." else parent)
            file.unlink()
        except Exception as error:
            failure = failure or error
    if failure is not None:
        raise failure
