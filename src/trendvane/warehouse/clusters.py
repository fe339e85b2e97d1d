"""Clusters: tweets that say the same thing count as one voice, the one that said it first.

A retweet follows its original, a new version of an edited tweet follows the first version, and
near-duplicates find each other by the fingerprints of their wording. The table ``cluster_key`` remembers
which fingerprint belongs to whom; where the original itself was never seen, its id serves as one more key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import psycopg
import sqlalchemy as sa

from trendvane.warehouse.engine import driver, int8s

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Connection

_KNOWN = sa.text("SELECT key, cluster_id FROM cluster_key WHERE key = ANY(CAST(:keys AS bigint[]))")
_ORIGINS = sa.text(
    "SELECT tweet_id, cluster_id FROM tweet_staging WHERE tweet_id = ANY(CAST(:ids AS bigint[]))",
)
_REMEMBER = sa.text(
    "INSERT INTO cluster_key (key, cluster_id)"
    " SELECT * FROM unnest(CAST(:keys AS bigint[]), CAST(:ids AS bigint[])) ON CONFLICT DO NOTHING",
)


class Saying(NamedTuple):
    """What clustering needs to know about a tweet.

    Attributes:
        tweet_id: Its id.
        keys: Fingerprints of its wording; may be empty.
        origin: The tweet it repeats or replaces; None for an original.
    """

    tweet_id: int
    keys: tuple[int, ...]
    origin: int | None


def assign(connection: Connection, sayings: Sequence[Saying]) -> dict[int, int]:
    """Cluster id of each tweet, with ``cluster_key`` brought up to date.

    Args:
        connection: Of the transaction that will insert the tweets.
        sayings: New tweets in ascending order of id, which is the order of time.

    Returns:
        Tweet id to cluster id; equal for the head of a cluster.
    """
    known, origins = _look_up(connection, sayings)
    fresh: dict[int, int] = {}
    assigned: dict[int, int] = {}
    for saying in sayings:
        tweet_id, keys, origin = saying.tweet_id, saying.keys, saying.origin
        if origin is None:
            cluster = known.get(tweet_id)
        else:
            cluster = origins.get(origin) or assigned.get(origin)
            if cluster is None:
                keys = (*keys, origin)
        if cluster is None:
            cluster = next((known[key] for key in keys if key in known), tweet_id)
        assigned[tweet_id] = cluster
        for key in keys:
            if key not in known:
                known[key] = fresh[key] = cluster
    lost = _remember(connection, fresh, assigned)
    if lost:
        assigned = {tweet_id: _follow(lost, cluster) for tweet_id, cluster in assigned.items()}
    return assigned


def _look_up(connection: Connection, sayings: Sequence[Saying]) -> tuple[dict[int, int], dict[int, int]]:
    wanted: list[int] = []
    origins: list[int] = []
    for saying in sayings:
        wanted.extend(saying.keys)
        # A retweet that came before its original has left the original's id as a key.
        wanted.append(saying.tweet_id if saying.origin is None else saying.origin)
        if saying.origin is not None:
            origins.append(saying.origin)
    known = {key: cluster for key, cluster in connection.execute(_KNOWN, {"keys": int8s(wanted)})}  # noqa: C416
    if not origins:
        return known, {}
    return known, {key: cluster for key, cluster in connection.execute(_ORIGINS, {"ids": int8s(origins)})}  # noqa: C416


def _remember(connection: Connection, fresh: dict[int, int], assigned: dict[int, int]) -> dict[int, int]:
    """Store new keys; returns our heads whose key another transaction took first, with the head that won."""
    if not fresh:
        return {}
    keys = sorted(fresh)  # one order for everybody, so that two stagers wait for each other but never both
    try:
        with (
            connection.begin_nested(),
            driver(connection).cursor() as cursor,
            cursor.copy("COPY cluster_key (key, cluster_id) FROM STDIN") as copy,
        ):
            copy.write("".join([f"{key}\t{fresh[key]}\n" for key in keys]))
    except psycopg.errors.UniqueViolation:
        connection.execute(_REMEMBER, {"keys": int8s(keys), "ids": int8s(fresh[key] for key in keys)})
        stored = connection.execute(_KNOWN, {"keys": int8s(keys)})
        return {
            fresh[key]: cluster
            for key, cluster in stored
            # A head that was committed before us cannot give way any more.
            if cluster != fresh[key] and fresh[key] in assigned
        }
    return {}


def _follow(lost: dict[int, int], cluster: int) -> int:
    seen = {cluster}
    while (winner := lost.get(cluster)) is not None and winner not in seen:
        cluster = winner
        seen.add(cluster)
    return cluster
