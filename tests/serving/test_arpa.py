"""Counted n-grams as an ARPA file: the losses of the model, by the format's own rule and by KenLM."""

import dataclasses
import itertools
import math
import re

import numpy as np
import pytest
from conftest import ROOT, verse

from char_lstm_tf.inference.language_model import LanguageModel
from char_lstm_tf.models.ngrams import counted, kneser_ney
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving import arpa
from char_lstm_tf.serving.__main__ import ExportConfig, main, require_counts
from pipelines import UserError
from pipelines.vocabulary import Vocabulary

OLD_RUNS = ROOT / "tests/end_to_end/old_runs"
ORDER = 4
LINES = [
    *verse(40, seed=5).splitlines(),
    "",
    "a",
    "Żółw\tdreams",
    "open sea; sea open",
    "\u00a0\x07 quiet < <unk> </s>",
]
KINDS = {
    "characters": {},
    "words": {"words": True},
    "documents": {"documents": True},
    "documents of words": {"documents": True, "words": True},
    "unknown characters": {"documents": True, "known": "abdehiklnop \n"},
}
QUICK = "documents of words"  # which has everything but unknown characters


def counted_model(*, words=False, documents=False, known=None):
    """Returns a language model of verse, counted."""
    text = "Xyz: " + verse(120)  # whose beginning occurs nowhere else, so that its prefixes aren't counted
    vocabulary = Vocabulary.fit(known or text)
    if documents:
        vocabulary = vocabulary.with_end()
    if words:
        vocabulary = vocabulary.extended([" the", " quiet", "The", " river", " of", "open"])
    ids = vocabulary.encode(text)
    if documents:
        texts = [[*vocabulary.encode(line), vocabulary.end] for line in text.splitlines()]
        ids = np.array([vocabulary.end, *itertools.chain(*texts)], np.int32)
    sizes = {"order": ORDER, "vocabulary_size": len(vocabulary)}
    tables = kneser_ney.smooth(*kneser_ney.count(ids, **sizes, end=vocabulary.end), **sizes)
    return LanguageModel(counted.counted_model(tables, **sizes), vocabulary)


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=() if kind == QUICK else pytest.mark.slow) for kind in KINDS]
)
def written(request, tmp_path_factory):
    """A language model and its ARPA file."""
    model, file = counted_model(**KINDS[request.param]), tmp_path_factory.mktemp("written") / "ngrams.arpa"
    arpa.write(model.network, model.vocabulary, file)
    return model, file


def read(path):
    """Returns the logarithms of probability and backoff of each n-gram, and how many n-grams the header promises."""
    listed, promised = {}, {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        if found := re.fullmatch(r"ngram (\d+)=(\d+)", line):
            promised[int(found[1])] = int(found[2])
        elif "\t" in line:
            probability, text, *weight = line.split("\t")
            assert text not in listed
            listed[tuple(text.split(" "))] = (float(probability), float(weight[0]) if weight else 0.0)
    return listed, promised


def logarithm(listed, context, symbol):
    """Returns log10 p(symbol | context) by the rule of the format."""
    if (*context, symbol) in listed:
        return listed[(*context, symbol)][0]
    return listed.get(context, (0, 0))[1] + logarithm(listed, context[1:], symbol)


def symbols_of(model, text):
    """Returns the symbols of a text, with what stands around it, and the first place whose symbol is predicted."""
    inside = arpa.line_of(text, model.vocabulary).split()
    return [arpa.BEGIN, *inside, arpa.END] if model.vocabulary.end is not None else inside


def test_the_rule_of_the_format_gives_the_losses_of_the_model(written):
    model, file = written
    listed, promised = read(file)
    for text, (_, losses) in zip(LINES, model.losses(LINES), strict=True):
        read_ = symbols_of(model, text)
        found = [
            -math.log(10) * logarithm(listed, tuple(read_[max(place - ORDER + 1, 0) : place]), read_[place])
            for place in range(1, len(read_))
        ]
        np.testing.assert_allclose(found, losses, atol=2e-5)
    assert promised == {length: sum(len(gram) == length for gram in listed) for length in range(1, ORDER + 1)}
    assert sum(10 ** listed[(symbol,)][0] for symbol in {gram[0] for gram in listed} | {arpa.END}) == pytest.approx(1)


def test_prefixes_and_suffixes_of_listed_n_grams_are_listed(written):
    listed, _ = read(written[1])
    for gram in listed:
        assert len(gram) == 1 or (gram[:-1] in listed and gram[1:] in listed)


def test_symbols_have_no_white_space_and_differ():
    tokens = ["\ufffd", *sorted("ab<> \t\n\x00\u00a0\u2028\u200b中é"), "", " the", "ab"]
    symbols = arpa.symbols(Vocabulary(["\ufffd", *tokens[1:], *sorted(set("the") - set(tokens))]))
    assert len(set(symbols)) == len(symbols)
    assert all(symbol.split() == [symbol] and symbol.isprintable() for symbol in symbols)
    known = dict(zip(tokens, symbols, strict=False))
    assert (known["\ufffd"], known[""], known[" "], known["\n"]) == ("<unk>", "</s>", "<U+0020>", "<U+000A>")
    assert (known[" the"], known["é"], known["\u00a0"]) == ("<U+0020>the", "é", "<U+00A0>")


@pytest.mark.serving
def test_kenlm_scores_like_evaluate(written):
    kenlm = pytest.importorskip("kenlm")
    model, ngrams = written[0], kenlm.Model(str(written[1]))
    framed = model.vocabulary.end is not None
    for text, score in zip(LINES, model.score(LINES), strict=True):
        each = list(ngrams.full_scores(arpa.line_of(text, model.vocabulary), bos=framed, eos=framed))
        nats = -math.log(10) * sum(logarithm for logarithm, _, _ in each[0 if framed else 1 :])
        assert nats == pytest.approx(score.nats, abs=1e-4)


@pytest.mark.slow
def test_the_command_writes_the_file_of_a_run(tmp_path):
    file = tmp_path / "counts.arpa"
    main(ExportConfig(model=str(OLD_RUNS / "counts"), form="arpa", output=str(file)))
    listed, promised = read(file)
    assert len(promised) == TrainedRun.open(OLD_RUNS / "counts").config.order
    model = LanguageModel.load(OLD_RUNS / "counts")
    likeliest, probability = model.next_char(["the"], k=1)[0][0]
    without_unknown = 1 - 10 ** logarithm(listed, ("h", "e"), arpa.UNKNOWN)
    found = 10 ** logarithm(listed, ("h", "e"), arpa.line_of(likeliest, model.vocabulary)) / without_unknown
    assert found == pytest.approx(probability, abs=1e-5)


def test_what_an_arpa_file_cannot_hold_is_refused(trained):
    with pytest.raises(UserError, match=r"--form=arpa: .* isn't a run of --architecture=counts; name one with --model"):
        main(ExportConfig(model=str(trained), form="arpa"))
    counts = TrainedRun.open(OLD_RUNS / "counts")
    labelled = dataclasses.replace(counts, vocabulary=counts.vocabulary.with_end().with_labels(["x", "y"]))
    with pytest.raises(UserError, match=r"--form=arpa: .* has labels, and an ARPA file can't hold .* without --labels"):
        require_counts(labelled)
