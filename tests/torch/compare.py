#!/usr/bin/env python3
"""compare.py SHOAL: networks travel between PyTorch and shoal as safetensors.

For each case PyTorch's weights go to a file that a stage of shoal starts from; shoal evaluates them, trains
a few full-batch steps, and gives weights back that PyTorch loads (strict) and evaluates. Losses and weights
of both must agree within single precision: TOLERANCE, relative to the largest magnitude compared.
"""
import copy
import csv
import io
import json
import os
import struct
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "models"))
import gen_models as nets

TOLERANCE = 2e-4
STEPS = 4


def mlp(norm=None, act=nn.ReLU, inputs=12, width=16, depth=2, classes=5):
    layers = [nn.Flatten()]
    for i in range(depth):
        layers.append(nn.Linear(inputs if i == 0 else width, width))
        if norm:
            layers.append(norm(width))
        layers.append(act())
    return nn.Sequential(*layers, nn.Linear(width, classes))


def mcnn(c, classes=5):
    layers, before = [], 3
    for i in range(4):
        layers += [nn.Conv2d(before, c << i, 3, padding=1), nn.BatchNorm2d(c << i), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if i in (1, 2) else []
        before = c << i
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(before, classes))


IMAGE, VECTOR, TOKENS = (3, 32, 32), (12,), (7,)
# Deep networks of batch norm over 24 samples are steep: rounding in single precision grows from layer to layer.
# tests/test_golden_models.c holds the same steps to 1e-7 in double.
GENTLE = ("name: sgd, lr: 0.00002, momentum: 0.9, weight_decay: 0.001", lambda p: torch.optim.SGD(p, 2e-5, 0.9, weight_decay=1e-3))
SGD = ("name: sgd, lr: 0.05, momentum: 0.9, weight_decay: 0.001", lambda p: torch.optim.SGD(p, 0.05, 0.9, weight_decay=1e-3))
NESTEROV = ("name: sgd, lr: 0.05, momentum: 0.9, nesterov: true", lambda p: torch.optim.SGD(p, 0.05, 0.9, nesterov=True))
ADAM = ("name: adam, lr: 0.01, epsilon: 1.0e-4", lambda p: torch.optim.Adam(p, 0.01, eps=1e-4))
ADAMW = ("name: adamw, lr: 0.01, weight_decay: 0.1, epsilon: 1.0e-4", lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1, eps=1e-4))
RMSPROP = ("name: rmsprop, lr: 0.001, momentum: 0.9", lambda p: torch.optim.RMSprop(p, 0.001, momentum=0.9))
ADAGRAD = ("name: adagrad, lr: 0.01", lambda p: torch.optim.Adagrad(p, 0.01))
CLIPPED = ("name: sgd, lr: 0.1, clip_norm: 0.5", lambda p: torch.optim.SGD(p, 0.1))
CASES = [  # name, model settings, module, sample, optimizer, label smoothing
    ("mlp sgd", "kind: mlp, depth: 2, width: 16", lambda: mlp(), VECTOR, SGD, 0),
    ("mlp nesterov, smoothed", "kind: mlp, depth: 2, width: 16, activation: gelu", lambda: mlp(act=nn.GELU), VECTOR, NESTEROV, 0.1),
    ("mlp batch norm adam", "kind: mlp, depth: 2, width: 16, norm: batch", lambda: mlp(nn.BatchNorm1d), VECTOR, ADAM, 0),
    ("mlp layer norm adamw", "kind: mlp, depth: 2, width: 16, norm: layer, activation: silu", lambda: mlp(nn.LayerNorm, nn.SiLU), VECTOR, ADAMW, 0),
    ("mlp rmsprop", "kind: mlp, depth: 2, width: 16, activation: tanh", lambda: mlp(act=nn.Tanh), VECTOR, RMSPROP, 0),
    ("mlp adagrad", "kind: mlp, depth: 2, width: 16, activation: elu", lambda: mlp(act=nn.ELU), VECTOR, ADAGRAD, 0),
    ("mlp clipped", "kind: mlp, depth: 2, width: 16, activation: softplus", lambda: mlp(act=nn.Softplus), VECTOR, CLIPPED, 0),
    ("residual mlp", "kind: mlp, depth: 3, width: 16, norm: layer, residual: true, activation: tanh", lambda: nets.ResidualMLP(12, 16, 3, 5), VECTOR, SGD, 0),
    ("mcnn", "kind: mcnn, width: 4", lambda: mcnn(4), IMAGE, SGD, 0),
    ("vgg", "kind: vgg, depth: 11, width: 4", lambda: nets.VGG(11, 4, 5), IMAGE, GENTLE, 0),
    ("alexnet", "kind: alexnet, width: 8", lambda: nets.AlexNet(8, 5), IMAGE, SGD, 0),
    ("resnet", "kind: resnet, depth: 20, width: 4", lambda: nets.ResNet(20, 4, 5), IMAGE, GENTLE, 0),
    ("preresnet50", "kind: preresnet50, width: 4, final_norm: true", lambda: nets.PreResNet50(4, 5, True), IMAGE, GENTLE, 0),
    ("wide_resnet", "kind: wide_resnet, depth: 10, width: 1", lambda: nets.WideResNet(10, 1, 5), IMAGE, SGD, 0),
    ("densenet", "kind: densenet, depth: 16, growth: 4, bottleneck: true, compression: 2", lambda: nets.DenseNet(16, 4, 5, True, 2), IMAGE, SGD, 0),
    ("transformer", "kind: transformer, tokens: 11, width: 12, depth: 2, heads: 3, mlp_width: 20, activation: gelu", lambda: nets.Transformer(11, 7, 12, 2, 3, 20, 5), TOKENS, ADAM, 0),
]


