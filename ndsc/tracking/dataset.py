"""A table as an MLflow dataset: its name, origin, digest, columns and number of rows, without the rows."""

import hashlib
import json
from typing import TYPE_CHECKING

import pandas
from pandas.api import types

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

# MLflow's column is 36 characters wide.
DIGEST_LENGTH = 32


def dataset_input(frame: pandas.DataFrame, name: str, source: str, context: str) -> "DatasetInput":
    """Describe a table for MLflow.

    `mlflow.data.from_pandas` would do, but its digest covers the first 10,000 rows only: two manifests that differ
    behind them would pass for one.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(
        name=name,
        digest=digest(frame),
        source_type="local",
        source=json.dumps({"uri": source}),
        schema=json.dumps({"mlflow_colspec": _columns(frame)}),
        profile=json.dumps({"num_rows": len(frame), "num_elements": int(frame.size)}),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag("mlflow.data.context", context)])


def send_dataset(client: "MlflowClient", run_id: str, dataset: "DatasetInput") -> None:
    """Log a dataset. MLflow looks whether it has it before it inserts it, and refuses the slower one of two runs that
    bring the same one at the same moment, as the first jobs of a sweep do; at a second attempt it is there."""
    from mlflow.exceptions import MlflowException

    try:
        client.log_inputs(run_id, datasets=[dataset])
    except MlflowException as error:
        if "unique" not in str(error).lower():
            raise
        client.log_inputs(run_id, datasets=[dataset])


def digest(frame: pandas.DataFrame) -> str:
    """Hash the whole table, as CSV: 32 hexadecimal digits."""
    return hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()[:DIGEST_LENGTH]


def _columns(frame: pandas.DataFrame) -> list[dict]:
    return [
        {"type": _type(column), "name": str(name), "required": not bool(column.isna().any())}
        for name, column in frame.items()
    ]


def _type(column: pandas.Series) -> str:
    """MLflow's name for a column's type; what it has no name for is written down as text."""
    if types.is_bool_dtype(column):
        return "boolean"
    if types.is_integer_dtype(column):
        return "long"
    return "double" if types.is_float_dtype(column) else "string"
