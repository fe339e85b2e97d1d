"""Does an ONNX file point outside itself? Answered without the ``onnx`` package, which serving lacks.

ONNX lets a tensor name another file by path, which would escape the package's hashes and could read any file.
The walk follows only the fields of onnx.proto3 that can hold a tensor and skips all else, weights included.
"""

from __future__ import annotations

# message -> field number -> message held; numbers from onnx.proto3 (IR version 10).
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 64  # ONNX graphs nest a few levels; a file that nests deeper is made to hurt


def refers_outside(data: bytes) -> bool:
    """True if any tensor of the ONNX model ``data`` is stored in another file.

    Raises:
        ValueError: the bytes are not a protobuf message.
    """
    return _walk(memoryview(data), "model", 0)


def _walk(data: memoryview, message: str, depth: int) -> bool:
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    inner = _FIELDS[message]
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        field, wire = key >> 3, key & 7
        start, position, value = _skip(data, position, wire)
        if message == "tensor" and (field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value == 1)):
            return True
        if wire == _BYTES and field in inner and _walk(data[start:position], inner[field], depth + 1):
            return True
    return False


def _skip(data: memoryview, position: int, wire: int) -> tuple[int, int, int]:
    """Start and end of a field's content, and its value where it is a varint."""
    value = 0
    start = position
    if wire == _VARINT:
        value, end = _varint(data, position)
    elif wire == _BYTES:
        length, start = _varint(data, position)
        end = start + length
    elif wire in {_FIXED64, _FIXED32}:
        end = position + (8 if wire == _FIXED64 else 4)
    else:
        raise ValueError(f"wire type {wire}")
    if end > len(data):
        raise ValueError("cut short")
    return start, end, value


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise ValueError("cut short")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
    raise ValueError("varint too long")
