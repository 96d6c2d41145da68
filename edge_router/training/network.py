"""The network in training: the encoder with a linear head for each policy over the mean of the tokens."""

from importlib import resources
from pathlib import Path

from torch import Tensor, nn
from transformers import AutoModel

from edge_router.training.recipe import Recipe


def base_folder(recipe: Recipe) -> Path:
    """The folder of the pretrained encoder and its tokenizer, in an installed package; nothing is downloaded."""
    return Path(str(resources.files(recipe.base))) / "model"


class Network(nn.Module):
    """The network: ids, mask INT64 [rows, tokens] -> logits FP32 [rows, sum of sizes], heads side by side."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(
            base_folder(recipe),
            add_pooling_layer=False,
            attn_implementation="sdpa",
            # On a CPU, the random numbers for dropout inside a layer take as long as the layer itself.
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
        # Words that do not occur in training keep their pretrained embeddings, and a step takes a third less time.
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[: recipe.frozen_layers]):
            part.requires_grad_(False)
        self.dropout = nn.Dropout(recipe.dropout)
        self.head = nn.Linear(self.encoder.config.hidden_size, sum(len(head.labels) for head in recipe.heads.values()))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        weight = attention_mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * weight).sum(1) / weight.sum(1)
        logits: Tensor = self.head(self.dropout(mean))
        return logits

    def groups(self, recipe: Recipe) -> list[dict[str, object]]:
        """Optimiser groups with a learning rate that decreases for lower layers."""
        layers = self.encoder.encoder.layer[recipe.frozen_layers :]
        groups: list[dict[str, object]] = [{"params": list(self.head.parameters()), "lr": recipe.head_rate}]
        for depth, layer in enumerate(reversed(layers)):
            groups.append({"params": list(layer.parameters()), "lr": recipe.encoder_rate * recipe.layer_decay**depth})
        return groups
