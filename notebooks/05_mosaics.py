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
# # 05 · What local machines draw: mosaics in which every piece fits
#
# **You will** predict which images a local machine can end on, count them by brute force in a world of two training
# images, and watch the machine land on them (or fail to).
#
# **You will learn** what "locally consistent" means, why there are exponentially many such images, and where the
# theorem about them stops.
#
# **You need** lesson 04 (local denoisers, windows) and the sampler of lesson 01.
#
# **Time** 90 minutes

# %%
import torch
from matplotlib import pyplot as plt

import elscourse as els
from elscourse import check, plotting, widgets
from elscourse.plotting import show

plt.style.use("elscourse.course")
lab = els.lab()

# %% [markdown]
# ## 1. The end of the road (7 minutes)
#
# Lesson 04 showed samples of the local machine: ragged, new, made of memories. Can we say, without drawing a single
# one, what they can look like? We can, by looking at the very end of the drawing, where $t \to 0$.
#
# One line of algebra. The noise estimate is $\hat\epsilon = (x_t - \alpha D(x_t)) / \sigma$. Solve it for $x_t$:
#
# $$ x_t = \alpha\, D(x_t) + \sigma\, \hat\epsilon . $$
#
# As $t \to 0$, the image factor $\alpha$ goes to 1 and the noise factor $\sigma$ to 0. Suppose that $x_t$ settles on
# some image $u$, and that $\hat\epsilon$ stays finite. Then the last term vanishes:
#
# $$ u = \lim_{t \to 0} D(x_t) . $$
#
# **The final image is what the denoiser says.** And what does a local denoiser say when there is no noise left?

# %% [markdown] tags=["slide"]
# Call what a training image $v$ has in the window $\Omega_x$ around pixel $x$, $p = v[\Omega_x]$, a **patch**. A local
# machine averages centre pixels of patches, with weights $\propto e^{-\|x_t[\Omega_x] - \alpha p\|^2 / 2\sigma^2}$.
# Divide by a $\sigma$ that goes to zero, and the nearest patch takes all the weight (if one is strictly nearest;
# section 8 is about ties). Together:
#
# > **The theorem.** If $x_t$ settles, every pixel $u(x)$ of the final image equals the **centre of the patch nearest to
# > the window of $u$ around $x$**.
#
# An image with this property is called **locally consistent**. It explains itself: each pixel looks at its
# surroundings, finds the most similar patch in memory, and sees that it already has the right value.
#
# **Predict.** Which images are locally consistent if the window is a single pixel ($P = 1$)? And if every window sees
# the whole image ($P = 2H - 1$)?

# %% [markdown]
# At $P = 1$ all that take each pixel from some training image's pixel at this place: astronomically many. At
# $P = 2H - 1$ the training images alone (but for ties), since all pixels then ask for the same nearest image.
# Everything between is the question of this lesson. To see all answers at once we need a world so small that we can
# list everything in it.

# %% [markdown] tags=["slide"]
# ## 2. A world of two images (6 minutes)
#
# The training set: one image all black ($-1$), one all white ($+1$). The window: $3 \times 3$. To have no borders at
# first, images live on a **torus**: what leaves on the right comes back on the left, and likewise at top and bottom.
#
# Let $S$ be the sum of $x_t$ over a window. The window's squared distances to the two dimmed patches (nine pixels
# $\alpha$, or nine pixels $-\alpha$) differ by $4\alpha S$ in favour of white. **Predict.** So what is $D$, as a
# function of $S$? (The weights are $w$ and $1 - w$, and $D = w - (1 - w)$.)

# %% [markdown]
# The ratio of the two weights is $e^{4\alpha S / 2\sigma^2}$, so
#
# $$ D(x_t)(x) = \frac{e^{\alpha S/\sigma^2} - e^{-\alpha S/\sigma^2}}{e^{\alpha S/\sigma^2} + e^{-\alpha S/\sigma^2}}
#              = \tanh\frac{\alpha S}{\sigma^2} . $$
#
# A whole local machine in one line. Is it the one of the package? (There the machine that wraps around is called
# circular, and comes in lesson 07. With images of one colour it makes no difference where a patch is from.)

# %%
schedule = lab.schedule


