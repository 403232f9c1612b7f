"""Writes reference.json: what PyTorch's and Keras's layers make of given inputs and weights.

    pip install torch tensorflow-cpu && python3 reference.py

Inputs and weights are 0.5·sin(phase + 1.3·i), i counting in the layout of golab/mlx/layers, so that the file holds their phases only.
Made with torch 2.15.0 and keras 3.15.1 (TensorFlow 2.21.0).
"""
import json, os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np, torch, keras
from torch import nn

cases = []


class Case:
    def __init__(self, name, *dims):
        self.name, self.dims, self.variables = name, dims, {}
        self.x = self.numbers(0.1, dims)

    @staticmethod
    def numbers(phase, dims):
        return (0.5 * np.sin(phase + 1.3 * np.arange(np.prod(dims)))).astype(np.float32).reshape(dims)

    def v(self, path, *dims):
        phase = round(1 + 0.7 * len(self.variables), 1)
        self.variables[path] = {"phase": phase, "dims": dims}
        return self.numbers(phase, dims)

    def gives(self, y):
        if isinstance(y, torch.Tensor):
            y = y.detach().numpy()
        y = np.asarray(y)
        cases.append({"name": self.name, "in": self.dims, "variables": self.variables, "out": y.shape, "values": [round(float(a), 6) for a in y.flatten()]})


def t(a):
    return torch.from_numpy(np.ascontiguousarray(a))


def channels_first(x):
    return t(np.moveaxis(x, -1, 1))


def channels_last(y):
    return y.detach().movedim(1, -1)


def torch_conv(name, module, dims, transposed=False):
    c = Case(name, *dims)
    w = module.weight.shape  # [filters, channels/groups, size…], transposed [channels, filters, size…]
    order = (*range(2, len(w)), 0, 1) if transposed else (*range(2, len(w)), 1, 0)
    ours = c.v("weights", *[w[i] for i in order])
    bias = c.v("bias", module.bias.shape[0])
    with torch.no_grad():
        module.weight.copy_(t(np.transpose(ours, np.argsort(order))))
        module.bias.copy_(t(bias))
    c.gives(channels_last(module(channels_first(c.x))))


def keras_conv(name, layer, dims, transposed=False):
    c = Case(name, *dims)
    layer.build(dims)
    k = layer.kernel.shape
    ours = c.v("weights", *(k[:-2] + (k[-1], k[-2]) if transposed else k))
    layer.set_weights([np.swapaxes(ours, -1, -2) if transposed else ours, c.v("bias", layer.bias.shape[0])])
    c.gives(layer(c.x))


torch_conv("conv2d dilated", nn.Conv2d(2, 3, 2, dilation=2), (2, 5, 4, 2))
torch_conv("conv2d padded", nn.Conv2d(9, 2, (3, 2), stride=(2, 1), padding=(1, 0)), (1, 5, 4, 9))
torch_conv("conv2d groups", nn.Conv2d(4, 6, 3, groups=2), (1, 4, 4, 4))
torch_conv("conv2d depthwise", nn.Conv2d(3, 6, 2, groups=3), (1, 3, 3, 3))
torch_conv("conv_transpose2d padded", nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1), (1, 2, 3, 3), True)
torch_conv("conv_transpose1d dilated", nn.ConvTranspose1d(2, 3, 3, stride=2, dilation=2), (2, 3, 2), True)
keras_conv("conv2d same", keras.layers.Conv2D(3, 3, strides=2, padding="same", activation="relu"), (2, 4, 5, 2))
keras_conv("conv1d causal", keras.layers.Conv1D(2, 3, dilation_rate=2, padding="causal"), (2, 6, 2))
keras_conv("conv1d causal strided", keras.layers.Conv1D(2, 3, strides=2, padding="causal"), (1, 7, 2))
keras_conv("conv_transpose2d same", keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same"), (1, 2, 3, 2), True)
keras_conv("conv_transpose1d same, gaps", keras.layers.Conv1DTranspose(2, 2, strides=3, padding="same"), (1, 3, 2), True)

c = Case("max_pool2d padded", 1, 5, 4, 2)
c.gives(channels_last(nn.functional.max_pool2d(channels_first(c.x), 3, 2, 1)))
c = Case("max_pool1d", 2, 7, 2)
c.gives(channels_last(nn.functional.max_pool1d(channels_first(c.x), 3)))
c = Case("max_pool2d same", 1, 4, 5, 2)
c.gives(keras.layers.MaxPooling2D(3, 2, "same")(c.x))
c = Case("avg_pool2d same", 1, 4, 5, 2)
c.gives(keras.layers.AveragePooling2D(3, 2, "same")(c.x))
c = Case("avg_pool2d padded", 1, 4, 5, 2)
c.gives(channels_last(nn.functional.avg_pool2d(channels_first(c.x), 2, 2, 1, count_include_pad=False)))
c = Case("up_sample2d", 1, 2, 3, 2)
c.gives(channels_last(nn.functional.interpolate(channels_first(c.x), scale_factor=3, mode="nearest")))
c = Case("up_sample2d linear", 1, 2, 3, 2)
c.gives(channels_last(nn.functional.interpolate(channels_first(c.x), scale_factor=3, mode="bilinear")))

c = Case("layer_norm", 2, 3, 4)
c.gives(nn.functional.layer_norm(t(c.x), (4,), t(c.v("scale", 4)), t(c.v("offset", 4))))
c = Case("rms_norm", 2, 3, 4)
c.gives(nn.functional.rms_norm(t(c.x), (4,), t(c.v("scale", 4)), eps=1e-5))
c = Case("group_norm", 2, 3, 4)
c.gives(channels_last(nn.functional.group_norm(channels_first(c.x), 2, t(c.v("scale", 4)), t(c.v("offset", 4)))))


def recurrent(name, module, lengths, sequences):
    """module has 2 layers in both directions, 3 features and 2 units."""
    c = Case(name, 3, 4, 3)
    kind = type(module).__name__
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[kind]
    with torch.no_grad():
        for layer, features in enumerate([3, 4]):
            for suffix, direction in [("", "forward"), ("_reverse", "backward")]:
                p = f"layer_{layer + 1}/{direction}/"
                get = lambda n: getattr(module, f"{n}_l{layer}{suffix}")
                get("weight_ih").copy_(t(c.v(p + "weights", features, gates * 2).T))
                get("weight_hh").copy_(t(c.v(p + "recurrent_weights", 2, gates * 2).T))
                get("bias_ih").copy_(t(c.v(p + "bias", gates * 2)))
                get("bias_hh").zero_()
                if kind == "GRU":
                    get("bias_hh")[4:].copy_(t(c.v(p + "recurrent_bias", 2)))
    x = t(c.x)
    if lengths:
        x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    y, h = module(x)
    if lengths:
        y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=4)
    h = h[0] if isinstance(h, tuple) else h
    c.gives(y if sequences else torch.cat([h[2], h[3]], -1))


