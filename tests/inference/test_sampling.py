import numpy as np
import pytest
import tensorflow as tf

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.inference.writing import Sampling, Writer
from char_lstm_tf.inference.writing.drawing import Draws, chooser, uniform_noise
from char_lstm_tf.inference.writing.loop import Limits, generate
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from pipelines.vocabulary import Vocabulary

ROWS = 20_000


def draws(temperature, top_k, top_p, seeds=None):
    """Returns the draws of as many rows as there are temperatures."""
    seeds = tf.zeros(len(temperature), tf.int64) if seeds is None else seeds
    return Draws(seeds, tf.constant(temperature, tf.float32), tf.constant(top_k), tf.constant(top_p, tf.float32))


def draw(logits, *, temperature=1.0, top_k=0, top_p=1.0):
    """Returns the share of each id in many draws."""
    noise = (tf.range(ROWS, dtype=tf.float32) + 0.5) / ROWS  # every part of the distribution, evenly
    choose = chooser(draws([temperature] * ROWS, [top_k] * ROWS, [top_p] * ROWS))
    ids = choose(tf.tile([tf.constant(logits, tf.float32)], [ROWS, 1]), noise)
    return np.bincount(ids, minlength=len(logits)) / ROWS


PROBABILITIES = np.array([0.1, 0.4, 0.2, 0.3])
LOGITS = np.log(PROBABILITIES) + 7


def test_ids_come_as_often_as_the_model_says():
    np.testing.assert_allclose(draw(LOGITS), PROBABILITIES, atol=1e-4)


def test_temperature_divides_the_logits():
    expected = PROBABILITIES**2 / np.sum(PROBABILITIES**2)
    np.testing.assert_allclose(draw(LOGITS, temperature=0.5), expected, atol=1e-4)


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"top_k": 1}, {"top_p": 0.39}, {"top_p": 1e-9}])
def test_the_likeliest_alone(options):
    assert draw(LOGITS, **options).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize("options", [{"top_k": 2}, {"top_p": 0.41}, {"top_p": 0.69}, {"top_k": 3, "top_p": 0.6}])
def test_the_two_likeliest_in_their_proportion(options):
    np.testing.assert_allclose(draw(LOGITS, **options), [0, 4 / 7, 0, 3 / 7], atol=1e-4)


@pytest.mark.parametrize("options", [{"top_k": 4}, {"top_p": 1.0}])
def test_limits_that_leave_everything_change_nothing(options):
    np.testing.assert_array_equal(draw(LOGITS, **options), draw(LOGITS))


@pytest.mark.parametrize("top_p", [1.0, 0.9999])
def test_what_cannot_be_is_never_drawn(top_p):
    assert draw([0.0, -np.inf, 0.0], top_p=top_p)[1] == 0
    choose = chooser(draws([1, 1], [0, 0], [top_p] * 2))
    ids = choose(tf.constant([[0.0, -np.inf]] * 2), tf.constant([1 - 2**-24, 1.0]))  # the second as if by rounding
    assert ids.numpy().tolist() == [0, 0]


def test_each_row_has_options_of_its_own():
    logits = tf.tile([tf.constant(LOGITS, tf.float32)], [4, 1])
    choose = chooser(draws([0, 1, 1, 1], [0, 2, 0, 0], [1, 1, 0.8, 1]))
    ids = choose(logits, tf.fill([4], 0.95))
    assert ids.numpy().tolist() == [1, 3, 2, 3]  # with limits by falling probability, without in their order


def test_noise_is_uniform_over_positions_and_over_seeds():
    for noise in (
        uniform_noise(tf.range(ROWS, dtype=tf.int64))(tf.constant(0, tf.int64)),
        uniform_noise(tf.zeros(ROWS, tf.int64))(tf.range(ROWS, dtype=tf.int64)),
    ):
        counts = np.histogram(noise, 20, (0, 1))[0]
        assert np.sum((counts - 1000) ** 2 / 1000) < 43.8  # chi-square of 19 degrees, one in a thousand
        assert abs(np.corrcoef(noise[:-1], noise[1:])[0, 1]) < 0.03


