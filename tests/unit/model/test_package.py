import json

import pytest

from trendvane.domain.errors import ModelPackageError
from trendvane.domain.text import TEXT_VERSION
from trendvane.model import package

ONNX = b"\x08\x0a\x12\x04test"  # a model that says only its version and producer
MANIFEST = {
    "name": "test",
    "version": "3",
    "text_version": TEXT_VERSION,
    "max_length": 128,
    "temperature": 1.5,
    "languages": ["en"],
    "confusion": [[5, 1, 0], [1, 5, 1], [0, 1, 5]],
    "metrics": {"accuracy": 0.8},
    "share_prior": {},
    "encoder": {"name": "none"},
}


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "package"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(ONNX)
    (folder / "tokenizer.json").write_text("{}")
    row = json.dumps({"text": "good ☀️", "p": [0.1, 0.2, 0.7]}, ensure_ascii=False)
    (folder / "golden.jsonl").write_text(f"{row}\n" * package.MIN_GOLDEN, encoding="utf-8")
    package.write_manifest(folder, MANIFEST)
    return folder


def rewrite(root, **changes):
    manifest = json.loads((root / "package.json").read_text())
    for key, value in changes.items():
        if value is None:
            del manifest[key]
        else:
            manifest[key] = value
    (root / "package.json").write_text(json.dumps(manifest))


def test_what_is_written_is_read(root):
    read = package.load(root)
    assert read.identity == "test-3"
    assert read.temperature == 1.5
    assert read.confusion == ((5, 1, 0), (1, 5, 1), (0, 1, 5))
    assert read.golden[0] == package.Golden("good ☀️", (0.1, 0.2, 0.7))
    assert read.model_path.read_bytes() == ONNX
    assert set(read.sha256) == {"model.onnx", "tokenizer.json", "golden.jsonl"}


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.jsonl", "package.json"])
def test_a_missing_file_is_refused(root, name):
    (root / name).unlink()
    with pytest.raises(ModelPackageError, match="missing") as caught:
        package.load(root)
    assert caught.value.remedy


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.jsonl"])
def test_an_altered_file_is_refused(root, name):
    with (root / name).open("ab") as file:
        file.write(b" ")
    with pytest.raises(ModelPackageError, match="sha256"):
        package.load(root)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.jsonl", "package.json"])
def test_a_link_is_refused(root, name):
    elsewhere = root.parent / name
    (root / name).rename(elsewhere)
    (root / name).symlink_to(elsewhere)
    with pytest.raises(ModelPackageError, match="symbolic link"):
        package.load(root)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": 2}, "format"),
        ({"labels": ["positive", "neutral", "negative"]}, "labels"),
        ({"text_version": TEXT_VERSION + 1}, "text version"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_length": 0}, "max_length"),
        ({"max_length": 10**9}, "max_length"),
        ({"confusion": [[1, 2], [3, 4]]}, "confusion"),
        ({"confusion": [[1, 2, 3], [1, 2, 3], [1, 2, -3]]}, "confusion"),
        ({"languages": []}, "languages"),
        ({"name": ""}, "name"),
        ({"share_prior": None}, "share_prior"),
        ({"sha256": {}}, "sha256"),
        ({"sha256": {"model.onnx": "", "tokenizer.json": "", "../golden.jsonl": ""}}, "sha256"),
    ],
)
def test_a_manifest_that_means_something_else_is_refused(root, changes, said):
    rewrite(root, **changes)
    with pytest.raises(ModelPackageError, match=said):
        package.load(root)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "nonsense",
        '{"format": NaN}',
        "[" * 100_000,
        '{"a": "' + "x" * (1 << 20) + '"}',
        b"\xff\xfe{",
    ],
)
def test_a_manifest_that_is_none_is_refused(root, text):
    (root / "package.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelPackageError):
        package.load(root)


def test_external_weights_are_refused_though_their_hash_is_right(root):
    # model { graph { initializer { data_location: EXTERNAL } } }
    (root / "model.onnx").write_bytes(b"\x3a\x04\x2a\x02\x70\x01")
    package.write_manifest(root, MANIFEST)
    with pytest.raises(ModelPackageError, match="another file"):
        package.load(root)


@pytest.mark.parametrize(
    "rows", ["{}\n", "[1]\n", '{"text": "a", "p": [1, 1, 1]}\n', '{"text": "a", "p": [1]}\n']
)
def test_unreadable_golden_rows_are_refused(root, rows):
    (root / "golden.jsonl").write_text(rows * package.MIN_GOLDEN)
    package.write_manifest(root, MANIFEST)
    with pytest.raises(ModelPackageError, match=r"golden\.jsonl"):
        package.load(root)


def test_too_few_golden_rows_are_refused(root):
    (root / "golden.jsonl").write_text('{"text": "a", "p": [0, 0, 1]}\n' * (package.MIN_GOLDEN - 1))
    package.write_manifest(root, MANIFEST)
    with pytest.raises(ModelPackageError, match="fewer"):
        package.load(root)


def test_nothing_is_written_for_a_manifest_that_would_not_load(root):
    before = (root / "package.json").read_bytes()
    with pytest.raises(ModelPackageError):
        package.write_manifest(root, {**MANIFEST, "temperature": -1.0})
    assert (root / "package.json").read_bytes() == before


def test_the_shipped_package_is_whole():
    starter = package.load(package.starter_path())
    assert starter.languages == ("en",)
    assert starter.model_path.stat().st_size < 30_000_000
    assert starter.share_prior["command"]
