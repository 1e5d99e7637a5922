"""The package as a user of the library has it."""

import importlib.metadata
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

import char_lstm_tf


def python(*words, cwd):
    done = subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done


def test_importing_it_does_not_import_tensorflow(tmp_path):
    imported = python("-X", "importtime", "-c", "import char_lstm_tf", cwd=tmp_path).stderr
    assert "char_lstm_tf.config" in imported
    assert not re.search(r"\b(tensorflow|keras|numpy|absl)\b", imported)


def test_its_version_is_that_of_the_metadata():
    assert importlib.metadata.version("char_lstm_tf") == char_lstm_tf.__version__


def test_an_installed_copy_has_the_flagfiles_the_page_and_the_commands(tmp_path):
    """Installed from a copy of the sources, because setuptools builds in place."""
    for name in ("char_lstm_tf", "pipelines"):
        shutil.copytree(ROOT / name, tmp_path / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path / "source")
    target = tmp_path / "target"
    install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        f"--target={target}",
        ".",
    ]
    python(*install, cwd=tmp_path / "source")
    assert sorted(path.name for path in target.iterdir() if "dist-info" not in path.name) == [
        "char_lstm_tf",
        "pipelines",
    ]
    for data in ("char_lstm_tf/flagfiles", "char_lstm_tf/page/web"):
        names = [path.name for path in (ROOT / data).iterdir()]
        assert sorted(path.name for path in (target / data).iterdir()) == sorted(names)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)  # somebody else's repository
    program = (
        "import sys; sys.path[0] = sys.argv[1]; import char_lstm_tf.train; from char_lstm_tf.runs import provenance;"
        "from pipelines.command_line import given_flags;"
        "recipe = given_flags(char_lstm_tf.Config, ['--flagfile=names'])['name'];"
        "print(char_lstm_tf.__file__, provenance.git_commit(), recipe)"
    )
    file, commit, recipe = python("-c", program, str(target), cwd=tmp_path).stdout.split()
    assert file.startswith(str(target))
    assert (commit, recipe) == ("None", "names")


def run_example(folder, steps):
    """Runs the example with this many training steps, and returns the lines it prints."""
    program = (ROOT / "examples" / "quickstart.py").read_text()
    assert "max_steps=300" in program
    return python("-c", program.replace("max_steps=300", f"max_steps={steps}"), cwd=folder).stdout.splitlines()


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    first, *rest = run_example(tmp_path, steps=20)
    assert re.fullmatch(r"validation loss: [\d.]+ nats per character", first)
    assert len([line for line in rest if re.search(r"bits per character|^'.'|\d%$", line)]) == 5
    assert (tmp_path / "saved_models" / "example" / "metrics.json").is_file()


@pytest.mark.slow
def test_the_example_learns_what_it_is_to_show(tmp_path):
    lines = run_example(tmp_path, steps=300)
    (nats,) = re.findall(r"validation loss: ([\d.]+) nats", lines[0])
    assert 1 < float(nats) < 2
    like, unlike = (float(line.split()[0]) for line in lines if "bits per character" in line)
    assert like < unlike
    assert lines[-3].startswith("'n' ")


def test_train_stays_a_function_when_the_command_of_its_name_is_imported():
    program = "import char_lstm_tf.train, char_lstm_tf.sample as s; print(callable(char_lstm_tf.train), s.__name__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "char_lstm_tf.sample"]
