"""Graph epochs: an epoch in one call into TensorFlow.

Keras fetches one batch after the other from a `tf.data` pipeline: for vectors of a few kB, that takes several times as
long as the training itself. If all features are in memory, a whole epoch is one step for Keras, and the loop over its
batches is part of TensorFlow's graph. Everything else stays Keras' own (training step, callbacks, metrics), and the
numbers are the same to the last digit.
"""

from collections.abc import Callable, Iterator, Mapping

import keras
import tensorflow as tf

from ndsc.training.batching import Gather

Logs = dict[str, tf.Tensor]


def use_graph_epochs(
    model: keras.Model, train: Gather, validation: Gather, batch_size: int, inference_batch: int
) -> None:
    """Make `model.fit` and its validation take a whole epoch's (photos, views) in place of a batch.

    Args:
        model: compiled; compiling it again undoes this.
    """
    # What Keras builds at the first batch would make TensorFlow trace the epoch twice.
    model.optimizer.build(model.trainable_variables)
    features, *targets = train.batch(train.tensors, tf.zeros(1, tf.int32), tf.zeros(1, tf.int32))
    model.compute_metrics(features, targets[0], model(features))
    model.reset_metrics()
    model.steps_per_execution = 1
    # Keras makes these two functions only if they are not set.
    model.train_function = _epoch(model, model.train_step, train, batch_size)
    model.test_function = _epoch(model, model.test_step, validation, inference_batch)


def _epoch(
    model: keras.Model, step: Callable[[tuple[tf.Tensor, ...]], Logs], gather: Gather, batch_size: int
) -> Callable[[Iterator[tuple[tf.Tensor, tf.Tensor]]], Logs]:
    @tf.function(autograph=False)
    def all_batches(tensors: Mapping[str, tf.Tensor], photos: tf.Tensor, views: tf.Tensor) -> Logs:
        def one_batch(start: tf.Tensor) -> tf.Tensor:
            batch = slice(start, start + batch_size)
            step(gather.batch(tensors, photos[batch], views[batch]))
            return start + batch_size

        tf.while_loop(lambda start: start < tf.shape(photos)[0], one_batch, [tf.constant(0)])
        return model.get_metrics_result()

    return lambda epochs: all_batches(gather.tensors, *next(epochs))
