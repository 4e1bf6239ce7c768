"""Exercises of lesson 07: the equivariant local score machine."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from .. import reference
from ..diffusion import Denoiser
from .attempt import Case
from .exercise import EXCHANGED, Exercise, Mistake

# ------------------------------------------------------------------------------------------------ the dictionary


def _dictionary_cases(generator: torch.Generator) -> list[Case]:
    shapes = [(2, 1, 5, 6), (3, 2, 6, 5), (1, 1, 7, 7)]
    return [(torch.rand(*s, generator=generator) * 2 - 1, size) for s, size in zip(shapes, (3, 5, 5), strict=True)]


def _cut(images: Tensor, patch_size: int, mode: str = "circular", offset: int = 0) -> Float[Tensor, "N C H W P P"]:
    r = patch_size // 2
    padded = F.pad(images, (r - offset, r + offset, r - offset, r + offset), mode=mode)
    return padded.unfold(2, patch_size, 1).unfold(3, patch_size, 1)


def _dictionary(images: Tensor, patch_size: int) -> Float[Tensor, "NHW C P P"]:
    rows = reference._all_patches(images.double(), patch_size, "circular")  # (N, H, W, C, P, P), cut pixel by pixel
    return rows.flatten(0, 2)


def _padded_with_zeros(images: Tensor, patch_size: int) -> Tensor:
    return _cut(images, patch_size, mode="constant").permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def _starts_at_the_pixel(images: Tensor, patch_size: int) -> Tensor:
    return _cut(images, patch_size, offset=patch_size // 2).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def _columns_first(images: Tensor, patch_size: int) -> Tensor:
    return _cut(images, patch_size).permute(0, 3, 2, 1, 4, 5).flatten(0, 2)


def _places_first(images: Tensor, patch_size: int) -> Tensor:
    return _cut(images, patch_size).permute(2, 3, 0, 1, 4, 5).flatten(0, 2)


def _not_permuted(images: Tensor, patch_size: int) -> Tensor:
    return _cut(images, patch_size).reshape(-1, images.shape[1], patch_size, patch_size)


def _columns_not_transposed(images: Tensor, patch_size: int) -> Tensor:
    unfolded = F.unfold(F.pad(images, [patch_size // 2] * 4, mode="circular"), patch_size)  # (N, C P P, H W)
    return unfolded.reshape(-1, images.shape[1], patch_size, patch_size)


# ------------------------------------------------------------------------------------------------ one pixel of ELS


def _pixel_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for count, channels, size, alpha, sigma in ((40, 1, 3, 0.8, 0.6), (25, 3, 5, 0.5, 0.87), (30, 2, 3, 0.998, 0.06)):
        patches = torch.rand(count, channels, size, size, generator=generator) * 2 - 1
        noise = torch.randn(channels, size, size, generator=generator)
        # off every patch, so that at low noise each single weight is zero in floating point
        query = alpha * (patches[0] + patches[1]) / 2 + sigma * noise
        cases.append((query, patches, alpha, sigma))
    query, patches, _, _ = cases[1]
    cases.append((query.double(), patches.double(), 0.9998, 0.02))  # each exp is 0 in float64 as well
    return cases


def _pixel(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Float[Tensor, " C"]:
    q, p = query.double(), dictionary.double()
    logits = -(q - alpha * p).square().sum((-3, -2, -1)) / (2 * sigma**2)
    r = q.shape[-1] // 2
    return torch.softmax(logits, dim=0) @ p[:, :, r, r]


def _vote(dictionary: Tensor, logits: Tensor) -> Tensor:
    r = dictionary.shape[-1] // 2
    return torch.softmax(logits, dim=0) @ dictionary[:, :, r, r]


def _alpha_forgotten(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _sigma_not_squared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma))


def _two_forgotten(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)) / sigma**2)


def _mean_of_squares(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().mean((-3, -2, -1)) / (2 * sigma**2))


def _distance_not_squared(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, -(query - alpha * dictionary).square().sum((-3, -2, -1)).sqrt() / (2 * sigma**2))


def _wrong_sign(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return _vote(dictionary, (query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))


def _dimmed_centre(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    return alpha * _pixel(query, dictionary, alpha, sigma)


def _corner(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    return torch.softmax(logits, dim=0) @ dictionary[:, :, 0, 0]


def _mean_of_the_patch(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    logits = -(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2)
    return torch.softmax(logits, dim=0) @ dictionary.mean((-2, -1))


def _no_maximum_subtracted(query: Tensor, dictionary: Tensor, alpha: float, sigma: float) -> Tensor:
    w = torch.exp(-(query - alpha * dictionary).square().sum((-3, -2, -1)) / (2 * sigma**2))
    r = query.shape[-1] // 2
    return (w / w.sum()) @ dictionary[:, :, r, r]


# --------------------------------------------------------------------------------------------- provenance entropy


def _source_cases(generator: torch.Generator) -> list[Case]:
    return [
        (torch.randint(0, 6, (5, 7), generator=generator) * 2,),
        (torch.randint(100, 2000, (8, 8), generator=generator),),
        (torch.randint(0, 2, (6, 6), generator=generator) * 41 + 3,),
        (torch.randint(-1, 3, (7, 5), generator=generator),),  # -1 is background
    ]


def _shares(source: Tensor) -> Float[Tensor, " n"]:
    counts = source[source >= 0].unique(return_counts=True)[1].double()
    return counts / counts.sum()


def _entropy(source: Int[Tensor, "H W"]) -> float:
    f = _shares(source)
    return float(-(f * f.log()).sum())


def _zero_log_zero(source: Tensor) -> Tensor:
    f = source[source >= 0].bincount() / (source >= 0).sum()
    return -(f * f.log()).sum()


def _counts_not_shares(source: Tensor) -> Tensor:
    counts = _shares(source) * (source >= 0).sum()
    return -(counts * counts.log()).sum()


def _of_all_pixels(source: Tensor) -> Tensor:
    f = _shares(source) * (source >= 0).sum() / source.numel()
    return -(f * f.log()).sum()


def _per_image(source: Tensor) -> Tensor:
    f = _shares(source)
    return -(f * f.log()).mean()


# ------------------------------------------------------------------------------------------------- shift, then do


def _gap_cases(generator: torch.Generator) -> list[Case]:
    kernel = torch.randn(1, 1, 3, 3, generator=generator)
    ramp = torch.linspace(0.5, 1.5, 6)

    def circular(x_t: Tensor) -> Tensor:
        return F.conv2d(F.pad(x_t, (1, 1, 1, 1), mode="circular"), kernel)

    def zeros(x_t: Tensor) -> Tensor:
        return F.conv2d(x_t, kernel, padding=1)

    def brighter_to_the_right(x_t: Tensor) -> Tensor:
        return x_t * ramp

    x_t = torch.randn(2, 1, 6, 6, generator=generator)
    return [(circular, x_t, (1, 2)), (zeros, x_t, (2, -1)), (brighter_to_the_right, x_t, (0, 2))]


def _gap(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    moved = denoiser(x_t.roll(shift, (-2, -1)))  # type: ignore[call-arg]
    return float((moved - denoiser(x_t).roll(shift, (-2, -1))).abs().max())  # type: ignore[call-arg]


def _answer_not_shifted(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    return float((denoiser(x_t.roll(shift, (-2, -1))) - denoiser(x_t)).abs().max())  # type: ignore[call-arg]


def _shifted_on(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    moved = denoiser(x_t.roll(shift, (-2, -1))).roll(shift, (-2, -1))  # type: ignore[call-arg]
    return float((moved - denoiser(x_t)).abs().max())  # type: ignore[call-arg]


def _signed(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    moved = denoiser(x_t.roll(shift, (-2, -1)))  # type: ignore[call-arg]
    return float((moved - denoiser(x_t).roll(shift, (-2, -1))).mean())  # type: ignore[call-arg]


def _largest_signed(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    moved = denoiser(x_t.roll(shift, (-2, -1)))  # type: ignore[call-arg]
    return float((moved - denoiser(x_t).roll(shift, (-2, -1))).max())  # type: ignore[call-arg]


def _mean_gap(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    moved = denoiser(x_t.roll(shift, (-2, -1)))  # type: ignore[call-arg]
    return float((moved - denoiser(x_t).roll(shift, (-2, -1))).abs().mean())  # type: ignore[call-arg]


def _up_and_left(denoiser: Denoiser, x_t: Tensor, shift: tuple[int, int]) -> float:
    return _gap(denoiser, x_t, (-shift[0], -shift[1]))


EXERCISES = [
    Exercise(
        name="patch_dictionary",
        lesson=7,
        title="The dictionary",
        minutes=7,
        difficulty=1,
        start="Start by padding the images by P // 2 on every side, with what comes round from the other side.",
        hints=(
            'torch.nn.functional.pad(images, (r, r, r, r), mode="circular") with r = patch_size // 2.',
            "tensor.unfold(dimension, size, step) reads a sliding window: once for the rows, once for the columns.",
            "After both you have (N, C, H, W, P, P): permute C behind H and W, then flatten the first three.",
        ),
        cases=_dictionary_cases,
        answer=_dictionary,
        mistakes=(
            Mistake(
                "You pad with zeros: on the torus a window that leaves on one side comes back on the other "
                '(mode="circular").',
                _padded_with_zeros,
            ),
            Mistake(
                "Your patches start at their place instead of being centred on it: pad on both sides, by P // 2.",
                _starts_at_the_pixel,
            ),
            Mistake(
                "You run through the columns before the rows: the last of the three axes must be the column.",
                _columns_first,
            ),
            Mistake("You run through the places first: the order is image after image.", _places_first),
            Mistake(
                "You reshape (N, C, H, W, P, P) as it lies, which mixes channels with places as soon as C > 1: permute "
                "C behind H and W first.",
                _not_permuted,
            ),
            Mistake(
                "F.unfold returns (N, C P P, H W), one patch per column: transpose the last two axes before "
                "you reshape.",
                _columns_not_transposed,
            ),
        ),
    ),
    Exercise(
        name="els_pixel",
        lesson=7,
        title="One pixel of the machine",
        minutes=10,
        difficulty=2,
        start="Start from the squared distance of the query to alpha times every patch.",
        hints=(
            "The sum of squares runs over channels, rows and columns of the patch: one number per patch.",
            "Weights: torch.softmax(-distance / (2 * sigma**2), dim=0). It subtracts the largest logit by itself.",
            "The value of a patch is its centre pixel, dictionary[:, :, P // 2, P // 2], shape (M, C), undimmed.",
        ),
        cases=_pixel_cases,
        answer=_pixel,
        mistakes=(
            Mistake(
                EXCHANGED,
                lambda query, dictionary, alpha, sigma: _pixel(query, dictionary, sigma, alpha),
            ),
            Mistake(
                "You compare with the clean patch: inside x_t it is dimmed, so compare with alpha * p.",
                _alpha_forgotten,
            ),
            Mistake("You divide by 2 sigma: the variance of the noise is sigma squared.", _sigma_not_squared),
            Mistake("The 2 is missing: a Gaussian has 2 sigma squared under the squared distance.", _two_forgotten),
            Mistake(
                "You take the mean of the squares over the patch: the squared distance is their sum.", _mean_of_squares
            ),
            Mistake("You took a square root: the Gaussian holds the squared distance.", _distance_not_squared),
            Mistake("The sign is wrong: the further a patch, the smaller its weight.", _wrong_sign),
            Mistake("You return the dimmed centre: compare with alpha * p, but average the clean p.", _dimmed_centre),
            Mistake("You average the corner [0, 0] of the patches: the centre is at P // 2.", _corner),
            Mistake("You average whole patches: only the centre pixel of each is the answer here.", _mean_of_the_patch),
            Mistake(
                "At low noise your exps are all 0, or overflow, and 0/0 is no number: subtract the largest logit "
                "first, as torch.softmax does.",
                _no_maximum_subtracted,
            ),
        ),
    ),
    Exercise(
        name="provenance_entropy",
        lesson=7,
        title="Provenance entropy",
        minutes=7,
        difficulty=1,
        start="Start by counting how often each training image occurs in the map.",
        hints=(
            "source[source >= 0].unique(return_counts=True) returns the images that occur and their counts.",
            "Shares are counts divided by the sum of the counts; the entropy is minus the sum of share * log(share).",
        ),
        cases=_source_cases,
        answer=_entropy,
        mistakes=(
            Mistake(
                "That is the entropy in bits: in nats the logarithm is the natural one, torch.log.",
                lambda source: _entropy(source) / math.log(2),
            ),
            Mistake("You use the counts: divide them by their sum first, shares sum to one.", _counts_not_shares),
            Mistake(
                "That is the effective number of sources, exp(entropy): return the entropy itself.",
                lambda source: math.exp(_entropy(source)),
            ),
            Mistake("You take the mean over the images: the entropy is a sum.", _per_image),
            Mistake(
                "You count the background as one more image: leave the pixels with source -1 out.",
                lambda source: _entropy(source + 1),
            ),
            Mistake(
                "You divide by all pixels: shares are of those that have a source, without the -1, and sum to one.",
                _of_all_pixels,
            ),
            Mistake(
                "Images that do not occur have share 0, and 0 * log(0) is NaN on a computer: leave them out.",
                _zero_log_zero,
            ),
            Mistake(
                "The sign is missing: logarithms of shares are negative, an entropy is not.",
                lambda source: -_entropy(source),
            ),
        ),
    ),
    Exercise(
        name="shift_gap",
        lesson=7,
        title="Measure it",
        minutes=6,
        difficulty=2,
        start="Start with two pictures: the denoised shifted input, and the shifted denoised input.",
        hints=(
            "x_t.roll(shift, (-2, -1)) shifts rows and columns on the torus.",
            "Compare denoiser(x_t.roll(...)) with denoiser(x_t).roll(...): the same roll on both sides.",
        ),
        cases=_gap_cases,
        answer=_gap,
        mistakes=(
            Mistake(
                "You compare with the answer where it was: the answer to the shifted input should be the shifted "
                "answer.",
                _answer_not_shifted,
            ),
            Mistake(
                "You shift the answer further instead of back: to undo a shift, roll by minus the shift.", _shifted_on
            ),
            Mistake("A mean of signed differences cancels: take absolute values, and the largest.", _signed),
            Mistake("You lose the negative differences: take absolute values before the maximum.", _largest_signed),
            Mistake("You average the absolute differences: asked is the largest.", _mean_gap),
            Mistake(
                "You shift by minus `shift`: the contents move down and right, x_t.roll(shift, (-2, -1)).", _up_and_left
            ),
        ),
    ),
]
