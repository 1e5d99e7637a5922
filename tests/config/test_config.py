import pytest

from char_lstm_tf.config import Config, ModelConfig, TrainingConfig
from pipelines import UserError
from pipelines.command_line import given_flags


def test_batches_follow_the_target():
    def batches(**flags):
        model = Config(name="x", **flags).settings.model
        return model.batching, model.stride

    assert batches() == ("stream", None)
    assert batches(target="next_char") == ("shuffled", 3)
    assert batches(batching="shuffled", window=40) == ("shuffled", 40)
    assert batches(batching="shuffled", stride=7) == ("shuffled", 7)


def test_gradients_are_clipped_to_a_norm_of_1_unless_told_otherwise():
    assert TrainingConfig().clipping == {"clipnorm": 1.0}
    assert TrainingConfig(clipvalue=5.0).clipping == {"clipvalue": 5.0}
    assert TrainingConfig(clipnorm=0.0).clipping == {}


@pytest.mark.parametrize(("word", "value"), [("--ngrams", True), ("--ngrams=true", True), ("--nongrams", False)])
def test_a_flag_still_has_its_former_name(tmp_path, word, value):
    (tmp_path / "old.flags").write_text(f"--name=x\n{word}\n")
    assert given_flags(Config, [f"--flagfile={tmp_path}/old.flags"]) == {"name": "x", "pieces_and_pairs": value}


def test_a_configuration_is_its_groups_together_and_its_flags_keep_their_order():
    config = Config(name="x", units=(3,), window=9)
    assert isinstance(config, ModelConfig)
    names = list(config.resolved())
    assert (names[0], names[-1]) == ("text", "verbose")
    assert names.index("batching") < names.index("units") < names.index("seed") < names.index("name")
    assert (config.resolved()["batching"], config.resolved()["stride"]) == ("stream", 0)


MISTAKES = {
    "no name": (["--name="], "--name=: give the run a name"),
    "a name that leaves the folder": (["--name=../x"], "--name=../x: give the run a name of letters"),
    "an absolute name": (["--name=/x"], "--name=/x: "),
    "a hidden name": (["--name=.x"], "--name=.x: "),
    "no layers": (["--units="], "--units=: must have a size for each layer"),
    "a size of zero": (["--units=128,0"], "--units=128,0: must be at least 1"),
    "shares that don't add up": (
        ["--split=0.9,0.9,0.1"],
        "--split=0.9,0.9,0.1: must be three shares that add up to 1",
    ),
    "nothing to train on": (["--split=0,0.5,0.5"], "--split=0.0,0.5,0.5: the share for training"),
    "a seed that numpy can't take": (["--seed=-1"], "--seed=-1: must be at least 0 and below"),
    "a prompt that flags.txt can't hold": (["--sample_prompt=The "], "must not begin or end with a blank"),
    "a prompt that isn't UTF-8": (["--sample_prompt=caf\udce9"], "must be UTF-8; convert it"),
    "books kept as they are": (["--books=84", "--noclean"], "--clean=false: only has an effect with --text; "),
    "an encoding of books": (
        ["--books=84", "--text_encoding=latin-1"],
        "--text_encoding=latin-1: only has an effect with --text; ",
    ),
    "two sources": (["--text=long.txt", "--books=84"], "--text and --books: give only one source"),
    "a vocabulary of one": (["--max_vocabulary=1"], "--max_vocabulary=1: must be at least 2"),
    "a flag without effect": (
        ["--embedding_size=64"],
        "--embedding_size=64: only has an effect with --encoding",
    ),
    "a cell of a model without any": (
        ["--architecture=ngram", "--target=next_char", "--cell=gru"],
        "--cell=gru: has no effect with --architecture=ngram; leave one of them out",
    ),
    "an order of a network": (["--order=5"], "--order=5: only has an effect with --architecture=counts"),
    "counting in steps": (
        ["--architecture=counts", "--max_steps=9"],
        "--max_steps=9: has no effect with --architecture=counts; leave one of them out",
    ),
    "Muon without recurrent layers": (
        ["--architecture=ngram", "--target=next_char", "--optimizer=muon"],
        "--optimizer=muon: is for recurrent layers, and --architecture=ngram has none; use adamw",
    ),
    "a teacher of a neural n-gram": (
        ["--architecture=ngram", "--target=next_char", "--teacher=saved_models/a"],
        "--teacher=saved_models/a: has no effect with --architecture=ngram; leave one of them out",
    ),
    "a teacher and a sampled softmax": (
        ["--tokens=words", "--sampled_softmax=20", "--teacher=saved_models/a"],
        "--sampled_softmax=20: doesn't go with --teacher",
    ),
    "an n-gram of a sequence": (
        ["--architecture=ngram"],
        "--target=sequence: --architecture=ngram needs --target=next_char, since",
    ),
    "both directions of a stream": (
        ["--bidirectional", "--target=next_char", "--batching=stream"],
        "--batching=stream: --bidirectional needs --batching=shuffled, since",
    ),
    "both directions of the other stack": (
        ["--bidirectional", "--target=next_char", "--architecture=functional"],
        "--architecture=functional: --bidirectional needs --architecture=sequential, since",
    ),
    "two ways of clipping": (["--clipnorm=1", "--clipvalue=5"], "--clipnorm and --clipvalue: give only one"),
    "a stride for a stream": (
        ["--batching=stream", "--stride=3"],
        "--stride=3: only has an effect with --batching=shuffled; add that, or leave it out",
    ),
    "dropping everything": (["--dropout=1"], "--dropout=1.0: must be at least 0 and below 1"),
    "an infinite learning rate": (
        ["--learning_rate=inf"],
        "--learning_rate=inf: must be above 0 and below inf",
    ),
    "resuming and replacing": (
        ["--resume", "--overwrite"],
        "--resume=true: give it or --overwrite, not both",
    ),
    "freezing without an origin": (["--freeze=1"], "--freeze=1: only has an effect with --init_from; "),
    "patience without validation": (
        ["--patience=2", "--split=1,0,0"],
        "--patience=2: waits for the validation",
    ),
}


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_names_the_flag_its_value_and_the_remedy(words, message):
    with pytest.raises(UserError) as caught:
        Config(**given_flags(Config, ["--name=x", *words]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
