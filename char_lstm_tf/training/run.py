"""A whole run: text in, a trained, measured and exported model out."""

import shutil
import signal
import sys
import time
from collections.abc import Callable
from functools import cached_property

import keras

from char_lstm_tf.config import Config
from char_lstm_tf.inference.sampling import Writer
from char_lstm_tf.inference.scoring import Scorer
from char_lstm_tf.models import build, recurrent, stepping
from char_lstm_tf.runs.folder import RunFolder
from char_lstm_tf.runs.origin import Origin
from char_lstm_tf.runs.progress import Progress
from char_lstm_tf.serving import export
from char_lstm_tf.training import callbacks, compiling, curves, fine_tuning
from char_lstm_tf.training.callbacks import DivergedError
from char_lstm_tf.training.checkpoints import Checkpoints, SaveCheckpoint, signals_waiting
from char_lstm_tf.training.clock import Clock
from char_lstm_tf.training.fitting import fit
from char_lstm_tf.training.gradients import LogGradients
from char_lstm_tf.training.provenance import peak_memory_bytes, provenance
from pipelines.batches import Batching, training_batch, training_batches
from pipelines.corpus import Corpus


def fit_and_export(config: Config, text: Corpus, folder: RunFolder) -> dict:
    """Trains, evaluates and exports a model. Samples go to stdout, everything else to stderr.

    With `config.training.resume`, goes on where the newest checkpoint stands; what comes out is, to the bit,
    what would have come without the interruption.

    Args:
        config: of the run.
        text: what to learn.
        folder: where to leave the run, as `RunFolder.reserve` gave it.

    Returns:
        What metrics.json holds.

    Raises:
        UserError: the text is too short for the sizes, or the folder can't be written; nothing is, then.
            Or the checkpoint to go on from belongs to another text.
        DivergedError: the loss was no number any more; the newest checkpoint is from before.
        StoppedError: by a signal, after a checkpoint.
    """
    run = Run(config, text, folder)
    with folder.taken(config, text.vocabulary):
        run.begin()
        run.train()
        return run.finish()


