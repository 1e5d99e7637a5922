"""What a training run is made of: frozen dataclasses that validate themselves, without absl.

Each field is also the command-line flag of the same name; its `option` holds the text of `--help`.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

from pipelines import UserError

DEFAULT_CLIPNORM = 1.0  # unless another clip is given


def option(default: Any, help: str, choices: Sequence[str] = (), *, outcome: bool = True) -> Any:
    """Returns a dataclass field that carries what its flag says in `--help`.

    With `outcome=False`, what comes out of a run doesn't depend on it, so a resumed run may be given another value.
    """
    metadata = {"help": help, "choices": tuple(choices), "outcome": outcome}
    return dataclasses.field(default=default, metadata=metadata)


def shown(value: Any) -> str:
    """Returns a value as it is given to a flag. Before: `(128, 128)`, "a⏎b"; after: `128,128`, `a\\nb`."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).replace("\n", r"\n")


@dataclasses.dataclass(frozen=True)
class Checked:
    """Says which flag was wrong, with which value, and what to give instead."""

    def _require(self, holds: bool, field: str, remedy: str) -> None:
        if not holds:
            raise UserError(f"--{field}={shown(getattr(self, field))}: {remedy}")

    def given(self, field: str) -> bool:
        """Returns whether a field has another value than its default."""
        return getattr(self, field) != self.__dataclass_fields__[field].default

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            choices = field.metadata["choices"]
            if choices:
                self._require(
                    getattr(self, field.name) in choices, field.name, f"one of {', '.join(choices)}"
                )


