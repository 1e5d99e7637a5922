"""What the flags of `train` mean: the text, the model and its training, each as one of a few kinds.

`Config.settings` has them. The fields of a kind are the flags that it reads, some of them only beside another flag. A
flag that is given and that no chosen kind reads is refused.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from char_lstm_tf.config.variants import Variant
from pipelines import UserError
from pipelines.files import path_of
from pipelines.sources import LanguageReference, Lines, Plain, Reader, Source, text_documents

MOST_ONE_HOT = 10_000  # numbers in a one-hot vector; 41 MB for a batch of 16 × 64
WINDOWS_IN_A_PART = 16  # windows in the longest part of a document that --target=label trains on


class Files(Variant, chosen_by="--text"):
    """Files of one's own."""

    text: tuple[str, ...]
    text_encoding: str
    clean: bool

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the files, each with its documents. Raises UserError if there are none."""
        return text_documents(
            self.text,
            Reader(encoding=self.text_encoding, clean=self.clean, plain=how.plain),
            documents=how.documents,
            text_field=how.text_field or "",
            labels=how.labels,
            label_field=how.label_field or "",
        )


class Books(Variant, chosen_by="--books"):
    """Books of Project Gutenberg."""

    books: str
    max_books: int
    mirror: str

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the books, downloaded if need be. Raises UserError if there are none."""
        from pipelines.sources import datasets  # takes a while

        return how.cut(datasets.books(self.books, data_dir=how.data_path, mirror=self.mirror, max_books=self.max_books))


class Dataset(Variant, chosen_by="--tfds"):
    """A dataset of TensorFlow Datasets."""

    tfds: str
    tfds_text_key: str
    mirror: Annotated[str | None, "--tfds=gutenberg*"]

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the dataset, prepared if need be. Raises UserError if there is none."""
        from pipelines.sources import datasets  # takes a while

        return how.cut(
            datasets.dataset(self.tfds, text_key=self.tfds_text_key, data_dir=how.data_path, mirror=self.mirror or "")
        )


class Reference(Variant):
    """What is read without any of these flags."""

    def find(self, how: "Running | Documents") -> list[Source]:
        """Returns the language reference that comes with Python."""
        return how.cut(LanguageReference())


class Text(Variant):
    """What all texts have."""

    source: Files | Books | Dataset | Reference
    normalize: str
    tokens: str
    max_words: Annotated[int | None, "--tokens=words"]
    split: tuple[float, ...]
    max_vocabulary: int
    data_dir: str

    @property
    def data_path(self) -> Path:
        """The folder for downloads and for encoded texts."""
        return path_of(self.data_dir)

    @property
    def plain(self) -> bool:
        """Whether all texts get the same typography and layout."""
        return self.normalize == "plain"

    def cut(self, source: Source) -> list[Source]:
        """Returns a source in the form in which it is read."""
        return [Plain(source) if self.plain else source]


class Running(Text):
    """One running text, without a beginning and an end."""

    documents: ClassVar[str] = "text"
    text_field: ClassVar[None] = None
    labels: ClassVar[str] = ""
    label_field: ClassVar[None] = None
    deduplicate: ClassVar[bool] = False
    ends: ClassVar[bool] = False  # whether the model learns where a text ends
    from_lines: ClassVar[bool] = False  # whether each line is a text
    one_line_each: ClassVar[bool] = False  # whether a text is shown in one line
    texts_in_sample: ClassVar[int] = 1
    length_flag: ClassVar[str] = "--chars=500"  # how `sample` is told how much to write


class Documents(Text, chosen_by="--documents=files|lines|rows"):
    """Texts with a beginning and an end."""

    documents: str
    text_field: Annotated[str | None, "--documents=rows"]
    labels: str
    label_field: Annotated[str | None, "--labels=field"]
    deduplicate: bool
    ends: ClassVar[bool] = True
    texts_in_sample: ClassVar[int] = 8  # at two temperatures, 16 rows
    length_flag: ClassVar[str] = "--num_samples=5"

    @property
    def from_lines(self) -> bool:
        """Whether each line is a text."""
        return self.documents == "lines"

    @property
    def one_line_each(self) -> bool:
        """Whether a text is shown in one line."""
        return self.documents != "files"

    def cut(self, source: Source) -> list[Source]:
        """Returns a source, or its lines, in the form in which it is read."""
        return super().cut(Lines(source) if self.from_lines else source)


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
    weight_decay: Annotated[float | None, "--optimizer=adamw"]
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

    @property
    def longest_part(self) -> int:
        """Tokens of the longest part of a document that --target=label trains on."""
        return WINDOWS_IN_A_PART * self.window

    def require_memory(self, vocabulary_size: int) -> None:
        """Raises UserError if one-hot vectors would be too long."""
        if self.encoding == "one_hot" and vocabulary_size > MOST_ONE_HOT:
            megabytes = self.batch_size * self.window * vocabulary_size * 4 / 1e6
            raise UserError(
                f"--encoding=one_hot: vectors of {vocabulary_size:,} numbers would take {megabytes:,.0f} MB per batch, "
                f"and {MOST_ONE_HOT:,} are the most; use --encoding=embedding, or fewer --max_words or --max_vocabulary"
            )


class TextModel(Variant):
    """What all models of text have: they write samples."""

    command: ClassVar[str] = "sample"  # what to do with a trained model
    sample_prompt: str
    sample_chars: int
    sample_temperatures: Annotated[tuple[float, ...] | None, "--sample_chars"]


class TextNetwork(TextModel, Network):
    """What all networks that model text have."""

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
        """Does nothing: what counts take is known when a text is counted."""


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


class Classifier(Network, chosen_by="--target=label", reason="it reads whole documents"):
    """Recurrent layers that read a document and answer its label."""

    architecture: str
    batching: Literal["shuffled"]
    cell: str
    pieces_and_pairs: bool
    command: ClassVar[str] = "classify"
    sizes: ClassVar[tuple[str, ...]] = ("pieces_and_pairs",)


Model = Counts | NeuralNgram | Classifier | Bidirectional | Recurrent


class Settings(Variant):
    """Everything about a run: the text that is learnt, the model that learns it, and its place."""

    text: Documents | Running
    model: Model
    seed: int
    name: str
    output_dir: str
    overwrite: bool
    resume: bool
    quiet: bool
    verbose: bool

    def network(self, remedy: str = "has no training steps") -> Network:
        """Returns the model of a run with training steps. Raises UserError with the remedy if it is counted."""
        if isinstance(self.model, Network):
            return self.model
        raise UserError(f"--architecture=counts: {remedy}")
