"""GroupNorm and SiLU in one pass: the slowest part of a training on a CPU otherwise (normsilu.cpp, built on first
use)."""

import pathlib

import torch
from diffusers.models.resnet import ResnetBlock2D
from torch.utils.cpp_extension import load

native = load(
    "normsilu",
    [str(pathlib.Path(__file__).parent / "normsilu.cpp")],
    extra_cflags=["-O3", "-march=native", "-ffast-math"],
)


class NormSiLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, groups, eps):
        y, mean, rstd = native.fwd(x, weight, bias, groups, eps)
        ctx.save_for_backward(x, weight, bias, mean, rstd)
        ctx.groups = groups
        return y

    @staticmethod
    def backward(ctx, dy):
        x, weight, bias, mean, rstd = ctx.saved_tensors
        dx, dw, db = native.bwd(x, dy.to(x.dtype), weight, bias, mean, rstd, ctx.groups)
        return dx, dw, db, None, None


class Fused(torch.nn.GroupNorm):
    def forward(self, x):
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.bfloat16)
        return NormSiLU.apply(x, self.weight, self.bias, self.num_groups, self.eps)


class SiLULinear(torch.nn.Linear):
    def forward(self, x):
        return super().forward(torch.nn.functional.silu(x))


def fuse(model):
    """Replaces GroupNorm -> SiLU of residual blocks and of the end (conv_norm_out, conv_act) by one operation each."""
    for m in model.modules():
        if isinstance(m, ResnetBlock2D):
            m.norm1.__class__ = m.norm2.__class__ = Fused
            m.nonlinearity = torch.nn.Identity()
            if m.time_emb_proj is not None:
                m.time_emb_proj.__class__ = SiLULinear
        if hasattr(m, "conv_norm_out") and m.conv_norm_out is not None:
            m.conv_norm_out.__class__ = Fused
            m.conv_act = torch.nn.Identity()
    return model
