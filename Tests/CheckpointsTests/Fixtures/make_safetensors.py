"""Makes the safetensors fixtures with the reference implementation: `python make_safetensors.py`.

`safetensors.json` holds, per file and key, what the reference reads back: dtype, shape and the values as float32 bits.
"""

import json
import os

import torch
from safetensors import safe_open
from safetensors.torch import save_file

os.chdir(os.path.dirname(os.path.abspath(__file__)))
g = torch.Generator().manual_seed(7)


def rand(*shape):
    return torch.randn(*shape, generator=g)


def bits(t):
    return [x & 0xFFFFFFFF for x in t.float().contiguous().view(torch.int32).flatten().tolist()]


def describe(path):
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}
    with safe_open(path, "pt") as f:
        tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 (the file is no dictionary)
    return {k: {"dtype": names[t.dtype], "shape": list(t.shape), "bits": bits(t)} for k, t in tensors.items()}


def main():
    mixed = {
        "conv.weight": rand(3, 2, 3, 3),
        "conv.bias": rand(3).half(),
        "norm.weight": rand(5).bfloat16(),
        "empty": torch.zeros(0, 4),
        "scalar": torch.tensor(2.5),
        "embeddings.position_ids": torch.arange(7)[None],
        'name with "quotes" and é': rand(1).half(),
    }
    save_file(mixed, "mixed.safetensors", metadata={"format": "pt"})

    shards = {
        "sharded-00001-of-00002.safetensors": {"a.weight": rand(2, 3), "a.bias": rand(2)},
        "sharded-00002-of-00002.safetensors": {"b.weight": rand(4).half()},
    }
    for name, state in shards.items():
        save_file(state, name, metadata={"format": "pt"})
    with open("sharded.safetensors.index.json", "w") as f:
        json.dump(
            {"metadata": {"total_size": 40}, "weight_map": {k: n for n, s in shards.items() for k in s}}, f, indent=2
        )

    with open("safetensors.json", "w") as f:
        json.dump({n: describe(n) for n in ["mixed.safetensors", *shards]}, f, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
