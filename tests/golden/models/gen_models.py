#!/usr/bin/env python3
"""Fixtures of tests/test_golden_models.c: a few training steps in float64 of the architectures for
which the released code of arXiv 2010.08127 left none, with modules written here. They are also
the PyTorch counterparts that docs/models.md names: state_dict() of each has shoal's names.

Each folder: params.txt (names), buffers.txt, x.npy y.npy init.npy logits0_train.npy grad0.npy
final.npy bn_running_final.npy logits_final_eval.npy meta.json (loss before each step).
Made with PyTorch 1.13.  usage: gen_models.py [FOLDER]
"""
import json
import math
import os
import sys

import numpy as np
import torch
from torch import nn
import torch.nn.functional as F


class VGG(nn.Module):
    plans = {11: [1, 0, 2, 0, 4, 4, 0, 8, 8, 0, 8, 8, 0]}

    def __init__(self, depth, width, classes):
        super().__init__()
        layers, before = [], 3
        for unit in self.plans[depth]:
            if unit == 0:
                layers.append(nn.MaxPool2d(2, 2))
                continue
            layers += [nn.Conv2d(before, unit * width, 3, padding=1), nn.BatchNorm2d(unit * width), nn.ReLU()]
            before = unit * width
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(before, classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class AlexNet(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        w = [64 * width // 64, 192 * width // 64, 384 * width // 64, 256 * width // 64, 256 * width // 64]
        self.features = nn.Sequential(
            nn.Conv2d(3, w[0], 11, stride=4, padding=5), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(w[0], w[1], 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, 2),
            nn.Conv2d(w[1], w[2], 3, padding=1), nn.ReLU(),
            nn.Conv2d(w[2], w[3], 3, padding=1), nn.ReLU(),
            nn.Conv2d(w[3], w[4], 3, padding=1), nn.ReLU(), nn.MaxPool2d(2, 2))
        self.classifier = nn.Linear(w[4], classes)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class PreBottleneck(nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, planes, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(planes), nn.Conv2d(planes, 4 * planes, 1, bias=False)
        if stride != 1 or before != 4 * planes:
            self.shortcut = nn.Sequential(nn.Conv2d(before, 4 * planes, 1, stride, bias=False))

    def forward(self, x):
        a = F.relu(self.bn1(x))
        skip = self.shortcut(a) if hasattr(self, "shortcut") else x
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return self.conv3(F.relu(self.bn3(y))) + skip


class PreResNet50(nn.Module):
    def __init__(self, width, classes, final_norm):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        before = width
        for s, blocks in enumerate([3, 4, 6, 3]):
            layers = []
            for i in range(blocks):
                layers.append(PreBottleneck(before, width << s, 2 if i == 0 and s > 0 else 1))
                before = 4 * (width << s)
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers))
        if final_norm:
            self.bn = nn.BatchNorm2d(before)
        self.linear = nn.Linear(before, classes)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x)))))
        if hasattr(self, "bn"):
            x = F.relu(self.bn(x))
        return self.linear(x.mean((2, 3)))


