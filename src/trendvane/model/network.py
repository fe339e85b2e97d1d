"""The classifier: an encoder, the mean of its word vectors, one linear layer. Needs the extra ``train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from pathlib import Path

N_CLASSES = 3


class Classifier(nn.Module):
    """Logits of three classes from token ids.

    Args:
        encoder: A Hugging Face encoder without pooling layer; its ``last_hidden_state`` is used.
        hidden_size: Width of that state.
        dropout: Probability of dropping a feature before the linear layer, in training.
    """

    def __init__(self, encoder: nn.Module, hidden_size: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, N_CLASSES)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Logits (batch x 3), and the cross-entropy when ``labels`` (batch) are given.

        The mean over unmasked tokens is what the MiniLM sentence encoders were trained with.
        """
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1.0)
        logits = self.head(self.dropout(pooled)).float()
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def load_classifier(encoder: str, weights: Path | None = None) -> Classifier:
    """Classifier on the encoder at ``encoder`` (folder or hub name), with fine-tuned ``weights``."""
    from safetensors.torch import load_file  # noqa: PLC0415 - optional extra
    from transformers import AutoConfig, AutoModel  # noqa: PLC0415 - optional extra

    config = AutoConfig.from_pretrained(encoder)
    # BERT has a pooling layer that nothing here would train; ModernBERT has none to leave out.
    extra: dict[str, Any] = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    model = Classifier(AutoModel.from_pretrained(encoder, **extra), int(config.hidden_size))
    if weights is not None:
        model.load_state_dict(load_file(str(weights)))
    return model


def freeze_embeddings(model: Classifier) -> None:
    """Leave the word vectors as they are: fewer weights to move, for short trainings."""
    for parameter in model.encoder.embeddings.parameters():  # type: ignore[union-attr]
        parameter.requires_grad = False


@torch.inference_mode()
def logits_of(model: Classifier, encoded: list[dict[str, Tensor]]) -> Tensor:
    """Logits (n x 3) of padded batches, in their order."""
    model.eval()
    return torch.cat([model(**batch)["logits"] for batch in encoded])
