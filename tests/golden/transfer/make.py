#!/usr/bin/env python3
"""Makes mlp.safetensors and mlp.json: a PyTorch network, and what it says of four inputs."""
import json
import struct

import torch

torch.manual_seed(20261127)
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 5), torch.nn.ReLU(),
                          torch.nn.Linear(5, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3))
header, data = {"__metadata__": {"format": "pt"}}, b""
for name, tensor in net.state_dict().items():
    raw = tensor.numpy().astype("<f4").tobytes()
    header[name] = {"dtype": "F32", "shape": list(tensor.shape),
                    "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
with open("mlp.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text + data)
x = torch.sin(torch.arange(24, dtype=torch.float64).reshape(4, 6)).float()
with open("mlp.json", "w") as f:
    json.dump({"logits": net(x).tolist()}, f, indent=1)
    f.write("\n")