def window_sum(u):
    """The sum over the 3 x 3 window around every pixel of the torus; u (..., H, W)."""
    return sum(u.roll((i, j), (-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1))


def toy_machine(x_t, t):
    return torch.tanh(schedule.alpha(t) * window_sum(x_t) / schedule.sigma(t) ** 2)


# %%
two_images = torch.tensor([-1.0, 1.0], dtype=torch.float64)[:, None, None, None].expand(2, 1, 8, 8)
package = els.EquivariantLocalScoreMachine(two_images, schedule, patch_size=3, padding="circular")
x_t = els.seeded_noise(range(5), (1, 8, 8), torch.float64)
for t in (1.0, 0.5, 0.05):
    torch.testing.assert_close(toy_machine(x_t, t), package(x_t, t), rtol=0, atol=1e-6)
print("one line and package agree")

# %% tags=["slide"]
line = torch.linspace(-9, 9, 301)
fig, ax = plt.subplots(figsize=(5.5, 2.8))
for t in (0.95, 0.7, 0.4, 0.05):
    ax.plot(line, torch.tanh(schedule.alpha(t) * line / schedule.sigma(t) ** 2), label=f"t = {t:g}")
ax.set(xlabel="sum S over the window", ylabel="D at its centre")
ax.legend(loc="upper left")
show(fig, alt="The answer tanh(alpha S / sigma squared) against the window sum: a gentle slope at t = 0.95, steeper "
     "and steeper, a step from black to white at t = 0.05.")  # fmt: skip

# %% [markdown] tags=["slide"]
# With less noise the answer becomes a step: the sign of $S$. In an image of pixels $\pm 1$ that is the colour of the
# **majority** of the nine pixels. So in this world:
#
# > An image is locally consistent if and only if every pixel has the colour of the majority of its window.
#
# ## 3. Guess who (4 minutes)
#
# **Predict.** Six images on the $8 \times 8$ torus: a line one pixel wide; a band two pixels wide; a square of
# $3 \times 3$; a square of $4 \times 4$; the same without its corners; a checkerboard. Which are consistent?

# %%
line_1, band_2, square_3, square_4, round_4 = (-torch.ones(8, 8) for _ in range(5))
line_1[3], band_2[3:5], square_3[2:5, 2:5], square_4[2:6, 2:6], round_4[2:6, 2:6] = 1, 1, 1, 1, 1
for row, column in ((2, 2), (2, 5), (5, 2), (5, 5)):
    round_4[row, column] = -1
checkerboard = 1 - 2.0 * ((torch.arange(8)[:, None] + torch.arange(8)) % 2)
names = ["line", "band", "3 x 3", "4 x 4", "4 x 4, rounded", "checkerboard"]
guesses = torch.stack([line_1, band_2, square_3, square_4, round_4, checkerboard])


def outvoted(u):
    """Which pixels of u (..., H, W), all -1 or 1, are not the majority of their window."""
    return window_sum(u).sign() != u


# %% tags=["slide"]
def draw(images, titles, wrong, size=1.6):
    """A row of images (n, H, W), a cross on every wrong pixel."""
    fig, axes = plt.subplots(1, len(images), figsize=(size * len(images), size + 0.4))
    for ax, image, title, bad in zip(axes, images, titles, wrong, strict=True):
        plotting.show_image(ax, image[None])
        ax.spines[:].set(visible=True, color=plotting.GREY)
        for row, column in bad.nonzero().tolist():
            ax.plot(column, row, "x", color=plotting.ORANGE, ms=5, mew=2)
        ax.set_title(title, fontsize=9)
    return fig


show(draw(guesses, names, outvoted(guesses)),
     alt="Six small images; crosses mark pixels that are outvoted. The line is crossed all along, the squares at their "
     "corners; the band, the rounded square and the checkerboard have none.")  # fmt: skip

# %%
verdict = dict(zip(names, (~outvoted(guesses)).flatten(1).all(1).tolist(), strict=True))
print(verdict)
assert [name for name, good in verdict.items() if good] == ["band", "4 x 4, rounded", "checkerboard"]

# %% [markdown]
# Corners are the weak places: the corner of a square sees 4 of its own and 5 others. Cut the corners off, and an
# island of 12 pixels stands (one empty row and one empty column beside it are enough). Did the checkerboard surprise
# you? A pixel of it sees itself and its four diagonal neighbours: 5 of 9.
#
# ### Exercise 1: Is it consistent? (7 minutes, ★☆☆)
#
# Let memory hold one plain image of each of `colours`, which is $(-1, 1)$ or, with grey, $(-1, 0, 1)$. For an image `u`
# (H, W) of these colours on the torus, say for each pixel whether the patch nearest to its $3 \times 3$ window has the
# pixel's colour. With grey, no majority will do: compare the window's squared distances to nine pixels of each colour.
# Without it, your function is a second opinion on `outvoted`, on which everything below rests.


# %%
def toy_consistent(u, colours):
    """u (H, W), every pixel one of the colours, a tuple -> torch.bool (H, W)."""
    ...


check.toy_consistent(toy_consistent)

# %% [markdown]
# Stuck? `check.hint("toy_consistent")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def toy_consistent(u, colours):
#     def distance(colour):
#         return sum((u.roll((i, j), (0, 1)) - colour) ** 2 for i in (-1, 0, 1) for j in (-1, 0, 1))
#
#     nearest = torch.stack([distance(colour) for colour in colours]).argmin(0)
#     return torch.tensor(colours)[nearest] == u
# ```
#
# For black and white it finds what `~outvoted(u)` finds: the box of section 2 is right. The distances differ by $4S$,
# and a sum of nine odd numbers is never 0, so there is no tie. Section 8 is about a place where there is.
# </details>

# %% [markdown] tags=["slide"]
# ## 4. Count them all (6 minutes)
#
# A torus of $3 \times 3$ has $2^9 = 512$ black and white images, one of $4 \times 5$ has a million. We can visit each
# of them, and ask two witnesses:
#
# * the **rule**: every pixel is the majority of its window;
# * the **machine** of the package, which knows no rule and no tanh, only windows and weights: put the image, dimmed
#   by $\alpha$, into it at a tiny $t$; does it return the image (a **fixed point**)? (Not for the million: that takes
#   minutes.)
#
# **Predict.** On the $3 \times 3$ torus each window is the whole image. How many consistent images does it have? And
# roughly how many does $4 \times 4$ have, of 65,536?

# %% [markdown]
# ### Exercise 2: Count them (8 minutes, ★★☆)
#
# Write the count yourself: how many of the $2^{HW}$ images on the torus are consistent? Your `toy_consistent` may help.
# (Its `colours` are `(-1, 1)`. It rolls the axes 0 and 1 of one image; for a list of images roll the last two. One by
# one takes the check minutes.)


# %%
def toy_count(height, width):
    """Sides of a small torus (at least 3) -> the number of locally consistent black and white images."""
    ...


check.toy_count(toy_count)

# %% [markdown]
# Stuck? `check.hint("toy_count")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def toy_count(height, width):
#     n = height * width
#     u = (2.0 * ((torch.arange(2**n)[:, None] >> torch.arange(n)) & 1) - 1).view(-1, height, width)
#     votes = sum(u.roll((i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1))
#     return int((votes.sign() == u).flatten(1).all(1).sum())
# ```
#
# Try it on $5 \times 5$ (33 million images: do it in parts, or your memory will overflow). The next section has the
# answer without visiting any of them.
# </details>


# %%
def every_image(height, width):
    bits = (torch.arange(2 ** (height * width))[:, None] >> torch.arange(height * width)) & 1
    return (2.0 * bits - 1).view(-1, height, width)


def count_by_rule(height, width):
    return int((~outvoted(every_image(height, width))).flatten(1).all(1).sum())


def count_by_machine(height, width, t=0.01):
    u = every_image(height, width)[:, None]
    memories = torch.stack([-torch.ones(1, height, width), torch.ones(1, height, width)])
    machine = els.EquivariantLocalScoreMachine(memories, schedule, patch_size=3, padding="circular")
    return int(((machine(schedule.alpha(t) * u, t) - u).abs() < 0.01).flatten(1).all(1).sum())


# %% tags=["slide"]
predicted = {size: count_by_rule(*size) for size in ((3, 3), (3, 4), (3, 5), (4, 4), (4, 5))}
asked = {size: count_by_machine(*size) for size in predicted if size != (4, 5)}
print("torus    images  consistent by rule  fixed points of the machine")
for (height, width), count in predicted.items():
    by_machine = asked.get((height, width), "not asked")
    print(f"{height} x {width} {2 ** (height * width):9,} {count:19} {by_machine:>28}")

# %%
assert all(predicted[size] == by_machine for size, by_machine in asked.items())
assert predicted == {(3, 3): 2, (3, 4): 6, (3, 5): 12, (4, 4): 188, (4, 5): 516}

# %% [markdown]
# Rule and machine agree: the theorem's fixed points are the machine's. On $3 \times 3$ only the two training images
# are left. But on $4 \times 4$ there are 188: **two memories, 188 images that are stable**.
#
# ## 5. Two memories, millions of mosaics (9 minutes)
#
# Brute force ends near $5 \times 5$. For a long strip there is a better way. Whether the pixels of a column $b$ are
# consistent depends on that column and its two neighbours $a$ and $c$ only. So make a table of all pairs of columns:
# from the pair $(a, b)$ one may *step* to the pair $(b, c)$ if $b$ is consistent between $a$ and $c$. A consistent
# image of length $n$ on the torus is a closed walk of $n$ steps. Let $T$ be the table of allowed steps, 1 or 0. Then
# $(T^n)_{ij}$ counts the walks of $n$ steps from pair $i$ to pair $j$, and the closed ones are on the diagonal:
# $\mathrm{trace}(T^n)$. (You may skip the next cell at first: it writes the rule of section 3 as the table $T$.)


# %%
def step_table(width):
    """T (pairs, pairs): 1 where one may step from columns (a, b) to columns (b, c)."""
    n = 2**width
    columns = 2 * ((torch.arange(n)[:, None] >> torch.arange(width)) & 1) - 1  # all columns (n, width)
    threes = columns + columns.roll(1, 1) + columns.roll(-1, 1)  # a window is three of these
    sums = threes[:, None, None] + threes[None, :, None] + threes  # (a, b, c, pixel of b)
    fits = (sums.sign() == columns[:, None]).all(-1).double()  # (a, b, c)
    # from (a, b) to (d, c), and d must be b
    return torch.einsum("abc,bd->abdc", fits, torch.eye(n, dtype=torch.float64)).reshape(n * n, n * n)


def count_strip(table, length):
    return round(torch.linalg.matrix_power(table, length).trace().item())


# %% [markdown] tags=["slide"]
# **Predict.** A strip of width 4. From length 3 on, the counts begin 6, 188, 516. Add one more column: by what factor
# does the number of consistent images grow, in the long run? All images grow by $2^4 = 16$.

# %%
tables = {width: step_table(width) for width in (3, 4, 5)}
for (height, width), number in predicted.items():
    assert count_strip(tables[height], width) == number
strip = {length: count_strip(tables[4], length) for length in range(3, 17)}
growth = torch.linalg.eigvals(tables[4]).abs().max().item()
print(f"4 x 16 torus: {strip[16]:,} consistent images; 5 x 5 torus: {count_strip(tables[5], 5):,}")
print(f"growth per column of 4 pixels: {growth:.3f}, per pixel {growth**0.25:.2f}")

# %% tags=["slide"]
assert strip[16] == 40_411_828 and count_strip(tables[5], 5) == 2142
assert abs(growth - 2.955) < 1e-3 and abs(strip[16] / strip[15] - growth) < 0.1
assert abs(growth**0.25 - 1.31) < 0.01
fig, ax = plt.subplots(figsize=(5.5, 3.2))
ax.semilogy(strip.keys(), [16.0**n for n in strip], "--", color=plotting.GREY, label="all images")
ax.semilogy(strip.keys(), strip.values(), "o-", label="locally consistent images")
ax.semilogy(strip.keys(), [2] * len(strip), ":", label="training images")
ax.set(xlabel="length of a strip of width 4", ylabel="how many")
ax.legend()
show(fig, alt="On a logarithmic scale the number of consistent images on strips of width 4 jumps from length 3 to 4, "
     "then climbs in a straight line, far below that of all images and far above the two training images.")  # fmt: skip

# %% [markdown]
# In the long run each column multiplies the number of mosaics by 2.955: a straight line on the logarithmic scale.
# (The trace of $T^n$ is the sum of the $n$-th powers of the eigenvalues of $T$. The largest wins, and it is 2.955.) One
# more pixel makes all images 2 times as many, the mosaics 1.31 times ($2.955^{1/4}$). So they are a tiny part of all
# images; but from **two** memories, forty million on a strip of 64 pixels.
#
# The number grows with the area too, not only with the length. For that one needs an island.
#
# ### Exercise 3: Invent an island (5 minutes, ★★☆)
#
# Return a locally consistent image of $\pm 1$ that has **both colours**, and in which at least one whole row *and* one
# whole column are black. It must work for every torus whose sides are at least 5.


# %%
def new_consistent_image(height, width):
    """Sides of a torus, at least 5 -> consistent image (height, width) of -1 and 1, a row and a column of it black."""
    ...


check.new_consistent_image(new_consistent_image)

# %% [markdown]
# Stuck? `check.hint("new_consistent_image")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def new_consistent_image(height, width):
#     u = -torch.ones(height, width)
#     u[0:4, 1:3] = 1
#     u[1:3, 0:4] = 1
#     return u
# ```
#
# The island of section 3: a square of $4 \times 4$ without its corners. There are more answers; any that the check
# accepts is right. On $5 \times 5$ there is no other, but for shifts.
# </details>
#
# Now put an island, or none, into each box of $5 \times 5$.

# %% tags=["slide"]
box = guesses[names.index("4 x 4, rounded"), 2:7, 2:7]  # an island with the empty row and column behind it
chosen = torch.randint(2, (200, 4, 4), generator=torch.Generator().manual_seed(0)).bool()  # which boxes get one
islands = torch.where(chosen.repeat_interleave(5, 1).repeat_interleave(5, 2), box.repeat(4, 4), -torch.ones(20, 20))
assert not outvoted(islands).any()
show(draw(islands[:5], [f"{n} islands" for n in chosen[:5].flatten(1).sum(1).tolist()], outvoted(islands[:5])),
     alt="Five black images of 20 by 20 pixels on a grid of 4 by 4 boxes, each with round white islands in some of its "
     "boxes, no two images alike; no pixel is crossed out.")  # fmt: skip

# %% [markdown]
# All these images are consistent, at least $2^{\text{area}/25}$ of them (for sides that are multiples of 5). This is
# what *creativity* means in this theory: not new pieces, but **combinations** of pieces, and their number grows
# exponentially with the area.

# %% [markdown] tags=["slide"]
# ## 6. Does the machine get there? (7 minutes)
#
# A theorem about $t \to 0$ is one thing, 20 steps of a sampler another. Draw 200 images on the $8 \times 8$ torus.
#
# **Predict.** With the usual 20 uniform steps, what share of the samples is locally consistent (every pixel within
# 0.001 of the majority's colour)? Nearly all, half, or nearly none?

# %% tags=["slide"]
noise = els.seeded_noise(range(5000, 5200), (1, 8, 8), torch.float64)
uniform = schedule.times(20)
*_, (_, before, _), (_, drawn, _) = els.trajectory(toy_machine, noise, times=uniform)  # before the last step, after it


def off(u, tolerance=1e-3):
    """Pixels that differ from the majority of their window by more than the tolerance; u (B, 1, H, W)."""
    return ((u - window_sum(u).sign()).abs() > tolerance)[:, 0]


wrong = off(drawn)
show(draw(drawn[:7, 0], [f"{n} wrong" for n in wrong[:7].flatten(1).sum(1).tolist()], wrong[:7]),
     alt="Seven samples in black and white, among them islands and bands; in three of them one to three pixels at the "
     "frontier between the colours are crossed out as inconsistent.")  # fmt: skip

# %%
share_uniform = (~wrong).flatten(1).all(1).double().mean().item()
pixels_right = (~wrong).double().mean().item()
print(f"samples that are consistent: {share_uniform:.0%}; pixels that are: {pixels_right:.1%}")
assert abs(share_uniform - 0.44) < 0.03 and abs(pixels_right - 0.98) < 0.005

# %% [markdown] tags=["slide"]
# 98 % of the pixels are right, but only 44 % of the samples: one pixel is enough to spoil an image.
#
# Where do the wrong pixels come from? The last step goes from $t = 0.05$ to 0 in one leap, and a leap is *one* round of
# voting: every pixel takes the colour of its window's majority, all at once. When a pixel changes, its neighbours'
# majority may change; but nobody asks them again.
#
# **Predict.** Let the finished boards vote again, all pixels at once, in several rounds. Will more of the boards be
# consistent, or fewer?

# %% [markdown]
# ### Exercise 4: Vote again (6 minutes, ★☆☆)
#
# Return what becomes of a board on the torus after so many rounds of voting. In a round every pixel takes the colour of
# the majority of its $3 \times 3$ window, all at once.


# %%
def vote_again(u, rounds):
    """u (H, W), every pixel -1 or 1; rounds 0, 1, 2, ... -> the board (H, W) after so many rounds."""
    ...


check.vote_again(vote_again)

# %% [markdown]
# Stuck? `check.hint("vote_again")` gives one hint at a time.
#
# <details><summary>Solution</summary>
#
# ```python
# def vote_again(u, rounds):
#     for _ in range(rounds):
#         u = sum(u.roll((i, j), (0, 1)) for i in (-1, 0, 1) for j in (-1, 0, 1)).sign()
#     return u
# ```
#
# Or `window_sum(u).sign()`, with section 2. Nine votes are never a tie.
# </details>


# %% tags=["slide"]
def consistent(boards):
    return (~outvoted(boards)).flatten(1).all(1)  # board by board


print(f"consistent, by the sign of their pixels: {consistent(before.sign()).double().mean():.1%} before the last step")
board, after = drawn.sign(), {}
for rounds in range(8):
    after[rounds] = consistent(board).double().mean().item()
    settled, board = (board, consistent(board)), window_sum(board).sign()
print("after it and so many more rounds of voting:", {rounds: f"{share:.0%}" for rounds, share in after.items()})

# %%
assert abs(consistent(before.sign()).double().mean() - 0.285) < 0.03
assert all(abs(after[rounds] - stated) < 0.03 for rounds, stated in ((0, 0.46), (1, 0.57), (3, 0.8), (7, 0.94)))

# %% [markdown] tags=["slide"]
# More: 57 % after one round, 80 % after three, 94 % after seven. The last step did no harm, either: before it 28.5 % of
# the boards were consistent (by the sign of their pixels), after it 46 %. But it is only one round, and a board needs
# *many*.
#
# **Predict.** Two ways to give the sampler more rounds: take 25 times as many uniform steps; or keep the 20 and replace
# the last leap by 30 short ones, each halving $t$. Which one helps more?


# %% tags=["slide"]
def halving(steps, extra):
    """The uniform grid, but below its last t every further time is half of the one before, until 0."""
    times = schedule.times(steps)[:-1]
    return times + [times[-1] * 0.5**k for k in range(1, extra + 1)] + [0.0]


grids = {"20 uniform": uniform, "500 uniform": schedule.times(500), "20, then 30 halvings": halving(20, 30)}
finals = {name: els.sample(toy_machine, noise, times=times) for name, times in grids.items()}
shares = {name: (~off(u)).flatten(1).all(1).double().mean().item() for name, u in finals.items()}
for name, times in grids.items():
    print(f"{name:>21}: {len(times) - 1:3} evaluations, {shares[name]:.0%} of the samples consistent")

# %%
assert abs(shares["500 uniform"] - 0.84) < 0.03 and shares["20, then 30 halvings"] > 0.995
same = (settled[0] == finals["20, then 30 halvings"].sign()).flatten(1).all(1)
assert torch.equal(same, settled[1])  # where voting has settled, it is on the board of the halvings

# %% [markdown]
# 500 uniform evaluations reach 84 %; 50 evaluations that slow down at the end reach all. (And where seven rounds of
# voting had settled, it was on the very same boards.) **The theorem is about $t \to 0$, and a uniform grid never goes
# there**: it jumps over it.

# %% [markdown] tags=["slide"]
# ## 7. Possible is not probable (5 minutes)
#
# The theorem says where samples *can* end. It does not say how often they end where.
#
# **Predict.** On the $4 \times 4$ torus there are 188 consistent images. Of 2,000 samples, how many different ones will
# turn up?

# %% tags=["slide"]
memories, kinds = {}, {}
for side, number in ((4, 2000), (8, 1000), (16, 300)):
    start = els.seeded_noise(range(10_000, 10_000 + number), (1, side, side), torch.float64)
    u = els.sample(toy_machine, start, times=halving(20, 30)).sign()[:, 0]
    memories[side] = (u.flatten(1).sum(1).abs() == side**2).double().mean().item()
    kinds[side], number_of_each = u.unique(dim=0, return_counts=True)
    if side == 4:
        often, order = number_of_each.sort(descending=True, stable=True)
        twelve, often = kinds[4][order], often.tolist()
titles = ["once" if n == 1 else f"{n} times" for n in often]
show(draw(twelve, titles, outvoted(twelve), size=0.85),
     alt="Twelve small boards in a row with their numbers: all white and all black, more than 900 times each; eight "
     "bands of two rows or columns, 8 to 16 times each; two others, once each.")  # fmt: skip

# %%
for side, number in ((4, 2000), (8, 1000), (16, 300)):
    print(f"{side:2} x {side:2}: {memories[side]:5.1%} are training images; {len(kinds[side])} different of {number}")
band = (twelve == twelve[:, :1]).flatten(1).all(1) | (twelve == twelve[:, :, :1]).flatten(1).all(1)  # or one colour
assert band.sum() == 10 and min(often[:2]) > 900 and all(6 <= n <= 18 for n in often[2:10])
assert abs(len(twelve) - 12) <= 1 and abs(memories[4] - 0.955) < 0.005
assert abs(memories[8] - 0.4) < 0.02 and memories[16] < 0.01 and len(kinds[16]) == 300
assert torch.equal(window_sum(checkerboard), checkerboard)

# %% [markdown]
# 12 of 188: the two memories (95.5 % of the samples), all eight bands, and two of the other 178, once each. All 188
# are stable once the noise is low: who is there stays there. But the road from noise rarely leads there. At high
# noise the answer is a gentle slope, $D \approx \alpha S/\sigma^2$, and $S$ is 9 times the pixel in a plain area, 3
# times the pixel in a band two pixels wide, but 1 time the pixel on a checkerboard. What is plainest grows fastest,
# and wins before anything is decided.
#
# With room it is different: at $8 \times 8$ the memories are down to 40 %, and on $16 \times 16$ one sample of 300 is
# a memory and no two are alike. A small world remembers. **Creativity needs space.**

# %% [markdown] tags=["slide"]
# ## 8. When two patches tie (4 minutes)
#
# Nine voters cannot tie. But give the world a border again, as in lesson 04: windows are cut off, a pixel at an edge
# sees 6 pixels and one in a corner 4. Now the two patches can be **equally near**: 3 to 3, 2 to 2. Which of them is
# "the nearest"? The theorem needs a rule, and ours is: a pixel in a tie is consistent if *one* of the nearest patches
# has its colour.
#
# **Predict.** Draw on an $8 \times 8$ board with borders. In what share of the finished boards is at least one pixel
# tied: none, one in a hundred, a fifth, most?

# %%
from torch.nn import functional as F


def cut_sum(u):
    """The window sum on a board with borders: zeros beyond it."""
    padded = F.pad(u, (1, 1, 1, 1))
    return sum(padded[..., i : i + u.shape[-2], j : j + u.shape[-1]] for i in range(3) for j in range(3))


def board_machine(x_t, t):
    return torch.tanh(schedule.alpha(t) * cut_sum(x_t) / schedule.sigma(t) ** 2)


on_board = els.LocalScoreMachine(two_images, schedule, patch_size=3)
torch.testing.assert_close(board_machine(x_t, 0.5), on_board(x_t, 0.5), rtol=0, atol=1e-6)

# %% tags=["slide"]
*_, (t, x_t, D), (_, boards, _) = els.trajectory(board_machine, noise, times=halving(20, 30))
eps_hat, u = els.noise_from_denoiser(D, x_t, t), boards.sign()
tied = cut_sum(u) == 0
some = tied.flatten(1).sum(1).argsort(descending=True, stable=True)[:40:8]
show(draw(u[some, 0], [f"{n} ties" for n in tied[some].flatten(1).sum(1).tolist()], tied[some, 0]),
     alt="Five finished boards in black and white; crosses mark tied pixels, all of them at edges and corners where "
     "the border between black and white meets the border of the board.")  # fmt: skip

# %%
with_tie = tied.flatten(1).any(1).double().mean().item()
consistent_boards = ((cut_sum(u).sign() == u) | tied).flatten(1).all(1).double().mean().item()
of_noise = (cut_sum(eps_hat).sign() == u)[tied].double().mean().item()
print(f"boards with a tie: {with_tie:.1%}; boards that are consistent: {consistent_boards:.1%}")
print(f"{tied.sum()} tied pixels; {of_noise:.1%} have the sign of the last noise estimate, summed over their window")
assert abs(with_tie - 0.715) < 0.02 and abs(tied.sum().item() / len(tied) - 1.4) < 0.05
assert consistent_boards == 1 and of_noise > 0.99

# %% [markdown] tags=["slide"]
# Most: ties occur in 71.5 % of the boards, 1.4 to a board (shown are boards with many). Wherever the frontier between
# black and white meets the edge of the board, three may stand against three. With our rule all 200 boards are
# consistent. The machine must decide all the same, and what is left of the noise breaks the tie.

# %% [markdown]
# ## 9. And on real images? (10 minutes)
#
# Now LS with $P = 3$ and the 2,000 training images of the lab. The sampler stops a little before the limit, so "equal
# to the centre of the nearest patch" needs a **tolerance**, as in section 6. Here it must be chosen with care: at
# each place there are 2,000 patches, and some patch is always near.


# %%
images = lab.data.images.double()
near = ((torch.arange(lab.shape[1])[:, None] - torch.arange(lab.shape[1])).abs() <= 1).to(images)  # at most 1 apart


def nearest_centres(u):
    """For each pixel of u (B, 1, H, W): the centre of the training patch at the same place nearest to its window."""
    centres = []
    for image in u:
        distance = near @ (image - images).square()[:, 0] @ near  # (N, H, W): sums over 3 x 3 windows
        centres.append(images.gather(0, distance.argmin(0)[None, None])[0])
    return torch.stack(centres)


def share_consistent(u, tolerance):
    return ((u - nearest_centres(u)).abs() <= tolerance).double().mean().item()


# %%
local = els.LocalScoreMachine(images, schedule, patch_size=3)
start = els.seeded_noise(range(8), lab.shape, torch.float64).to(lab.device)
grids = {"20 uniform steps": uniform, "20, then 16 halvings": halving(20, 16)}
ends = {name: els.sample(local, start, times=times) for name, times in grids.items()}
near_enough = {name: share_consistent(u, 0.05) for name, u in ends.items()}
print("pixels within 0.05 of the centre of their nearest patch:", {n: f"{s:.0%}" for n, s in near_enough.items()})
if lab.profile == "laptop":
    assert all(abs(s - stated) < 0.01 for s, stated in zip(near_enough.values(), (0.84, 0.97), strict=True))

# %% [markdown] tags=["slide"]
# With 20 uniform steps 84 % of the pixels lie within 0.05 of the centre of their nearest patch; with sixteen halvings
# at the end, 97 %.
#
# Is 97 % a lot? A share like this means nothing without a comparison.
#
# **Predict.** Garments that are *not* in the training set: what share of their pixels lies within 0.05 of the centre of
# the nearest training patch? And within 0.001?

# %% tags=["slide"]
ends["network, 150 steps"] = els.load_results(lab.network.name)["network-150"][:100].to(images)
ends["real images, held out"] = lab.held_out(100).images.double()
tolerances = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2]
fig, ax = plt.subplots(figsize=(6.5, 3.4))
within = {}
lit = {}  # the same, only where the nearest centre is not black
for (name, u), marker in zip(ends.items(), "osv^", strict=True):
    centres = nearest_centres(u)
    gap = (u - centres).abs()
    within[name] = {tolerance: (gap <= tolerance).double().mean().item() for tolerance in [*tolerances, 0.05]}
    lit[name] = (gap[centres > -0.98] <= 0.001).double().mean().item()
    ax.semilogx(tolerances, [within[name][tolerance] for tolerance in tolerances], marker=marker, label=name)
