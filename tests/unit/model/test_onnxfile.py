from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trendvane.model.onnxfile import refers_outside


def message(*fields):
    """Protobuf bytes of (number, bytes or int) pairs."""
    out = b""
    for number, value in fields:
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
        else:
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


INSIDE = message((2, 1), (9, b"\x00" * 300))
OUTSIDE = message((2, 1), (13, message((1, b"location"), (2, b"/etc/passwd"))), (14, 1))


def graph(*fields):
    return message((1, 10), (2, b"test"), (7, message(*fields)))


def test_weights_inside_are_fine():
    assert not refers_outside(graph((5, INSIDE), (5, INSIDE)))


@pytest.mark.parametrize(
    "data",
    [
        graph((5, INSIDE), (5, OUTSIDE)),
        graph((5, message((14, 1)))),
        graph((15, message((1, OUTSIDE)))),
        graph((1, message((4, b"If"), (5, message((6, message((5, OUTSIDE)))))))),
        graph((1, message((5, message((5, OUTSIDE)))))),
        message((25, message((7, message((5, message((5, OUTSIDE)))))))),
    ],
    ids=["initializer", "location only", "sparse", "subgraph", "constant", "function"],
)
def test_weights_elsewhere_are_found(data):
    assert refers_outside(data)


def test_a_tensor_that_says_it_is_inside_is_believed():
    assert not refers_outside(graph((5, message((14, 0)))))


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x0a\x7f", b"\x0f", b"{}"])
def test_rubbish_is_refused(data):
    with pytest.raises(ValueError, match=r".+"):
        refers_outside(data)


def test_deep_nesting_is_refused():
    inner = b""
    for _ in range(50):
        inner = message((1, message((5, message((6, inner))))))
    with pytest.raises(ValueError, match="nested"):
        refers_outside(message((7, inner)))


@given(st.binary(max_size=200))
def test_any_bytes_give_an_answer_or_a_value_error(data):
    with suppress(ValueError):
        assert refers_outside(data) in {True, False}
