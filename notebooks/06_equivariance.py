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
# # 06 · Equivariance alone: new pictures, or old ones moved?
#
# **You will** write the shift of an image as a permutation of its pixels, prove which denoiser is the best of those
# that cannot know where they are, draw with it, and find out which layers of a network are blind to place.
#
# **You will learn** whether this constraint alone makes anything new.
#
# **You need** lessons 01 to 03, at the end 04.
#
# **Time** 67 minutes. If time is short: sections 1, 3 and 4. (Run all cells first: a section needs the cells above it.
# An image's *orbit* is all its shifted copies.)

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown] tags=["slide"]
# ## 1. A shift is a permutation (6 minutes)
#
# Lesson 03 left two clues about trained convolutional networks. The less noise there is, the more **locally** they look
# (but so does a linear denoiser). And they treat **places alike**, except where they feel the border: move the input,
# and the output moves along. This lesson takes the second clue alone, and removes the border. (Lesson 08 gives it
# back.)
#
# Without a border, images live on a torus: what leaves on the right comes back on the left. For a displacement $d =
# (d_y, d_x)$ we write $v(\cdot + d)$ for the **shifted image**, which shows at pixel $x$ what $v$ shows at $x + d$.
# (Mind the sign: in lesson 03 a shift said where the contents go; here $d$ says where a pixel reads.)


# %% tags=["slide"]
def shift(images, dy, dx):
    """The images v(. + d) for d = (dy, dx): pixel x shows what was at x + d."""
    return torch.roll(images, (-dy, -dx), dims=(-2, -1))


numbered = torch.arange(12.0).view(3, 4)  # each pixel shows its own number
print("v:", *numbered.int().tolist(), sep="\n")

# %% [markdown] tags=["slide"]
# **Predict.** Shift this array by $d = (1, 0)$. Do its contents move up or down? Now write all 12 pixels as one column
# of numbers. A shift, $(T_d v)(x) = v(x + d)$, is linear, so it is a 12 x 12 matrix $T_d$. How many of its entries are
# not zero?


# %% tags=["slide"]
def shift_matrix(dy, dx, height=3, width=4):
    """T_d as a matrix: column k is the image that is 1 at pixel k and 0 elsewhere, shifted."""
    pixels = torch.eye(height * width).view(-1, height, width)
    return shift(pixels, dy, dx).flatten(1).T


for d in ((1, 0), (0, 1)):
    print(f"v(. + d), d = {d}:", *shift(numbered, *d).int().tolist(), sep="\n")

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 3, figsize=(8.8, 3.3), layout="constrained")
for axis, d in zip(axes, [(0, 1), (1, 0), (1, 1)], strict=True):
    axis.imshow(shift_matrix(*d), cmap="Greys")
    axis.set(
        title=f"d = {d}", xlabel="pixel before", ylabel="pixel after", xticks=range(0, 12, 3), yticks=range(0, 12, 3)
    )
show(fig, alt="Three 12 by 12 matrices for the shifts (0,1), (1,0) and (1,1): exactly one black entry in every "
     "row and every column, in slanted stripes.")  # fmt: skip

# %% [markdown] tags=["slide"]
# The contents moved up: they go by $-d$. And $T_d$ has a single 1 in each row and each column, 12 in all, so a shift is
# a **permutation of the pixels**. It moves numbers and changes none. Three facts carry the lesson:
#
# * the transpose undoes a shift, $T_d^{-1} = T_d^\top$, so a shift keeps lengths: $\|T_d v\| = \|v\|$;
# * shifted Gaussian noise $T_d\,\epsilon$ is just as likely as $\epsilon$;
# * two shifts in a row make a shift, and each can be undone: the $HW$ shifts form a **group**.

# %%
# the single 1s, and the first and the third fact, for these matrices
left, up = shift_matrix(0, 1), shift_matrix(1, 0)  # named after where the contents go
assert left.sum() == 12 and (left.sum(0) == 1).all() and (left.sum(1) == 1).all()
assert torch.equal(left.T @ left, torch.eye(12))
assert torch.equal(up @ left, shift_matrix(1, 1)) and torch.equal(up @ left, left @ up)

# %% [markdown] tags=["slide"]
# ## 2. The orbit of an image (4 minutes)
#
# All pictures that the group makes from one image form its **orbit**. On our 16 x 16 torus an orbit has up to 256
# pictures.
#
# **Predict.** How many different pictures are in the orbit of a sneaker? Of a constant image? Of vertical stripes, one
# pixel wide?

# %%
images, (C, H, W) = lab.data.images, lab.shape
sneaker = images[int((lab.data.labels == 7).nonzero()[0])]

