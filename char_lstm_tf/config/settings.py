"""What the flags of `train` mean: the text, the model and its training, each as one of a few kinds.

`Config.settings` has them. The fields of a kind are the flags that it reads, some of them only with another flag. A
flag that is given and that no chosen kind reads is refused.
"""

from typing import Annotated, ClassVar, Literal

from char_lstm_tf.config.text_kinds import Documents, Running
from char_lstm_tf.config.variants import Variant
from pipelines import UserError

MOST_ONE_HOT = 10_000  # numbers in a one-hot vector; 41 MB for a batch of 16 × 64
WINDOWS_IN_A_PART = 16  # windows in the longest part of a document that --target=label trains on


class Training(Variant):
    """Training by gradient descent."""

    init_from: str
    freeze: Annotated[int | None, "--init_from"]
    epochs: int
    max_steps: int
    optimizer: str
    learning_rate: float
    schedule: str
    warmup_steps: Annotated[int | None, "--schedule=cosine"]
    final_learning_rate: Annotated[float | None, "--schedule=cosine|exponential"]
    weight_decay: Annotated[float | None, "--optimizer=adamw|muon"]
    l1: float
    l2: float
    average: float
    clipnorm: float | None
    global_clipnorm: float | None
    clipvalue: float | None
    patience: int
    plateau_patience: int
    plateau_factor: Annotated[float | None, "--plateau_patience"]
    on_divergence: str
    max_rollbacks: Annotated[int | None, "--on_divergence=rollback"]
    checkpoint_steps: int
    checkpoint_seconds: float
    keep: int


class Network(Variant):
    """What all networks have."""

    units: tuple[int, ...]
    dropout: float
    encoding: str
    embedding_size: Annotated[int | None, "--encoding=embedding"]
    vectors: Annotated[str | None, "--encoding=embedding"]
    freeze_vectors: Annotated[bool | None, "--vectors"]
    batch_size: int
    window: int
    training: Training

    def require_memory(self, vocabulary_size: int) -> None:
        """Raises UserError if one-hot vectors would be too long."""
        if self.encoding == "one_hot" and vocabulary_size > MOST_ONE_HOT:
            megabytes = self.batch_size * self.window * vocabulary_size * 4 / 1e6
            raise UserError(
                f"--encoding=one_hot: vectors of {vocabulary_size:,} numbers would take {megabytes:,.0f} MB per batch, "
                f"and {MOST_ONE_HOT:,} are the most; use --encoding=embedding, or fewer --max_words or --max_vocabulary"
            )


class LabelModel(Variant):
    """What all models that predict labels have: they classify documents."""

    command: ClassVar[str] = "classify"
    window: int

    @property
    def longest_part(self) -> int:
        """Tokens of the longest part of a document that is trained on."""
        return WINDOWS_IN_A_PART * self.window


class TextModel(Variant):
    """What all language models have: they write samples."""

    command: ClassVar[str] = "sample"  # what to do with a trained model
    sample_prompt: str
    sample_chars: int
    sample_temperatures: Annotated[tuple[float, ...] | None, "--sample_chars"]


class TextNetwork(TextModel, Network):
    """What all networks that are language models have."""

    tie: Annotated[bool | None, "--encoding=embedding"]
    sampled_softmax: Annotated[int | None, "--tokens=words"]
    gradient_steps: int
    target: str
    batching: str
    stride: Annotated[int | None, "--batching=shuffled"]

    @property
    def sizes(self) -> tuple[str, ...]:
        """Flags that fix the shapes of weights, besides those that fix them in all networks."""
        return ("tie",)


class Counts(TextModel, chosen_by="--architecture=counts", reason="it is a table of counts"):
    """Counted and smoothed sequences of tokens; no network."""

    order: int
    training: ClassVar[None] = None
    sizes: ClassVar[tuple[str, ...]] = ()

    def require_memory(self, vocabulary_size: int) -> None:
        """Does nothing: how much memory counts need is known only when a text is counted."""


class Linear(LabelModel, chosen_by="--architecture=linear", reason="it predicts the label of a document"):
    """A linear model of words and sequences of characters that predicts the label of a document; no network."""

    target: Literal["label"]
    training: ClassVar[None] = None
    sizes: ClassVar[tuple[str, ...]] = ()

    def require_memory(self, vocabulary_size: int) -> None:
        """Does nothing: its size doesn't depend on the vocabulary."""


class NeuralNgram(
    TextNetwork, chosen_by="--architecture=ngram", reason="it predicts the character after its window, without a state"
):
    """Dense layers that read a window."""

    target: Literal["next_char"]
    batching: Literal["shuffled"]
    ngram_inputs: str

    @property
    def sizes(self) -> tuple[str, ...]:
        """See `TextNetwork`: concatenated vectors make the first layer as wide as the window."""
        return (*super().sizes, "window") if self.ngram_inputs == "concat" else super().sizes


class Bidirectional(
    TextNetwork, chosen_by="--bidirectional", reason="it sees a whole window and predicts the character after it"
):
    """Recurrent layers. The first one reads its window in both directions."""

    architecture: Literal["sequential"]
    target: Literal["next_char"]
    batching: Literal["shuffled"]
    cell: str


class Recurrent(TextNetwork):
    """Recurrent layers that read a text token by token and carry a state."""

    architecture: str
    cell: str
    teacher: tuple[str, ...]


class Classifier(LabelModel, Network, chosen_by="--target=label", reason="it reads whole documents"):
    """Recurrent layers that read a document and predict its label."""

    architecture: str
    batching: Literal["shuffled"]
    cell: str
    pieces_and_pairs: bool
    linear: bool
    sizes: ClassVar[tuple[str, ...]] = ("pieces_and_pairs", "linear")


Model = Counts | Linear | NeuralNgram | Classifier | Bidirectional | Recurrent


class Settings(Variant):
    """Everything about a run: its text, its model, and its folder."""

    text: Documents | Running
    model: Model
    seed: int
    name: str
    output_dir: str
    overwrite: bool
    resume: bool
    quiet: bool
    verbose: bool

    @property
    def learns_from_nothing(self) -> bool:
        """Whether a network with random weights learns running text, as in docs/results.md#how-much-text-is-enough."""
        training = self.model.training
        return training is not None and not training.init_from and not self.text.ends

    def network(self, remedy: str = "has no training steps") -> Network:
        """Returns the model of a run with training steps. Raises UserError with the remedy if it has none."""
        if isinstance(self.model, Network):
            return self.model
        raise UserError(f"{self.model.chosen_by}: {remedy}")
