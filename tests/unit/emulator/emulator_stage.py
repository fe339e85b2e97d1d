"""A world on a fake wall clock, for the tests of this folder."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from trendvane.domain import snowflake
from trendvane.emulator.config import EmulatorConfig
from trendvane.emulator.params import Params
from trendvane.emulator.post import Kind, Post, User
from trendvane.emulator.world import Call, World

START_MS = 1_795_000_000_000


@dataclass
class FakeWall:
    """A wall clock that only moves when told to."""

    seconds: float = START_MS / 1000

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Stage:
    world: World
    wall: FakeWall

    def later(self, seconds: float) -> None:
        self.wall.seconds += seconds
        self.world.advance()


def call(path: dict[str, str] | None = None, body: bytes = b"", *, user: bool = False, **query: str) -> Call:
    pairs = {name.replace("__", "."): [value] for name, value in query.items()}
    return Call(Params(pairs), path or {}, body, user, "http://127.0.0.1:1")


def make_post(text: str, at_ms: int = START_MS, **changes: object) -> Post:
    post_id = snowflake.floor(at_ms) + 1
    user = User(42, "ann_lee", "Ann Lee", START_MS - 10**9, 100, verified=False)
    values: dict[str, object] = {
        "id": post_id,
        "author": user,
        "text": text,
        "lang": "en",
        "topics": ("Teapots",),
        "kind": Kind.ORGANIC,
        "label": 1,
        "history": (post_id,),
    }
    return Post(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def make_stage() -> Callable[..., Stage]:
    def make(**changes: object) -> Stage:
        wall = FakeWall()
        values: dict[str, object] = {
            "start_ms": START_MS,
            "history_hours": 0.25,
            "history_rate": 1.5,
            "topics": ("Lumora Lens", "#SkylarkDown", "#NorthportVsValmora"),
        }
        return Stage(World(EmulatorConfig(**(values | changes)), wall), wall)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="module")
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """Shared by a module; read it, advance it, but do not spoil it."""
    stage = make_stage()
    stage.later(600)
    return stage
