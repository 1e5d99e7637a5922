import numpy as np
import pytest
import tensorflow as tf
from conftest import verse
from numba import njit
from numba.core import caching

from char_lstm_tf.inference.mixing import Mixing, contexts, mixing
from char_lstm_tf.inference.mixing.compiling import compiled
from char_lstm_tf.inference.scoring import KnownText, bit_logits
from pipelines.vocabulary import Vocabulary

CHARACTERS = Vocabulary.fit(verse(50))
WORDS = CHARACTERS.extended([" the", " river", " boat"]).with_end()
NOTHING = KnownText()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(mixing, "FEWEST_SLOTS", 1 << 12)


def known(ids):
    return KnownText(len(ids), lambda: iter(np.array_split(ids, 3)))


def read(mixed, ids, logits=None):
    given = np.zeros((len(ids) - 1, 0, mixed.bits), np.float32) if logits is None else logits
    return mixed.read_all([ids], [[model] for model in given.swapaxes(0, 1)], quiet=True)[0]


@pytest.mark.parametrize("vocabulary", [CHARACTERS, WORDS], ids=["characters", "words and documents"])
def test_the_chances_of_all_tokens_add_up_to_1_whatever_was_read(vocabulary):
    ids, before = vocabulary.encode_whole(verse(9, seed=3)), vocabulary.encode_whole(verse(9, seed=4))
    for length in (1, 40):
        losses = [
            read(Mixing(vocabulary, models=0, known=known(before)), np.append(ids[:length], token))[-1]
            for token in range(len(vocabulary))
        ]
        assert np.exp(-np.array(losses)).sum() == pytest.approx(1, abs=1e-5)


def test_a_loss_depends_on_nothing_that_comes_later_nor_on_the_pieces_in_which_a_text_is_read(monkeypatch):
    begins = CHARACTERS.encode(verse(6, seed=1))
    first, second = (
        read(Mixing(CHARACTERS, models=0, known=NOTHING), np.append(begins, CHARACTERS.encode(rest)))
        for rest in ("the sea" * 9, "," * 50)
    )
    np.testing.assert_array_equal(first[: len(begins) - 1], second[: len(begins) - 1])
    monkeypatch.setattr(mixing, "AT_ONCE", 7)
    pieces = read(Mixing(CHARACTERS, models=0, known=NOTHING), np.append(begins, CHARACTERS.encode("the sea" * 9)))
    np.testing.assert_array_equal(pieces, first)


def test_contexts_know_what_they_have_read_before_and_forget_little_when_their_slots_run_out(monkeypatch):
    text, other = CHARACTERS.encode(verse(20, seed=1)), CHARACTERS.encode(verse(20, seed=2))
    fresh = read(Mixing(CHARACTERS, models=0, known=NOTHING), other).mean()
    after_another = read(Mixing(CHARACTERS, models=0, known=known(text)), other).mean()
    after_the_same = read(Mixing(CHARACTERS, models=0, known=known(other)), other).mean()
    assert after_the_same < 0.5 * after_another < 0.5 * fresh
    monkeypatch.setattr(mixing, "FEWEST_SLOTS", 1 << 9)
    monkeypatch.setattr(mixing, "MOST_SLOTS", 1 << 9)
    assert after_the_same < read(Mixing(CHARACTERS, models=0, known=known(other)), other).mean() < fresh


def test_contexts_see_nothing_of_an_earlier_document():
    state, keys = contexts.new_contexts(CHARACTERS, slots=4), np.zeros((2, contexts.COUNT), np.int64)
    for row, before in zip(keys, ([3, 4, 5], [5, 6, 7]), strict=True):
        contexts.find_keys(state, np.array([*before, 1, 2]), 5, 3, row)
    np.testing.assert_array_equal(*keys)
    contexts.find_keys(state, np.array([5, 6, 7, 1, 2]), 5, 2, keys[0])
    assert (keys[0] != keys[1]).any()


def test_a_word_is_the_same_context_in_upper_and_lower_case_and_what_is_between_words_isnt_part_of_it():
    vocabulary = Vocabulary.fit("theTHE cat,.")
    found = []
    for text in ("the cat", "THE cat", "the, cat", "the cats"[:-2]):
        state = contexts.new_contexts(vocabulary, slots=4)
        for token in vocabulary.ranks[vocabulary.encode(text)]:
            contexts.learn_word(state, token)
        found.append(state.words.tolist())
    assert found[0] == found[1] == found[2] != found[3]
    assert found[0][3] == 3


@pytest.mark.parametrize("vocabulary", [CHARACTERS, WORDS], ids=["a power of two or not", "words"])
def test_the_bits_of_a_token_have_its_probability_together(vocabulary):
    logits = np.random.default_rng(1).normal(0, 3, (5, 2, len(vocabulary))).astype(np.float32)
    ranks = np.random.default_rng(2).permutation(len(vocabulary))
    targets = np.random.default_rng(3).integers(0, len(vocabulary), (5, 2)).astype(np.int32)
    found = bit_logits(tf.constant(logits), tf.constant(targets), ranks).numpy()
    bits = ranks[targets][..., None] >> np.arange(vocabulary.bits)[::-1] & 1
    nats = np.log1p(np.exp(np.where(bits, -1, 1) * found)).sum(axis=-1)
    expected = -np.take_along_axis(tf.nn.log_softmax(logits).numpy(), targets[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(nats, expected, rtol=2e-3)


def test_the_mixture_learns_whom_to_believe():
    ids = CHARACTERS.encode(verse(40, seed=1))
    bits = CHARACTERS.ranks[ids[1:], None] >> np.arange(CHARACTERS.bits)[::-1] & 1
    right = np.where(bits, 2.0, -2.0)
    noise = np.random.default_rng(1).normal(0, 2, right.shape)
    mixed = Mixing(CHARACTERS, models=2, known=None)
    losses = read(mixed, ids, np.stack([right, noise], axis=1).astype(np.float32))
    assert mixed.powers[0] > 1 > 0.1 > abs(mixed.powers[1])
    assert losses[-200:].mean() < 0.3 * losses[:20].mean()


def test_a_slot_that_is_given_up_begins_again():
    slots = np.zeros(1, contexts.SLOT)
    one, other = 1 << 40, 2 << 40  # keys with different checks
    assert contexts.find_slot(slots, one) == 0
    slots[0]["count"], slots[0]["ones"], slots[0]["last"] = 3, 3, 1
    assert (contexts.find_slot(slots, one), slots[0]["ones"]) == (0, 3)
    assert contexts.find_slot(slots, other) == 0
    assert [int(slots[0][name]) for name in ("count", "ones", "zeros", "last")] == [0, 0, 0, 0]


def test_where_nothing_can_be_written_functions_are_compiled_without_being_kept(monkeypatch):
    def double(number):
        return 2 * number

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    with pytest.raises(RuntimeError, match="cannot cache"):
        njit(cache=True)(double)
    assert compiled()(double)(21) == 42
