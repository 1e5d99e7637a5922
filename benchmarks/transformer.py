"""Our LSTM and a small transformer on a CPU, in turns: the loss by seconds of training.

    python -m benchmarks.transformer --text=tinyshakespeare_input.txt

The transformer is a GPT with the settings that nanoGPT's README gives for a CPU (github.com/karpathy/nanoGPT): four
layers, four heads, 128 numbers, no dropout, 2,000 steps of 12 windows of 64 characters. What the README leaves open is
as in its `config/train_shakespeare_char.py`: AdamW, a learning rate of 0.001 that rises for 100 steps and falls to a
tenth along a cosine, a weight decay of 0.1 of matrices, gradients clipped to a norm of 1. It is written in PyTorch.
Ours is the model of `benchmarks.time_to_loss`.

Each has a process of its own. They take a hundred steps in turns and are measured five times on all of the last tenth
of the text. Start-up, compiling and measuring aren't counted. The LSTM carries its state. The transformer is measured
in two ways: in windows of 64 characters, as nanoGPT does it, where most characters see less than the whole window, and
in windows that begin every 16 characters, where each character sees at least 48 others.
"""

import dataclasses
import importlib.util
import math
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.time_to_loss import BATCH_SIZE, TURN, WINDOW, Lesson, LossConfig
from benchmarks.time_to_loss import work as train_lstm
from benchmarks.trainers import OURS
from pipelines import UserError, command_line, corpus, sources
from pipelines.options import option
from pipelines.tensorflow_import import import_tensorflow

if TYPE_CHECKING:
    import torch

LAYERS, HEADS, SIZE, ROWS = 4, 4, 128, 12
MEASURED = 5  # times


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransformerConfig(LossConfig):
    """What to learn, and for how long."""

    steps: int = option(2000, "Steps of each.", at_least=500)


