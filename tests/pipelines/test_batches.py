import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from conftest import FakeSource

from pipelines import UserError, corpus
from pipelines.batches import Form, Shuffled, Stream

TEXT = "".join(map(chr, np.random.default_rng(0).integers(97, 107, 1000)))
IDS = Form("embedding", "sequence", 11, sparse=True)
ORDERS = pytest.mark.parametrize("order", [Stream, Shuffled])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return corpus.prepare([FakeSource([TEXT])], split=(0.8, 0.1, 0.1), folder=tmp_path_factory.mktemp("data"))


@pytest.fixture
def ids(prepared):
    return prepared.split("train")


def windows(batches, epochs=1):
    """Returns the text of each window, a list a batch."""
    text = TEXT[batches.ids.begin : batches.ids.end]
    shift = ord("a") - 1  # id 0 is unknown
    found = [
        ["".join(chr(shift + i) for i in row) for row in batch.numpy()]
        for batch in batches.id_windows(0, batches.steps_per_epoch * epochs)
    ]
    assert all(row in text for batch in found for row in batch)
    return found


@ORDERS
@pytest.mark.parametrize("target", ["sequence", "next_char"])
@pytest.mark.parametrize("encoding", ["one_hot", "embedding"])
def test_targets_are_the_characters_after_the_inputs(ids, order, target, encoding):
    batches = order(ids, Form(encoding, target, 11), batch_size=3, window=10)
    for (inputs, targets), window in zip(batches.dataset(0, 5), batches.id_windows(0, 5), strict=True):
        if encoding == "one_hot":
            assert inputs.shape == (3, 10, 11)
            assert inputs.dtype == "float32"
            assert np.sum(inputs) == 30
            inputs = np.argmax(inputs, -1)
        assert np.array_equal(inputs, window[:, :-1])
        assert targets.shape == ((3, 10, 11) if target == "sequence" else (3, 11))
        assert np.array_equal(np.sum(targets, -1), np.ones(targets.shape[:-1]))
        expected = window[:, 1:] if target == "sequence" else window[:, -1]
        assert np.array_equal(np.argmax(targets, -1), expected)


def test_stream_rows_go_on_where_they_ended_and_share_no_character(ids):
    batches = windows(Stream(ids, IDS, batch_size=4, window=16))
    rows = ["".join(batch[row][:-1] for batch in batches) for row in range(4)]
    text = TEXT[:800]
    places = [text.index(row) for row in rows]
    assert places == [0, 199, 398, 597]  # (800 - 1) // 4 characters per row
    assert all(len(row) == 192 for row in rows)  # as many whole windows as fit
    assert all(batch[row][-1] == after[row][0] for batch, after in itertools.pairwise(batches) for row in range(4))


def test_a_stream_starts_again_each_epoch(ids):
    batches = windows(Stream(ids, IDS, batch_size=4, window=16), epochs=2)
    assert batches[:12] == batches[12:]


@pytest.mark.parametrize("stride", [1, 3, 16])
def test_shuffled_gives_every_window_once_an_epoch(ids, stride):
    batches = windows(Shuffled(ids, IDS, batch_size=7, window=16, stride=stride))
    expected = [TEXT[start : start + 17] for start in range(0, 800 - 16, stride)]
    assert sorted(row for batch in batches for row in batch) == sorted(expected)
    assert {len(batch) for batch in batches[:-1]} == {7}


def test_shuffled_order_is_new_each_epoch_and_repeats_with_the_seed(ids):
    def order(seed):
        batches = Shuffled(ids, IDS, batch_size=8, window=16, seed=seed)
        return [row for batch in windows(batches, epochs=2) for row in batch]

    first = order(1)
    half = len(first) // 2
    assert first == order(1)
    assert first != order(2)
    assert first[:half] != first[half:]
    assert first[:half] != sorted(first[:half], key=TEXT.index)


@ORDERS
def test_a_dataset_can_begin_at_any_step(ids, order):
    batches = order(ids, IDS, batch_size=4, window=16)
    whole = [batch.numpy().tolist() for batch in batches.id_windows(0, 40)]
    later = [batch.numpy().tolist() for batch in batches.id_windows(23, 40)]
    assert later == whole[23:]


@ORDERS
def test_no_window_reaches_beyond_its_split(prepared, order):
    for split, edges in (("train", (0, 800)), ("validation", (800, 900)), ("test", (900, 1000))):
        ids = prepared.split(split)
        batches = order(ids, IDS, batch_size=2, window=8)
        places = tf.range(batches.count, dtype=tf.int64)
        starts = batches.starts(tf.constant(3, tf.int64), places).numpy()
        first, last = starts.min(), starts.max()
        assert edges[0] <= ids.begin + first
        assert ids.begin + last + 8 + 1 <= edges[1]


@ORDERS
@pytest.mark.parametrize("chars_per_id", [1.0, 2.25])
def test_characters_are_those_of_the_windows_seen(ids, order, chars_per_id):
    batches = order(ids, IDS, batch_size=7, window=16, chars_per_id=chars_per_id)
    seen = sum(np.size(batch[:, 1:]) for batch in batches.id_windows(0, 70))
    assert batches.characters(70) == round(seen * chars_per_id)
    assert batches.steps_per_epoch not in (1, 35, 70)


@pytest.mark.parametrize(("order", "sizes"), [(Stream, (100, 8)), (Shuffled, (1, 800))])
def test_a_text_too_short_for_a_batch_is_an_error_with_the_remedy(ids, order, sizes):
    with pytest.raises(UserError, match=r"has 800 characters.*--batch_size"):
        order(ids, IDS, batch_size=sizes[0], window=sizes[1])


@ORDERS
def test_a_text_just_long_enough_gives_its_one_batch(ids, order):
    assert windows(order(ids, IDS, batch_size=1, window=799)) == [[TEXT[:800]]]


@pytest.mark.parametrize("rows", [None, range(3), range(6, 9)], ids=["all", "first rows", "last rows"])
@ORDERS
@pytest.mark.parametrize("target", ["sequence", "next_char"])
def test_a_batch_by_itself_is_the_one_that_training_gets(ids, order, target, rows):
    batches = order(ids, Form("one_hot", target, 11), batch_size=9, window=20, rows=rows)
    if order is Shuffled:
        batches = dataclasses.replace(batches, stride=7, seed=4)
    for step, batch in enumerate(batches.dataset(0, 2 * batches.steps_per_epoch)):
        for part, same in zip(batch, batches.batch(step), strict=True):
            np.testing.assert_array_equal(part, same)


@ORDERS
def test_one_epoch_has_each_window_once_and_says_how_many_batches_it_has(ids, order):
    batches = order(ids, IDS, batch_size=4, window=16)
    dataset = batches.one_epoch()
    assert int(dataset.cardinality()) == batches.steps_per_epoch
    found = [row.tobytes() for inputs, _ in dataset for row in inputs.numpy()]
    expected = [row[:-1].tobytes() for batch in batches.id_windows(0, batches.steps_per_epoch) for row in batch.numpy()]
    expected = [np.frombuffer(row, "uint8").astype("int32").tobytes() for row in expected]
    assert sorted(found) == sorted(expected)


def test_one_epoch_has_another_order_each_time_which_the_seed_repeats(ids):
    def orders(seed):
        dataset = Shuffled(ids, IDS, batch_size=7, window=16, seed=seed).one_epoch(seed=seed)
        return [np.concatenate([inputs for inputs, _ in dataset]).tobytes() for _ in range(2)]

    first, second = orders(1)
    assert first != second
    assert orders(1) == [first, second]
    assert orders(2)[0] != first
