import keras
import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import Config
from char_lstm_tf.models.build import build, load
from char_lstm_tf.runs.plan import Teacher, plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.training.fitting.compiling import compile_model
from char_lstm_tf.training.fitting.step import reset_carried_state, train_function
from char_lstm_tf.training.fitting.teachers import Teachers
from char_lstm_tf.training.run import Run
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

SIZES = {"units": (8,), "batch_size": 2, "window": 6, "max_steps": 3, "sample_chars": 0, "split": (1.0, 0.0, 0.0)}


@pytest.fixture
def teacher(trained):
    return Teacher.open(trained)


def student(vocabulary, **flags):
    config = Config(name="x", **SIZES | flags)
    keras.utils.set_random_seed(4)
    return config, build(config, vocabulary, stream=True).keras_model


def one_hot(vocabulary, places):
    ids = np.random.default_rng(5).integers(1, len(vocabulary), [2, places])
    return ids, np.eye(len(vocabulary), dtype="float32")[ids]


@pytest.mark.parametrize("trains", [False, True])
def test_teachers_predict_what_their_runs_do_and_carry_their_state(teacher, trains):
    config, _ = student(teacher.vocabulary)
    teachers = Teachers.of([teacher, teacher], config, teacher.vocabulary, stream=True, trains=trains)
    ids, vectors = one_hot(teacher.vocabulary, 12)
    found = np.concatenate([teachers.predict(vectors[:, :6]), teachers.predict(vectors[:, 6:])], axis=1)
    network = load(teacher)
    outputs, _ = network.read_all(tf.constant(ids, tf.int32), network.start(2))
    np.testing.assert_allclose(found, tf.nn.softmax(network.logits(outputs)), atol=1e-6)


def test_a_step_minimizes_the_mean_of_both_losses_and_logs_that_of_the_text(teacher):
    config, model = student(
        teacher.vocabulary, optimizer="sgd", learning_rate=1.0, schedule="constant", clipnorm=0.0, units=(8, 8)
    )
    teachers = Teachers.of([teacher], config, teacher.vocabulary, stream=True, trains=False)
    _, vectors = one_hot(teacher.vocabulary, 7)
    inputs, targets = vectors[:, :-1], vectors[:, 1:]
    taught = teachers.predict(inputs)
    for each in (model, *teachers.models):
        reset_carried_state(each)
    with tf.GradientTape() as tape:
        logits = model(inputs)
        nats = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        soft = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits((targets + taught) / 2, logits))
    gradients = tape.gradient(soft, model.trainable_variables)
    expected = [w.numpy() - g.numpy() for w, g in zip(model.trainable_variables, gradients, strict=True)]
    reset_carried_state(model)
    state = compile_model(model, config, steps=1)
    batches = iter(tf.data.Dataset.from_tensors((inputs, targets)))
    logs = train_function(model, state, teachers=teachers)(batches)
    assert float(logs["loss"]) == pytest.approx(float(nats), rel=1e-5)
    for weight, value in zip(model.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(weight, value, atol=1e-5)


def test_a_teacher_with_other_characters_is_refused(teacher):
    other = Vocabulary((*teacher.vocabulary.tokens, "ß"))
    config, _ = student(other)
    with pytest.raises(UserError, match=r"--teacher=.*: its \d+ tokens and labels aren't the \d+ of this text; train"):
        Teachers.of([teacher], config, other, stream=True, trains=False)


def plan_of(trained, folder, **flags):
    text = str(trained.parents[1] / "verse.txt")
    where = {"output_dir": str(folder), "data_dir": str(folder / "data"), "text": (text,)}
    return plan_run(name="student", teacher=(str(trained),), **where, **SIZES | flags)


def test_each_epoch_begins_with_an_empty_state_of_the_teacher_too(trained, tmp_path):
    """The state before the second epoch is that before the first one, since the rows jump back to their beginnings."""
    plan = plan_of(trained, tmp_path, epochs=2, max_steps=0, batch_size=64)
    run = Run(plan, prepare_text(plan))
    (model,) = run.teachers.models
    states, predict = [], Teachers.predict

    def watched(self, inputs):
        tf.py_function(lambda *parts: states.append([part.numpy() for part in parts]), model.layers[0].states, [])
        return predict(self, inputs)

    with pytest.MonkeyPatch.context() as patch, plan.folder.opened(plan.config, plan.teachers[0].vocabulary):
        patch.setattr(Teachers, "predict", watched)
        run.fit()
    per_epoch = run.fitting.progress.steps_per_epoch
    assert len(states) == 2 * per_epoch
    empty = [not any(part.any() for part in state) for state in states]
    assert [step for step, is_empty in enumerate(empty) if is_empty] == [0, per_epoch]
