"""A labelled tweet before anybody looked at it, and the reasons why one can be dropped."""

from __future__ import annotations

from typing import NamedTuple

MISSING_ID, MISSING_TEXT, MISSING_LABEL = "missing_id", "missing_text", "missing_label"
UNKNOWN_LABEL, BROKEN, UNDECODABLE = "unknown_label", "broken_row", "undecodable"
CORRUPTED, UNREADABLE, OTHER_LANGUAGE = "corrupted", "unreadable", "other_language"
NOT_ALLOWED, FORGOTTEN = "source_not_allowed", "forgotten"
SAME_ID, COPY, CONFLICT = "duplicate_id", "duplicate_wording", "conflicting_labels"
MEASURES = "measures_accuracy"
HELD_OUT, NEAR_TEST, TEST_AUTHOR = "held_out", "near_duplicate_of_test", "author_of_test"
LIMIT = "beyond_limit"

# In the order in which they are looked for; the words are the data card's.
REASONS: dict[str, str] = {
    BROKEN: "a row of the file that is no row: an unclosed quotation mark, too many or too few cells",
    UNDECODABLE: "bytes that are not UTF-8",
    MISSING_ID: "no id",
    MISSING_TEXT: "no text",
    MISSING_LABEL: "no label",
    UNKNOWN_LABEL: "a label that is none of the three",
    NOT_ALLOWED: "from the real X, whose rules forbid training (setting `training.allow_x_content`)",
    CORRUPTED: "text that was damaged before it came here: replacement characters, wrong encodings",
    OTHER_LANGUAGE: "in a language that the models do not read",
    UNREADABLE: "nothing to read: only links, mentions, digits or signs without a meaning",
    MEASURES: "chosen by chance to measure the model in use, which may not have learned from it",
    FORGOTTEN: "forgotten before (deleted on X, or by request)",
    CONFLICT: "copies of one message with different labels, none of which outweighs the others",
    SAME_ID: "the same tweet again",
    COPY: "a copy, or near copy, of a message that is kept",
    HELD_OUT: "one wording in twenty, with its copies, is kept for judging and never trained on",
    NEAR_TEST: "a copy, or near copy, of a row of the test set",
    TEST_AUTHOR: "by an author of a row of the test set",
    LIMIT: "beyond the number of rows that was asked for",
}


class Raw(NamedTuple):
    """A labelled tweet as its source gives it.

    Attributes:
        tweet_id: Any name for it, decimal digits for a tweet of X.
        text: Anything.
        label: Class index.
        topic: Name of a topic, or empty.
        lang: BCP 47 tag, or empty.
        author: Id of the author in a file's row, its hash in a row of the warehouse; or empty.
        cluster_id: Of the warehouse; empty in a file's row.
        source: ``x``, ``emulator``, ``replay`` or ``file``.
        kind: ``human``, ``file`` or ``llm``.
        labeller: Who said it.
        measures: Whether live accuracy is read from it.
    """

    tweet_id: str
    text: str
    label: int
    topic: str
    lang: str
    author: str
    cluster_id: str
    source: str
    kind: str
    labeller: str
    measures: bool = False