@dataclasses.dataclass(frozen=True)
class DataConfig(Checked):
    """Where the text comes from and how it is cut into batches."""

    text: tuple[str, ...] = option(
        (),
        "Files, folders (their *.txt) or globs to train on; repeat it or separate by commas. "
        "Without any source: the Python language reference that comes with Python.",
    )
    books: str = option(
        "",
        "Books of Project Gutenberg instead of --text: numbers such as 2600,1399, or a search of its catalogue "
        "such as 'author:Tolstoy language:en' (also title:, subject:, id:).",
    )
    tfds: str = option(
        "",
        "A text dataset of TensorFlow Datasets instead: gutenberg/war_and_peace, gutenberg/shakespeare, "
        "gutenberg/anna_karenina, gutenberg/frankenstein, gutenberg/classics, tiny_shakespeare, pg19 …",
    )
    tfds_text_key: str = option("text", "The feature of --tfds that holds the text.")
    mirror: str = option(
        "https://gutenberg.pglaf.org/", "Mirror of Project Gutenberg to download from, a book in two seconds."
    )
    max_books: int = option(25, "A search by --books that finds more than this is an error.")
    text_encoding: str = option("", "Encoding of --text files, such as latin-1; detected when not given.")
    clean: bool = option(
        True, "Remove Project Gutenberg's headers, footers and licence; --noclean keeps files as they are."
    )
    split: tuple[float, ...] = option(
        (0.9, 0.05, 0.05), "Shares of the text, in its order, for training, validation and test."
    )
    batching: str = option(
        "",
        "stream: rows run through the text side by side and carry the LSTM state from batch to batch "
        "(truncated backpropagation). shuffled: every window once an epoch, in a new order, from a zero state. "
        "Default: stream for --target=sequence, shuffled for next_char.",
        ("", "stream", "shuffled"),
    )
    target: str = option(
        "sequence",
        "What a window of characters predicts: sequence, the character after each of its positions; "
        "next_char, the one after its last.",
        ("sequence", "next_char"),
    )
    encoding: str = option(
        "one_hot",
        "What the network reads: one_hot vectors, or ids for an embedding layer.",
        ("one_hot", "embedding"),
    )
    batch_size: int = option(16, "Windows in a batch.")
    window: int = option(
        64,
        "Characters in a window: how far back gradients reach, and all that --architecture=ngram and "
        "--bidirectional see.",
    )
    stride: int = option(
        0,
        "Characters from the start of a shuffled window to the start of the next one. "
        "Default: --window for sequence, so that each character is predicted once; 3 for next_char.",
    )
    max_vocabulary: int = option(
        0, "Ids at the most: the rarer characters become unknown, as Chinese or Japanese need; 0: no limit."
    )
    data_dir: str = option(
        "~/.cache/char_lstm_tf",
        "Folder for downloads and for text encoded as ids; runs share it.",
        outcome=False,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.batching:
            object.__setattr__(self, "batching", "stream" if self.target == "sequence" else "shuffled")
        sources = [f"--{name}" for name in ("text", "books", "tfds") if getattr(self, name)]
        if len(sources) > 1:
            raise UserError(f"{' and '.join(sources)}: only one source at a time; leave the others out")
        if self.books or self.tfds:
            self._require(not self.text_encoding, "text_encoding", "goes with --text alone; leave it out")
            self._require(self.clean, "clean", "goes with --text alone; leave it out")
        self._require(self.max_books >= 1, "max_books", "must be at least 1")
        self._require(
            self.max_vocabulary == 0 or self.max_vocabulary >= 2,
            "max_vocabulary",
            "must be at least 2, the unknown character and another one, or 0 for no limit",
        )
        self._require(self.stride >= 0, "stride", "must be at least 1")
        self._require(
            self.batching == "shuffled" or not self.stride,
            "stride",
            "windows of --batching=stream follow each other; leave it out, or use --batching=shuffled",
        )
        if self.batching == "shuffled" and not self.stride:
            object.__setattr__(self, "stride", self.window if self.target == "sequence" else 3)
        self._require(self.batch_size >= 1, "batch_size", "must be at least 1")
        self._require(self.window >= 1, "window", "must be at least 1")
        self._require(
            len(self.split) == 3
            and all(0 <= share <= 1 for share in self.split)
            and math.isclose(sum(self.split), 1, abs_tol=1e-6),
            "split",
            "three shares that add up to 1, for training, validation and test, such as 0.9,0.05,0.05",
        )
        self._require(self.split[0] > 0, "split", "the share for training must be above 0")


@dataclasses.dataclass(frozen=True)
class ModelConfig(Checked):
    """The network. With the vocabulary size it fixes every weight's shape."""

    architecture: str = option(
        "sequential",
        "sequential: the classic stack. functional: the outputs of all recurrent layers "
        "reach the last layer, in which deep stacks train better. ngram: no recurrence, the last --window "
        "characters pass through dense layers. counts: no network and no training steps, the sequences of up to "
        "--order characters of the training text, counted and smoothed (interpolated Kneser-Ney).",
        ("sequential", "functional", "ngram", "counts"),
    )
    order: int = option(
        6,
        "Characters of the longest sequences that --architecture=counts counts, the predicted one included.",
    )
    ngram_inputs: str = option(
        "concat",
        "How --architecture=ngram joins the vectors of its characters: concat, one after the other; bag, summed, "
        "so that their order is lost.",
        ("concat", "bag"),
    )
    bidirectional: bool = option(
        False,
        "The first recurrent layer of the sequential stack reads its window in both directions, and the next one "
        "the outputs of both, joined: give it twice the units. For --target=next_char.",
    )
    cell: str = option(
        "lstm",
        "Recurrent cell: lstm, gru, rnn (tanh of one sum), peephole (an LSTM whose gates see the cell state), "
        "coupled (an LSTM that forgets as much as it takes in, with three quarters of the weights).",
        ("lstm", "gru", "rnn", "peephole", "coupled"),
    )
    units: tuple[int, ...] = option(
        (128, 128), "Units of each recurrent layer (of ngram: hidden dense layer), the first one first."
    )
    embedding_size: int = option(32, "Width of the embedding, for --encoding=embedding.")
    dropout: float = option(
        0.0,
        "Share of each recurrent layer's outputs dropped in training; 0.2 to 0.5 helps when a text "
        "is read many times.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            bool(self.units) and all(size >= 1 for size in self.units),
            "units",
            "one positive size a layer, such as 128,128",
        )
        self._require(
            not self.bidirectional or self.architecture == "sequential",
            "architecture",
            "--bidirectional goes with the sequential stack alone; leave one of the two out",
        )
        self._require(self.order >= 2, "order", "must be at least 2: a character and one before it")
        self._require(self.embedding_size >= 1, "embedding_size", "must be at least 1")
        self._require(0 <= self.dropout < 1, "dropout", "must be at least 0 and below 1")


@dataclasses.dataclass(frozen=True)
class TrainingConfig(Checked):
    """How the weights are found, and where they are kept."""

    name: str = option("", "Name of the run: its folder in --output_dir.", outcome=False)
    output_dir: str = option("saved_models", "Folder of all runs, one folder each.", outcome=False)
    overwrite: bool = option(False, "Replace the run of the same name.", outcome=False)
    resume: bool = option(
        False,
        "Go on with the run of the same name where its newest checkpoint stands; --name is enough, the other "
        "flags are in its flags.txt. Begins the run if there is none.",
        outcome=False,
    )
    checkpoint_steps: int = option(
        0, "Batches from one checkpoint to the next; 0: --checkpoint_seconds alone counts.", outcome=False
    )
    checkpoint_seconds: float = option(
        60.0,
        "Seconds from one checkpoint to the next, which is what a killed run has to repeat at the most; "
        "0: --checkpoint_steps alone counts.",
        outcome=False,
    )
    keep: int = option(2, "Newest checkpoints that stay, in case the last one is damaged.", outcome=False)
    on_divergence: str = option(
        "stop",
        "When the loss is NaN or infinite. stop: with exit status 3 and the last good checkpoint; rollback: "
        "go back to that, halve the learning rate and go on, --max_rollbacks times at the most.",
        ("stop", "rollback"),
        outcome=False,
    )
    max_rollbacks: int = option(5, "How often --on_divergence=rollback may go back.", outcome=False)
    patience: int = option(
        0, "Stop after so many epochs without a lower validation loss; 0: don't stop early."
    )
    plateau_patience: int = option(
        0, "Lower the learning rate after so many epochs without a lower validation loss; 0: don't."
    )
    plateau_factor: float = option(0.5, "What --plateau_patience multiplies the learning rate by.")
    quiet: bool = option(
        False, "Print nothing but errors and the table at the end; samples go to samples.txt.", outcome=False
    )
    verbose: bool = option(False, "Show TensorFlow's own messages, too.", outcome=False)
    init_from: str = option(
        "",
        "Folder of a run, such as saved_models/quickstart, whose best weights to start from. Its sizes, and --target "
        "and --window unless given, are taken too; characters that it doesn't know get ids after its own.",
    )
    freeze: int = option(
        0,
        "First layers of --init_from that keep their weights, the embedding not counted and kept with them. Of a "
        "one-hot first layer this keeps the random weights of characters that are new.",
    )
    epochs: int = option(10, "Passes over the training text.")
    max_steps: int = option(0, "Stop after so many batches, also in the middle of an epoch; 0: no limit.")
    optimizer: str = option("adamw", "Optimizer.", ("adam", "adamw", "rmsprop", "sgd"))
    learning_rate: float = option(8e-3, "Highest learning rate of the schedule.")
    schedule: str = option(
        "cosine",
        "Learning rate over the run: constant; cosine, after a linear warm-up down to "
        "--final_learning_rate; exponential, from the first batch down to the same.",
        ("constant", "cosine", "exponential"),
    )
    warmup_steps: int = option(
        100,
        "Batches in which the learning rate of --schedule=cosine climbs from zero; at most half of the run.",
    )
    final_learning_rate: float = option(0.05, "Learning rate at the end, as a share of --learning_rate.")
    weight_decay: float = option(0.004, "Decoupled weight decay of adamw.")
    l1: float = option(
        0.0,
        "Penalty in training for each element of a kernel or recurrent kernel, times its absolute value; the loss "
        "that is shown stays nats a character.",
    )
    l2: float = option(0.0, "The same, times its square; adamw's --weight_decay usually does better.")
    clipnorm: float | None = option(
        None,
        "Longest gradient of each weight matrix by itself. Default 1.0, unless another clip is given; "
        "0: no clipping.",
    )
    global_clipnorm: float | None = option(None, "Longest gradient of all weights together.")
    clipvalue: float | None = option(None, "Largest element of a gradient.")
    gradient_steps: int = option(
        0,
        "Look at the gradients of every so many batches: gradients.csv and TensorBoard show how long they are, how "
        "often they are clipped, and with gradients.png how far back in time the loss reaches. A look "
        "is the work of about two batches; 0: never.",
    )
    seed: int = option(1, "Seed of weights, dropout, order of windows and samples.")
    sample_prompt: str = option(
        "", r"What the sample after each epoch continues, \n being a new line; empty: a new line."
    )
    sample_chars: int = option(300, "Characters of the sample after each epoch; 0: none.")
    sample_temperatures: tuple[float, ...] = option((0.5, 1.0), "A sample for each of these temperatures.")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require(
            bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name)),
            "name",
            "give the run a name of letters, digits, '.', '_' and '-', such as --name=frankenstein",
        )
        object.__setattr__(self, "sample_prompt", self.sample_prompt.replace(r"\n", "\n"))
        self._require(
            shown(self.sample_prompt) == shown(self.sample_prompt).strip() and "\r" not in self.sample_prompt,
            "sample_prompt",
            r"must neither begin nor end with a blank, which flags.txt can't keep; lines are parted by \n",
        )
        self._require(0 <= self.seed < 2**32, "seed", "must be from 0 to 4294967295")
        self._require(self.freeze >= 0, "freeze", "must not be negative")
        self._require(
            bool(self.init_from) or not self.freeze, "freeze", "keeps layers of --init_from; name a run there"
        )
        self._require(self.epochs >= 1, "epochs", "must be at least 1")
        self._require(not (self.resume and self.overwrite), "resume", "or --overwrite, not both")
        self._require(self.keep >= 1, "keep", "must be at least 1")
        self._require(0 < self.plateau_factor < 1, "plateau_factor", "must be above 0 and below 1")
        for field in (
            "max_steps",
            "warmup_steps",
            "weight_decay",
            "sample_chars",
            "checkpoint_steps",
            "checkpoint_seconds",
            "max_rollbacks",
            "patience",
            "plateau_patience",
            "l1",
            "l2",
            "gradient_steps",
        ):
            self._require(getattr(self, field) >= 0, field, "must not be negative")
        self._require(0 < self.learning_rate < math.inf, "learning_rate", "must be above 0")
        self._require(
            0 < self.final_learning_rate <= 1, "final_learning_rate", "must be above 0 and at most 1"
        )
        self._require(
            all(t >= 0 for t in self.sample_temperatures) and bool(self.sample_temperatures),
            "sample_temperatures",
            "one or more numbers of at least 0, such as 0.5,1.0",
        )
        clips = [
            field
            for field in ("clipnorm", "global_clipnorm", "clipvalue")
            if getattr(self, field) is not None
        ]
        if not clips:
            object.__setattr__(self, "clipnorm", DEFAULT_CLIPNORM)
        for field in clips:
            self._require(getattr(self, field) >= 0, field, "must be above 0, or 0 for no clipping")
        if len(clips) > 1:
            raise UserError(
                f"--{' and --'.join(clips)}: only one way of clipping at a time; leave the others out"
            )


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything about a run."""

    data: DataConfig
    model: ModelConfig
    training: TrainingConfig

    def __post_init__(self) -> None:
        for field in ("patience", "plateau_patience"):
            if getattr(self.training, field) and not self.data.split[1]:
                raise UserError(
                    f"--{field}={getattr(self.training, field)}: waits for the validation loss, and --split leaves "
                    "nothing to validate on"
                )
        self._check_used()
        if self.model.bidirectional or self.model.architecture == "ngram":
            self._check_windows()
        if self.model.architecture == "counts":
            self._check_counts()

    def _check_used(self) -> None:
        """Refuses what has no effect because of another flag."""
        data, model, training = self.data, self.model, self.training
        for part, field, used, other in (
            (data, "tfds_text_key", data.tfds, "--tfds"),
            (data, "max_books", data.books, "--books"),
            (model, "embedding_size", data.encoding == "embedding", "--encoding=embedding"),
            (model, "order", model.architecture == "counts", "--architecture=counts"),
            (model, "ngram_inputs", model.architecture == "ngram", "--architecture=ngram"),
            (model, "cell", model.architecture in ("sequential", "functional"), "recurrent architectures"),
            (training, "weight_decay", training.optimizer == "adamw", "--optimizer=adamw"),
            (training, "warmup_steps", training.schedule == "cosine", "--schedule=cosine"),
            (training, "final_learning_rate", training.schedule != "constant", "a --schedule that falls"),
            (training, "plateau_factor", training.plateau_patience, "--plateau_patience"),
            (training, "max_rollbacks", training.on_divergence == "rollback", "--on_divergence=rollback"),
        ):
            if not used and part.given(field):
                raise UserError(
                    f"--{field}={shown(getattr(part, field))}: goes with {other}; give that, or leave it out"
                )

    def _check_counts(self) -> None:
        """Refuses what a model without training steps and gradients has no use for."""
        steps = ("init_from", "freeze", "max_steps", "gradient_steps", "patience", "plateau_patience")
        for part, field in ((self.data, "target"), *((self.training, name) for name in steps)):
            if part.given(field):
                raise UserError(
                    f"--{field}={shown(getattr(part, field))}: --architecture=counts counts every character once; "
                    "leave it out"
                )

    def _check_windows(self) -> None:
        """Lets models that read windows be trained for one target a window, from windows that stand for themselves."""
        model = "--bidirectional" if self.model.bidirectional else f"--architecture={self.model.architecture}"
        if self.data.target != "next_char":
            reason = (
                "reading backwards it would see the characters that it is to predict"
                if self.model.bidirectional
                else "it predicts the character after its window and no other"
            )
            raise UserError(f"{model} with --target={self.data.target}: {reason}; give --target=next_char")
        if self.data.batching == "stream":
            raise UserError(
                f"{model} with --batching=stream: it has no state to carry from batch to batch; leave --batching out"
            )

    @staticmethod
    def parts() -> dict[str, type]:
        """Returns the dataclasses whose fields are the flags of `train`, by their name here."""
        return {field.name: field.type for field in dataclasses.fields(Config)}
