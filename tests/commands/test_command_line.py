import subprocess
import sys

import pytest
from absl import flags
from conftest import ROOT, TINY, command, verse

from char_lstm_tf import command_line
from char_lstm_tf.config import Config, DataConfig, ModelConfig, TrainingConfig
from pipelines import UserError


def test_a_configuration_survives_being_written_as_flags():
    config = Config(
        DataConfig(text=("a.txt", "with, comma.txt"), split=(0.8, 0.2, 0.0), clean=False, target="next_char"),
        ModelConfig(units=(5, 6, 7), dropout=0.25),
        TrainingConfig(name="x", global_clipnorm=2.5, seed=9, sample_prompt="ROMEO:\nBut --soft"),
    )
    assert command_line.config_from_lines(command_line.flag_lines(config)) == config


def parsed(*words):
    values = flags.FlagValues()
    command_line.define_flags(*Config.parts().values(), flag_values=values)
    values(["train", *words])
    command_line.replace_repeated_flags(words, values)
    return command_line.read_config(values)


def test_what_follows_a_flagfile_replaces_what_it_says(tmp_path):
    training = TrainingConfig(name="x", sample_prompt="ROMEO:\nBut --soft\n")
    before = Config(DataConfig(text=("a.txt", "b.txt")), ModelConfig(), training)
    saved = tmp_path / "flags.txt"
    saved.write_text(command_line.flag_lines(before))
    assert parsed(f"--flagfile={saved}") == before
    after = parsed(f"--flagfile={saved}", "--text=c.txt", "--text", "d.txt", "--clipvalue=5")
    assert after.data.text == ("c.txt", "d.txt")
    assert (after.training.clipvalue, after.training.clipnorm) == (5.0, None)
    other = parsed(f"--flagfile={saved}", "--text=", "--books=84")
    assert (other.data.text, other.data.books) == ((), "84")


def test_words_in_flags_that_are_no_flags_are_refused():
    with pytest.raises(UserError, match=r"flags.txt: 'But' is no flag"):
        command_line.config_from_lines("--name=x\nBut\n--seed=9\n")


