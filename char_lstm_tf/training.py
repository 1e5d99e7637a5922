"""A whole run: text in, a trained, measured and exported model out."""

import contextlib
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras

from char_lstm_tf import callbacks, compiling, export, models, recurrent
from char_lstm_tf.config import Config
from char_lstm_tf.run_folder import RunFolder
from char_lstm_tf.sampling import Writer
from char_lstm_tf.scoring import Scorer
from pipelines import UserError
from pipelines.batches import Batching, training_batches
from pipelines.corpus import Corpus, IdRange


@dataclass(frozen=True)
class Result:
    """What a run left behind.

    Attributes:
        metrics: what metrics.json holds.
        saved_model: the folder of the SavedModel version.
    """

    metrics: dict
    saved_model: Path


def build(config: Config, vocabulary_size: int, *, stream: bool = False, trains: bool = False) -> keras.Model:
    """Returns the model of a configuration, uncompiled; with `stream`, the one that carries state between batches."""
    return models.BUILD[config.model.architecture](
        config.model,
        vocabulary_size=vocabulary_size,
        encoding=config.data.encoding,
        target=config.data.target,
        window=config.data.window,
        stream_batch_size=config.data.batch_size if stream else None,
        trains=trains,
    )


def fit_and_export(config: Config, text: Corpus, folder: RunFolder) -> Result:
    """Trains, evaluates and exports a model. Samples go to stdout, everything else to stderr.

    Args:
        config: of the run.
        text: what to learn.
        folder: where to leave the run, as `RunFolder.reserve` gave it.

    Raises:
        UserError: the text is too short for the sizes, or the folder can't be written; nothing is, then.
    """
    began = time.monotonic()
    keras.utils.set_random_seed(config.training.seed)
    batching = Batching(
        config.data.batching,
        config.data.batch_size,
        config.data.window,
        stride=max(config.data.stride, 1),
        seed=config.training.seed,
    )
    ids = text.split("train")
    steps_per_epoch = batching.steps_per_epoch(ids)
    steps = steps_per_epoch * config.training.epochs
    if config.training.max_steps:
        steps = min(steps, config.training.max_steps)
    held_out = _held_out(text)

    long = recurrent.pays(steps, batching.window)
    model = build(config, len(text.vocabulary), stream=batching.order == "stream", trains=long)
    compiling.compile_model(model, config.training, steps=steps)
    folder.create(config, text.vocabulary)
    print(
        f"{steps:,} steps of {batching.batch_size} windows of {batching.window} characters", file=sys.stderr
    )
    model.summary(line_length=80, print_fn=lambda line: print(line, file=sys.stderr))

    best = build(config, len(text.vocabulary))  # without carried state: what is kept and exported
    scorer = Scorer(best, text.vocabulary)
    dataset = training_batches(
        ids,
        batching,
        encoding=config.data.encoding,
        target=config.data.target,
        vocabulary_size=len(text.vocabulary),
        steps=steps,
    )
    chosen = _callbacks(config, text, folder, model, best, held_out.get("validation"), steps)
    with contextlib.redirect_stdout(sys.stderr):  # Keras prints its bar to stdout, where samples go
        model.fit(
            dataset,
            epochs=math.ceil(steps / steps_per_epoch),
            steps_per_epoch=steps_per_epoch,
            callbacks=chosen,
            verbose=1 if sys.stderr.isatty() else 2,
            shuffle=False,  # the batches come in their order already
        )

    metrics = {name: scorer.score(part).report() for name, part in held_out.items()}
    metrics |= {
        "parameters": best.count_params(),
        "characters_seen": batching.characters(ids, steps),
        "seconds": round(time.monotonic() - began, 1),
    }
    saved_model = folder.publish(lambda path: export.export(best, text.vocabulary, path))
    folder.save_metrics(metrics)
    return Result(metrics, saved_model)


def _held_out(text: Corpus) -> dict[str, IdRange]:
    """Returns the parts of a text to measure on: those of its split that aren't empty."""
    parts = {name: text.split(name) for name in ("validation", "test")}
    for name, ids in parts.items():
        if len(ids) == 1:
            raise UserError(
                f"--split: the {name} split has 1 character, the first isn't scored; give it more or 0"
            )
    return {name: ids for name, ids in parts.items() if len(ids)}


def _callbacks(
    config: Config,
    text: Corpus,
    folder: RunFolder,
    model: keras.Model,
    best: keras.Model,
    validation: IdRange | None,
    steps: int,
) -> list[keras.callbacks.Callback]:
    """Returns what happens around training, in the order in which it happens."""

    def keep() -> None:
        best.set_weights(model.get_weights())
        folder.save_model(best)

    training = config.training
    chosen = [callbacks.ResetStates(), callbacks.StopAfter(steps)]
    if validation is not None:
        chosen.append(callbacks.Validate(Scorer(model, text.vocabulary), validation))
    chosen += [
        keras.callbacks.ProgbarLogger(),  # here, so that it has the validation's loss, and samples stand below it
        keras.callbacks.CSVLogger(folder.training_log),
        keras.callbacks.TensorBoard(folder.logs, write_graph=False),
        callbacks.KeepBest(keep),
    ]
    if training.sample_chars:
        writer = Writer(model, text.vocabulary)
        chosen.append(
            callbacks.SampleText(
                writer,
                path=folder.samples,
                prompt=training.sample_prompt,
                chars=training.sample_chars,
                temperatures=training.sample_temperatures,
                seed=training.seed,
            )
        )
    return chosen
