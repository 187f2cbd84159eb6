"""The peer of bench_alignment: all-pairs mutual k-NN and CKA in numpy, float32, as fast as one can
write it there: neighbour lists once per model by argpartition, pairs by comparison of the lists,
CKA by a product of vectorised Gram matrices, in blocks. Prints CPU seconds.

usage: peer_alignment.py MODELS PROBES FEATURES NEIGHBOURS   (unset OPENBLAS_CORETYPE for best speed)
"""
import sys
import time

import numpy as np

M, n, d, k = (int(a) for a in sys.argv[1:5])
base = np.random.default_rng(0).standard_normal((n, d), np.float32)


def features(i):
    x = base + np.float32(0.7) * np.random.default_rng(i).standard_normal((n, d), np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def timed(f):
    start = time.process_time()
    result = f()
    return time.process_time() - start, result


def neighbours():
    lists = []
    for x in F:
        lists.append(np.empty((n, k), np.int32))
        for i in range(0, n, 512):
            g = x[i:i + 512] @ x.T
            rows = np.arange(g.shape[0])
            g[rows, rows + i] = -1e8
            lists[-1][i:i + 512] = np.argpartition(g, n - k, axis=1)[:, n - k:]
    return lists


def overlaps():
    s = np.zeros((M, M))
    for i in range(M):
        for j in range(i):
            s[i, j] = (L[i][:, :, None] == L[j][:, None, :]).sum() / (n * k)
    return s


def cka_gram():
    c = [x - x.mean(0) for x in F]
    s = np.zeros((M, M))
    rows = max(1, min(n, (256 << 20) // (M * n * 4)))
    buffer = np.empty((M, rows * n), np.float32)
    for r in range(0, n, rows):
        m = min(rows, n - r)
        for i in range(M):
            np.matmul(c[i][r:r + m], c[i].T, out=buffer[i, :m * n].reshape(m, n))
        s += buffer[:, :m * n] @ buffer[:, :m * n].T
    root = np.sqrt(np.diag(s))
    return s / root[:, None] / root


def cka_features():
    c = [x - x.mean(0) for x in F]
    s = np.zeros((M, M))
    for i in range(M):
        for j in range(i + 1):
            p = c[i].T @ c[j]
            s[i, j] = np.vdot(p, p)
    root = np.sqrt(np.diag(s))
    return s / root[:, None] / root


F = [features(i) for i in range(1, M + 1)]
a = np.ones((1024, 1024), np.float32)
peak = 2 * 1024**3 / min(timed(lambda: a @ a)[0] for _ in range(5))
t_lists, L = timed(neighbours)
t_pairs, S = timed(overlaps)
t_gram, C = timed(cka_gram)
t_features = timed(cka_features)[0] if M <= 40 else np.inf
t_cka = min(t_gram, t_features)
print(f"numpy: product {1e-9 * peak:.0f} GFLOP/s; mutual_knn {t_lists + t_pairs:.2f} s (lists "
      f"{t_lists:.2f}), cka {t_cka:.2f} s, both {t_lists + t_pairs + t_cka:.2f} s; "
      f"pair (0, 1): {S[1, 0]:.4f} {C[1, 0]:.6f}")