def save(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        if t.dtype == torch.int64:
            raw, kind = struct.pack("<q", int(t)), "I64"
        else:
            raw, kind = t.detach().numpy().astype("<f4").tobytes(), "F32"
        header[name] = {"dtype": kind, "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text + data)


def load(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    out = {}
    for name, h in json.loads(raw[8:8 + n]).items():
        if name == "__metadata__":
            continue
        part = raw[8 + n + h["data_offsets"][0]:8 + n + h["data_offsets"][1]]
        kind = {"F32": "<f4", "I64": "<i8"}[h["dtype"]]
        out[name] = torch.from_numpy(np.frombuffer(part, kind).reshape(h["shape"]).copy())
    return out


def worst(a, b):
    a, b = np.asarray(a, float).ravel(), np.asarray(b, float).ravel()
    return float(np.max(np.abs(a - b)) / max(1.0, np.max(np.abs(b))))


def shoal(*words):
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout.decode()


def evaluate(net, x, y, smoothing):
    net.eval()
    with torch.no_grad():
        return F.cross_entropy(net(x), y, label_smoothing=smoothing).item()


def run(program, folder, case):
    name, settings, build, sample, (optim, optimizer), smoothing = case
    torch.manual_seed(3)
    net = build()
    x = torch.randint(0, 11, (24, *sample)).float() if sample == TOKENS else torch.randn(24, *sample)
    y = torch.arange(24) % 5
    np.savez(f"{folder}/data.npz", train_x=x.numpy(), train_y=y.numpy(), test_x=x.numpy()[:10], test_y=y.numpy()[:10])
    save(f"{folder}/net.safetensors", net.state_dict())
    loss = f"label_smoothing: {smoothing}" if smoothing else "loss: cross_entropy"
    with open(f"{folder}/sweep.yaml", "w") as out:
        out.write(f"""version: 1
name: torch
data: {{name: npz, path: {folder}/data.npz}}
model: {{{settings}}}
optim: {{{optim}, batch: full, {loss}}}
stages:
  evaluated: {{from: {{file: net.safetensors}}, optim: {{steps: 0}}}}
  trained: {{from: {{file: net.safetensors}}, optim: {{steps: {STEPS}}}}}
record: {{metrics: [train_loss, test_loss], every: {{linear: {STEPS}}}, weights: true}}
""")
    store = f"{folder}/store.h5"
    shoal(program, "run", f"{folder}/sweep.yaml", "-o", store, "--np", "1", "-q")
    rows = list(csv.DictReader(io.StringIO(shoal(program, "export", store, "--csv", "--records"))))
    evaluated = [r for r in rows if r["stage"] == "evaluated"]
    trained = [r for r in rows if r["stage"] == "trained"]
    differ = {"evaluation": worst([float(evaluated[0]["test_loss"])], [evaluate(net, x[:10], y[:10], smoothing)])}
    step, wanted = optimizer(net.parameters()), [evaluate(net, x, y, smoothing)]
    for _ in range(STEPS):
        net.train()
        step.zero_grad()
        F.cross_entropy(net(x), y, label_smoothing=smoothing).backward()
        if "clip_norm" in optim:
            nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        step.step()
        wanted.append(evaluate(net, x, y, smoothing))
    differ["training"] = worst([float(r["train_loss"]) for r in trained], wanted)
    shoal(program, "weights", store, trained[0]["trial"], "-o", f"{folder}/back.safetensors")
    back = load(f"{folder}/back.safetensors")
    differ["weights"] = max(worst(back[k], v) for k, v in net.state_dict().items() if v.dtype != torch.int64)
    other = copy.deepcopy(net)
    other.load_state_dict(back, strict=True)
    differ["back in PyTorch"] = worst([evaluate(other, x[:10], y[:10], smoothing)], [float(trained[-1]["test_loss"])])
    return differ


def main():
    torch.set_num_threads(1)
    bad = 0
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            differ = run(sys.argv[1], folder, case)
        wrong = max(differ.values()) > TOLERANCE
        bad += wrong
        print(f"{case[0]:24} " + "  ".join(f"{k} {v:.1e}" for k, v in differ.items()) + ("  WRONG" if wrong else ""), flush=True)
    print("all held" if not bad else f"{bad} of {len(CASES)} failed")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
