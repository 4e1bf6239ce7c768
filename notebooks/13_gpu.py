# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] tags=["slide"]
# # 13 · The machine is attention over training patches
#
# **You will** rewrite the equivariant local score machine as attention, run it in one call of torch, cut it into pieces
# that fit any computer, find where 32-bit numbers grow too coarse, and reckon what ImageNet would cost.
#
# **You will learn** why the formula is attention, and what it costs.
#
# **You need** lesson 07 (the ELS machine); you do not need a GPU.
#
# **Time** 74 minutes. Sections 1 to 3, 5 and 6 are the heart; 4 and 7 can wait (but run their cells). The part at the
# end, "If you want more", has no minutes of its own.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. Query, key, value, bias (8 minutes)
#
# The ELS machine compares a window $q = x_t[\Omega_x]$ with every training patch $p$, and averages their centres
# $p(0)$:
#
# $$ D(x_t)(x) = \sum_p w_p\, p(0), \qquad w_p \propto e^{-\|q - \alpha p\|^2 / 2\sigma^2} . $$
#
# Expand the square:
#
# $$ -\frac{\|q - \alpha p\|^2}{2\sigma^2} = \underbrace{-\frac{\|q\|^2}{2\sigma^2}}_{\text{the same for every } p}
#    + \underbrace{\frac{\alpha}{\sigma^2}\, q \cdot p}_{\text{dot product}}
#    \; \underbrace{- \frac{\alpha^2}{2\sigma^2} \|p\|^2}_{\text{a bias of } p} . $$
#
# The first term is a common factor of all weights and cancels. What is left is a softmax of dot products with a bias:
# **attention**, without one learned weight.

# %% [markdown] tags=["slide"]
# Attention is what transformers are made of. Three learned matrices make of each **token**, a word or a piece of a
# picture, a query, a key and a value. Each query $q$ is compared with all keys $k$; the answer is $\sum_k w_k v_k$,
# with $w$ the softmax of $q \cdot k / \sqrt{d}$, and $d$ numbers in a key.
#
# | | in a transformer | in the machine |
# |---|---|---|
# | query | a matrix times a token | a patch $q$ of the noisy image |
# | key | a matrix times a token | a patch $p$ of a training image |
# | value | a matrix times a token | its centre pixel $p(0)$ |
# | logit | $q \cdot k / \sqrt{d}$ | a dot product and a bias: exercise 1 |
# | context | all tokens | the whole training set |
#
# **Predict.** With 200 training images of 16 x 16 pixels on the torus, how many queries, keys and logits are there?

# %%
from torch.nn import functional as F


