"""The model card of a run: what the model is, for people and for model hubs, written from its flags and metrics.

It is Markdown with YAML in front, as huggingface.co/docs/hub/model-cards describes it. JSON is YAML too, so values are
written as JSON.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import Any

from char_lstm_tf.config import settings, text_kinds
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.metrics import Metrics
from char_lstm_tf.runs.trained import TrainedRun
from pipelines.files import atomic_write

MEASURES = {  # in metrics.json: how a table calls and shows them
    "characters": ("characters", "{:,}"),
    "documents": ("documents", "{:,}"),
    "nats_per_char": ("nats per character", "{:.4f}"),
    "bits_per_char": ("bits per character", "{:.4f}"),
    "perplexity_per_char": ("perplexity per character", "{:,.2f}"),
    "perplexity_per_word": ("perplexity per word", "{:,.1f}"),
    "accuracy": ("accuracy", "{:.1%}"),
    "macro_f1": ("macro F1", "{:.3f}"),
    "nats_per_document": ("nats per document", "{:.4f}"),
}
# Of texts whose licence is known: its name, where it is, and the language.
GUTENBERG = ("project-gutenberg", "https://www.gutenberg.org/policy/license.html")
REFERENCE = ("psf-2.0", "https://docs.python.org/3/license.html")
MOST_FILES = 5  # that are named
OURS = """```python
import char_lstm_tf

model = char_lstm_tf.load(".")
print(model.$call)
```"""
KERAS = """```python
import keras
${layers}
model = keras.models.load_model("model.keras")
print(model.input_shape, model.output_shape)
```"""
TENSORFLOW = """```python
import tensorflow as tf

model = tf.saved_model.load("$version")
found = model.signatures["$signature"]($inputs=tf.constant([$text]))
print(found["$output"].numpy()[0].decode())
```"""
ONNX = """```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("exports/step.onnx")
types = {"tensor(int32)": np.int32, "tensor(float)": np.float32}
inputs = {each.name: np.zeros([1, *each.shape[1:]], types[each.type]) for each in session.get_inputs()}
print(session.run(["logits"], inputs)[0].shape)
```"""


def write_card(run: TrainedRun) -> None:
    """Writes the card of a finished run into its folder, in place of an older one."""
    if run.metrics is not None:
        with atomic_write(run.folder.card) as path:
            path.write_text(card(run, run.metrics), encoding="utf-8", errors="backslashreplace")


def card(run: TrainedRun, metrics: Metrics) -> str:
    """Returns the text of the card."""
    front = "".join(
        f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in _front(run, metrics).items()
    )
    sections = [
        f"# {run.folder.path.name}",
        _kind(run, metrics),
        "## Training text",
        _text(run, metrics),
        "## How it was measured",
        _measured(run, metrics),
        "## Samples",
        _samples(run.folder),
        "## How to load it",
        *_loading(run),
        "## What it must not be used for",
        _limits(run),
    ]
    return f"---\n{front}---\n\n" + "\n\n".join(filter(None, sections)) + "\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _front(run: TrainedRun, metrics: Metrics) -> dict[str, Any]:
    """Returns the front matter: what hubs read."""
    answers = _answers(run)
    known: dict[str, Any] = {}
    if language := _language(run):
        known["language"] = language
    if licence := _licence(run):
        known |= {"license": "other", "license_name": licence[0], "license_link": licence[1]}
    task = "text-classification" if answers else "text-generation"
    names = [name for name in MEASURES if name not in ("characters", "documents")]
    results = [
        {
            "task": {"type": task},
            "dataset": {"type": "text", "name": _sources(run), "split": part},
            "metrics": [{"type": name, "name": MEASURES[name][0], "value": row[name]} for name in names if name in row],
        }
        for part, row in _measures(metrics).items()
    ]
    known |= {
        "library_name": "keras",
        "pipeline_tag": task,
        "tags": ["char_lstm_tf", "tensorflow", "language-model", run.config.architecture, *_cell(run)],
        "metrics": ["accuracy" if answers else "perplexity"],
    }
    return known | ({"model-index": [{"name": run.folder.path.name, "results": results}]} if results else {})


def _licence(run: TrainedRun) -> tuple[str, str] | None:
    """Returns the name and address of the licence of the text; None if it isn't known."""
    source = run.config.settings.text.source
    return {text_kinds.Books: GUTENBERG, text_kinds.Reference: REFERENCE}.get(type(source))


def _answers(run: TrainedRun) -> bool:
    return isinstance(run.config.settings.model, settings.LabelModel)


