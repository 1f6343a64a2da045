"""The classifier two-sample test by scikit-learn: python sklearn_c2st.py reference.npy samples.npy [starts].

As in sbibm (metrics/c2st.py), but that every fold and start has another seed; `--sbibm` gives all folds the seed 1.
"""
import sys
import time

import numpy as np
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier

words = [word for word in sys.argv[1:] if word != "--sbibm"]
x, y = (np.load(word) for word in words[:2])
n = min(len(x), len(y))
mean, sd = x[:n].mean(0), x[:n].std(0, ddof=1)
data = ((np.r_[x[:n], y[:n]] - mean) / sd).astype(np.float32)
label = np.r_[np.zeros(n), np.ones(n)]
start = time.process_time()
scores = []
for k in range(int(words[2]) if len(words) > 2 else 1):
    folds = KFold(5, shuffle=True, random_state=1 + k).split(data)
    for fold, (train, test) in enumerate(folds):
        seed = 1 if "--sbibm" in sys.argv else 100 * k + fold
        units = 10 * x.shape[1]
        network = MLPClassifier(hidden_layer_sizes=(units, units), max_iter=10000, random_state=seed)
        scores.append(network.fit(data[train], label[train]).score(data[test], label[test]))
starts = np.reshape(scores, (-1, 5)).mean(1)
print(f"{starts.mean():.4f}, starts {starts.round(4)}, {time.process_time() - start:.1f} s of CPU")
