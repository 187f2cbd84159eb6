#!/usr/bin/python3
"""gen_tokens.py > tokens.json - outputs and gradients of token operations by PyTorch, float64.

Inputs are multiples of 1/64. Attention is written as in the vision transformer of arXiv
2010.08127's released code: 'b n (qkv h d) -> qkv b h n d', softmax(scale q k^T) v, heads joined.
"""
import json
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(1)
cases = []


def draw(*size):
    return torch.randint(-128, 129, size) / 64


def case(op, x, dy, run, params=(), **settings):
    x.requires_grad_()
    for p in params:
        p.requires_grad_()
    y = run(x, *params)
    y.backward(dy)
    cases.append({"op": op, "settings": settings, "B": x.shape[0], "shape": list(x.shape[1:]),
                  "x": x.flatten().tolist(), "dy": dy.flatten().tolist(),
                  "y": y.flatten().tolist(), "dx": x.grad.flatten().tolist(),
                  "params": [p.flatten().tolist() for p in params],
                  "dparams": [p.grad.flatten().tolist() for p in params]})


def layer_norm(x, weight, bias):
    return F.layer_norm(x, x.shape[-1:], weight, bias)


for shape in ((3, 7), (2, 3, 5), (2, 70), (2, 2, 2, 33)):
    case("layer_norm", draw(*shape), draw(*shape), layer_norm,
         (draw(shape[-1]), draw(shape[-1])))
case("layer_norm", torch.full((1, 6), 0.5), draw(1, 6), layer_norm, (draw(6), draw(6)))


def attention(heads, scale, causal):
    def run(x):
        b, n, width = x.shape
        q, k, v = x.reshape(b, n, 3, heads, width // 3 // heads).permute(2, 0, 3, 1, 4)
        s = q @ k.transpose(-1, -2) * (scale or q.shape[-1] ** -0.5)
        if causal:
            s = s.masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf)
        return (s.softmax(-1) @ v).permute(0, 2, 1, 3).reshape(b, n, width // 3)
    return run


for T, d, heads, scale, causal in ((5, 6, 2, 0, False), (5, 6, 2, 0, True), (4, 6, 1, 0.4, False),
                                   (4, 6, 3, 0.4, True), (37, 4, 2, 0, False),
                                   (37, 4, 2, 0, True), (1, 4, 2, 0, True)):
    case("attention", draw(2, T, 3 * d), draw(2, T, d), attention(heads, scale, causal),
         heads=heads, scale=scale, causal=causal)

for shape, scale in (((3, 7), 0), ((2, 3, 5), 2.5), ((2, 40), 0.25)):
    case("l2_normalise", draw(*shape), draw(*shape),
         lambda x: (scale or 1) * F.normalize(x, dim=-1), scale=scale)
case("l2_normalise", torch.zeros(1, 4), draw(1, 4), lambda x: F.normalize(x, dim=-1), scale=0)
print(json.dumps({"cases": cases}, indent=0))
