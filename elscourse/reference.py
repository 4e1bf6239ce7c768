r"""The definitions: every formula of the theory as it is written, in float64. Slow on purpose; for tiny images.

Nothing here is shared with the fast engine, so that each can be checked against the other.

Letters: a training image is v, a patch p, its centre p(0); x is a pixel, :math:`\Omega_x` the P x P window centred on
it (P odd), r = (P - 1)/2. Everywhere x_t has shape (B, C, H, W), images (N, C, H, W), and alpha and sigma > 0, both
finite, are the two numbers of the schedule, not the time. Pixels are in [-1, 1]. A squared norm sums over channels and
pixels. Everything is computed and returned as float64 on the CPU (some accelerators know no float64).

Every machine is one sentence: average the training pixels, each weighted by how well its surroundings, scaled by alpha,
explain what is seen in x_t. They differ in WHICH pixels may vote and in WHAT of the surroundings is compared.

Source: Kamb & Ganguli, ICML 2025 (arXiv 2412.20292).
"""

from __future__ import annotations

import math
from functools import cache
from itertools import product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from .errors import CourseError, brief, shape_of, unknown_name, whole_number

Noisy = Float[Tensor, "B C H W"]
Images = Float[Tensor, "N C H W"]
Window = Float[Tensor, "P P"] | np.ndarray | None
PaddingMask = tuple[tuple[bool, ...], ...]

LEAST_NOISE = 1e-100  # of sigma: float64 has no square of a much smaller one


# ---------------------------------------------------------------------------------------- what all formulas share


def _double(*tensors: Tensor) -> tuple[Tensor, ...]:
    if not all(isinstance(x, Tensor) and x.ndim == 4 for x in tensors):
        given = " and ".join(str(shape_of(x)) for x in tensors)
        raise CourseError(f"x_t and the images must be tensors with the shape (B, C, H, W), got {given}.")
    if len({tensor.shape[-3:] for tensor in tensors}) > 1:
        raise CourseError(f"x_t and the images must have one shape (C, H, W), got {[tuple(x.shape) for x in tensors]}.")
    if not all(len(tensor) for tensor in tensors):
        raise CourseError("x_t and the images must be at least one each: there is nothing to average.")
    return tuple(tensor.to("cpu", torch.float64) for tensor in tensors)


def _number(given: object) -> float:
    """As a float; NaN, which no comparison lets pass, for what is no number."""
    try:
        return math.nan if isinstance(given, str) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        return math.nan


def _noised(x_t: Tensor, images: Tensor, alpha: float, sigma: float) -> tuple[Tensor, ...]:
    """x_t and the images in float64, if the formulas are defined for them at these levels of signal and noise."""
    if not (abs(_number(alpha)) < math.inf and LEAST_NOISE <= _number(sigma) < math.inf):
        raise CourseError(
            f"alpha and sigma must be finite and sigma above 0 (at least {LEAST_NOISE:g}), got {brief(alpha)} and "
            f"{brief(sigma)}: without noise, at t = 0, there is nothing to guess."
        )
    return _double(x_t, images)


def _radius(patch_size: int) -> int:
    size = whole_number(patch_size, 1)
    if size is None or size % 2 != 1:
        raise CourseError(
            "patch_size must be an odd whole number, at least 1 (a window has a centre pixel), got "
            f"{brief(patch_size)}."
        )
    return (size - 1) // 2


def _check_circular(patch_size: int, height: int, width: int) -> None:
    if patch_size > min(height, width):
        raise CourseError(
            f"a circular window of {patch_size} pixels would wrap onto itself in an image of {height}x{width}: "
            f"patch_size must be at most {min(height, width)}."
        )


def _check_padding(padding: str, patch_size: int, height: int, width: int) -> None:
    if not isinstance(padding, str) or padding not in ("zeros", "circular"):
        raise unknown_name("padding", padding, ("zeros", "circular"))
    if padding == "circular":
        _check_circular(patch_size, height, width)


