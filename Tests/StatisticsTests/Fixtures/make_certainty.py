"""Makes certainty.json: scaling of logits, Laplace's approximation, distances and risk against coverage.

    python3 make_certainty.py      (needs numpy, scipy; the versions used are noted in the file)

Scaling is the minimum of the log loss by scipy.optimize.minimize. Laplace's approximation inverts the Hessian, which is checked
against finite differences of the loss. Ledoit and Wolf's shrinkage is written out as in their paper, with the mean of squares over n.
"""

import json
import pathlib

import numpy as np
import scipy
from scipy import optimize, stats

rng = np.random.default_rng(20261201)


def rounded(x, digits=12):
    return np.round(np.asarray(x, dtype=float), digits).tolist()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def scaling():
    logits = np.round(rng.normal(0, 3, 40), 3)
    chance = sigmoid(0.45 * logits - 0.8)
    total = rng.integers(1, 60, 40)
    positives = rng.binomial(total, chance)
    negatives = total - positives

    def loss(w):
        x = w[0] * logits + (w[1] if len(w) > 1 else 0)
        return np.sum(total * np.logaddexp(0, x) - positives * x) / total.sum()

    best = [optimize.minimize(loss, start, method="BFGS", options={"gtol": 1e-12}).x for start in ([1.0, 0.0], [1.0])]
    return {"logits": rounded(logits, 3), "positives": positives.tolist(), "negatives": negatives.tolist(),
            "scale": best[0][0], "bias": best[0][1], "temperature_alone": 1 / best[1][0]}


def laplace():
    features = np.round(rng.normal(0, 1, (12, 3)), 3)
    weights = np.array([0.7, -1.1, 0.3, 0.2])
    prior = 0.5
    rows = np.hstack([features, np.ones((12, 1))])
    p = sigmoid(rows @ weights)
    hessian = (rows * (p * (1 - p))[:, None]).T @ rows

    def loss(w):
        x = rows @ w
        # Targets equal to the probabilities: the weights are then the minimum, and the Hessian is the same for any targets.
        return np.sum(np.logaddexp(0, x) - p * x)

    step = 1e-4
    eye = np.eye(4) * step
    numeric = np.array([[(loss(weights + a + b) - loss(weights + a - b) - loss(weights - a + b) + loss(weights - a - b))
                         / (4 * step * step) for b in eye] for a in eye])
    assert np.abs(numeric - hessian).max() < 1e-5, numeric - hessian
    covariance = np.linalg.inv(hessian + prior * np.eye(4))
    diagonal = np.linalg.inv(np.diag(np.diag(hessian)) + prior * np.eye(4))
    new = np.round(rng.normal(0, 2, (5, 3)), 3)
    lines = np.hstack([new, np.ones((5, 1))])
    variance = np.einsum("ni,ij,nj->n", lines, covariance, lines)
    logits = lines @ weights
    return {"features": rounded(features, 3), "probability": p.tolist(), "prior": prior, "covariance": covariance.tolist(),
            "diagonal": np.diag(diagonal).tolist(), "new": rounded(new, 3), "variance": variance.tolist(),
            "logits": logits.tolist(), "adjusted": (logits / np.sqrt(1 + np.pi * variance / 8)).tolist()}


def shrunk(centred):
    n, d = centred.shape
    plain = centred.T @ centred / n
    mean = np.trace(plain) / d
    distance = np.sum((plain - mean * np.eye(d)) ** 2)
    error = np.sum([np.sum((np.outer(x, x) - plain) ** 2) for x in centred]) / n**2
    gamma = min(1, error / distance)
    return (1 - gamma) * plain + gamma * mean * np.eye(d)


def distances():
    groups = [np.round(rng.normal(m, [1, 2, 0.5], (9, 3)), 3) for m in (0, 3)]
    new = np.round(rng.normal(1, 3, (6, 3)), 3)
    means = [g.mean(0) for g in groups]
    inverse = np.linalg.inv(shrunk(np.vstack([g - m for g, m in zip(groups, means)])))
    found = [min(np.sqrt((x - m) @ inverse @ (x - m) / 3) for m in means) for x in new]
    known = np.vstack(groups)
    mean, deviation = known.mean(0), known.std(0)

    def unit(rows):
        scaled = (rows - mean) / deviation
        return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)

    apart = np.linalg.norm(unit(new)[:, None] - unit(known)[None], axis=2)
    return {"groups": [rounded(g, 3) for g in groups], "new": rounded(new, 3), "mahalanobis": [float(x) for x in found],
            "fifth_neighbour": np.sort(apart, axis=1)[:, 4].tolist()}


def coverage():
    uncertainty = np.round(rng.uniform(0, 1, 400), 2)
    risk = np.round(np.clip(uncertainty + rng.normal(0, 0.3, 400), 0, 1), 3)
    # Equal uncertainties share their mean risk.
    shared = np.array([risk[uncertainty == u].mean() for u in uncertainty])
    order = np.argsort(uncertainty, kind="stable")
    selective = np.cumsum(shared[order]) / np.arange(1, 401)
    # Many cases of a few uncertainties: the mean over all orders in closed form needs a harmonic sum.
    counts = np.array([5000, 120000, 3])
    risks = np.array([40.0, 9000.0, 2.0])
    each = np.repeat(risks / counts, counts)
    return {"uncertainty": uncertainty.tolist(), "risk": risk.tolist(), "area": float(selective.mean()),
            "half": float(selective[199]), "counts": counts.tolist(), "risks": risks.tolist(),
            "counted_area": float((np.cumsum(each) / np.arange(1, counts.sum() + 1)).mean())}


def ridge():
    rows = np.round(rng.normal(0, [1, 5, 0.1], (15, 3)), 3)
    rows[:, 2] = 0.25
    targets = np.round(0.3 * rows[:, 0] - 0.05 * rows[:, 1] + 0.6 + rng.normal(0, 0.1, 15), 3)
    penalty = 0.02
    mean, deviation = rows.mean(0), rows.std(0)
    deviation[2] = 1
    scaled = (rows - mean) / deviation
    inner = np.linalg.solve(scaled.T @ scaled / 15 + penalty * np.eye(3), scaled.T @ (targets - targets.mean()) / 15)
    weights = inner / deviation
    return {"rows": rounded(rows, 3), "targets": rounded(targets, 3), "penalty": penalty, "weights": weights.tolist(),
            "constant": float(targets.mean() - weights @ mean)}


document = {
    "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    "scaling": scaling(),
    "laplace": laplace(),
    "distances": distances(),
    "coverage": coverage(),
    "ridge": ridge(),
    "student": [{"degrees": int(n), "value": float(stats.t.ppf(0.975, n))} for n in (1, 2, 3, 4, 7, 30)],
}
file = pathlib.Path(__file__).with_name("certainty.json")
file.write_text(json.dumps(document, indent=1) + "\n")
