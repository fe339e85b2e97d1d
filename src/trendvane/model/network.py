"""The classifier: an encoder, the mean of its word vectors, one linear layer. Needs the extra ``train``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trendvane.domain.text import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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


def load_classifier(encoder: str, weights: Path | None = None, *, attention: str = "sdpa") -> Classifier:
    """Classifier on the encoder at ``encoder`` (folder or hub name), with fine-tuned ``weights``."""
    from safetensors.torch import load_file  # noqa: PLC0415 - optional extra
    from transformers import AutoConfig, AutoModel  # noqa: PLC0415 - optional extra

    config = AutoConfig.from_pretrained(encoder)
    # BERT has a pooling layer that nothing here would train; ModernBERT has none to leave out.
    extra: dict[str, Any] = {"add_pooling_layer": False} if config.model_type == "bert" else {}
    model = Classifier(
        AutoModel.from_pretrained(encoder, attn_implementation=attention, **extra), int(config.hidden_size)
    )
    if weights is not None:
        model.load_state_dict(load_file(str(weights)))
    return model


def freeze_embeddings(model: Classifier) -> None:
    """Leave the word vectors as they are: fewer weights to move, for short trainings."""
    for parameter in model.encoder.embeddings.parameters():
        parameter.requires_grad = False


def take_out_prior(model: Classifier, labels: Sequence[int], strength: float) -> None:
    """Subtract ``strength`` times the log share of each class in ``labels`` from the logits, for good.

    Logit adjustment (Menon et al. 2021). The classes of a topic are not as common as those of the training
    rows, and average recall asks for a decision that owes nothing to how common a class is.
    """
    counts = torch.bincount(torch.tensor(labels), minlength=N_CLASSES).clamp(min=1)
    with torch.no_grad():
        model.head.bias -= strength * torch.log(counts / counts.sum()).to(model.head.bias)


class LogitsOnly(nn.Module):
    """What is exported: two tensors in, logits out."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (batch x 3) of ids and mask (batch x length)."""
        logits: Tensor = self.classifier(input_ids, attention_mask)["logits"]
        return logits


def encode(
    trained: Path, texts: Sequence[str], max_length: int, batch: int = 64
) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
    """Raw ``texts`` as padded batches, shortest first, each with the positions of its texts.

    Args:
        trained: Folder with the tokenizer.
        texts: Raw; they are prepared here.
        max_length: Word pieces kept.
        batch: Texts at a time.
    """
    from transformers import AutoTokenizer  # noqa: PLC0415 - optional extra

    tokenizer = AutoTokenizer.from_pretrained(str(trained))
    prepared = [prepare(t) for t in texts]
    order = sorted(range(len(prepared)), key=lambda i: len(prepared[i]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        encoded = tokenizer(
            [prepared[i] for i in rows],
            truncation=True,
            max_length=max_length,
            padding=True,
            return_tensors="pt",
        )
        yield rows, {name: encoded[name] for name in ("input_ids", "attention_mask")}