ax.set(xlabel="tolerance", ylabel="share of pixels", ylim=(0, 1.02))
ax.legend(fontsize=9)
show(fig, alt="Share of pixels against tolerance. With halving steps LS is above 0.93 even at the smallest tolerance; "
     "after 20 uniform steps it rises from 0.55; held-out images start beside it, the network far below.")  # fmt: skip

# %%
for name, values in within.items():
    print(f"{name:>22}: within 0.05 {values[0.05]:.0%}, within 0.001 {values[0.001]:.0%}; not black {lit[name]:.0%}")
black = (ends["real images, held out"] == -1).double().mean().item()
print(f"pixels of the held-out images that are plain black: {black:.0%}")
if lab.profile == "laptop":
    on = {name: values[0.001] for name, values in within.items()}
    assert abs(on["20, then 16 halvings"] - 0.94) < 0.02 and abs(on["20 uniform steps"] - 0.61) < 0.03
    assert abs(on["real images, held out"] - 0.54) < 0.02 and abs(on["network, 150 steps"] - 0.25) < 0.02
    assert abs(within["real images, held out"][0.05] - 0.79) < 0.02
    assert abs(within["network, 150 steps"][0.05] - 0.73) < 0.02
    assert abs(lit["20, then 16 halvings"] - 0.89) < 0.02
    assert all(abs(lit[name] - 0.01) < 0.005 for name in ("real images, held out", "network, 150 steps"))
    assert black > 0.5

