"""Reference values of metrics, by scikit-learn 1.9.1, NLTK, jiwer and pycocotools:

    python3 -m venv v && v/bin/pip install scikit-learn nltk jiwer pycocotools
    v/bin/python mlx/metrics/testdata/reference.py > mlx/metrics/testdata/reference.json
"""
import contextlib
import io
import json
import numpy as np
import sklearn.metrics as m
from sklearn.calibration import calibration_curve

r = np.random.default_rng(1)
n, k = 80, 3
truth = r.integers(0, k, n)
scores = np.round(r.dirichlet(np.ones(k), n) * 0.7 + 0.3 * np.eye(k)[truth], 2)  # rounded: with ties
scores[:, 0] = np.round(1 - scores[:, 1] - scores[:, 2], 2)
predicted = scores.argmax(1)
binary, p = truth == 0, scores[:, 0]
y = np.round(r.normal(3, 2, n), 3)
z = np.round(y + r.normal(0, 1, n), 3)
y[y == 0] = 1
report = m.classification_report(truth, predicted, output_dict=True)
three = lambda d: [d["precision"], d["recall"], d["f1-score"]]
fpr, tpr, thresholds = m.roc_curve(binary, p, drop_intermediate=False)
precision, recall, pr_thresholds = m.precision_recall_curve(binary, p)
observed, mean = calibration_curve(binary, p, n_bins=10)
bins = np.clip(np.ceil(p * 10).astype(int) - 1, 0, 9)
ece = sum(abs(p[bins == b].mean() - binary[bins == b].mean()) * (bins == b).sum() / n for b in set(bins))

import nltk.translate.bleu_score as bleu
import jiwer
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

texts = [["the cat sat on the mat today", "there is a cat on the mat"], ["he read the whole book because he was interested in world history"], ["a b c d e"]]
said = ["the cat the cat on the mat", "he read the book because he was interested in history", "a b c d x y"]
wrong = ["the cat sat at mat", "read the whole book becaus he was very interested in world history", "a b d"]
first = [t[0] for t in texts]

truths, detections = [], []
for image in range(6):
    for _ in range(r.integers(1, 5)):
        x, y0 = r.uniform(0, 80, 2)
        w, h = r.uniform(40, 90, 2)
        c = int(r.integers(0, 2))
        truths.append([image, c, x, y0, x + w, y0 + h])
        for _ in range(r.integers(0, 3)):
            j = r.normal(0, 6, 4)
            detections.append([image, c if r.random() < 0.8 else 1 - c, x + j[0], y0 + j[1], x + w + j[2], y0 + h + j[3], float(np.round(r.random(), 1))])
truths, detections = [[float(np.round(v, 3)) for v in t] for t in truths], [[float(np.round(v, 3)) for v in d] for d in detections]
with contextlib.redirect_stdout(io.StringIO()):
    coco = COCO()
    box = lambda t: [t[2], t[3], t[4] - t[2], t[5] - t[3]]
    coco.dataset = dict(
        images=[dict(id=i + 1) for i in range(6)], categories=[dict(id=1), dict(id=2)],
        annotations=[dict(id=i + 1, image_id=int(t[0]) + 1, category_id=int(t[1]) + 1, bbox=box(t), area=box(t)[2] * box(t)[3], iscrowd=0) for i, t in enumerate(truths)])
    coco.createIndex()
    found = coco.loadRes([dict(image_id=int(d[0]) + 1, category_id=int(d[1]) + 1, bbox=box(d), score=d[6]) for d in detections])
    e = COCOeval(coco, found, "bbox")
    e.evaluate(), e.accumulate(), e.summarize()

print(json.dumps(dict(
    truth=truth.tolist(), predicted=predicted.tolist(), scores=scores.tolist(), y=y.tolist(), z=z.tolist(),
    confusion=m.confusion_matrix(truth, predicted).tolist(),
    by_truth=m.confusion_matrix(truth, predicted, normalize="true").tolist(),
    by_prediction=m.confusion_matrix(truth, predicted, normalize="pred").tolist(),
    classes=[three(report[str(c)]) for c in range(k)], macro=three(report["macro avg"]), weighted=three(report["weighted avg"]),
    fpr=fpr.tolist(), tpr=tpr.tolist(), thresholds=thresholds[1:].tolist(),
    precision=precision[:-1][::-1].tolist(), recall=recall[:-1][::-1].tolist(), observed=observed.tolist(), mean=mean.tolist(),
    texts=texts, said=said, first=first, wrong=wrong, truths=truths, detections=detections,
    numbers=dict(
        accuracy=m.accuracy_score(truth, predicted), balanced=m.balanced_accuracy_score(truth, predicted), top2=m.top_k_accuracy_score(truth, scores, k=2),
        kappa=m.cohen_kappa_score(truth, predicted), mcc=m.matthews_corrcoef(truth, predicted), auc=m.roc_auc_score(binary, p),
        auc_ovr=np.mean([m.roc_auc_score(truth == c, scores[:, c]) for c in range(k)]), ap=m.average_precision_score(binary, p),
        ap_ovr=m.average_precision_score(np.eye(k)[truth], scores), log_loss=m.log_loss(truth, scores), brier=m.brier_score_loss(binary, p), ece=ece,
        mse=m.mean_squared_error(y, z), rmse=m.root_mean_squared_error(y, z), mae=m.mean_absolute_error(y, z), mape=m.mean_absolute_percentage_error(y, z), r2=m.r2_score(y, z),
        wer=jiwer.wer(first, wrong), cer=jiwer.cer(first, wrong), bleu=bleu.corpus_bleu([[t.split() for t in ts] for ts in texts], [s.split() for s in said]),
        map=e.stats[0], map50=e.stats[1], map75=e.stats[2]))))