for kind, module in [("lstm", nn.LSTM), ("gru", nn.GRU), ("simple_rnn", nn.RNN)]:
    make = lambda: module(3, 2, num_layers=2, bidirectional=True, batch_first=True)
    recurrent(kind + " sequences", make(), None, True)
    recurrent(kind + " last", make(), None, False)
    recurrent(kind + " padded sequences", make(), [2, 4, 1], True)
    recurrent(kind + " padded last", make(), [2, 4, 1], False)


def attention(c, module, prefix=""):
    """sets the weights of a MultiheadAttention."""
    n = module.embed_dim
    with torch.no_grad():
        for i, name in enumerate(["query", "key", "value"]):
            module.in_proj_weight[i * n : (i + 1) * n].copy_(t(c.v(f"{prefix}{name}/weights", n, n).T))
            module.in_proj_bias[i * n : (i + 1) * n].copy_(t(c.v(f"{prefix}{name}/bias", n)))
        module.out_proj.weight.copy_(t(c.v(f"{prefix}output/weights", n, n).T))
        module.out_proj.bias.copy_(t(c.v(f"{prefix}output/bias", n)))


padding = torch.tensor([[False, False, True, True], [False] * 4, [False, True, True, True]])
causal = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)

c = Case("attention", 3, 4, 6)
m = nn.MultiheadAttention(6, 2, batch_first=True)
attention(c, m)
c.gives(m(t(c.x), t(c.x), t(c.x))[0])
c = Case("attention causal", 3, 4, 6)
attention(c, m)
c.gives(m(t(c.x), t(c.x), t(c.x), attn_mask=causal)[0])
c = Case("attention padded", 3, 4, 6)
attention(c, m)
c.gives(m(t(c.x), t(c.x), t(c.x), key_padding_mask=padding)[0])
c = Case("attention across", 2, 5, 6)  # the first 2 steps look at the other 3
attention(c, m)
c.gives(m(t(c.x[:, :2]), t(c.x[:, 2:]), t(c.x[:, 2:]))[0])


def linear(c, module, prefix):
    with torch.no_grad():
        module.weight.copy_(t(c.v(prefix + "weights", module.in_features, module.out_features).T))
        module.bias.copy_(t(c.v(prefix + "bias", module.out_features)))


def norm(c, module, prefix):
    with torch.no_grad():
        module.weight.copy_(t(c.v(prefix + "scale", module.normalized_shape[0])))
        module.bias.copy_(t(c.v(prefix + "offset", module.normalized_shape[0])))


for name, first in [("encoder", True), ("encoder post-norm", False)]:
    c = Case(name, 3, 4, 6)
    m = nn.TransformerEncoderLayer(6, 2, 5, dropout=0, activation="gelu", batch_first=True, norm_first=first)
    attention(c, m.self_attn, "self_attention/")
    linear(c, m.linear1, "hidden/"), linear(c, m.linear2, "output/")
    norm(c, m.norm1, "self_attention_norm/"), norm(c, m.norm2, "feed_forward_norm/")
    m.train()  # not the fast path
    c.gives(m(t(c.x), src_key_padding_mask=padding))

c = Case("decoder", 2, 5, 6)  # the first 2 steps are the decoder's, the other 3 its memory
m = nn.TransformerDecoderLayer(6, 2, 5, dropout=0, activation="relu", batch_first=True, norm_first=True)
attention(c, m.self_attn, "self_attention/"), attention(c, m.multihead_attn, "cross_attention/")
linear(c, m.linear1, "hidden/"), linear(c, m.linear2, "output/")
norm(c, m.norm1, "self_attention_norm/"), norm(c, m.norm2, "cross_attention_norm/"), norm(c, m.norm3, "feed_forward_norm/")
c.gives(m(t(c.x[:, :2]), t(c.x[:, 2:]), tgt_mask=causal[:2, :2]))

here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "reference.json"), "w") as f:
    f.write("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
