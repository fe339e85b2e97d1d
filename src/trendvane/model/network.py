"""The classifiers that are fine-tuned and exported. Needs the extra ``train``.

Two heads: ``mean`` is one linear layer on the mean of an encoder's word vectors, as sentence encoders are
trained; ``own`` is the classification head that the architecture comes with in Transformers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from trendvane.domain.sentiment import LABELS
from trendvane.domain.text import prepare
from trendvane.model.encoders import CONFIG, encoder_path
from trendvane.model.finetune import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from trendvane.model.finetune import Recipe

N_CLASSES = len(LABELS)


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


def load_classifier(
    encoder: str, weights: Path | None = None, *, head: str = "mean", attention: str = "sdpa"
) -> nn.Module:
    """Classifier on the encoder in the folder ``encoder``, with fine-tuned ``weights`` instead of its own.

    Args:
        encoder: Folder with a configuration, and with weights when ``weights`` is not given.
        weights: A file of safetensors made by ``finetune.fine_tune``.
        head: ``mean`` or ``own``.
        attention: Of Transformers: ``sdpa`` or ``eager``.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 - optional extra
    from transformers import (  # noqa: PLC0415 - optional extra
        AutoConfig,
        AutoModel,
        AutoModelForSequenceClassification,
    )

    config = AutoConfig.from_pretrained(
        encoder, id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)}
    )
    kind = AutoModel if head == "mean" else AutoModelForSequenceClassification
    # Weights are float32 whatever the file holds: mixed precision is the trainer's business.
    options: dict[str, Any] = {"attn_implementation": attention, "dtype": torch.float32}
    if head == "mean" and config.model_type == "bert":
        options["add_pooling_layer"] = False  # nothing here would train it
    if weights is None:
        model = kind.from_pretrained(encoder, config=config, **options)
    else:
        model = kind.from_config(config, **options)
    if head == "mean":
        model = Classifier(model, int(config.hidden_size))
    if weights is not None:
        model.load_state_dict(load_file(str(weights)))
    made: nn.Module = model
    return made


def trained_classifier(trained: Path, recipe: Recipe, *, attention: str = "sdpa") -> nn.Module:
    """The classifier that ``finetune.fine_tune`` left in ``trained``, ready to be asked."""
    # Folders of older versions hold no configuration of their own.
    source = str(trained) if (trained / CONFIG).exists() else encoder_path(recipe.encoder)
    model = load_classifier(source, trained / WEIGHTS, head=recipe.head, attention=attention)
    return model.eval()


def encoder_of(model: nn.Module) -> nn.Module:
    """The part of a classifier below its head."""
    part: nn.Module = model.encoder if isinstance(model, Classifier) else model.base_model
    return part


def freeze_embeddings(model: nn.Module) -> None:
    """Leave the word vectors as they are: fewer weights to move, for short trainings."""
    for parameter in encoder_of(model).embeddings.parameters():
        parameter.requires_grad = False


def take_out_prior(model: nn.Module, labels: Sequence[int], strength: float) -> None:
    """Subtract ``strength`` times the log share of each class in ``labels`` from the logits, for good.

    Logit adjustment (Menon et al. 2021). The classes of a topic are not as common as those of the training
    rows, and average recall asks for a decision that owes nothing to how common a class is.
    """
    counts = torch.bincount(torch.tensor(labels), minlength=N_CLASSES).clamp(min=1)
    bias = (model.head if isinstance(model, Classifier) else model.classifier).bias
    with torch.no_grad():
        bias -= strength * torch.log(counts / counts.sum()).to(bias)


class LogitsOnly(nn.Module):
    """What is exported: two tensors in, logits out."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Logits (batch x 3) of ids and mask (batch x length)."""
        logits: Tensor = self.classifier(input_ids=input_ids, attention_mask=attention_mask)["logits"]
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