def test_a_reader_that_leaves_is_written_to_no_more():
    program = (
        "import sys, time; from char_lstm_tf.command_line import Unread; out = Unread(sys.stdout);"
        "[(print(i, file=out, flush=True), time.sleep(0.01)) for i in range(100)]; print('went on', file=sys.stderr)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == "went on\n"
    assert process.wait() == 0
    process.stderr.close()


def test_repeating_a_run_does_not_replace_it():
    config = Config(DataConfig(), ModelConfig(), TrainingConfig(name="x", overwrite=True))
    assert not command_line.config_from_lines(command_line.flag_lines(config)).training.overwrite


def test_defaults_follow_the_target():
    assert (DataConfig().batching, DataConfig().stride) == ("stream", 0)
    assert (DataConfig(target="next_char").batching, DataConfig(target="next_char").stride) == ("shuffled", 3)
    assert DataConfig(batching="shuffled", window=40).stride == 40
    assert TrainingConfig(name="x").clipnorm == 1.0
    assert TrainingConfig(name="x", clipvalue=5.0).clipnorm is None


@pytest.mark.parametrize("program", ["train", "sample", "evaluate"])
def test_help_teaches_without_waiting_for_tensorflow(program):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", f"char_lstm_tf.{program}", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert f"python -m char_lstm_tf.{program} --" in done.stdout
    assert "tensorflow" not in done.stderr
    assert "keras" not in done.stderr


@pytest.mark.parametrize(
    "name", [path.name for path in (ROOT / "char_lstm_tf" / "flagfiles").glob("*.flags")]
)
def test_every_recipe_is_a_valid_configuration_with_its_story_in_its_head(name):
    path = ROOT / "char_lstm_tf" / "flagfiles" / name
    command_line.config_from_lines(f"--flagfile={path}\n--name=x")
    head = path.read_text().split("\n--")[0]
    for word in ("Purpose:", "Command:", "Result:", "Time:"):
        assert word in head
    assert "not measured" not in head


MISTAKES = {
    "no name": (["--name="], "--name=: give the run a name"),
    "a name that leaves the folder": (["--name=../x"], "--name=../x: give the run a name of letters"),
    "an absolute name": (["--name=/x"], "--name=/x: "),
    "a hidden name": (["--name=.x"], "--name=.x: "),
    "an existing run": (
        ["--name=exists"],
        "choose another name, replace it with --overwrite, or go on with it with --resume",
    ),
    "a folder that is no run": (["--name=exists", "--overwrite"], "isn't a run"),
    "an unknown flag": (["--unitz=3"], "Unknown command line flag 'unitz'"),
    "a word that is no flag": (["units=3"], "'units=3' is no flag"),
    "a choice that isn't one": (["--cell=transformer"], "--cell=transformer"),
    "sizes that aren't numbers": (["--units=big"], "--units=big: must be whole numbers"),
    "a size of zero": (["--units=128,0"], "--units=128,0: one positive size a layer"),
    "shares that don't add up": (
        ["--split=0.9,0.9,0.1"],
        "--split=0.9,0.9,0.1: three shares that add up to 1",
    ),
    "a seed that numpy can't take": (["--seed=-1"], "--seed=-1: must be from 0 to 4294967295"),
    "a prompt that flags.txt can't keep": (
        ["--sample_prompt=The "],
        "must neither begin nor end with a blank",
    ),
    "books kept as they are": (["--books=84", "--noclean"], "--clean=False: goes with --text alone"),
    "an encoding of books": (["--books=84", "--text_encoding=latin-1"], "--text_encoding=latin-1: goes with"),
    "what another flag leaves without effect": (["--embedding_size=64"], "goes with --encoding=embedding"),
    "a cell of a model without any": (
        ["--architecture=ngram", "--target=next_char", "--cell=gru"],
        "--cell=gru: goes with recurrent architectures",
    ),
    "counting in steps": (
        ["--architecture=counts", "--max_steps=9"],
        "--max_steps=9: --architecture=counts counts every character once",
    ),
    "two sources": (["--text=long.txt", "--books=84"], "--text and --books: only one source"),
    "a search of nothing": (["--books=author:"], "--books=author:: "),
    "the main site as a mirror": (["--books=84", "--mirror=https://www.gutenberg.org"], "is the main site"),
    "two ways of clipping": (["--clipnorm=1", "--clipvalue=5"], "--clipnorm and --clipvalue: only one"),
    "a stride for a stream": (
        ["--batching=stream", "--stride=3"],
        "--stride=3: windows of --batching=stream",
    ),
    "dropping everything": (["--dropout=1"], "--dropout=1.0: must be at least 0 and below 1"),
    "a missing file": (["--text=nowhere.txt"], "--text=nowhere.txt: no such file, folder or glob"),
    "an empty file": (["--text=empty.txt"], "--text=empty.txt: the file is empty"),
    "a folder without text": (["--text=empty"], "--text=empty: no *.txt file"),
    "bytes that are no text": (["--text=binary.txt"], "binary.txt"),
    "an unknown encoding": (["--text=short.txt", "--text_encoding=klingon"], "klingon"),
    "a text shorter than a batch": (["--text=short.txt"], "lower --window or --batch_size"),
    "a part too short to measure": (
        ["--text=long.txt", "--split=0.9999,0.0001,0"],
        "--split: the validation split has",
    ),
    "resuming and replacing": (["--resume", "--overwrite"], "--resume=True: or --overwrite, not both"),
    "patience without validation": (
        ["--patience=2", "--split=1,0,0"],
        "--patience=2: waits for the validation",
    ),
    "a missing flagfile": (["--flagfile=nowhere.flags"], "nowhere.flags"),
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder in which mistakes can be made."""
    folder = tmp_path_factory.mktemp("desk")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "empty").mkdir()
    (folder / "binary.txt").write_bytes(bytes(range(256)) * 20)
    (folder / "short.txt").write_text("too short")
    (folder / "long.txt").write_text(verse(300))
    (folder / "saved_models" / "exists").mkdir(parents=True)
    (folder / "saved_models" / "exists" / "thesis.txt").write_text("precious")
    return folder


@pytest.mark.parametrize(("words", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_ends_in_one_line_with_the_remedy_and_leaves_nothing(desk, words, message):
    before = sorted(desk.rglob("*"))
    text = [] if any(word.startswith(("--text=", "--books=")) for word in words) else ["--text=long.txt"]
    done = command(
        "char_lstm_tf.train", "--name=new", f"--data_dir={desk}-data", *TINY[1:], *text, *words, cwd=desk
    )
    assert done.returncode in (1, 2)
    *log, last = done.stderr.splitlines()
    assert message in last
    assert all("characters," in line for line in log)  # the text was read before the mistake showed
    assert done.stdout == ""
    assert sorted(desk.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model=nowhere"], "--model=nowhere: no such folder"),
        (["--model=tests"], "--model=tests: no trained run, it has no flags.txt"),
        (["--model="], "--model="),
        (["--temperature=-1"], "--temperature=-1.0: must be a number of at least 0"),
        (["--top_p=0"], "--top_p=0.0: must be above 0"),
        (["--chars=-5"], "--chars=-5: must not be negative"),
    ],
)
def test_mistakes_of_sample_are_found_before_tensorflow_is_loaded(words, message):
    done = command("char_lstm_tf.sample", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_bad_value_is_an_error_of_the_users():
    with pytest.raises(UserError):
        ModelConfig(units=())