# %% tags=["slide", "hide-input"]
some = [(0, 0), (0, 4), (0, 8), (4, 0), (4, 4), (8, 0), (8, 8), (11, 5)]
fig = plotting.image_rows({"orbit": torch.stack([shift(sneaker, *d) for d in some])}, titles=[str(d) for d in some])
show(fig, alt="One sneaker at eight shifts: the same shoe further left or further up, wrapped around "
     "where it leaves the picture.")  # fmt: skip


# %%
def all_shifts(images):
    """images (N, C, H, W) -> (N * H * W, C, H, W): the orbits, image after image, d in reading order."""
    height, width = images.shape[-2:]
    shifts = [(dy, dx) for dy in range(height) for dx in range(width)]
    orbits = images.new_empty(len(images), len(shifts), *images.shape[1:])
    for k, d in enumerate(shifts):
        orbits[:, k] = shift(images, *d)
    return orbits.flatten(0, 1)


stripes = torch.ones(C, H, W) * torch.tensor([-1.0, 1.0]).repeat(W // 2)
counts = {}
for name, v in {"sneaker": sneaker.cpu(), "constant": torch.zeros(C, H, W), "stripes": stripes}.items():
    counts[name] = len(all_shifts(v[None]).flatten(1).unique(dim=0))

# %% tags=["hide-input"]
print("different pictures among the shifts:", counts)
assert counts == {"sneaker": H * W, "constant": 1, "stripes": 2}

# %% [markdown] tags=["slide"]
# All 256 pictures of the sneaker differ. The orbit of the constant image holds one picture, that of the stripes two: an
# orbit can be smaller than $HW$.

# %% [markdown] tags=["slide"]
# ## 3. The best denoiser that must not know where it is (8 minutes)
#
# A denoiser $D$ is **equivariant** if it does not matter whether we shift first or denoise first:
#
# $$ D(T_d\, x_t) = T_d\, D(x_t) \qquad \text{for all } d. $$
#
# We say that $D$ and $T_d$ **commute**. The output does not stay the same (that would be *invariance*): it moves along.
#
# We train as in lesson 02: $x_t = \alpha x_0 + \sigma \epsilon$, with training image $x_0$, noise $\epsilon$ and the
# loss $\|D(x_t) - x_0\|^2$, averaged. But now only equivariant $D$ may compete. Which one wins?
#
# **Predict.** What will the winner draw from noise: (a) blurred garments, (b) garments that nobody has seen, (c)
# training images in odd places, (d) textures?

# %% [markdown] tags=["slide"]
# **Three steps.**
#
# 1. *Shifted examples cost the same.* $T_d x_t$ is a noised version of $T_d x_0$ with noise $T_d \epsilon$, which is
#    as likely as $\epsilon$. Its loss is
#    $\|D(T_d x_t) - T_d x_0\|^2 = \|T_d (D(x_t) - x_0)\|^2 = \|D(x_t) - x_0\|^2$. (The first
#    equality needs an equivariant $D$; the second holds because shifts keep lengths.)
# 2. *So the training set may as well be all orbits.* An equivariant $D$ has the same loss on both. On the
#    orbits, the best denoiser of **any** kind is the ideal one of lesson 02, with $N H W$ images.
# 3. *And this ideal denoiser is equivariant*: shifting $x_t$ only renames the images of the orbits. So it also wins the
#    race among equivariant denoisers.

# %% [markdown] tags=["slide"]
# This is the **equivariant score machine**, ES:
#
# $$ D(x_t) = \sum_{v, d} w_{v,d}\; v(\cdot + d), \qquad
#    w_{v,d} \propto \exp\Big( -\frac{\|x_t - \alpha\, v(\cdot + d)\|^2}{2 \sigma^2} \Big), $$
#
# over the training images $v$ and all $HW$ displacements $d$; the weights $w_{v,d}$ sum to one.

# %% [markdown]
# ### Exercise 1: The equivariant score machine (10 minutes, ★★☆)
#
# Write ES as the formula says, for training images `images`. (In the package it is `els.EquivariantScoreMachine(images,
# schedule)`; do without it.)


# %%
def naive_es(x_t, images, alpha, sigma):
    """x_t (B, C, H, W), images (N, C, H, W) -> D(x_t), the ideal denoiser of all shifted images, (B, C, H, W)."""
    ...


check.naive_es(naive_es)

# %% [markdown]
# Stuck? `check.hint("naive_es")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def naive_es(x_t, images, alpha, sigma):
#     height, width = images.shape[-2:]
#     v = torch.cat([torch.roll(images, (-dy, -dx), (-2, -1)) for dy in range(height) for dx in range(width)])
#     squared = (x_t[:, None] - alpha * v).square().sum((2, 3, 4))
#     weights = torch.softmax(-squared / (2 * sigma**2), dim=1)
#     return (weights @ v.flatten(1)).view_as(x_t)
# ```
#
# The sum runs over all shifts, so the signs of `dy` and `dx` do not matter. The last three lines come from lesson 02.
# </details>

# %% [markdown]
# The package's machine, here for 50 images, is the ideal denoiser of their orbits. Store the same garments at scattered
# places, and the machine stays the same, because the orbits do. The machine is equivariant, but the ideal denoiser (IS)
# of the 50 images themselves is not:

# %%
few = images[:50]
of_few = {"ES": els.EquivariantScoreMachine(few, lab.schedule), "IS": els.IdealScoreMachine(few, lab.schedule)}
of_few["IS of all shifts"] = els.IdealScoreMachine(all_shifts(few), lab.schedule)
scattered = torch.stack([shift(v, 3 * i, 5 * i) for i, v in enumerate(few)])  # the same garments, moved
of_few["ES of the scattered"] = els.EquivariantScoreMachine(scattered, lab.schedule)
three_noisy = els.add_noise(images[100:103], els.seeded_noise(range(3), lab.shape).to(lab.device), 0.5)
replies = {name: D(three_noisy, 0.5) for name, D in of_few.items()}

# %% tags=["hide-input"]
torch.testing.assert_close(replies["IS of all shifts"], replies["ES"], rtol=0, atol=1e-4)
torch.testing.assert_close(replies["ES of the scattered"], replies["ES"], rtol=0, atol=1e-4)
for d in [(0, 1), (3, 5), (8, 8)]:
    gap = {
        name: (of_few[name](shift(three_noisy, *d), 0.5) - shift(replies[name], *d)).abs().max()
        for name in ("ES", "IS")
    }
    print(f"d = {d}:  ES is off by {gap['ES']:.6f}   IS is off by {gap['IS']:.2f}")
    assert gap["ES"] < 1e-4 and gap["IS"] > 0.3

# %% [markdown] tags=["slide"]
# ## 4. What does it draw? (9 minutes)
#
# First a memory of only **three pictures**, painted by hand. Each has a colour, and a drawing gets the colours of the
# pictures that voted for it. Both machines, IS and ES, draw with the sampler of lesson 01.
#
# **Predict.** From each noise IS draws one of the three. What will ES draw: one colour, or several? And where?


# %%
def draw(machine, seeds, shape):
    """Samples, and the heaviest voters at the last evaluation."""
    way = list(els.trajectory(machine, els.seeded_noise(seeds, shape).to(lab.device), steps=20))
    (t_last, x_last, _), (_, x_end, _) = way[-2:]
    return x_end, machine.posterior(x_last, t_last, top=10)


painted = els.load("painted").images.to(lab.device)
of_three = {"IS": els.IdealScoreMachine(painted), "ES": els.EquivariantScoreMachine(painted)}
drew = {name: draw(D, range(8), painted.shape[1:]) for name, D in of_three.items()}

# %% tags=["slide", "hide-input"]
rows = {"in memory": plotting.coloured_by_voters(painted, of_three["IS"].posterior(painted, 0.01))}
fig = plotting.image_rows(rows | {name: plotting.coloured_by_voters(*of_one) for name, of_one in drew.items()})
show(fig, alt="In the first row a face, a house and a tree, each in a colour of its own. IS draws houses and trees, "
     "each where it was. ES draws faces, a house and trees, each of one colour and complete, but moved: what leaves on "
     "one side comes back on the other.")  # fmt: skip
copies = {name: int((all_shifts(painted).flatten(1) - x.flatten(1)[:, None]).abs().amax(2).amin(1).lt(1e-3).sum())
          for name, (x, _) in drew.items()}  # fmt: skip
print("of 8 drawings, at some shift the same as a picture in memory:", copies)
assert copies == {"IS": 8, "ES": 8}
assert [len(set(votes.image[:, 0].tolist())) for _, votes in drew.values()] == [2, 3]

# %% [markdown] tags=["slide"]
# One colour each: ES draws a **whole** picture, too, but **anywhere**. (That IS drew no face is chance.) So for three
# pictures it is (c) of section 3. Is it still so with 2,000?
#
# **Predict.** IS begins with the same noise and holds the same images. For how many of 16 seeds will both draw the same
# thing, wherever it lies?

# %%
machine, seeds = lab.machine("es"), range(16)
noise = els.seeded_noise(seeds, lab.shape).to(lab.device)
drawn = els.sample(machine, noise, steps=20)
remembered = els.sample(lab.machine("is"), noise, steps=20)

# %% tags=["slide", "hide-input"]
fig = plotting.image_rows({"noise / 3": noise[:10] / 3, "ES": drawn[:10], "IS": remembered[:10]})
show(fig, alt="Ten seeds. IS draws centred garments. ES draws from the same noise sharp garments that lie "
     "anywhere, many of them cut by the border and continued on the other side.")  # fmt: skip

# %% [markdown] tags=["slide"]
# (Noise is divided by 3 to fit the greys.) The samples look odd. **Is each of them a training image, moved?** Ask the
# machine: **which pair $(v, d)$** has the most weight at low noise? (Below each column, the next figure shows the
# number of $v$ and the shift $d$, which the code calls `location`. The row "shifted back" undoes this $d$.)

# %%
votes = machine.posterior(drawn, t=0.01, top=1)
which, where = votes.image[:, 0], votes.location[:, 0]
undone = torch.stack([shift(x, -dy, -dx) for x, (dy, dx) in zip(drawn, where.tolist(), strict=True)])
same = int((which == els.nearest_training_image(remembered, images)[0]).sum())  # seeds for which IS drew this garment

# %% tags=["slide", "hide-input"]
rows = {"ES": drawn[:10], "shifted back": undone[:10], "training image": images[which][:10]}
fig = plotting.image_rows(rows, notes=[f"{int(i)}\n({y}, {x})" for i, (y, x) in zip(which[:10], where, strict=False)])
show(fig, alt="Ten samples of ES, the same shifted back, and the training images they come from: the second and "
     "third row are the same pictures. Below each column the number of the image and its shift.")  # fmt: skip

# %% tags=["hide-input"]
new = lab.held_out(100).images  # garments that the machine does not hold
moved = torch.stack([shift(v, *where[i % 16].tolist()) for i, v in enumerate(new)])  # by the same shifts as the samples
names = ("as drawn", "new garments", "new garments, moved")
far = {
    name: float(els.nearest_training_image(x, images)[1].quantile(0.5))
    for name, x in zip(names, (drawn, new, moved), strict=True)
}
error = (undone - images[which]).abs().amax((1, 2, 3))
print("median distance to the nearest training image: " + ",  ".join(f"{name} {v:.1f}" for name, v in far.items()))
print(f"shifted back: largest difference in any pixel of the {len(drawn)} samples {error.max():.7f}")
print(f"ES draws the same garment as IS from the same noise: for {same} of 16 seeds")
assert error.max() < 1e-4
if lab.profile == "laptop":
    assert same == 0 and all(abs(v - number) < 0.06 for v, number in zip(far.values(), (7.5, 2.8, 9.2), strict=True))

# %% [markdown] tags=["slide"]
# **(c) again**: every one of the 16 samples is a training image, pixel for pixel, only moved. The noise chooses **one
# of 2,000 memories and one of 256 places**, and nothing else. **None** of the samples is the garment that IS draws from
# the same noise: among 512,000 pictures ES finds another.
#
# As drawn, the samples of ES have a median distance of 7.5 to the nearest training image. Real new garments have only
# 2.8, but 9.2 once moved in the same way. So this distance measures mostly displacement: shift the samples back, and
# nothing is left of it.
#
# **Predict.** Now shift the *noise* by (3, 5) and draw again. What will ES draw? And IS?

# %%
shifted_noise = shift(noise[:5], 3, 5)
again, is_again = (els.sample(D, shifted_noise, steps=20) for D in (machine, lab.machine("is")))

# %% tags=["slide", "hide-input"]
rows = {"ES": drawn[:5], "ES, noise shifted": again, "IS": remembered[:5], "IS, noise shifted": is_again}
fig = plotting.image_rows(rows)
show(fig, alt="Five seeds. With shifted noise ES draws the same garments three rows further up and five columns "
     "further left, wrapped around; IS draws other garments, centred as ever.")  # fmt: skip

# %% tags=["hide-input"]
print(f"ES: largest difference from the shifted sample {(again - shift(drawn[:5], 3, 5)).abs().max():.6f}")
assert (again - shift(drawn[:5], 3, 5)).abs().max() < 1e-3
before, after = (els.nearest_training_image(x, images)[0] for x in (remembered[:5], is_again))
assert not (before == after).any()

# %% [markdown] tags=["slide"]
# The whole sampler is equivariant because each of its steps is. So ES draws the same garment, moved along with the
# noise. IS draws other training images.

# %% [markdown] tags=["slide"]
# ## 5. Another way to the same symmetry (5 minutes)
#
# Take **any** denoiser, let it work on all shifted copies of $x_t$, shift the answers back, and average over the orbit:
#
# $$ \bar D(x_t) = \frac{1}{HW} \sum_d T_d^{-1} D(T_d\, x_t). $$
#
# This average is **equivariant**: shifting $x_t$ changes the order in which the sum walks through the group, and moves
# each of its terms along.
#
# ### Exercise 2: Any denoiser, made equivariant (8 minutes, ★★☆)
#
# Write $\bar D$ for a denoiser `denoiser(x_t, t)`.


# %%
def orbit_average(denoiser, x_t, t):
    """x_t (B, C, H, W) -> the mean over all H * W shifts of: shift, denoise, shift back; the same shape."""
    ...


check.orbit_average(orbit_average)

# %% [markdown]
# Stuck? `check.hint("orbit_average")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def orbit_average(denoiser, x_t, t):
#     height, width = x_t.shape[-2:]
#     total = torch.zeros_like(x_t)
#     for dy in range(height):
#         for dx in range(width):
#             shifted = torch.roll(x_t, (-dy, -dx), (-2, -1))
#             total = total + torch.roll(denoiser(shifted, t), (dy, dx), (-2, -1))
#     return total / (height * width)
# ```
#
# Whether you shift forwards or backwards first, the sum is the same.
# </details>

# %% [markdown] tags=["slide"]
# **Predict.** Here are four denoisers of the same images: IS and three equivariant ones. The three are ES, $\bar D$
# made from IS, and a **filter**, the best linear denoiser of the orbits (each pixel gets the same weighted sum of what
# is around it). Order all four by their loss on the training images, at $t = 0.6$.
#
# (You may skip the filter's code. On the torus it treats each wave of the picture by itself, as the straight line of
# lesson 01 treated a single pixel. A folded cell below checks that this *is* the best linear denoiser of all orbits.)


# %%
def blind_filter(images, schedule):
    """The best linear denoiser of all shifts: it keeps a share of each wave (Fourier), and looks at nothing else."""
    mean = images.mean()
    power = torch.fft.fft2(images - mean).abs().square().mean(0) / images[0, 0].numel()  # of each wave

    def denoise(x_t, t, labels=None):
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        share = alpha * power / (alpha**2 * power + sigma**2)
        return mean + torch.fft.ifft2(share * torch.fft.fft2(x_t - alpha * mean)).real

    return denoise


# %%
pool, t = images[:200], 0.6
is_, es, linear = (
    make(pool, lab.schedule) for make in (els.IdealScoreMachine, els.EquivariantScoreMachine, blind_filter)
)
x_0 = pool[:20]
x_t = els.add_noise(x_0, els.seeded_noise(range(20), lab.shape).to(lab.device), t)

# D bar made from IS: shift, denoise, shift back, average
shifts = [(dy, dx) for dy in range(H) for dx in range(W)]
shifted = torch.stack([shift(x_t, *d) for d in shifts])  # all T_d x_t: (H * W, B, C, H, W)
answered = is_(shifted.flatten(0, 1), t).view_as(shifted)
# "readings": the 256 answers, each shifted back
readings = torch.stack([shift(answer, -dy, -dx) for answer, (dy, dx) in zip(answered, shifts, strict=True)])
answers = {"IS": is_(x_t, t), "ES": es(x_t, t), "IS, orbit average": readings.mean(0), "filter": linear(x_t, t)}
loss = {name: float((answer - x_0).square().mean()) for name, answer in answers.items()}

# %% tags=["hide-input"]
torch.testing.assert_close(linear(x_t, t), els.WienerFilter(all_shifts(pool), lab.schedule)(x_t, t), rtol=0, atol=1e-4)
loss["one reading, on average"] = float((readings - x_0).square().mean())
loss["one grey"] = float((pool.mean() - x_0).square().mean())
print("loss per pixel: " + ",  ".join(f"{name} {value:.3f}" for name, value in loss.items()))

# %% tags=["slide", "hide-input"]
rows = {"clean": x_0[:6], "noised / 2": x_t[:6] / 2} | {name: D[:6] for name, D in answers.items()}
fig = plotting.image_rows(rows)
show(fig, alt="Six training images, noised, and the answers of four denoisers: IS and ES return sharp garments, "
     "most of them the right ones. For a dark top in column 3 both show blurred trousers; for a dress in column 4 "
     "ES shows a garment cut by the border. "
     "The filter returns blurs, bright where the garments are, the orbit average of IS much "
     "fainter ones.")  # fmt: skip
assert loss["IS"] < loss["ES"] < loss["IS, orbit average"]
if lab.profile == "laptop":
    said = (0.014, 0.037, 0.274, 0.141, 0.405, 0.390)
    assert all(abs(value - number) < 0.0015 for value, number in zip(loss.values(), said, strict=True))

# %% [markdown] tags=["slide"]
# On its own training images (these 20) nothing beats IS (loss 0.014), and **ES is the best equivariant denoiser**
# (0.037), as lesson 02 and the proof say. $\bar D$ is dim (its loss is 0.274, the filter's 0.141). It *averages* 256
# **readings**, answers shifted back, and most of them looked for a garment in the wrong place. On average a single
# reading (0.405) is **no better than one grey** for all pixels (0.390).
#
# ES *weighs* the same readings by how well they fit. Group its sum by $d$:
#
# $$ D_\mathrm{ES}(x_t) = \sum_d p_d\; T_d^{-1} D_\mathrm{IS}(T_d\, x_t), \qquad
#    p_d \propto \sum_v \exp\Big( -\frac{\|T_d\, x_t - \alpha v\|^2}{2 \sigma^2} \Big). $$

# %% tags=["hide-input"]
alpha, sigma = lab.schedule.alpha(t), lab.schedule.sigma(t)
squared = torch.cdist(shifted.flatten(2), alpha * pool.flatten(1)).square()
p = torch.softmax(torch.logsumexp(-squared / (2 * sigma**2), dim=2), dim=0)  # (H * W, B)
weighed = (p[..., None, None, None] * readings).sum(0)
torch.testing.assert_close(weighed, answers["ES"], rtol=0, atol=1e-3)

# %% [markdown] tags=["slide"]
# ## 6. Which networks are blind to place? (4 minutes)
#
# Take three layers and a network, shift their input by every $d$, and measure the error: how far the output fails to
# move along.
#
# **Predict** for each: for which of the 256 shifts is the error zero? (a) a 3 x 3 convolution that wraps around, (b)
# the same with zeros at the border, (c) max pooling: each block of 2 x 2 pixels becomes its largest value (stride 2),
# repeated to full size, (d) a UNet with circular padding, which halves the picture twice (convolutions of stride 2).

# %%
torch.manual_seed(0)
around = els.networks.conv3x3(1, 1, "circular")
zeros = els.networks.conv3x3(1, 1, "zeros")
zeros.load_state_dict(around.state_dict())  # the same nine weights
unet = els.UNet(padding="circular")  # the weights of the shipped UNet, which was trained with zeros
unet.load_state_dict(els.load_network("fashion-mnist-16-unet-zeros").module.state_dict())
layers = {
    "(a) convolution, circular": around,
    "(b) convolution, zeros": zeros,
    "(c) pooling by 2": lambda x: (
        torch.nn.functional.max_pool2d(x, 2).repeat_interleave(2, -2).repeat_interleave(2, -1)
    ),
    "(d) UNet, circular": lambda x: unet(x, torch.tensor([0.5])),
}

# %% [markdown]
# ### Exercise 3: Put a layer to the test (8 minutes, ★★☆)
#
# Given a function `layer` and an input `x` (B, C, H, W), find the shifts that commute with the layer on this input, up
# to rounding (1e-4). Once your function is right, count with these lines (the UNet takes a few seconds). Was your
# prediction right?
#
# ```python
# with torch.no_grad():
#     for name, layer in layers.items():
#         print(name, int(commuting_shifts(layer, noise[:1].cpu()).sum()))
# ```


# %%
def commuting_shifts(layer, x):
    """layer: (B, C, H, W) -> (B, C', H, W) -> bool tensor (H, W): True at [dy, dx] if layer and this shift commute."""
    ...


check.commuting_shifts(commuting_shifts)

# %% [markdown]
# Stuck? `check.hint("commuting_shifts")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def commuting_shifts(layer, x):
#     height, width = x.shape[-2:]
#     commute = torch.zeros(height, width, dtype=torch.bool)
#     for dy in range(height):
#         for dx in range(width):
#             shifted_first = layer(torch.roll(x, (-dy, -dx), (-2, -1)))
#             shifted_last = torch.roll(layer(x), (-dy, -dx), (-2, -1))
#             commute[dy, dx] = (shifted_first - shifted_last).abs().max() < 1e-4
#     return commute
# ```
#
# One random input is enough to refute equivariance and, in practice, to believe it. A constant image is not enough.
# </details>


# %%
@torch.no_grad()
def shift_errors(layer, x):
    """x (1, C, H, W) -> (H, W): for each d, the largest |layer(T_d x) - T_d layer(x)|."""
    y = layer(x)
    errors = [(layer(shift(x, dy, dx)) - shift(y, dy, dx)).abs().max() for dy in range(H) for dx in range(W)]
    return torch.stack(errors).view(H, W)


errors = {name: shift_errors(layer, noise[:1].cpu()) for name, layer in layers.items()}

# %% tags=["slide", "hide-input"]
fig, axes = plt.subplots(1, 4, figsize=(9.5, 3), layout="constrained")
fig.suptitle("blue: layer and shift commute (error below 0.0001)", fontsize=9)
for axis, (name, error) in zip(axes, errors.items(), strict=True):
    axis.imshow(error < 1e-4, cmap="Blues", vmin=0, vmax=1.4)
    axis.set_title(f"{name}\n{int((error < 1e-4).sum())} of {H * W}", fontsize=9)
    axis.spines[:].set_visible(True)
    axis.set(xlabel="dx", ylabel="dy", xticks=range(0, W, 4), yticks=range(0, H, 4))
show(fig, alt="Four maps over all shifts, blue where layer and shift commute. Circular convolution: all blue. "
     "Zero padding: blue only at no shift. Pooling: blue where dy and dx are both even. UNet: where both are "
     "multiples of 4.")  # fmt: skip

# %% tags=["hide-input"]
commute = {name: error < 1e-4 for name, error in errors.items()}
counts = [int(c.sum()) for c in commute.values()]
print("shifts that commute:", counts)
assert counts == [H * W, 1, H * W // 4, H * W // 16]
assert commute["(c) pooling by 2"][::2, ::2].all() and commute["(d) UNet, circular"][::4, ::4].all()

# %% [markdown]
# * **(a)** All 256. A convolution (torch's) is the same function at every place: $(k * v)(x) = \sum_o k(o)\, v(x + o)$,
#   with weights $k(o)$ that do not depend on $x$. So $(k * T_d v)(x) = \sum_o k(o)\, v(x + o + d) = (k * v)(x + d)$.
# * **(b)** Only $d = 0$. The zeros stand still while the picture moves.
# * **(c)** Every second row and column, 64 shifts. The pools of 2 x 2 pixels lie on a grid, and the grid stands still,
#   too. Only multiples of its **stride** keep the pixels of one pool together (if the stride divides the sides).
# * **(d)** Two halvings leave the multiples of 4, so 16 shifts. Wrapping around does not save a network that strides.

# %% [markdown] tags=["slide"]
# ## 7. Is this what the network does? (5 minutes)
#
# Our ResNet never strides. Trained with circular padding, it is equivariant, and it learnt from the same 2,000 images.
# We set its samples beside those of ES from the same noise, **and measure r2**, the squared correlation of the pixels.
# (The network takes 150 steps, ES takes 20; lesson 11 says why.)
#
# ES gets a rival: the filter of section 5, made from all 2,000 images. It recognises nothing. Nor does it know that
# pixels end at black and white, so we cut its drawings there.
#
# **Predict.** Is the median r2 of ES closest to 0, a third, two thirds or 1? Could the filter reach as much?

# %%
torus = els.lab("laptop", network="fashion-mnist-16-resnet-circular", verbose=False)  # the laptop's in every lab
stored, es_drawn = els.load_results(torus.network.name), els.load_results("07_els")["es"]  # 100 drawings each
network_drawn, start = stored["network-150"], els.seeded_noise(range(100), torus.shape)
# two of them drawn again: the stored ones are what they claim to be
live = els.sample(torus.network, start[:2], steps=150)
assert els.compare(live, network_drawn[:2]).r2.min() > 0.99
if lab.profile == "laptop":
    torch.testing.assert_close(es_drawn[:16], drawn, rtol=0, atol=1e-3)  # what we drew above

filtered = els.sample(blind_filter(torus.data.images, torus.schedule), start, steps=20, schedule=torus.schedule)
filtered = filtered.clamp(-1, 1)
r2 = {name: els.compare(x, network_drawn).r2 for name, x in {"ES": es_drawn, "filter": filtered}.items()}

# %% tags=["slide", "hide-input"]
rows = {"circular network": network_drawn[:10], "ES": es_drawn[:10], "filter, cut": filtered[:10]}
notes = [f"ES {a:.2f}\nfilter {b:.2f}" for a, b in zip(r2["ES"][:10], r2["filter"][:10], strict=True)]
fig = plotting.image_rows(rows, notes=notes)
show(fig, alt="Ten seeds. Network and ES put bright and dark regions in roughly the same places; the details differ, "
     "and the shapes of the network are seldom garments; it leaves columns 8 and 10 nearly black. "
     "The filter draws grainy blotches, bright in the same places. "
     "Below each column, the r2 with the network of ES and of the filter, cut at black and white.")  # fmt: skip

# %% tags=["hide-input"]
next_es = es_drawn.roll(1, 0)  # the drawing from another noise
more = {
    "ES, other noise": next_es,
    "IS": stored["is"],
    "mean of filter and ES": (filtered + es_drawn) / 2,
    "mean of filter and ES, other noise": (filtered + next_es) / 2,
}
r2 |= {name: els.compare(x, network_drawn).r2 for name, x in more.items()}
median = {name: float(v.nanquantile(0.5)) for name, v in r2.items()}
print("median r2 with the network: " + ", ".join(f"{name} {v:.2f}" for name, v in median.items()))
ahead = [int((r2[a] > r2[b]).sum()) for a, b in (("filter", "ES"), ("mean of filter and ES", "filter"))]
print(f"of 100 seeds the filter is ahead of ES for {ahead[0]}, and their mean of the filter for {ahead[1]}")
said = (0.57, 0.66, 0.03, 0.04, 0.75, 0.26)
assert all(abs(v - number) < 0.006 for v, number in zip(median.values(), said, strict=True))
assert abs(ahead[0] - 69) < 2 and abs(ahead[1] - 77) < 2

# %% [markdown] tags=["slide"]
# ES reaches a median r2 of 0.57, closest to two thirds (0.03 if it draws from another noise). IS, which knows its
# place, gets 0.04. But this *alone* does not show that the network remembers as ES does: **the filter reaches 0.66**,
# and is ahead of ES for 69 of 100 seeds.
#
# (The mean of ES's and the filter's drawings reaches 0.75, and is ahead of the filter's for 77 of 100. So ES adds
# something. Lesson 07 asks whether a curve, as in lesson 04, can add as much without ES.)
#
# Does the network *copy*? If it did, its samples would be nearer to its own training images than to as many garments
# that it never saw, each at its best shift.


# %%
def distance_to_orbits(x, images):
    """x (B, C, H, W) -> (B,): distance to the nearest of these images at its best shift."""
    best = torch.full((len(x),), torch.inf)
    for some in images.split(50):
        best = torch.minimum(best, torch.cdist(x.flatten(1), all_shifts(some).flatten(1)).amin(1))
    return best


own, strange = torus.data.images, torus.held_out(2000).images
apart = {
    name: (distance_to_orbits(x, own), distance_to_orbits(x, strange))
    for name, x in {"ES": es_drawn, "network": network_drawn}.items()
}

# %% tags=["hide-input"]
for (name, (to_own, to_strange)), said in zip(apart.items(), ((0, 3.08, 100), (4.65, 4.61, 43)), strict=True):
    middle = [float(distance.quantile(0.5)) for distance in (to_own, to_strange)]
    nearer = int((to_own < to_strange).sum())
    print(f"{name}: median distance to the orbits of its own images {middle[0]:.2f}, of others {middle[1]:.2f}")
    print(f"  nearer to its own for {nearer} of {len(to_own)}")
    assert all(abs(a - b) < 0.01 for a, b in zip(middle, said, strict=False)) and abs(nearer - said[2]) < 2

# %% [markdown] tags=["slide"]
# By this test the network copies no whole image, at any place. Its own images are nearer for 43 of 100 samples, and the
# median distance is 4.65 to its own and 4.61 to the others. For ES these distances are 0.00, up to rounding, and 3.08.
# This test says nothing about *pieces* of images.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * A shift is a permutation of pixels; it keeps lengths and the distribution of the noise. All pictures that shifts
#   make of one image form its orbit.
# * The best equivariant denoiser is the ideal denoiser of all orbits: ES.
# * ES creates nothing: each of its samples is a training image at some place, recovered exactly.
# * Circular convolutions are equivariant. Zero padding breaks this, and a stride leaves only shifts by its multiples.
# * The circular network copies no whole image, at any place. ES reaches r2 0.57 with it, but a filter with the same
#   symmetry, which recognises nothing, reaches 0.66.

# %% [markdown] tags=["slide"]
# ## What is still unexplained
#
# Locality alone cut the memory into pieces but pinned each piece to its place (lesson 04). Equivariance alone let the
# memory wander but kept it whole. The circular network keeps neither the place nor the whole. **What if a machine obeys
# both rules: it looks only through a small window, and may use what it finds at any place?** Lesson 07.
#
# ## References
#
# * M. Kamb, S. Ganguli. An analytic theory of creativity in convolutional diffusion models. ICML 2025.
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292). The equivariant score machine.
# * T. Cohen, M. Welling. Group equivariant convolutional networks. ICML 2016.
#   [arXiv:1602.07576](https://arxiv.org/abs/1602.07576). Convolutions for larger groups than shifts.
# * R. Zhang. Making convolutional networks shift-invariant again. ICML 2019.
#   [arXiv:1904.11486](https://arxiv.org/abs/1904.11486). What strided pooling does to the symmetry, and a cure.
# * H. Xiao, K. Rasul, R. Vollgraf. Fashion-MNIST. 2017. [arXiv:1708.07747](https://arxiv.org/abs/1708.07747).