def _cell(run: TrainedRun) -> list[str]:
    return [str(run.config.cell)] if hasattr(run.config.settings.model, "cell") else []


def _language(run: TrainedRun) -> str:
    """Returns the language of the text, such as `en`; "" if it isn't known."""
    if isinstance(run.config.settings.text.source, text_kinds.Reference):
        return "en"
    found = set(re.findall(r"\blanguage:([a-z]{2,3})\b", run.config.books))
    return found.pop() if len(found) == 1 else ""


def _sources(run: TrainedRun) -> str:
    """Returns what the text is called. Of files, the names alone: their folders are nobody's business."""
    config = run.config
    if config.books:
        return f"Project Gutenberg, {config.books}"
    if config.tfds:
        return f"TensorFlow Datasets, {config.tfds}"
    names = [Path(name).name for name in config.text] or ["the Python language reference"]
    more = f" and {len(names) - MOST_FILES} more" if len(names) > MOST_FILES else ""
    return ", ".join(names[:MOST_FILES]) + more


def _kind(run: TrainedRun, metrics: Metrics) -> str:
    """Returns what kind of model it is."""
    config, unit, training = run.config, run.vocabulary.unit, metrics.training
    if isinstance(config.settings.model, settings.Counts):
        made = f"Counted sequences of up to {config.order} {unit}s, smoothed by interpolated Kneser-Ney"
    elif isinstance(config.settings.model, settings.Linear):
        made = "A linear model of words, pairs of words, and sequences of two to six characters"
    else:
        kinds = ", ".join(f"`{kind}`" for kind in [config.architecture, *_cell(run)])
        made = f"A neural network ({kinds}, {'+'.join(map(str, config.units))} units)"
    does = f"predicts the next {unit} of a text, so that it can write and score texts"
    if _answers(run):
        does = f"reads a text and predicts its label: {_names(run.vocabulary.labels)}"
    elif run.vocabulary.labels:
        does += f". It knows the label of each text, or predicts it: {_names(run.vocabulary.labels)}"
    return (
        f"{made}, which {does}. It was made with `char_lstm_tf`, in Keras 3 on TensorFlow; `flags.txt` has every flag. "
        f"It has {training.parameters:,} parameters and {len(run.vocabulary):,} {unit}s. In training, it read "
        f"{training.characters_seen:,} characters in {training.seconds:,.0f} seconds."
    )


def _measures(metrics: Metrics) -> dict[str, dict[str, Any]]:
    """Returns the measures of each held-out part by the names in `MEASURES`."""
    parts = {part: row.get("labels", {}) | row for part, row in metrics.held_out.items()}
    return {part: {name: row[name] for name in MEASURES if name in row} for part, row in parts.items()}


def _names(labels: Sequence[str]) -> str:
    return ", ".join(f"`{label}`" for label in labels[:20]) + (", …" if len(labels) > 20 else "")


def _text(run: TrainedRun, metrics: Metrics) -> str:
    """Returns what it was trained on."""
    config = run.config
    lines = [f"- {_sources(run)}"]
    if isinstance(config.settings.text, text_kinds.Documents):
        lines.append(f"- Documents, each with a beginning and an end (`--documents={config.documents}`)")
    if config.settings.text.plain:
        lines.append("- Typography in ASCII, and any white space as one blank (`--normalize=plain`)")
    if config.init_from:
        lines.append(f"- The weights started from those of another run, `{Path(config.init_from).name}`")
    if config.teachers:
        names = _names([Path(teacher).name for teacher in config.teachers])
        lines.append(f"- It also learnt from the predictions of {names} (`--teacher`)")
    if learnt := metrics.provenance.get("adapted_on_characters"):
        lines.append(f"- Then {learnt:,} more characters, from which it learnt after it had scored them (`--dynamic`)")
    licence = "is above" if _licence(run) else "isn't known to `char_lstm_tf`"
    lines.append(f"- The licence of the text {licence}. The model has none of its own until you give it one")
    return "\n".join(lines)


