#!/usr/bin/env python3
"""Reference values of optimizers, clipping, schedules and losses, in double, from PyTorch.

usage: gen_optim.py    writes steps.json, schedules.json and losses.json beside itself

Made with PyTorch 1.13 (Debian 12's python3-torch). Floats are written so that they read back
exactly.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
HERE = pathlib.Path(__file__).parent
STEPS = 12


def numbers(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


def write(name, value):
    (HERE / name).write_text(json.dumps(value, indent=0) + "\n")


# ---- optimizers: two parameters, gradients of a loss that depends on them -------------------

START = [numbers(1, 3, 4), numbers(2, 5)]
PULL = [[numbers(100 + s, 3, 4) for s in range(STEPS)], [numbers(200 + s, 5) for s in range(STEPS)]]

# ours: settings under optim; theirs: class and arguments
RUNS = {
    "sgd": [
        ({}, {}),
        ({"momentum": 0.9, "weight_decay": 0.05}, {"momentum": 0.9, "weight_decay": 0.05}),
        ({"momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
         {"momentum": 0.8, "nesterov": True, "weight_decay": 0.05}),
    ],
    "adam": [
        ({}, {}),
        ({"beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4, "weight_decay": 0.05},
         {"betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.05}),
    ],
    "adamw": [({}, {"weight_decay": 0}), ({"weight_decay": 0.2}, {"weight_decay": 0.2})],
    "rmsprop": [
        ({}, {}),
        ({"rho": 0.9, "epsilon": 1e-3, "weight_decay": 0.05},
         {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.05}),
        ({"momentum": 0.7}, {"momentum": 0.7}),
        ({"centered": True, "rho": 0.8}, {"centered": True, "alpha": 0.8}),
        ({"centered": True, "momentum": 0.9, "weight_decay": 0.1},
         {"centered": True, "momentum": 0.9, "weight_decay": 0.1}),
    ],
    "adagrad": [
        ({}, {}),
        ({"lr_decay": 0.1, "initial_accumulator": 0.5, "adagrad_epsilon": 1e-3, "weight_decay": 0.05},
         {"lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3, "weight_decay": 0.05}),
    ],
}
CLASSES = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW,
           "rmsprop": torch.optim.RMSprop, "adagrad": torch.optim.Adagrad}
CLIPS = [{}, {"clip_norm": 1.5}, {"clip_value": 0.7}, {"clip_value": 0.7, "clip_norm": 1.0},
         {"clip_norm": 1e3}]
LR = 0.03


def run(name, theirs, clip):
    w = [torch.nn.Parameter(start.clone()) for start in START]
    rule = CLASSES[name](w, lr=LR, **theirs)
    seen = []
    for s in range(STEPS):
        rule.zero_grad()
        sum(((p - PULL[i][s]) ** 2).sum() / 2 for i, p in enumerate(w)).backward()
        if "clip_value" in clip:
            torch.nn.utils.clip_grad_value_(w, clip["clip_value"])
        if "clip_norm" in clip:
            torch.nn.utils.clip_grad_norm_(w, clip["clip_norm"])
        rule.step()
        seen.append([x for p in w for x in p.detach().flatten().tolist()])
    return seen


runs = []
for name, settings in RUNS.items():
    for ours, theirs in settings:
        runs.append({"optimizer": name, "settings": ours, "w": run(name, theirs, {})})
for clip in CLIPS[1:]:
    runs.append({"optimizer": "sgd", "settings": {"momentum": 0.9, **clip},
                 "w": run("sgd", {"momentum": 0.9}, clip)})
write("steps.json", {
    "lr": LR,
    "start": [x for p in START for x in p.flatten().tolist()],
    "pull": [[x for p in PULL for x in p[s].flatten().tolist()] for s in range(STEPS)],
    "runs": runs,
})

# ---- schedules: factors of a learning rate of 1 --------------------------------------------


def factors(make, steps, block=1):
    rule = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(rule)
    seen = []
    for step in range(steps):
        seen.append(rule.param_groups[0]["lr"])
        rule.step()
        if (step + 1) % block == 0 and step + 1 < steps:
            schedule.step()
    return seen


S = torch.optim.lr_scheduler
schedules = []


def case(name, settings, steps, make, block=1):
    schedules.append({"schedule": name, "settings": {**settings, "schedule_block": block},
                      "factors": factors(make, steps, block)})


case("cosine", {}, 57, lambda o: S.CosineAnnealingLR(o, 57))
case("cosine", {}, 205, lambda o: S.CosineAnnealingLR(o, 20), block=10)
case("step", {"step_size": 7, "gamma": 0.5}, 40, lambda o: S.StepLR(o, 7, 0.5))
case("step", {}, 62, lambda o: S.StepLR(o, round(62 / 3), 0.1))
case("step", {"step_size": 2}, 65, lambda o: S.StepLR(o, 2, 0.1), block=10)
case("milestones", {"milestones": "5, 20,21", "gamma": 0.3}, 30,
     lambda o: S.MultiStepLR(o, [5, 20, 21], 0.3))
case("milestones", {"milestones": "0.5,0.75"}, 40, lambda o: S.MultiStepLR(o, [20, 30], 0.1))
case("exponential", {"decay": 0.9}, 40, lambda o: S.ExponentialLR(o, 0.9))
case("exponential", {}, 44, lambda o: S.ExponentialLR(o, 1e-3 ** (1 / 11)), block=4)
case("linear", {}, 25, lambda o: S.LinearLR(o, 1.0, 0.0, 25))
for total, pct in ((40, 0.3), (33, 0.25), (3, 0.3), (12, 0.0), (12, 1.0)):
    case("one_cycle", {"pct_start": pct}, total,
         lambda o: S.OneCycleLR(o, 1.0, total_steps=total, pct_start=pct, cycle_momentum=False))
case("one_cycle", {"div_factor": 10, "final_div_factor": 100}, 50,
     lambda o: S.OneCycleLR(o, 1.0, total_steps=50, div_factor=10, final_div_factor=100,
                            cycle_momentum=False))
case("constant", {"warmup": 4, "warmup_kind": "constant", "warmup_factor": 0.25}, 9,
     lambda o: S.ConstantLR(o, 0.25, 4))
# The published definition (Hugging Face's get_inverse_sqrt_schedule) as a LambdaLR.
for warm, scale in ((10, 10), (0, 25), (5, 40)):
    case("inverse_sqrt", {"warmup": warm, "timescale": scale}, 60, lambda o: S.LambdaLR(
        o, lambda t: (t + 1) / warm if t < warm else (scale / (t + scale - warm)) ** 0.5))
write("schedules.json", schedules)

# ---- losses: sums over the samples and their gradients --------------------------------------

N, K, D = 6, 4, 5
f, teacher = 3 * numbers(7, N, K), 3 * numbers(8, N, K)
embedding = numbers(9, N, D)
label = torch.tensor([0, 3, 1, 1, 2, 0])
log_prior = torch.log(torch.tensor([0.4, 0.3, 0.2, 0.1]))
losses = []


def loss(name, settings, x, value):
    x = x.clone().requires_grad_(True)
    total = value(x)
    total.backward()
    losses.append({"loss": name, "settings": settings, "k": x.shape[1], "value": total.item(),
                   "gradient": x.grad.flatten().tolist()})


def kl(x, t):
    return F.kl_div(F.log_softmax(x / t, 1), F.softmax(teacher / t, 1), reduction="sum") * t * t


def ce(x, **more):
    return F.cross_entropy(x, label, reduction="sum", **more)


def nce(x, t, bias, prior):
    score = x @ x.T / t + bias
    pair = torch.arange(N) // 2
    other = torch.triu(pair[:, None] != pair[None, :])
    positive = F.softplus(-score[0::2, 1::2].diagonal()).mean()
    return N * (prior * positive + (1 - prior) * F.softplus(score[other]).mean())


def info_nce(x, t):
    score = (x @ x.T / t).masked_fill(torch.eye(N, dtype=torch.bool), -torch.inf)
    return F.cross_entropy(score, torch.arange(N) ^ 1, reduction="sum")


for e in (0.0, 0.1, 1.0):
    loss("cross_entropy", {"label_smoothing": e}, f, lambda x: ce(x, label_smoothing=e))
for tau, e in ((1.0, 0.0), (0.5, 0.2)):
    loss("logit_adjusted", {"tau": tau, "label_smoothing": e}, f,
         lambda x: ce(x + tau * log_prior, label_smoothing=e))
loss("distill", {}, f, lambda x: N * F.mse_loss(x, teacher))
for t, a in ((1.0, 1.0), (4.0, 1.0), (2.0, 0.7), (1.0, 0.0)):
    loss("distill_kl", {"temperature": t, "distill_weight": a}, f,
         lambda x: a * kl(x, t) + (1 - a) * ce(x))
for t, bias, prior in ((1.0, 0.0, 0.5), (0.5, -1.5, 0.2)):
    loss("nce", {"temperature": t, "nce_bias": bias, "nce_prior": prior}, embedding,
         lambda x: nce(x, t, bias, prior))
for t in (1.0, 0.3):
    loss("info_nce", {"temperature": t}, embedding, lambda x: info_nce(x, t))
write("losses.json", {"n": N, "label": label.tolist(), "log_prior": log_prior.tolist(),
                      "f": f.flatten().tolist(), "teacher": teacher.flatten().tolist(),
                      "embedding": embedding.flatten().tolist(), "runs": losses})
