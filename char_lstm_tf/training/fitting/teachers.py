"""Other runs that a network learns from (`--teacher`).

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015). The text says which token came next,
and a teacher says how likely each of the others was. That also helps if the teacher is no larger: Furlanello and
others, "Born-Again Neural Networks" (2018).

Shapes: B rows, T tokens of a window, V vocabulary size.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import keras
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models.build import build, load
from char_lstm_tf.models.seeding import seeded
from char_lstm_tf.runs.plan import Teacher
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

SHARE = 0.5  # of the teachers in what is minimized; no other value was tried


@dataclass(frozen=True)
class Teachers:
    """The models of these runs. They read the batches of the network that learns, and carry a state if it does."""

    models: tuple[keras.Model, ...] = ()

    @classmethod
    def of(cls, runs: Sequence[Teacher], config: Config, vocabulary: Vocabulary, *, stream: bool, trains: bool) -> Self:
        """Returns the models of runs for the batches of a configuration. Other arguments are those of `build`.

        Raises:
            UserError: a run has another vocabulary, or its files are damaged.
        """
        models = []
        for run in runs:
            if run.vocabulary != vocabulary:
                raise UserError(
                    f"--teacher={run.folder.path}: its {len(run.vocabulary)} tokens and labels aren't the "
                    f"{len(vocabulary)} of this text; train both on the same text, with the same flags about text"
                )
            # Without dropout, training mode only means that the fast layers read the text.
            sizes = dataclasses.replace(run.config, batch_size=config.batch_size, window=config.window, dropout=0.0)
            with seeded(0):  # the weights that are drawn are replaced
                model = build(sizes, vocabulary, stream=stream, trains=trains, packed=True).keras_model
            model.set_weights(load(run).keras_model.get_weights())
            models.append(model)
        return cls(tuple(models))

    def predict(self, inputs: tf.Tensor) -> tf.Tensor | None:
        """Returns the mean of their probabilities, float32 `[B, T, V]` or `[B, V]`; None if there are no teachers."""
        if not self.models:
            return None
        return tf.add_n([tf.nn.softmax(model(inputs, training=True)) for model in self.models]) / len(self.models)

    def mixed(self, nats: tf.Tensor, logits: tf.Tensor, taught: tf.Tensor | None) -> tf.Tensor:
        """Returns what a step minimizes: the loss against the text, mixed with that against the teachers.

        Args:
            nats: mean loss against the text.
            logits: predictions of the network that learns, `[B, T, V]` or `[B, V]`.
            taught: what `predict` returned.
        """
        if taught is None:
            return nats
        against = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(taught, logits))
        return (1 - SHARE) * nats + SHARE * against


NOBODY = Teachers()
