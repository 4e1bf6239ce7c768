"""Exercises of lesson 01: noise, a denoiser, and the deterministic sampler."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from .. import diffusion
from ..schedule import CosineSchedule, check_time
from .attempt import Case
from .exercise import NEVER_BY_ZERO, Exercise, Mistake

SCHEDULE = CosineSchedule()


def _normal(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator)


def _uniform(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(*shape, generator=generator)


def _angles(generator: torch.Generator, low: float = 0.2, high: float = 1.4) -> tuple[float, float]:
    """alpha and sigma at a random angle."""
    theta = low + (high - low) * float(_uniform(generator, 1))
    return math.cos(theta), math.sin(theta)


# ------------------------------------------------------------------------------------------------------- noising


def _noising_cases(generator: torch.Generator) -> list[Case]:
    shapes = [(3, 1, 4, 3), (2, 3, 3, 2), (5, 1, 2, 5)]  # as wide as B: a forgotten (B, 1, 1, 1) runs, and is named
    return [
        (2 * _uniform(generator, *shape) - 1, _normal(generator, *shape), 1 - 0.9 * _uniform(generator, shape[0]))
        for shape in shapes
    ]


def _noising(x_0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    return torch.cat([diffusion.add_noise(x_0[i : i + 1], eps[i : i + 1], float(t[i])) for i in range(len(t))])


def _mixed(x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    return alpha[:, None, None, None] * x_0 + sigma[:, None, None, None] * eps


def _theta(t: Tensor, offset: float = SCHEDULE.offset) -> Tensor:
    return math.pi / 2 * t / (1 + offset)


NOISING = Exercise(
    name="noising",
    lesson=1,
    title="Noising",
    minutes=5,
    difficulty=1,
    start="Start from the angle theta of each image, then its cosine and sine.",
    hints=(
        "theta = pi/2 * t / 1.008; alpha is its cosine, sigma its sine.",
        "t has shape (B,), the images (B, C, H, W): give alpha and sigma the shape (B, 1, 1, 1) before multiplying.",
        "theta[:, None, None, None] has the shape (B, 1, 1, 1). Then x_t = theta.cos() * x_0 + theta.sin() * eps.",
    ),
    cases=_noising_cases,
    answer=_noising,
    mistakes=(
        Mistake(
            "Your angle reaches exactly pi/2 at t = 1: the schedule divides t by 1.008, so that a trace of the image "
            "is left.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t, 0).cos(), _theta(t, 0).sin()),
        ),
        Mistake(
            "You have swapped alpha and sigma: at t near 0 the image must be nearly clean.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t).sin(), _theta(t).cos()),
        ),
        Mistake(
            "You add sigma**2 times the noise: sigma is its standard deviation, so multiply by sigma itself.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t).cos(), _theta(t).sin() ** 2),
        ),
        Mistake(
            "Your angle lacks the factor pi/2: theta = pi/2 * t / 1.008 reaches (nearly) a right angle at t = 1.",
            lambda x_0, eps, t: _mixed(x_0, eps, (t / 1.008).cos(), (t / 1.008).sin()),
        ),
        Mistake(
            "Your angle is twice as large as it should be: take pi/2 * t / 1.008, not pi * t / 1.008.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(2 * t).cos(), _theta(2 * t).sin()),
        ),
        Mistake(
            "You blend with 1 - t and t. Their squares do not sum to one; the schedule uses cosine and sine.",
            lambda x_0, eps, t: _mixed(x_0, eps, 1 - t, t),
        ),
        Mistake(
            "torch pairs t with the columns, the last axis of the images: give the angle the shape (B, 1, 1, 1), as "
            "theta[:, None, None, None] does. Then each image has its own time.",
            lambda x_0, eps, t: _theta(t).cos() * x_0 + _theta(t).sin() * eps,
        ),
        Mistake(
            "You use one time for the whole batch: every image has a t of its own.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t[:1]).cos(), _theta(t[:1]).sin()),
        ),
        Mistake(
            "You shift t by 0.008 as well: the paper on the cosine schedule does that, but this course does not.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t + 0.008).cos(), _theta(t + 0.008).sin()),
        ),
        Mistake(
            "You multiply t by 1.008: divide by it, so that the angle stays below pi/2.",
            lambda x_0, eps, t: _mixed(x_0, eps, (math.pi / 2 * t * 1.008).cos(), (math.pi / 2 * t * 1.008).sin()),
        ),
        Mistake(
            "Your sigma is 1 - alpha: it is the squares that sum to one, so sigma = sin(theta).",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t).cos(), 1 - _theta(t).cos()),
        ),
        Mistake(
            "You square cosine and sine: the squares are shares of the variance, so multiply by alpha and sigma "
            "themselves.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t).cos() ** 2, _theta(t).sin() ** 2),
        ),
        Mistake(
            "You do not dim the picture: multiply x_0 by alpha.",
            lambda x_0, eps, t: _mixed(x_0, eps, torch.ones_like(t), _theta(t).sin()),
        ),
        Mistake(
            "You dim the noise, too: alpha multiplies only x_0, as in alpha * x_0 + sigma * eps.",
            lambda x_0, eps, t: _mixed(x_0, eps, _theta(t).cos(), _theta(t).cos() * _theta(t).sin()),
        ),
    ),
)


# ------------------------------------------------------------------------------------------------- coin_denoiser


def _coin_cases(generator: torch.Generator) -> list[Case]:
    cases = [(4 * _uniform(generator, *shape) - 2, *_angles(generator)) for shape in ((7,), (2, 5), (3, 1, 2, 2))]
    alpha, sigma = math.cos(0.03), math.sin(0.03)  # alpha x_t / sigma**2 is near 1,111: exp overflows in float64 too
    near = alpha * _normal(generator, 6).sign() + sigma * _normal(generator, 6)
    between = torch.tensor([0.3, 0.0, 0.0005, -0.5])  # so far from both sides that in float32 both densities are 0
    return [*cases, (torch.cat([near, between]), alpha, sigma)]


def _coin(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    heads, tails = (-((x_t.double() - alpha * side).square()) / (2 * sigma**2) for side in (1, -1))
    weights = torch.softmax(torch.stack([heads, tails]), dim=0)
    return weights[0] - weights[1]


def _unnormalised_coin(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    heads, tails = (torch.exp(-((x_t - alpha * side).square()) / (2 * sigma**2)) for side in (1, -1))
    return heads - tails


def _coin_of_densities(x_t: Tensor, alpha: float, sigma: float, below: float = 0) -> Tensor:
    heads, tails = (torch.exp(-((x_t - alpha * side).square()) / (2 * sigma**2)) for side in (1, -1))
    return (heads - tails) / (heads + tails + below)


def _coin_of_one_exponential(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    e = (2 * alpha * x_t / sigma**2).exp()
    return (e - 1) / (e + 1)


def _coin_of_one_small_exponential(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    e = (-2 * alpha * x_t / sigma**2).exp()
    return (1 - e) / (1 + e)


def _wide_coin(x_t: Tensor, alpha: float, sigma: float, *, bent: bool) -> Tensor:
    """The lesson's `denoiser` with +-1 for its means; it keeps the width of its heaps, although a coin has none."""
    V = alpha**2 * 0.1**2 + sigma**2
    side = torch.tanh(alpha * x_t / V)
    return side + bent * alpha * 0.1**2 / V * (x_t - alpha * side)


