"""The loop that reads texts place by place, with the state passed on."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from char_lstm_tf.inference.sampling import Step
from char_lstm_tf.models import windows


def losses(
    step: Step, ids: tf.Tensor, targets: tf.Tensor, states: Sequence[tf.Tensor], *, under_each: int = 0
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns the loss of each target, in nats, float32 `[B, T]`, and the states after the last id.

    Args:
        step: one step of a model: ids `[B]` and states → logits `[B, V]` and states.
        ids: int32 `[B, T]`.
        targets: the character after each of them, int32 `[B, T]`.
        states: before the first id, float32 `[B, H]` each.
        under_each: L, if the step returns logits `[B, L, V]`; the losses are `[B, T, L]` then.
    """

    def read(place: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        logits, states = step(ids[:, place], states)
        return windows.nats(targets[:, place], logits), states

    shape = [*ids.shape[:1], under_each] if under_each else ids.shape[:1]
    return along(read, states, count=tf.shape(ids)[1], shape=shape)


def along(
    read: Callable[[tf.Tensor, Sequence[tf.Tensor]], tuple[tf.Tensor, list[tf.Tensor]]],
    states: Sequence[tf.Tensor],
    *,
    count: int | tf.Tensor,
    shape: Sequence[int | None],
    last: tf.Tensor | None = None,
    fresh: tf.Tensor | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Returns what a model gives at each place, one after the other, `[B, count, …]`, and the states after the last.

    Args:
        read: a place and the states before it → values and the new states.
        states: before the first place, float32 `[B, H]` each.
        count: of the places.
        shape: of the values at a place, `[B, …]`.
        last: how many places to read, int32; None: all. The values after them are 0.
        fresh: where a text begins, so that the state is reset first, bool `[B, count]`; None: nowhere.
    """

    def go_on(place: tf.Tensor, values: tf.TensorArray, *states: tf.Tensor) -> tuple:
        if fresh is not None:
            states = [tf.where(fresh[:, place, None], tf.zeros_like(state), state) for state in states]
        found, new_states = read(place, states)
        return place + 1, values.write(place, found), *new_states

    last = count if last is None else last
    start = (0, tf.TensorArray(tf.float32, count, element_shape=shape), *states)
    _, values, *states = tf.while_loop(lambda place, *_: place < last, go_on, start)
    values = values.stack()
    return tf.transpose(values, [1, 0, *range(2, len(shape) + 1)]), states
