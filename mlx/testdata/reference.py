"""Reference values of losses, optimizers and schedules, by PyTorch 2.15.0 and torchvision:

    python3 -m venv v && v/bin/pip install torch torchvision
    v/bin/python mlx/testdata/reference.py > mlx/testdata/reference.json
"""
import json
import torch
import torch.nn.functional as F
import torchvision.ops as ops

torch.set_default_dtype(torch.float64)


def rounded(x, digits=9):
    if isinstance(x, (list, tuple)):
        return [rounded(v, digits) for v in x]
    return float(f"%.{digits}g" % x)


def case(name, outputs, labels, f):
    """Loss of each example, and the gradient of their sum."""
    x = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
    each = f(x)
    (grad,) = torch.autograd.grad(each.sum(), x)
    return dict(name=name, outputs=outputs, labels=labels, each=rounded(each.tolist()), gradient=rounded(grad.tolist()))


logits = [[1.5, -0.3, 0.2], [0.1, 2.0, -1.0], [-4.0, 3.0, 12.0], [60.0, -60.0, 0.0]]
classes = [0, 2, 1, 1]
soft = [[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4], [0.5, 0.25, 0.25]]
one, bits = [[1.5], [-0.3], [30.0], [-30.0]], [1, 0, 0, 1]
many, mixed = [[1.5, -0.3], [-2.0, 0.4]], [[1.0, 0.0], [0.3, 1.0]]
values, targets = [[0.3, -2.0], [5.0, 0.1], [1.0, 1.0]], [[0.1, 1.0], [1.0, 0.0], [1.25, -1.75]]
c, b, m = torch.tensor(classes), torch.tensor(bits, dtype=torch.float64)[:, None], torch.tensor(mixed)
w, s, v = torch.tensor([1.0, 0.5, 2.0]), torch.tensor(soft), torch.tensor(targets)
boxes = [[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 4.0], [0.0, 0.0, 1.0, 1.0]]
truth = [[0.5, 0.5, 2.5, 2.0], [1.0, 1.0, 3.0, 4.0], [3.0, 2.0, 5.0, 3.0]]
pairs = [[0.3, -0.2, 0.5, 0.1], [1.0, 2.0, -1.0, 0.5], [0.3, 0.1, 0.2, 0.4]]
together = [[1.0], [0.0], [0.0]]
triplets = [[0.3, -0.2, 0.5, 0.1, 0.9, -0.4], [1.0, 2.0, 1.0, 2.5, 5.0, 5.0]]


def focal_softmax(x, gamma):
    logp = torch.log_softmax(x, -1).gather(1, c[:, None])[:, 0]
    return -((1 - logp.exp()) ** gamma) * logp


def contrastive(x, margin):
    d, y = F.pairwise_distance(x[:, :2], x[:, 2:], eps=0), torch.tensor(together)[:, 0]
    return (y * d**2 + (1 - y) * torch.relu(margin - d) ** 2) / 2


torch.manual_seed(1)
speech = torch.randn(4, 6, 4).mul(2).tolist()
words = [[1, 2, 3], [2, 2, -1], [3, -1, -1], [1, 1, 1]]
lengths = [3, 2, 1, 3]
flat = torch.tensor([s for row in words for s in row if s >= 0])


def ctc(x, blank=0):
    return F.ctc_loss(torch.log_softmax(x, -1).transpose(0, 1), flat, torch.full((4,), x.shape[1]), torch.tensor(lengths), blank=blank, reduction="none")


