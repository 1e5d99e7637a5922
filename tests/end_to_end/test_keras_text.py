"""A text as batches for Keras models of one's own."""

import keras
import numpy as np
import pytest
from conftest import verse

import char_lstm_tf
from char_lstm_tf.data import Text
from pipelines import UserError

TEXT = verse(60)


@pytest.fixture
def text(tmp_path):
    return Text.from_strings([TEXT], split=(0.8, 0.1, 0.1), data_dir=tmp_path)


def written(text, ids):
    return ["".join(text.vocabulary.decode(row) for row in batch) for batch in ids]


def test_windows_of_ids_are_the_text_and_targets_one_character_later(text):
    rows = {}
    for inputs, targets in text.windows(16, batch_size=8, encoding="ids"):
        assert (inputs.dtype, targets.dtype) == ("int32", "int32")
        for row, later in zip(inputs.numpy(), targets.numpy(), strict=True):
            rows[text.vocabulary.decode(row)] = text.vocabulary.decode(later)
    train = TEXT[: round(0.8 * len(TEXT))]
    assert set(rows) == {train[start : start + 16] for start in range(0, len(train) - 16, 16)}
    assert all(window + target[-1] in train and window[1:] == target[:-1] for window, target in rows.items())


def test_one_hot_windows_and_next_characters(text):
    size = len(text.vocabulary)
    inputs, targets = next(iter(text.windows(10, batch_size=4, target="next_char", part="test")))
    assert inputs.shape == (4, 10, size)
    assert targets.shape == (4, size)
    assert np.array_equal(np.sum(inputs, -1), np.ones((4, 10)))


def test_a_stream_goes_on_from_batch_to_batch(text):
    batches = [inputs.numpy() for inputs, _ in text.stream(16, batch_size=2, encoding="ids")]
    row = "".join(text.vocabulary.decode(batch[0]) for batch in batches)
    assert TEXT.startswith(row)
    assert len(row) == 16 * len(batches) > 300


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["one_hot", "ids"])
def test_a_stateful_model_of_keras_learns_from_a_stream_by_plain_fit(text, encoding):
    size, ids = len(text.vocabulary), encoding == "ids"
    shape, first = ((4, 16), [keras.layers.Embedding(size, 8)]) if ids else ((4, 16, size), [])
    layer = keras.layers.LSTM(16, stateful=True, return_sequences=True)
    model = keras.Sequential([keras.Input(batch_shape=shape), *first, layer, keras.layers.Dense(size)])
    losses = keras.losses
    loss = (losses.SparseCategoricalCrossentropy if ids else losses.CategoricalCrossentropy)(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    reset = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: layer.reset_state())
    batches = text.stream(16, batch_size=4, encoding=encoding)
    found = model.fit(batches, epochs=3, callbacks=[reset], shuffle=False, verbose=0).history["loss"]
    assert found[2] < found[1] < found[0]
    assert found[0] < np.log(size)


def test_files_and_strings_of_one_text_are_one(tmp_path, text):
    (tmp_path / "a.txt").write_bytes(TEXT.replace("\n", "\r\n").encode())
    read = Text.from_files(tmp_path / "a.txt", split=(0.8, 0.1, 0.1), data_dir=tmp_path)
    assert read.vocabulary == text.vocabulary
    assert np.array_equal(read.corpus.split("train")[:], text.corpus.split("train")[:])


def test_another_text_keeps_the_vocabulary_and_its_new_characters_are_unknown(tmp_path, text):
    other = Text.from_strings(["The Zoë"], split=(1, 0, 0), vocabulary=text.vocabulary, data_dir=tmp_path)
    assert other.vocabulary == text.vocabulary
    assert text.vocabulary.decode(other.corpus.split("train")[:]) == "The \ufffdo\ufffd"


def test_the_text_that_comes_with_python_is_at_hand(tmp_path):
    assert len(Text.built_in(data_dir=tmp_path).corpus.split("train")) > 300_000


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda text: text.windows(0), "window=0: must be a whole number of at least 1"),
        (lambda text: text.windows(8, part="valid"), "part='valid': must be train or validation or test"),
        (lambda text: text.windows(8, encoding="onehot"), "encoding='onehot': must be one_hot or ids"),
        (lambda text: text.stream(8, target="x"), "target='x': must be sequence or next_char"),
        (lambda text: text.windows(10_000), "part='train': its 1,[0-9]* characters are too few for window=10000"),
        (lambda text: Text.from_strings(TEXT), "texts: must be a list of str"),
        (lambda text: Text.from_strings(["a"], split=(1, 1, 1)), "split"),
        (lambda text: Text.from_files("nowhere.txt"), "nowhere.txt: no such file"),
    ],
)
def test_a_wrong_argument_is_one_clear_sentence(text, call, says):
    with pytest.raises(UserError, match=says):
        call(text)


def test_the_parts_are_there_without_importing_them():
    assert char_lstm_tf.data.Text is Text
    with pytest.raises(AttributeError, match="no attribute 'parts'"):
        _ = char_lstm_tf.parts
