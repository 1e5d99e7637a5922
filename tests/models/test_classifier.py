"""The network that answers labels, its training batches, its export, and its use from Python."""

import csv
import json
import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import verse

import char_lstm_tf
from char_lstm_tf import classify
from char_lstm_tf.config import Config
from char_lstm_tf.inference.calibration import Calibration
from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.inference.scoring import LabelScorer
from char_lstm_tf.models import classifier
from char_lstm_tf.models.build import build, load
from char_lstm_tf.models.classifier import pieces_and_pairs
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving import export
from char_lstm_tf.training.train import train
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

VOCABULARY = Vocabulary.fit("").with_end().extended("abcdef ").extended([" fed", "bad"]).with_labels(["x", "ÿ z", "w"])
TEXTS = ["", "a", "bad face fed", "feed " * 40, "a\uffffb", "c"]
LABELLED = {"name": "x", "target": "label", "documents": "lines", "labels": "file", "text": ("f",)}

SKIPS = {"architecture": "functional", "dropout": 0.1}
SPELLED = SKIPS | {"pieces_and_pairs": True}
LINEAR = SPELLED | {"linear": True}
ONE_HOT = {"encoding": "one_hot"}
OTHERS = [
    {"cell": "gru"},
    ONE_HOT,
    {"dropout": 0.4},
    SKIPS,
    SPELLED,
    {"pieces_and_pairs": True},
    SPELLED | ONE_HOT,
]


def slow(options):
    return pytest.param(options, marks=pytest.mark.slow)


def made(**options):
    model = build(Config(**LABELLED, units=(7, 5), tokens="words", **options), VOCABULARY)
    for weight in model.keras_model.weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(size=weight.shape))
    return model


@pytest.mark.parametrize("options", [{}, SKIPS | ONE_HOT, LINEAR, *map(slow, OTHERS)])
def test_a_text_gets_the_same_answer_alone_and_beside_others(options):
    model = made(**options)
    ids = [VOCABULARY.encode_whole(text) for text in TEXTS]
    together = LabelScorer(model, VOCABULARY).losses_per_label(ids)
    for text, row in zip(ids, together, strict=True):
        np.testing.assert_allclose(LabelScorer(model, VOCABULARY).losses_per_label([text])[0], row, atol=1e-5)
    inside = [text[1:-1] for text in ids if len(text) == len(ids[2])]
    rows = np.stack([np.pad(text, (0, 5), constant_values=VOCABULARY.end) for text in inside])
    np.testing.assert_allclose(model.keras_model(rows), model.answer(tf.constant(rows, tf.int32)), atol=1e-5)


def test_probabilities_are_those_of_the_network_where_nothing_is_calibrated():
    shares = (0.2, 0.3, 0.5)
    model = LanguageModel(made(), VOCABULARY, calibration=Calibration(shares))
    logits = made().answer(tf.constant([VOCABULARY.encode("bad fed")], tf.int32))
    found, equal = (model.classify(["bad fed"], priors=priors)[0] for priors in ("training", "equal"))
    expected = tf.nn.softmax(logits)[0].numpy()
    np.testing.assert_allclose([found[label] for label in VOCABULARY.labels], expected, atol=1e-6)
    without_shares = expected / shares / (expected / shares).sum()
    np.testing.assert_allclose([equal[label] for label in VOCABULARY.labels], without_shares, atol=1e-6)


@pytest.mark.parametrize("options", [{}, LINEAR, *map(slow, [SKIPS, SPELLED])])
def test_the_export_classifies_as_python_does(tmp_path, options):
    calibration = Calibration((0.2, 0.3, 0.5), scale=1.7, passages=9)
    model = LanguageModel(made(**options), VOCABULARY, calibration=calibration)
    export.export(model.network, VOCABULARY, tmp_path / "1", calibration)
    loaded = tf.saved_model.load(str(tmp_path / "1"))
    assert set(loaded.signatures) == {"classify", "serving_default"}
    found = loaded.signatures["classify"](text=tf.constant(TEXTS))
    for label, row, expected in zip(found["label"], found["probabilities"], model.classify(TEXTS), strict=True):
        assert label.numpy().decode() == next(iter(expected))
        np.testing.assert_allclose(row, [expected[name] for name in VOCABULARY.labels], atol=1e-5)


