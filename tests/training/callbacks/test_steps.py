import dataclasses

import tensorflow as tf

from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.training.callbacks.steps import Steps


def test_an_epoch_has_points_in_a_file_and_in_tensorboard_where_samples_are_text(tmp_path):
    stands = [Progress("key", steps=200, steps_per_epoch=100)]
    steps = Steps(lambda: stands[0], log=tmp_path / "steps.csv", board=tmp_path / "logs", samples=lambda: "one\ntwo\n")
    steps.on_epoch_begin(0)
    for batch, mean in enumerate([8.0, 4.0, 5.0, 3.0]):
        stands[0] = dataclasses.replace(stands[0], step=batch + 1)
        steps.on_train_batch_end(batch, {"loss": tf.constant(mean)})
    steps.on_epoch_end(0, {})
    steps.on_train_end()
    assert (tmp_path / "steps.csv").read_text() == "step,loss\n2,4.0\n4,3.0\n"
    (file,) = (tmp_path / "logs").iterdir()
    values = [
        (event.step, value.tag, tf.make_ndarray(value.tensor).item())
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]
    assert values == [(2, "loss", 4.0), (4, "loss", 2.0), (0, "samples", b"    one\n    two")]
