import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import FakeSource

from char_lstm_tf.config import Config
from char_lstm_tf.inference import originality, scoring
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.writing import Sampling, writer
from char_lstm_tf.inference.writing.drawing import Draws, without_unknown
from char_lstm_tf.inference.writing.loop import Limits, generate
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from pipelines import corpus
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("").with_end().extended("abcdef ")
TEXTS = ["abc", "f", "fed cab", "aaaaaaaa", "bad face dead beef", "c"] * 3


def made(**options):
    keras.utils.set_random_seed(3)
    model = build(Config(name="x", units=(12,), **options), VOCABULARY)
    for weight in model.keras_model.weights:
        weight.assign(weight + np.random.default_rng(1).normal(0, 0.2, weight.shape))
    return model


def counts():
    ids = np.concatenate([[VOCABULARY.end], *(VOCABULARY.encode_whole(text)[1:] for text in TEXTS)])
    sizes = {"order": 4, "vocabulary_size": len(VOCABULARY)}
    tables = kneser_ney.smooth(*kneser_ney.count(ids, **sizes, end=VOCABULARY.end), **sizes)
    return counted.counted_model(tables, **sizes)


MODELS = {
    "lstm": made,
    "gru": lambda: made(cell="gru"),
    "ngram": lambda: made(architecture="ngram", target="next_char", window=5),
    "bidirectional": lambda: made(bidirectional=True, target="next_char", window=5),
    "counts": counts,
}


@pytest.fixture(
    params=[pytest.param(kind, marks=pytest.mark.slow) if kind in ("gru", "bidirectional") else kind for kind in MODELS]
)
def model(request):
    return MODELS[request.param]()


@pytest.fixture(scope="module")
def lstm():
    return LanguageModel(made(), VOCABULARY)


@pytest.mark.parametrize("chunk", [3, *(pytest.param(chunk, marks=pytest.mark.slow) for chunk in (16, 1000))])
def test_packed_texts_cost_what_each_costs_alone(model, chunk):
    ids = [VOCABULARY.encode_whole(text) for text in TEXTS]
    scorer = scoring.Scorer(model, VOCABULARY, chunk=chunk)
    together = scorer.nats_of_each(ids)
    for text, found in zip(ids, together, strict=True):
        (expected,) = scorer.nats_of_each([text])
        assert len(found) == len(text) - 1
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_rows_are_filled_so_that_they_end_together():
    assert scoring.balanced_rows([3, 9, 2, 4], rows=2) == [[1], [3, 0, 2]]
    lengths = np.random.default_rng(0).integers(1, 30, 500)
    sums = [sum(lengths[row]) for row in scoring.balanced_rows(lengths, rows=16)]
    assert max(sums) - min(sums) < 30


def test_the_score_of_a_split_is_the_sum_over_its_documents(tmp_path):
    source = FakeSource([text * (1 + number) for number, text in enumerate(TEXTS)])
    prepared = corpus.prepare([source], split=(0.5, 0, 0.5), folder=tmp_path, documents=True)
    model = LanguageModel(build(Config(name="x", units=(12,)), prepared.vocabulary), prepared.vocabulary)
    split = prepared.document_split("train")
    texts = [prepared.vocabulary.decode(ids) for part in split.groups(size=10) for ids in part.each()]
    scores = model.score(texts)
    total = scoring.Scorer(model.network, prepared.vocabulary).score(split)
    report = total.report()
    assert report["documents"] == len(split) == len(texts) > 3
    assert report["characters"] == sum(len(text) + 1 for text in texts)
    assert total.words == sum(len(text.split()) for text in texts)
    assert report["nats_per_char_50%"] == pytest.approx(np.median([score.nats_per_char for score in scores]), rel=1e-5)
    assert report["nats_per_document"] == pytest.approx(sum(score.nats for score in scores) / len(texts), rel=1e-5)
    assert report["unknown_characters"] == 0


def nats_step_by_step(model, text, *, unknown=True):
    """Returns the loss of a document; without `unknown`, as if the unknown character had no probability."""
    states, nats = model.start(1), 0.0
    for before, after in itertools.pairwise(VOCABULARY.encode_whole(text).tolist()):
        logits, states = model.step()(np.array([before], np.int32), states)
        logits = logits if unknown else without_unknown(logits)
        nats -= np.log(keras.ops.softmax(logits)[0, after])
    return float(nats)


def test_a_document_is_scored_from_its_first_character_to_its_end(lstm):
    (score,) = lstm.score(["abc"])
    assert (score.characters, score.documents) == (4, 1)
    assert score.nats == pytest.approx(nats_step_by_step(lstm.network, "abc"), abs=1e-5)


