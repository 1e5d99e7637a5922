"""Models that read a whole window of T characters for each prediction, stepped along a text.

Their state is the last T ids, as float32 `[B, T]` like every other state. A text starts from zeros: the places before
it hold id 0, the unknown character, which adds nothing to the model's input (`encodings.silence_unknown`). Windows that
aren't full don't occur in training, so the first characters of a text cost more than later ones, as with a recurrent
model. On paragraphs of tiny Shakespeare, the first five characters cost an n-gram model of T = 8 2.98 nats each, the
next five 1.42.
"""

import keras
import tensorflow as tf

from char_lstm_tf.models import outputs
from char_lstm_tf.models.ngrams import counted


def reads_windows(model: keras.Model) -> bool:
    """Returns whether a model has no cells that can be stepped from its first layer to its last."""
    layers = model.layers
    return not any(isinstance(layer, keras.layers.RNN) for layer in layers) or any(
        isinstance(layer, keras.layers.Bidirectional) for layer in layers
    )


def read(
    model: keras.Model,
    ids: tf.Tensor,
    state: tf.Tensor,
    *,
    fresh: tf.Tensor | None = None,
    labels: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads `ids` from a state on, all their windows at once.

    Before: state `"the"`, ids `"re"` of a model of T = 3; the windows it reads: `"her"`, `"ere"`; after: state `"ere"`.

    Args:
        model: for which `reads_windows` holds.
        ids: int32 `[B, N]`, N at least 1.
        state: the T ids before them, float32 `[B, T]`.
        fresh: where a text begins that must not see what is before it, bool `[B, N]`; None: nowhere.
        labels: of a model with labels: that of the text of each id, int32 `[B, N]`; None: each.

    Returns:
        Logits of the character after each id, float32 `[B, N, V]`, or `[B, N, L, V]` under each label, and the new
        state.
    """
    windows, new_state = _cut(ids, state, fresh)
    logits = predict(model, windows, None if labels is None else tf.reshape(labels, [-1]))
    return tf.reshape(logits, [-1, tf.shape(ids)[1], *logits.shape[1:]]), new_state


def losses(
    model: keras.Model,
    ids: tf.Tensor,
    targets: tf.Tensor,
    state: tf.Tensor,
    *,
    fresh: tf.Tensor | None = None,
    labels: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the loss of each target, in nats, float32 `[B, N]` or `[B, N, L]`, and the new state.

    Counted n-grams look up the targets alone, which is many times as fast as all V characters. Arguments as for `read`.

    Args:
        model: for which `reads_windows` holds.
        ids: int32 `[B, N]`.
        targets: the character after each of them, int32 `[B, N]`.
        state: the T ids before them.
        fresh: where a text begins.
        labels: that of the text of each id; None: each.
    """
    if not counted.is_counted(model):
        logits, new_state = read(model, ids, state, fresh=fresh, labels=labels)
        return nats(targets, logits), new_state
    windows, new_state = _cut(ids, state, fresh)
    flat = [None if values is None else tf.reshape(values, [-1]) for values in (targets, labels)]
    found = model.layers[-1].nats(windows, *flat)
    return tf.reshape(found, [-1, tf.shape(ids)[1], *found.shape[1:]]), new_state


def nats(targets: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the loss of each target: of targets `[…]` and logits `[…, V]`, `[…]`; of logits `[…, L, V]`, `[…, L]`."""
    if logits.shape.rank - targets.shape.rank == 2:
        targets = tf.repeat(targets[..., None], logits.shape[-2], axis=-1)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)


def _cut(ids: tf.Tensor, state: tf.Tensor, fresh: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the window that ends with each id, int32 `[B × N, T]`, and the new state. Arguments as for `read`."""
    size = state.shape[1]
    text = tf.concat([tf.cast(state[:, 1:], tf.int32), ids], axis=1)
    count = tf.shape(ids)[1]
    places = tf.range(count)[:, None] + tf.range(size)
    windows = tf.gather(text, places, axis=1)
    if fresh is not None:
        # Where the text of each window begins; before the first beginning, somewhere before the state.
        begins = tf.where(fresh, tf.range(count) + size - 1, -1)
        begins = tf.scan(tf.maximum, tf.transpose(begins))
        windows = tf.where(places >= tf.transpose(begins)[..., None], windows, 0)
        text = tf.where(tf.range(tf.shape(text)[1]) >= begins[-1][:, None], text, 0)
    new_state = tf.cast(text[:, -size:], tf.float32)
    return tf.reshape(windows, [-1, size]), tf.ensure_shape(new_state, state.shape)


def predict(model: keras.Model, windows: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the logits of the character after each window, float32 `[B, V]`, without dropout.

    Keras' own loop runs the cells of recurrent layers, so an exported graph has no operation that exists on one kind of
    device only, whatever the layers around the cells use.

    Args:
        model: for which `reads_windows` holds.
        windows: ids, int32 `[B, T]`.
        labels: of a model with labels: int32 `[B]`; None: each, and the result is `[B, L, V]`.
    """
    embedded = model.inputs[0].dtype == "int32"
    hidden = windows if embedded else tf.one_hot(windows, model.output_shape[-1])
    for layer in model.layers[:-1]:
        if isinstance(layer, keras.layers.Bidirectional):
            forward, backward = (
                run(part.cell, hidden, return_sequences=part.return_sequences, go_backwards=part.go_backwards)
                for part in (layer.forward_layer, layer.backward_layer)
            )
            if layer.backward_layer.return_sequences:
                backward = tf.reverse(backward, axis=[1])
            hidden = tf.concat([forward, backward], axis=-1)
        elif isinstance(layer, keras.layers.RNN):
            hidden = run(layer.cell, hidden, return_sequences=layer.return_sequences)
        elif not isinstance(layer, keras.layers.Dropout | keras.layers.InputLayer):
            hidden = layer(hidden)
    return outputs.logits_of(model, hidden, labels)


def run(cell: keras.Layer, inputs: tf.Tensor, **options: bool) -> tf.Tensor:
    """Returns the outputs of a cell, `[B, T, H]` or `[B, H]`; options of Keras' RNN."""
    return keras.layers.RNN(cell, **options)(inputs, training=False)
