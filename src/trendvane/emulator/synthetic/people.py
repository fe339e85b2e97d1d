"""The crowd: accounts with habits of writing."""

from __future__ import annotations

import random
from dataclasses import dataclass

from trendvane.domain import snowflake
from trendvane.emulator.post import User
from trendvane.emulator.synthetic.grammar import chance

CROWD = 12_000
_HANDLE_LENGTH = 15
_FIRST = [
    "alex",
    "sam",
    "jo",
    "maya",
    "leo",
    "nina",
    "omar",
    "tess",
    "ravi",
    "lena",
    "kai",
    "zoe",
    "ben",
    "ada",
    "finn",
    "ruth",
    "ivy",
    "max",
    "noor",
    "eli",
    "june",
    "theo",
    "mila",
    "hugo",
    "iris",
    "dan",
    "pia",
    "luca",
    "vera",
    "cole",
    "emma",
    "otis",
    "faye",
    "ned",
    "gia",
    "ross",
    "tara",
    "joel",
    "skye",
    "dev",
    "anna",
    "rhys",
    "cleo",
    "ian",
    "lola",
    "marc",
]
_LAST = [
    "reed",
    "park",
    "silva",
    "moss",
    "lane",
    "frost",
    "cruz",
    "hale",
    "webb",
    "stone",
    "ortiz",
    "vale",
    "marsh",
    "quinn",
    "boyd",
    "flynn",
    "nash",
    "drake",
    "wolfe",
    "hart",
    "kerr",
    "pope",
    "shaw",
    "wills",
    "byrne",
    "costa",
    "blake",
    "ford",
    "khan",
    "lowe",
    "mercer",
    "novak",
    "pratt",
    "sato",
    "thorne",
    "voss",
    "wren",
    "young",
    "zeller",
]
_FLAVOUR = ["real", "its", "the", "just", "not", "ok", "hey", "mr", "ms", "dr", "coach", "daily"]
_WORDS = [
    "plays",
    "reads",
    "runs",
    "codes",
    "cooks",
    "bakes",
    "travels",
    "fm",
    "hq",
    "live",
    "tv",
    "88",
    "92",
    "99",
    "xo",
    "irl",
]
_AGED_BEFORE_MS = 1_290_000_000_000  # accounts older than snowflakes have short ids


@dataclass(frozen=True, slots=True)
class Person:
    """A user and how they write; all shares in [0, 1].

    Attributes:
        lowercase: Never uses capitals.
        slang: How often words become slang.
        typos: Chance of one typo in a tweet.
        emoji: Chance of emoji.
        loud: Chance of CAPITALS and exclamation marks.
        tags: Chance of hashtags.
        chatty: Chance of a second and third sentence.
    """

    user: User
    lowercase: bool
    slang: float
    typos: float
    emoji: float
    loud: float
    tags: float
    chatty: float


class Crowd:
    """Twelve thousand people, made when first needed; a few write much, most write once.

    Args:
        seed: Same seed, same people.
        start_ms: Nobody joined later.
    """

    def __init__(self, seed: int, start_ms: int) -> None:
        self._seed = seed
        self._start_ms = start_ms
        self._people: dict[int, Person] = {}

    def pick(self, rng: random.Random) -> Person:
        """Somebody; low numbers are the ones who never stop."""
        return self.person(int(CROWD * rng.random() ** 1.6))

    def person(self, number: int) -> Person:
        """The person with that number."""
        known = self._people.get(number)
        if known is None:
            known = self._people[number] = self._make(number)
        return known

    def _make(self, number: int) -> Person:
        rng = random.Random(f"person-{self._seed}-{number}")
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        joined = rng.randrange(1_230_000_000_000, self._start_ms - 86_400_000)
        user_id = rng.randrange(10**7, 2 * 10**8)
        if joined > _AGED_BEFORE_MS:
            user_id = snowflake.floor(joined) | rng.getrandbits(22)
        name = (
            f"{first.title()} {last.title()}"
            if chance(rng, 0.6)
            else rng.choice((first, f"{first}!", last.title()))
        )
        user = User(
            id=user_id,
            username=_handle(first, last, number, rng),
            name=name,
            created_ms=joined,
            followers=int(rng.paretovariate(0.9) * 40) % 900_000,
            verified=chance(rng, 0.06),
        )
        return Person(
            user,
            lowercase=chance(rng, 0.28),
            slang=rng.choice((0.0, 0.0, 0.25, 0.6)),
            typos=rng.choice((0.0, 0.03, 0.1, 0.2)),
            emoji=rng.choice((0.0, 0.15, 0.35, 0.7)),
            loud=rng.choice((0.0, 0.0, 0.03, 0.15)),
            tags=rng.choice((0.15, 0.35, 0.6)),
            chatty=rng.choice((0.25, 0.5, 0.75)),
        )


def _handle(first: str, last: str, number: int, rng: random.Random) -> str:
    # The number in base 36 keeps handles unique; fifteen characters are X's limit.
    digits, rest = "", number
    while rest or not digits:
        rest, digit = divmod(rest, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    shapes = (
        f"{first}{last}{digits}",
        f"{first}_{last}_{digits}",
        f"{rng.choice(_FLAVOUR)}{first}{digits}",
        f"{first}{rng.choice(_WORDS)}_{digits}",
        f"{last}{first[0]}_{digits}",
    )
    shape = rng.choice(shapes)
    return shape if len(shape) <= _HANDLE_LENGTH else f"{first}_{digits}"
