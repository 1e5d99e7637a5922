"""The command that exports `step`, each form in its own runtime: the logits of the Keras model."""

import re
import shutil
import warnings

import numpy as np
import pytest
import tensorflow as tf
from conftest import ROOT, command

from char_lstm_tf.models.build import load
from char_lstm_tf.runs.trained import TrainedRun
from char_lstm_tf.serving import forms
from char_lstm_tf.serving.__main__ import ExportConfig, main
from pipelines import UserError

OLD_RUNS = ROOT / "tests/end_to_end/old_runs"
IDS = np.random.default_rng(1).integers(1, 20, [16, 2], np.int32)  # [T, B], read one after the other


def exported(run, output, **options):
    main(ExportConfig(model=str(run), output=str(output), **options))
    return output


def logits_of(step, sizes, *, labels=()):
    """Returns the logits of reading `IDS`, `[T, B, V]`; step: ids and states → its outputs by name."""
    states = {f"state_{number}": np.zeros([2, size], "f") for number, size in enumerate(sizes)}
    known = {"label": np.int32(labels)} if len(labels) else {}
    logits = []
    for ids in IDS:
        outputs = step({"ids": ids, **known, **states})
        states = {name: np.array(outputs[f"new_{name}"]) for name in states}
        logits.append(np.array(outputs["logits"]))
    return np.array(logits)


def in_tensorflow(folder):
    loaded = tf.saved_model.load(str(folder))
    return lambda inputs: loaded.signatures["serving_default"](
        **{name: tf.constant(value) for name, value in inputs.items()}
    )


def in_onnxruntime(file):
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def in_openvino(file):
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(file), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def step(inputs):
        outputs = model(inputs)
        return {name: outputs[name] for output in model.outputs for name in output.names}

    return step


def in_litert(file):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the interpreter has a package of its own now
        step = tf.lite.Interpreter(model_content=file.read_bytes()).get_signature_runner()

    def each_row(inputs):  # its batch has one row
        rows = [step(**{name: value[row : row + 1] for name, value in inputs.items()}) for row in range(2)]
        return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}

    return each_row


@pytest.fixture(scope="module")
def network(trained):
    return load(TrainedRun.open(trained))


@pytest.fixture(scope="module")
def logits(network):
    """Those of the Keras model, which reads the whole window at once."""
    window = np.eye(network.vocabulary_size, dtype="f")[IDS.T]
    return np.swapaxes(network.keras_model(window).numpy(), 0, 1)


@pytest.mark.slow
def test_an_export_is_in_the_runs_folder_where_no_server_takes_it_for_a_version(trained, network, logits, tmp_path):
    run = shutil.copytree(trained, tmp_path / "run", ignore=shutil.ignore_patterns("logs", "1"))
    done = command("char_lstm_tf.serving", f"--model={run}")
    assert done.stdout == f"{run}/exports/saved_model\n", done.stderr
    assert [entry.name for entry in (run / "exports").iterdir()] == ["saved_model"]
    assert "Exported so far: `exports/saved_model`." in (run / "README.md").read_text()
    given = logits_of(in_tensorflow(run / "exports/saved_model"), network.state_sizes)
    np.testing.assert_allclose(given, logits, atol=1e-5)
    stored = (run / "exports/saved_model/saved_model.pb").read_bytes()
    assert not re.search(rb"BlockLSTM|Cudnn|XlaLaunch|LookupTable", stored)
    with pytest.raises(UserError, match=r"--form=saved_model: .*saved_model exists; remove it, or name another"):
        main(ExportConfig(model=str(run)))


@pytest.mark.serving
def test_onnxruntime_gives_the_same_logits(trained, network, logits, tmp_path):
    file = exported(trained, tmp_path / "named_otherwise", form="onnx")
    np.testing.assert_allclose(logits_of(in_onnxruntime(file), network.state_sizes), logits, atol=1e-5)


@pytest.mark.serving
def test_openvino_gives_the_same_logits_of_both_forms_that_it_reads(trained, network, logits, tmp_path):
    folder = exported(trained, tmp_path / "openvino", form="openvino")
    np.testing.assert_allclose(logits_of(in_openvino(folder / "step.xml"), network.state_sizes), logits, atol=1e-5)
    folder = exported(trained, tmp_path / "saved_model")
    np.testing.assert_allclose(logits_of(in_openvino(folder), network.state_sizes), logits, atol=1e-5)


