import json

import keras
import numpy as np
import pytest
from conftest import command, verse

from char_lstm_tf.config import Config
from char_lstm_tf.evaluate import EvaluateConfig
from char_lstm_tf.inference.adaptive import Adaptation, network
from char_lstm_tf.inference.adaptive.network import SEGMENT
from char_lstm_tf.inference.ensemble import Mixture
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.build import build
from char_lstm_tf.models.ngrams import counted, kneser_ney
from pipelines import UserError
from pipelines.sources import Reader
from pipelines.vocabulary import Vocabulary

STILL = Adaptation(rate=1e-9, decay=0.0)
CHARACTERS = Vocabulary.fit(verse(50))
LABELLED = CHARACTERS.extended([" the", " river"]).with_end().with_labels(["p", "q"])


def model_of(vocabulary, adaptation=None, **options):
    config = Config(name="x", units=(12, 9), dropout=0.5, tokens="words" if vocabulary.words else "chars", **options)
    keras.utils.set_random_seed(1)
    model = build(config, vocabulary)
    for number, weight in enumerate(model.keras_model.weights):
        weight.assign(weight + np.random.default_rng(number).normal(0, 0.3, weight.shape))
    found = LanguageModel(model, vocabulary)
    if adaptation:
        found.learn_while_scoring(adaptation)
    return found


def losses(model, texts, label=""):
    return [found for _, found in model.losses(texts, label=label)]


@pytest.mark.parametrize(
    ("vocabulary", "options"),
    [
        (CHARACTERS, {"architecture": "functional"}),
        pytest.param(
            CHARACTERS,
            {"cell": "gru", "encoding": "embedding", "tie": True, "target": "next_char"},
            marks=pytest.mark.slow,
        ),
        pytest.param(LABELLED, {}, marks=pytest.mark.slow),
        pytest.param(LABELLED, {"cell": "peephole", "architecture": "functional"}, marks=pytest.mark.slow),
    ],
)
def test_without_learning_the_losses_are_those_of_one_pass(vocabulary, options):
    texts = [verse(4, seed=5), verse(1, seed=6), "a", "The old sea.", verse(2, seed=7)]
    label = "q" if vocabulary.labels else ""
    expected = losses(model_of(vocabulary, **options), texts, label)
    found = losses(model_of(vocabulary, STILL, **options), texts, label)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)


def test_a_loss_depends_on_nothing_that_comes_later():
    begins = verse(6, seed=1)[: 3 * SEGMENT + 7]
    first, second = (
        losses(model_of(CHARACTERS, Adaptation()), [begins + rest])[0] for rest in ("the sea" * 9, "," * 50)
    )
    same = len(begins) - 1
    np.testing.assert_array_equal(first[:same], second[:same])
    assert np.abs(first[same : same + 20] - second[same : same + 20]).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])  # a loop that XLA compiles as a whole, and one that it doesn't