# %% [markdown] tags=["slide"]
# The dictionary is dense: garments that it has never seen lie within 0.05 in 79 % of their pixels (more than half of
# their pixels are plain black). So "97 % within 0.05" alone would be weak evidence. The curves differ in their
# **shape**: with halving steps the machine's pixels lie *on* the centres, 94 % within 0.001. Real images have 54 %
# there, the network 25 %, and these are the background: where the nearest centre is not black, the machine has 89 %,
# real images and the network 1 % each.
#
# So the network does not obey the theorem, which is about the machine. Its pixels are at best *near* pieces of
# training images (73 % within 0.05, fewer than of the held-out garments), not on them. What the machine can foretell
# of it is where things are and how bright, not this last digit: lessons 07 to 10 measure that (r2).

# %% [markdown] tags=["slide"]
# ## 10. The last six per cent (6 minutes)
#
# 94 % within 0.001, but not 100. Are the others late, or is something wrong? Near $t = 0$ each halving step is
# simple: every pixel moves half of the way to its nearest patch's centre. So we can go on for as long as we like.
#
# **Predict.** After 200 more halvings: will all pixels have settled?


# %%
def go_on(u, rounds, stay):
    """Steps towards the nearest centres that keep the share `stay` of the gap: all images on the way."""
    film = [u]
    for _ in range(rounds):
        centres = nearest_centres(film[-1])
        film.append(centres + stay * (film[-1] - centres))
    return torch.stack(film)[:, :, 0]  # (rounds + 1, B, H, W)


