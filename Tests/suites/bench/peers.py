"""Seconds that a peer takes for one UNet step of three branches at each size, and for the VAE at the first, as JSON.

    python peers.py diffusers|openvino --sizes 512,256 --runs 3 --threads N [--precision full|half] [--cache DIR]

Real configuration, random weights (the time does not depend on the values), float32. OpenVINO is asked for float32 too
but for half precision: on processors that multiply bfloat16 it computes in that by default. Its converted models are
kept in DIR; converting them is a process of its own, so that its memory does not count.
"""

import argparse
import functools
import json
import multiprocessing
import os
import pathlib
import resource
import statistics
import time

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from stand_in import UNET, VAE


def timed(call, runs):
    """The median of `runs` calls; the first, which may be slower, is one of them."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def sample_inputs(size):
    return torch.randn(3, 8, size // 8, size // 8), torch.randn(3, 77, 768)


def diffusers_times(sizes, runs, threads, cache, precision):
    torch.set_num_threads(threads)
    with torch.inference_mode():
        unet = UNet2DConditionModel(**UNET).eval()
        for size in sizes:
            sample, text = sample_inputs(size)
            yield f"step {size}", timed(functools.partial(unet, sample, 500, encoder_hidden_states=text), runs)
        del unet
        vae = AutoencoderKL(**VAE).eval()
        image = torch.randn(1, 3, sizes[0], sizes[0])
        latents = vae.encode(image).latent_dist.mode()
        yield "encode", timed(lambda: vae.encode(image), runs)
        yield "decode", timed(lambda: vae.decode(latents), runs)


class Encode(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.vae = AutoencoderKL(**VAE)

    def forward(self, x):
        return self.vae.encode(x, return_dict=False)[0].mode()


class Decode(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.vae = AutoencoderKL(**VAE)

    def forward(self, z):
        return self.vae.decode(z, return_dict=False)[0]


def convert(make, example, path):
    import openvino as ov

    with torch.no_grad():
        model = ov.convert_model(make().eval(), example_input=example)
    path.parent.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, path, compress_to_fp16=False)


def unet():
    return UNet2DConditionModel(**UNET)


def openvino_times(sizes, runs, threads, cache, precision):
    import numpy as np
    import openvino as ov

    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
    if precision == "full":
        core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def read(name, make, example):
        path = cache / f"{name}.xml"
        if not path.exists():
            process = multiprocessing.get_context("spawn").Process(target=convert, args=(make, example, path))
            process.start()
            process.join()
        return core.read_model(path)

    def compiled(model, *shapes):
        model.reshape({port: list(shape) for port, shape in zip(model.inputs, shapes, strict=True)})
        return core.compile_model(model, "CPU")

    sample, text = sample_inputs(sizes[0])
    source = read("unet", unet, {"sample": sample, "timestep": torch.tensor(500.0), "encoder_hidden_states": text})
    for size in sizes:
        sample, text = sample_inputs(size)
        model = compiled(source, sample.shape, (), text.shape)
        yield f"step {size}", timed(functools.partial(model, [sample.numpy(), np.float32(500), text.numpy()]), runs)
        del model
    del source
    image, latents = torch.randn(1, 3, sizes[0], sizes[0]), torch.randn(1, 4, sizes[0] // 8, sizes[0] // 8)
    for name, make, x in (("encode", Encode, image), ("decode", Decode, latents)):
        model = compiled(read(name, make, x), x.shape)
        yield name, timed(functools.partial(model, [x.numpy()]), runs)
        del model


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("peer", choices=["diffusers", "openvino"])
    p.add_argument("--sizes", default="512")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--precision", choices=["full", "half"], default="full")
    p.add_argument("--cache", type=pathlib.Path, default=pathlib.Path("openvino-models"))
    a = p.parse_args()
    torch.manual_seed(0)
    times = {"diffusers": diffusers_times, "openvino": openvino_times}[a.peer]
    result = dict(times([int(size) for size in a.sizes.split(",")], a.runs, a.threads, a.cache, a.precision))
    result["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(result))


if __name__ == "__main__":
    main()