def gpt(vocabulary_size: int) -> "torch.nn.Module":
    """Returns a transformer that reads ids, int64 `[B, T]`, and returns logits, float32 `[B, T, V]`."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = nn.ModuleList(nn.LayerNorm(SIZE, bias=False) for _ in range(2))
            self.attend = nn.Linear(SIZE, 3 * SIZE, bias=False)
            self.attended = nn.Linear(SIZE, SIZE, bias=False)
            self.think = nn.Linear(SIZE, 4 * SIZE, bias=False)
            self.thought = nn.Linear(4 * SIZE, SIZE, bias=False)

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            heads = self.attend(self.norms[0](values)).unflatten(2, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            seen = nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
            values = values + self.attended(seen.transpose(1, 2).flatten(2))
            return values + self.thought(nn.functional.gelu(self.think(self.norms[1](values))))

    class Gpt(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tokens, self.places = nn.Embedding(vocabulary_size, SIZE), nn.Embedding(WINDOW, SIZE)
            self.blocks, self.norm = nn.Sequential(*(Block() for _ in range(LAYERS))), nn.LayerNorm(SIZE, bias=False)
            for name, weight in self.named_parameters():
                if weight.ndim == 2:  # the sums along the residual path keep their size: GPT-2 (Radford, 2019)
                    last = name.endswith(("attended.weight", "thought.weight"))
                    nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if last else 0.02)

        def forward(self, ids: torch.Tensor) -> torch.Tensor:
            values = self.tokens(ids) + self.places.weight[: ids.shape[1]]
            return self.norm(self.blocks(values)) @ self.tokens.weight.T

    return Gpt()


def train_transformer(pipe: Connection, train: np.ndarray, held_out: np.ndarray, size: int, steps: int) -> None:
    """Takes as many steps as it is sent, and sends back the seconds; for 0, both losses on the held-out ids."""
    import torch

    torch.manual_seed(1)
    model, chance = gpt(size), np.random.default_rng(1)
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), fused=True)
    ids, taken = torch.from_numpy(train.astype(np.int64)), 0
    while (count := pipe.recv()) is not None:
        if not count:
            held = torch.from_numpy(held_out.astype(np.int64))
            pipe.send((sum(weight.numel() for weight in model.parameters()), *(loss(model, held, n) for n in (64, 16))))
            continue
        started = time.perf_counter()
        for _ in range(count):
            starts = torch.from_numpy(chance.integers(len(train) - WINDOW - 1, size=ROWS))
            windows = ids[starts[:, None] + torch.arange(WINDOW + 1)]
            logits, targets = model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten()
            cross_entropy = torch.nn.functional.cross_entropy(logits, targets)
            optimizer.zero_grad(set_to_none=True)
            cross_entropy.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            cosine = (1 + math.cos(math.pi * max(taken - 100, 0) / max(steps - 100, 1))) / 2
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (taken + 1) / 101 if taken < 100 else 1e-4 + 9e-4 * cosine
            optimizer.step()
            taken += 1
        pipe.send(time.perf_counter() - started)


def loss(model: "torch.nn.Module", ids: "torch.Tensor", stride: int) -> float:
    """Returns the mean loss in nats, in windows that begin every `stride` ids, of what no earlier window predicted."""
    import torch

    total, count = 0.0, 0
    with torch.no_grad():
        starts = range(0, len(ids) - WINDOW - 1, stride)
        for first in range(0, len(starts), 256):
            windows = torch.stack([ids[start : start + WINDOW + 1] for start in starts[first : first + 256]])
            nats = torch.nn.functional.cross_entropy(
                model(windows[:, :-1]).flatten(0, 1), windows[:, 1:].flatten(), reduction="none"
            ).view(len(windows), WINDOW)
            new = nats[:, -stride:]
            total, count = total + float(new.sum()), count + new.numel()
    return total / count


def main(config: TransformerConfig) -> None:
    """Trains, and prints a table, in Markdown."""
    if not importlib.util.find_spec("torch"):
        raise UserError("needs PyTorch: pip install -r requirements/benchmarks.txt")
    found = sources.text_files(config.text)
    with tempfile.TemporaryDirectory() as folder:
        text = corpus.prepare(found, split=(0.9, 0.1, 0.0), max_vocabulary=0, folder=Path(folder))
        import_tensorflow()
        race(text, config.steps)


def race(text: corpus.Corpus, steps: int) -> None:
    """Trains both in turns, and prints their losses and how long they took."""
    lesson = Lesson(text, steps)
    context = multiprocessing.get_context("spawn")
    (ours, its_end), (transformer, other_end) = context.Pipe(), context.Pipe()
    lstm = its_end, OURS, lesson.sizes, steps, lesson.rates, lesson.judge.get_weights()
    context.Process(target=train_lstm, args=lstm, daemon=True).start()
    gpt_arguments = other_end, text.split("train")[:], text.split("validation")[:], len(text.vocabulary), steps
    context.Process(target=train_transformer, args=gpt_arguments, daemon=True).start()
    seconds = dict.fromkeys(("ours", "transformer"), 0.0)
    print("| way | parameters | steps | characters | seconds | nats | in windows of 64 |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for done in range(TURN, steps + 1, TURN):
        turn = [next(lesson.batches) for _ in range(TURN)]
        if done == TURN:  # the first step compiles
            ours.send(turn[:1])
            ours.recv()
            turn = turn[1:]
        ours.send(turn)
        spent, weights = ours.recv()
        seconds["ours"] += spent
        transformer.send(TURN)
        seconds["transformer"] += transformer.recv()
        if done * MEASURED // steps == (done - TURN) * MEASURED // steps:
            continue
        nats = lesson.loss(weights)
        row = f"{lesson.judge.count_params():,} | {done:,} | {done * BATCH_SIZE * WINDOW:,} | {seconds['ours']:.1f}"
        print(f"| ours | {row} | {nats:.4f} | |")
        transformer.send(0)
        parameters, in_windows, nats = transformer.recv()
        row = f"{parameters:,} | {done:,} | {done * ROWS * WINDOW:,} | {seconds['transformer']:.1f}"
        print(f"| transformer | {row} | {nats:.4f} | {in_windows:.4f} |", flush=True)
    ours.send([])
    transformer.send(None)


if __name__ == "__main__":
    command_line.run(main, TransformerConfig)
