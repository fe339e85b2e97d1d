"""Encoders of a few thousand random weights, and rows that they can learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from trendvane.model.finetune import Example

if TYPE_CHECKING:
    from pathlib import Path

SAYINGS = (("this is awful and sad", 0), ("the meeting is on monday", 1), ("this is lovely and great", 2))


def rows(count: int, offset: int = 0) -> list[Example]:
    made = []
    for i in range(offset, offset + count):
        text, label = SAYINGS[i % 3]
        made.append(Example(str(i), f"{text} {'very ' * (i % 7)}number{i}", label))
    return made


def make_encoder(folder: Path, kind: str) -> Path:
    """A folder as the hub would give it: random weights, configuration, and a tokenizer of our sentences."""
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=specials, show_progress=False)
    tokenizer.train_from_iterator([e.text for e in rows(100)], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    import torch  # noqa: PLC0415 - optional extra
    import transformers  # noqa: PLC0415

    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "attention_mask"],
    )
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "pad_token_id": 0,
    }
    if kind == "bert":
        model = transformers.BertModel(transformers.BertConfig(**shape, initializer_range=0.1))
    else:
        ids = {"cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
        model = transformers.ModernBertModel(
            transformers.ModernBertConfig(**shape, **ids, local_attention=16, global_attn_every_n_layers=2)
        )
    model.save_pretrained(folder)
    return folder
