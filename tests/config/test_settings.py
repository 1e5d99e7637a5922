import dataclasses
import typing

import pytest

from char_lstm_tf.config import Config
from char_lstm_tf.config.settings import Bidirectional, Classifier, Counts, Linear, NeuralNgram, Recurrent
from char_lstm_tf.config.variants import NoEffectError
from pipelines import UserError
from pipelines.command_line import given_flags

LABELS = "--text=a.tsv --documents=rows --labels=field --label_field=2"
KINDS = {
    "a recurrent model": "",
    "shuffled windows": "--batching=shuffled",
    "the next character": "--target=next_char",
    "an embedding": "--encoding=embedding",
    "vectors of words": "--tokens=words --vectors=v.txt",
    "both directions": "--bidirectional --target=next_char",
    "a neural n-gram model": "--architecture=ngram --target=next_char",
    "counts": "--architecture=counts",
    "counts of words": "--architecture=counts --tokens=words",
    "a classifier": f"{LABELS} --target=label",
    "a classifier of words": f"{LABELS} --target=label --tokens=words",
    "a linear model": f"{LABELS} --target=label --architecture=linear",
    "files": "--text=a.txt",
    "books": "--books=84",
    "a dataset of Gutenberg": "--tfds=gutenberg/classics",
    "another dataset": "--tfds=lm1b",
    "lines": "--text=a.txt --documents=lines",
    "rows": LABELS,
    "labels of folders": "--text=a --documents=files --labels=folder",
    "another run": "--init_from=run",
    "another optimizer": "--optimizer=sgd --schedule=constant",
    "an exponential schedule": "--schedule=exponential",
    "a plateau": "--plateau_patience=2",
    "going back": "--on_divergence=rollback",
    "no samples": "--sample_chars=0",
}
OTHER_VALUES = {  # where no number beside the default will do
    "split": [(0.5, 0.25, 0.25)],
    "dropout": [0.5],
    "average": [0.5],
    "text_field": ["3"],
    "label_field": ["3"],
    "clipnorm": [5.0],
    "global_clipnorm": [5.0],
    "clipvalue": [5.0],
    "plateau_factor": [0.25],
    "final_learning_rate": [0.5],
}


def config_of(words, **others):
    return Config(**given_flags(Config, ["--name=x", *words.split()]) | others)


def other_values(field):
    """Returns values of a flag that aren't its default."""
    kind = typing.get_type_hints(Config)[field.name]
    if field.name in OTHER_VALUES:
        return OTHER_VALUES[field.name]
    if field.metadata["choices"]:
        return [value for value in field.metadata["choices"] if value != field.default]
    if typing.get_origin(kind) is tuple:
        return [tuple(each(3) for each in typing.get_args(kind)[:1])]
    return [{bool: not field.default, str: "other"}[kind]] if kind in (bool, str) else [field.default + 2]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_flag_changes_what_a_kind_of_run_means_or_is_refused(kind):
    base, without_effect, sentences = config_of(kind), [], []
    for field in dataclasses.fields(Config):
        for value in other_values(field):
            try:
                same = config_of(kind, **{field.name: value}).settings == base.settings
                if same and value != base.resolved()[field.name]:
                    without_effect.append((field.name, value))
            except UserError as error:
                sentences.append(str(error))
    assert not without_effect
    assert all(sentence.startswith("--") and "\n" not in sentence for sentence in sentences)


@pytest.mark.parametrize(
    ("words", "model"),
    [
        ("", Recurrent),
        ("--target=next_char --cell=gru", Recurrent),
        ("--bidirectional --target=next_char", Bidirectional),
        ("--architecture=ngram --target=next_char", NeuralNgram),
        ("--architecture=counts --order=3", Counts),
        (f"{LABELS} --target=label", Classifier),
        (f"{LABELS} --target=label --architecture=linear", Linear),
    ],
)
def test_flags_choose_one_kind_of_model(words, model):
    assert type(config_of(words).settings.model) is model


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--architecture=counts --units=64", "--units=64: has no effect with --architecture=counts; leave one of them"),
        ("--architecture=counts --learning_rate=0.1", "--learning_rate=0.1: has no effect with --architecture=counts"),
        ("--architecture=counts --tokens=words --tie", "--tie=true: has no effect with --architecture=counts"),
        (f"{LABELS} --target=label --sample_chars=99", "--sample_chars=99: has no effect with --target=label"),
        (f"{LABELS} --target=label --bidirectional", "--bidirectional=true: has no effect with --target=label"),
        (
            f"{LABELS} --target=label --architecture=linear --epochs=3",
            "--epochs=3: has no effect with --architecture=l",
        ),
        ("--mirror=http://x", "--mirror=http://x: only has an effect with --books or --tfds=gutenberg*; add that, or"),
        ("--tfds=lm1b --mirror=http://x", "--mirror=http://x: only has an effect with --books or --tfds=gutenberg*"),
        ("--text_field=2", "--text_field=2: only has an effect with --documents=rows; add that, or leave it out"),
        ("--architecture=counts --cell=gru", "--cell=gru: has no effect with --architecture=counts"),
        (
            "--sample_chars=0 --sample_temperatures=1",
            "--sample_temperatures=1.0: only has an effect with --sample_ch",
        ),
    ],
)
def test_a_flag_that_no_chosen_kind_reads_is_refused_in_a_sentence(words, message):
    with pytest.raises(NoEffectError) as caught:
        config_of(words)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_linear_model_needs_to_be_told_that_it_predicts_labels():
    with pytest.raises(UserError, match=r"^--target=sequence: --architecture=linear needs --target=label, since it "):
        config_of(f"{LABELS} --architecture=linear")


def test_what_follows_from_other_flags_may_be_given_to_every_kind():
    config = config_of("--architecture=counts --batching=stream --encoding=one_hot --stride=0 --epochs=10")
    assert config.settings == config_of("--architecture=counts").settings


def test_defaults_of_another_run_give_way_where_they_have_no_effect_and_given_flags_do_not():
    defaults = {"name": "x", "units": (7,), "dropout": 0.5, "order": 3}
    assert Config.with_defaults(defaults).units == (7,)
    assert Config.with_defaults(defaults).order == 6
    counts = Config.with_defaults(defaults, architecture="counts")
    assert (counts.units, counts.dropout, counts.order) == ((128, 128), 0.0, 3)
    with pytest.raises(NoEffectError, match=r"--dropout=0\.5: has no effect"):
        Config.with_defaults({"name": "x"}, architecture="counts", dropout=0.5)