class Run:
    """The parts of a run that `fit_and_export` takes through its stages. Making them writes nothing."""

    def __init__(self, config: Config, text: Corpus, folder: RunFolder) -> None:
        keras.utils.set_random_seed(config.training.seed)
        self.config, self.text, self.folder = config, text, folder
        self.out = None if config.training.quiet else sys.stderr
        self.ids = text.split("train")
        self.batching = Batching(
            config.data.batching,
            config.data.batch_size,
            config.data.window,
            stride=max(config.data.stride, 1),
            seed=config.training.seed,
        )
        self.form = {
            "encoding": config.data.encoding,
            "target": config.data.target,
            "vocabulary_size": len(text.vocabulary),
        }
        self.steps_per_epoch = self.batching.steps_per_epoch(self.ids)
        steps = self.steps_per_epoch * config.training.epochs
        self.progress = Progress(text.folder.name, min(steps, config.training.max_steps or steps))
        self.held_out = text.held_out()

        self.model = build.build(
            config,
            len(text.vocabulary),
            stream=self.batching.order == "stream",
            trains=recurrent.pays(self.progress.steps, self.batching.window),
        )
        if config.training.init_from and not (config.training.resume and folder.newest_progress()):
            fine_tuning.give_weights(Origin.find(config.training.init_from), self.model, text.vocabulary)
        fine_tuning.freeze(self.model, config.training.freeze)
        self.best = build.build(
            config, len(text.vocabulary)
        )  # without carried state: what is kept and exported
        self.scorer = Scorer(self.model, text.vocabulary)
        self.compiled = compiling.compile_model(self.model, config.training, steps=self.progress.steps)
        self.checkpoints = Checkpoints(
            folder,
            {
                "model": self.model.variables,
                "carried": stepping.carried_states(self.model),
                "training": self.compiled.variables,
                "sums": self.compiled.sums,
                "best": self.best.weights,
            },
            self.progress,
            keep=config.training.keep,
        )
        self.began, self.spent_before = time.monotonic(), 0.0

    def say(self, line: str) -> None:
        """Tells the user, unless --quiet."""
        if self.out is not None:
            print(line, file=self.out, flush=True)

    def begin(self) -> None:
        """Goes on from the newest checkpoint, or writes the first one: a run that diverges needs it, too."""
        progress, batching = self.progress, self.batching
        if self.config.training.resume:
            went_on = self.checkpoints.restore()
            self.say(
                f"going on after step {progress.step:,}" if went_on else "no checkpoint: from the beginning"
            )
        self.spent_before = progress.seconds
        self.checkpoints.save()
        self.say(f"{progress.steps:,} steps of {batching.batch_size} windows of {batching.window} characters")
        self.best.summary(line_length=80, print_fn=self.say)

    def train(self) -> None:
        """Trains to the last step, going back to a checkpoint when the run diverges, as often as it may."""
        training, progress = self.config.training, self.progress
        while not progress.finished:
            batches = training_batches(
                self.ids, self.batching, **self.form, steps=progress.steps, first_step=progress.step
            )
            try:
                with signals_waiting() as asked_to_end:
                    fit(
                        self.model,
                        batches,
                        self._callbacks(asked_to_end),
                        progress=progress,
                        steps_per_epoch=self.steps_per_epoch,
                    )
            except DivergedError as error:
                rollbacks, scale = progress.rollbacks + 1, float(self.compiled.scale) / 2
                if training.on_divergence != "rollback" or rollbacks > training.max_rollbacks:
                    self.folder.diverged.write_text(f"{error}\n", encoding="utf-8")
                    raise
                self.checkpoints.restore()
                progress.rollbacks = rollbacks
                self.compiled.scale.assign(scale)
                print(
                    f"{error}\nback to step {progress.step:,}, with {scale:g} times the learning rate",
                    file=sys.stderr,
                )

    def finish(self) -> dict:
        """Measures and exports the best weights, and leaves the run without its checkpoints."""
        self.folder.save_model(self.best)  # after a rollback the file may hold what was given up
        self.model.set_weights(self.best.get_weights())  # its scorer is compiled already
        metrics = {name: self.scorer.score(part).report() for name, part in self.held_out.items()}
        seen = self.batching.characters(self.ids, self.progress.step)
        metrics |= {
            "parameters": self.best.count_params(),
            "characters_seen": seen,
            "epoch": self.progress.best_epoch,
            "seconds": round(self.spent_before + time.monotonic() - self.began, 1),
            "chars_per_second": round(seen / self.progress.seconds),
            "peak_memory_bytes": peak_memory_bytes(),
            "corpus": self.progress.corpus,
        } | provenance()
        self.folder.publish(lambda path: export.export(self.best, self.text.vocabulary, path))
        self.folder.save_metrics(metrics)
        shutil.rmtree(self.folder.checkpoints)
        return metrics

    def _callbacks(self, asked_to_end: Callable[[], signal.Signals | None]) -> list[keras.callbacks.Callback]:
        """Returns what happens around training, in the order in which it happens."""
        training, folder, progress = self.config.training, self.folder, self.progress
        sizes = {"steps_per_epoch": self.steps_per_epoch}
        chosen = [
            callbacks.CheckLoss(progress),
            callbacks.ResetStates(progress, **sizes),
            callbacks.Measure(self.scorer, self.held_out.get("validation")),
            callbacks.KeepBest(progress, self._keep),
        ]
        if training.plateau_patience:
            chosen.append(
                callbacks.LowerLearningRate(
                    progress,
                    self.compiled.scale,
                    patience=training.plateau_patience,
                    factor=training.plateau_factor,
                )
            )
        if training.patience:
            chosen.append(callbacks.StopEarly(progress, patience=training.patience))
        chosen += [
            keras.callbacks.CSVLogger(folder.training_log, append=True),
            Clock(
                progress,
                chars_per_step=self.batching.batch_size * self.batching.window,
                log=folder.speed_log,
                out=self.out,
                **sizes,
            ),
            keras.callbacks.TensorBoard(folder.logs, write_graph=False),
            curves.DrawCurves(folder.training_log, folder.curves),
        ]
        if training.sample_chars:
            chosen.append(
                callbacks.SampleText(
                    self._writer,
                    path=folder.samples,
                    prompt=training.sample_prompt,
                    chars=training.sample_chars,
                    temperatures=training.sample_temperatures,
                    seed=training.seed,
                    out=None if training.quiet else sys.stdout,
                )
            )
        if training.gradient_steps:
            chosen.append(
                LogGradients(
                    lambda step: training_batch(self.ids, self.batching, **self.form, step=step),
                    every=training.gradient_steps,
                    csv_path=folder.gradients,
                    picture=folder.gradients_picture,
                    logs=folder.logs / "gradients",
                )
            )
        chosen.append(
            SaveCheckpoint(
                self.checkpoints.save,
                progress,
                every_steps=training.checkpoint_steps,
                every_seconds=training.checkpoint_seconds,
                asked_to_end=asked_to_end,
                **sizes,
            )
        )
        return chosen

    @cached_property
    def _writer(self) -> Writer:
        return Writer(self.model, self.text.vocabulary)

    def _keep(self) -> None:
        self.best.set_weights(self.model.get_weights())
        self.folder.save_model(self.best)
