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
from edge_router.training.recipe import HeadRecipe, Recipe

LOGIT_OF_NONE = 0.0
"""The constant logit for "none of the head's labels" (`none` in decision.json)."""


def fit(
    examples: Sequence[Example],
    tokenize: Tokenize,
    recipe: Recipe,
    progress: Progress,
    title: str,
) -> Network:
    """Fine-tunes a network on `examples`; returns the moving average of its weights."""
    torch.manual_seed(recipe.seed)
    network = Network(recipe).train()
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(recipe.average))
    steps = recipe.epochs * -(-len(draw(examples, recipe, 0)) // recipe.batch_rows)
    optimiser = torch.optim.AdamW(network.groups(recipe), weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate_share(step / steps, recipe.warmup))
    bar = progress.add_task(title, total=steps)
    for epoch in range(recipe.epochs):
        rows = encode_noisy(draw(examples, recipe, epoch), tokenize, recipe, epoch)
        for batch in batches(rows, recipe.batch_rows, seed=recipe.seed * 3000 + epoch):
            loss = batch_loss(network(batch.ids, batch.mask), batch, recipe)
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
    """Share of the full learning rate at `done` (0..1) of the run: linear warm-up, then linear decay."""
    return done / warmup if done < warmup else max(0.0, (1 - done) / (1 - warmup))


def batch_loss(logits: Tensor, batch: Batch, recipe: Recipe) -> Tensor:
    """The weighted sum of the heads' losses. `logits` FP32 [rows, sum of sizes]."""
    parts = logits.split([len(head.labels) for head in recipe.heads.values()], dim=1)
    losses = [
        head.weight * _head_loss(part, target, head, recipe.label_smoothing)
        for part, target, head in zip(parts, batch.targets.T, recipe.heads.values(), strict=True)
    ]
    return torch.stack(losses).sum()


def _head_loss(logits: Tensor, target: Tensor, head: HeadRecipe, smoothing: float) -> Tensor:
    """The cross entropy of one head. A head with `none_weight` has one more class, NONE, with a constant logit; its
    rows lower the logits of the other classes."""
    none = target == NONE
    importance = torch.where(none, head.none_weight or 0.0, 1.0)
    if head.none_weight is not None:
        logits = nn.functional.pad(logits, (0, 1), value=LOGIT_OF_NONE)
    target = torch.where(none, logits.shape[1] - 1, target)
    each = nn.functional.cross_entropy(logits, target, label_smoothing=smoothing, reduction="none")
    return (each * importance).sum() / importance.sum().clamp(min=torch.finfo(importance.dtype).tiny)
