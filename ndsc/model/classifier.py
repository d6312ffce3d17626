"""The head, and the assembled classifier: photo in, probabilities out."""

import keras

from ndsc.config.schema import HeadConfig
from ndsc.data.decoding import resizer
from ndsc.model.backbone import Backbone
from ndsc.model.freeze_line import Cut


def build_head(config: HeadConfig, features: int, classes: int, seed: int) -> keras.Sequential:
    """Build the head: an optional hidden layer, dropout, and Dense to the classes with softmax.

    Args:
        features: length of the pooled features.
        classes: number of outputs.
        seed: of the initial weights and the dropout.
    """
    keras.utils.set_random_seed(seed)
    layers: list[keras.layers.Layer] = [keras.Input((features,))]
    if config.units is not None:
        layers.append(keras.layers.Dense(config.units, activation="relu", name="hidden"))
    if config.dropout > 0:
        layers.append(keras.layers.Dropout(config.dropout, seed=seed, name="dropout"))
    # Always float32: a softmax in half precision does not sum to one.
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities"))
    return keras.Sequential(layers, name="head")


def build_trainable(cut: Cut, head: keras.Sequential, batch_norm: str, precision: str) -> keras.Model:
    """Build the model that `fit` sees: from what crosses the line to probabilities.

    Args:
        batch_norm: `inference` leaves batch normalization (and the backbone's own dropout) as pretrained, which is
            advised when few layers are tuned; `training` lets it follow the new data.
        precision: Keras' dtype policy for the backbone's layers above the line. Weights and head stay in float32.
    """
    for layer in cut.trainable.layers if cut.trainable else []:
        layer.dtype_policy = keras.DTypePolicy(precision)
    crossing = keras.Input(cut.frozen.output_shape[1:], name="crossing")
    if cut.trainable is None:
        return keras.Model(crossing, head(crossing), name="trainable")
    above = _InferenceMode(cut.trainable) if batch_norm == "inference" else cut.trainable
    return keras.Model(crossing, head(above(crossing)), name="trainable")


class _InferenceMode(keras.layers.Layer):
    """Runs a model in inference mode also during training. Calling it with `training=False` in a functional model is
    not enough: Keras replaces this argument by that of `fit`."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.model = model

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return self.model(inputs, training=False)


def assemble_classifier(backbone: Backbone, head: keras.Sequential, resize: str) -> keras.Model:
    """Build the classifier: photos (n, height, width, 3) of any size, values 0 to 255, to probabilities (n, classes).

    Resizing and preprocessing are inside, augmentation is not. All layers are Keras' own, so that
    `keras.models.load_model` reads it where this package is not installed. It computes in float32, whatever precision
    it was trained at: other machines may not support that one (OpenVINO refuses the bfloat16 of Keras).
    """
    for layer in backbone.network.layers:
        layer.dtype_policy = keras.DTypePolicy("float32")
    photo = keras.Input((None, None, 3), name="image")
    resized = resizer(backbone.size, resize)(photo)
    pooled = backbone.network(backbone.preprocess(resized), training=False)
    return keras.Model(photo, head(pooled), name="classifier")