def cut(images, P):
    """Every P x P window, wrapped around, by `unfold`, which lists windows: (N, C, H, W) -> (N H W, C P P)."""
    return F.unfold(F.pad(images, [P // 2] * 4, mode="circular"), P).mT.flatten(0, 1)


C, H, W = lab.shape
images, schedule, t, P = lab.data.images[: 51_200 // (H * W)], lab.schedule, 0.5, 7  # 51,200 windows
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
dozen = els.load("fashion-mnist", size=W, n=2019).images[2007:].to(lab.device)  # twelve pictures, not in the dictionary
dozen_noise = els.seeded_noise(range(1000, 1012), lab.shape).to(lab.device)
clean, noise = dozen[:1], dozen_noise[:1]
x_t = els.add_noise(clean, noise, t)

queries, keys = cut(x_t, P), cut(images, P)
centre = torch.arange(C) * P**2 + P**2 // 2
values = keys[:, centre]  # p(0): numbers that the keys hold already, copied
print(f"{len(queries)} queries, {len(keys):,} keys: {len(queries) * len(keys):,} logits")

# %% [markdown]
# ### Exercise 1: The logits of the machine (6 minutes, ★☆☆)
#
# `queries` (M, D) and `keys` (L, D), M queries and L keys of D numbers each, to logits (M, L), by dot products only: no
# M x L x D tensor of differences (the check cannot see how you got there; your memory can). Leave out the term that
# cancels.


# %%
def attention_logits(queries, keys, alpha, sigma):
    """queries (M, D), keys (L, D) -> (M, L): alpha q.k / sigma^2 plus the bias of each key."""
    ...


check.attention_logits(attention_logits)

# %% [markdown]
# Stuck? `check.hint("attention_logits")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def attention_logits(queries, keys, alpha, sigma):
#     bias = -(alpha**2) / 2 * keys.square().sum(1)
#     return (alpha * queries @ keys.T + bias) / sigma**2
# ```
#
# The bias has one number per key, so it broadcasts over the queries. Without it long patches, those of black and white
# (-1 and 1), would be preferred to grey ones (tried below).
# </details>
#
# **Predict.** Will the attention of the middle pixel be spread over many of the 200 images, or held by a few? And at
# which places in them?


# %% tags=["slide"]
def attention(queries, t):
    """All weights, from distances as in the first formula."""
    a, s = schedule.alpha(t), schedule.sigma(t)
    return torch.softmax(-torch.cdist(queries, a * keys).square() / (2 * s**2), dim=1)


weights = attention(queries, t)
middle_pixel = (H // 2) * W + W // 2
middle = weights[middle_pixel].view(-1, 1, H, W)  # its attention: (N, 1, H, W)
share = middle.sum((1, 2, 3))
best = share.argsort(descending=True)[:6]
glow = middle[best] / middle[best].amax((1, 2, 3), keepdim=True) * 2 - 1  # each map has its own scale
fig = plotting.image_rows(
    {"noisy image": x_t / x_t.abs().max(), "training image": images[best], "attention": glow},
    notes=[f"{s:.0%}" for s in share[best]],
)
plotting.patch_outline(fig.axes[0], H // 2, W // 2, P)
for axis in fig.axes[6:]:
    plotting.patch_outline(axis, H // 2, W // 2, 1)
show(
    fig,
    alt="The noisy image with the window of its middle pixel, the six training images with most of this pixel's "
    "attention, and below each where in it the attention goes (each map has its own scale): to a few places near the "
    "middle, which is marked.",
)


# %%
def near(weights):
    """The part of the middle pixel's attention that goes to places within four pixels of the middle."""
    return weights.view(-1, H, W)[:, H // 2 - 4 : H // 2 + 5, W // 2 - 4 : W // 2 + 5].sum().item()


bare = torch.softmax(alpha * queries @ keys.T / sigma**2, dim=1)  # no bias
truth, length = clean.flatten(2)[0].T, keys.square().sum(1)
asked = [(w @ length).mean().item() for w in (weights, bare)]
error = [(w @ values - truth).square().mean().sqrt().item() for w in (weights, bare)]
print(f"|p|^2, mean of those asked: {asked[0]:.0f}, without a bias {asked[1]:.0f}; of all patches {length.mean():.0f}")
print(f"the answer's distance from the clean image (rms): {error[0]:.2f}, without a bias {error[1]:.2f}")

pixels = [cut(x, P) for x in els.add_noise(dozen, dozen_noise, t).split(1)]
others = [near(attention(q[[middle_pixel]], t)) for q in pixels]
print(f"within four pixels: {near(middle):.2%} of this pixel's attention; in twelve pictures from {min(others):.0%}")
moves = torch.randint(0, W, (40, len(images), 2), generator=torch.Generator().manual_seed(0)).tolist()
moved = [torch.stack([m.roll(by, (-2, -1)) for m, by in zip(middle, some, strict=True)]) for some in moves]
far = torch.tensor([near(m) for m in moved])
print(f"all training images moved at random, 40 times: {far.mean():.0%} +- {far.std():.0%}, chance {81 / (H * W):.0%}")

# %%
held = {}
for s in (0.9, 0.5, 0.2, 0.05):
    asking = torch.cat([cut(x, P)[::5] for x in els.add_noise(dozen, dozen_noise, s).split(1)])  # every fifth pixel
    six = torch.cat([attention(q, s).view(len(q), -1, H * W).sum(2).topk(6).values.sum(1) for q in asking.split(52)])
    held[s] = six.quantile(0.5).item()
    print(f"t = {s:4}: six of the 200 images hold {held[s]:4.0%} of the attention (median pixel of twelve pictures)")
if lab.profile == "laptop":
    assert 0.3 < share[best].sum() < 0.37 and near(middle) > 0.999 and 0.17 < min(others) < 0.22
    assert abs(far.mean() - 81 / (H * W)) < 0.02 and 0.05 < far.std() < 0.08 and round(81 / (H * W), 2) == 0.32
    assert [round(part, 2) for part in held.values()] == [0.04, 0.19, 0.96, 1]
    assert [round(x) for x in asked] == [29, 39] and [round(x, 2) for x in error] == [0.21, 0.38]

# %% [markdown]
# Without the bias longer patches are asked ($\|p\|^2$ is 39 in the mean, not 29), and the answer is further from the
# clean image: 0.38, not 0.21.
#
# Six of the 200 images hold a third of this pixel's attention, of the median pixel's 19 %; with more noise, at $t =
# 0.9$, 4 %, with less, at 0.2, 96 %. The machine *asks* every place. That all but a thousandth comes from within four
# pixels is the images' doing (in another picture only a fifth does): the pixel lies on a garment, and theirs lie in the
# middle, too. Move every training image at random: the patches stay the same, so the answers do, and from so near comes
# about a third, as by chance.

# %% [markdown] tags=["slide"]
# ## 2. One call (5 minutes)
#
# torch has one function for attention: `scaled_dot_product_attention(Q, K, V)`. The bias of a key can be handed over
# as a mask that is added to the logits. The dot product can carry it as well: append a 1 to every query and the bias to
# every key. The function divides the dot products by $\sqrt{d}$, unless `scale` says by what to multiply them.
# **Predict:** what takes the place of $\sqrt{d}$ in the machine? And what must `scale` be, if we multiply the
# queries ourselves?


# %%
def operands(queries, keys, alpha, sigma):
    """Q (M, D + 1) and K (L, D + 1), so that Q K^T are the logits of the machine."""
    bias = -(alpha**2) / (2 * sigma**2) * keys.square().sum(1, keepdim=True)
    one = torch.ones_like(queries[:, :1])
    return torch.cat([queries * (alpha / sigma**2), one], dim=1), torch.cat([keys, bias], dim=1)


def one_call(queries, keys, values):
    Q, K = operands(queries, keys, alpha, sigma)
    width = 4 * ((K.shape[1] + 3) // 4)  # zeros fill up: it is fast if all are equally wide, on a GPU a multiple of 4
    padded = (F.pad(x, (0, width - x.shape[1]))[None, None] for x in (Q, K, values))  # two more axes: batch, heads
    return F.scaled_dot_product_attention(*padded, scale=1.0)[0, 0, :, : values.shape[1]]  # (H W, C)


machine = els.EquivariantLocalScoreMachine(images, schedule, patch_size=P, padding="circular")
answer = one_call(queries, keys, values).T.reshape(x_t.shape)
gap = (answer - machine(x_t, t)).abs().max().item()
print(f"one call of attention and the machine of the package differ by at most {gap:.0e}")
scale = [schedule.sigma(s) ** 2 / schedule.alpha(s) for s in (1.0, 0.05)]
print(f"sigma^2 / alpha: {scale[0]:.0f} at t = 1, {scale[1]:.3f} at t = 0.05")
assert gap < 1e-3 and 80 < scale[0] < 80.5 and round(scale[1], 3) == 0.006

# %% [markdown]
# $\sigma^2 / \alpha$ takes the place of $\sqrt{d}$; the queries hold its inverse already, so `scale` is 1. But
# $\sqrt{d}$ is fixed, and $\sigma^2 / \alpha$ falls from 80 to 0.006: so with little noise the nearest patches win
# (section 1).
#
# This is the machine on the torus. With zeros at the border, as in the lab, there is one such attention for every class
# of pixels, with keys of its own (lesson 08).

# %% [markdown] tags=["slide"]
# ## 3. Streaming, and merging what was streamed (7 minutes)
#
# With all 2,000 images the table of weights has 131 million entries; with the full set at 32 x 32, 63 billion. It need
# not exist. Keep three numbers per query, of the keys seen so far, with logits $l_k$ and values $v_k$:
#
# * $m = \max_k l_k$, the largest logit,
# * $z = \sum_k e^{l_k - m}$, the sum,
# * $s = \sum_k e^{l_k - m}\, v_k$, the weighted sum. The answer so far is $s / z$.
#
# **Predict.** Two people each have $(m, z, s)$ of one half of the keys. How do they combine them? Why not average their
# two answers?

# %%
from elscourse.posterior import Partial


def logits_of(queries, keys, t):
    a, s = schedule.alpha(t), schedule.sigma(t)
    return (a * queries @ keys.T - a**2 / 2 * keys.square().sum(1)) / s**2


def stream(queries, keys, values, t, block):
    """The three numbers of every query, from blocks of keys: there are only the logits of one block at a time."""
    total = None
    for k, v in zip(keys.split(block), values.split(block), strict=True):
        part = Partial.of(logits_of(queries, k, t)[None], v[None])  # None: one dictionary
        total = part if total is None else total.merge(part)
    return total  # .largest, .total, .weighted; .mean() is the answer


tables = 16**2 * 2000 * 16**2, 32**2 * 60_000 * 32**2
print(f"{tables[0] / 1e6:.0f} million weights; {tables[1] / 1e9:.0f} billion; one block of 512: {16**2 * 512:,}")
assert round(tables[0] / 1e6) == 131 and round(tables[1] / 1e9) == 63


# %% [markdown]
# `Partial.merge` is four lines of `elscourse/posterior.py`, and you will write them in exercise 2. First: does it keep
# what it promises?

# %%
whole = stream(queries, keys, values, t, block=len(keys)).mean()[0]
for block in (100, 512, 10_000):
    gap = (stream(queries, keys, values, t, block).mean()[0] - whole).abs().max().item()
    print(f"blocks of {block:6,}: differs from all at once by {gap:.0e}")
    assert gap < 1e-4

wrong = []
for first in (40_000, len(keys) // 2):
    parts = [stream(queries, k, v, t, 512) for k, v in zip(keys.split(first), values.split(first), strict=True)]
    wrong.append((sum(part.mean()[0] for part in parts) / 2 - whole).abs().max().item())
    print(f"the answers of {first:,} and of {len(keys) - first:,} keys, averaged: off by {wrong[-1]:.2f}")
sent = sum(x.numel() * x.element_size() for x in (parts[0].largest, parts[0].total, parts[0].weighted))
print(f"the three numbers of all pixels: {sent / 1e3:.0f} kB")
if lab.profile == "laptop":
    assert [round(off, 2) for off in wrong] == [0.11, 0.07] and gap < 3e-5 and round(sent / 1e3) == 6

# %% [markdown]
# The same for every way to cut, up to rounding. Averaging is off by $0.11$, merging by less than $0.00003$. It is not
# that the parts differ in size: averages of equal halves are off by $0.07$. A half that has nothing to say would count
# as much as one that has.
#
# This is **streaming softmax** (Milakov and Gimelshein, 2018), and the heart of **FlashAttention** (Dao et al., 2022):
# read queries and keys in **tiles**, so small that their logits fit into the *cache*, a processor's small and fast
# memory beside the large main memory; keep $(m, z, s)$, never write the table. So memory need not grow with the
# dictionary.
#
# ### Exercise 2: Merge two partial softmaxes (9 minutes, ★★☆)
#
# `a` and `b` are triples $(m, z, s)$ of shapes (M, 1), (M, 1), (M, V), V numbers in a value (here 1). Return the triple
# of both dictionaries together. No intermediate result may overflow, and either part may be the larger one, query by
# query.


# %%
def merge_partials(a, b):
    """a, b: (largest (M, 1), total (M, 1), weighted (M, V)) -> the same three for both dictionaries together."""
    ...


check.merge_partials(merge_partials)

# %% [markdown]
# Stuck? `check.hint("merge_partials")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def merge_partials(a, b):
#     largest = torch.maximum(a[0], b[0])
#     scale_a, scale_b = torch.exp(a[0] - largest), torch.exp(b[0] - largest)
#     return largest, scale_a * a[1] + scale_b * b[1], scale_a * a[2] + scale_b * b[2]
# ```
#
# Say B has the smaller maximum. Its sums are counted in a smaller unit, $e^{m_B}$ instead of $e^{m_A}$: multiplied by
# $e^{m_B - m_A} \leq 1$ they fit. Nothing overflows, and the other scale is exactly 1.
# </details>
#
# Up to rounding, any tree of merges gives the same result. So computers can share a dictionary: each sends three
# numbers per pixel, 6 kB a picture in float64, however many images it has read.

# %% [markdown] tags=["slide"]
# ## 4. When are 32 bits not enough? (10 minutes)
#
# A `float32` keeps 24 binary digits: about 7 decimals. Two things wear them out.
#
# **Long sums.** Add 512,000 weights, the largest of them 1, in turn as a plain loop does. Their sums are 3,000 to
# 200,000. **Predict:** which of the seven digits of a sum is the first wrong one: the seventh, the fifth, the third?
# And for as many random numbers?


# %%
import numpy as np

k_3 = cut(lab.data.images[: 512_000 // (H * W)], 3)  # the images with so many windows
black = (k_3 == -1).all(1)  # patches of background only


def terms_at(t, step):
    """The weights of all patches of 3 x 3 for every so many-th pixel, relative to the largest."""
    logits = logits_of(cut(els.add_noise(clean, noise, t), 3)[::step], k_3, t)
    return torch.exp(logits - logits.amax(1, keepdim=True))


def in_turn(x):
    """Sums over the last axis in float32, one term after another, as a plain loop would."""
    return torch.from_numpy(np.cumsum(x.cpu().numpy(), axis=-1, dtype=np.float32)[..., -1].copy()).double()


def off(x):
    """The largest relative error of sums in turn."""
    return (in_turn(x) / x.double().sum(1).cpu() - 1).abs().max().item()


# %% tags=["slide"]
terms = terms_at(t, 40)
sums = terms.double().sum(1)
random = torch.rand(terms.shape, generator=torch.Generator().manual_seed(0))
wrong = {"weights": off(terms), "random numbers": off(random), "weights, no black": off(terms[:, ~black])}
print(f"sums from {sums.min():,.0f} to {sums.max():,.0f}; {black.double().mean():.0%} of the patches are black")

many, shades = terms_at(0.9, 16), k_3[:, 4]
exact = (many.double() @ shades.double() / many.double().sum(1)).cpu()
asking = cut(els.add_noise(clean, noise, 0.9), 3)[::16]
ways = {
    "a pixel, in turn": in_turn(many * shades) / in_turn(many),
    "a pixel, softmax @ values": torch.softmax(logits_of(asking, k_3, 0.9), 1) @ shades,
    "a pixel, blocks of 512": stream(asking, k_3, k_3[:, 4:5], 0.9, 512).mean()[0, :, 0],
}
wrong |= {name: (pixel.cpu().double() - exact).abs().max().item() for name, pixel in ways.items()}
for name, error in wrong.items():
    print(f"{name:26s}{error:.0e}")
assert wrong["a pixel, blocks of 512"] < 1e-5 < 1e-3 < wrong["a pixel, in turn"]
if lab.profile == "laptop":
    assert round(wrong["weights"], 3) == round(wrong["a pixel, in turn"], 3) == 0.002 and wrong["random numbers"] < 5e-5
    assert wrong["weights, no black"] < 0.001 and 0.3 < black.double().mean() < 0.36 and 2e3 < sums.min() < 4e3
    assert wrong["a pixel, softmax @ values"] > 10 * wrong["a pixel, blocks of 512"] and 1.5e5 < sums.max() < 2.5e5

# %% [markdown] tags=["slide"]
# The third ($0.002$ of the sum); for random numbers, whose roundings cancel, the fifth. A third of the patches are the
# same black background, and equal terms are rounded the same way. Without them less than a thousandth remains: small
# terms, which the large sum cuts off. A pixel made of two such sums is off by $0.002$ at $t = 0.9$. torch's own softmax
# times values, which adds in another order, does better, and short sums in blocks (section 3) far better.

# %% [markdown] tags=["slide"]
# **Small differences of large numbers.** At low noise everything is divided by $\sigma^2$. The dot product and the bias
# become huge and nearly cancel. Below which $\sigma$ is a logit off by 0.1, and a weight by 10 %?
#
# ### Exercise 3: Where float32 grows coarse (8 minutes, ★★☆)
#
# No dot product is larger than $|q|\,|k|$, with the longest query and the longest key. One rounding changes it by about
# $2^{-24}$ of itself, so a logit by $2^{-24}\,\alpha\, |q|\,|k| / \sigma^2$. Return the $\sigma$ at which this equals
# `tolerance`: an estimate of the order, no bound.


# %%
def smallest_sigma(queries, keys, alpha, tolerance):
    """queries (M, D), keys (L, D) -> the sigma at which 2^-24 alpha |q| |k| / sigma^2 equals the tolerance."""
    ...


check.smallest_sigma(smallest_sigma)

# %% [markdown] tags=["slide"]
# Stuck? `check.hint("smallest_sigma")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def smallest_sigma(queries, keys, alpha, tolerance):
#     longest = queries.norm(dim=1).max() * keys.norm(dim=1).max()
#     return (2.0**-24 * alpha * longest / tolerance).sqrt().item()
# ```
#
# The package makes such an estimate with a typical rounding in place of the worst, and is not content with more than
# $10^{-5}$.
# </details>
#
# For `queries`, `keys`, `alpha` and a tolerance of 0.1 it gives 0.005. **Predict.** Do the logits of twelve pictures,
# with 40 training images, reach 0.1 at a larger or at a smaller $\sigma$? And how far off is then a pixel?


# %%
def float32_errors(x, t, leaders=8):
    """Of the best keys' logits against the very best one's, computed in three ways; and of a pixel."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    q, k = cut(x, P), keys[: 40 * H * W]  # 40 images
    exact, dots = logits_of(q.double(), k.double(), t), logits_of(q, k, t)
    product = (alpha * (q @ k.T) - alpha**2 / 2 * k.double().square().sum(1)) / sigma**2  # the bias in float64
    top, index = exact.topk(leaders, dim=1)
    direct = -(q[:, None] - alpha * k[index]).square().sum(2) / (2 * sigma**2)
    pixel = (torch.softmax(dots.double(), 1) - torch.softmax(exact, 1)) @ k[:, centre].double()
    found = (dots.gather(1, index), product.gather(1, index), direct)
    wrong = [(logits - logits[:, :1]) - (top - top[:, :1]) for logits in found]
    return [error.abs().max().item() for error in (*wrong, pixel)]


times = [0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001]
rows = [np.max([float32_errors(x, s) for x in els.add_noise(dozen, dozen_noise, s).split(1)], axis=0) for s in times]
names = ("logit, all in float32", "logit, dot product alone", "logit, direct differences", "pixel (range 2)")
errors = dict(zip(names, np.transpose(rows), strict=True))

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(6.4, 3.6))
noise_levels = [schedule.sigma(t) for t in times]
for form, style in zip((names[0], *names[2:]), ("o-", "s-", "^-"), strict=True):
    axis.loglog(noise_levels, errors[form], style, label=form)
axis.axhline(0.1, color=plotting.GREY, lw=1, ls=":", label="0.1: a weight by 10 %")
axis.axvline(schedule.sigma(0.05), color=plotting.GREY, lw=1, label="the lab's last step")
axis.set(xlabel="sigma (noise on the left)", ylabel="largest error in twelve pictures", xlim=(1.2, 0.0012))
axis.set_ylim(1e-7, 30)
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Errors against sigma, both logarithmic. Those of logits rise as the noise falls, those of direct "
     "differences are lower. A pixel's rises to less than 0.01, right of the lab's last step, then falls.")  # fmt: skip

print(f"{'t':27s}" + "".join(f"{t:>7}" for t in times))
for form, found in errors.items():
    print(f"{form:27s}" + "".join(f"{e:7.0e}" for e in found))
dots, product, direct, pixel = errors.values()
crossing = np.exp(np.interp(np.log(0.1), np.log(dots), np.log(noise_levels)))
estimate = (2.0**-24 * alpha * (queries.norm(dim=1).max() * keys.norm(dim=1).max()).item() / 0.1) ** 0.5
print(f"a logit is off by 0.1 below sigma = {crossing:.3f}; exercise 3: {estimate:.3f}")
assert dots[-3] / 25 < direct[-3] < dots[-3] / 15 and pixel.max() < 0.01 and 0.7 < product[6] / dots[6] < 1.5
assert lab.profile != "laptop" or (round(crossing, 3), round(estimate, 3), pixel[4] < 2e-4) == (0.015, 0.005, True)

# %% [markdown]
# Larger, about $0.015$: not one rounding counts, but those of all 49 additions of a dot product; rounding the bias adds
# little. The error grows about fourfold for every halving of $\sigma$. Direct differences, which subtract *before* they
# square, are twenty times better at $t = 0.005$.
#
# And the pictures? At the lab's last step, $t = 0.05$, no pixel of the twelve is off by more than 0.0002, further down
# by less than 0.01: where logits are coarse, one patch has nearly always all the weight, or those that share it have
# nearly the same centre. One cannot *know* that beforehand: the package estimates, once a call, how far a logit can be
# off. Too far, and it subtracts before it squares, or goes to float64, which takes longer.

# %% [markdown]
# **Shorter numbers.** A GPU's matrix units gain speed from **TF32** (11 binary digits) and **bfloat16** (8). We round
# what enters the product to bfloat16, with the windows of the lab's machine. **Predict:** is a pixel off by 0.1 of a
# range of 2? And which rounding does most harm: that of the queries and keys, or of the bias?

# %%
from elscourse.patches import value_at


def short(x):
    return x.bfloat16().float()


coarse = {}
for s, size in [(s, value_at(lab.patch_sizes("els-zeros"), s)) for s in (0.1, 0.05)] + [(0.05, P)]:
    found, k_s = [], cut(images, size)
    v_s = k_s[:, torch.arange(C) * size**2 + size**2 // 2]
    for x in els.add_noise(dozen, dozen_noise, s).split(1):
        Q, K = operands(cut(x, size), k_s, schedule.alpha(s), schedule.sigma(s))
        q, k, bias = Q[:, :-1], K[:, :-1], K[:, -1]
        dots, rough = q @ k.T, short(q) @ short(k).T
        tried = dots + bias, rough + short(bias), rough + bias, dots + short(bias)
        exact, *others = (torch.softmax(logits, dim=1) @ v_s for logits in tried)
        found.append([(answer - exact).abs().max().item() for answer in others])
    worst, middling = (np.quantile(found, part, axis=0).round(2).tolist() for part in (1, 0.5))
    coarse[s, size] = [*worst, middling[0]]
    print(f"t = {s:4}, P = {size}: a pixel off by {worst[0]}, in the median picture {middling[0]}; "
          f"queries and keys alone {worst[1]}, bias alone {worst[2]}")  # fmt: skip
if lab.profile == "laptop":
    assert [coarse[at][0] for at in ((0.1, 3), (0.05, 3), (0.05, 7))] == [0.08, 0.17, 0.81]
    assert coarse[0.05, 3][1:] == [0.04, 0.12, 0.07]

# %% [markdown]
# In the lab's last step: by 0.17, in the median picture by 0.07 (with $P = 7$ there by 0.81; at $t = 0.1$ by 0.08).
# Most of it is the bias: alone it does 0.12, queries and keys 0.04. It is one large number, and rounding it shifts a
# whole logit: add it in float32.

# %% [markdown]
# ## 5. The other exact form: slide, square, blur (8 minutes)
#
# Lesson 07 had the same machine without a single patch: slide every training image by a displacement, square its
# difference to $x_t$, blur it with the window, exponentiate. The blur is a sum over $P \times P$ pixels, and with
# running sums along rows and columns it costs four additions, **whatever $P$ is**.


# %%
import functools


def box_sum(f, P):
    """Sums over the P x P window at every pixel, wrapped around: differences of running sums, whatever P."""
    for axis in (-1, -2):
        g = f.movedim(axis, -1)
        g = torch.cat([g[..., -(P // 2) :], g, g[..., : P // 2]], dim=-1).cumsum(-1)
        g = F.pad(g, (1, 0))
        f = (g[..., P:] - g[..., :-P]).movedim(-1, axis)
    return f


def displaced(x_t, images, dy, dx, P):
    """(m, z, s) of every pixel, over all images at one displacement."""
    slid = images.roll((-dy, -dx), (-2, -1))
    logits = -box_sum((x_t - alpha * slid).square().sum(1), P) / (2 * sigma**2)  # (N, H, W)
    return Partial.of(logits.flatten(1).T[:, None], slid.flatten(2).permute(2, 0, 1))  # a dictionary per pixel


def slide_and_blur(x_t, images, P):
    """D(x_t) for one x_t (1, C, H, W), displacement by displacement."""
    parts = (displaced(x_t, images, dy, dx, P) for dy in range(H) for dx in range(W))
    return functools.reduce(Partial.merge, parts).mean()[:, 0].T.reshape(x_t.shape)


# %% [markdown]
# Count the work for one query and one key (one colour channel): attention multiplies and adds $P^2$ numbers and a
# value, and needs four operations for the softmax: $2(P^2 + 1) + 4$. The blur needs about sixteen in all: three for a
# squared difference (multiply by $\alpha$, subtract, square), four for the sums (along rows and columns a running sum
# and a difference each), one to scale it, and eight for the vote: compare with the largest so far, subtract it,
# exponential, add, weigh the value, add it, rescale both sums.
#
# The package has tiles, and a **fused blur**: one compiled loop, in which 32 or 64 training images go through all steps
# together, a few rows or columns at a time, so that few numbers leave the processor's caches.
#
# **Predict:** from which $P$ on should the blur be faster than attention? And is it, by the clock: our lines, and the
# fused blur?


# %%
from unittest import mock


def table_form(P, images=images):
    k = cut(images, P)
    return torch.softmax(logits_of(cut(x_t, P), k, t), dim=1) @ k[:, [P * P // 2]]


def one_call_form(P):
    k = cut(images, P)
    return one_call(cut(x_t, P), k, k[:, [P * P // 2]])


def package(form, P, t=0.5, images=images):
    """The package's machine, made to take this form: "tiles" or "fused blur" (which only a CPU has)."""
    device = "cpu" if form == "fused blur" else lab.device
    machine = els.EquivariantLocalScoreMachine(images.to(device), schedule, patch_size=P, padding="circular")
    x, worth = els.add_noise(clean, noise, t).to(device), float("inf") if form == "tiles" else 0

    def run():
        with mock.patch("elscourse.shifts.WORTH", worth):  # from which size on it blurs
            return machine(x, t)

    return run


# %% tags=["slide", "volatile"]
import time


def seconds(run, repeat=5):
    """The shortest of a few runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run().cpu()  # which waits for a GPU
        best = min(best, time.perf_counter() - start)
    return best


part, took = functools.partial, {}
forms = {"table": part(part, table_form), "one call": part(part, one_call_form), "tiles": part(package, "tiles")}
forms |= {"our blur": lambda p: part(slide_and_blur, x_t, images, p), "fused blur": part(package, "fused blur")}
forms |= {f"{name}, t = 0.05": part(package, name, t=0.05) for name in ("tiles", "fused blur")}
print(f"{'ns a pair':22}" + "".join(f"{f'P = {p}':>8}" for p in (3, 7, 15)))
for form, make in forms.items():
    for p in (3, 7, 15):
        run = make(p)
        gap = (run().cpu().flatten() - slide_and_blur(x_t, images, p).cpu().flatten()).abs().max()
        assert gap < 1e-3 or form.endswith("0.05"), "the same answer"
        took[form, p] = seconds(run) / (H * W * len(images) * H * W) * 1e9
    print(f"{form:22}" + "".join(f"{took[form, p]:8.2f}" for p in (3, 7, 15)))
assert all(took["our blur", p] > 3 * took["fused blur", p] for p in (3, 7, 15))

# %% [markdown] tags=["slide"]
# On paper the blur wins at every $P$. By the clock its time depends less on $P$ than that of attention, but our lines
# are slower than tiles even at $P = 15$: the count leaves out that each of many small operations has to be started,
# reads whole pictures and writes others. **The fused blur has the same formula and another order of the loops: it is
# many times faster than our lines,** and with wide windows than all attention; with narrow ones torch's one call comes
# nearest. With little noise the package finds float32 wanting, as section 4 told: tiles go to float64, and with wide
# windows the blur does all again in float64. That takes longer.

# %% [markdown]
# ## 6. Memory against N and P (3 minutes)
#
# torch lets us intercept every operation; the class below weighs what each of them reads and makes.

# %%
import weakref

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Weigh(TorchDispatchMode):
    """In the `with` block: `peak`, the most bytes alive at once of what is made there; `moved`, all read or made."""

    def __init__(self):
        super().__init__()
        self.alive, self.peak, self.moved, self.calls = weakref.WeakKeyDictionary(), 0, 0, 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        read, made = ([x for x in tree_leaves(y) if isinstance(x, torch.Tensor)] for y in ((args, kwargs), result))
        if any(x.untyped_storage()._cdata == y.untyped_storage()._cdata for x in made for y in read):
            return result  # only another view
        self.alive.update({x.untyped_storage(): x.untyped_storage().nbytes() for x in made})
        self.peak, self.calls = max(self.peak, sum(self.alive.values())), self.calls + 1
        self.moved += sum(x.numel() * x.element_size() for x in read + made)
        return result


# %% [markdown] tags=["slide"]
# **Predict.** The table (all logits, then a softmax), against tiles: the memory of which grows with the number of
# images $N$, of which with $P$?


# %% tags=["slide"]
def weighed(run):
    with Weigh() as scale:
        run()
    return scale


more = els.load("fashion-mnist", size=W, n=8000).images.to(lab.device)
counts, used = (50, 200, 2000, 8000), {}
for n in counts:
    for size in (3, 11):
        used["tiles", n, size] = weighed(package("tiles", size, images=more[:n])).peak / 1e6
        if n <= 200:  # the table of 2,000 images would take more than a gigabyte
            used["table", n, size] = weighed(part(table_form, size, more[:n])).peak / 1e6

print("N         " + "".join(f"{n:>8}" for n in counts for p in (3, 11)))
print("P         " + "".join(f"{p:>8}" for n in counts for p in (3, 11)))
for form in ("table", "tiles"):
    cells = [used.get((form, n, p)) for n in counts for p in (3, 11)]
    print(f"{form:6s} MB " + "".join(f"{'-' if cell is None else round(cell):>8}" for cell in cells))

# %%
most = max(used["tiles", n, p] for n in (2000, 8000) for p in (3, 11))
assert 3.5 < used["table", 200, 3] / used["table", 50, 3] < 4.5 and most < (30 if lab.profile == "laptop" else 300)
assert all(used["tiles", 8000, p] < 1.2 * used["tiles", 2000, p] for p in (3, 11))
if lab.profile == "laptop":
    assert round(used["table", 200, 3]) == 107 and 1.15 < used["table", 200, 11] / used["table", 200, 3] < 1.25

# %% [markdown]
# The table takes what it must: 13 million logits and as many weights at $N = 200$, 107 MB with the patches, and with
# $P = 11$ a fifth more. Tiles grow with both until there are as many images as the package cuts into patches at a time,
# then with neither: less than 30 MB for 2,000 images and no more for 8,000.

# %% [markdown]
# ## 7. What limits the speed? The roofline (4 minutes)
#
# A processor computes at most so many operations per second, and main memory delivers at most so many bytes per second.
# Which of the two limits a program depends on its **intensity**: its operations per byte moved. The highest possible
# speed, drawn against intensity, is a **roof**: a slope, where memory decides, then, from the *ridge* on, a flat part,
# where arithmetic decides (Williams et al., 2009).
#
# As bytes we take all that torch's operations read or make, weighed as above. Some of it stays in the processor's
# caches and never comes from main memory: a program's true place is where we draw it or further right. **Predict.**
# Order by intensity, at $P = 7$: the table, tiles, our blur.

# %% tags=["slide"]
pairs, intensity = H * W * len(images) * H * W, {}
operations = {"table": lambda p: 2 * (p * p + 1) + 4, "our blur": lambda p: 16}  # a pair, counted in section 5
operations["tiles"] = operations["table"]
for form in ("table", "tiles", "our blur"):
    for p in (3, 7, 15):
        moved = weighed(forms[form](p)).moved / pairs
        intensity[form, p] = operations[form](p) / moved
        print(f"{form:8} P = {p:2}: {moved:4.0f} bytes a pair, {intensity[form, p]:6.2f} operations a byte")
if lab.profile == "laptop":
    assert [round(intensity[form, 7], 1) for form in ("table", "tiles", "our blur")] == [2.7, 3.4, 0.1]

# %% tags=["slide", "volatile"]
big = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0)).to(lab.device)
long, target = torch.zeros(2**25, device=lab.device), torch.ones(2**25, device=lab.device)
peak = 2 * 1024**3 / seconds(lambda: big @ big, 50) / 1e9
bandwidth = 2 * 4 * len(long) / seconds(lambda: target.copy_(long), 50) / 1e9
print(f"this computer: {peak:.0f} billion operations a second in a matrix product, {bandwidth:.0f} GB/s in a copy")

fig, axis = plt.subplots(figsize=(6.6, 3.6))
x = np.logspace(-1.5, 2, 100)
axis.loglog(x, np.minimum(peak, bandwidth * x), color=plotting.INK, label="this computer")
colours = {"table": plotting.ORANGE, "tiles": plotting.BLUE, "our blur": plotting.GREEN}
for form, colour in colours.items():
    speed = [operations[form](p) / took[form, p] for p in (3, 7, 15)]
    axis.loglog([intensity[form, p] for p in (3, 7, 15)], speed, "o", color=colour, label=form)
for p in (3, 7, 15):
    at = intensity["tiles", p], operations["tiles"](p) / took["tiles", p]
    axis.annotate(f"P = {p}", at, (0, 6), textcoords="offset points", ha="center", fontsize=8)
axis.set(xlabel="operations per byte that is read or made", ylabel="billion operations a second")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Roofline: the roof of this computer, and below it the measured speeds of the table, of tiles and of our "
     "blur at P = 3, 7 and 15. Our blur lies far left; tiles stand a little right of the table.")  # fmt: skip

# %% [markdown]
# Table and tiles move nearly as much, about three operations a byte; our blur, with 181 bytes a pair, has a tenth of
# one. (Into the one call and the fused blur torch does not see.) A roofline compares a program with its processor, not
# two programs with each other: the blur does fewer operations a second because it has fewer to do.

# %% [markdown]
# ### Exercise 4: What would ImageNet cost? (6 minutes, ★☆☆)
#
# For one generated picture: `steps` evaluations, each comparing every pixel's patch with every patch of every image, at
# $2\,C P^2$ operations per pair. Return the operations in all, and the bytes of the table of weights (float32) that one
# step would need if it were stored.


# %%
def machine_cost(n_images, side, channels, patch_size, steps):
    """-> (operations for one picture of side x side pixels, bytes of the table of weights of one step), two numbers."""
    ...


check.machine_cost(machine_cost)

# %% [markdown]
# Stuck? `check.hint("machine_cost")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def machine_cost(n_images, side, channels, patch_size, steps):
#     pairs = side**2 * n_images * side**2
#     return steps * pairs * 2 * channels * patch_size**2, 4 * pairs
# ```
#
# With as many images and the same $P$, the side enters with its fourth power: 64 pixels cost 256 times as much as 16.
# </details>

# %%
import json

from elscourse.data import data_dir

bench = json.loads((data_dir() / "lessons" / "13_bench.json").read_text(encoding="utf-8"))  # at t = 0.5
ns = [row["ns_per_true_pair"] for row in bench["speed"]["rows"]]  # the fused blur, a pair, grey, two cores

# ImageNet: 1,281,167 training images, at 64 x 64 in colour, P = 9, 20 steps
pairs_in_all = 20 * 64**2 * 1_281_167 * 64**2
patches, blur = 2 * 3 * 9**2, 3 * 3 + 2 + 4 + 1 + 4 + 2 * 3 + 1 + 3  # a pair: exercise 4; the blur, in colour
minutes = [pairs_in_all * count / 67e12 / 60 for count in (patches, blur)]
print(f"{pairs_in_all * patches:.1e} operations: {minutes[0]:.0f} minutes at an H100's 67 TFLOP/s in float32;")
print(f"the blur's, {blur} a pair and not {patches}: {minutes[1]:.0f} minutes")
print(f"the table of one step: {pairs_in_all / 5 / 1e12:.0f} TB")
days = [pairs_in_all * end(ns) * 1e-9 * blur / 16 / 86400 for end in (min, max)]
print(f"the fused blur, as fast as in the benchmark: {days[0]:.1f} to {days[1]:.1f} days")
assert [round(m) for m in minutes] == [52, 3] and (blur, patches) == (30, 486) and 1 < days[0] < days[1] < 4

# %% [markdown] tags=["slide"]
# Multiplied out, one small picture takes 52 minutes on an H100 (its data sheet: 67 TFLOP/s, so many million million
# operations a second) at its full speed, which no program reaches; with the blur's operations 3. On a processor of two
# cores the fused blur would take one to four days, at its speed for $t = 0.5$; with little noise it is slower. **Nobody
# would use the machine to make pictures.** It is there to *predict* which ones the fast one, the network, will make.

# %% [markdown]
# ## If you want more: who need not be asked, a GPU, a benchmark
#
# Nothing later needs this part. **Who need not be asked?** In section 1 six images of 200 held a third of a pixel's
# attention. To leave a patch out one must *prove* beforehand that it has no say: sort patches into boxes of near ones;
# a box whose nearest point is far from the query weighs no more than its number of patches times the weight of a patch
# at that point. With `tolerance=0.001` the package leaves out boxes that together cannot move a pixel by more than a
# thousandth. `certified` says what it visited, and a bound of the error. **Predict.** Does it leave out ever more as
# the noise falls?

# %%
half = lab.data.images[: 512_000 // (H * W)].cpu()
search = {"patch_size": 3, "padding": "circular", "tolerance": 1e-3}
pruned = els.EquivariantLocalScoreMachine(half, schedule, **search)
exact = els.EquivariantLocalScoreMachine(half.double(), schedule, patch_size=3, padding="circular")
visited = {}
print("    t       pairs    error    bound")
for t_low in (0.9, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02):
    x = els.add_noise(clean, noise, t_low).cpu()
    answer = pruned.certified(x, t_low)
    error = (answer.mean - exact(x.double(), t_low)).abs().max().item()
    bound, visited[t_low] = answer.bound.max().item(), answer.visited
    print(f"{t_low:5}{answer.visited:12.0%}{error:9.0e}{bound:9.0e}")
    assert error <= bound <= 1e-3
wide = els.EquivariantLocalScoreMachine(half, schedule, **search | {"patch_size": 5})
wide_visited = wide.certified(els.add_noise(clean, noise, 0.1).cpu(), 0.1).visited
print(f"  0.1{wide_visited:12.0%} with P = 5")
sizes = [size for _, size in lab.patch_sizes("els-zeros")]
print(f"the lab's own machine has P = 3 in {sizes.count(3)} of {len(sizes)} steps")
if lab.profile == "laptop":
    part = list(visited.values())
    assert part[:2] == [1, 1] and part[2] < 0.3 and part[2:-1] == sorted(part[2:-1], reverse=True)
    assert part[-2] < 0.03 and part[-1] == wide_visited == 1 and round(bound, 5) == 4e-5
    assert (sizes.count(3), len(sizes)) == (4, 20)

# %% [markdown]
# With much noise everybody matters, and the package does not even try. With less it visits ever fewer, within a bound
# of two parts: what was left out, proven up to rounding, and the rounding of float32, 0.00004, an estimate. At $t =
# 0.02$ float32 proves nothing more, and with $P = 5$ the boxes need more than the half gigabyte that is the default:
# there it gives up, and asks everybody. It saves little in all: the laptop's machine has $P = 3$ in only 4 of its 20
# steps, and the patches must be sorted first. The benchmark below ends with that.
#
# **A GPU.** The machine computes where its images are; on a GPU in tiles. If there is one, the next cell takes the gpu
# lab's full set, 60,000 images at 32 x 32 pixels, or in the laptop's lab the 10,000 that come with the course; if not,
# the laptop's 2,000 at 16 x 16. First, a part small enough for it is compared with a CPU.

# %% tags=["volatile"]
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
if device.type == "cuda":
    print(f"running on {torch.cuda.get_device_name()}")
else:
    print("no CUDA device here: the same code runs on the CPU, with the laptop's images")

bundled = device.type == "cuda" and lab.profile == "laptop"
data = (els.load("fashion-mnist", size=32, n=10_000) if bundled else lab.data).images.to(device)
count, size = len(data), data.shape[-1]
x_dev = els.add_noise(data[7:8], els.seeded_noise([1000], data.shape[1:]).to(device), 0.5)
part = els.EquivariantLocalScoreMachine(data[:20], schedule, patch_size=9, padding="circular")
on_cpu = els.EquivariantLocalScoreMachine(data[:20].cpu(), schedule, patch_size=9, padding="circular")
assert (part(x_dev, 0.5).cpu() - on_cpu(x_dev.cpu(), 0.5)).abs().max() < 1e-3  # and a first call starts the GPU

fast = els.EquivariantLocalScoreMachine(data, schedule, patch_size=9, padding="circular")
lasted = seconds(lambda: fast(x_dev, 0.5).cpu(), repeat=1)
print(
    f"{count:,} images, {size} x {size}, P = 9: {lasted:.2f} s for {size**4 * count / 1e9:.1f} billion pairs of patches"
)

# %% [markdown]
# **A benchmark.** `elscourse bench` times the package on any computer beside a textbook implementation: one image at a
# time, training patches as the filters of a convolution, a running maximum. The tuned textbook knows the processor's
# caches, and avoids numbers so small that processors are slow with them. **Predict:** how many times faster is the
# package? Here is what one run gave; all of it is on the site's page [Status](../book/status.md).

# %% tags=["volatile"]
where, speed, whole = bench["machine"], bench["speed"], bench["laptop"]
print(
    f"elscourse bench{' --full' * ('full_lab' in bench)} on {where['gpu'] or where['cpu']}, {where['threads']} threads"
)
print(f"{speed['rows'][0]['batch']} x_t, {speed['shape'][0]} images of {speed['shape'][2]} x {speed['shape'][3]}:")
print(f"{'ELS':>10} {'P':>3} {'seconds':>8} {'ns a pair':>10} {'textbook':>15} {'tuned':>15}")
for r in speed["rows"]:
    print(
        f"{r['padding']:>10} {r['patch_size']:3} {r['seconds']:8.2f} {r['ns_per_true_pair']:10.2f}"
        f"{r['textbook_seconds']:8.2f} = {r['ratio']:3.0f} x{r['tuned_seconds']:8.2f} = {r['tuned_ratio']:3.0f} x"
    )
    assert r["tuned_ratio"] > 1 and r["difference"] < 1e-3
for ratio, stated in (("ratio", (14, 46)), ("tuned_ratio", (6, 19))):
    assert stated == tuple(round(end([r[ratio] for r in speed["rows"]])) for end in (min, max))
print(
    f"{whole['seeds']} pictures of the laptop lab, {whole['steps']} steps: {whole['exact']['seconds']:.1f} s, "
    f"with a tolerance {whole['pruned']['seconds']:.1f} s (the first time {whole['pruned']['first_seconds']:.1f} s), "
    f"the textbook {whole['textbook_seconds']:.0f} s (the time of one picture, times eight)"
)

# %% [markdown] tags=["slide"]
# **In one call at $t = 0.5$ 14 to 46 times faster than the plain textbook,** 6 to 19 times faster than the tuned one:
# the more, the larger the window, as slide and blur hardly minds $P$. With little noise less, where float32 does not
# do.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * The machine is attention: noisy patches ask, training patches answer with their centres, $\|p\|^2$ is a bias. (On
#   the torus; with borders, one attention for each class of pixels.)
# * Three numbers per query carry a softmax across blocks, processes and computers. Averages of parts do not.
# * float32 loses digits in long sums and at low noise; in our pictures a pixel was off by less than 0.01.
# * Memory need not depend on the dictionary; time does, and grows with the fourth power of the side.
# * Slide-and-blur is the same machine with work that hardly depends on $P$; fused in one loop, it wins with wide
#   windows.

# %% [markdown]
# ## What is still unexplained
#
# Attention *inside* networks, between the places of one picture, does what no local machine can: it lets distant pixels
# agree; there the theory of Finn and others (lesson 12) begins (what is left of ours with a transformer, lesson 18
# measures). And one question has waited since lesson 03: a network is trained to become the ideal denoiser. If one lets
# it, does it? That is lesson 14.

# %% [markdown]
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292)
# * A. Vaswani et al., *Attention is all you need*, NeurIPS 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# * The same formula in statistics, a Gaussian kernel's regression, and with stored patterns for keys (without a bias):
#   E. A. Nadaraya, *On estimating regression*, 1964, [doi:10.1137/1109020](https://doi.org/10.1137/1109020);
#   H. Ramsauer et al., *Hopfield networks is all you need*, 2021, [arXiv:2008.02217](https://arxiv.org/abs/2008.02217)
# * M. Milakov and N. Gimelshein, *Online normalizer calculation for softmax*, 2018,
#   [arXiv:1805.02867](https://arxiv.org/abs/1805.02867)
# * T. Dao et al., *FlashAttention: fast and memory-efficient exact attention with IO-awareness*, NeurIPS 2022,
#   [arXiv:2205.14135](https://arxiv.org/abs/2205.14135)
# * S. Williams, A. Waterman and D. Patterson, *Roofline: an insightful visual performance model for multicore
#   architectures*, Communications of the ACM 52(4), 2009,
#   [doi:10.1145/1498765.1498785](https://doi.org/10.1145/1498765.1498785)
# * NVIDIA, *H100 GPU*, data sheet (SXM version), [nvidia.com](https://www.nvidia.com/en-us/data-center/h100/)
# * O. Russakovsky et al., *ImageNet large scale visual recognition challenge*, IJCV 2015,
#   [arXiv:1409.0575](https://arxiv.org/abs/1409.0575): the number of images
