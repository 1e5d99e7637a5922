import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, TINY, command, verse

from char_lstm_tf.config import RECIPES, Config
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.plan import Plan, plan_run
from char_lstm_tf.runs.text import prepare_text
from char_lstm_tf.train import print_results
from pipelines import UserError
from pipelines.command_line import given_flags


@pytest.mark.parametrize(
    "program",
    [
        "char_lstm_tf.train",
        "char_lstm_tf.sample",
        "char_lstm_tf.evaluate",
        "char_lstm_tf.runs",
        "char_lstm_tf.plot_gradients",
        "char_lstm_tf.serving",
        "pipelines.gutenberg.cleaning",
        "pipelines.gutenberg.prepare",
    ],
)
def test_help_teaches_without_importing_tensorflow(program):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", program, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert f"python -m {program}" in done.stdout
    assert "tensorflow" not in done.stderr.replace("pipelines.tensorflow_import", "")
    assert "keras" not in done.stderr


def test_help_of_train_has_a_heading_for_each_group():
    lines = command("char_lstm_tf.train", "--help").stdout.splitlines()
    headings = [
        line.split(":")[0] for line in lines if line.split(":")[0] in ("Text", "Batches", "Model", "Training", "Output")
    ]
    assert headings == ["Text", "Batches", "Model", "Training", "Output"]
    assert sum(line.startswith("  --") for line in lines) == len(Config(name="x").resolved())


def test_help_of_train_names_every_recipe_with_its_purpose():
    lines = command("char_lstm_tf.train", "--help").stdout.splitlines()
    listed = lines[lines.index("--flagfile=NAME reads a recipe:") + 1 :]
    assert [line.split()[0] for line in listed] == sorted(path.stem for path in RECIPES.glob("*.flags"))
    assert "  names                 short documents, one" in "\n".join(listed)


def test_the_commands_are_listed_and_each_of_them_has_a_help():
    lines = command("char_lstm_tf").stdout.splitlines()
    names = [line.split()[0] for line in lines if line.startswith("  ")]
    commands = {path.stem for path in (ROOT / "char_lstm_tf").glob("*.py") if "command_line.run(" in path.read_text()}
    assert set(names) == commands | {"runs", "serving"}
    refused = command("char_lstm_tf", "train")
    assert (refused.returncode, "write python -m char_lstm_tf.train" in refused.stderr) == (1, True)


TEXT_MISTAKES = {
    "a missing file": (["--text=nowhere.txt"], "--text=nowhere.txt: no such file, folder or glob"),
    "an empty file": (["--text=empty.txt"], "--text=empty.txt: the file is empty"),
    "a folder without text": (["--text=empty"], "--text=empty: no *.txt file"),
    "bytes that are no text": (["--text=binary.txt"], "binary.txt"),
    "an unknown encoding": (["--text=short.txt", "--text_encoding=klingon"], "klingon"),
    "a search of nothing": (["--books=author:"], "--books=author:: "),
    "the main site as a mirror": (["--books=84", "--mirror=https://www.gutenberg.org"], "is the main site"),
    "an existing run": (
        ["--name=exists", "--text=long.txt"],
        "choose another name, replace it with --overwrite, or continue it with --resume",
    ),
    "a folder that is no run": (["--name=exists", "--overwrite", "--text=long.txt"], "isn't a run"),
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


@pytest.mark.parametrize(("words", "message"), TEXT_MISTAKES.values(), ids=TEXT_MISTAKES.keys())
def test_what_is_wrong_with_a_text_or_a_folder_is_said_and_nothing_is_left(desk, monkeypatch, words, message):
    monkeypatch.chdir(desk)
    before = sorted(desk.rglob("*"))
    with pytest.raises(UserError) as caught:
        prepare_text(plan_run(**given_flags(Config, ["--name=new", f"--data_dir={desk}-data", *words])))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(desk.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--unitz=3"], "Unknown command line flag 'unitz'"),
        (["--text=empty.txt"], "--text=empty.txt: the file is empty"),
        (["--text=short.txt"], "lower --window or --batch_size"),
    ],
)
def test_a_mistake_ends_the_command_in_one_line_with_status_1(desk, words, message):
    before = sorted(desk.rglob("*"))
    done = command("char_lstm_tf.train", "--name=new", f"--data_dir={desk}-data", *TINY[1:], *words, cwd=desk)
    assert done.returncode == 1
    *log, last = done.stderr.splitlines()
    assert last.startswith("python -m char_lstm_tf.train: ")
    assert message in last
    assert all("characters" in line for line in log)  # the text was read before the mistake showed
    assert done.stdout == ""
    assert sorted(desk.rglob("*")) == before


def test_the_table_of_a_run_whose_savedmodel_was_moved_says_so(trained, tmp_path, capsys):
    folder = RunFolder(shutil.copytree(trained, tmp_path / "run"))
    (folder.path / "1").rename(tmp_path / "elsewhere")
    print_results(Plan(folder.config, folder, None), folder.load_metrics())
    assert "SavedModel: moved to another place\n" in capsys.readouterr().out


def test_a_model_with_labels_is_sampled_with_one_of_them_and_classifies(tmp_path, capsys):
    folder = RunFolder(shutil.copytree(ROOT / "tests" / "end_to_end" / "old_runs" / "words", tmp_path / "run"))
    label = json.loads(folder.vocabulary.read_text())["labels"][0]
    print_results(Plan(folder.config, folder, None), folder.load_metrics())
    *_, sample, classify = capsys.readouterr().out.splitlines()
    assert f" -m char_lstm_tf.sample --model={folder.path} --label={label} " in sample
    assert classify.startswith("classify it: ")
    assert classify.endswith(f" -m char_lstm_tf.classify --model={folder.path} --text=FILE")