def test_losses_dont_depend_on_how_many_segments_are_read_at_once(cell, monkeypatch):
    texts = [verse(9, seed=1)[: 4 * SEGMENT + 7], verse(9, seed=2)[: 3 * SEGMENT + 1]]
    many = losses(model_of(CHARACTERS, Adaptation(rate=0.01), cell=cell), texts)
    monkeypatch.setattr(network, "AT_ONCE", 2 * SEGMENT)
    few = losses(model_of(CHARACTERS, Adaptation(rate=0.01), cell=cell), texts)
    for one, other in zip(many, few, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_first_segment_is_scored_as_it_is_and_later_ones_are_learnt_from():
    text = "the quiet boat, " * 40
    still, (learnt,) = (
        losses(model_of(CHARACTERS), [text])[0],
        losses(model_of(CHARACTERS, Adaptation(rate=0.01)), [text]),
    )
    np.testing.assert_allclose(learnt[:SEGMENT], still[:SEGMENT], atol=1e-5)
    assert learnt[-100:].mean() < still[-100:].mean() - 1


@pytest.mark.slow
def test_what_was_learnt_stays_for_the_next_text_and_decay_forgets_it():
    def second(adaptation):
        model = model_of(CHARACTERS, adaptation)
        losses(model, ["the quiet boat, " * 20])
        return losses(model, ["the quiet boat, " * 2])[0].mean()

    assert second(Adaptation(rate=0.01, decay=0.0)) < second(Adaptation(rate=0.01, decay=0.5)) - 0.3
    assert second(Adaptation(rate=0.01, decay=0.5)) < second(STILL) + 0.1


@pytest.mark.slow
def test_what_fills_up_the_last_segment_isnt_learnt():
    model = model_of(CHARACTERS, Adaptation(rate=0.01, decay=0.0))
    bias = model.scorer._model.get_layer("logits").bias
    before = bias.numpy()
    losses(model, ["th"])
    places = [0, CHARACTERS.tokens.index("h")]
    assert (bias.numpy() > before)[places].tolist() == [False, True]  # id 0 fills it up


def test_the_model_itself_stays_as_it_is():
    model = model_of(CHARACTERS, Adaptation(rate=0.01))
    before = model.network.keras_model.get_weights()
    losses(model, [verse(5)])
    for old, new in zip(before, model.network.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("options", [{"architecture": "ngram", "target": "next_char", "window": 4}])
def test_models_without_a_state_are_refused(options):
    config = Config(name="x", units=(8,), **options)
    model = LanguageModel(build(config, CHARACTERS), CHARACTERS)
    with pytest.raises(UserError, match="--dynamic: only a recurrent network or counted n-grams"):
        model.learn_while_scoring(Adaptation())


def counts_of(vocabulary, adaptation=None):
    ends = [vocabulary.encode_whole(verse(9, seed=number)) for number in (1, 2)]
    sizes = {"order": 4, "vocabulary_size": len(vocabulary)}
    trees = [
        kneser_ney.smooth(*kneser_ney.count(ids, **sizes, end=vocabulary.end), **sizes)
        for ids in (np.concatenate([ends[0], ends[1][1:]]), *(ends if vocabulary.labels else ()))
    ]
    tables, (_, *roots) = kneser_ney.forest(trees) if vocabulary.labels else (trees[0], [0])
    found = LanguageModel(counted.counted_model(tables, **sizes, roots=roots), vocabulary)
    if adaptation:
        found.learn_while_scoring(adaptation)
    return found


@pytest.mark.parametrize("vocabulary", [CHARACTERS, pytest.param(LABELLED, marks=pytest.mark.slow)])
def test_counts_that_learn_predict_before_they_count(vocabulary):
    label = "q" if vocabulary.labels else ""
    begins = verse(6, seed=1)[:100]
    first, second = (
        losses(counts_of(vocabulary, Adaptation()), [begins + rest], label)[0] for rest in ("the sea" * 9, "," * 50)
    )
    same = len(vocabulary.encode(begins)) - 3  # the rest may change the words at the end
    np.testing.assert_array_equal(first[:same], second[:same])
    assert np.abs(first[same:][:20] - second[same:][:20]).max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("vocabulary", [CHARACTERS, LABELLED])
def test_counts_that_learn_know_what_came_in_an_earlier_text(vocabulary):
    label = "q" if vocabulary.labels else ""
    texts = ["the boat, boat, boat quiet " * 9, "the boat, boat, boat quiet " * 3]
    still, learnt = losses(counts_of(vocabulary), texts, label), losses(counts_of(vocabulary, STILL), texts, label)
    assert [len(nats) for nats in learnt] == [len(nats) for nats in still]
    assert learnt[0][0] == pytest.approx(still[0][0], abs=0.1)  # contexts that have read nothing say nothing
    assert learnt[1].mean() < 0.5 * still[1].mean()


@pytest.mark.slow
def test_the_command_reports_the_loss_and_how_it_learnt(trained, tmp_path):
    (tmp_path / "x.txt").write_text(verse(40, seed=4))
    common = ("char_lstm_tf.evaluate", f"--model={trained}", f"--text={tmp_path}/x.txt", "--json")
    still, learnt = (json.loads(command(*common, *more).stdout) for more in ((), ("--dynamic", "--dynamic_rate=0.004")))
    assert learnt["characters"] == still["characters"]
    assert learnt["nats_per_char"] < still["nats_per_char"] - 0.01
    assert (learnt["dynamic_rate"], learnt["dynamic_decay"]) == (0.004, 0.002)
    assert "dynamic_rate" not in still


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dynamic": True, "window": 9}, "--window=9: forgets what --dynamic learns"),
        ({"dynamic_rate": 0.1}, "--dynamic_rate=0.1: only has an effect with --dynamic"),
    ],
)
def test_flags_that_dont_go_together_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        EvaluateConfig(model="x", text=("x",), **options)