@pytest.mark.slow
def test_litert_gives_the_same_logits(trained, network, logits, tmp_path):
    file = exported(trained, tmp_path / "step.lite", form="litert")
    np.testing.assert_allclose(logits_of(in_litert(file), network.state_sizes), logits, atol=1e-5)


@pytest.mark.serving
def test_eight_bits_cost_what_the_command_says(trained, network, logits, tmp_path, capsys):
    file = exported(trained, tmp_path / "step.int8.onnx", form="onnx", int8=True)
    said = re.search(r"([\d,]+) held-out characters cost ([\d.]+) .* 8 bits, ([+-][\d.]+) ag", capsys.readouterr().err)
    whole = TrainedRun.open(trained).metrics.held_out["test"]
    assert int(said[1].replace(",", "")) == whole["characters"]
    assert float(said[2]) - float(said[3]) == pytest.approx(whole["nats_per_char"], abs=1e-4)
    assert 0 < abs(float(said[3])) < 0.01
    given = logits_of(in_onnxruntime(file), network.state_sizes)
    assert 1e-4 < np.abs(given - logits).max() < 0.5  # so it isn't the float32 file
    assert b"MatMulInteger" in file.read_bytes()


@pytest.mark.serving
@pytest.mark.parametrize("name", sorted(path.name for path in OLD_RUNS.iterdir() if path.is_dir()))
def test_every_kind_of_model_that_writes_has_a_step_in_onnx(name, tmp_path):
    run = OLD_RUNS / name
    if name in ("answers", "interrupted"):
        with pytest.raises(UserError, match=r"it has no step|no epoch is finished"):
            exported(run, tmp_path / "step.onnx", form="onnx")
        return
    network = load(TrainedRun.open(run))
    step = in_onnxruntime(exported(run, tmp_path / "step.onnx", form="onnx"))
    labels = [network.labels - 1, 0] if network.labels else []
    of_network = network.step(*([tf.constant(labels)] if labels else []))

    def expected(inputs):
        states = [tf.constant(inputs[f"state_{place}"]) for place in range(len(sizes))]
        logits, states = of_network(tf.constant(inputs["ids"]), states)
        return {"logits": logits} | {f"new_state_{place}": state for place, state in enumerate(states)}

    sizes = network.state_sizes
    given, wanted = logits_of(step, sizes, labels=labels), logits_of(expected, sizes, labels=labels)
    np.testing.assert_allclose(given, wanted, atol=1e-5)


@pytest.mark.slow
def test_what_litert_cannot_run_is_refused_with_a_form_that_can(tmp_path):
    with pytest.raises(UserError, match=r"--form=litert: LiteRT lacks an operation .*; --form=onnx or --form=openvino"):
        exported(OLD_RUNS / "bidirectional", tmp_path / "step.tflite", form="litert")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"form": "onnx"}, "--form=onnx: a package that it needs isn't installed; run: pip install tf2onnx onnx"),
        ({"form": "openvino"}, "--form=openvino: a package that it needs isn't installed; run: pip install openvino"),
        (
            {"form": "onnx", "int8": True},
            "--form=onnx --int8: a package that it needs isn't installed; run: pip install tf2onnx onnx onnxruntime",
        ),
    ],
)
def test_a_missing_package_is_one_sentence_with_the_command_that_installs_it(monkeypatch, options, sentence):
    monkeypatch.setattr(forms.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=re.escape(sentence) + "$"):
        ExportConfig(model="x", **options)


def test_flags_that_cannot_be_followed_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"--int8=true: is for --form=onnx; leave it out with --form=litert"):
        ExportConfig(model="x", form="litert", int8=True)
    with pytest.raises(UserError, match=r"--output=.*: exists; name another one, or remove it"):
        ExportConfig(model="x", output=str(tmp_path))
    with pytest.raises(UserError, match=r"--output=.*: is in a folder that doesn't exist; make it first"):
        ExportConfig(model="x", output=str(tmp_path / "no" / "step"))
