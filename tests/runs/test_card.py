"""The model card of a run: what it says, that hubs can read it, and that its programs run."""

import dataclasses
import json
import re
import shutil

import pytest
from conftest import ROOT

from char_lstm_tf.config import Config
from char_lstm_tf.runs.card import card, write_card
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving.__main__ import ExportConfig, main

OLD_RUNS = ROOT / "tests/end_to_end/old_runs"
FINISHED = sorted(path.parent.name for path in OLD_RUNS.glob("*/metrics.json"))


def card_of(name):
    run = TrainedRun.open(OLD_RUNS / name)
    return card(run, run.metrics)


def with_config(name, **flags):
    """Returns the card that a run would have with other flags."""
    run = TrainedRun.open(OLD_RUNS / name)
    changed = dataclasses.replace(run, config=Config.with_defaults(run.config.given(), **flags))
    return card(changed, run.metrics)


def front_of(text):
    _, front, _ = text.split("---\n", 2)
    return {name: json.loads(value) for name, value in (line.split(": ", 1) for line in front.splitlines())}


def programs_in(text):
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_a_finished_run_has_its_card_with_the_figures_of_metrics_json(trained):
    text, metrics = (trained / "README.md").read_text(), json.loads((trained / "metrics.json").read_text())
    for part in ("validation", "test"):
        assert f"| {part} | {metrics[part]['characters']:,} | {metrics[part]['nats_per_char']:.4f} |" in text
    (index,) = front_of(text)["model-index"]
    assert [result["dataset"]["split"] for result in index["results"]] == ["validation", "test"]
    assert index["results"][1]["metrics"][0]["value"] == metrics["test"]["nats_per_char"]
    assert (trained / "samples.txt").read_text().splitlines()[-1].strip() in text
    assert "verse.txt" in text
    assert str(trained.parent.parent) not in text  # whose folders are nobody's business


@pytest.mark.parametrize("name", FINISHED)
def test_every_kind_of_run_has_a_card_with_four_ways_to_load_it(name):
    text, run = card_of(name), TrainedRun.open(OLD_RUNS / name)
    programs = programs_in(text)
    assert len(programs) == (3 if name == "answers" else 4)
    for program in programs:
        compile(program, "card", "exec")
    own_layers = bool(run.vocabulary.labels) or name in ("counts", "peephole", "coupled")
    assert ("import char_lstm_tf.models" in programs[1]) == own_layers
    assert front_of(text)["pipeline_tag"] == ("text-classification" if name == "answers" else "text-generation")
    for heading in (
        "Training text",
        "How it was measured",
        "Samples",
        "How to load it",
        "What it must not be used for",
    ):
        assert text.count(f"\n## {heading}\n") == 1


def test_the_licence_and_the_language_are_those_that_are_known():
    assert not {"license", "language"} & set(front_of(card_of("functional")))
    front = front_of(with_config("functional", text=(), books="author:Tolstoy language:fr"))
    assert (front["license_name"], front["language"]) == ("project-gutenberg", "fr")
    front = front_of(with_config("functional", text=()))
    assert (front["license_name"], front["language"]) == ("psf-2.0", "en")
    assert "language" not in front_of(with_config("functional", text=(), books="2600,1399"))


def test_labels_are_named_and_measured():
    text, metrics = card_of("words"), TrainedRun.open(OLD_RUNS / "words").metrics
    assert "`dry`, `river`" in text
    assert f"{metrics.held_out['test']['labels']['macro_f1']:.3f}" in text
    assert 'label="dry"' in programs_in(text)[0]


def test_it_names_the_runs_that_taught_it_without_their_folders():
    taught = with_config("sequential", teacher=("/home/ada/a,/home/ada/b", "c"))
    assert "It also learnt from the predictions of `a`, `b`, `c` (`--teacher`)" in taught
    assert "ada" not in taught
    assert "--teacher" not in card_of("sequential")


def test_a_run_that_is_not_finished_gets_no_card(tmp_path):
    run = TrainedRun.open(shutil.copytree(OLD_RUNS / "functional", tmp_path / "run"))
    write_card(dataclasses.replace(run, metrics=None))
    assert not run.folder.card.exists()
    write_card(run)
    assert run.folder.card.is_file()


@pytest.mark.serving
@pytest.mark.parametrize("name", FINISHED)
def test_the_parser_of_the_hub_reads_the_card(name):
    from huggingface_hub import ModelCard

    text, run = card_of(name), TrainedRun.open(OLD_RUNS / name)
    data = ModelCard(text).data
    assert data.library_name == "keras"
    assert data.model_name == name
    found = {(result.dataset_split, result.metric_type): result.metric_value for result in data.eval_results}
    measure = "accuracy" if name == "answers" else "nats_per_char"
    for part, row in run.metrics.held_out.items():
        assert found[part, measure] == row[measure]


@pytest.mark.serving
@pytest.mark.parametrize("place", range(4))
def test_the_programs_of_the_card_run_in_its_folder(trained, tmp_path, monkeypatch, capsys, place):
    run = shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("logs"))
    if place == 3:
        main(ExportConfig(model=str(run), form="onnx"))
    program = programs_in((run / "README.md").read_text())[place]
    capsys.readouterr()
    monkeypatch.chdir(run)
    exec(compile(program, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()
