"""Flags of the training and of its output."""

import dataclasses
import math
import re

from pipelines import UserError
from pipelines.options import Options, format_flag, has_raw_bytes, option, unescaped


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingConfig(Options):
    """Training: how the weights are learnt."""

    init_from: str = option(
        "",
        "Start from the best weights of another run: its folder, such as saved_models/quickstart. The new run takes "
        "over its sizes, and --target and --window unless they are given. New characters get ids after the old ones.",
    )
    teacher: tuple[str, ...] = option(
        (),
        "Learn from the predictions of another run too: its folder. Half of the loss compares the network's "
        "predictions with those of that run. So it learns more from the same text. Repeat the flag, or separate "
        "folders by commas, for the mean of several runs. All must have the same characters, --encoding and --target.",
    )
    vectors: str = option(
        "",
        "Start the embedding from vectors of words: a file in the text format of word2vec or GloVe, gzip or not, with "
        "--embedding_size numbers per word. A token that isn't in it starts from random numbers of the same spread.",
    )
    freeze_vectors: bool = option(False, "Keep the embedding as --vectors gives it, and train the rest.")
    freeze: int = option(
        0,
        "The first layers of --init_from that keep their weights; an embedding is not counted and is kept with them. "
        "In a one-hot first layer, new characters then keep random weights.",
        at_least=0,
    )
    epochs: int = option(10, "Passes over the training text.", at_least=1)
    max_steps: int = option(0, "Stop after this many batches, even in the middle of an epoch. 0: no limit.", at_least=0)
    optimizer: str = option(
        "adamw",
        "Optimizer. muon: all directions of a recurrent layer's matrices are learnt equally fast, the other weights as "
        "with adamw. It is for batches of more than some 10,000 characters, where it needs fewer steps.",
        choices=("adam", "adamw", "muon", "rmsprop", "sgd"),
    )
    learning_rate: float = option(8e-3, "Highest learning rate of the schedule.", above=0, below=math.inf)
    schedule: str = option(
        "cosine",
        "Learning rate over the run. constant. cosine: a linear warm-up, then down to --final_learning_rate. "
        "exponential: down to --final_learning_rate from the first batch on.",
        choices=("constant", "cosine", "exponential"),
    )
    warmup_steps: int = option(
        100,
        "Batches in which the learning rate of --schedule=cosine rises from zero; at most half of the run.",
        at_least=0,
    )
    final_learning_rate: float = option(
        0.05, "Learning rate at the end, as a share of --learning_rate.", above=0, at_most=1
    )
    weight_decay: float = option(0.004, "Decoupled weight decay of adamw and muon.", at_least=0)
    l1: float = option(
        0.0,
        "L1 penalty on the elements of kernels and recurrent kernels in training. The loss that is shown doesn't "
        "include it.",
        at_least=0,
    )
    l2: float = option(0.0, "L2 penalty on the same elements. adamw's --weight_decay usually does better.", at_least=0)
    average: float = option(
        0.0,
        "Measure and keep a moving average of the weights, which is often better than the last ones. Each step keeps "
        "this share of it and takes the rest from the new weights: 0.995 averages over some 200 steps. 0: no average.",
        at_least=0,
        below=1,
    )
    clipnorm: float | None = option(
        None,
        "Clip the gradient of each weight matrix to this norm. 0: no clipping. Default: 1, unless another clip is "
        "given.",
        at_least=0,
    )
    global_clipnorm: float | None = option(None, "Clip the gradient of all weights together to this norm.", at_least=0)
    clipvalue: float | None = option(None, "Clip each element of a gradient to this absolute value.", at_least=0)
    patience: int = option(
        0, "Stop after this many epochs without a lower validation loss. 0: don't stop early.", at_least=0
    )
    plateau_patience: int = option(
        0, "Lower the learning rate after this many epochs without a lower validation loss. 0: don't.", at_least=0
    )
    plateau_factor: float = option(0.5, "What --plateau_patience multiplies the learning rate by.", above=0, below=1)
    on_divergence: str = option(
        "stop",
        "What to do when the loss becomes NaN or infinite. stop: end with exit status 3 and keep the last good "
        "checkpoint. rollback: go back to that checkpoint and continue with half the learning rate, at most "
        "--max_rollbacks times.",
        choices=("stop", "rollback"),
        outcome=False,
    )
    max_rollbacks: int = option(5, "How often --on_divergence=rollback may go back.", at_least=0, outcome=False)
    seed: int = option(
        1, "Random seed of the weights, dropout, the order of windows and the samples.", at_least=0, below=2**32
    )
    gradient_steps: int = option(
        0,
        "Record the gradients at intervals of this many batches: gradients.csv and TensorBoard show their norms and "
        "how often they are clipped, gradients.png how far back in time the loss reaches. Each time takes as long as "
        "two batches. 0: never.",
        at_least=0,
    )

    def check(self) -> None:
        """Checks that there is one way of clipping."""
        super().check()
        clips = [name for name in ("clipnorm", "global_clipnorm", "clipvalue") if self.is_given(name)]
        if len(clips) > 1:
            raise UserError(f"--{' and --'.join(clips)}: give only one way of clipping; leave the others out")

    @property
    def clipping(self) -> dict[str, float]:
        """The optimizer's argument for clipping: the one that is given, or a norm of 1 for each weight; {} for 0."""
        given = {name: getattr(self, name) for name in ("clipnorm", "global_clipnorm", "clipvalue")}
        given = {name: limit for name, limit in given.items() if limit is not None} or {"clipnorm": 1.0}
        return {name: limit for name, limit in given.items() if limit}

    @property
    def teachers(self) -> list[str]:
        """The folders of --teacher, each of which may hold several, separated by commas, as flags.txt has them."""
        return [folder for item in self.teacher for folder in item.split(",") if folder]


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputConfig(Options):
    """Output: where the run is kept and what it shows."""

    name: str = option("", "Name of the run: its folder in --output_dir.", outcome=False)
    output_dir: str = option("saved_models", "Folder of all runs, one folder each.", outcome=False)
    overwrite: bool = option(False, "Replace the run of the same name.", outcome=False)
    resume: bool = option(
        False,
        "Continue the run of the same name from its newest checkpoint. --name is enough: the other flags are in the "
        "run's flags.txt. Starts the run if there is none and its flags are given.",
        outcome=False,
    )
    checkpoint_steps: int = option(
        0, "Save a checkpoint after this many batches. 0: only --checkpoint_seconds counts.", at_least=0, outcome=False
    )
    checkpoint_seconds: float = option(
        60.0,
        "Save a checkpoint after this many seconds. A killed run repeats at most that. 0: only --checkpoint_steps "
        "counts.",
        at_least=0,
        outcome=False,
    )
    keep: int = option(
        2, "How many of the newest checkpoints to keep, in case one is damaged.", at_least=1, outcome=False
    )
    sample_prompt: str = option("", r"What the sample after each epoch continues; \n is a new line. Empty: a new line.")
    sample_chars: int = option(300, "Characters of the sample after each epoch. 0: no sample.", at_least=0)
    sample_temperatures: tuple[float, ...] = option(
        (0.5, 1.0), "Write a sample at each of these temperatures.", at_least=0, at_most=1e6
    )
    quiet: bool = option(False, "Print only errors and the table at the end. Samples go to samples.txt.", outcome=False)
    verbose: bool = option(
        False, "Show TensorFlow's own messages too, and how each of many files was read.", outcome=False
    )

    def check(self) -> None:
        """Checks the name, and that flags.txt can hold the prompt."""
        super().check()
        self.require(
            bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name)),
            "name",
            "give the run a name of letters, digits, '.', '_' and '-', such as --name=frankenstein",
        )
        self.require(not (self.resume and self.overwrite), "resume", "give it or --overwrite, not both")
        self.require(not has_raw_bytes(self.sample_prompt), "sample_prompt", "must be UTF-8; convert it")
        written = format_flag(self.sample_prompt)
        self.require(
            written == written.strip() and "\r" not in written,
            "sample_prompt",
            r"must not begin or end with a blank, which flags.txt can't hold; write a new line as \n",
        )
        self.require(
            bool(self.sample_temperatures), "sample_temperatures", "must be one or more numbers, such as 0.5,1"
        )

    @property
    def prompt(self) -> str:
        r"""The text of --sample_prompt, with \n as new lines."""
        return unescaped(self.sample_prompt)
