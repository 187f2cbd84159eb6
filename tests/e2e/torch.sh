#!/bin/bash
# torch.sh - networks travel between PyTorch and shoal as safetensors; skipped where PyTorch is not.
. "$(dirname "$0")/common.sh"
python=/usr/bin/python3
$python -c 'import torch' 2>/dev/null || { echo "no PyTorch"; exit 77; }
exec $python "$HERE/../torch/compare.py" "$SHOAL"
