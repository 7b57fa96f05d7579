"""Makes tsne.json: points and the Kullback-Leibler divergence that scikit-learn's exact t-SNE is left with.

    python3 make_tsne.py      (needs scikit-learn, numpy; the versions used are noted in the file)

Two data sets: three separate groups, and one in which groups overlap. Points are rounded so that the file says all of them.
"""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.manifold import TSNE

rng = np.random.default_rng(20240611)


def groups(count, width, spread):
    centres = rng.normal(size=(3, width)) * spread
    return np.round(np.concatenate([c + rng.normal(size=(count, width)) for c in centres]), 2)


cases = []
for name, points, perplexity in [
    ("apart", groups(30, 8, 6.0), 15.0),
    ("overlapping", groups(40, 6, 1.2), 30.0),
]:
    model = TSNE(
        n_components=2,
        perplexity=perplexity,
        early_exaggeration=12.0,
        learning_rate="auto",
        max_iter=1000,
        init="pca",
        method="exact",
        random_state=0,
    )
    model.fit(points)
    cases.append(
        {
            "name": name,
            "perplexity": perplexity,
            "points": points.tolist(),
            "kl": float(model.kl_divergence_),
        }
    )

out = {"made_with": {"scikit-learn": sklearn.__version__, "numpy": np.__version__}, "cases": cases}
path = pathlib.Path(__file__).with_name("tsne.json")
path.write_text(json.dumps(out) + "\n")
print([(c["name"], c["kl"]) for c in cases], path.stat().st_size)
