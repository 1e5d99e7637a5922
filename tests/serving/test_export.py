import json
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from char_lstm_tf.config import ModelConfig
from char_lstm_tf.models import networks
from char_lstm_tf.models.encodings import Interface
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.serving import export, strings
from pipelines.vocabulary import UNKNOWN, Vocabulary

VOCABULARY = Vocabulary.fit('a\n\tbcé中𝄞"\\ ')


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    model = networks.build_functional(ModelConfig(units=(6, 5)), Interface(vocabulary_size=len(VOCABULARY)))
    path = tmp_path_factory.mktemp("export") / "1"
    export.export(model, VOCABULARY, path)
    return model, path


@pytest.fixture(scope="module")
def moved(exported, tmp_path_factory):
    """The SavedModel in another folder, the first one gone."""
    _, path = exported
    return shutil.move(path, tmp_path_factory.mktemp("elsewhere") / "model")


@pytest.fixture(scope="module")
def loaded(moved):
    return tf.saved_model.load(str(moved))


def test_serving_default_writes_200_known_characters_for_each_prompt(loaded):
    prompts = tf.constant(["ab", "", "no such character: ☃", b"broken \xff\xfe", "中" * 300])
    texts = [text.decode() for text in loaded.signatures["serving_default"](prompt=prompts)["text"].numpy()]
    assert [len(text) for text in texts] == [200] * 5
    assert set("".join(texts)) <= set(VOCABULARY.characters) - {UNKNOWN}


def test_serving_default_writes_something_else_each_time(loaded):
    serve = loaded.signatures["serving_default"]
    assert serve(prompt=tf.constant(["a"]))["text"] != serve(prompt=tf.constant(["a"]))["text"]


def test_no_path_of_this_machine_is_in_the_export(moved):
    assert tempfile.gettempdir().encode() not in (moved / "saved_model.pb").read_bytes()


@pytest.mark.parametrize("spoil", [lambda lines: lines[:-1], lambda lines: lines[::-1]], ids=["cut", "reversed"])
def test_a_vocabulary_that_is_not_the_models_is_refused(moved, tmp_path, spoil):
    path = tmp_path / "model"
    shutil.copytree(moved, path)
    asset = path / "assets" / "vocabulary.tsv"
    asset.write_text("\n".join(spoil(asset.read_text().splitlines())) + "\n")
    loaded = tf.saved_model.load(str(path))
    for name, inputs in {"score": {"text": ["ab"]}, "next_char": {"prompt": ["ab"], "k": [1]}}.items():
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"vocabulary\.tsv must be that of this model"):
            loaded.signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})


def test_step_gives_the_models_logits_and_states(exported, loaded):
    model, _ = exported
    ids = tf.constant([1, 4, 0])
    states = [tf.random.stateless_normal([3, size], [1, size]) for size in (6, 6, 5, 5)]
    result = loaded.signatures["step"](ids=ids, **{f"state_{n}": state for n, state in enumerate(states)})
    logits, new_states = model.step()(ids, states)
    np.testing.assert_allclose(result["logits"], logits, atol=1e-6)
    for number, state in enumerate(new_states):
        np.testing.assert_allclose(result[f"new_state_{number}"], state, atol=1e-6)


def test_the_graph_and_python_give_the_same_ids(moved):
    table = export.id_table(str(moved / "assets" / "vocabulary.tsv"))
    texts = ["", "a", VOCABULARY.characters, "x☃y\r\n", "中" * 50]
    ids, lengths = strings.encode(tf.constant(texts), table)
    for text, row, length in zip(texts, ids.numpy(), lengths.numpy(), strict=True):
        assert row[:length].tolist() == VOCABULARY.encode(text).tolist()
        assert not row[length:].any()


def test_signatures_take_rows_of_rank_1(loaded):
    step = loaded.signatures["step"].structured_input_signature[1]
    assert step["ids"] == tf.TensorSpec([None], tf.int32, "ids")
    assert [step[f"state_{n}"].shape.as_list() for n in range(4)] == [
        [None, 6],
        [None, 6],
        [None, 5],
        [None, 5],
    ]
    assert loaded.signatures["serving_default"].structured_input_signature[1]["prompt"].shape.as_list() == [None]


def test_it_holds_the_weights_once_and_no_operation_of_one_device(exported, moved):
    model, _ = exported
    saved = saved_model_pb2.SavedModel.FromString((moved / "saved_model.pb").read_bytes())
    graph = saved.meta_graphs[0].graph_def
    operations = {node.op for function in graph.library.function for node in function.node_def}
    operations |= {node.op for node in graph.node}
    assert not {name for name in operations if "PyFunc" in name or "Cudnn" in name or "Xla" in name or "Block" in name}
    assert not any(function.attr["_XlaMustCompile"].b for function in graph.library.function)
    weights = [
        shape
        for name, shape in tf.train.list_variables(f"{moved}/variables/variables")
        if not name.startswith("_CHECKPOINTABLE")
    ]
    assert sorted(map(tuple, weights)) == sorted(tuple(weight.shape) for weight in model.keras_model.weights)


def test_the_vocabulary_is_an_asset_a_line_an_id(moved):
    lines = (moved / "assets" / "vocabulary.tsv").read_text().splitlines()
    assert [chr(int(line.split("\t")[0])) for line in lines] == list(VOCABULARY.characters)
    assert [json.loads(line.split("\t")[1]) for line in lines] == list(VOCABULARY.characters)


def test_it_generates_in_a_process_that_cannot_import_keras_or_our_packages(moved, tmp_path):
    program = (
        "import sys; sys.modules |= dict.fromkeys(['char_lstm_tf', 'pipelines', 'keras']); "  # None: ImportError
        f"import tensorflow as tf; model = tf.saved_model.load({str(moved)!r}); "
        "print(len(model.signatures['serving_default'](prompt=tf.constant(['a']))['text'].numpy()[0].decode()))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == "200\n", done.stderr


def test_versions_count_up_and_a_failed_one_leaves_nothing(tmp_path):
    folder = RunFolder(tmp_path)

    def fail(path):
        (path / "half").mkdir(parents=True)
        raise OSError("disk full")

    def succeed(path):
        path.mkdir()
        (path / "saved_model.pb").write_text("x")

    assert folder.publish(succeed).name == "1"
    with pytest.raises(OSError, match="disk full"):
        folder.publish(fail)
    assert folder.publish(succeed).name == "2"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["1", "2"]
