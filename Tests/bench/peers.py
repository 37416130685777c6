"""Seconds that a peer takes for one UNet step of three branches, a VAE encode and a VAE decode at one size, as JSON.

    python peers.py diffusers|openvino --size 512 --runs 3 --threads N [--parts unet,vae]

Real configuration, random weights (the time does not depend on the values), float32. OpenVINO is asked for float32 too:
on processors with AVX-512 or AMX it would compute in bfloat16 otherwise.
"""
import argparse, json, os, resource, statistics, time
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from stand_in import UNET, VAE


def timed(call, runs):
    call()  # warm-up
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def diffusers_times(inputs, parts, runs, threads):
    sample, text, image = inputs
    torch.set_num_threads(threads)
    with torch.inference_mode():
        if "unet" in parts:
            unet = UNet2DConditionModel(**UNET).eval()
            yield "step", timed(lambda: unet(sample, 500, encoder_hidden_states=text), runs)
            del unet
        if "vae" in parts:
            vae = AutoencoderKL(**VAE).eval()
            latents = vae.encode(image).latent_dist.mode()
            yield "encode", timed(lambda: vae.encode(image), runs)
            yield "decode", timed(lambda: vae.decode(latents), runs)


def openvino_times(inputs, parts, runs, threads):
    import numpy as np, openvino as ov
    core = ov.Core()
    core.set_property("CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads})

    def compiled(module, example):
        with torch.no_grad():
            return core.compile_model(ov.convert_model(module.eval(), example_input=example), "CPU")

    sample, text, image = inputs
    if "unet" in parts:
        model = compiled(UNet2DConditionModel(**UNET),
                         {"sample": sample, "timestep": torch.tensor(500.0), "encoder_hidden_states": text})
        arguments = [sample.numpy(), np.float32(500), text.numpy()]
        yield "step", timed(lambda: model(arguments), runs)
        del model
    if "vae" in parts:
        vae = AutoencoderKL(**VAE)

        class Encode(torch.nn.Module):
            def __init__(self): super().__init__(); self.vae = vae
            def forward(self, x): return self.vae.encode(x, return_dict=False)[0].mode()

        class Decode(torch.nn.Module):
            def __init__(self): super().__init__(); self.vae = vae
            def forward(self, z): return self.vae.decode(z, return_dict=False)[0]

        encode = compiled(Encode(), image)
        yield "encode", timed(lambda: encode([image.numpy()]), runs)
        del encode
        latents = torch.randn(1, 4, image.shape[2] // 8, image.shape[3] // 8)
        decode = compiled(Decode(), latents)
        yield "decode", timed(lambda: decode([latents.numpy()]), runs)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("peer", choices=["diffusers", "openvino"]); p.add_argument("--size", type=int, default=512)
    p.add_argument("--runs", type=int, default=3); p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--parts", default="unet,vae")
    a = p.parse_args()
    torch.manual_seed(0)
    side = a.size // 8
    inputs = torch.randn(3, 8, side, side), torch.randn(3, 77, 768), torch.randn(1, 3, a.size, a.size)
    times = {"diffusers": diffusers_times, "openvino": openvino_times}[a.peer]
    result = dict(times(inputs, a.parts.split(","), a.runs, a.threads))
    result["peak_gb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps(result))


if __name__ == "__main__":
    main()