film = go_on(ends["20, then 16 halvings"], 200, stay=0.5)
swing = film[-60:].amax(0) - film[-60:].amin(0)  # how far each pixel still moves
restless = (swing > 1e-3).flatten(1).sum(1).tolist()
late = (film[0] - nearest_centres(film[0][:, None])[:, 0]).abs() > 1e-3
print(f"pixels off by more than 0.001 after sixteen halvings: {late.sum()} of {late.numel()}")
print("pixels that have not settled after 200 more, sample by sample:", restless)
if lab.profile == "laptop":
    assert late.sum() == 123 and late.numel() == 2048 and sum(restless) == 8

# %% tags=["slide"]
sample = max(range(8), key=lambda b: restless[b])
moving = (swing[sample] > 1e-3).nonzero().tolist()[:4]
fig, ax = plt.subplots(figsize=(6.5, 2.8))
for row, column in moving:
    ax.plot(film[-40:, sample, row, column].cpu(), "o-", ms=3, label=f"row {row}, column {column}")
ax.set(xlabel="halving steps (the last 40 of 200)", ylabel="pixel value")
ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
show(fig, alt="The values of a few neighbouring pixels over the last 40 steps: each goes up and down again and again "
     "in a regular rhythm, and none comes to rest.")  # fmt: skip