short = [row[:4] for row in speech]  # too short for 1 1 1
losses = [
    case("cross-entropy", logits, classes, lambda x: F.cross_entropy(x, c, reduction="none")),
    case("smoothing 0.1", logits, classes, lambda x: F.cross_entropy(x, c, reduction="none", label_smoothing=0.1)),
    case("weights", logits, classes, lambda x: F.cross_entropy(x, c, w, reduction="none")),
    case("smoothing 0.1, weights", logits, classes, lambda x: F.cross_entropy(x, c, w, reduction="none", label_smoothing=0.1)),
    case("soft", logits, soft, lambda x: F.cross_entropy(x, s, reduction="none")),
    case("soft, smoothing 0.2, weights", logits, soft, lambda x: F.cross_entropy(x, s, w, reduction="none", label_smoothing=0.2)),
    case("binary", one, bits, lambda x: F.binary_cross_entropy_with_logits(x, b, reduction="none").mean(-1)),
    case("binary, positive 3", one, bits, lambda x: F.binary_cross_entropy_with_logits(x, b, reduction="none", pos_weight=torch.tensor([3.0])).mean(-1)),
    case("binary values, positive 3", many, mixed, lambda x: F.binary_cross_entropy_with_logits(x, m, reduction="none", pos_weight=torch.tensor([3.0])).mean(-1)),
    case("focal", one, bits, lambda x: ops.sigmoid_focal_loss(x, b, alpha=-1).mean(-1)),
    case("focal, alpha 0.25, gamma 1.5", one, bits, lambda x: ops.sigmoid_focal_loss(x, b, alpha=0.25, gamma=1.5).mean(-1)),
    case("focal, classes", logits, classes, lambda x: focal_softmax(x, 2)),
    case("hinge, classes", logits, classes, lambda x: F.multi_margin_loss(x, c, reduction="none")),
    case("hinge", one, bits, lambda x: torch.relu(1 - (2 * b - 1) * x).mean(-1)),
    case("kl", logits, soft, lambda x: F.kl_div(torch.log_softmax(x, -1), s, reduction="none").sum(-1)),
    case("mse", values, targets, lambda x: F.mse_loss(x, v, reduction="none").mean(-1)),
    case("mae", values, targets, lambda x: F.l1_loss(x, v, reduction="none").mean(-1)),
    case("huber", values, targets, lambda x: F.huber_loss(x, v, reduction="none").mean(-1)),
    case("huber 2", values, targets, lambda x: F.huber_loss(x, v, reduction="none", delta=2.0).mean(-1)),
    case("cosine", values, targets, lambda x: 1 - F.cosine_similarity(x, v)),
    case("iou", boxes, truth, lambda x: 1 - torch.diagonal(ops.box_iou(x, torch.tensor(truth)))),
    case("giou", boxes, truth, lambda x: ops.generalized_box_iou_loss(x, torch.tensor(truth))),
    case("contrastive 1", pairs, together, lambda x: contrastive(x, 1)),
    case("contrastive 4", pairs, together, lambda x: contrastive(x, 4)),
    case("triplet 0.5", triplets, [[0.0], [0.0]], lambda x: F.triplet_margin_loss(x[:, :2], x[:, 2:4], x[:, 4:], margin=0.5, reduction="none", eps=0)),
    case("ctc", speech, words, ctc),
    case("ctc, long", [row * 12 for row in speech], words, ctc),
]
x = torch.tensor(short, requires_grad=True)
each = F.ctc_loss(torch.log_softmax(x, -1).transpose(0, 1), flat, torch.full((4,), 4), torch.tensor(lengths), reduction="none", zero_infinity=True)
(grad,) = torch.autograd.grad(each.sum(), x)
losses.append(dict(name="ctc, short", outputs=short, labels=words, each=rounded(each.tolist()), gradient=rounded(grad.tolist())))


def path(make, clip=None, l2=0, l1=0):
    """Weights after each of 6 steps on Σ a·w²/2, the rate 0.1."""
    a, weights = torch.tensor([[1.0, 10.0, 0.1]]), torch.tensor([[1.0, -2.0, 3.0]], requires_grad=True)
    o, out = make([weights]), []
    for _ in range(6):
        o.zero_grad()
        ((a * weights**2).sum() / 2 + l2 * (weights**2).sum() + l1 * weights.abs().sum()).backward()
        if clip:
            clip(weights)
        o.step()
        out.append(rounded(weights[0].tolist()))
    return out


O = torch.optim
optimizers = {
    "sgd": path(lambda p: O.SGD(p, 0.1)),
    "momentum": path(lambda p: O.SGD(p, 0.1, momentum=0.9)),
    "nesterov": path(lambda p: O.SGD(p, 0.1, momentum=0.9, nesterov=True)),
    "adam": path(lambda p: O.Adam(p, 0.1)),
    "adamw": path(lambda p: O.AdamW(p, 0.1)),
    "adamw 0.3": path(lambda p: O.AdamW(p, 0.1, weight_decay=0.3)),
    "rmsprop": path(lambda p: O.RMSprop(p, 0.1)),
    "rmsprop momentum": path(lambda p: O.RMSprop(p, 0.1, alpha=0.9, momentum=0.5)),
    "rmsprop centered": path(lambda p: O.RMSprop(p, 0.1, centered=True)),
    "clip norm": path(lambda p: O.SGD(p, 0.1), clip=lambda p: torch.nn.utils.clip_grad_norm_(p, 1.5)),
    "clip value": path(lambda p: O.SGD(p, 0.1), clip=lambda p: torch.nn.utils.clip_grad_value_(p, 0.8)),
    "penalties": path(lambda p: O.SGD(p, 0.1), l2=0.05, l1=0.02),
}


def rates(make, steps, rate=0.4):
    p = torch.zeros(1, requires_grad=True)
    o = O.SGD([p], rate)
    s, out = make(o), []
    for _ in range(steps):
        out.append(o.param_groups[0]["lr"])
        o.step()
        s.step()
    return rounded(out)


S = O.lr_scheduler
schedules = {
    "cosine": rates(lambda o: S.CosineAnnealingLR(o, 20), 20),
    "one cycle": rates(lambda o: S.OneCycleLR(o, 0.4, 20), 20),
    "one cycle 7": rates(lambda o: S.OneCycleLR(o, 0.4, 7), 7),
    "step": rates(lambda o: S.StepLR(o, 10, 0.5), 20),  # 5 steps an epoch: every 2 epochs
    "exponential": rates(lambda o: S.StepLR(o, 5, 0.9), 20),
    "warm-up": rates(lambda o: S.SequentialLR(o, [S.LinearLR(o, 0.25, 1, 3), S.CosineAnnealingLR(o, 16)], [4]), 20),
}
rows = lambda all: "[\n" + ",\n".join(map(json.dumps, all)) + "\n]"
table = lambda all: "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in all.items()) + "\n}"
print(f'{{"losses": {rows(losses)},\n"optimizers": {table(optimizers)},\n"schedules": {table(schedules)}}}')