class PostBlock(nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False), nn.BatchNorm2d(planes)
        if stride != 1 or before != planes:
            self.downsample = nn.Sequential(nn.Conv2d(before, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (self.downsample(x) if hasattr(self, "downsample") else x))


class ResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        before = width
        for s in range(3):
            layers = []
            for i in range((depth - 2) // 6):
                layers.append(PostBlock(before, width << s, 2 if i == 0 and s > 0 else 1))
                before = width << s
            setattr(self, f"layer{s + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class WideBlock(nn.Module):
    def __init__(self, before, planes, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, planes, 3, stride, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        if before != planes:
            self.convShortcut = nn.Conv2d(before, planes, 1, stride, bias=False)

    def forward(self, x):
        a = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(a))))
        return y + (self.convShortcut(a) if hasattr(self, "convShortcut") else x)


class WideResNet(nn.Module):
    def __init__(self, depth, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        before = 16
        for s in range(3):
            block = nn.Module()
            layers = []
            for i in range((depth - 4) // 6):
                layers.append(WideBlock(before, 16 * width << s, 2 if i == 0 and s > 0 else 1))
                before = 16 * width << s
            block.layer = nn.Sequential(*layers)
            setattr(self, f"block{s + 1}", block)
        self.bn1 = nn.BatchNorm2d(before)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.block3.layer(self.block2.layer(self.block1.layer(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class DenseLayer(nn.Module):
    def __init__(self, before, growth, bottleneck):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        if bottleneck:
            self.conv1, self.bn2 = nn.Conv2d(before, 4 * growth, 1, bias=False), nn.BatchNorm2d(4 * growth)
            self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        else:
            self.conv1 = nn.Conv2d(before, growth, 3, padding=1, bias=False)

    def forward(self, x):
        y = self.conv1(F.relu(self.bn1(x)))
        if hasattr(self, "conv2"):
            y = self.conv2(F.relu(self.bn2(y)))
        return torch.cat([x, y], 1)


class Transition(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x):
        return F.avg_pool2d(self.conv1(F.relu(self.bn1(x))), 2)


class DenseNet(nn.Module):
    def __init__(self, depth, growth, classes, bottleneck, compression):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 2 * growth, 3, padding=1, bias=False)
        before = 2 * growth
        for block in (1, 2, 3):
            layers = []
            for _ in range((depth - 4) // (6 if bottleneck else 3)):
                layers.append(DenseLayer(before, growth, bottleneck))
                before += growth
            setattr(self, f"dense{block}", nn.Sequential(*layers))
            if block < 3:
                after = int(before / compression)
                setattr(self, f"trans{block}", Transition(before, after))
                before = after
        self.bn = nn.BatchNorm2d(before)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        x = self.trans1(self.dense1(self.conv1(x)))
        x = self.dense3(self.trans2(self.dense2(x)))
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.to_qkv = nn.Linear(width, 3 * width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width))

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.to_qkv(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        score = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)
        if self.causal:
            score = score.masked_fill(torch.triu(torch.ones(t, t, dtype=bool), 1), -math.inf)
        return self.to_out((score.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))


class FeedForward(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0), nn.Linear(hidden, width))

    def forward(self, x):
        return self.net(x)


class PreNorm(nn.Module):
    """x + fn.fn(fn.norm(x)): the released code wraps twice, hence the names."""

    def __init__(self, width, fn):
        super().__init__()
        self.fn = nn.Module()
        self.fn.norm, self.fn.fn = nn.LayerNorm(width), fn

    def forward(self, x):
        return x + self.fn.fn(self.fn.norm(x))


class Transformer(nn.Module):
    """Causal: token numbers in, the class read off the last token."""

    def __init__(self, tokens, length, width, depth, heads, hidden, classes):
        super().__init__()
        self.token_embedding = nn.Embedding(tokens, width)
        self.pos_embedding = nn.Parameter(torch.randn(1, length, width))
        self.transformer = nn.Module()
        self.transformer.layers = nn.ModuleList([
            nn.ModuleList([PreNorm(width, Attention(width, heads, True)), PreNorm(width, FeedForward(width, hidden))])
            for _ in range(depth)])
        self.mlp_head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0),
                                      nn.Linear(hidden, classes))

    def forward(self, x):
        x = self.token_embedding(x.long()) + self.pos_embedding
        for attend, feed in self.transformer.layers:
            x = feed(attend(x))
        return self.mlp_head(x[:, -1])


class ResidualMLP(nn.Sequential):
    """Flatten, then Linear, LayerNorm, tanh; each hidden layer but the first is added to its input."""

    def __init__(self, inputs, width, depth, classes):
        layers = [nn.Flatten()]
        for i in range(depth):
            layers += [nn.Linear(inputs if i == 0 else width, width), nn.LayerNorm(width), nn.Tanh()]
        super().__init__(*layers, nn.Linear(width, classes))
        self.depth = depth

    def forward(self, x):
        x = self[0](x)
        for i in range(self.depth):
            y = self[3 * i + 3](self[3 * i + 2](self[3 * i + 1](x)))
            x = y if i == 0 else x + y
        return self[3 * self.depth + 1](x)


class Cosine(nn.Sequential):
    def __init__(self, inputs, classes, scale):
        super().__init__(nn.Flatten(), nn.Identity(), nn.Linear(inputs, classes, bias=False))
        self.scale = scale

    def forward(self, x):
        return self[2](self.scale * F.normalize(self[0](x)))


def images(n):
    return torch.randn(n, 3, 32, 32)


def optimizer(parameters):
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=1e-3)


RUNS = {
    "vgg11_w2": (lambda: VGG(11, 2, 10), lambda: images(3)),
    "alexnet_w4": (lambda: AlexNet(4, 10), lambda: images(3)),
    "preresnet50_w1": (lambda: PreResNet50(1, 10, True), lambda: images(3)),
    "resnet20_w3": (lambda: ResNet(20, 3, 10), lambda: images(3)),
    "wide_resnet10_w1": (lambda: WideResNet(10, 1, 10), lambda: images(3)),
    "densenet13_g3": (lambda: DenseNet(13, 3, 10, False, 1), lambda: images(3)),
    "densenet16_g2_bottleneck": (lambda: DenseNet(16, 2, 10, True, 2), lambda: images(3)),
    "transformer_w12": (lambda: Transformer(11, 7, 12, 2, 3, 20, 10), lambda: torch.randint(0, 11, (5, 7)).double()),
    "residual_mlp": (lambda: ResidualMLP(20, 16, 3, 5), lambda: torch.randn(16, 20)),
    "cosine": (lambda: Cosine(20, 5, 4.0), lambda: torch.randn(16, 20)),
}


def flat(tensors):
    return np.concatenate([t.detach().numpy().ravel() for t in tensors] or [np.zeros(0)])


def make(folder, build, draw, steps=3):
    torch.manual_seed(1)
    net = build()
    x = draw()
    y = torch.randint(0, [m for m in net.modules() if isinstance(m, nn.Linear)][-1].out_features, (len(x),))
    named = list(net.named_parameters())
    buffers = [(k, v) for k, v in net.named_buffers() if "tracked" not in k]
    os.makedirs(folder, exist_ok=True)

    def save(name, value):
        np.save(f"{folder}/{name}.npy", value)

    with open(f"{folder}/params.txt", "w") as out:
        for k, v in named:
            out.write(f"{k} {'x'.join(map(str, v.shape))}\n")
    if buffers:
        with open(f"{folder}/buffers.txt", "w") as out:
            out.write("".join(k + "\n" for k, _ in buffers))
    save("x", x.numpy())
    save("y", y.numpy())
    save("init", flat(v for _, v in named))
    step, losses = optimizer(net.parameters()), []
    for s in range(steps):
        step.zero_grad()
        logits = net(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        if s == 0:
            save("logits0_train", logits.detach().numpy())
            save("grad0", flat(v.grad for _, v in named))
        losses.append(loss.item())
        step.step()
    save("final", flat(v for _, v in named))
    if buffers:
        save("bn_running_final", flat(v for _, v in buffers))
    net.eval()
    with torch.no_grad():
        save("logits_final_eval", net(x).numpy())
    with open(f"{folder}/meta.json", "w") as out:
        json.dump({"losses": losses, "nparams": sum(v.numel() for _, v in named)}, out, indent=1)
    print(folder, sum(v.numel() for _, v in named), losses)


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    for name, (build, draw) in RUNS.items():
        make(os.path.join(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)), name),
             build, draw)
