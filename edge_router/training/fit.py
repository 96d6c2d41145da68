"""The training loop."""

from collections.abc import Sequence

import torch
from rich.progress import Progress
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from edge_router.stages.tokenize import Tokenize
from edge_router.training.batches import NONE, Batch, batches, encode_noisy
from edge_router.training.data import Example, draw
from edge_router.training.network import Network
from edge_router.training.recipe import Recipe

LOGIT_OF_NONE = 0.0
"""The constant logit of "none of the classes" beside a head's own (`none` in decision.json)."""


def fit(
    examples: Sequence[Example],
    tokenize: Tokenize,
    labels: Sequence[Sequence[str]],
    recipe: Recipe,
    progress: Progress,
    title: str,
) -> Network:
    """A network fine-tuned on `examples`: the moving average of its weights over the run."""
    torch.manual_seed(recipe.seed)
    network = Network(recipe, [len(head) for head in labels]).train()
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    steps = recipe.epochs * -(-len(draw(examples, recipe, 0)) // recipe.batch_rows)
    optimiser = torch.optim.AdamW(network.groups(recipe), weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_share(step / steps, recipe.warmup))
    bar = progress.add_task(title, total=steps)
    for epoch in range(recipe.epochs):
        rows = encode_noisy(draw(examples, recipe, epoch), tokenize, labels, recipe, epoch)
        for batch in batches(rows, recipe.batch_rows, seed=recipe.seed * 3000 + epoch):
            loss = batch_loss(network(batch.ids, batch.mask), batch, [len(head) for head in labels], recipe)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            averaged.update_parameters(network)
            progress.update(bar, advance=1, description=f"{title}, loss {loss.item():.2f}")
    trained: Network = averaged.module
    trained.eval()
    return trained


def rate_share(done: float, warmup: float) -> float:
    """Share of the full learning rate after `done` (0..1) of the run: up in a line, down in a line."""
    return done / warmup if done < warmup else max(0.0, (1 - done) / (1 - warmup))


def batch_loss(logits: Tensor, batch: Batch, sizes: Sequence[int], recipe: Recipe) -> Tensor:
    """Cross entropy of both heads. Complexity has one more class, NONE, whose logit is constant: its rows push the
    others down."""
    task, complexity = logits.split(list(sizes), dim=1)
    task_target, complexity_target = batch.targets.T
    none = complexity_target == NONE
    complexity = nn.functional.pad(complexity, (0, 1), value=LOGIT_OF_NONE)
    complexity_target = torch.where(none, complexity.shape[1] - 1, complexity_target)
    smoothing = recipe.label_smoothing
    task_loss = nn.functional.cross_entropy(task, task_target, label_smoothing=smoothing)
    each = nn.functional.cross_entropy(complexity, complexity_target, label_smoothing=smoothing, reduction="none")
    importance = torch.where(none, recipe.none_weight, 1.0)
    return task_loss + recipe.complexity_weight * (each * importance).sum() / importance.sum()
