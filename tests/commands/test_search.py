import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT, TINY, command, verse

from char_lstm_tf import search
from pipelines import UserError

VARY = "dropout=0..0.4 learning_rate=log:1e-3..3e-2"


def words(folder, *more, name="s"):
    (folder / "verse.txt").write_text(verse(120))
    sizes = [*TINY, "--epochs=2", "--sample_chars=0", f"--text={folder}/verse.txt", "--split=0.7,0.2,0.1"]
    return [*sizes, f"--output_dir={folder}", f"--data_dir={folder}/data", f"--name={name}", *more]


def rows_of(folder):
    with (folder / "search.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched")
    done = command("char_lstm_tf.search", *words(folder), f"--vary={VARY}", "--trials=4", "--halving=2")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.mark.slow
def test_the_best_of_each_round_go_on_and_the_last_one_is_named(searched):
    folder, done = searched
    rows = rows_of(folder / "s")
    assert [row["round"] for row in rows] == ["1"] * 4 + ["2"] * 2 + ["3"]
    first = sorted((float(row["nats"]), row["run"][2:]) for row in rows[:4])
    assert {row["run"][2:] for row in rows[4:6]} == {number for _, number in first[:2]}
    best = min(rows[4:6], key=lambda row: float(row["nats"]))
    assert rows[6]["run"] == f"3-{best['run'][2:]}"
    for row in rows:
        metrics = json.loads((folder / "s" / row["run"] / "metrics.json").read_text())
        assert float(row["nats"]) == metrics["validation"]["nats_per_char"]
        flags = (folder / "s" / row["run"] / "flags.txt").read_text().splitlines()
        assert f"--dropout={float(row['dropout'])}" in flags
        assert f"--epochs={max(1, round(2 / 2 ** (3 - int(row['round']))))}" in flags
    assert f"best: --dropout={rows[6]['dropout']} --learning_rate={rows[6]['learning_rate']}" in done.stdout
    assert f"its run: {folder}/s/{rows[6]['run']}" in done.stdout
    assert "round 2 of 3, trial 1 of 2: " in done.stderr
    assert (folder / "s" / "search.png").stat().st_size > 5000
    assert list((folder / "s" / rows[0]["run"] / "logs" / "hparams").iterdir())
    listed = command("char_lstm_tf.runs", f"--output_dir={folder}/s").stdout
    assert len(listed.splitlines()) == 1 + len(rows)


@pytest.mark.slow
def test_a_search_that_was_killed_continues_and_ends_as_if_it_had_not_been(searched, tmp_path):
    folder, _ = searched
    asked = [
        sys.executable,
        "-m",
        "char_lstm_tf.search",
        *words(tmp_path),
        f"--vary={VARY}",
        "--trials=4",
        "--halving=2",
    ]
    process = subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0)
    ends = time.monotonic() + 100
    while not (tmp_path / "s" / "1-002" / "training.csv").exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)  # its trial, too
    process.wait()
    done = command(*asked[2:])
    assert done.returncode == 0, done.stderr
    assert "training 1-001" not in done.stderr
    found, expected = rows_of(tmp_path / "s"), rows_of(folder / "s")
    assert [row | {"seconds": 0} for row in found] == [row | {"seconds": 0} for row in expected]
    again = command(*asked[2:])
    assert "training" not in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--vary=dropout=0..2"], r"--dropout=.*: must be"),
        (["--vary=dropout=0..0.5", "--resume"], "--resume=true: isn't for a search"),
        (["--vary=dropout=0..0.5", "--architecture=counts"], "--epochs=2: has no effect with --architecture=counts"),
        ([], "--vary=: name at least one flag"),
        (["--vary=seed=1|2", "--trials=0"], "--trials=0: must be at least 1"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(tmp_path, more, message):
    given = search.command_line.given_flags(search.SearchFlags, words(tmp_path, *more))
    with pytest.raises(UserError, match=message):
        search.main(given)
    assert not (tmp_path / "s").exists()


def test_a_search_on_several_machines_is_refused(tmp_path, monkeypatch):
    cluster = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(cluster))
    given = search.command_line.given_flags(search.SearchFlags, words(tmp_path, "--vary=seed=1|2"))
    with pytest.raises(UserError, match="a search uses one machine"):
        search.main(given)
    assert not (tmp_path / "s").exists()


def test_a_folder_of_another_search_or_of_something_else_is_left_alone(tmp_path):
    search.begin(tmp_path / "s", {"vary": "a"})
    search.begin(tmp_path / "s", {"vary": "a"})
    with pytest.raises(UserError, match="is a search with other flags"):
        search.begin(tmp_path / "s", {"vary": "b"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x").touch()
    with pytest.raises(UserError, match="is no search"):
        search.begin(tmp_path / "other", {"vary": "a"})


def test_a_trial_that_diverged_has_an_infinite_loss_and_a_mistake_ends_the_search(tmp_path, monkeypatch):
    folder = tmp_path / "s"
    folder.mkdir()
    given = search.command_line.given_flags(search.SearchFlags, words(tmp_path))
    config = search.Config(**{name: value for name, value in given.items() if name != "vary"} | {"name": "1-001"})
    trial = search.Trial(1, {}, search.RunFolder(folder / "1-001"), 0.0, 0.0)

    def end(status, line):
        def run(command, *, stdout, **_):
            stdout.write(line)
            return subprocess.CompletedProcess(command, status)

        monkeypatch.setattr("subprocess.run", run)

    end(1, b"\nchar_lstm_tf.train: --text: gone\n")
    with pytest.raises(UserError, match=r"1-001 ended with status 1: .*--text: gone"):
        search.train(config, trial)
    trial.run.path.mkdir()
    trial.run.diverged.touch()
    assert search.train(config, search.dataclasses.replace(trial, nats=float("inf"))).nats == float("inf")