@pytest.mark.slow
def test_a_mixture_is_nearly_as_good_as_its_better_model_from_the_start_and_better_than_both_in_the_end():
    texts = ["the quiet boat, " * 20, verse(3, seed=2)]
    models = [model_of(CHARACTERS), counts_of(CHARACTERS)]
    each = [losses(model, texts) for model in models]
    scores = Mixture(models).losses(texts)
    for number, (score, nats) in enumerate(scores):
        assert score.nats == pytest.approx(nats.sum(dtype=np.float64), rel=1e-6)
        assert nats.mean() < min(found[number].mean() for found in each) + 0.05
    assert scores[0][0].characters == len(texts[0]) - 1


@pytest.mark.slow
def test_a_model_that_reads_windows_stays_as_it_is_in_a_mixture_that_learns(trained, tmp_path):
    text = next(line for line in (trained / "flags.txt").read_text().splitlines() if line.startswith("--text="))
    options = (
        "--architecture=ngram",
        "--target=next_char",
        "--window=4",
        "--max_steps=20",
        "--sample_chars=0",
        "--quiet",
    )
    folders = (f"--output_dir={tmp_path}", "--name=windows", f"--data_dir={tmp_path}")
    done = command("char_lstm_tf.train", text, *options, *folders)
    assert not done.returncode, done.stderr
    (tmp_path / "x.txt").write_text(verse(20, seed=4))
    common = ("char_lstm_tf.evaluate", f"--text={tmp_path}/x.txt", "--dynamic", "--json")
    mixed = json.loads(command(*common, f"--model={trained}", f"--mix={tmp_path}/windows").stdout)
    assert mixed[f"power of {trained}"] > mixed[f"power of {tmp_path}/windows"]
    refused = command(*common, f"--model={tmp_path}/windows", f"--mix={trained}")
    assert "--dynamic: only a recurrent network or counted n-grams learn while they score" in refused.stderr


def test_models_that_cant_be_compared_arent_mixed():
    other = Vocabulary.fit(verse(50) + "é")
    with pytest.raises(UserError, match="--mix: the models must have the same tokens"):
        Mixture([model_of(CHARACTERS), model_of(other)])
    plain = LanguageModel(model_of(CHARACTERS).network, CHARACTERS, Reader(plain=True))
    with pytest.raises(UserError, match="--mix: the models read texts in different ways"):
        Mixture([model_of(CHARACTERS), plain])


@pytest.mark.slow
def test_the_command_mixes_runs_and_shows_their_powers(trained, tmp_path):
    counts = tmp_path / "counts"
    flags = (trained / "flags.txt").read_text().splitlines()
    text = next(line for line in flags if line.startswith("--text="))
    options = ("--architecture=counts", "--name=counts", f"--output_dir={tmp_path}", f"--data_dir={tmp_path}")
    done = command("char_lstm_tf.train", text, *options)
    assert not done.returncode, done.stderr
    (tmp_path / "x.txt").write_text(verse(40, seed=4))
    common = ("char_lstm_tf.evaluate", f"--text={tmp_path}/x.txt", "--json")
    runs = (("--model", trained), ("--model", counts))
    alone = [json.loads(command(*common, f"{flag}={run}").stdout)["nats_per_char"] for flag, run in runs]
    for more in ((), ("--dynamic",)):
        mixed = json.loads(command(*common, f"--model={trained}", f"--mix={counts}", *more).stdout)
        assert mixed["nats_per_char"] < min(alone) + 0.02
        assert mixed[f"power of {trained}"] > 0
        assert (f"power of {counts}" in mixed) == (not more)  # contexts take the place of counts that learn
