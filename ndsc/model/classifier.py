"""The head, and the assembled model: raw photo in, probabilities out."""

import keras

from ndsc.config.schema import HeadConfig
from ndsc.data.decoding import resizer
from ndsc.model.backbone import Backbone, Cut


def build_head(config: HeadConfig, features: int, classes: int, seed: int) -> keras.Sequential:
    """Dropout and Dense to the classes, with one hidden layer if `units` is given; gives probabilities.

    Args:
        features: length of the pooled features.
        classes: number of outputs.
        seed: for the initial weights and the dropout.
    """
    keras.utils.set_random_seed(seed)
    layers: list[keras.layers.Layer] = [keras.Input((features,))]
    if config.units is not None:
        layers.append(keras.layers.Dense(config.units, activation="relu", name="hidden"))
    if config.dropout > 0:
        layers.append(keras.layers.Dropout(config.dropout, seed=seed, name="dropout"))
    # float32 whatever the policy is: a softmax in half precision does not sum to one.
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32", name="probabilities"))
    return keras.Sequential(layers, name="head")


def build_trainable(cut: Cut, head: keras.Sequential, batch_norm: str, precision: str) -> keras.Model:
    """What `fit` sees: from what crosses the line to probabilities.

    Args:
        batch_norm: `inference` keeps batch normalization (and the backbone's own dropout) as it was pretrained, as is
            advised when few layers are tuned; `training` lets it follow the new data.
        precision: Keras' dtype policy for the backbone's layers above the line. Weights and head stay in float32.
    """
    for layer in cut.trainable.layers if cut.trainable else []:
        layer.dtype_policy = keras.DTypePolicy(precision)
    crossing = keras.Input(cut.frozen.output_shape[1:], name="crossing")
    if cut.trainable is None:
        return keras.Model(crossing, head(crossing), name="trainable")
    above = _AtInference(cut.trainable) if batch_norm == "inference" else cut.trainable
    return keras.Model(crossing, head(above(crossing)), name="trainable")


class _AtInference(keras.layers.Layer):
    """Runs a model as in inference also while it is trained. To call it with `training=False` in a functional model
    would not do: of that call Keras keeps everything but this argument, for which it takes that of `fit`."""

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self.model = model

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return self.model(inputs, training=False)


def assemble(backbone: Backbone, head: keras.Sequential, resize: str) -> keras.Model:
    """The whole: photos (n, height, width, 3) of any size with values 0 to 255 in, probabilities (n, classes) out.

    Resizing and preprocessing are inside, augmentation is not. It is made of Keras' own layers only, so that
    `keras.models.load_model` reads it where this package is not installed. It computes in float32, whatever precision
    it was trained at: not every machine that it comes to has another (OpenVINO refuses the bfloat16 of Keras).
    """
    for layer in backbone.network.layers:
        layer.dtype_policy = keras.DTypePolicy("float32")
    photo = keras.Input((None, None, 3), name="image")
    resized = resizer(backbone.size, resize)(photo)
    pooled = backbone.network(backbone.preprocess(resized), training=False)
    return keras.Model(photo, head(pooled), name="classifier")
