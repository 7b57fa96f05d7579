"""Makes statistics.json: what SciPy, statsmodels and NumPy say of small samples.

    python3 make_statistics.py      (needs scipy, statsmodels, numpy; the versions used are noted in the file)

Wilcoxon's test is `scipy.stats.wilcoxon` with its defaults: zero_method="wilcox", two-sided, method="auto". The rank-biserial
correlation is Kerby's simple difference of rank sums, taken from `scipy.stats.rankdata`.
"""

import json
import pathlib

import numpy as np
import scipy
import statsmodels
from scipy import stats
from statsmodels.stats.multitest import multipletests

rng = np.random.default_rng(20250131)


def samples():
    yield "one pair", np.array([0.3])
    yield "all positive", np.array([0.1, 0.25, 0.3, 0.7, 0.9])
    yield "three groups", np.array([0.4, -0.1, 0.2])
    yield "no ties", rng.normal(0.02, 0.1, 20)
    yield "most pairs that are exact", rng.normal(0.02, 0.1, 50)
    yield "one pair too many", rng.normal(0.02, 0.1, 51)
    yield "ties, exact", np.array([0.5, 0.5, -0.5, 0.25, -0.25, 1, 1, 0.75, -0.125])
    yield "ties and zeros, exact", np.array([0, 0, 0.5, 0.5, -0.5, 0.25, 0.25, 1, -1, 0.75, 0.125, 0.125, 0.5])
    yield "ties, one pair too many", np.array([0.5, 0.5, -0.5, 0.25, -0.25, 1, 1, 0.75, -0.125, 2, 2, 3, -3, 0.5])
    yield "zeros alone, normal", np.append(rng.normal(0.05, 0.1, 20), [0.0, 0.0])
    yield "many ties and zeros", np.round(rng.normal(0.05, 0.3, 120), 1)
    yield "many pairs", rng.normal(0.01, 0.1, 400)
    yield "far from zero", rng.normal(0.3, 0.05, 45)
    yield "balanced", np.array([1.0, -1.0, 2.0, -2.0])


def wilcoxon(name, differences):
    result = stats.wilcoxon(differences)
    kept = differences[differences != 0]
    ranks = stats.rankdata(np.abs(kept))
    return {
        "name": name,
        "differences": differences.tolist(),
        "n": len(kept),
        "statistic": float(result.statistic),
        "p": float(result.pvalue),
        "rank_biserial": float((ranks[kept > 0].sum() - ranks[kept < 0].sum()) / ranks.sum()),
    }


def holm(p):
    return {"p": p, "corrected": multipletests(p, method="holm")[1].tolist()}


def kendall(first, second):
    return {"first": first, "second": second, "tau": float(stats.kendalltau(first, second).statistic)}


def quartiles(values):
    q1, median, q3 = np.percentile(values, [25, 50, 75])
    return {"values": values, "q1": float(q1), "median": float(median), "q3": float(q3)}


document = {
    "versions": {"scipy": scipy.__version__, "statsmodels": statsmodels.__version__, "numpy": np.__version__},
    "wilcoxon": [wilcoxon(*sample) for sample in samples()],
    "holm": [
        holm([0.01]),
        holm([0.01, 0.04, 0.03, 0.005]),
        holm([0.5, 0.5, 0.6, 0.9]),
        holm([0.02, 0.02, 0.02, 1e-9, 0.3]),
        holm(rng.uniform(0, 0.2, 30).tolist()),
    ],
    "normal": [{"z": z, "two_sided": float(2 * stats.norm.sf(abs(z)))} for z in [0.0, 0.5, -1.96, 3.1, -6.0, 12.0]],
    "kendall": [
        kendall([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        kendall([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]),
        kendall([0.4, 0.1, 0.9, 0.3], [0.2, 0.3, 0.8, 0.1]),
        kendall([0.4, 0.4, 0.9, 0.3], [0.2, 0.3, 0.8, 0.3]),
    ],
    "quartiles": [quartiles(rng.normal(size=n).tolist()) for n in [1, 2, 3, 4, 9, 30]],
}
pathlib.Path(__file__).with_name("statistics.json").write_text(json.dumps(document, indent=1) + "\n")
