"""Trains a character-level language model on plain text and exports it.

    python -m char_lstm_tf.train --flagfile=quickstart
    python -m char_lstm_tf.train --text=book.txt --name=book
    python -m char_lstm_tf.train --text='books/*.txt' --units=256,256 --dropout=0.3 --epochs=20 --name=books
    python -m char_lstm_tf.train --text=names.txt --documents=lines --name=names
    python -m char_lstm_tf.train --resume --name=books

It reads text (by default the reference that comes with Python), trains on the first part, measures on the rest, prints
a sample after each epoch, and writes everything to saved_models/NAME: the SavedModel (1/), model.keras,
vocabulary.json, flags.txt (a flagfile that repeats the run), training.csv, steps.csv, speed.csv, curves.png,
samples.txt, metrics.json, and logs/ for TensorBoard. A recipe is a file of flags; they are listed at the end. A flag
after it overrides it.

A killed run continues with --resume, even in the middle of an epoch, and gives the same result as an uninterrupted one.
Ctrl-C, SIGTERM and SIGHUP (a closed terminal) save a checkpoint first.

With TF_CONFIG in the environment, several processes train one model together; docs/several-machines.md says how. Then
--batch_size is that of all together, worker 0 writes the run, and --resume starts all again after a fault.

Exit status: 0 success, 1 something is wrong with the flags or the text, 3 the loss became NaN or infinite, 4 another
worker was lost, 129 SIGHUP, 130 Ctrl-C, 143 SIGTERM.
"""

import shlex

from char_lstm_tf.config import Config
from char_lstm_tf.inference.measures import verdict
from char_lstm_tf.runs.metrics import Metrics
from char_lstm_tf.runs.plan import Plan, plan_run
from char_lstm_tf.runs.tables import held_out_table
from char_lstm_tf.training.fitting.signals import SIGNALS, Signals
from char_lstm_tf.training.train import train
from pipelines import command_line
from pipelines.vocabulary import Vocabulary

NOT_MEASURED = (
    "not measured, since no document with a label was held out (--split), so that the probabilities aren't calibrated"
)


def main(plan: Plan) -> None:
    """Trains, and prints the table of results. A run continues when its output can't be written."""
    with command_line.tolerant_output():
        if metrics := train(plan, Signals(*SIGNALS)):  # a worker that isn't the chief has none
            print_results(plan, metrics)


def print_results(plan: Plan, metrics: Metrics) -> None:
    """Prints the table of a finished run, and what to do with it."""
    settings, exported, training = plan.config.settings, plan.folder.versions(), metrics.training
    if metrics.held_out:
        print("\n".join(held_out_table(metrics)))
    if metrics.calibration:
        report = metrics.calibration.get("report")
        print(f"\nlabels: {verdict(report) if report else NOT_MEASURED}")
    print(
        f"\n{training.parameters:,} parameters, {training.characters_seen:,} characters seen in "
        f"{training.seconds:.0f} s\nSavedModel: {exported[-1] if exported else 'moved to another place'}"
    )
    labels = Vocabulary.load(plan.folder.vocabulary).labels
    of_label = [f"--label={label}" for label in labels[:1]]
    words = {"sample": [*of_label, settings.text.length_flag, "--temperature=0.8"], "classify": ["--text=FILE"]}
    for verb in dict.fromkeys([settings.model.command, *(["classify"] if labels else [])]):
        use = [command_line.python_command(), "-m", f"char_lstm_tf.{verb}", f"--model={plan.folder.path}", *words[verb]]
        print(f"{verb} it: {' ' * (len('sample') - len(verb))} {shlex.join(use)}")


if __name__ == "__main__":
    command_line.run(main, Config, read=plan_run)