# %%
calm = [b for b in range(8) if restless[b] == 0]
settled = min((share_consistent(film[-1, b : b + 1, None], 1e-3) for b in calm), default=float("nan"))
slower = go_on(film[-1, sample : sample + 1, None], 300, stay=0.9)[-150:, 0]
swing_slower = (slower.amax(0) - slower.amin(0)).max().item()
back = (film[-101:-1].flip(0) - film[-1]).abs().flatten(2).amax(-1) < 1e-9  # (k - 1, sample): the same k steps ago?
periods = {b: 1 + back[:, b].tolist().index(True) for b in range(8) if restless[b] and back[:, b].any()}
print(f"{len(calm)} of 8 samples have settled; share of their pixels that are consistent: {settled:.0%}")
print(f"largest swing in the sample above: {swing[sample].max():.2f}; with smaller steps: {swing_slower:.2f}")
print("halvings until a restless sample is back at the very same image:", periods)
if lab.profile == "laptop":
    assert len(calm) == 5 and settled == 1 and sorted(set(restless)) == [0, 2, 3]
    assert swing_slower > 0.15 and sorted(periods.values()) == [8, 9, 14]

# %% [markdown]
# Five of the eight settle completely: every one of their 256 pixels is the centre of its nearest patch. In the three
# others two or three neighbours chase each other: one pixel moves, so the nearest patch of the next changes, so that
# one moves, and that changes the first one's mind again. After nine steps the image above is exactly where it was,
# the two others after 14 and 8. So they go round for ever: these pixels are not late, they will
# **never** settle. Steps five times as small show a dance of nearly the same size.
#
# They are few. Of the 2,048 pixels 123 were off after the sixteen halvings; 200 halvings later 8 are. Nearly all were
# late.
#
# The theorem is not wrong. It begins with "if $x_t$ settles", and here it does not.