def test_a_text_ends_where_the_model_ends_it(lstm):
    texts = lstm.generate([""] * 200, seed=1, temperature=1.0)
    probabilities = dict(lstm.next_char([""], k=99)[0])
    assert sum(map(len, texts)) > 200
    assert not any("\uffff" in text for text in texts)
    ended_at_once = np.mean([not text for text in texts])
    assert ended_at_once == pytest.approx(probabilities[""], abs=0.12)
    assert lstm.generate([""] * 3, seed=1, temperature=1.0) == texts[:3]


def write(model, *, first):
    """Returns 40 ids of 50 rows, each after an end symbol."""
    rows = 50
    written, _ = generate(
        model.step(),
        tf.fill([rows], VOCABULARY.end),
        model.start(rows),
        Draws.of(Sampling(temperature=1, seed=0).for_rows(rows), vocabulary_size=len(VOCABULARY)),
        Limits(tf.constant(40), end=VOCABULARY.end),
        first=tf.constant(first, tf.int64),
    )
    return written.numpy()


def test_nothing_follows_an_end_symbol_but_more_of_them(lstm):
    for row in write(lstm.network, first=0):
        end = np.flatnonzero(row == VOCABULARY.end)
        assert not len(end) or set(row[end[0] :]) <= {VOCABULARY.end, 0}
    assert set(write(lstm.network, first=200).ravel()) <= {VOCABULARY.end, 0}  # ended in an earlier call


def test_a_limit_of_characters_cuts_and_changes_nothing_before(lstm):
    texts = lstm.generate([""] * 50, seed=1, temperature=1.0)
    assert lstm.generate([""] * 50, seed=1, temperature=1.0, chars=3) == [text[:3] for text in texts]
    assert max(map(len, texts)) > 3


def test_a_document_may_be_longer_than_a_call_of_the_loop(lstm, monkeypatch):
    texts = lstm.generate([""] * 20, seed=5, temperature=1.0)
    monkeypatch.setattr(writer, "CHUNK", 4)
    pieces = LanguageModel(lstm.network, VOCABULARY).stream([""] * 20, Sampling(temperature=1, seed=5), chars=10_000)
    assert ["".join(parts) for parts in zip(*pieces, strict=True)] == texts
    assert max(map(len, texts)) > 4


def test_beam_search_finds_whole_documents_and_their_likelihood(lstm):
    found = lstm.likeliest("", chars=8, width=50)
    ended = [(text, nats) for text, nats in found if len(text) < 8]
    assert len(ended) > 10
    for text, nats in ended:
        assert nats == pytest.approx(nats_step_by_step(lstm.network, text, unknown=False), abs=1e-4)
    assert [nats for _, nats in found] == sorted(nats for _, nats in found)


@pytest.fixture
def prepared(tmp_path):
    return corpus.prepare(
        [FakeSource(["anna", "bob", "carol anne", "dave"])], split=(1, 0, 0), folder=tmp_path, documents=True
    )


def test_originality_counts_what_is_new_and_what_is_copied(prepared):
    found = originality.originality(["anna", "bobby", "bobby", "x", "carol ann!"], prepared)
    assert (found["samples"], found["distinct"], found["new"]) == (5, 4, 4)
    assert (found["longest_copied_run"], found["copied"]) == (9, "carol ann")
    assert (found["mean_length"], found["shortest"], found["longest"]) == (5, 1, 10)
    assert (found["training_documents"], found["training_mean_length"]) == (4, 5.25)
    assert (found["training_shortest"], found["training_longest"]) == (3, 10)


def test_a_run_that_two_documents_make_together_is_no_copy(prepared):
    assert originality.longest_copied_run(["annabob"], prepared) in ("anna", "anne")


@pytest.mark.parametrize("chunk", [1, 3, 1 << 20])
@pytest.mark.parametrize("sample", ["qqqq", "over the lazy", "jumps over the", "k brown fox q", ""])
def test_the_longest_copied_run_of_a_running_text_is_found(tmp_path, monkeypatch, chunk, sample):
    monkeypatch.setattr(originality, "CHUNK", chunk)
    text = "the quick brown fox jumps over the lazy dog"
    prepared = corpus.prepare([FakeSource([text])], split=(1, 0, 0), folder=tmp_path)
    parts = [sample[i:j] for i in range(len(sample)) for j in range(i + 1, len(sample) + 1)]
    longest = max((part for part in parts if part in text), key=len, default="")
    assert len(originality.longest_copied_run([sample], prepared)) == len(longest)
    assert originality.originality([sample, "the"], prepared)["new"] == int(sample not in text)
