"""The model as MLflow serves it: encoded photos in, label and probabilities out.

MLflow logs this file itself ("models from code"), together with the package; nothing is pickled.
"""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException

from ndsc.data.decoding import Unusable
from ndsc.model.photo_classifier import PhotoClassifier


class ListingClassifier(mlflow.pyfunc.PythonModel):
    """A classifier of photos for MLflow.

    It takes a table with one binary column `image` (JPEG, PNG, GIF, BMP or WebP), and returns `label` and the
    probability of each class, `p_<class>`.
    """

    def load_context(self, context: Any) -> None:
        """Load the classifier and the names of its classes."""
        self._classifier = PhotoClassifier(Path(context.artifacts["classifier"]))

    def predict(  # pyright: ignore[reportIncompatibleMethodOverride]  (MLflow's own has no body)
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return one row a photo. Raises an MLflow exception with the reason if one of the photos cannot be read."""
        prepared = []
        for number, data in enumerate(model_input["image"]):
            if not isinstance(data, bytes):
                raise _invalid(f"in row {number}: {type(data).__name__}")
            try:
                prepared.append(self._classifier.prepare(data))
            except Unusable as error:
                raise _invalid(f"in row {number}: {error}") from error
        if not prepared:
            raise _invalid("a table without rows")
        names = pd.Index(self._classifier.classes)
        table = pd.DataFrame(self._classifier.probabilities(prepared), columns=names).astype(float)
        table = table.add_prefix("p_")
        table.insert(0, "label", names[table.to_numpy().argmax(axis=1)])
        return table


def _invalid(received: str) -> MlflowException:
    return MlflowException.invalid_parameter_value(
        "Expected the bytes of a JPEG, PNG, GIF, BMP or WebP photo in each row of the column 'image' (base64 in "
        f"dataframe_split). Received {received}."
    )


mlflow.models.set_model(ListingClassifier())