def test_it_writes_no_text():
    model = LanguageModel(made(), VOCABULARY)
    for use in (lambda: model.generate(["a"], chars=3), lambda: model.score(["a"]), lambda: model.next_char(["a"])):
        with pytest.raises(UserError, match="answers labels"):
            use()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that has learnt to tell lines with "river" from lines with "boat"."""
    folder = tmp_path_factory.mktemp("run")
    lines = [line for line in verse(900, seed=4).splitlines() if ("river" in line) != ("boat" in line)]
    rows = "".join(f"{'river' if 'river' in line else 'boat'}\t{line.replace('boat', 'b')}\n" for line in lines)
    (folder / "lines.tsv").write_text(rows)
    options = {"documents": "rows", "text_field": "2", "labels": "field", "label_field": "1", "split": (0.7, 0.2, 0.1)}
    sizes = {"units": (12,), "embedding_size": 12, "batch_size": 8, "epochs": 4, "learning_rate": 0.02, "dropout": 0.1}
    folders = {"output_dir": str(folder), "data_dir": str(folder), "text": (f"{folder}/lines.tsv",), "quiet": True}
    plan = plan_run(name="run", target="label", tokens="words", **options, **sizes, **folders)
    return plan, train(plan).facts()


def test_a_run_learns_is_measured_and_is_used_like_any_other(run):
    plan, metrics = run
    assert metrics["test"]["accuracy"] > 0.95
    assert metrics["test"]["labels"]["labels"] == ["boat", "river"]
    assert metrics["calibration"]["passages"] == metrics["validation"]["documents"]
    with plan.folder.training_log.open() as file:
        last = list(csv.DictReader(file))[-1]
    assert float(last["val_loss"]) < 0.2
    assert float(last["val_accuracy"]) > 0.95
    assert "bits_per_char" not in last
    found = char_lstm_tf.load(plan.folder.path).classify(["The river runs below a quiet hill."])[0]
    assert next(iter(found)) == "river"


def test_the_command_reports_no_loss_of_the_text_which_it_doesnt_predict(run, capsys):
    plan, metrics = run
    classify.main(
        classify.ClassifyConfig(model=str(plan.folder.path), text=plan.config.text, labels="field", json=True)
    )
    *rows, report = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(rows) == report["documents"] > metrics["test"]["documents"]
    assert report["accuracy"] > 0.95
    assert "nats_per_char" not in report


@pytest.mark.slow
@pytest.mark.parametrize("pieces_and_pairs", [False, True])
def test_a_language_model_gives_its_embedding_and_its_recurrent_layers(run, tmp_path, pieces_and_pairs):
    plan, _ = run
    same = ("documents", "text_field", "labels", "label_field", "split", "units", "embedding_size", "text", "data_dir")
    options = {name: getattr(plan.config, name) for name in same}
    options |= {"tokens": "words", "output_dir": str(tmp_path), "quiet": True, "batch_size": 4}
    train(plan_run(name="text", max_steps=3, sample_chars=0, window=8, **options))
    given = load(TrainedRun.open(tmp_path / "text")).keras_model
    started = plan_run(
        name="answers",
        init_from=f"{tmp_path}/text",
        target="label",
        learning_rate=1e-9,
        max_steps=1,
        pieces_and_pairs=pieces_and_pairs,
        **options,
    )
    train(started)
    model = load(TrainedRun.open(started.folder.path)).keras_model
    for name in ("embedding", "lstm_1"):
        taken = [weight for weight in model.get_layer(name).weights if weight.name != classifier.PIECES]
        for weight, own in zip(given.get_layer(name).weights, taken, strict=True):
            np.testing.assert_allclose(own.numpy(), weight.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ""}, "--target=label: predicts the label of a document; say where"),
        ({"architecture": "counts"}, "--target=label: has no effect with --architecture=counts"),
        ({"batching": "stream"}, "--batching=stream: --target=label needs --batching=shuffled"),
        (
            {"target": "sequence", "pieces_and_pairs": True},
            "--pieces_and_pairs=true: only has an effect with --target=label",
        ),
        ({"gradient_steps": 5}, "--gradient_steps=5: has no effect with --target=label"),
    ],
)
def test_flags_that_a_model_of_answers_lacks_are_refused(options, message):
    with pytest.raises(UserError, match=message):
        Config(**LABELLED | options)


def test_a_word_has_the_pieces_of_its_spelling_whatever_its_case_and_its_blank():
    assert (
        pieces_and_pairs.pieces(" Bad")
        == pieces_and_pairs.pieces("bad")
        == ["<ba", "bad", "ad>", "<bad", "bad>", "<bad>"]
    )
    assert pieces_and_pairs.pieces("e") == ["<e>"]
    assert pieces_and_pairs.pieces("") == pieces_and_pairs.pieces(" ") == []
    assert len(pieces_and_pairs.pieces("x" + "abcdefghijk" * 9)) == pieces_and_pairs.MOST_PIECES


def test_a_vector_is_that_of_the_word_and_those_of_its_pieces():
    layer = made(**SPELLED).keras_model.get_layer("embedding")
    word = VOCABULARY.tokens.index(" fed")
    rows = [
        1 + zlib.crc32(piece.encode()) % pieces_and_pairs.PIECE_ROWS
        for piece in ("<fe", "fed", "ed>", "<fed", "fed>", "<fed>")
    ]
    expected = layer.embeddings.numpy()[word] + layer.pieces.numpy()[rows].sum(axis=0) / 6**0.5
    end = layer.embeddings.numpy()[VOCABULARY.end]
    np.testing.assert_allclose(layer(np.array([[word, VOCABULARY.end, word]]))[0], [expected, end, expected], atol=1e-5)
    np.testing.assert_allclose(made(**SPELLED).token_vectors()[word], expected, atol=1e-5)


def test_pairs_vote_in_their_order():
    model = made(**SPELLED)
    layer = model.keras_model.layers[-1]
    a, b, end = (VOCABULARY.tokens.index(token) for token in ("a", "b", ""))
    given = tf.zeros([2, 3])
    votes = layer(given, tf.constant([[a, b, b, end], [b, a, end, end]])).numpy()
    of = {
        pair: layer.votes.numpy()[(pieces_and_pairs.FACTOR * pair[0] + pair[1]) % pieces_and_pairs.PAIR_ROWS]
        for pair in ((a, b), (b, b), (b, a))
    }
    np.testing.assert_allclose(votes, [of[a, b] + of[b, b], of[b, a]], atol=1e-5)
    assert not np.allclose(of[a, b], of[b, a])


@pytest.mark.parametrize("options", [SPELLED, LINEAR])
def test_keras_reads_the_file_of_a_model_with_layers_of_ours(tmp_path, options):
    model = made(**options)
    model.keras_model.save(tmp_path / "model.keras")
    rows = np.array([VOCABULARY.encode("bad fed")], np.int32)
    np.testing.assert_allclose(
        keras.models.load_model(tmp_path / "model.keras")(rows), model.keras_model(rows), atol=1e-6
    )