# %% [markdown] tags=["slide"]
# ## What you can now say
#
# * If a local machine's sample settles as $t \to 0$, it is **locally consistent**: every pixel is the centre of the
#   patch nearest to its own window. In ties, one of the nearest.
# * From two training images there are 188 locally consistent images on $4 \times 4$ (the two themselves among them),
#   and forty million on $4 \times 16$: their number grows exponentially with the area.
# * The theorem speaks of the limit. In the toy world 20 uniform steps miss it in more than half of the
#   samples, 500 in 16 %; short last steps reach it.
# * It does not say how often each mosaic comes up, and it is silent on samples that never settle, and on networks:
#   their pixels are near pieces of training images, not on them.
#
# ## What is still unexplained
#
# Locality made mosaics, but of pieces that stay in their place: a sleeve can only be where some training image has a
# sleeve. A convolution treats all places alike. What does *that* do to the ideal denoiser, taken alone? Lesson 06.

# %% [markdown]
# ## References
#
# * M. Kamb and S. Ganguli, *An analytic theory of creativity in convolutional diffusion models*, ICML 2025,
#   [arXiv:2412.20292](https://arxiv.org/abs/2412.20292): local consistency, the theorem, and the black and white world.
# * J. Song, C. Meng and S. Ermon, *Denoising diffusion implicit models*, ICLR 2021,
#   [arXiv:2010.02502](https://arxiv.org/abs/2010.02502): the deterministic sampler whose last step this lesson is
#   about.
