"""Writes cases.json: outputs and gradients of operations by PyTorch, in double precision.

    python3 generate.py > cases.json

Samples are [B, C, H, W] here and [B, H, W, C] in the file, as the graph has them. The loss is the
sum of the output times fixed numbers, `factor`.
"""
import json
import sys

import torch
import torch.nn.functional as F

torch.manual_seed(1)
torch.set_default_dtype(torch.float64)
B = 2


def numbers(t):
    return [float(f"{v:.12g}") for v in t.detach().flatten().tolist()]


def last(t):
    """Channels from second to last."""
    return t.movedim(1, -1).contiguous() if t.dim() > 2 else t


def rounded(*size, step=64):
    """Short in the file, exact in binary; few different values give ties."""
    return torch.round(torch.randn(*size) * step) / step


def case(op, x, make, parameters, settings, mode="train", planes=False, after=None):
    x.requires_grad_(True)
    for p in parameters.values():
        p.requires_grad_(p.is_floating_point())
    y = make(x)
    factor = rounded(*y.shape)
    wanted = list(parameters.values())
    grads = torch.autograd.grad((y * factor).sum(), [x] + wanted, allow_unused=True)
    lay = (lambda t: t) if planes else last
    return {
        "op": op,
        "mode": mode,
        "shape": list(lay(x).shape[1:]),
        "settings": settings,
        "x": numbers(lay(x)),
        "factor": numbers(last(factor)),
        "y": numbers(last(y)),
        "dx": numbers(lay(grads[0])),
        "parameters": {k: numbers(v) for k, v in parameters.items()},
        "gradients": {k: numbers(g) for k, g in zip(parameters, grads[1:])},
        "after": {k: numbers(v) for k, v in (after or {}).items()},
    }


def convolution(C, H, W, out, kernel, stride=1, pad=0, groups=1, bias=True):
    p = {"weight": rounded(out, C // groups, kernel, kernel)}
    if bias:
        p["bias"] = rounded(out)
    settings = {"width": out, "kernel": kernel, "stride": stride, "pad": pad, "groups": groups,
                "no_bias": int(not bias)}
    return case("convolution", rounded(B, C, H, W),
                lambda x: F.conv2d(x, p["weight"], p.get("bias"), stride, pad, 1, groups), p, settings)


def batch_norm(shape, mode):
    C = shape[0]
    p = {"weight": rounded(C), "bias": rounded(C)}
    running = {"running_mean": rounded(C), "running_var": rounded(C).abs() + 0.5}
    before = {k: v.clone() for k, v in running.items()}
    c = case("batch_norm", 3 + 2 * rounded(B, *shape),
             lambda x: F.batch_norm(x, running["running_mean"], running["running_var"], p["weight"],
                                    p["bias"], mode == "train", 0.1, 1e-5), p, {}, mode, after=running)
    c["parameters"].update({k: numbers(v) for k, v in before.items()})
    return c


def pool(op, C, H, W, kernel, stride, pad, step=64):
    f = F.max_pool2d if op == "max_pool" else F.avg_pool2d
    return case(op, rounded(B, C, H, W, step=step), lambda x: f(x, kernel, stride or None, pad), {},
                {"kernel": kernel, "stride": stride, "pad": pad})


cases = [
    convolution(3, 5, 5, 4, 3, pad=1),
    convolution(3, 6, 5, 2, 3, stride=2, pad=1, bias=False),
    convolution(4, 4, 4, 6, 3, pad=1, groups=2),
    convolution(3, 4, 5, 3, 3, pad=1, groups=3),
    convolution(4, 4, 4, 5, 1, stride=2, bias=False),
    convolution(2, 5, 6, 3, 2),
    convolution(1, 15, 15, 2, 11, stride=4, pad=2),
    convolution(2, 7, 7, 2, 5, stride=3, pad=2),
    pool("max_pool", 3, 4, 6, 2, 0, 0),
    pool("max_pool", 2, 7, 5, 3, 2, 1),
    pool("max_pool", 3, 5, 5, 3, 2, 0, step=1),
    pool("average_pool", 3, 4, 7, 2, 0, 0),
    pool("average_pool", 2, 5, 5, 3, 2, 1),
    case("global_max_pool", rounded(B, 3, 3, 4, step=1), lambda x: F.adaptive_max_pool2d(x, 1).flatten(1), {}, {}),
    case("global_average_pool", rounded(B, 3, 3, 4), lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), {}, {}),
    case("flatten", rounded(B, 3, 2, 4), lambda x: x.flatten(1), {}, {}),
    case("channels_last", rounded(B, 3, 2, 4), lambda x: x * 1, {}, {}, planes=True),
]
for mode in "train", "eval":
    cases += [batch_norm((3,), mode), batch_norm((3, 4), mode), batch_norm((3, 2, 4), mode)]
json.dump({"B": B, "torch": torch.__version__, "cases": cases}, sys.stdout)
print()
