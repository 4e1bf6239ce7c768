"""Exercises of lesson 11: three measures of agreement, and the first step."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..metrics import compare
from .attempt import Case
from .exercise import Exercise, Mistake

Three = tuple[Tensor, Tensor, Tensor]

# ------------------------------------------------------------------------------------------------- three correlations


def _pairs(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape in ((4, 1, 5, 5), (3, 3, 4, 6), (6, 1, 3, 3)):
        target = torch.randn(shape, generator=generator) + torch.linspace(-1, 1, shape[0])[:, None, None, None]
        prediction = 0.6 * target + 0.4 * torch.randn(shape, generator=generator) + 0.2
        prediction[0] = -prediction[0]
        cases.append((prediction, target))
    return cases


def _compared(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, c.R2


def _explained(prediction: Tensor, target: Tensor, mean: Tensor) -> Tensor:
    return 1 - (target - prediction).square().flatten(1).sum(1) / (target - mean).square().flatten(1).sum(1)


def _without_means(prediction: Tensor, target: Tensor) -> Three:
    p, y = prediction.double(), target.double()
    r = torch.cosine_similarity(p.flatten(1), y.flatten(1), dim=1)
    return r, r**2, _explained(p, y, y.new_zeros(1))


def _r_not_centred(prediction: Tensor, target: Tensor) -> Three:
    r, r2, _ = _without_means(prediction, target)
    return r, r2, compare(prediction, target).R2


def _exchanged(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.R2, c.r2


def _squared_first(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r2, c.r, c.R2


def _spread_of_p_about_mean_of_y(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    about = (p - y.mean(1, keepdim=True)).square().sum(1)
    return c.r, c.r2, 1 - (y - p).square().sum(1) / about


def _one_mean_for_all(prediction: Tensor, target: Tensor) -> Three:
    p, y = prediction.double(), target.double()
    r = torch.cosine_similarity((p - p.mean()).flatten(1), (y - y.mean()).flatten(1), dim=1)
    return r, r**2, _explained(p, y, y.mean())


def _one_number_for_all(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction.reshape(1, 1, 1, -1), target.reshape(1, 1, 1, -1))
    return tuple(values.expand(len(target)) for values in (c.r, c.r2, c.R2))  # type: ignore[return-value]


def _swapped(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, compare(target, prediction).R2


def _r2_twice(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, c.r2


def _R2_twice(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.R2, c.R2


def _difference_centred(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    dp, dy = p - p.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    return c.r, c.r2, 1 - (dy - dp).square().sum(1) / dy.square().sum(1)


def _var_of_torch(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    return c.r, c.r2, 1 - (y - p).square().mean(1) / y.var(1)


def _without_one_minus(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, 1 - c.R2


def _target_not_centred(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, _explained(prediction.double(), target.double(), target.new_zeros(1))


def _no_root_in_r(prediction: Tensor, target: Tensor) -> Three:
    dp, dy, _ = _centred(prediction, target)
    r = (dp * dy).flatten(1).sum(1) / (dp.square().flatten(1).sum(1) * dy.square().flatten(1).sum(1))
    return r, r**2, compare(prediction, target).R2


def _mean_of_each_channel(prediction: Tensor, target: Tensor) -> Three:
    p, y = prediction.double(), target.double()
    mean = y.mean((2, 3), keepdim=True)
    r = torch.cosine_similarity((p - p.mean((2, 3), keepdim=True)).flatten(1), (y - mean).flatten(1), dim=1)
    return r, r**2, _explained(p, y, mean)


def _size_of_r(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r.abs(), c.r2, c.R2


def _root_of_r(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r.abs().sqrt(), c.R2


def _never_below_0(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, c.R2.clamp(min=0)


def _std_of_torch(prediction: Tensor, target: Tensor) -> Three:
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    dp, dy = p - p.mean(1, keepdim=True), y - y.mean(1, keepdim=True)
    r = (dp * dy).mean(1) / (p.std(1) * y.std(1))
    return r, r**2, compare(prediction, target).R2


def _means_over_the_batch(prediction: Tensor, target: Tensor) -> Three:
    p, y = prediction.double(), target.double()
    mean = y.mean(0, keepdim=True)
    r = torch.cosine_similarity((p - p.mean(0, keepdim=True)).flatten(1), (y - mean).flatten(1), dim=1)
    return r, r**2, _explained(p, y, mean)


def _mean_over_sum(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    return c.r, c.r2, 1 - (1 - c.R2) / target[0].numel()


def _variance_of_p(prediction: Tensor, target: Tensor) -> Three:
    c = compare(prediction, target)
    _, dy, mean = _centred(prediction, target)
    own = (prediction.double() - mean).square().flatten(1).sum(1)
    return c.r, c.r2, own / dy.square().flatten(1).sum(1)


# ------------------------------------------------------------------------------------------------------ from r2 to R2


def _rescaled(prediction: Tensor, target: Tensor) -> Float[Tensor, "B C H W"]:
    p, y = prediction.double().flatten(1), target.double().flatten(1)
    columns = torch.stack([torch.ones_like(p), p], dim=2)  # (B, pixels, 2): least squares for a and b
    ab = torch.linalg.lstsq(columns, y[..., None]).solution
    return (columns @ ab).view_as(target)


def _centred(prediction: Tensor, target: Tensor, over: tuple[int, ...] = (1, 2, 3)) -> tuple[Tensor, Tensor, Tensor]:
    p, y = prediction.double(), target.double()
    dp, dy = p - p.mean(over, keepdim=True), y - y.mean(over, keepdim=True)
    return dp, dy, y.mean(over, keepdim=True)


def _wrong_way_round(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target)
    b = dy.square().sum((1, 2, 3), keepdim=True) / (dp * dy).sum((1, 2, 3), keepdim=True)
    return mean + b * dp


def _same_variance(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target)
    b = (dy.square().sum((1, 2, 3), keepdim=True) / dp.square().sum((1, 2, 3), keepdim=True)).sqrt()
    return mean + b * dp


def _slope_alone(prediction: Tensor, target: Tensor) -> Tensor:
    p, y = prediction.double(), target.double()
    return (p * y).sum((1, 2, 3), keepdim=True) / p.square().sum((1, 2, 3), keepdim=True) * p


def _slope_through_0(prediction: Tensor, target: Tensor) -> Tensor:
    line = _slope_alone(prediction, target)
    return line + (target.double() - line).mean((1, 2, 3), keepdim=True)


def _mean_not_taken_off(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target)
    b = (dp * dy).sum((1, 2, 3), keepdim=True) / dp.square().sum((1, 2, 3), keepdim=True)
    return mean + b * prediction.double()


def _without_mean(prediction: Tensor, target: Tensor) -> Tensor:
    return _rescaled(prediction, target) - target.double().mean((1, 2, 3), keepdim=True)


def _one_fit_for_all(prediction: Tensor, target: Tensor) -> Tensor:
    p, y = prediction.double() - prediction.double().mean(), target.double() - target.double().mean()
    return target.double().mean() + (p * y).sum() / p.square().sum() * p


def _over_targets(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target)
    return mean + (dp * dy).sum((1, 2, 3), keepdim=True) / dy.square().sum((1, 2, 3), keepdim=True) * dp


def _variance_of_torch(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target)
    b = (dp * dy).mean((1, 2, 3), keepdim=True) / prediction.double().var((1, 2, 3), keepdim=True)
    return mean + b * dp


def _r_as_slope(prediction: Tensor, target: Tensor) -> Tensor:
    dp, _, mean = _centred(prediction, target)
    return mean + compare(prediction, target).r[:, None, None, None] * dp


def _fit_of_each_channel(prediction: Tensor, target: Tensor) -> Tensor:
    dp, dy, mean = _centred(prediction, target, (2, 3))
    b = (dp * dy).sum((2, 3), keepdim=True) / dp.square().sum((2, 3), keepdim=True)
    return mean + b * dp


def _shifted_only(prediction: Tensor, target: Tensor) -> Tensor:
    dp, _, mean = _centred(prediction, target)
    return mean + dp


def _fitted_target(prediction: Tensor, target: Tensor) -> Tensor:
    return _rescaled(target, prediction)


def _r2_as_slope(prediction: Tensor, target: Tensor) -> Tensor:
    dp, _, mean = _centred(prediction, target)
    return mean + compare(prediction, target).r2[:, None, None, None] * dp


def _mean_of_p_kept(prediction: Tensor, target: Tensor) -> Tensor:
    over = (1, 2, 3)
    shift = prediction.double().mean(over, keepdim=True) - target.double().mean(over, keepdim=True)
    return _rescaled(prediction, target) + shift


# ------------------------------------------------------------------------------------------- amplification of one step


def _steps(generator: torch.Generator) -> list[Case]:
    angles = ((1.558, 1.48), (1.2, 0.9), (0.5, 0.42), (0.9, 0.0))
    return [(torch.randn(2, 3, generator=generator), theta, theta_next) for theta, theta_next in angles]


def _carried(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.sin(theta - theta_next) / math.sin(theta) * error.double()


def _eps_held(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.cos(theta_next) * error.double()


def _divided_by_the_next_sigma(error: Tensor, theta: float, theta_next: float) -> Tensor:
    e = error.double()
    return math.cos(theta_next) * e - math.sin(theta_next) * (math.cos(theta) * e / math.sin(theta_next))


def _sine_of_theta_taken_as_1(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.sin(theta - theta_next) * error.double()


def _error_of_eps(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return -math.sin(theta - theta_next) / math.cos(theta) * error.double()


def _sign_lost(error: Tensor, theta: float, theta_next: float) -> Tensor:
    tangent = math.cos(theta) / math.sin(theta)
    return (math.cos(theta_next) + math.sin(theta_next) * tangent) * error.double()


def _factor_of_section_6(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.sin(theta - theta_next) / math.cos(theta) * error.double()


def _other_direction(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return -_carried(error, theta, theta_next)


def _alpha_forgotten(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return (math.cos(theta_next) - math.sin(theta_next) / math.sin(theta)) * error.double()


def _size_alone(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return _carried(error, theta, theta_next).abs()


def _as_an_error_of_x(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.sin(theta_next) / math.sin(theta) * error.double()


def _ratio_of_alphas(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return math.cos(theta_next) / math.cos(theta) * error.double()


def _eps_alone(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return -math.sin(theta_next) * math.cos(theta) / math.sin(theta) * error.double()


def _quotient_upside_down(error: Tensor, theta: float, theta_next: float) -> Tensor:
    return (math.cos(theta_next) - math.sin(theta_next) * math.tan(theta)) * error.double()


EXERCISES = [
    Exercise(
        name="three_correlations",
        lesson=11,
        title="Three correlations",
        minutes=6,
        difficulty=1,
        start="Flatten both to (B, pixels) and subtract each image's own mean.",
        hints=(
            "prediction.flatten(1) keeps the batch; .mean(1, keepdim=True) is one mean per image.",
            "r is the sum of the products, divided by the root of the product of the two sums of squares, all over "
            "dim 1.",
            "R2 uses the raw difference y - p in its numerator, and the target's centred squares in its denominator.",
        ),
        cases=_pairs,
        answer=_compared,
        mistakes=(
            Mistake("You do not subtract the means: a shared brightness then counts as agreement.", _without_means),
            Mistake("Your R2 is right, but in r you do not subtract the means of both.", _r_not_centred),
            Mistake("r2 and R2 are swapped: r2 is the square of r, whereas R2 takes y - p as it is.", _exchanged),
            Mistake("r and r2 are swapped: r comes first, with its sign, and r2 is its square.", _squared_first),
            Mistake(
                "In R2 you divide by the squares of p - mean(y): divide by those of y - mean(y), which R2 has to "
                "explain.",
                _spread_of_p_about_mean_of_y,
            ),
            Mistake("You subtract one mean for the whole batch: every image has its own.", _one_mean_for_all),
            Mistake("You return one number for the whole batch: compare image by image.", _one_number_for_all),
            Mistake(
                "In R2 you divide by the variance of the prediction: divide by the target's, which R2 has to explain.",
                _swapped,
            ),
            Mistake(
                "In R2 you subtract the means from y - p: R2 forgives no shift, so use y - p as it is.",
                _difference_centred,
            ),
            Mistake(
                "In R2, y.var(1) divides by n - 1 and your mean by n: take sums, or var(1, unbiased=False).",
                _var_of_torch,
            ),
            Mistake("Your R2 is the part left unexplained: R2 is one minus that.", _without_one_minus),
            Mistake("Your r2 is the root of r: it should be the square.", _root_of_r),
            Mistake("You cut R2 off at 0: it is negative where p is worse than the target's mean.", _never_below_0),
            Mistake("Your r has lost its sign: the negative of a picture has r = -1.", _size_of_r),
            Mistake("In R2 you divide by the sum of y^2: subtract the target's mean first.", _target_not_centred),
            Mistake("In r the root is missing: divide by the root of the product of both sums.", _no_root_in_r),
            Mistake(
                "You subtract one mean per channel: an image has one mean, over all its channels.",
                _mean_of_each_channel,
            ),
            Mistake(
                "In r, std divides by n - 1 and your mean by n: take sums, or std(1, unbiased=False).", _std_of_torch
            ),
            Mistake(
                "In r and in R2, std and var divide by n - 1 and your means by n: take sums, or unbiased=False.",
                lambda prediction, target: (
                    *_std_of_torch(prediction, target)[:2],
                    _var_of_torch(prediction, target)[2],
                ),
            ),
            Mistake(
                "Your means run over the batch: mean(0) is over the images, mean(1, keepdim=True) over the pixels.",
                _means_over_the_batch,
            ),
            Mistake("In R2 you divide a mean by a sum: take sums for both, or means for both.", _mean_over_sum),
            Mistake(
                "Your R2 says how much p varies, right or wrong: it should be one minus what p leaves, the sum of (y "
                "- p)^2.",
                _variance_of_p,
            ),
            Mistake("Your R2 is r2 once more: R2 takes the prediction as it stands, (y - p)^2.", _r2_twice),
            Mistake("Your r2 is R2 once more: r2, in small letters, is the square of r.", _R2_twice),
        ),
    ),
    Exercise(
        name="rescaled",
        lesson=11,
        title="From r2 to R2",
        minutes=8,
        difficulty=2,
        start="This is a straight-line fit of the target on the prediction, one per image.",
        hints=(
            "Subtract both means first: with dp and dy, only the slope b is left to find.",
            "The slope that makes sum (dy - b dp)^2 smallest is b = sum(dp dy) / sum(dp dp).",
            "The fit runs through the means: return mean(target) + b * dp.",
        ),
        cases=_pairs,
        answer=_rescaled,
        mistakes=(
            Mistake(
                "You fit the prediction on the target: fit the target on the prediction, and divide by sum(dp dp).",
                _wrong_way_round,
            ),
            Mistake(
                "You match the variances: least squares gives b = sum(dp dy) / sum(dp dp).",
                _same_variance,
            ),
            Mistake("You fit a slope without an intercept: you need a as well.", _slope_alone),
            Mistake(
                "Your slope belongs to a line through 0: subtract both means before you compute it.",
                _slope_through_0,
            ),
            Mistake("You return b * dp alone: add the target's mean, through which the line runs.", _without_mean),
            Mistake("You fit one line for the whole batch: every image has its own a and b.", _one_fit_for_all),
            Mistake("You divide by sum(dy dy): that slope explains the prediction. Take sum(dp dp).", _over_targets),
            Mistake("Your slope is r: least squares gives sum(dp dy) / sum(dp dp), without a root.", _r_as_slope),
            Mistake(
                "Your slope is too small: p.var() divides by n - 1 and your mean by n; take sums for both.",
                _variance_of_torch,
            ),
            Mistake("You return a + b * target: fit the target by a + b * prediction.", _fitted_target),
            Mistake("Your slope is r2: least squares gives sum(dp dy) / sum(dp dp).", _r2_as_slope),
            Mistake(
                "Your result has the prediction's mean: the line takes mean(prediction) to mean(target).",
                _mean_of_p_kept,
            ),
            Mistake("You fit one line per channel: an image has one a and one b.", _fit_of_each_channel),
            Mistake("You only match the means, so that b = 1: you need the slope as well.", _shifted_only),
            Mistake(
                "Your slope is right, but the intercept is not: a = mean(target) - b mean(prediction).",
                _mean_not_taken_off,
            ),
        ),
    ),
    Exercise(
        name="error_amplification",
        lesson=11,
        title="Amplification of one step",
        minutes=7,
        difficulty=2,
        start="The step is x' = alpha' D + sigma' eps_hat, and eps_hat = (x_t - alpha D) / sigma is wrong as well.",
        hints=(
            "If D is off by e, then eps_hat is off by -alpha e / sigma.",
            "So x' is off by alpha' e - sigma' (alpha / sigma) e, with alpha = cos(theta) and sigma = sin(theta).",
            "Put both over sin(theta): the numerator is then the sine of a difference of two angles.",
        ),
        cases=_steps,
        answer=_carried,
        mistakes=(
            Mistake(
                "You let the error into alpha' D alone: eps_hat is computed from D and errs the other way.", _eps_held
            ),
            Mistake(
                "eps_hat is (x_t - alpha D) / sigma: you do not divide by sigma. (At t = 1 sigma is 1, so there it "
                "makes no difference.)",
                lambda e, a, b: (math.cos(b) - math.sin(b) * math.cos(a)) * e.double(),
            ),
            Mistake(
                "You let the same error into eps_hat as into D: eps_hat = (x_t - alpha D) / sigma errs by -alpha e / "
                "sigma.",
                lambda e, a, b: (math.cos(b) + math.sin(b)) * e.double(),
            ),
            Mistake("That is the factor for an error of eps_hat; here the error of D is given.", _error_of_eps),
            Mistake(
                "You take the factor of section 6, which belongs to an error of eps_hat: if D is off by e, eps_hat is "
                "off by -alpha e / sigma.",
                _factor_of_section_6,
            ),
            Mistake(
                "sigma' / sigma is the factor for an error of x; here x_t is exact and D errs: follow e through "
                "alpha' D and through eps_hat.",
                _as_an_error_of_x,
            ),
            Mistake(
                "alpha' / alpha is the factor for an error of x if eps_hat is kept; here x_t is exact and D errs.",
                _ratio_of_alphas,
            ),
            Mistake(
                "You divide by sigma', which may be 0: in eps_hat = (x_t - alpha D) / sigma, sigma is the sine of "
                "theta, not of theta_next.",
                _divided_by_the_next_sigma,
            ),
            Mistake("You let the error into eps_hat alone: alpha' D errs as well.", _eps_alone),
            Mistake(
                "You multiply the error of eps_hat by sigma: the step to theta_next multiplies it by sigma', the sine "
                "of theta_next.",
                lambda e, a, b: (math.cos(b) - math.cos(a)) * e.double(),
            ),
            Mistake(
                "That holds only near t = 1, where sin(theta) is 1: divide by sin(theta).", _sine_of_theta_taken_as_1
            ),
            Mistake(
                "Your quotient is upside down: eps_hat is off by -alpha e / sigma, cosine over sine.",
                _quotient_upside_down,
            ),
            Mistake("Your sign is reversed: the factor has sin(theta - theta'), which is positive.", _other_direction),
            Mistake("In eps_hat = (x_t - alpha D) / sigma you forget the alpha before D.", _alpha_forgotten),
            Mistake("You return the size alone: the error keeps its sign.", _size_alone),
            Mistake("The error of eps_hat has the opposite sign: eps_hat = (x_t - alpha D) / sigma.", _sign_lost),
        ),
    ),
]
