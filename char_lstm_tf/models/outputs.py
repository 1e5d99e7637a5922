"""The last layer of the networks: logits of the next token, or for documents with labels, those under each label.

Shapes: B batch, T characters in a window, V vocabulary size, L labels, H width of the input,
D width of the embedding.
"""

import math
from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class LabelledLogits(keras.layers.Layer):
    """A dense layer for each label, added to one that all share: logits = (W + W_l) h + b + b_l.

    As in Bagnall, "Author Identification Using Multi-headed Recurrent Neural Networks" (2015), who has no shared one.
    The layers below read a text once, whatever its label, so the losses under all labels cost one pass over it. The
    weights of the labels start from zeros.

    Args:
        vocabulary_size: V.
        labels: L.
    """

    def __init__(self, vocabulary_size: int, labels: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._sizes = {"vocabulary_size": vocabulary_size, "labels": labels}

    def build(self, hidden_shape: tuple[int | None, ...], *_: tuple[Any, ...]) -> None:
        """Creates the weights; those of the labels come last."""
        width, size, labels = hidden_shape[-1], self._sizes["vocabulary_size"], self._sizes["labels"]
        self.kernel = self.add_weight(shape=(width, size), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")
        self.label_kernels = self.add_weight(shape=(labels, width, size), initializer="zeros", name="label_kernels")
        self.label_biases = self.add_weight(shape=(labels, size), initializer="zeros", name="label_biases")

    def call(self, hidden: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Returns the logits under one label for each place, float32 `[…, V]`.

        Args:
            hidden: float32 `[…, H]`.
            labels: ids, int32 `[…]`.
        """
        chosen = tf.one_hot(labels, self._sizes["labels"])
        return tf.einsum("...lv,...l->...v", self.under_each_label(hidden), chosen)

    def under_each_label(self, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the logits under each label, float32 `[…, L, V]`, in one matrix product."""
        size, labels = self._sizes["vocabulary_size"], self._sizes["labels"]
        kernels = tf.transpose(self.kernel + self.label_kernels, [1, 0, 2])
        logits = tf.matmul(tf.reshape(hidden, [-1, hidden.shape[-1]]), tf.reshape(kernels, [-1, labels * size]))
        return tf.reshape(logits, [*tf.unstack(tf.shape(hidden))[:-1], labels, size]) + self.bias + self.label_biases

    def compute_output_shape(self, hidden_shape: tuple[Any, ...], *_: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[…, V]`."""
        return (*hidden_shape[:-1], self._sizes["vocabulary_size"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments that create the same layer."""
        return super().get_config() | self._sizes


@keras.saving.register_keras_serializable(package="char_lstm_tf")
class TiedLogits(keras.layers.Layer):
    """A dense layer whose weights are the embedding's vectors: logits = E K h + b.

    As in Press and Wolf, "Using the Output Embedding to Improve Language Models" (2017), and Inan and others, "Tying
    Word Vectors and Word Classifiers" (2017). K, `[D, H]`, lets the embedding be narrower than the layer below.

    Args:
        embedding: the layer with E, `[V, D]`.
    """

    def __init__(self, embedding: keras.layers.Embedding, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._embedding = embedding

    def build(self, hidden_shape: tuple[int | None, ...]) -> None:
        """Creates K and b."""
        # The vectors of the embedding have unit variance at first, so a sum over D of them is √D times as large.
        width, depth = hidden_shape[-1], self._embedding.output_dim
        initializer = keras.initializers.RandomNormal(stddev=1 / math.sqrt(width * depth))
        self.kernel = self.add_weight(shape=(width, depth), initializer=initializer, name="kernel")
        self.bias = self.add_weight(shape=(self._embedding.input_dim,), initializer="zeros", name="bias")

    @property
    def vectors(self) -> tf.Tensor:
        """E."""
        return self._embedding.embeddings

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        """Returns the logits, float32 `[…, V]`, of float32 `[…, H]`."""
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        logits = tf.matmul(tf.matmul(flat, self.kernel), self.vectors, transpose_b=True) + self.bias
        return tf.reshape(logits, [*tf.unstack(tf.shape(hidden))[:-1], self._embedding.input_dim])

    def compute_output_shape(self, hidden_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Returns `[…, V]`."""
        return (*hidden_shape[:-1], self._embedding.input_dim)

    def get_config(self) -> dict[str, Any]:
        """Returns the name of the embedding, which stands in the file once, as a layer of its own."""
        return super().get_config() | {"embedding": self._embedding.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TiedLogits":
        """Raises ValueError: the configuration of one layer can't hold another one's weights."""
        raise ValueError(
            f"{config['name']} shares the weights of {config['embedding']}, which keras.models.load_model can't "
            "restore; use char_lstm_tf.load, or the SavedModel"
        )


def logits_layer(
    vocabulary_size: int, labels: int, *, tied_to: keras.layers.Embedding | None = None
) -> keras.layers.Layer:
    """Returns the last layer of a network.

    Args:
        vocabulary_size: V.
        labels: L; 0: none.
        tied_to: the embedding that it shares its weights with, if there are no labels; None: it has weights of its own.
    """
    if labels:
        return LabelledLogits(vocabulary_size, labels, name="logits")
    if tied_to is not None:
        return TiedLogits(tied_to, name="logits")
    return keras.layers.Dense(vocabulary_size, name="logits")


def sampled_nats(
    layer: keras.layers.Layer, hidden: tf.Tensor, targets: tf.Tensor, *, samples: int, seed: tf.Tensor
) -> tf.Tensor:
    """Returns the mean loss of targets among some tokens instead of all: the first ones, and some that are drawn.

    A token that is drawn is divided by how often it was expected to be drawn, so the gradient is nearly that of the
    loss among all (Bengio and Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic
    language model", 2008; Jean and others, "On using very large target vocabulary for neural machine translation",
    2015). Words have their ids in the order of their frequency, which falls about as 1 / rank (Zipf's law). So does the
    probability that token k is drawn, which is proportional to ln((k + 2) / (k + 1)). Half of the tokens are the most
    frequent ones and not drawn, since they matter in every batch.

    Args:
        layer: the last one, of `logits_layer`, without labels.
        hidden: what it reads, float32 `[…, H]`.
        targets: ids, int32 `[…]`.
        samples: how many tokens the targets of the whole batch are compared with. One may be drawn twice.
        seed: of the draw, `[2]`. Nothing else is random.
    """
    hidden, targets = tf.reshape(hidden, [-1, hidden.shape[-1]]), tf.reshape(targets, [-1])
    if isinstance(layer, TiedLogits):
        hidden, vectors = tf.matmul(hidden, layer.kernel), layer.vectors
    else:
        vectors = tf.transpose(layer.kernel)
    size = vectors.shape[0]
    first = min(samples // 2, size - 1)
    tail = math.log((size + 1) / (first + 1))
    rank = (first + 1) * tf.exp(tf.random.stateless_uniform([samples - first], seed) * tail) - 1
    drawn = tf.clip_by_value(tf.cast(rank, tf.int32), first, size - 1)
    often = (samples - first) * tf.math.log1p(1 / (tf.cast(drawn, tf.float32) + 1)) / tail  # to be expected
    others = tf.concat([tf.range(first), drawn], axis=0)
    right = tf.reduce_sum(hidden * tf.gather(vectors, targets), axis=-1) + tf.gather(layer.bias, targets)
    wrong = tf.matmul(hidden, tf.gather(vectors, others), transpose_b=True) + tf.gather(layer.bias, others)
    wrong -= tf.concat([tf.zeros([first]), tf.math.log(often)], axis=0)
    wrong = tf.where(targets[:, None] == others, -1e9, wrong)
    return tf.reduce_mean(tf.reduce_logsumexp(tf.concat([right[:, None], wrong], axis=1), axis=1) - right)