def _coin_of_exponentials(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    u = alpha * x_t / sigma**2
    return (u.exp() - (-u).exp()) / (u.exp() + (-u).exp())


def _softmax_over_the_coins(x_t: Tensor, alpha: float, sigma: float) -> Tensor:
    exponents = torch.stack([-(x_t - alpha).square(), -(x_t + alpha).square()], dim=-1) / (2 * sigma**2)
    plus, minus = exponents.softmax(0).unbind(-1)
    return plus - minus


def _nan_hidden(x_t: Tensor, alpha: float, sigma: float, formula: Callable[..., Tensor]) -> Tensor:
    return formula(x_t, alpha, sigma).nan_to_num()


COIN = Exercise(
    name="coin_denoiser",
    lesson=1,
    title="The denoiser of a coin",
    minutes=8,
    difficulty=2,
    start="Start from the two weights: how probable is x_t if x_0 was +1, and if it was -1?",
    hints=(
        "Given x_0 = +1, x_t is normal with mean alpha and variance sigma**2; given -1, with mean -alpha.",
        "The answer is w_plus * 1 + w_minus * (-1), where the weights are the two likelihoods divided by their sum.",
        "Multiply out (x_t - alpha)**2 and (x_t + alpha)**2: only the cross term differs, so the weights are "
        "proportional to exp(alpha x_t / sigma**2) and exp(-alpha x_t / sigma**2).",
        "(e^a - e^-a) / (e^a + e^-a) is called torch.tanh(a).",
    ),
    cases=_coin_cases,
    answer=_coin,
    mistakes=(
        Mistake(
            "You divide by sigma: the exponent of a normal distribution has its variance, sigma**2.",
            lambda x_t, alpha, sigma: torch.tanh(alpha * x_t / sigma),
        ),
        Mistake(
            "You forgot alpha: in x_t the two sides lie at +alpha and -alpha, not at +1 and -1.",
            lambda x_t, alpha, sigma: torch.tanh(x_t / sigma**2),
        ),
        Mistake(
            "Your argument of tanh is half of what it should be (or you kept the 2 of the exponent): the cross terms "
            "differ by 2 alpha x_t / sigma**2, half of that on each side.",
            lambda x_t, alpha, sigma: torch.tanh(alpha * x_t / (2 * sigma**2)),
        ),
        Mistake(
            "Your argument of tanh is twice what it should be (or your exponents lack the 2 of 2 sigma**2): (e^a - "
            "e^-a) / (e^a + e^-a) is tanh(a), here with a = alpha x_t / sigma**2.",
            lambda x_t, alpha, sigma: torch.tanh(2 * alpha * x_t / sigma**2),
        ),
        Mistake(
            "Your two weights do not sum to one: divide by their sum.",
            _unnormalised_coin,
        ),
        Mistake(
            "Your softmax runs over the wrong axis: the two weights of each x_t must sum to one.",
            _softmax_over_the_coins,
        ),
        Mistake(
            "Your formula is right, but at low noise exp(alpha x_t / sigma**2) is too large for a float, and inf/inf "
            "is not a number: torch.tanh is safe.",
            _coin_of_exponentials,
        ),
        Mistake(
            "Your formula is right, but at low noise exp(2 alpha x_t / sigma**2) is too large for a float, and inf/inf "
            "is not a number: torch.tanh is safe.",
            _coin_of_one_exponential,
        ),
        Mistake(
            "Your formula is right, but at low noise exp(-2 alpha x_t / sigma**2) is too large for a float where x_t "
            "is negative, and inf/inf is not a number: torch.tanh is safe.",
            _coin_of_one_small_exponential,
        ),
        Mistake(
            "Your formula is right, but at low noise, where x_t lies between the two sides, both exponentials are "
            "rounded to 0, and 0/0 is not a number: use torch.softmax, or multiply out the squares.",
            _coin_of_densities,
        ),
        Mistake(NEVER_BY_ZERO, partial(_coin_of_densities, below=1e-12)),
        *(
            Mistake(
                f"nan_to_num only hides inf/inf, and makes it 0: at low noise {exponential} is too large for a float. "
                "torch.tanh is safe.",
                partial(_nan_hidden, formula=formula),
            )
            for exponential, formula in (
                ("exp(alpha x_t / sigma**2)", _coin_of_exponentials),
                ("exp(2 alpha x_t / sigma**2)", _coin_of_one_exponential),
                ("exp(-2 alpha x_t / sigma**2)", _coin_of_one_small_exponential),
            )
        ),
        Mistake(
            "You do not divide by sigma**2, the variance of the noise. (Or you divide by alpha**2 + sigma**2, which is "
            "1: given the side, only the noise varies.)",
            lambda x_t, alpha, sigma: torch.tanh(alpha * x_t / (alpha**2 + sigma**2)),
        ),
        Mistake(
            "You dim the guess: D is a guess of x_0, not of alpha * x_0.",
            lambda x_t, alpha, sigma: alpha * torch.tanh(alpha * x_t / sigma**2),
        ),
        Mistake(
            "You kept the shares 0.3 and 0.7 of the two heaps: the sides of a coin have equal shares, which cancel.",
            lambda x_t, alpha, sigma: torch.tanh(alpha * x_t / sigma**2 + math.log(7 / 3) / 2),
        ),
        Mistake(
            "You kept the width 0.1 of the two heaps: a coin has no width. So V = sigma**2, and the best guess within "
            "a side is the side itself.",
            partial(_wide_coin, bent=True),
        ),
        Mistake(
            "You kept the width 0.1 of the two heaps in the variance V: a coin has no width, so V = sigma**2.",
            partial(_wide_coin, bent=False),
        ),
        Mistake(
            "That is the best straight line, covariance over variance. The weighted mean of +1 and -1 bends: it never "
            "leaves the range between them.",
            lambda x_t, alpha, sigma: alpha * x_t / (alpha**2 + sigma**2),
        ),
        Mistake(
            "In Python `/ 2 * sigma**2` multiplies by sigma squared: write / (2 * sigma**2).",
            lambda x_t, alpha, sigma: torch.tanh(alpha * x_t * sigma**2),
        ),
        Mistake(
            "You weigh each side by one half and do not divide by the sum: the half cancels, but the sum does not.",
            lambda x_t, alpha, sigma: _unnormalised_coin(x_t, alpha, sigma) / 2,
        ),
        Mistake(
            "You return the difference of the two densities, 1 / (sigma sqrt(2 pi)) included: divide it by their sum.",
            lambda x_t, alpha, sigma: _unnormalised_coin(x_t, alpha, sigma) / (sigma * math.sqrt(2 * math.pi)),
        ),
        Mistake(
            "You only undo the dimming, as if there were no noise: weigh +1 and -1 by how well they explain x_t.",
            lambda x_t, alpha, sigma: x_t / alpha,
        ),
        Mistake(
            "You only undo the dimming, and cut off at -1 and +1: weigh the two sides by how well they explain x_t.",
            lambda x_t, alpha, sigma: (x_t / alpha).clamp(-1, 1),
        ),
        Mistake(
            "You return the more probable side. The best guess in squared error is the mean of both: it hesitates.",
            lambda x_t, alpha, sigma: torch.sign(x_t),
        ),
        Mistake(
            "You return the probability of +1. The best guess is P(+1) - P(-1).",
            lambda x_t, alpha, sigma: torch.sigmoid(2 * alpha * x_t / sigma**2),
        ),
    ),
)


# ----------------------------------------------------------------------------------------------------- ddim_step


def _step_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape in ((2, 1, 3, 3), (3, 3, 2, 4), (1, 1, 4, 4)):
        x_t, x0_hat = _normal(generator, *shape), 3 * _uniform(generator, *shape) - 1.5  # beyond black and white, too
        cases.append((x_t, x0_hat, *_angles(generator, 0.9, 1.5), *_angles(generator, 0.2, 0.8)))
    return cases


def _step(x_t: Tensor, x0_hat: Tensor, alpha: float, sigma: float, alpha_next: float, sigma_next: float) -> Tensor:
    eps_hat = (x_t - alpha * x0_hat) / sigma
    return alpha_next * x0_hat + sigma_next * eps_hat


def _straight_step(
    x_t: Tensor, x0_hat: Tensor, alpha: float, sigma: float, alpha_next: float, sigma_next: float
) -> Tensor:
    """The velocity times the change of angle, without turning."""
    turn = math.atan2(sigma_next, alpha_next) - math.atan2(sigma, alpha)
    return x_t + turn * (-sigma * x0_hat + alpha * (x_t - alpha * x0_hat) / sigma)


STEP = Exercise(
    name="ddim_step",
    lesson=1,
    title="One DDIM step",
    minutes=6,
    difficulty=2,
    start="Start from the noise estimate: what is left of x_t when alpha * x0_hat is taken away?",
    hints=(
        "x_t = alpha * x0_hat + sigma * eps_hat holds at the current angle: solve it for eps_hat.",
        "Keep x0_hat and eps_hat, and mix them again with alpha_next and sigma_next.",
        "eps_hat = (x_t - alpha * x0_hat) / sigma, then return alpha_next * x0_hat + sigma_next * eps_hat.",
    ),
    cases=_step_cases,
    answer=lambda x_t, x0_hat, *angles: _step(x_t.double(), x0_hat.double(), *angles),
    mistakes=(
        Mistake(
            "Your noise estimate forgets alpha: take alpha * x0_hat away from x_t, not x0_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (x_t - x0_hat) / s,
        ),
        Mistake(
            "That is the step of a schedule that does not dim the picture. Here x_t holds alpha * x0_hat, and the next "
            "one alpha_next * x0_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: x0_hat + s1 / s * (x_t - x0_hat),
        ),
        Mistake(
            "You drop the noise, but the next x_t still holds some: add sigma_next * eps_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat,
        ),
        Mistake(
            "You use x_t as the noise, but only a part of x_t is noise: eps_hat = (x_t - alpha * x0_hat) / sigma.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * x_t,
        ),
        Mistake(
            "You mix in x_t where the guess of the picture belongs: alpha_next * x0_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x_t + s1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You subtract the estimated noise, but the next x_t still holds some of it: add sigma_next * eps_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat - s1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You forgot to divide by sigma: x_t - alpha * x0_hat is sigma times the noise.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (x_t - a * x0_hat),
        ),
        Mistake(
            "You forgot alpha_next: the picture has to be dimmed to its next amount, alpha_next * x0_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: x0_hat + s1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You mix in the score where the noise estimate belongs: eps_hat = -sigma * score.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (a * x0_hat - x_t) / s**2,
        ),
        Mistake(
            "You walk straight along the velocity u. That is a step, too, but a DDIM step turns: keep x0_hat and "
            "eps_hat, and mix them again with alpha_next and sigma_next.",
            _straight_step,
        ),
        Mistake(
            "You return the velocity u, by which x changes with the angle: return x itself, at the next angle.",
            lambda x_t, x0_hat, a, s, a1, s1: -s * x0_hat + a * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "What you return equals x_t: you take the noise out and mix it in again at the same angle. Estimate it "
            "with alpha and sigma, and mix with alpha_next and sigma_next.",
            lambda x_t, x0_hat, a, s, a1, s1: x_t,
        ),
        Mistake(
            "You estimate the noise with the next angle: x_t belongs to alpha and sigma, not to alpha_next and "
            "sigma_next.",
            lambda x_t, x0_hat, a, s, a1, s1: _step(x_t, x0_hat, a1, s1, a, s),
        ),
        Mistake(
            "You forgot sigma_next: the noise estimate has size 1, so mix in its next amount, sigma_next * eps_hat.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You divide by sigma**2: that is for the score. The noise estimate divides by sigma.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (x_t - a * x0_hat) / s**2,
        ),
        Mistake(
            "You have swapped alpha_next and sigma_next: alpha_next is for the picture, sigma_next for the noise.",
            lambda x_t, x0_hat, a, s, a1, s1: s1 * x0_hat + a1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You divide only alpha * x0_hat by sigma: put brackets round (x_t - alpha * x0_hat).",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (x_t - a * x0_hat / s),
        ),
        Mistake(
            "The picture keeps its old amount: mix x0_hat in with alpha_next.",
            lambda x_t, x0_hat, a, s, a1, s1: a * x0_hat + s1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You estimate the noise with alpha_next: x_t belongs to alpha and sigma.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + s1 * (x_t - a1 * x0_hat) / s,
        ),
        Mistake(
            "The noise keeps its old amount: divide it by sigma, then multiply it by sigma_next.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat + (x_t - a * x0_hat),
        ),
        Mistake(
            "You clamp the guess to the range from -1 to 1: leave it as it is.",
            lambda x_t, x0_hat, *angles: _step(x_t, x0_hat.clamp(-1, 1), *angles),
        ),
        Mistake(
            "You clamp the guess to the range from -1 to 1 where you mix it in: leave it as it is.",
            lambda x_t, x0_hat, a, s, a1, s1: a1 * x0_hat.clamp(-1, 1) + s1 * (x_t - a * x0_hat) / s,
        ),
        Mistake(
            "You clamp what you return to the range from -1 to 1: leave it as it is, because its noise goes beyond "
            "that range.",
            lambda x_t, x0_hat, *angles: _step(x_t, x0_hat, *angles).clamp(-1, 1),
        ),
    ),
)


# -------------------------------------------------------------------------------------------------- sampler_loop


def _pull(x_t: Tensor, t: float, target: Tensor, strength: float) -> Tensor:
    """A denoiser that depends on where and when it is asked."""
    t = check_time(t, zero=True)  # says what is wrong with a t for each image
    return target + strength * torch.tanh((1.5 - t) * x_t + t)


def _loop_cases(generator: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for shape, steps in (((2, 1, 3, 3), 4), ((1, 3, 2, 2), 7), ((3, 1, 2, 4), 10)):
        target = 2 * _uniform(generator, *shape) - 1
        denoiser = partial(_pull, target=target, strength=0.5)
        cases.append((denoiser, _normal(generator, *shape), steps))
    return cases


def _walk(
    denoiser: Callable[[Tensor, float], Tensor],
    noise: Tensor,
    grid: list[float],
    *,
    ask_next: bool = False,
    ask_noise: bool = False,
    keep_noise: bool = False,
    straight: bool = False,
    schedule: CosineSchedule = SCHEDULE,
) -> Tensor:
    x_t = noise
    for t, t_next in itertools.pairwise(grid):
        x0_hat = denoiser(noise if ask_noise else x_t, t_next if ask_next else t)
        angles = schedule.alpha(t), schedule.sigma(t), schedule.alpha(t_next), schedule.sigma(t_next)
        if keep_noise:
            x_t = schedule.alpha(t_next) * x0_hat + schedule.sigma(t_next) * noise
        else:
            x_t = (_straight_step if straight else _step)(x_t, x0_hat, *angles)
    return x_t


def _counted_down(steps: int) -> list[float]:
    """1, 1 - 1/steps, ... as a loop `while t > 0` meets them: for some `steps` a tiny t is left, for one more step."""
    t, grid = 1.0, [1.0]
    while t > 0:
        t -= 1 / steps
        grid.append(max(t, 0.0))
    return grid


def _then_asked(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> Tensor:
    """The guess of each step taken for the next x_t: no noise is mixed in again."""
    x_t = noise
    for t in SCHEDULE.times(steps)[:-1]:
        x_t = denoiser(x_t, t)
    return x_t


def _all_steps(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> list[Tensor]:
    return [_walk(denoiser, noise, SCHEDULE.times(steps)[: k + 1]) for k in range(1, steps + 1)]


def _in_wrong_order(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> Tensor:
    """The angles of now and next swapped; the last step divides by sigma = 0."""
    x_t = noise
    for t, t_next in itertools.pairwise(SCHEDULE.times(steps)):
        sigma = torch.tensor(SCHEDULE.sigma(t_next), dtype=noise.dtype)
        now = SCHEDULE.alpha(t), SCHEDULE.sigma(t)
        x_t = _step(x_t, denoiser(x_t, t), SCHEDULE.alpha(t_next), sigma, *now)  # type: ignore[arg-type]
    return x_t


def _alphas_first(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> Tensor:
    x_t = noise
    for t, t_next in itertools.pairwise(SCHEDULE.times(steps)):
        alphas, sigmas = map(SCHEDULE.alpha, (t, t_next)), map(SCHEDULE.sigma, (t, t_next))
        x_t = _step(x_t, denoiser(x_t, t), *alphas, *sigmas)
    return x_t


def _with_guess_first(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> Tensor:
    x_t = noise
    for t, t_next in itertools.pairwise(SCHEDULE.times(steps)):
        angles = SCHEDULE.alpha(t), SCHEDULE.sigma(t), SCHEDULE.alpha(t_next), SCHEDULE.sigma(t_next)
        x_t = _step(denoiser(x_t, t), x_t, *angles)
    return x_t


def _last_step_first(denoiser: Callable[[Tensor, float], Tensor], noise: Tensor, steps: int) -> Tensor:
    x_t = noise
    for t, t_next in reversed([*itertools.pairwise(SCHEDULE.times(steps))]):
        x_t = _walk(denoiser, x_t, [t, t_next])
    return x_t


def _points_for_steps(steps: int) -> list[float]:
    return [1 - i / (steps - 1) for i in range(steps - 1)] + [0.0]


SAMPLER = Exercise(
    name="sampler_loop",
    lesson=1,
    title="The sampler",
    minutes=8,
    difficulty=2,
    start="Start from x_t = noise and a loop over the pairs of neighbouring times (t, t_next).",
    hints=(
        "Step i goes from t = 1 - i/steps to t_next = 1 - (i + 1)/steps; els.CosineSchedule().times(steps) lists them.",
        "In each step: ask denoiser(x_t, t), then turn to t_next with your ddim_step.",
        "schedule.alpha(t) and schedule.sigma(t) are the numbers that ddim_step wants, for t and for t_next.",
        "The loop runs `steps` times, its last step ends at t_next = 0, and you return x_t.",
    ),
    cases=_loop_cases,
    answer=lambda denoiser, noise, steps: diffusion.sample(denoiser, noise.double(), steps),
    mistakes=(
        Mistake(
            "You stop one step early: the last step goes to t = 0.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps)[:-1]),
        ),
        Mistake(
            "You leave out the first step, from t = 1: loop over range(steps), which begins at 0.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps)[1:]),
        ),
        Mistake(
            "You have swapped x_t and the guess: ddim_step takes x_t first, then x0_hat.",
            _with_guess_first,
        ),
        Mistake(
            "Your grid has `steps` points, so it makes one step too few: `steps` steps need steps + 1 times.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, _points_for_steps(steps)),
        ),
        Mistake(
            "You ask the denoiser at the time of the next x_t: the current x_t belongs to t, so ask denoiser(x_t, t).",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps), ask_next=True),
        ),
        Mistake(
            "You ask the denoiser about the starting noise at every step: ask it about the current x_t.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps), ask_noise=True),
        ),
        Mistake(
            "You walk straight along the velocity, as section 5 did in 1,000 steps. A DDIM step turns: use ddim_step.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps), straight=True),
        ),
        Mistake(
            "You run from t = 0 to t = 1: start at the noise, t = 1, and end at the picture, t = 0.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps)[::-1]),
        ),
        Mistake(
            "Your steps are right, but you take the last one, to t = 0, first: begin with the one from t = 1.",
            _last_step_first,
        ),
        Mistake(
            "Your angle is t itself, without pi/2 (and 1.008): els.CosineSchedule() has alpha and sigma.",
            lambda denoiser, noise, steps: _walk(
                denoiser, noise, SCHEDULE.times(steps), schedule=CosineSchedule(offset=math.pi / 2 - 1)
            ),
        ),
        Mistake(
            "You mix in the starting noise at every step: estimate the noise anew from the current x_t.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps), keep_noise=True),
        ),
        Mistake(
            "Your angle is pi/2 * t: the schedule divides t by 1.008, as els.CosineSchedule() does for you.",
            lambda denoiser, noise, steps: _walk(
                denoiser, noise, SCHEDULE.times(steps), schedule=CosineSchedule(offset=0)
            ),
        ),
        Mistake(
            "You ask the denoiser only once, so any number of steps ends on its first guess: ask it anew at each x_t. "
            "If you already do, look at your times: `//` rounds down, so that t stays 1; write `/`.",
            lambda denoiser, noise, steps: denoiser(noise, 1.0),
        ),
        Mistake(
            "You count t down by 1/steps, and rounding leaves a tiny t > 0 at the end, so your loop makes one step too "
            "many: loop over range(steps), with t = 1 - i/steps.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, _counted_down(steps)),
        ),
        Mistake(
            "You ask the denoiser once more at t = 0: the sample is where the last step ends.",
            lambda denoiser, noise, steps: denoiser(_walk(denoiser, noise, SCHEDULE.times(steps)), 0.0),
        ),
        Mistake(
            "You go on from the guess itself: x_t must stay a noised picture. Mix the guess and the estimated noise "
            "for t_next, as ddim_step does.",
            _then_asked,
        ),
        Mistake(
            "You make one step and return: `return` belongs after the loop, not in it.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps)[:2]),
        ),
        Mistake(
            "You return the noise unchanged. Do you assign what the step returns, x_t = ddim_step(...)? And does the "
            "step go from t to t_next?",
            lambda denoiser, noise, steps: noise,
        ),
        Mistake(
            "You have swapped now and next: ddim_step takes alpha and sigma of t first, then those of t_next.",
            _in_wrong_order,
        ),
        Mistake(
            "You give ddim_step its four numbers in the wrong order: it takes alpha, sigma, alpha_next, sigma_next.",
            _alphas_first,
        ),
        Mistake(
            "You make a step FROM t = 0, where sigma is 0: the last step ends there, so loop over the pairs of "
            "neighbouring times.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, [*SCHEDULE.times(steps), 0.0]),
        ),
        Mistake(
            "You clamp the result, or the guesses, to the range from -1 to 1: leave both as they are.",
            lambda denoiser, noise, steps: _walk(denoiser, noise, SCHEDULE.times(steps)).clamp(-1, 1),
        ),
        Mistake(
            "You return all steps: return only the last x_t.",
            _all_steps,
        ),
    ),
)

EXERCISES = [NOISING, COIN, STEP, SAMPLER]