def _window(window: Window, patch_size: int) -> Float[Tensor, "P P"]:
    """K, the weight of each squared difference; the square window counts all of them alike."""
    if window is None:
        return torch.ones(patch_size, patch_size, dtype=torch.float64)
    K = torch.as_tensor(window, dtype=torch.float64, device="cpu")
    if K.shape != (patch_size, patch_size) or bool((K < 0).any()):
        raise CourseError(
            f"window must hold non-negative weights with shape ({patch_size}, {patch_size}), got {tuple(K.shape)}."
        )
    return K


def _posterior(logits: Tensor, over: tuple[int, ...]) -> Tensor:
    """exp(logits), divided by its sum over the given axes."""
    # Logits are minus a squared distance over 2 sigma^2: at low noise all are so negative that every exp is 0 in
    # floating point, and the quotient 0/0. Subtracting the largest makes the best candidate's exp equal to 1 and
    # changes nothing else, since a common factor cancels in the quotient.
    weights = (logits - logits.amax(over, keepdim=True)).exp()
    return weights / weights.sum(over, keepdim=True)


# ------------------------------------------------------------------------------------------- whole-image machines


def ideal_weights(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Float[Tensor, "B N"]:
    r"""How probable it is that x_t is a noised version of image v: weights with shape (B, N), summing to 1 over N.

    .. math:: w(v) = \frac{e^{-\|x_t - \alpha v\|^2 / 2\sigma^2}}{\sum_{v'} e^{-\|x_t - \alpha v'\|^2 / 2\sigma^2}}

    Source: the paper's ideal score machine: Bayes' rule with every training image equally likely beforehand.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    squared_distance = (x_t[:, None] - alpha * v[None]).square().sum((-3, -2, -1))
    return _posterior(-squared_distance / (2 * sigma**2), over=(1,))


def ideal(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Noisy:
    r"""The ideal score machine (IS): the posterior mean of the clean image, with shape (B, C, H, W).

    .. math:: D(x_t) = \sum_v w(v)\, v, \qquad w(v) \propto e^{-\|x_t - \alpha v\|^2 / 2\sigma^2}

    Source: the paper's ideal score machine: the minimiser of the training loss without any constraint. Lesson 02.
    """
    w = ideal_weights(x_t, images, alpha, sigma)
    return torch.einsum("bn,nchw->bchw", w, *_double(images))


def equivariant_weights(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Float[Tensor, "B N H W"]:
    r"""The weights of all shifted images: w[b, n, dy, dx] belongs to image n displaced by d = (dy, dx) on the torus.

    .. math:: w(v, d) \propto e^{-\|x_t - \alpha\, v(\cdot + d)\|^2 / 2\sigma^2}, \qquad \sum_{v, d} w(v, d) = 1

    Shape (B, N, H, W). Coordinates count modulo H and W, so d = (1, 0) moves every image up by one row.

    Source: as `equivariant`.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    height, width = v.shape[-2:]
    logits = x_t.new_zeros(len(x_t), len(v), height, width)
    for dy, dx in product(range(height), range(width)):
        shifted = torch.roll(v, (-dy, -dx), (-2, -1))  # v(. + d)
        squared_distance = (x_t[:, None] - alpha * shifted[None]).square().sum((-3, -2, -1))
        logits[:, :, dy, dx] = -squared_distance / (2 * sigma**2)
    return _posterior(logits, over=(1, 2, 3))


def equivariant(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Noisy:
    r"""The equivariant score machine (ES): the ideal one for the training set with all H W torus shifts of its images.

    .. math:: D(x_t)(x) = \sum_v \sum_d w(v, d)\, v(x + d),
              \qquad w(v, d) \propto e^{-\|x_t - \alpha\, v(\cdot + d)\|^2 / 2\sigma^2}

    Returns shape (B, C, H, W).

    Source: the paper's equivariant score machine: the minimiser under equivariance alone (Definition 3.1). Lesson 06.
    """
    w = equivariant_weights(x_t, images, alpha, sigma)
    (v,) = _double(images)
    D = torch.zeros(len(w), *v.shape[1:], dtype=torch.float64)
    for dy, dx in product(range(v.shape[-2]), range(v.shape[-1])):
        D = D + torch.einsum("bn,nchw->bchw", w[:, :, dy, dx], torch.roll(v, (-dy, -dx), (-2, -1)))
    return D


# ------------------------------------------------------------------------------------------------- local machines


def local_weights(
    x_t: Noisy, images: Images, alpha: float, sigma: float, patch_size: int, window: Window = None
) -> Float[Tensor, "B H W N"]:
    r"""At every pixel x, the weights of the training images by their window at that same place: shape (B, H, W, N).

    .. math:: w_x(v) \propto e^{-\|x_t[\Omega_x] - \alpha\, v[\Omega_x]\|_K^2 / 2\sigma^2}, \qquad
              \|p\|_K^2 = \sum_o K(o)\, \|p(o)\|^2, \qquad \sum_v w_x(v) = 1

    The window is cut off where the image ends. K = `window` with shape (P, P); None counts all differences alike.

    Raises CourseError for an even patch_size. Source: as `local`.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    r, K = _radius(patch_size), _window(window, patch_size)
    height, width = v.shape[-2:]
    w = x_t.new_zeros(len(x_t), height, width, len(v))
    for row, col in product(range(height), range(width)):
        top, bottom = max(row - r, 0), min(row + r + 1, height)
        left, right = max(col - r, 0), min(col + r + 1, width)
        K_cut = K[top - row + r : bottom - row + r, left - col + r : right - col + r]
        difference = x_t[:, None, :, top:bottom, left:right] - alpha * v[None, :, :, top:bottom, left:right]
        squared_distance = (K_cut * difference.square()).sum((-3, -2, -1))
        w[:, row, col] = _posterior(-squared_distance / (2 * sigma**2), over=(1,))
    return w


def local(x_t: Noisy, images: Images, alpha: float, sigma: float, patch_size: int, window: Window = None) -> Noisy:
    r"""The local score machine (LS): each pixel judges the training images by its own window only.

    .. math:: D(x_t)(x) = \sum_v w_x(v)\, v(x), \qquad
              w_x(v) \propto e^{-\|x_t[\Omega_x] - \alpha\, v[\Omega_x]\|_K^2 / 2\sigma^2}

    At the border the window is cut off, which is the same as padding both x_t and v with zeros: the padding adds
    differences of 0. Returns shape (B, C, H, W).

    Raises CourseError for an even patch_size.
    Source: the paper's local score machine: the minimiser under locality alone (Definition 3.2). Lesson 04.
    """
    w = local_weights(x_t, images, alpha, sigma, patch_size, window)
    return torch.einsum("bhwn,nchw->bchw", w, *_double(images))


# ---------------------------------------------------------------------------------- equivariant and local machines


@cache
def boundary_class(row: int, col: int, height: int, width: int, patch_size: int) -> PaddingMask:
    r"""The padding pattern of the window at a pixel: for each of its P x P places, whether it lies inside the image.

    .. math:: \mathrm{class}(x) = \big(o \mapsto [\,x + o \in \mathrm{image}\,]\big), \qquad o \in \{-r, ..., r\}^2

    Two pixels have equal patterns when zero padding tells a network the same about where they are.

    Raises CourseError for an even patch_size and a pixel outside the image.
    Source: the paper's boundary-broken machine. Lesson 08.
    """
    r = _radius(patch_size)
    if not (0 <= row < height and 0 <= col < width):
        raise CourseError(f"pixel ({row}, {col}) lies outside an image of {height}x{width}: count from 0.")
    offsets = range(-r, r + 1)
    return tuple(tuple(0 <= row + oy < height and 0 <= col + ox < width for ox in offsets) for oy in offsets)


def boundary_dictionary(row: int, col: int, height: int, width: int, patch_size: int) -> list[tuple[int, int]]:
    r"""All places (row, col), in reading order, whose padding pattern equals that of the given pixel, itself included.

    .. math:: \{\, y : \mathrm{class}(y) = \mathrm{class}(x) \,\}

    Raises and source: as `boundary_class`.
    """
    own = boundary_class(row, col, height, width, patch_size)
    places = product(range(height), range(width))
    return [(y, x) for y, x in places if boundary_class(y, x, height, width, patch_size) == own]


def gaussian_window(patch_size: int, width: float) -> Float[Tensor, "P P"]:
    r"""The soft window on the P x P support, 1 at its centre; `width` is its standard deviation in pixels.

    .. math:: K(o) = e^{-(o_y^2 + o_x^2) / 2\,\mathrm{width}^2}

    Raises CourseError for an even patch_size, and for a width that is no number above 0. Not in the paper, whose
    windows are square. Lesson 09.
    """
    r = _radius(patch_size)
    if not 0 < _number(width) < math.inf:
        raise CourseError(f"the width of a window must be a number of pixels above 0, got {brief(width)}.")
    o = torch.arange(-r, r + 1, dtype=torch.float64)
    return (-(o[:, None] ** 2 + o[None, :] ** 2) / (2 * width**2)).exp()


def _patch(images: Tensor, row: int, col: int, patch_size: int, padding: str) -> Float[Tensor, "N C P P"]:
    """v[Omega_x] of every image at x = (row, col), pixel by pixel; outside the image wrapped around, or zero."""
    height, width = images.shape[-2:]
    r = _radius(patch_size)
    patch = images.new_zeros(*images.shape[:2], patch_size, patch_size)
    for oy, ox in product(range(-r, r + 1), repeat=2):
        y, x = row + oy, col + ox
        if padding == "circular":
            patch[:, :, oy + r, ox + r] = images[:, :, y % height, x % width]
        elif 0 <= y < height and 0 <= x < width:
            patch[:, :, oy + r, ox + r] = images[:, :, y, x]
    return patch


def _all_patches(images: Tensor, patch_size: int, padding: str) -> Float[Tensor, "N H W C P P"]:
    """The patch at every place of every image."""
    _radius(patch_size)
    height, width = images.shape[-2:]
    _check_padding(padding, patch_size, height, width)
    rows = [
        torch.stack([_patch(images, row, col, patch_size, padding) for col in range(width)], dim=1)
        for row in range(height)
    ]
    return torch.stack(rows, dim=1)


def _may_vote(row: int, col: int, height: int, width: int, patch_size: int, padding: str) -> Bool[Tensor, "H W"]:
    """The places whose patches are in the pixel's dictionary: all on the torus, else those of its boundary class."""
    vote = torch.full((height, width), padding == "circular")
    if padding == "zeros":
        for y, x in boundary_dictionary(row, col, height, width, patch_size):
            vote[y, x] = True
    return vote


def equivariant_local_weights(
    x_t: Noisy, images: Images, alpha: float, sigma: float, patch_size: int, padding: str, window: Window = None
) -> Float[Tensor, "B H W N H W"]:
    r"""At every pixel x, the weights of all patches: w[b, row, col, n, y, x] belongs to the patch of image n at (y, x).

    .. math:: w_x(p) \propto e^{-\|x_t[\Omega_x] - \alpha p\|_K^2 / 2\sigma^2}
              \ \text{ for } p \in \mathcal{P}_x, \text{ else } 0; \qquad \sum_p w_x(p) = 1

    Shape (B, H, W, N, H, W). The dictionary P_x, `padding` and `window` are those of `equivariant_local`.

    Raises and source: as `equivariant_local`.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    p = _all_patches(v, patch_size, padding)
    K = _window(window, patch_size)
    height, width = v.shape[-2:]
    w = x_t.new_zeros(len(x_t), height, width, len(v), height, width)
    for row, col in product(range(height), range(width)):
        seen = _patch(x_t, row, col, patch_size, padding)  # x_t[Omega_x]
        vote = _may_vote(row, col, height, width, patch_size, padding)
        for b in range(len(x_t)):
            squared_distance = (K * (seen[b] - alpha * p).square()).sum((-3, -2, -1))
            logits = (-squared_distance / (2 * sigma**2)).masked_fill(~vote, -math.inf)
            w[b, row, col] = _posterior(logits, over=(0, 1, 2))
    return w


def equivariant_local(
    x_t: Noisy, images: Images, alpha: float, sigma: float, patch_size: int, padding: str, window: Window = None
) -> Noisy:
    r"""The equivariant local score machine (ELS): each pixel looks its window up among patches from everywhere.

    .. math:: D(x_t)(x) = \sum_{p \in \mathcal{P}_x} w_x(p)\, p(0), \qquad
              w_x(p) \propto e^{-\|x_t[\Omega_x] - \alpha p\|_K^2 / 2\sigma^2}, \qquad
              \|p\|_K^2 = \sum_o K(o)\, \|p(o)\|^2

    padding "circular": P_x is all H W wrap-around patches of all images, the same for every pixel.
    padding "zeros" (the boundary-broken machine): x_t and the images are padded with zeros, and P_x is only the patches
    whose padding pattern equals the one at x (`boundary_dictionary`).
    window: K with shape (P, P), non-negative; None is the square window, all ones. Returns shape (B, C, H, W).

    Raises CourseError for an even patch_size, another padding, or a circular window larger than the shorter side.
    Source: the paper's equivariant local score machine: the minimiser under both constraints, and its boundary-broken
    form. Lessons 07 and 08.
    """
    w = equivariant_local_weights(x_t, images, alpha, sigma, patch_size, padding, window)
    return torch.einsum("bhwnyx,ncyx->bchw", w, *_double(images))


# ------------------------------------------------------------------------------------ one formula for all of them


def one_formula(x_t: Noisy, images: Images, alpha: float, sigma: float, shifts: str, window: Window) -> Noisy:
    r"""All machines at once. Displace a training image, square its difference to x_t, blur, exponentiate, average.

    .. math:: D(x_t)(x) = \frac{\sum_{v, d \in S_x} v(x + d)\, e^{-E_{v,d}(x) / 2\sigma^2}}
                               {\sum_{v, d \in S_x} e^{-E_{v,d}(x) / 2\sigma^2}}, \qquad
              E_{v,d} = K * (x_t - \alpha\, v(\cdot + d))^2, \qquad [K * f](x) = \sum_o K(o)\, f(x + o)

    Two switches. shifts, the displacements S_x: "none": d = 0. "all": all of them, on the torus. "boundary": those
    d = (dy, dx) for which dy = 0 or the rows of x and x + d are both interior (the window reaches past neither the top
    nor the bottom), and the same for dx and the columns. window, the blur K: weights with shape (P, P), or None: the
    sum over the whole image, which leaves no pixel interior. The blur wraps around for "all"; for the others nothing
    comes from outside the image.

    | shifts | whole image | P x P |
    |---|---|---|
    | none | `ideal` | `local` |
    | all | `equivariant` | `equivariant_local`, circular |
    | boundary | `ideal` | `equivariant_local`, zeros |

    Returns shape (B, C, H, W).

    Raises CourseError for unknown shifts, an even window, or a window that wraps onto itself on the torus.
    Not in the paper: its machines, rearranged by displacement. Lesson 07.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    height, width = v.shape[-2:]
    patch_size = 2 * max(height, width) - 1 if window is None else len(window)
    r = _radius(patch_size)
    if shifts == "none":
        displacements = [(0, 0)]
    elif shifts == "all":
        displacements = list(product(range(height), range(width)))
        if window is not None:
            _check_circular(patch_size, height, width)
    elif shifts == "boundary":
        displacements = list(product(range(1 - height, height), range(1 - width, width)))
    else:
        raise unknown_name("shifts", shifts, ("none", "all", "boundary"))

    logits, values = [], []
    for dy, dx in displacements:
        displaced = torch.roll(v, (-dy, -dx), (-2, -1))  # v(. + d); what wraps around is seen by "all" alone
        squared_difference = (x_t[:, None] - alpha * displaced[None]).square().sum(2)
        logit = -_blur(squared_difference, window, "circular" if shifts == "all" else "constant") / (2 * sigma**2)
        if shifts == "boundary":
            allowed = _may_move(dy, height, r)[:, None] & _may_move(dx, width, r)
            logit = logit.masked_fill(~allowed, -math.inf)
        logits.append(logit)
        values.append(displaced)
    w = _posterior(torch.stack(logits), over=(0, 2))
    return torch.einsum("dbnhw,dnchw->bchw", w, torch.stack(values))


def _blur(f: Float[Tensor, "B N H W"], window: Window, beyond: str) -> Float[Tensor, "B N H W"]:
    """K * f; what lies beyond the image is taken around ("circular") or zero ("constant"). None: the sum over it."""
    if window is None:
        return f.sum((-2, -1), keepdim=True).expand_as(f)
    height, width = f.shape[-2:]
    K, r = _window(window, len(window)), _radius(len(window))
    f = F.pad(f, (r, r, r, r), mode=beyond)
    blurred = f.new_zeros(*f.shape[:2], height, width)
    for i, j in product(range(len(window)), repeat=2):
        blurred = blurred + K[i, j] * f[..., i : i + height, j : j + width]
    return blurred


def _may_move(displacement: int, side: int, r: int) -> Bool[Tensor, " side"]:
    """For every place whether it and the displaced one see the same border: they are one place, or both interior."""
    place, interior = range(side), range(r, side - r)
    return torch.tensor([not displacement or (x in interior and x + displacement in interior) for x in place])


# -------------------------------------------------------------------------------- a linear relative, and two checks


def wiener(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Noisy:
    r"""The best affine denoiser: the posterior mean if the data were Gaussian with the images' mean m and covariance C.

    .. math:: D(x_t) = m + \alpha C (\alpha^2 C + \sigma^2 I)^{-1} (x_t - \alpha m)
                     = m + U \,\mathrm{diag}\!\left(\frac{\alpha l}{\alpha^2 l + \sigma^2}\right) U^T (x_t - \alpha m)

    with C = U diag(l) U^T = (1/N) sum_v (v - m)(v - m)^T over the C H W pixels. Returns shape (B, C, H, W).

    Source: Wiener's filter, a textbook result; the baseline of lessons 10 and 11.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    x, v = x_t.flatten(1), v.flatten(1)
    m = v.mean(0)
    C = (v - m).T @ (v - m) / len(v)
    I = torch.eye(len(m), dtype=torch.float64)  # noqa: E741 (the letter of the formula)
    D = m + alpha * (C @ torch.linalg.solve(alpha**2 * C + sigma**2 * I, (x - alpha * m).T)).T
    return D.reshape(x_t.shape)


def local_wiener(
    x_t: Noisy,
    images: Images,
    alpha: float,
    sigma: float,
    patch_size: int,
    padding: str = "zeros",
    equivariant: bool = False,
) -> Noisy:
    r"""The best affine denoiser through windows: the middle of what `wiener` makes of x_t[Omega_x].

    .. math:: D(x_t)(x) = m(x) + \alpha\, C_{x\Omega} (\alpha^2 C_{\Omega\Omega} + \sigma^2 I)^{-1}
                          (x_t[\Omega_x] - \alpha m_\Omega)

    m and C are those of the images' pieces at that same place or, if equivariant, at all places of the pixel's
    dictionary (see `boundary_dictionary`; on the torus all places). padding: "zeros": a piece is cut off where the
    image ends; "circular": it goes on at the other border. Returns shape (B, C, H, W).

    Raises CourseError for an even patch_size, an unknown padding, or a circular window that wraps onto itself.
    Source: as `wiener`; lessons 04, 07 and 11.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    r, (height, width) = _radius(patch_size), v.shape[-2:]
    _check_padding(padding, patch_size, height, width)

    def piece(images: Tensor, row: int, col: int) -> tuple[Tensor, int, int]:
        """What the window at a place holds, and where in it the place is."""
        rows, cols = ([*range(x - r, x + r + 1)] for x in (row, col))
        if padding == "zeros":
            rows, cols = [y for y in rows if 0 <= y < height], [x for x in cols if 0 <= x < width]
        held = images[:, :, [y % height for y in rows]][..., [x % width for x in cols]]
        return held, rows.index(row), cols.index(col)

    D = torch.zeros_like(x_t)
    for row, col in product(range(height), range(width)):
        places = [(row, col)]
        if equivariant and padding == "zeros":
            places = boundary_dictionary(row, col, height, width, patch_size)
        elif equivariant:
            places = [*product(range(height), range(width))]
        known = torch.cat([piece(v, *place)[0] for place in places])
        seen, i, j = piece(x_t, row, col)
        D[:, :, row, col] = wiener(seen, known, alpha, sigma)[:, :, i, j]
    return D


def log_density(x_t: Noisy, images: Images, alpha: float, sigma: float) -> Float[Tensor, " B"]:
    r"""The logarithm of the noised training set's density at x_t, normalised; differentiable. Shape (B,).

    .. math:: \log p(x_t) = \log \frac{1}{N} \sum_v (2\pi\sigma^2)^{-n/2}\, e^{-\|x_t - \alpha v\|^2 / 2\sigma^2},
              \qquad n = C H W

    Its gradient is the score, (alpha D - x_t)/sigma^2 with D = `ideal`: Tweedie's formula.

    Source: the paper's ideal score machine: the forward process applied to the training set. Lesson 01.
    """
    x_t, v = _noised(x_t, images, alpha, sigma)
    logits = -(x_t[:, None] - alpha * v[None]).square().sum((-3, -2, -1)) / (2 * sigma**2)
    n = v[0].numel()
    return torch.logsumexp(logits, dim=1) - math.log(len(v)) - n / 2 * math.log(2 * math.pi * sigma**2)


def locally_consistent(
    image: Float[Tensor, "C H W"], images: Images, patch_size: int, padding: str, tolerance: float = 0.0
) -> Bool[Tensor, "H W"]:
    r"""Whether each pixel of a finished image equals the centre of the dictionary patch nearest to its own window.

    .. math:: u(x) = p^*(0), \qquad p^* \in \arg\min_{p \in \mathcal{P}_x} \|u[\Omega_x] - p\|^2

    with u = `image` and the dictionary P_x of `equivariant_local`. The rule for ties: if several patches are equally
    near, bit for bit, the pixel is consistent when the centre of any of them matches. To match is to differ by at most
    `tolerance` (pixel units) in every channel. Returns shape (H, W).

    Raises CourseError for an even patch_size, another padding, or a circular window larger than the shorter side.
    Source: Theorem 4.1, on what the local machines' samples converge to. Lesson 05.
    """
    if shape_of(image) != tuple(images.shape[1:]):
        raise CourseError(f"image must have the shape (C, H, W) of the images, got {shape_of(image)}.")
    (u,), v = _double(image[None], images)
    p = _all_patches(v, patch_size, padding)
    height, width = v.shape[-2:]
    consistent = torch.zeros(height, width, dtype=torch.bool)
    for row, col in product(range(height), range(width)):
        seen = _patch(u[None], row, col, patch_size, padding)[0]  # u[Omega_x]
        vote = _may_vote(row, col, height, width, patch_size, padding)
        squared_distance = (seen - p).square().sum((-3, -2, -1)).masked_fill(~vote, math.inf)
        nearest = squared_distance == squared_distance.min()
        matches = ((v - u[None, :, row, col, None, None]).abs() <= tolerance).all(1)
        consistent[row, col] = (nearest & matches).any()
    return consistent
