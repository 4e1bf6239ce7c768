"""Exercises of lesson 04: local denoisers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from .. import reference
from .attempt import Case
from .exercise import EXCHANGED, NEVER_BY_ZERO, UNDERFLOW, Exercise, Mistake


def _pictures(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator) * 2 - 1


def _noised(images: Tensor, batch: int, alpha: float, sigma: float, generator: torch.Generator) -> Tensor:
    """Each picture lies between two images, so that no single weight is one; with so little noise that the sum of the
    exponentials is not small, so that a small number added to it does not show."""
    clean = (images[:batch] + images[1 : batch + 1]) / 2
    return alpha * clean + sigma / 4 * torch.randn(clean.shape, generator=generator)


ALPHA, SIGMA = 0.99995, 0.01  # so little noise that exp of a squared distance is 0, in float64 too


def _almost_clean(images: Tensor, batch: int, generator: torch.Generator) -> Tensor:
    clean = 0.6 * images[:batch] + 0.4 * images[1 : batch + 1]
    return ALPHA * clean + SIGMA * torch.randn(clean.shape, generator=generator)


def _bare(logits: Tensor, dim: int) -> Tensor:
    e = logits.exp()
    return e / e.sum(dim, keepdim=True)


def _never_by_zero(logits: Tensor, dim: int) -> Tensor:
    e = logits.exp()
    return e / (e.sum(dim, keepdim=True) + 1e-12)


def _none(logits: Tensor, dim: int) -> Tensor:
    return logits


def _winner(logits: Tensor, dim: int) -> Tensor:
    return (logits == logits.amax(dim, keepdim=True)).to(logits)


MEAN_OF_CHANNELS = (
    "You average over the channels: the likelihood is a product over channels, too, so sum their squared differences."
)
WINNER = "You let the winner take all: every image keeps its share of the votes, so use softmax, not argmax."

Exponent = Callable[[Tensor, float], Tensor]  # of the squared distances and sigma
SLIPS: tuple[tuple[str, Exponent], ...] = (
    (
        "The sign is wrong: the nearest must weigh most, so the exponent is *minus* the squared distance over "
        "2 sigma squared.",
        lambda distance, sigma: distance / (2 * sigma**2),
    ),
    (
        "You multiply by sigma squared: `/ 2 * sigma**2` divides only by 2. Add brackets: `/ (2 * sigma**2)`.",
        lambda distance, sigma: -distance / 2 * sigma**2,
    ),
    (
        "You divide by 2 sigma: the variance of the noise is sigma squared.",
        lambda distance, sigma: -distance / (2 * sigma),
    ),
    (
        "You divide by sigma squared: the exponent of a Gaussian has 2 sigma squared.",
        lambda distance, sigma: -distance / sigma**2,
    ),
    (
        "You leave out sigma: the less noise there is, the more a difference counts. Divide the squared distance by 2 "
        "* sigma**2.",
        lambda distance, sigma: -distance,
    ),
)


def _gaussian(distance: Tensor, sigma: float) -> Tensor:
    return -distance / (2 * sigma**2)


def _band(side: int, patch_size: int) -> Float[Tensor, "side side"]:
    place = torch.arange(side)
    return ((place[:, None] - place).abs() <= patch_size // 2).float()


def _box(squares: Tensor, patch_size: int) -> Tensor:
    height, width = squares.shape[-2:]
    return _band(height, patch_size) @ (squares @ _band(width, patch_size))


def _squares(x_t: Tensor, images: Tensor, alpha: float) -> Float[Tensor, "B N H W"]:
    return (x_t[:, None] - alpha * images).square().sum(2)


def _mean(
    logits: Float[Tensor, "B N H W"], images: Tensor, axis: int = 1, weigh: Callable[..., Tensor] = torch.softmax
) -> Float[Tensor, "B C H W"]:
    return torch.einsum("bnhw,nchw->bchw", weigh(logits, dim=axis), images)


# ---------------------------------------------------------------------------------------------------- the window


def _window_cases(generator: torch.Generator) -> list[Case]:
    big, wide = _pictures(generator, 1, 8, 8), _pictures(generator, 3, 5, 9)
    return [(big, 4, 3, 5), (big, 0, 7, 3), (big, 7, 1, 7), (wide, 2, 0, 5), (wide, 1, 6, 3)]


def _window(image: Tensor, row: int, column: int, patch_size: int, mode: str = "constant", offset: int = 0) -> Tensor:
    r = patch_size // 2
    padded = F.pad(image[None], (r - offset, r + offset, r - offset, r + offset), mode=mode)[0]
    return padded[:, row : row + patch_size, column : column + patch_size]


def _window_from_below_zero(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    return image[:, row - r : row + r + 1, column - r : column + r + 1]


def _window_cut_short(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    r = patch_size // 2
    return image[:, max(row - r, 0) : row + r + 1, max(column - r, 0) : column + r + 1]


def _zeros_at_the_end(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    cut = _window_cut_short(image, row, column, patch_size)
    return F.pad(cut, (0, patch_size - cut.shape[2], 0, patch_size - cut.shape[1]))


def _window_cut_out(image: Tensor, row: int, column: int, patch_size: int, back: int = 0) -> Tensor:
    """Cut out of the padded image, `back` rows and columns too early."""
    padded = F.pad(image, (patch_size // 2,) * 4)
    return padded[:, row - back : row - back + patch_size, column - back : column - back + patch_size]


def _window_swapped(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    """With zeros where (column, row) lies outside the image, too: cut out of an image padded by r, it is cut short."""
    return _window_cut_out(F.pad(image, (0, row, 0, column)), column, row, patch_size)


def _from_the_other_end(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    """Pixel by pixel, with zeros only beyond the last row and column."""
    window, r = image.new_zeros(len(image), patch_size, patch_size), patch_size // 2
    for i, j in torch.cartesian_prod(torch.arange(patch_size), torch.arange(patch_size)).tolist():
        y, x = row - r + i, column - r + j
        if y < image.shape[1] and x < image.shape[2]:
            window[:, i, j] = image[:, y, x]
    return window


def _padded_too_far(image: Tensor, row: int, column: int, patch_size: int) -> Tensor:
    return F.pad(image, (patch_size,) * 4)[:, row : row + patch_size, column : column + patch_size]


# ------------------------------------------------------------------------------------------ the weights of a pixel


def _weights_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for (n, c, h, w), (row, column), size, alpha, sigma in (
        ((9, 1, 6, 6), (3, 2), 3, 0.6, 0.8),
        ((7, 2, 5, 7), (0, 6), 5, 0.7, 0.71),
        ((8, 1, 7, 5), (6, 0), 3, 0.8, 0.6),
    ):
        images = _pictures(generator, n, c, h, w)
        cases.append((_noised(images, 1, alpha, sigma, generator)[0], images, alpha, sigma, row, column, size))
    images = _pictures(generator, 6, 1, 7, 6)
    return [*cases, (_almost_clean(images, 1, generator)[0], images, ALPHA, SIGMA, 4, 2, 5)]


def _pixel_weights(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Float[Tensor, " N"]:
    return reference.local_weights(x_t[None], images, alpha, sigma, patch_size)[0, row, column]


def _cut_both(x_t: Tensor, images: Tensor, row: int, column: int, patch_size: int) -> tuple[Tensor, Tensor]:
    r = patch_size // 2
    rows = slice(max(row - r, 0), row + r + 1)
    columns = slice(max(column - r, 0), column + r + 1)
    return x_t[:, rows, columns], images[:, :, rows, columns]


def _whole_image(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    return reference.ideal_weights(x_t[None], images, alpha, sigma)[0]


def _forgot_alpha(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    return _pixel_weights(x_t, images, 1.0, sigma, row, column, patch_size)


def _slipped_weights(exponent: Exponent, weigh: Callable[..., Tensor] = torch.softmax) -> Callable[..., Tensor]:
    def weights(
        x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
    ) -> Tensor:
        q, v = _cut_both(x_t, images, row, column, patch_size)
        return weigh(exponent((q - alpha * v).square().sum((-3, -2, -1)), sigma), dim=0)

    return weights


def _filled_weights(mode: str) -> Callable[..., Tensor]:
    """With windows that go on beyond the border."""

    def weights(
        x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
    ) -> Tensor:
        q, v = (F.pad(a, (patch_size // 2,) * 4, mode=mode) for a in (x_t[None], images))
        window = (..., slice(row, row + patch_size), slice(column, column + patch_size))
        return torch.softmax(_gaussian((q[window] - alpha * v[window]).square().sum((-3, -2, -1)), sigma), dim=0)

    return weights


def _not_normalised(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.exp(-(q - alpha * v).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _exponentials_vanish(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    e = _not_normalised(x_t, images, alpha, sigma, row, column, patch_size)
    return e / e.sum()


def _distance_not_squared(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.softmax(-(q - alpha * v).square().sum((-3, -2, -1)).sqrt() / (2 * sigma**2), dim=0)


def _negative_start(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    r = patch_size // 2
    rows, columns = slice(row - r, row + r + 1), slice(column - r, column + r + 1)
    distance = (x_t[:, rows, columns] - alpha * images[:, :, rows, columns]).square().sum((-3, -2, -1))
    return torch.softmax(-distance / (2 * sigma**2), dim=0)


def _one_short(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    r = patch_size // 2
    rows, columns = slice(max(row - r, 0), row + r), slice(max(column - r, 0), column + r)
    distance = (x_t[:, rows, columns] - alpha * images[:, :, rows, columns]).square().sum((-3, -2, -1))
    return torch.softmax(-distance / (2 * sigma**2), dim=0)


def _rows_for_columns(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, column, row, patch_size)
    return torch.softmax(-(q - alpha * v).square().sum((-3, -2, -1)) / (2 * sigma**2), dim=0)


def _mean_of_squares(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.softmax(-(q - alpha * v).square().mean((-3, -2, -1)) / (2 * sigma**2), dim=0)


def _mean_of_a_padded_window(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    pixels = len(x_t) * patch_size**2  # beyond the border, too
    return torch.softmax(_gaussian((q - alpha * v).square().sum((-3, -2, -1)) / pixels, sigma), dim=0)


def _mean_of_channels(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.softmax(_gaussian((q - alpha * v).square().mean(-3).sum((-2, -1)), sigma), dim=0)


def _scaled_up_at_the_border(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    whole = patch_size**2 / (q.shape[-2] * q.shape[-1])
    return torch.softmax(_gaussian((q - alpha * v).square().sum((-3, -2, -1)) * whole, sigma), dim=0)


def _dimmed_x_t(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.softmax(_gaussian((alpha * q - v).square().sum((-3, -2, -1)), sigma), dim=0)


def _uncentred(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    rows, columns = slice(row, row + patch_size), slice(column, column + patch_size)
    difference = x_t[:, rows, columns] - alpha * images[:, :, rows, columns]
    return torch.softmax(_gaussian(difference.square().sum((-3, -2, -1)), sigma), dim=0)


def _absolute(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    q, v = _cut_both(x_t, images, row, column, patch_size)
    return torch.softmax(_gaussian((q - alpha * v).abs().sum((-3, -2, -1)), sigma), dim=0)


def _centre_only(
    x_t: Tensor, images: Tensor, alpha: float, sigma: float, row: int, column: int, patch_size: int
) -> Tensor:
    return _pixel_weights(x_t, images, alpha, sigma, row, column, 1)


# ----------------------------------------------------------------------------------------- all pixels by box sums


def _box_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for (n, c, h, w), batch, size, alpha, sigma in (
        ((6, 1, 6, 6), 2, 3, 0.6, 0.8),
        ((5, 2, 5, 7), 3, 5, 0.7, 0.71),
        ((5, 1, 6, 5), 1, 7, 0.5, 0.87),
    ):
        images = _pictures(generator, n, c, h, w)
        cases.append((_noised(images, batch, alpha, sigma, generator), images, alpha, sigma, size))
    images = _pictures(generator, 5, 1, 6, 7)
    pixelwise = *cases[0][:4], 1  # r = 0: a crop that ends at -r would leave nothing
    return [*cases, (_almost_clean(images, 2, generator), images, ALPHA, SIGMA, 5), pixelwise]


def _slipped_boxes(exponent: Exponent, patch_sizes: int = 2) -> Callable[..., Tensor]:
    """patch_sizes: how often the average over a window is multiplied by the patch size to make the sum of it."""

    def denoised(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
        sums = _box(_squares(x_t, images, alpha), patch_size) * float(patch_size) ** (patch_sizes - 2)
        return _mean(exponent(sums, sigma), images)

    return denoised


def _mean_of_dimmed(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    return alpha * _mean(_gaussian(_box(_squares(x_t, images, alpha), patch_size), sigma), images)


def _one_largest(logits: Tensor, dim: int) -> Tensor:
    return _bare(logits - logits.max(), dim)


def _largest_of_a_picture(logits: Tensor, dim: int) -> Tensor:
    return _bare(logits - logits.amax((1, 2, 3), keepdim=True), dim)


def _exponentials(logits: Tensor, dim: int) -> Tensor:
    return logits.exp()


def _weighed_boxes(weigh: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def denoised(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
        sums = _box(_squares(x_t, images, alpha), patch_size)
        return _mean(_gaussian(sums, sigma), images, weigh=weigh)

    return denoised


def _blurred_first(pixels: Callable[[int], float]) -> Callable[..., Tensor]:
    def denoised(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
        blurred = _box(x_t[:, None] - alpha * images, patch_size) / pixels(patch_size)
        return _mean(_gaussian(blurred.square().sum(2), sigma), images)

    return denoised


def _box_forgot_alpha(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    return _mean(-_box(_squares(x_t, images, 1.0), patch_size) / (2 * sigma**2), images)


def _border_blown_up(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    squares = _squares(x_t, images, alpha)
    pixels = _box(torch.ones_like(squares), patch_size)
    return _mean(-_box(squares, patch_size) / pixels * patch_size**2 / (2 * sigma**2), images)


def _over_the_batch(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    return _mean(-_box(_squares(x_t, images, alpha), patch_size) / (2 * sigma**2), images, axis=0)


def _no_box(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    return _mean(-_squares(x_t, images, alpha) / (2 * sigma**2), images)


def _rows_only(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    squares = _squares(x_t, images, alpha)
    return _mean(_gaussian(_band(squares.shape[-2], patch_size) @ squares, sigma), images)


def _columns_only(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    squares = _squares(x_t, images, alpha)
    return _mean(_gaussian(squares @ _band(squares.shape[-1], patch_size), sigma), images)


def _over_the_pixels(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    sums = _box(_squares(x_t, images, alpha), patch_size)
    weights = torch.softmax(_gaussian(sums, sigma).flatten(2), dim=2).view_as(sums)
    return torch.einsum("bnhw,nchw->bchw", weights, images)


def _over_one_side(logits: Tensor, dim: int, side: int) -> Tensor:
    return logits.softmax(side)


def _weights_pooled(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    weights = torch.softmax(_gaussian(_squares(x_t, images, alpha), sigma), dim=1)
    return torch.einsum("bnhw,nchw->bchw", _box(weights, patch_size) / patch_size**2, images)


def _weights_pooled_anew(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    weights = _box(torch.softmax(_gaussian(_squares(x_t, images, alpha), sigma), dim=1), patch_size)
    return torch.einsum("bnhw,nchw->bchw", weights / weights.sum(1, keepdim=True), images)


def _weights_smoothed(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    weights = _box(torch.softmax(_gaussian(_box(_squares(x_t, images, alpha), patch_size), sigma), dim=1), patch_size)
    return torch.einsum("bnhw,nchw->bchw", weights / weights.sum(1, keepdim=True), images)


def _box_mean_of_channels(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    return _mean(_gaussian(_box(_squares(x_t, images, alpha), patch_size) / x_t.shape[1], sigma), images)


def _channel_by_channel(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    each = [
        _mean(-_box(_squares(x_t[:, c : c + 1], images[:, c : c + 1], alpha), patch_size) / (2 * sigma**2), images)
        for c in range(x_t.shape[1])
    ]
    return torch.stack([answer[:, c] for c, answer in enumerate(each)], dim=1)


def _wrapped_around(x_t: Tensor, images: Tensor, alpha: float, sigma: float, patch_size: int) -> Tensor:
    squares, r = _squares(x_t, images, alpha), patch_size // 2
    rolled = [squares.roll((i, j), (-2, -1)) for i in range(-r, r + 1) for j in range(-r, r + 1)]
    return _mean(-torch.stack(rolled).sum(0) / (2 * sigma**2), images)


def _answers_cases(generator: torch.Generator) -> list[Case]:
    """Answers that go up with the clean pixels, as a filter's do; one of them has been given before."""

    def case(m: int, n: int, bins: int) -> Case:
        clean = (3 * torch.randn(n, generator=generator)).tanh()
        shown = 0.6 * clean + 0.3 * torch.randn(n, generator=generator) - 0.2
        answers = 1.5 * torch.randn(m, generator=generator)
        answers[0] = shown.sort().values[n // bins - 1]  # the largest of the first group
        return answers, shown, clean, bins

    return [case(7, 12, 3), case(40, 120, 8), case(30, 50, 50)]


def _in_order(shown: Tensor, clean: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Answers and their clean pixels, sorted by answer, group by group: two tensors (bins, n / bins)."""
    order = shown.argsort()
    return shown[order].view(bins, -1), clean[order].view(bins, -1)


def _bent(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    groups, pixels = _in_order(shown, clean, bins)
    return pixels.mean(1)[torch.searchsorted(groups[:-1, -1].contiguous(), answers)]


def _bent_by(edges: Callable[[Tensor], Tensor], right: bool = False) -> Callable[..., Tensor]:
    """The same with other edges between the groups (bins, n / bins) of answers."""

    def bent(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
        groups, pixels = _in_order(shown, clean, bins)
        return pixels.mean(1)[torch.searchsorted(edges(groups).contiguous(), answers, right=right).clamp(max=bins - 1)]

    return bent


def _bent_to(number: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The same with another number for a group than its mean: made from its answers and pixels, (bins, n / bins)."""

    def bent(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
        groups, pixels = _in_order(shown, clean, bins)
        return number(groups, pixels)[torch.searchsorted(groups[:-1, -1].contiguous(), answers)]

    return bent


def _nothing_above(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    return _bent(answers, shown, clean, bins).masked_fill(answers > shown.max(), 0)


def _corrected(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    return answers + _bent(answers, shown, clean - shown, bins)


def _pixels_unsorted(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    groups = shown.sort().values.view(bins, -1)
    return clean.view(bins, -1).mean(1)[torch.searchsorted(groups[:-1, -1].contiguous(), answers)]


def _pixels_sorted_alone(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    return _bent(answers, shown.sort().values, clean.sort().values, bins)


def _sorted_by_pixel(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    order = clean.argsort()
    groups = shown[order].view(bins, -1)
    edges = groups[:-1].amax(1).contiguous()
    return clean[order].view(bins, -1).mean(1)[torch.searchsorted(edges, answers)]


def _every_so_many(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    groups, _ = _in_order(shown, clean, bins)
    pixels = clean[shown.argsort()].view(-1, bins)
    return pixels.mean(0)[torch.searchsorted(groups[:-1, -1].contiguous(), answers)]


def _bins_for_size(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    return _bent(answers, shown, clean, len(shown) // bins) if len(shown) % bins == 0 else answers


def _of_equal_width(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    low, high = shown.min(), shown.max()

    def which(numbers: Tensor) -> Tensor:
        return ((numbers - low) / (high - low) * bins).long().clamp(0, bins - 1)

    total = torch.zeros(bins, dtype=clean.dtype).index_add(0, which(shown), clean)
    return (total / torch.bincount(which(shown), minlength=bins).clamp(min=1))[which(answers)]


def _nearest_answer(answers: Tensor, shown: Tensor, clean: Tensor, bins: int) -> Tensor:
    return clean[(answers[:, None] - shown).abs().argmin(1)]


EXERCISES = [
    Exercise(
        name="ls_window",
        lesson=4,
        title="Cut a window",
        minutes=5,
        difficulty=1,
        start="Start by padding the image with r = patch_size // 2 zeros on all four sides (`/` makes a float).",
        hints=(
            "torch.nn.functional.pad(image, (r, r, r, r)) adds r zeros left, right, above and below.",
            "In the padded image the pixel (row, column) sits at (row + r, column + r): where does its window start?",
            "The window starts at (row, column) of the padded image, and is P rows high and P columns wide.",
        ),
        cases=_window_cases,
        answer=lambda image, row, column, patch_size: reference._patch(
            image[None].double(), row, column, patch_size, "zeros"
        )[0],
        mistakes=(
            Mistake(
                "Your window wraps around: beyond the border there is nothing (zeros), not the other side.",
                lambda image, row, column, patch_size: _window(image, row, column, patch_size, mode="circular"),
            ),
            Mistake(
                "Your window repeats the pixels at the border: beyond it there is nothing, so fill with zeros.",
                lambda image, row, column, patch_size: _window(image, row, column, patch_size, mode="replicate"),
            ),
            Mistake(
                "Your window mirrors the image at the border: beyond it there is nothing, so fill with zeros.",
                lambda image, row, column, patch_size: _window(image, row, column, patch_size, mode="reflect"),
            ),
            Mistake(
                "Your window has the pixel in its first corner: it belongs in the centre, (P - 1)/2 from each side.",
                lambda image, row, column, patch_size: _window(image, row, column, patch_size, offset=patch_size // 2),
            ),
            Mistake(
                "Your window is off by one, to the right and down: it must start r = P // 2 rows above the pixel.",
                lambda image, row, column, patch_size: _window(image, row, column, patch_size, offset=1),
            ),
            Mistake(
                "You subtract r once more in the padded image: the padding has already moved every pixel by r, so the "
                "window starts at (row, column).",
                lambda image, row, column, patch_size: _window_cut_out(image, row, column, patch_size, patch_size // 2),
            ),
            Mistake(
                "Your window starts at (row + r, column + r) of the padded image, where the pixel is, so the pixel "
                "gets into the first corner. Start r rows and columns earlier, at (row, column).",
                lambda image, row, column, patch_size: _window_cut_out(
                    image, row, column, patch_size, -(patch_size // 2)
                ),
            ),
            Mistake(
                "You pad by patch_size: pad by r = P // 2 zeros on each side, and the window starts at (row, column).",
                _padded_too_far,
            ),
            Mistake(
                "Row and column are swapped: the row counts along the height, the second axis of (C, H, W).",
                lambda image, row, column, patch_size: _window_cut_out(image, column, row, patch_size),
            ),
            Mistake(
                "You have swapped row and column: the row counts along the height, the second axis of (C, H, W).",
                _window_swapped,
            ),
            Mistake(
                "Near the upper or left border your slice starts at a negative number, which in Python counts from the "
                "end, and near the other two borders it is cut short: pad the image with r zeros first.",
                _window_from_below_zero,
            ),
            Mistake(
                "Your window is cut short at the border: it must always be P x P, with zeros where there is no image. "
                "Pad the image first.",
                _window_cut_short,
            ),
            Mistake(
                "Above and to the left of the image your row or column is negative, which in Python counts from the "
                "end: leave 0 there, too.",
                _from_the_other_end,
            ),
            Mistake(
                "You put all zeros to the right and below: they belong on the side where the window sticks out.",
                _zeros_at_the_end,
            ),
            Mistake(
                "You fill the outside with black (-1): beyond the border there is nothing, so fill with 0.",
                lambda image, row, column, patch_size: _window(image + 1, row, column, patch_size) - 1,
            ),
        ),
    ),
    Exercise(
        name="ls_weights",
        lesson=4,
        title="The votes for one pixel",
        minutes=8,
        difficulty=2,
        start="Start by cutting the same window out of x_t and out of every training image.",
        hints=(
            "ls_window(image, row, column, patch_size) cuts one window; torch.stack joins all windows into one tensor.",
            "Compare the window of x_t with alpha times the window of every image: squared differences, summed.",
            "Weights are softmax(-distance / (2 * sigma**2)) over the images.",
        ),
        cases=_weights_cases,
        answer=_pixel_weights,
        mistakes=(
            Mistake(
                EXCHANGED,
                lambda x_t, images, alpha, sigma, *where: _pixel_weights(x_t, images, sigma, alpha, *where),
            ),
            Mistake("You compare whole images, as IS does: this pixel may only look at its window.", _whole_image),
            Mistake(
                "You compare x_t with v itself: inside x_t the image is dimmed, so compare with alpha * v.",
                _forgot_alpha,
            ),
            *(Mistake(says, _slipped_weights(exponent)) for says, exponent in SLIPS),
            Mistake(
                "You divide x_t by alpha, which makes its noise sigma / alpha: compare x_t with alpha * v instead.",
                lambda x_t, images, alpha, sigma, *where: _pixel_weights(x_t, images, alpha, sigma * alpha, *where),
            ),
            Mistake(
                "You dim x_t (or, multiplied out, alpha**2 is missing before |v|**2): alpha belongs to the training "
                "image, as in x_t - alpha * v.",
                _dimmed_x_t,
            ),
            Mistake(
                "Your window reaches patch_size pixels to each side: it must reach r = patch_size // 2.",
                lambda x_t, images, alpha, sigma, row, column, patch_size: _pixel_weights(
                    x_t, images, alpha, sigma, row, column, 2 * patch_size + 1
                ),
            ),
            Mistake(
                "You scale up your window at the border as if it were whole: it holds fewer pixels there, and that is "
                "right.",
                _scaled_up_at_the_border,
            ),
            Mistake(
                "Your windows wrap around: beyond the border there is nothing, not the other side.",
                _filled_weights("circular"),
            ),
            Mistake(
                "Your windows repeat the pixels at the border: beyond it there is nothing.",
                _filled_weights("replicate"),
            ),
            Mistake(
                "You average the squared differences: the likelihood is a product over the pixels, so its logarithm is "
                "a sum.",
                _mean_of_squares,
            ),
            Mistake(
                "You take the mean of the squares over the window: the squared distance is their sum.",
                _mean_of_a_padded_window,
            ),
            Mistake(
                "You take the mean of the squares over rows and columns: the squared distance is their sum.",
                lambda x_t, images, alpha, sigma, *where: _pixel_weights(x_t, images, alpha, sigma * where[-1], *where),
            ),
            Mistake(MEAN_OF_CHANNELS, _mean_of_channels),
            Mistake("You compare only the centre pixel: the whole window is evidence.", _centre_only),
            Mistake(
                "Your window starts at the pixel, which belongs in the centre: start r rows and columns earlier.",
                _uncentred,
            ),
            Mistake("You sum absolute differences: square them, as the Gaussian does.", _absolute),
            Mistake(WINNER, _slipped_weights(_gaussian, _winner)),
            Mistake("Your weights do not sum to one: divide by their sum, as softmax does.", _not_normalised),
            Mistake("You return the exponents: softmax turns them into weights.", _slipped_weights(_gaussian, _none)),
            Mistake(
                "You take the root of the squared distance: the exponent holds the squared distance itself.",
                _distance_not_squared,
            ),
            Mistake(UNDERFLOW, _exponentials_vanish),
            Mistake(NEVER_BY_ZERO, _slipped_weights(_gaussian, _never_by_zero)),
            Mistake(
                "Row and column are swapped: the row counts along the height, the last axis but one.",
                _rows_for_columns,
            ),
            Mistake(
                "Near the upper or left border your slice starts at a negative number, which in Python counts from the "
                "end: start at max(row - r, 0), and the same for columns.",
                _negative_start,
            ),
            Mistake("A slice ends before its second number: to include row + r, end it at row + r + 1.", _one_short),
        ),
    ),
    Exercise(
        name="ls_box_sums",
        lesson=4,
        title="All pixels by box sums",
        minutes=12,
        difficulty=3,
        start="Start with the squared differences of every x_t and every dimmed image, pixel by pixel: (B, N, H, W).",
        hints=(
            "Sum the squared differences over the channels only; then sum each map over the window of every pixel. The "
            "map of sums has the same shape as the map of squares, (B, N, H, W).",
            "With P = patch_size and r = P // 2: F.avg_pool2d(squares, P, stride=1, padding=r) * P**2 sums over each "
            "window, with zeros beyond the border.",
            "torch.softmax(..., dim=1) over the images gives weights (B, N, H, W); "
            "torch.einsum('bnhw,nchw->bchw', weights, images) averages.",
        ),
        cases=_box_cases,
        answer=reference.local,
        mistakes=(
            Mistake(
                "You average over the window: the log-likelihood needs the sum, which is P squared times as large.",
                _slipped_boxes(_gaussian, patch_sizes=0),
            ),
            Mistake(
                "A window has patch_size**2 pixels: multiply the average by that, not by patch_size.",
                _slipped_boxes(_gaussian, patch_sizes=1),
            ),
            *(Mistake(says, _slipped_boxes(exponent)) for says, exponent in SLIPS),
            Mistake(
                EXCHANGED,
                lambda x_t, images, alpha, sigma, patch_size: reference.local(x_t, images, sigma, alpha, patch_size),
            ),
            Mistake("You average the dimmed images: the answer is the mean of the images themselves.", _mean_of_dimmed),
            Mistake(WINNER, _weighed_boxes(_winner)),
            Mistake(
                "You hold the elections pixel by pixel, and average their weights over the window: sum the squared "
                "differences over the window first, then vote.",
                _weights_pooled,
            ),
            Mistake(
                "You smooth the weights and make them sum to one again: smooth the squared differences instead, then "
                "vote.",
                _weights_pooled_anew,
            ),
            Mistake(
                "You average the weights of neighbouring pixels, too: every pixel holds an election of its own, so "
                "only the squared differences are summed over the window.",
                _weights_smoothed,
            ),
            Mistake(MEAN_OF_CHANNELS, _box_mean_of_channels),
            Mistake(
                "You subtract the largest exponent of all pixels: every pixel holds an election of its own, so take "
                "the largest over the images only, amax(1, keepdim=True).",
                _weighed_boxes(_one_largest),
            ),
            Mistake(
                "You scale up your windows at the border as if they were whole (count_include_pad=False): they hold "
                "fewer pixels, so their sums are smaller.",
                _border_blown_up,
            ),
            Mistake(
                "You compare x_t with v itself: inside x_t the image is dimmed, so subtract alpha * v.",
                _box_forgot_alpha,
            ),
            Mistake(
                "Your weights sum to one over the batch: they must do so over the training images.", _over_the_batch
            ),
            Mistake(
                "Your weights sum to one over the pixels: they must do so over the training images.", _over_the_pixels
            ),
            *(
                Mistake(
                    f"Your weights sum to one over the {lines}, dim={dim}: they must do so over the training images, "
                    "dim=1.",
                    _weighed_boxes(partial(_over_one_side, side=dim)),
                )
                for dim, lines in ((2, "rows"), (3, "columns"))
            ),
            Mistake("You sum down the columns only: a window is P high and P wide.", _rows_only),
            Mistake("You sum along the rows only: a window is P high and P wide.", _columns_only),
            Mistake("You compare each pixel by itself: sum the squared differences over its window first.", _no_box),
            Mistake(
                "You compare whole images, as IS does: each pixel may only look at its window.",
                lambda x_t, images, alpha, sigma, patch_size: reference.ideal(x_t, images, alpha, sigma),
            ),
            Mistake(
                "You sum the differences over the window, and square the sum: square first, then sum.",
                _blurred_first(lambda patch_size: 1),
            ),
            Mistake(
                "You blur x_t and the images before you compare them: square the differences first, then sum over the "
                "window.",
                _blurred_first(lambda patch_size: patch_size**2),
            ),
            Mistake(
                "Your weights do not sum to one: divide by their sum, as softmax does.", _weighed_boxes(_exponentials)
            ),
            Mistake(
                "You subtract the largest exponent of a whole picture: every pixel holds an election of its own, so "
                "take the largest over the images only, amax(1, keepdim=True).",
                _weighed_boxes(_largest_of_a_picture),
            ),
            Mistake("Your windows wrap around the border: they must be cut off there.", _wrapped_around),
            Mistake(
                "You hold an election for every channel: a pixel has only one, so sum the squared differences over the "
                "channels.",
                _channel_by_channel,
            ),
            Mistake(UNDERFLOW, _weighed_boxes(_bare)),
            Mistake(NEVER_BY_ZERO, _weighed_boxes(_never_by_zero)),
        ),
    ),
    Exercise(
        name="bend",
        lesson=4,
        title="Bend a filter",
        minutes=8,
        difficulty=2,
        start="Start by sorting: order = shown.argsort(), then shown[order] and clean[order] belong together.",
        hints=(
            "clean[order].view(bins, -1) has a row for each group: the group stands for the mean of its row.",
            "The edges are the largest answers of all groups but the last: shown[order].view(bins, -1)[:-1].amax(1).",
            "torch.searchsorted(edges, answers) counts the edges below each answer, which is the number of its group. "
            "(If you keep the edge of the last group, the number may be that of no group: index out of bounds.)",
        ),
        cases=_answers_cases,
        answer=_bent,
        mistakes=(
            Mistake(
                "You sort the answers, but leave the pixels in their old order: a pair must stay together, so use "
                "clean[shown.argsort()].",
                _pixels_unsorted,
            ),
            Mistake(
                "You sort the answers and the pixels each by themselves: a pair must stay together, so use "
                "clean[shown.argsort()].",
                _pixels_sorted_alone,
            ),
            Mistake("You sort the pairs by their pixels: sort them by what the filter answered.", _sorted_by_pixel),
            Mistake(
                "You average the filter's own answers: a group stands for the mean of its *clean pixels*.",
                _bent_to(lambda groups, pixels: groups.mean(1)),
            ),
            Mistake(
                "You take the median of a group's pixels: the squared error is least at their mean.",
                _bent_to(lambda groups, pixels: pixels.median(1).values),
            ),
            Mistake(
                "You round the mean to black or white: the squared error is least at the mean itself.",
                _bent_to(lambda groups, pixels: pixels.mean(1).sign()),
            ),
            Mistake(
                "You add the mean error of a group to each answer: within a group all answers become the same number, "
                "the mean of its clean pixels.",
                _corrected,
            ),
            Mistake(
                "An answer equal to a group's largest is in that group: count the edges below it, with > and not >= "
                "(torch.searchsorted without right=True, np.digitize with right=True).",
                _bent_by(lambda groups: groups[:-1, -1], right=True),
            ),
            Mistake(
                "Answers above the largest of all groups get nothing: they belong to the last group.",
                _nothing_above,
            ),
            Mistake(
                "You separate the groups at their smallest answers: a group reaches up to its largest one.",
                _bent_by(lambda groups: groups[1:, 0]),
            ),
            Mistake(
                "You are one group too high: the smallest answer of the first group is not an edge.",
                _bent_by(lambda groups: groups[:, 0]),
            ),
            Mistake(
                "You separate the groups halfway between neighbours: a group reaches up to its largest answer.",
                _bent_by(lambda groups: (groups[:-1, -1] + groups[1:, 0]) / 2),
            ),
            Mistake(
                "Your groups are equally wide: they must hold equally many answers, so sort the answers and cut the "
                "sorted list.",
                _of_equal_width,
            ),
            Mistake(
                "You put every bins-th answer into one group: neighbours in the order belong together, so use "
                ".view(bins, -1), with a row for each group.",
                _every_so_many,
            ),
            Mistake(
                "Your groups hold `bins` answers each: `bins` is the number of groups, so use .view(bins, -1).",
                _bins_for_size,
            ),
            Mistake(
                "You take the pixel of the nearest answer: one pixel says little, but a group's mean says what is "
                "right on average.",
                _nearest_answer,
            ),
        ),
    ),
]