def test_noise_is_that_of_the_published_generator():
    """The third number of SplitMix64 from a state of 0 is 0x06C45D188009454F; ours mixes the seed, and 0 stays 0."""
    noise = uniform_noise(tf.zeros(3, tf.int64))(tf.constant([0, 1, 2], tf.int64)).numpy()
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert (noise * 2**24).astype(int).tolist() == [number >> 40 for number in published]


WORD = "abracadabra"
VOCABULARY = Vocabulary.fit(WORD)


def speller(ids, states):
    """A model that spells WORD whatever it reads: its state counts the characters read."""
    (read,) = states
    wanted = tf.gather(tf.constant(VOCABULARY.encode(WORD * 3), tf.int32), tf.cast(read[:, 0], tf.int32))
    return 100 * tf.one_hot(wanted, len(VOCABULARY)), [read + 1]


def spell(count, *, states, first=0):
    rows, first = draws([1, 1], [0, 0], [1, 1]), tf.constant(first, tf.int64)
    return generate(speller, tf.zeros(2, tf.int32), states, rows, Limits(tf.constant(count)), first=first)


def test_generation_spells_what_the_model_wants_row_by_row():
    ids, states = spell(11, states=[tf.constant([[0.0], [3.0]])])
    assert [VOCABULARY.decode(row) for row in ids.numpy()] == [WORD, (WORD * 2)[3:14]]
    assert states[0].numpy().tolist() == [[11], [14]]


def test_the_unknown_character_is_never_written():
    def wants_unknown(ids, states):
        return tf.tile([[9.0, 1.0, 0.0]], [tf.shape(ids)[0], 1]), states

    rows = draws([1] * 500, [0] * 500, [1] * 500, tf.range(500, dtype=tf.int64))
    first = tf.constant(0, tf.int64)
    ids, _ = generate(wants_unknown, tf.zeros(500, tf.int32), [], rows, Limits(tf.constant(1)), first=first)
    assert set(ids.numpy().ravel().tolist()) == {1, 2}


@pytest.fixture(scope="module")
def writer():
    model = networks.build_sequential(ModelConfig(units=(8,)), Interface(vocabulary_size=len(VOCABULARY)))
    return Writer(model, VOCABULARY)


def texts(writer, prompt="ab", chars=520, seeds=(1,), temperature=1.0, **limits):
    rows = [Sampling(temperature=temperature, seed=seed, **limits) for seed in seeds]
    pieces = writer.write([prompt] * len(seeds), rows, chars=chars)
    return ["".join(row) for row in zip(*pieces, strict=True)]


def test_a_row_depends_on_its_seed_and_not_on_its_neighbours(writer):
    alone = texts(writer, seeds=(2,))[0]
    assert len(alone) == 520
    beside = texts(writer, seeds=(1, 2, 3))
    assert beside[1] == alone
    assert len(set(beside)) == 3


def test_a_limit_of_all_candidates_is_none(writer):
    assert texts(writer, top_k=len(VOCABULARY)) == texts(writer, top_k=2**31 - 1) == texts(writer)
    assert texts(writer, top_k=len(VOCABULARY) - 1) != texts(writer)  # drawn in another order


def test_a_shorter_text_is_the_beginning_of_a_longer_one(writer):
    assert texts(writer, chars=520)[0].startswith(texts(writer, chars=377)[0])


def test_text_given_back_as_a_prompt_continues_in_the_same_way(writer):
    prompt = "abracadabra" * 60  # longer than a chunk of the prompt
    whole = texts(writer, prompt, temperature=0.0)[0]
    assert texts(writer, prompt + whole[:250], chars=270, temperature=0.0)[0] == whole[250:]


def test_an_empty_prompt_starts_from_a_new_line(writer):
    assert texts(writer, "") == texts(writer, "\n")


def test_no_characters_is_no_text(writer):
    assert list(writer.write(["a"], [Sampling()], chars=0)) == []
