"""Makes probe.json: what scikit-learn's LogisticRegression fits to small sets of features.

    python3 make_probe.py      (needs scikit-learn, numpy; the versions used are noted in the file)

Features are brought to mean 0 and deviation 1 by StandardScaler, penalty L2 with C = 1 unless a case says otherwise, solver lbfgs,
run until nothing moves.
"""

import json
import pathlib
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(20260301)
warnings.simplefilter("error")


def case(name, points, labels, C=1.0):
    points = np.round(points, 4)
    scaler = StandardScaler().fit(points)
    model = LogisticRegression(C=C, tol=1e-12, max_iter=100000).fit(scaler.transform(points), labels)
    asked = np.round(rng.normal(size=(4, points.shape[1])) * points.std(0) + points.mean(0), 4)
    return {
        "name": name,
        "C": C,
        "points": points.tolist(),
        "labels": [int(label) for label in labels],
        "asked": asked.tolist(),
        "probabilities": model.predict_proba(scaler.transform(asked)).tolist(),
        "coefficients": model.coef_.tolist(),
        "intercepts": model.intercept_.tolist(),
    }


def blobs(counts, width, distance, scales=1.0):
    centres = rng.normal(size=(len(counts), width)) * distance
    labels = np.repeat(np.arange(len(counts)), counts)
    return (rng.normal(size=(len(labels), width)) + centres[labels]) * scales, labels


few = blobs([12, 20], 3, 0.7)
constant = blobs([15, 15, 10], 4, 0.8)
constant[0][:, 2] = 3.0
document = {
    "versions": {"scikit-learn": sklearn.__version__, "numpy": np.__version__},
    "cases": [
        case("two classes", *few),
        case("two classes, strongly penalised", *few, C=0.01),
        case("five classes of unequal size", *blobs([30, 12, 9, 20, 15], 6, 0.8)),
        case("scales far apart", *blobs([20, 20, 20], 4, 0.7, np.array([1e-3, 1, 50, 1e3]))),
        case("separable", *blobs([15, 15], 5, 5.0)),
        case("more features than cases", *blobs([8, 8, 8], 30, 0.5)),
        case("a feature that does not vary", *constant),
    ],
}
pathlib.Path(__file__).with_name("probe.json").write_text(json.dumps(document) + "\n")