def _measured(run: TrainedRun, metrics: Metrics) -> str:
    """Returns how the text was split, and what was measured on the parts that were held out."""
    shares = [f"{share:.0%}" for share in run.config.split]
    how = (
        "Documents are assigned to the parts by a hash of their text, so equal documents are in the same part"
        if isinstance(run.config.settings.text, text_kinds.Documents)
        else "The parts follow each other in the text"
    )
    parts = f"{shares[0]} of the text for training, {shares[1]} for validation and {shares[2]} for the test. {how}."
    if not metrics.held_out:
        return f"{parts} Nothing was measured on them, so nothing is known of its loss on other texts."
    measured = _measures(metrics)
    names = [name for name in MEASURES if any(name in row for row in measured.values())]
    table = ["| part | " + " | ".join(MEASURES[name][0] for name in names) + " |", "| --- |" + " --- |" * len(names)]
    for part, row in measured.items():
        values = [MEASURES[name][1].format(row[name]) if name in row else "" for name in names]
        table.append(f"| {part} | " + " | ".join(values) + " |")
    notes = []
    if metrics.training.epoch and "validation" in metrics.held_out:
        notes.append(
            f"The weights are those of epoch {metrics.training.epoch}, the best one on `validation`, so the figures "
            "there may be a little too good."
        )
    if not _answers(run):
        notes.append(
            "A loss in nats per character is the mean of -ln p, where p is the probability that the model gave to the "
            "character that came. Each part was read in full, in one pass."
        )
    packages = ", ".join(f"{name} {version}" for name, version in metrics.provenance.get("packages", {}).items())
    return "\n\n".join([parts, "\n".join(table), *notes, f"Measured with {packages}." if packages else ""]).strip()


def _samples(folder: RunFolder) -> str:
    """Returns what the model wrote at the end, as an indented block, in which nothing is Markdown."""
    if not folder.samples.is_file():
        return "None."
    last = folder.samples.read_text(encoding="utf-8").rpartition("\n━━ ")[2].strip()
    return "\n".join(f"    {line}".rstrip() for line in last.splitlines())


def _loading(run: TrainedRun) -> list[str]:
    """Returns the four ways to load it. Each program runs in the run's folder."""
    text = _json(run.config.sample_prompt)
    label = f", label={_json(run.vocabulary.labels[0])}" if run.vocabulary.labels else ""
    call, signature, inputs, output = f"generate([{text}], chars=200{label})[0]", "serving_default", "prompt", "text"
    if _answers(run):
        text, call, signature, inputs, output = '"A text."', 'classify(["A text."])[0]', "classify", "text", "label"
    version = run.folder.versions()[-1].name if run.folder.versions() else "1"
    in_tensorflow = {"version": version, "signature": signature, "inputs": inputs, "text": text, "output": output}
    return [
        "The programs run in this folder. With the package `char_lstm_tf`:",
        Template(OURS).substitute(call=call),
        "In Keras 3.15, the network alone, which turns ids or one-hot vectors into logits:",
        _in_keras(run),
        "In TensorFlow, without our code. TensorFlow Serving takes this folder as its base path:",
        Template(TENSORFLOW).substitute(in_tensorflow),
        *_elsewhere(run),
    ]


def _in_keras(run: TrainedRun) -> str:
    """Returns how Keras loads the model."""
    if run.config.tie:
        return (
            "Keras' own loader refuses a model with `--tie`. Load it with `char_lstm_tf`, and take its `keras_model`."
        )
    own = run.vocabulary.labels or run.config.architecture == "counts" or run.config.cell in ("peephole", "coupled")
    return Template(KERAS).substitute(layers="import char_lstm_tf.models  # its layers\n" if own else "")


def _elsewhere(run: TrainedRun) -> list[str]:
    """Returns how other runtimes load the model."""
    if _answers(run):
        return ["Elsewhere: TensorFlow's C library runs the SavedModel, and `saved_model_cli` runs it from a shell."]
    there = ", ".join(f"`exports/{path.name}`" for path in sorted(run.folder.exports.glob("[!.]*")))
    return [
        "In other runtimes, one token at a time. `python -m char_lstm_tf.serving --model=. --form=onnx` exports the "
        f"file for this program, and there are other forms. Exported so far: {there or 'nothing'}.",
        ONNX,
    ]


def _limits(run: TrainedRun) -> str:
    """Returns what the model isn't for."""
    about_people = "A likely text isn't a good one, and an unlikely one isn't a wrong one."
    if run.vocabulary.labels:
        about_people = "Its labels are guesses, some of them wrong. They prove nothing, not even who wrote a text."
    return "\n".join(
        [
            "- **Facts.** It knows how its training text is spelled and phrased, not what is true.",
            "- **Other kinds of text.** The figures above hold for texts like its training text, in the same language.",
            "- **Passing off.** What it writes isn't by the authors of its training text. Don't present it as theirs.",
            "- **Private or protected texts.** It can repeat passages of its training text word for word. "
            "(`char_lstm_tf.sample --report` finds the longest one.) Publish it only if that text may be published.",
            f"- **Decisions about people.** {about_people}",
        ]
    )
