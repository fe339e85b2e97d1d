"""Who wrote a tweet, without keeping who."""

from __future__ import annotations

from hashlib import blake2b


def author_key(hash_key: bytes) -> bytes:
    """The part of the secret (at most 64 bytes) that hashes authors."""
    return blake2b(key=hash_key, digest_size=32, person=b"author").digest()


def author_hash(key: bytes, author_id: str) -> int:
    """Signed 64-bit hash of an author's id, under a key made by ``author_key``.

    Keyed, because a plain hash of a numeric id is undone by trying them all. The key is put before the data
    instead of being given to BLAKE2 as a key, which would cost a second block; unlike older hashes it has no
    length extension.
    """
    return int.from_bytes(blake2b(key + author_id.encode(), digest_size=8).digest(), "big", signed=True)
