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
# **You will learn** why the formula runs fast on the hardware that was built for transformers, and what limits it.
#
# **You need** lesson 07 (the ELS machine); you do not need a GPU.
#
# **Time** 80 minutes. Sections 1 to 3, 7 and 8 are the heart; the others can wait (but run their cells). The part at
# the end, "If you want more", has no minutes of its own.

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. Query, key, value, bias (7 minutes)
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
# **attention**, without one learned weight. (Statistics knows it as Nadaraya-Watson regression with a Gaussian kernel;
# with stored patterns for keys it is a modern Hopfield network.)

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
    """Every P x P window, wrapped around: (N, C, H, W) -> (N H W, C P P)."""
    return F.unfold(F.pad(images, [P // 2] * 4, mode="circular"), P).mT.flatten(0, 1)


C, H, W = lab.shape
images, schedule, t, P = lab.data.images[: 51_200 // (H * W)], lab.schedule, 0.5, 7  # 51,200 windows
alpha, sigma = schedule.alpha(t), schedule.sigma(t)
noise = els.seeded_noise([1000], lab.shape).to(lab.device)
clean = els.load("fashion-mnist", size=W, n=2008).images[2007:].to(lab.device)  # not in the dictionary
x_t = els.add_noise(clean, noise, t)

queries, keys = cut(x_t, P), cut(images, P)
centre = torch.arange(C) * P**2 + P**2 // 2
values = keys[:, centre]  # p(0): numbers that the keys hold already, copied
print(f"{len(queries)} queries, {len(keys):,} keys: {len(queries) * len(keys):,} logits")

# %% [markdown]
# ### Exercise 1: The logits of the machine (6 minutes, ★☆☆)
#
# `queries` (M, D) and `keys` (L, D) to logits (M, L), by dot products only: no M x L x D tensor of differences (the
# check cannot see how you got there; your memory can). Leave out the term that cancels.


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
# The bias has one number per key, so it broadcasts over the queries. Without it long patches would be preferred to
# right ones: here those of black and white (-1 and 1) to grey ones.
# </details>
#
# Here it is in use: weights from dot products, and, to compare, from distances. **Predict.** Will the attention of the
# middle pixel be spread over many of the 200 images, or held by a few? And at which places in them?

# %%
dots = (alpha * queries @ keys.T - alpha**2 / 2 * keys.square().sum(1)) / sigma**2
squares = -torch.cdist(queries, alpha * keys).square() / (2 * sigma**2)
weights = torch.softmax(dots, dim=1)

gap = (weights - torch.softmax(squares, dim=1)).abs().max().item()
print(f"weights from dot products and from distances differ by at most {gap:.0e}")
assert gap < 1e-4
del dots, squares

# %% tags=["slide"]
middle = weights[(H // 2) * W + W // 2].view(-1, 1, H, W)  # attention of the middle pixel: (N, 1, H, W)
share = middle.sum((1, 2, 3))
best = share.argsort(descending=True)[:6]
glow = middle[best] / middle.max() * 2 - 1
fig = plotting.image_rows(
    {"noisy image": x_t / x_t.abs().max(), "training image": images[best], "attention": glow},
    notes=[f"{s:.0%}" for s in share[best]],
)
plotting.patch_outline(fig.axes[0], H // 2, W // 2, P)
show(
    fig,
    alt="The noisy image with the window of its middle pixel, the six training images with most of this pixel's "
    "attention, and below each where in it the attention goes: to a few single places, never exactly the middle.",
)
if lab.profile == "laptop":
    assert 0.3 < share[best].sum() < 0.37  # a third of all attention on 6 of 200 images
    assert (H // 2, W // 2) not in [divmod(int(image.argmax()), W) for image in middle[best]]  # their brightest places
corner = weights[0].view(-1, 1, H, W).roll((H // 2, W // 2), (-2, -1))  # the same of the corner, moved to the middle
near = [x[..., H // 2 - 4 : H // 2 + 5, W // 2 - 4 : W // 2 + 5].sum().item() for x in (middle, corner)]
print(f"attention from within four pixels, in all images: the middle {near[0]:.2%}, a corner {near[1]:.0%}")
assert lab.profile != "laptop" or (near[0] > 0.999 and round(near[1], 2) == 0.55)

# %% [markdown] tags=["slide"]
# Six of the 200 images hold a third of the pixel's attention, and in none of them is the brightest place exactly the
# middle. The machine *asks* every place. That all but a thousandth of the answer comes from within four pixels is the
# images' doing, whose garments lie in the middle: for a corner it is 55 %, and background from anywhere is as good.
#
# ## 2. One call (5 minutes)
#
# torch has one function for attention: `scaled_dot_product_attention(Q, K, V)`. A bias per key could be handed over
# as a mask that is added to the logits. But the dot product can carry it as well: append a 1 to every query and the
# bias to every key. The function divides the dot products by $\sqrt{d}$, unless `scale` says by what to multiply
# them. **Predict:** what takes the place of $\sqrt{d}$ in the machine? And what must `scale` be, if we multiply the
# queries ourselves?


# %%
def operands(queries, keys, alpha, sigma):
    """Q (M, D + 1) and K (L, D + 1), so that Q K^T are the logits of the machine."""
    bias = -(alpha**2) / (2 * sigma**2) * keys.square().sum(1, keepdim=True)
    one = torch.ones_like(queries[:, :1])
    return torch.cat([queries * (alpha / sigma**2), one], dim=1), torch.cat([keys, bias], dim=1)


Q, K = operands(queries, keys, alpha, sigma)
width = 4 * ((K.shape[1] + 3) // 4)  # all equally wide, a multiple of 4: see below
padded = (F.pad(x, (0, width - x.shape[1]))[None, None] for x in (Q, K, values))
one_call = F.scaled_dot_product_attention(*padded, scale=1.0)[0, 0, :, : values.shape[1]]  # (H W, C)

machine = els.EquivariantLocalScoreMachine(images, schedule, patch_size=P, padding="circular")
answer = machine(x_t, t)
gap = (one_call.T.reshape(x_t.shape) - answer).abs().max().item()
print(f"one call of attention and the machine of the package differ by at most {gap:.0e}")
scale = [schedule.sigma(s) ** 2 / schedule.alpha(s) for s in (1.0, 0.05)]
print(f"sigma^2 / alpha: {scale[0]:.0f} at t = 1, {scale[1]:.3f} at t = 0.05")
assert gap < 1e-3 and 80 < scale[0] < 80.5 and round(scale[1], 3) == 0.006

# %% tags=["slide"]
fig = plotting.image_rows(
    {"": torch.cat([x_t / x_t.abs().max(), one_call.T.reshape(x_t.shape), answer, clean])},
    titles=["$x_t$", "attention", "machine", "clean image"],
)
show(
    fig,
    alt="The noisy image, what one call of attention makes of it, what the machine makes of it (the same), and the "
    "clean image.",
)

# %% [markdown] tags=["slide"]
# $\sigma^2 / \alpha$ takes the place of $\sqrt{d}$; the queries hold its inverse already, so `scale` is 1. But
# $\sqrt{d}$ is fixed, and $\sigma^2 / \alpha$ falls from 80 to 0.006: first nearly a mean of all, in the end the
# nearest neighbour.
#
# What was invented to make transformers fast now works for us. (The fast form wants two more axes, called batch and
# heads, values as wide as the keys, and no mask; on a GPU also a width that is a multiple of 4, which $P^2 + 1$ never
# is: hence the zeros. Else the whole table is made.) What happens inside?
#
# ## 3. Streaming, and merging what was streamed (8 minutes)
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


def stream(queries, keys, values, alpha, sigma, block):
    """The three numbers of every query, from blocks of keys of which only one is in memory at a time."""
    total = None
    for k, v in zip(keys.split(block), values.split(block), strict=True):
        logits = (alpha * queries @ k.T - alpha**2 / 2 * k.square().sum(1)) / sigma**2
        part = Partial.of(logits[None], v[None])  # (largest, total, weighted), each with a leading axis of groups
        total = part if total is None else total.merge(part)
    return total


# %% [markdown]
# `Partial.merge` is three lines of `elscourse/posterior.py`, and you will write them in exercise 2. First: does it keep
# what it promises?

# %%
whole = stream(queries, keys, values, alpha, sigma, block=len(keys)).mean()[0]
for block in (100, 512, 10_000):
    gap = (stream(queries, keys, values, alpha, sigma, block).mean()[0] - whole).abs().max().item()
    print(f"blocks of {block:6,}: differs from all at once by {gap:.0e}")
    assert gap < 1e-4

halves = [
    stream(queries, k, v, alpha, sigma, 512) for k, v in zip(keys.split(40_000), values.split(40_000), strict=True)
]
first, second = (half.mean()[0] for half in halves)
equal = [
    stream(queries, *half, alpha, sigma, 512).mean()[0] for half in zip(keys.chunk(2), values.chunk(2), strict=True)
]
shares = {"averaged": (first + second) / 2, "weighted by size": (first * 40_000 + second * 11_200) / 51_200}
shares["equal halves averaged"] = sum(equal) / 2
wrong = {name: (answer - whole).abs().max().item() for name, answer in shares.items()}
print("the answers of 40,000 and 11,200 keys:", ", ".join(f"{name}: off by {off:.2f}" for name, off in wrong.items()))
if lab.profile == "laptop":
    assert [round(off, 2) for off in wrong.values()] == [0.11, 0.09, 0.07] and gap < 3e-5

# %% [markdown]
# The same for every way to cut, up to rounding; averaging is visibly wrong, off by $0.11$ where merging is off by
# $0.00002$. It is not that the parts differ in size: weighted by it they are off by $0.09$, and equal halves by $0.07$.
# A half that has nothing to say would count as much as one that has.
#
# Watch three pixels read the dictionary, image after image.

# %%
pixels = [(H // 2, W // 2), (3 * H // 16, W // 4), (13 * H // 16, 11 * W // 16)]
rows = [y * W + x for y, x in pixels]
curves, peaks, total = [], [], None
for k, v in zip(keys.split(H * W), values.split(H * W), strict=True):
    part = stream(queries[rows], k, v, alpha, sigma, H * W)
    total = part if total is None else total.merge(part)
    curves.append(total.mean()[0, :, 0])
    peaks.append(total.largest[0, :, 0])
curves, peaks = torch.stack(curves).cpu(), torch.stack(peaks).cpu()

# %% tags=["slide"]
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.1))
for i, (y, x) in enumerate(pixels):
    left.plot(range(1, len(peaks) + 1), peaks[:, i] - peaks[-1, i], label=f"row {y}, column {x}")
    right.plot(range(1, len(curves) + 1), curves[:, i])
left.set(xlabel="training images read", ylabel="largest logit so far, minus final")
right.set(xlabel="training images read", ylabel="answer so far")
left.legend()
show(
    fig,
    alt="Left, the running maximum of three pixels rises in steps and stays. Right, their running answers jump "
    "while better patches are found, and drift on when the maximum is final; one still falls at the end.",
)

# %% [markdown]
# The maximum rises in a few steps and stays. The answer drifts on, since many patches that are nearly as good add up.
#
# This is **streaming softmax** (Milakov and Gimelshein, 2018), and the heart of **FlashAttention** (Dao et al., 2022):
# read keys in tiles, keep $(m, z, s)$ next to the processor, never write the table.
#
# ### Exercise 2: Merge two partial softmaxes (9 minutes, ★★☆)
#
# `a` and `b` are triples $(m, z, s)$ of shapes (M, 1), (M, 1), (M, V). Return the triple of both dictionaries together.
# No intermediate result may overflow, and either part may be the larger one, query by query.


# %%
def merge_partials(a, b):
    """a, b: (largest (M, 1), total (M, 1), weighted (M, V)) -> the same three for both dictionaries together."""
    ...


check.merge_partials(merge_partials)

# %% [markdown] tags=["slide"]
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
# numbers per pixel, 6 kB a picture in float64, however many images it has read ("If you want more" does it).
#
# ## 4. When are 32 bits not enough? (7 minutes)
#
# A `float32` keeps 24 binary digits: about 7 decimals. Two things wear them out.
#
# **Long sums.** Add half a million weights of about one size, one by one: near the end each is a millionth of the sum,
# and most of *its* digits fall off the end. **Predict:** how wrong is such a sum of 512,000 weights: in the seventh
# decimal, the fifth, the third? And a sum of as many random numbers?

# %%
import numpy as np

half_a_million = lab.data.images[: 512_000 // (H * W)]  # the images with so many windows
q_3, k_3 = cut(x_t, 3)[::40], cut(half_a_million, 3)  # a few pixels, P = 3
logits = (alpha * q_3 @ k_3.T - alpha**2 / 2 * k_3.square().sum(1)) / sigma**2
terms = torch.exp(logits - logits.amax(1, keepdim=True)).cpu()


def added_in_turn(x):
    """Sums over the last axis in float32, one term after another, as a plain loop would."""
    return torch.from_numpy(np.cumsum(x.numpy(), axis=-1, dtype=np.float32)[..., -1])


def errors_of_sums(x, pieces=1):
    """The relative errors of the sums of rows, each cut into pieces that are then added in float64."""
    return added_in_turn(x.view(len(x), pieces, -1)).double().sum(1) / x.double().sum(1) - 1


# %% tags=["slide"]
black = (k_3 == -1).all(1).cpu()  # patches of background only
random = torch.rand(terms.shape, generator=torch.Generator().manual_seed(0))
summed = {"one by one": terms, "without the black ones": terms[:, ~black], "random numbers": random}
errors = {name: errors_of_sums(x) for name, x in summed.items()}
errors["in pieces of 512"] = errors_of_sums(terms, terms.shape[1] // 512)
off = {name: error.abs().max().item() for name, error in errors.items()}
print(f"{terms.shape[1]:,} terms, largest relative error: " + ", ".join(f"{k} {v:.0e}" for k, v in off.items()))
print("without the black ones, row by row: " + ", ".join(f"{e:.0e}" for e in errors["without the black ones"].tolist()))
assert off["in pieces of 512"] < 1e-5 and off["one by one"] > 20 * off["in pieces of 512"]
if lab.profile == "laptop":
    assert [round(value, 4) for value in off.values()][:2] == [0.002, 0.0005] and 5e-6 < off["random numbers"] < 5e-5
    assert 0.3 < black.double().mean() < 0.36 and errors["without the black ones"].max() < 0

# %% [markdown] tags=["slide"]
# The third decimal ($0.002$); for random numbers, whose roundings cancel, it is the fifth. A third of the patches are
# the same black background; equal terms are rounded the same way, so their errors do not cancel. Without them it is
# $0.0005$, and every sum comes out *too small*: terms below half the last digit of the sum vanish. Short sums in
# float32, added up in float64, cure both: that is what `Partial` does. A long single call may, or may not: that depends
# on the processor's library.
#
# **Small differences of large numbers.** At low noise everything is divided by $\sigma^2$. The dot product and the bias
# become huge and nearly cancel. **Predict:** below which $\sigma$ is a logit off by 0.1, and a weight by 10 %: 0.3,
# 0.1, or 0.01? And how far off is then a pixel?


# %%
def float32_errors(t, form, P=7, leaders=8):
    """In float32: the error of the logits of the best keys, against the very best one; that of a pixel."""
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    x = els.add_noise(clean, noise, t)
    grey = images.mean() if form == "grey subtracted" else 0.0
    q, k = cut(x - alpha * grey, P), cut(images[:40] - grey, P)
    exact = -torch.cdist(q.double(), alpha * k.double(), compute_mode="donot_use_mm_for_euclid_dist").square() / (
        2 * sigma**2
    )
    top, index = exact.topk(leaders, dim=1)
    dots = (alpha * q @ k.T - alpha**2 / 2 * k.square().sum(1)) / sigma**2
    direct = -(q[:, None] - alpha * k[index]).square().sum(2) / (2 * sigma**2)
    found = direct if form == "direct differences" else dots.gather(1, index)
    pixel = (torch.softmax(dots.double(), 1) - torch.softmax(exact, 1)) @ k[:, centre].double()
    return ((found - found[:, :1]) - (top - top[:, :1])).abs().max().item(), pixel.abs().max().item()


times = [0.8, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005]
errors = {}
for form in ("dot products", "grey subtracted", "direct differences"):
    errors[form], pixels = zip(*(float32_errors(t, form) for t in times), strict=True)
    errors.setdefault("pixel, dot products", pixels)

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(6.4, 3.6))
noise_levels = [schedule.sigma(t) for t in times]
for (form, values_of), style in zip(errors.items(), ("o-", "v--", "s-", "^-"), strict=True):
    axis.loglog(noise_levels, values_of, style, label=form if "pixel" in form else f"logit, {form}")
axis.axhline(0.1, color=plotting.GREY, lw=1, ls=":")
axis.set(xlabel="sigma (noise on the left)", ylabel="largest error", xlim=(1.2, 0.006), ylim=(2e-7, 1))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(
    fig,
    alt="Errors against sigma, both logarithmic. Those of logits from dot products rise like one over sigma squared; "
    "direct differences end twenty times lower. The error of a pixel rises to 0.0001 and falls again.",
)

print(f"{'t':19s}" + "".join(f"{t:>7}" for t in times))
for form, found in errors.items():
    print(f"{form:19s}" + "".join(f"{e:7.0e}" for e in found))
crossing = np.exp(np.interp(np.log(0.1), np.log(errors["dot products"]), np.log(noise_levels)))
longest = (queries.norm(dim=1).max() * keys.norm(dim=1).max()).item()
estimate = (2.0**-24 * alpha * longest / 0.1) ** 0.5  # exercise 3
print(
    f"a logit is off by 0.1 below sigma = {crossing:.3f}; one rounding of the largest possible product: {estimate:.3f}"
)
assert lab.profile != "laptop" or (abs(crossing - 0.012) < 0.002 and abs(estimate - 0.005) < 0.0005)
last = {form: found[-1] for form, found in errors.items()}
assert last["dot products"] > 0.02 and last["direct differences"] < last["dot products"] / 5
assert errors["dot products"][times.index(0.05)] < 0.01 and max(errors["pixel, dot products"]) < 1e-3

# %% [markdown] tags=["slide"]
# Below about $0.012$. The error of the dot products grows about fourfold for every halving of $\sigma$. Direct
# differences, which subtract *before* they square, end twenty times lower. (Subtracting a common grey from all images
# first is often advised; here it makes no difference to speak of.)
#
# And the picture? Its worst pixel is off by less than a thousandth, at every $\sigma$. Where logits are coarse, one
# patch has all the weight, or those that share it have nearly the same centre. So 32 bits are enough for our pictures.
# They are not enough to *know* that beforehand, so the package is stricter: it estimates, once a call, how far a logit
# can be off. Too far, and it subtracts before it squares, or goes to float64, which takes several times as long.
#
# ### Exercise 3: Where float32 grows coarse (8 minutes, ★★☆)
#
# No dot product is larger than $|q|\,|k|$, with the longest query and the longest key. One rounding changes it by about
# $2^{-24}$ of itself, so a logit by $2^{-24}\,\alpha\, |q|\,|k| / \sigma^2$. Return the $\sigma$ at which this equals
# `tolerance`. It is an estimate of the order, no bound: the longest query may never meet the longest key, and other
# roundings come on top.


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
# For `queries`, `keys`, `alpha` and a tolerance of 0.1 it gives 0.005. The curve crosses at 0.012: here the other
# roundings win, those of the 49 additions, of the bias, and of the logit that one compares with.
#
# ## 5. Eleven digits, eight digits (3 minutes)
#
# On a GPU the temptation is greater. Its matrix units gain much of their speed from shorter numbers, such as **TF32**
# (11 binary digits) and **bfloat16** (8). We can try here, by rounding what enters the product. **Predict:** at which
# $t$ does a pixel become visibly wrong, by 0.1 of a range of 2? And which rounding does most harm: that of the queries,
# the keys, or the bias?


# %%
def rounded(x, digits):
    """x with only so many binary digits kept: 24 is float32, 11 TF32, 8 bfloat16."""
    unit = 1 << (24 - digits)
    return ((x.contiguous().view(torch.int32) + unit // 2) // unit * unit).view(torch.float32)


def rounded_logits(Q, K, digits, apart):
    """Q K^T from rounded numbers; the last column, the bias, with them, or apart: added in float32 afterwards."""
    end = -1 if apart else None
    return rounded(Q[:, :end], digits) @ rounded(K[:, :end], digits).T + (K[:, -1] if apart else 0)


formats = {"TF32": (11, False), "bfloat16": (8, False)}
formats |= {f"{name}, bias apart": (digits, True) for name, (digits, _) in formats.items()}
low_times, dozen = [0.8, 0.5, 0.2, 0.1, 0.05], els.load("fashion-mnist", size=W, n=2019).images[2007:].to(lab.device)
worst = {name: torch.zeros(len(low_times), len(dozen)) for name in formats}  # pixels of twelve pictures
for i, t_low in enumerate(low_times):
    x_low = els.add_noise(dozen, els.seeded_noise(range(1000, 1012), lab.shape).to(lab.device), t_low)
    for j, x in enumerate(x_low.split(1)):
        exact, Q_K = machine(x, t_low), operands(cut(x, P), keys, schedule.alpha(t_low), schedule.sigma(t_low))
        for name, how in formats.items():
            answer = torch.softmax(rounded_logits(*Q_K, *how), dim=1) @ values
            worst[name][i, j] = (answer.T.reshape(x.shape) - exact).abs().max()

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(6.4, 3.3))
colours = {"TF32": plotting.ORANGE, "bfloat16": plotting.BLUE}
for name, errors_of in worst.items():
    axis.semilogy(low_times, errors_of.amax(1), "s--" if "apart" in name else "o-", color=colours[name.split(",")[0]],
                  label=name)  # fmt: skip
axis.set(xlabel="time t (noise on the left)", ylabel="largest error of a pixel", xlim=(0.85, 0))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(
    fig,
    alt="Largest pixel error in twelve pictures against time: TF32 and bfloat16 rise as the noise falls, bfloat16 to "
    "0.8; with the bias kept in float32 both end several times lower.",
)

print(f"{'t':28s}" + "".join(f"{t_low:8}" for t_low in low_times))
for name, errors_of in worst.items():
    for which, row in (("worst", errors_of.amax(1)), ("median", errors_of.median(1).values)):
        print(f"{name:21s}{which:7s}" + "".join(f"{error:8.3f}" for error in row.tolist()))
high, middle = ({n: f(e[-1]).item() for n, e in worst.items()} for f in (torch.max, torch.median))
if lab.profile == "laptop":
    assert abs(high["bfloat16"] - 0.8) < 0.05 and 0.1 < high["bfloat16, bias apart"] < 0.15 and high["TF32"] < 0.12
    assert middle["bfloat16"] > 3 * middle["bfloat16, bias apart"] and middle["TF32"] > 3 * middle["TF32, bias apart"]

# %% [markdown]
# At the end a pixel is off by up to 0.8 with bfloat16, with TF32 by up to 0.1. In the median picture it is 0.2 and
# 0.03: if rounding lets the second best patch win, its centre is often nearly the same. Most of it is the price of our
# trick: the bias is one large number, and rounding it shifts a whole logit. Added in float32 *after* the product, it
# leaves a quarter of the error in the median, and with bfloat16 up to 0.13: its queries and keys are rounded, too.
# torch leaves TF32 off for matrix products unless asked; leave it off, or keep the bias out of the product.
#
# ## 6. Memory against N and P (4 minutes)
#
# The package has two ways to compute a patch machine, and takes the one that is faster. This section is about the
# first, attention in a stream; we tell it to keep to that one until section 7. And we need a scale: torch lets us
# intercept every operation; the class below weighs what each reads and makes.

# %%
import weakref

from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from elscourse import shifts

the_usual, shifts.WORTH = globals().get("the_usual", shifts.WORTH), float("inf")  # never take the other form


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
# **Predict.** The table form (all logits, then a softmax), against the package's stream: which grows with the number of
# images $N$, which with $P$?


# %%
def table_form(x_t, images, P):
    q, k = cut(x_t, P), cut(images, P)
    logits = (alpha * q @ k.T - alpha**2 / 2 * k.square().sum(1)) / sigma**2
    return torch.softmax(logits, dim=1) @ k[:, P * P // 2]


def peak_megabytes(run):
    with Weigh() as weighed:
        run()
    return weighed.peak / 1e6


more = els.load("fashion-mnist", size=W, n=8000).images.to(lab.device)
counts, used = (50, 200, 2000, 8000), {}
for n in counts:
    for size in (3, 11):
        streaming = els.EquivariantLocalScoreMachine(more[:n], schedule, patch_size=size, padding="circular")
        used["stream", n, size] = peak_megabytes(lambda m=streaming: m(x_t, t))
        if n <= 200:  # the table of 2,000 images would take more than a gigabyte
            used["table", n, size] = peak_megabytes(lambda n=n, p=size: table_form(x_t, more[:n], p))

# %% tags=["slide"]
print("N         " + "".join(f"{n:>8}" for n in counts for p in (3, 11)))
print("P         " + "".join(f"{p:>8}" for n in counts for p in (3, 11)))
for form in ("table", "stream"):
    cells = [used.get((form, n, p)) for n in counts for p in (3, 11)]
    print(f"{form:6s} MB " + "".join(f"{'-' if cell is None else round(cell):>8}" for cell in cells))
growth = used["table", 200, 3] / used["table", 50, 3]
print(f"four times the images: the table takes {growth:.1f} times the memory")
assert 3.5 < growth < 4.5 and max(used["stream", 8000, p] for p in (3, 11)) < (30 if lab.profile == "laptop" else 300)
assert all(used["stream", 8000, p] < 1.2 * used["stream", 2000, p] for p in (3, 11))

fig, axis = plt.subplots(figsize=(5.6, 3.4))
for form, marker in (("table", "o"), ("stream", "s")):
    for size, line in zip((3, 11), ("-", ":"), strict=True):
        ns = [n for n in counts if (form, n, size) in used]
        axis.loglog(ns, [used[form, n, size] for n in ns], marker=marker, ls=line, label=f"{form}, P = {size}")
axis.set(xlabel="training images N", ylabel="peak memory (MB)", xticks=counts, xticklabels=counts)
axis.minorticks_off()
axis.legend()
show(
    fig,
    alt="Peak memory against the number of training images, both logarithmic: the table form grows in proportion, "
    "the stream levels off below 30 megabytes.",
)

# %% [markdown]
# The table takes what it must: 13 million logits and as many weights at $N = 200$, so 105 MB, and with $P = 11$ a fifth
# more for the patches. The stream grows with both until a block is full, then with neither (a block holds fewer of the
# larger patches): less than 30 MB for 2,000 images and no more for 8,000. It reads blocks of a fixed size, and has a
# budget besides (`memory=`, half a gigabyte unless given). The package's other form, which comes now, holds to the same
# budget.
#
# ## 7. The other exact form: slide, square, blur (6 minutes)
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


def displaced(x_t, images, dy, dx, alpha, sigma, P):
    """(m, z, s) of every pixel, over all images at one displacement."""
    slid = images.roll((-dy, -dx), (-2, -1))
    logits = -box_sum((x_t - alpha * slid).square().sum(1), P) / (2 * sigma**2)  # (N, H, W)
    return Partial.of(logits.flatten(1).T[:, None], slid.flatten(2).permute(2, 0, 1))  # a group per pixel


def slide_and_blur(x_t, images, alpha, sigma, P):
    """D(x_t) for one x_t (1, C, H, W), displacement by displacement."""
    parts = (displaced(x_t, images, dy, dx, alpha, sigma, P) for dy in range(H) for dx in range(W))
    return functools.reduce(Partial.merge, parts).mean()[:, 0].T.reshape(x_t.shape)


# %% [markdown]
# Count the work for one query and one key (one colour channel): attention multiplies and adds $P^2$ numbers and a
# value, and needs four operations for the softmax: $2(P^2 + 1) + 4$. The blur needs about sixteen operations in all:
# three for a squared difference, four for the sums (along rows and columns a running sum and a difference each), one to
# scale it, and eight for the vote: compare with the largest so far, subtract it, exponential, add, weigh the value, add
# it, rescale both sums. **Predict:** from which $P$ on should the blur be faster? And is it, by the clock?

# %% tags=["volatile"]
import time

work = {size: {"attention": 2 * (size**2 + 1) + 4, "blur": 16} for size in (3, 5, 7, 9, 11, 13, 15)}
crossing = min(size for size, w in work.items() if w["blur"] < w["attention"])
print(f"operations per pair: attention {work[3]['attention']} at P = 3, {work[15]['attention']} at P = 15; blur 16")
assert crossing == 3  # from the smallest window on


def seconds(run, repeat=9):
    """The shortest of a few runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        if torch.cuda.is_available():
            torch.cuda.synchronize()  # a GPU works on while Python goes ahead
        best = min(best, time.perf_counter() - start)
    return best


for size in (3, 15):
    patch_form = els.EquivariantLocalScoreMachine(images, schedule, patch_size=size, padding="circular")
    a, b = seconds(lambda m=patch_form: m(x_t, t)), seconds(lambda p=size: slide_and_blur(x_t, images, alpha, sigma, p))
    gap = (slide_and_blur(x_t, images, alpha, sigma, size) - patch_form(x_t, t)).abs().max().item()
    print(f"P = {size:2d}: patches {a:.3f} s, slide and blur {b:.3f} s; the answers differ by {gap:.0e}")
    assert gap < 1e-3

# %% [markdown]
# On paper the blur wins at every $P$. By the clock its time hardly depends on $P$, as promised, but it is no winner.
# Counting operations is not enough: a riddle for section 8.
#
# Our lines make a whole picture of differences, then one of squares, one of sums. The package has this form as compiled
# loops: as many training images as fit side by side into a few registers, 32 or 64, go through all steps together, a
# few rows or columns at a time. So few numbers hardly leave the processor's caches. We give it back its choice of form.
# **Predict:** the same answer? And by the clock?

# %% tags=["volatile"]
print("milliseconds  " + "".join(f"{f'P = {size}, t = {s}':>17}" for size in (3, 7, 15) for s in (0.5, 0.05)))
table = {"patches": [], "fused": []}
for size in (3, 7, 15):
    both = els.EquivariantLocalScoreMachine(images.cpu(), schedule, patch_size=size, padding="circular")
    for s in (0.5, 0.05):
        x = els.add_noise(clean, noise, s).cpu()
        for form, worth in (("patches", float("inf")), ("fused", 0)):  # 0: slide and blur, however small the input
            shifts.WORTH = worth
            table[form].append(seconds(lambda m=both, x=x, s=s: m(x, s)))
            if s == t:
                gap = (slide_and_blur(x, images.cpu(), alpha, sigma, size) - both(x, s)).abs().max().item()
                assert gap < 1e-3
shifts.WORTH = the_usual
for form, row in table.items():
    print(f"{form:14s}" + "".join(f"{1000 * took:17.1f}" for took in row))

# %% [markdown]
# The same answer, many times faster than ours, and at $t = 0.5$ in the stored run five to nine times as fast as
# patches. The formula is the same, only the order of the loops is not. At little noise and with wide windows the
# package finds float32 wanting, as section 4 told, and does all again in float64: several times as long, and still
# ahead. (And our `box_sum` loses digits, in differences of running sums: ten times as many at $P = 15$ as at $P = 3$.
# The package adds in another order, without a subtraction.)
#
# ## 8. What limits the speed? The roofline (6 minutes)
#
# A processor can do only two things: compute, at most so many operations per second, and move numbers, at most so many
# bytes per second. Which one limits a program depends on its **intensity**: operations per byte moved. Below the ridge
# of the "roof" memory decides, above it arithmetic (Williams et al., 2009).
#
# **Predict.** Order these by intensity: attention with a table in memory; attention in tiles; slide and blur as we
# wrote it; slide and blur, fused.


# %% tags=["slide"]
def operations(form, P):
    return 16 if form in ("blur", "fused") else 2 * (P**2 + 1) + 4


def intensity(form, P, queries=H * W):
    """Operations per byte for one pair (query, key), one channel, float32."""
    if form in ("blur", "table"):  # whole pictures and tables: all that is read or made, weighed
        return operations(form, P) / moved[form, P]
    once_for_all = 4 if form == "fused" else 4 * (P**2 + 2)  # from main memory: a pixel of an image; a key
    return operations(form, P) * queries / once_for_all


moved, calls, pairs = {}, {}, H * W * len(images) * H * W
for size in (3, 7, 15):
    for form in ("blur", "table"):
        with Weigh() as weighed:
            _ = slide_and_blur(x_t, images, alpha, sigma, size) if form == "blur" else table_form(x_t, images, size)
        moved[form, size], calls[form, size] = weighed.moved / pairs, weighed.calls
for form in ("blur", "table", "tiles", "fused"):
    print(f"{form:6s} " + "  ".join(f"P = {size}: {intensity(form, size):7.2f}" for size in (3, 7, 15)))
print("bytes that our blur moves for a pair: " + ", ".join(f"{moved['blur', size]:.0f}" for size in (3, 7, 15))
      + f"; operations of torch for a displacement: {calls['blur', P] / (H * W):.0f}")  # fmt: skip
assert intensity("blur", 7) < 1 < intensity("table", 7) < 10 < 100 < intensity("tiles", 7) < intensity("fused", 7)
assert lab.profile != "laptop" or (round(moved["blur", 7]) == 181 and round(intensity("blur", 7), 2) == 0.09)

# %% [markdown]
# Now this computer. Its two limits are measured: one large matrix product, one large copy. (A FLOP/s is one operation
# on floating-point numbers in a second; G is a thousand millions, T a thousand G.) The dashed roof is an NVIDIA H100
# (67 TFLOP/s in float32, 3.35 TB/s, from its data sheet), with its ridge at 20 operations per byte. In TF32 it does
# seven times as many operations: section 5's temptation.

# %% tags=["volatile"]
big = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0)).to(lab.device)
long, target = torch.zeros(2**25, device=lab.device), torch.ones(2**25, device=lab.device)
peak = 2 * 1024**3 / seconds(lambda: big @ big, 50)
bandwidth = 2 * 4 * len(long) / seconds(lambda: target.copy_(long), 50)
forms = ("table", "tiles", "blur", "fused")[: 4 if x_t.device.type == "cpu" else 3]  # on a GPU there is no fused form
took = {}
for size in (3, 7, 15):
    both = els.EquivariantLocalScoreMachine(images, schedule, patch_size=size, padding="circular")
    for form in forms:
        shifts.WORTH = 0 if form == "fused" else float("inf")
        run = {"table": lambda p=size: table_form(x_t, images, p),
               "blur": lambda p=size: slide_and_blur(x_t, images, alpha, sigma, p)}  # fmt: skip
        took[form, size] = seconds(run.get(form, lambda m=both: m(x_t, t)))
shifts.WORTH = the_usual
speed = {at: pairs * operations(*at) / 1e9 / took[at] for at in took}

# %% tags=["volatile"]
fig, axis = plt.subplots(figsize=(6.6, 3.8))
x = np.logspace(-1.5, 3.3, 100)
axis.loglog(x, np.minimum(peak, bandwidth * x) / 1e9, color=plotting.INK, ls="-", label="this computer")
axis.loglog(x, np.minimum(67e12, 3.35e12 * x) / 1e9, color=plotting.GREY, ls="--", label="H100, data sheet")
colours = (plotting.ORANGE, plotting.BLUE, plotting.GREEN, plotting.INK)
for form, marker, colour in zip(forms, "so^D", colours, strict=False):
    points = [(intensity(form, p), speed[form, p]) for p in (3, 7, 15)]
    axis.loglog(*zip(*points, strict=True), marker, color=colour, label=form)
    for point, size in zip(points, (3, 7, 15), strict=True):
        if form in ("table", "tiles"):  # the blurs hardly mind P
            axis.annotate(f"P = {size}", point, (7, -3), textcoords="offset points", fontsize=8)
axis.set(xlabel="operations per byte", ylabel="billion operations per second")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="Roofline: two roofs, of this computer and of an H100, and the measured speed of the forms of the "
     "machine at P = 3, 7 and 15. Our blur lies far left, the tiles and the fused blur far right.")  # fmt: skip
print(f"this computer, {torch.get_num_threads()} thread(s): {peak / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.0f} GB/s, "
      f"ridge at {peak / bandwidth:.0f}; an H100: {67e12 / peak:.0f} and {3.35e12 / bandwidth:.0f} times")  # fmt: skip
print(f"{'':8}" + "".join(f"{f'P = {size}: GFLOP/s, ns a pair':>32}" for size in (3, 7, 15)))
for form in forms:
    print(f"{form:8}" + "".join(f"{speed[form, p]:21.1f}{took[form, p] / pairs * 1e9:11.2f}" for p in (3, 7, 15)))

# %% [markdown]
# Tiles and fused blur stand under the flat part. What keeps them from the roof? It is that of a multiplication and an
# addition in one instruction; additions alone reach half of it. The exponential counts as one operation, and takes
# about ten. Tiles also copy their keys, and their products are too thin for full speed. (The fused form counts as 16.
# In truth its sums take six additions where $P$ is 5 or more, and it skips a vote where all patches side by side weigh
# next to nothing: at $P = 15$ and this $t$ most votes.) And the roofline compares a program with its processor, not two
# programs with each other: the fused blur does fewer operations a second than the tiles with large windows, and is done
# long before them, as it has fewer to do.
#
# **The riddle.** Our blur moves 181 bytes a pair. In the stored run even at its roof it would take longer than the
# tiles do, and it takes longer still. But its pictures have 0.2 megabytes each, which a cache holds as well: main
# memory need not be asked. **Predict.** What does a displacement cost with 10 images in place of 200?

# %% tags=["volatile"]
for n in (10, 200, 2000):
    part = displaced(x_t, lab.data.images[:n], 5, 3, alpha, sigma, P)
    took_one = seconds(lambda n=n, p=part: p.merge(displaced(x_t, lab.data.images[:n], 5, 3, alpha, sigma, P)), 50)
    print(f"{n:5,} images: {4 * n * H * W / 1e3:5,.0f} kB in a picture of differences; a displacement takes "
          f"{took_one * 1e6:5,.0f} microseconds, a pair {took_one / n / H / W * 1e9:5.1f} ns")  # fmt: skip

# %% [markdown] tags=["slide"]
# Not a twentieth: in the stored run more than a third. So much of the time is the *starting* of 41 small operations,
# however few the images. The rest reads and makes the same 0.2 megabytes some forty times, from the cache; with 2,000
# images the pictures leave it, and a pair costs more again. One fused loop has neither. (The roofline knows arithmetic
# and main memory: not a start, and not a cache.)
#
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
# ImageNet: 1,281,167 training images, at 64 x 64 in colour, P = 9, 20 steps
pairs_in_all = 64**2 * 1_281_167 * 64**2
patches, blur = 2 * 3 * 9**2, 3 * 3 + 2 + 4 + 1 + 4 + 2 * 3 + 1 + 3  # a pair: exercise 4; section 7, in colour
minutes = {each: 20 * pairs_in_all * each / 67e12 / 60 for each in (patches, blur)}
print(
    f"{20 * pairs_in_all * patches:.1e} operations: {minutes[patches]:.0f} minutes at an H100's 67 TFLOP/s in float32,"
)
print(f"with slide and blur, {blur} operations a pair in place of {patches}, {minutes[blur]:.0f} minutes;")
days = 20 * pairs_in_all * patches / 50e9 / 86400
print(f"{days:.0f} days at 50 GFLOP/s (tiles, a laptop); the table of one step: {4 * pairs_in_all / 1e12:.0f} TB")
assert [round(m) for m in minutes.values()] == [52, 3] and round(days) == 48

# %% [markdown] tags=["slide"]
# Nearly an hour in this form for one small picture, and that on an H100 at its full speed, which no program reaches;
# with slide and blur, at the same impossible speed, 3 minutes. Still nobody would use the machine to make pictures. It
# is there to *predict* which ones the fast one, the network, will make.
#
# ## 9. Who need not be asked? (5 minutes)
#
# In section 1 six images of 200 held a third of one pixel's attention. Must all others be asked? First, equal patches
# can become one: its count $n$ enters as one more bias, $\log n$, and nothing changes. Then let us see how few patches
# can hold all but a thousandth of a pixel's weight. **Predict:** which part of the different patches, at $t = 0.9$ and
# at $t = 0.05$?

# %%
once, counts = torch.unique(k_3, dim=0, return_counts=True)
print(f"{len(k_3):,} patches of 3 x 3, {1 - len(once) / len(k_3):.0%} of them repeat another one")
few_levels = [0.9, 0.7, 0.5, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05, 0.02]


def who_matters(t, lost=1e-3):
    """For every fourth pixel: which part of the different patches holds all but `lost` of the weight; the answers."""
    k, a, s = once.double(), schedule.alpha(t), schedule.sigma(t)
    parts, answers = [], []
    for q in cut(els.add_noise(clean, noise, t), 3)[::4].double().split(16):
        weights = torch.softmax((a * q @ k.T - a**2 / 2 * k.square().sum(1)) / s**2 + counts.log(), dim=1)
        held = weights.sort(dim=1, descending=True).values.cumsum(1)
        parts.append(((held < 1 - lost).sum(1) + 1) / len(once))
        answers.append(weights @ k[:, centre_3])
    return torch.cat(parts).mean().item(), torch.cat(answers)


centre_3 = torch.arange(C) * 9 + 4
matter, exactly = zip(*(who_matters(t) for t in few_levels), strict=True)
print("t      " + "".join(f"{t:7}" for t in few_levels))
print("part   " + "".join(f"{part:7.1%}" for part in matter))
assert matter[0] > 0.99 or lab.profile != "laptop"

# %% [markdown]
# To know that, we asked everybody. To leave a patch out one must *prove* beforehand that it has no say: sort patches
# into boxes of near ones; a box whose nearest point is far from the query weighs no more than its number of patches
# times the weight of a patch at that point. With `tolerance=0.001` the package leaves out boxes that together cannot
# move a pixel by more than a thousandth. `certified` says what it visited, and a bound of the error. **Predict.** Does
# it leave out ever more as the noise falls?

# %% tags=["slide"]
half = half_a_million.cpu()
pruned = els.EquivariantLocalScoreMachine(half, schedule, patch_size=3, padding="circular", tolerance=1e-3)
visited, asked = {}, {}
print("    t       pairs   different patches    error    bound")
for t_low, true in zip(few_levels, exactly, strict=True):
    answer = pruned.certified(els.add_noise(clean, noise, t_low).cpu(), t_low)
    error = (answer.mean.flatten(2)[0].T[::4] - true.cpu()).abs().max().item()
    bound, visited[t_low] = answer.bound.max().item(), answer.visited
    asked[t_low] = min(1, answer.visited * len(k_3) / len(once))  # where it leaves out, it visits different ones only
    print(f"{t_low:5}{answer.visited:12.0%}{asked[t_low]:20.0%}{error:9.0e}{bound:9.0e}")
    assert error <= bound <= 1e-3

wide = els.EquivariantLocalScoreMachine(half, schedule, patch_size=5, padding="circular", tolerance=1e-3)
wide_visited = wide.certified(els.add_noise(clean, noise, 0.1).cpu(), 0.1).visited
print(f"  0.1{wide_visited:12.0%} with P = 5")
if lab.profile == "laptop":
    part = list(visited.values())
    assert wide_visited == 1
    assert part[:3] == [1, 1, 1] and part[-1] == 1 and part[-2] < 0.05
    assert part[3:-1] == sorted(part[3:-1], reverse=True)
    assert matter[0] > 0.9 and all(m <= asked[t_low] for m, t_low in zip(matter, few_levels, strict=True))

# %% tags=["slide"]
fig, axis = plt.subplots(figsize=(6.2, 3.3))
axis.semilogy(few_levels, matter, marker="o", label="hold all but 0.1 % of the weight")
axis.semilogy(few_levels, list(asked.values()), marker="s", label="visited, with a bound")
axis.set(xlabel="time t (noise on the left)", ylabel="part of the different patches", xlim=(0.95, 0))
axis.legend(loc="lower left")
show(
    fig,
    alt="Part of the different patches against time: near t = 1 all of them matter and all are visited; as the noise "
    "falls ever fewer matter, and from t = 0.3 to 0.05 ever fewer are visited; at 0.02 all are visited again.",
)

# %% [markdown]
# With much noise everybody matters, and the package does not even try. With less, ever fewer patches give the answer,
# within a bound of two parts: what was left out, which is proven, and the rounding of float32, 0.00004, an estimate.
# Where all are visited, only that remains. At $t = 0.02$ distances are so large, in units of $\sigma$, that float32
# proves nothing more; and with $P = 5$ the boxes are too large for the memory that the package allows itself. There it
# gives up, and asks everybody. **Predict:** a fiftieth of the pairs, a fiftieth of the time?

# %% tags=["volatile"]
full = els.EquivariantLocalScoreMachine(half_a_million.cpu(), schedule, patch_size=3, padding="circular")
print(f"{'t':>5} {'visited':>8} {'all':>8} {'search':>8}   a visited pair costs")
for t_low in (0.25, 0.15, 0.05):
    x_low = els.add_noise(clean, noise, t_low).cpu()
    a, b = (seconds(lambda m=m, x=x_low, s=t_low: m(x, s)) for m in (full, pruned))
    print(f"{t_low:5} {visited[t_low]:8.0%} {a:6.3f} s {b:6.3f} s   {b / a / visited[t_low]:.1f} times as much")
anew = els.EquivariantLocalScoreMachine(
    half_a_million.cpu(), schedule, patch_size=3, padding="circular", tolerance=1e-3
)
first = seconds(lambda: anew(els.add_noise(clean, noise, 0.05).cpu(), 0.05), 1)
print(f"a first call, which sorts the patches: {first:.3f} s, as much as {first / a:.0f} calls that ask everybody")

# %% [markdown]
# No: divide the two times of the last line, and it is nearer to a third than to a fiftieth. Every query first meets
# every box, and sliding shares its sums among neighbours, which a search cannot. So each visited pair costs several
# times as much, and leaving out nine of ten saves about half of the time; several $x_t$ at once share what a search
# reads, and save more. And the sorting, once, costs as much as many full calls. What one wanted to avoid has become
# cheap.
#
# ## If you want more: two processes, a GPU, a benchmark
#
# Nothing later needs this part. **Two processes.** Give every process its share of the images, let it return $(m, z,
# s)$ in float64, and merge. Here are two real ones on this computer. Each gets the source of the functions above, loads
# the images by itself, and takes every second one. **Predict:** how many bytes does a process send after it has read
# 200 images? And after 200 million?

# %%
import inspect
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
head = """import sys, torch, elscourse as els
from torch.nn import functional as F
from elscourse.posterior import Partial
"""
body = """
torch.set_num_threads(1)
rank, world, P = map(int, sys.argv[1:4])
alpha, sigma, folder = *map(float, sys.argv[4:6]), sys.argv[6]
x_t = torch.load(folder + "/x_t.pt")
keys = cut(els.load("fashion-mnist", size=x_t.shape[-1], n=400).images[rank::world], P)
part = stream(cut(x_t, P), keys, keys[:, P * P // 2, None], alpha, sigma, block=512)
torch.save((part.largest, part.total, part.weighted), f"{folder}/{rank}.pt")
"""
(folder / "worker.py").write_text(head + inspect.getsource(cut) + inspect.getsource(stream) + body)
torch.save(x_t.cpu(), folder / "x_t.pt")

# %%
command = [sys.executable, str(folder / "worker.py")]
arguments = ["2", str(P), str(alpha), str(sigma), str(folder)]
workers = [subprocess.Popen([*command, str(rank), *arguments]) for rank in (0, 1)]
assert [worker.wait() for worker in workers] == [0, 0]

nothing = torch.zeros(1)  # a fourth number: what was left out, see section 9
shares = [Partial(*torch.load(folder / f"{rank}.pt"), nothing) for rank in (0, 1)]
shutil.rmtree(folder)
merged = shares[0].merge(shares[1]).mean()[0].T.reshape(x_t.shape)
alone = els.EquivariantLocalScoreMachine(lab.data.images[:400], schedule, patch_size=P, padding="circular")(x_t, t)
gap = (merged - alone.cpu()).abs().max().item()
sent = sum(x.numel() * x.element_size() for share in shares for x in (share.largest, share.total, share.weighted))
print(f"two processes, merged: differs by {gap:.0e}; {sent / 1e3:.0f} kB were exchanged")
assert gap < 1e-4 and sent == 2 * 3 * H * W * 8  # two processes, three numbers a pixel, 8 bytes each

# %% [markdown]
# 6 kB each, also after 200 million. In transformers the same merge is known from attention over long sequences that are
# split over many GPUs. The package does it for the whole experiment of lesson 10: `torchrun --nproc-per-node 2 -m
# elscourse reproduce` shares the images among two processes, on this computer or on two GPUs.
#
# **A GPU.** There the machine runs unchanged, in tiles of attention: it computes where its images are. If there is one,
# the next cell takes the gpu lab's full set, 60,000 images at 32 x 32 pixels: 63 billion pairs of patches for one
# $D(x_t)$. (In the laptop's lab, the 10,000 images that come with the course.) If not, the laptop's 2,000 at 16 x 16.
# First, a part small enough for it is compared with a CPU.

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
import json

from elscourse.data import data_dir

bench = json.loads((data_dir() / "lessons" / "13_bench.json").read_text(encoding="utf-8"))
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
# In one call 14 to 46 times faster than the plain textbook, 6 to 19 times faster than the tuned one: the more, the
# larger the window, as slide and blur hardly minds $P$. (ns a pair: billionths of a second for one query and one key.)
#
# ## What you can now say
#
# * The machine is attention: noisy patches ask, training patches answer with their centres, $\|p\|^2$ is a bias.
# * Three numbers per query carry a softmax across blocks, processes and computers. Averages of parts do not.
# * float32 loses digits twice: in long sums, and at low noise; our pictures do not show it. In bfloat16 a pixel is off
#   by up to 0.8, above all by the rounded bias.
# * Memory need not depend on the dictionary; time does, and grows with the fourth power of the side.
# * Slide-and-blur is the same machine with work that hardly depends on $P$; fused in one loop, it wins.
# * With small windows and little noise (here $P = 3$, $t$ from 0.3 to 0.05) most of the dictionary can be left out,
#   with a proof.
#
# ## What is still unexplained
#
# At much noise everybody votes and nobody can be left out: is there a short cut there, too? Attention *inside*
# networks, between the places of one picture, does what no local machine can: it lets distant pixels agree; there the
# theory of Finn and others (lesson 12) begins (what is left of ours with a transformer, lesson 18 measures). And one
# question has waited since lesson 03: a network is trained to become the ideal denoiser. If one lets it, does it? That
# is lesson 14.
#
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292)
# * A. Vaswani et al., *Attention is all you need*, NeurIPS 2017, [arXiv:1706.03762](https://arxiv.org/abs/1706.03762)
# * E. A. Nadaraya, *On estimating regression*, 1964, [doi:10.1137/1109020](https://doi.org/10.1137/1109020);
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
