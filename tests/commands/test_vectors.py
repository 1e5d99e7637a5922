"""Vectors of a run's tokens: written, listed, drawn, and used to start another run."""

import numpy as np
import pytest
from conftest import command, verse

from char_lstm_tf.models.build import load
from char_lstm_tf.runs.plan import plan_run
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.training.train import train
from char_lstm_tf.vectors import find
from pipelines import UserError
from pipelines.vocabulary import Vocabulary, vectors


def plan(folder, name, **options):
    (folder / "verse.txt").write_text(verse(200))
    fixed = {"output_dir": str(folder), "data_dir": str(folder), "text": (f"{folder}/verse.txt",), "quiet": True}
    sizes = {"units": (8,), "batch_size": 4, "window": 8, "sample_chars": 0, "max_steps": 3, "embedding_size": 6}
    return plan_run(name=name, tokens="words", **fixed, **sizes | options)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    planned = plan(tmp_path_factory.mktemp("run"), "words")
    train(planned)
    return planned.folder


def test_the_command_writes_lists_and_draws(trained, tmp_path):
    done = command(
        "char_lstm_tf.vectors",
        f"--model={trained}",
        f"--output={tmp_path}/v.txt",
        f"--picture={tmp_path}/map.png",
        f"--projector={tmp_path}/projector",
        "--nearest=r",
        "--count=3",
    )
    assert done.returncode == 0, done.stderr
    opened = TrainedRun.open(trained)
    model, vocabulary = load(opened), opened.vocabulary
    own = model.token_vectors()
    rows = model.keras_model.get_layer("logits").kernel.numpy().T  # it reads one-hot vectors
    np.testing.assert_allclose(own, rows - rows.mean(axis=0), rtol=1e-5, atol=1e-6)
    names = list(map(vectors.written, vocabulary.tokens))
    found = vectors.read(tmp_path / "v.txt", names)
    np.testing.assert_allclose([found.vectors[name] for name in names], own, rtol=1e-4, atol=1e-6)
    lines = done.stdout.splitlines()
    assert lines[0] == "nearest to 'r':"
    expected = vectors.nearest(own, vocabulary.tokens.index("r"), count=3)
    assert [line.split(maxsplit=1)[1] for line in lines[1:4]] == [repr(vocabulary.tokens[id]) for id, _ in expected]
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert len((tmp_path / "projector/names.tsv").read_text().splitlines()) == len(vocabulary)
    assert np.loadtxt(tmp_path / "projector/vectors.tsv").shape == own.shape
    settings = (tmp_path / "projector/projector_config.pbtxt").read_text()
    assert 'tensor_path: "vectors.tsv"' in settings


def test_mistakes_end_in_one_line(trained, tmp_path):
    for words, message in (
        (["--nearest=zebra"], "--nearest=zebra: no character of this model"),
        ([], "say what to do: --output"),
        ([f"--picture={tmp_path}/absent/map.png"], "map.png: there is no folder "),
    ):
        done = command("char_lstm_tf.vectors", f"--model={trained}", *words)
        assert done.returncode == 1
        assert message in done.stderr.splitlines()[-1]


def test_a_sign_for_a_blank_and_a_blank_have_different_names():
    names = [vectors.written(token) for token in (" ", "\u2423", " the", "\n", "\u3000")]
    assert names == ["\u2423", r"\u2423", "\u2423the", r"\n", r"\u3000"]


def test_a_word_is_found_with_or_without_its_blank():
    known = Vocabulary(["\ufffd", *" abz", "ab", " ab", "ba"])
    assert [find(token, known) for token in ("ab", "ba", "z", " ab")] == [6, 7, 4, 6]
    with pytest.raises(UserError, match="no word or character of this model"):
        find("zebra", known)


def written(path, words, size=6):
    values = {word: np.random.default_rng(number).normal(size=size) for number, word in enumerate(words)}
    path.write_text("".join(f"{word} {' '.join(map(str, vector))}\n" for word, vector in values.items()))
    return values


@pytest.mark.slow
def test_a_run_starts_from_the_vectors_of_a_file_and_may_keep_them(tmp_path, capsys):
    values = written(tmp_path / "v.txt", ["river", "boat", "The", "zebra", "q"])
    metrics = train(plan(tmp_path, "frozen", vectors=f"{tmp_path}/v.txt", freeze_vectors=True)).facts()
    origin = plan(tmp_path, "x", init_from=f"{tmp_path}/frozen").origin
    model, vocabulary = load(origin), origin.vocabulary
    known = [token for token in vocabulary.tokens if token and set(vectors.names_of(token)) & set(values)]
    line = f"vectors of {len(known)} of the {len(vocabulary)} tokens (5 lines of 6 numbers)"
    assert line in capsys.readouterr().err
    found = model.token_vectors()
    for token in (" river", " boat", "The"):
        np.testing.assert_allclose(found[vocabulary.tokens.index(token)], values[token.strip()], rtol=1e-6)
    assert 0.5 < np.std(found) < 2
    assert metrics["parameters"] == model.keras_model.count_params()
    train(plan(tmp_path, "trained", vectors=f"{tmp_path}/v.txt", learning_rate=0.1))
    model = load(plan(tmp_path, "y", init_from=f"{tmp_path}/trained").origin)
    moved = model.token_vectors()
    assert not np.allclose(moved[vocabulary.tokens.index(" river")], values["river"], atol=1e-3)


@pytest.mark.parametrize(
    ("words", "size", "message"),
    [
        (["river"], 5, r"--embedding_size=6: .* has 5 numbers per word; give --embedding_size=5"),
        (["zebra"], 6, r"has none of the \d+ tokens"),
    ],
)
def test_a_file_that_doesnt_fit_is_refused(tmp_path, words, size, message):
    written(tmp_path / "v.txt", words, size)
    with pytest.raises(UserError, match=message):
        train(plan(tmp_path, "x", vectors=f"{tmp_path}/v.txt"))


@pytest.mark.slow
def test_gensim_reads_what_is_written_and_writes_what_is_read(run, tmp_path):
    keyedvectors = pytest.importorskip("gensim.models.keyedvectors", reason="gensim is in requirements/serving.txt")
    done = command("char_lstm_tf.vectors", f"--model={run.path}", f"--output={tmp_path}/v.txt")
    assert done.returncode == 0, done.stderr
    theirs = keyedvectors.KeyedVectors.load_word2vec_format(f"{tmp_path}/v.txt")
    opened = TrainedRun.open(run.path)
    model, vocabulary = load(opened), opened.vocabulary
    own = model.token_vectors()
    river = vocabulary.tokens.index(" river")
    np.testing.assert_allclose(theirs["␣river"], own[river], rtol=1e-4, atol=1e-6)
    nearest = theirs.most_similar("␣river", topn=1)[0]
    place, cosine = vectors.nearest(own, river, count=1)[0]
    assert nearest[0] == vectors.written(vocabulary.tokens[place])
    assert nearest[1] == pytest.approx(cosine, abs=1e-4)
    for name, header in (("again.txt", True), ("glove.txt", False), ("packed.txt.gz", True)):
        theirs.save_word2vec_format(f"{tmp_path}/{name}", write_header=header)
        found = vectors.read(tmp_path / name, theirs.index_to_key)
        assert (found.lines, found.broken, found.duplicates) == (len(vocabulary), 0, 0)
        np.testing.assert_allclose(found.vectors["␣river"], theirs["␣river"], rtol=1e-5)
