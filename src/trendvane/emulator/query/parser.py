"""From text to nodes: AND binds tighter than OR, no negated groups, one standalone operator at least."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from trendvane.emulator import words as read
from trendvane.emulator.query import operators
from trendvane.emulator.query.nodes import And, Node, Not, Or, Phrase, Raw, Tag, Test, TopicTerm

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = re.compile(
    r"""\s*(?:(?P<open>\()|(?P<close>\))|(?P<minus>-(?=\S))
    |(?P<quoted>"[^"]*"(?:~\d+)?)
    |(?P<tag>[#@$][\w]+(?=[\s)]|$))
    |(?P<name>[A-Za-z_]+):(?P<value>"[^"]*"|[^\s()"]+)
    |(?P<word>[^\s()"]+)|(?P<bad>.))""",
    re.VERBOSE | re.DOTALL,
)
MAX_PARTS = 200


class QueryError(ValueError):
    """The query is not one X would run; the text is X's own wording where known."""


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names by their words, so that a query for a trend finds the trend.

    Args:
        names: The feed's topics.
        exclusive: Only the feed's assignment counts, not the words of the text.
    """

    names: tuple[str, ...] = ()
    exclusive: bool = False
    by_words: Mapping[tuple[str, ...], str] = field(init=False)

    def __post_init__(self) -> None:
        table = {read.words(name, fold=True): name for name in self.names}
        table.pop((), None)
        object.__setattr__(self, "by_words", table)

    def term(self, text: str, node: Node) -> Node:
        """``node``, widened when ``text`` is a topic's name."""
        name = self.by_words.get(read.words(text, fold=True))
        if name is None:
            return node
        return TopicTerm(name, None if self.exclusive else node)


@dataclass(slots=True)
class _Token:
    kind: str
    text: str
    at: int
    name: str = ""


def _tokens(query: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(query.rstrip()):
        kind = "operator" if match["name"] else str(match.lastgroup)
        if kind == "bad":
            raise QueryError(
                f"no viable alternative at character '{match['bad']}' (at position {match.start() + 1})"
            )
        text = match["value"] if kind == "operator" else match[kind]
        found.append(_Token(kind, text, match.start() + 1, match["name"] or ""))
    if len(found) > MAX_PARTS:
        raise QueryError(f"Your query has more than {MAX_PARTS} parts")
    return found


class _Parser:
    def __init__(self, query: str, topics: Topics, *, stream: bool) -> None:
        self._tokens = _tokens(query)
        self._topics = topics
        self._stream = stream
        self._i = 0

    def _peek(self) -> _Token | None:
        return self._tokens[self._i] if self._i < len(self._tokens) else None

    def parse(self) -> Node:
        node = self._any()
        extra = self._peek()
        if extra is not None:
            raise QueryError(f"missing EOF at '{extra.text}' (at position {extra.at})")
        return node

    def _any(self) -> Node:
        parts = [self._all()]
        while (token := self._peek()) and token.kind == "word" and token.text == "OR":
            self._i += 1
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts: list[Node] = []
        spoken: list[str] = []  # bare keyword behind each part, "" for anything else
        while (token := self._peek()) and token.kind != "close" and token.text != "OR":
            parts.append(self._one())
            spoken.append(token.text if token.kind == "word" else "")
        if not parts:
            where = self._peek() or _Token("end", "<EOF>", 0)
            raise QueryError(f"mismatched input '{where.text}' (at position {where.at})")
        parts = self._name_topics(parts, spoken)
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _name_topics(self, parts: list[Node], spoken: list[str]) -> list[Node]:
        # Unquoted words of a trend's name, one after the other, mean the trend.
        for key in self._topics.by_words:
            for i in range(len(parts) - len(key) + 1):
                window = spoken[i : i + len(key)]
                if len(key) > 1 and all(window) and read.words(" ".join(window), fold=True) == key:
                    whole = self._topics.term(" ".join(window), And(tuple(parts[i : i + len(key)])))
                    return [*parts[:i], whole, *parts[i + len(key) :]]
        return parts

    def _one(self) -> Node:
        token = self._tokens[self._i]
        self._i += 1
        if token.kind == "minus":
            return self._negated(token)
        if token.kind == "open":
            node = self._any()
            closing = self._peek()
            if closing is None or closing.kind != "close":
                raise QueryError(f"missing ')' at '<EOF>' (opened at position {token.at})")
            self._i += 1
            return node
        return self._leaf(token)

    def _negated(self, minus: _Token) -> Node:
        following = self._peek()
        if following is None or following.kind in {"close", "minus"}:
            raise QueryError(f"no viable alternative at input '-' (at position {minus.at})")
        if following.kind == "open":
            raise QueryError(f"Grouped negation is not supported (at position {minus.at})")
        node = self._one()
        return Not(node)

    def _leaf(self, token: _Token) -> Node:
        fold = not self._stream
        if token.kind == "quoted":
            body = token.text[1:].rpartition('"')[0]
            if not token.text.endswith('"') and not self._stream:
                raise QueryError(f"Proximity is not available in search (at position {token.at})")
            return self._topics.term(body, _phrase(body, fold=fold, at=token.at))
        if token.kind == "tag":
            sign, name = token.text[0], token.text[1:]
            node = Tag(sign + read.normal(name, fold=fold))
            named = sign == "#" or token.text.casefold() in {topic.casefold() for topic in self._topics.names}
            return self._topics.term(name, node) if named else node
        if token.kind == "operator":
            return self._operator(token)
        if token.text.lower() in {"and", "or"}:
            raise QueryError(
                f"Ambiguous use of {token.text} as a keyword. Use a space to logically join two clauses, "
                f'or "{token.text}" to find occurrences of {token.text} in text (at position {token.at})'
            )
        return self._topics.term(token.text, _phrase(token.text, fold=fold, at=token.at))

    def _operator(self, token: _Token) -> Node:
        value = token.text.strip('"')
        node = operators.build(token.name, value, stream=self._stream)
        if node is None:
            raise QueryError(
                f"Reference to invalid operator '{token.name}:{value}'. Operator is not available in current "
                f"product or product packaging. Please refer to complete available operator list "
                f"(at position {token.at})"
            )
        return node


def _phrase(text: str, *, fold: bool, at: int) -> Node:
    if read.is_plain(text):
        return Phrase(read.words(text, fold=fold))
    if text.isascii():  # punctuation alone; emoji and unspaced scripts are not ASCII
        raise QueryError(f"no viable alternative at input '{text}' (at position {at})")
    return Raw(read.normal(text, fold=fold))


def _standalone(node: Node) -> bool:
    if isinstance(node, (And, Or)):
        return any(_standalone(part) for part in node.nodes)
    if isinstance(node, Not):
        return False
    return not (isinstance(node, Test) and node.name in operators.COMPANION)


def _misused_nullcast(node: Node) -> bool:
    if isinstance(node, (And, Or)):
        return any(_misused_nullcast(part) for part in node.nodes)
    return isinstance(node, Test) and node.name == "is" and node.value == "nullcast"


def parse(query: str, topics: Topics, *, stream: bool = False) -> Node:
    """Read a query.

    Args:
        query: As sent.
        topics: Names that mean more than their words.
        stream: Rules of the filtered stream: more operators, diacritics count.

    Raises:
        QueryError: X would answer 400.
    """
    if not query.strip():
        raise QueryError("Rule must contain at least one positive, non-stopword clause")
    node = _Parser(query, topics, stream=stream).parse()
    if _misused_nullcast(node):
        raise QueryError("is:nullcast must be negated")
    if not _standalone(node):
        raise QueryError("Rule must contain at least one positive, non-stopword clause")
    return node
