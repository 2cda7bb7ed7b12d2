"""Diffusion as Ho et al. 2020 write it, and how it is flow matching in other coordinates. NumPy or tensors.

A noisy image is x_t = a·x + b·ε with ε ~ N(0, I), ``signal`` a and ``noise`` b. DDPM has a = √ᾱ, b = √(1 − ᾱ);
flow matching has a = t, b = 1 − t. Ho et al.: https://arxiv.org/abs/2006.11239.
"""

import numpy as np

from course_lib._validate import array, choice, integer, number, numbers, refuse

# What a network may predict: (coefficients of x_t and of the prediction in x, the same in ε), from a and b.
PREDICTIONS = {
    "noise": lambda a, b: ((1 / a, -b / a), (0.0, 1.0)),
    "image": lambda a, b: ((0.0, 1.0), (1 / b, -a / b)),
    # v = aε − bx (Salimans & Ho 2022, https://arxiv.org/abs/2202.00512, appendix D), for any a and b.
    "v": lambda a, b: ((a / (a**2 + b**2), -b / (a**2 + b**2)), (b / (a**2 + b**2), a / (a**2 + b**2))),
    "velocity": lambda a, b: ((1 / (a + b), b / (a + b)), (1 / (a + b), -a / (a + b))),
}
_IMPOSSIBLE = {"noise": ("signal", "says nothing about the image"), "image": ("noise", "says nothing about the noise")}


def linear_betas(steps=1000, first=1e-4, last=0.02):
    """Return β_1 ... β_T (T,), the share of variance replaced by noise in each step (Ho et al. 2020, section 4)."""
    first, last = (number(name, beta, 0, 1, open_minimum=True) for name, beta in (("first", first), ("last", last)))
    return np.linspace(first, last, integer("steps", steps, 1))


def cosine_betas(steps=1000, offset=0.008, largest=0.999):
    """Return the β (T,) for which √ᾱ falls like a cosine (Nichol & Dhariwal 2021, eq. 17).

    https://arxiv.org/abs/2102.09672; no β is above ``largest``.
    """
    t = np.arange(integer("steps", steps, 1) + 1) / steps
    signal = np.cos((t + number("offset", offset, 0)) / (1 + offset) * np.pi / 2) ** 2
    return np.minimum(1 - signal[1:] / signal[:-1], number("largest", largest, 0, 1))


def alpha_bars(betas):
    """Return ᾱ_0 = 1, ᾱ_1 ... ᾱ_T (T + 1,): x_t ~ N(√ᾱ_t x, (1 − ᾱ_t) I) after t steps (Ho et al. 2020, eq. 4)."""
    betas = array("betas", betas, ("T",))
    if betas.size == 0 or (1 - betas).max() >= 1 or betas.max() >= 1:  # below round-off a β is no noise
        refuse("betas", "numbers between 0 and 1", betas)
    return np.concatenate([[1.0], np.cumprod(1 - betas)])


def ddpm_posterior(x_t, x, t, betas):
    """Return mean and variance (a float) of x_{t−1} given x_t and the clean image x (Ho et al. 2020, eqs. 6 and 7).

    ``t`` counts from 1 to T; at t = 1 the variance is 0. One step of DDPM's sampler draws from it with the network's
    prediction in the place of x. Raises ``ValueError`` for a ``t`` outside the schedule.
    """
    bars, x_t = alpha_bars(betas), numbers("x_t", x_t)
    x = numbers("x", x, x_t)
    if integer("t", t, 1) >= len(bars):
        refuse("t", f"a step from 1 to {len(betas)}", t)
    beta, bar, before = float(np.asarray(betas)[t - 1]), float(bars[t]), float(bars[t - 1])
    mean = (np.sqrt(before) * beta * x + np.sqrt(1 - beta) * (1 - before) * x_t) / (1 - bar)
    return mean, (1 - before) / (1 - bar) * beta


def ddim_step(x_t, epsilon, bar_t, bar_s, eta=0.0, fresh=0.0):
    """Return x_s from x_t and the predicted noise, jumping from ᾱ_t to the larger ᾱ_s (Song et al. 2020, eq. 12).

    https://arxiv.org/abs/2010.02502. ``eta`` = 0 is deterministic; 1, with ``fresh`` noise ~ N(0, I), has DDPM's
    posterior variance. Raises ``ValueError`` unless 0 < ᾱ_t < ᾱ_s ≤ 1.
    """
    x_t, fresh = numbers("x_t", x_t), numbers("fresh", fresh)
    epsilon, fresh = numbers("epsilon", epsilon, x_t), numbers("fresh", fresh, x_t if np.ndim(fresh) else None)
    bar_t = number("bar_t", bar_t, 0, 1, open_minimum=True)
    if not number("bar_s", bar_s, 0, 1) > bar_t:
        refuse("bar_s", f"more than bar_t = {bar_t:g}", bar_s)
    std = float(number("eta", eta, 0, 1) * np.sqrt((1 - bar_s) / (1 - bar_t) * (1 - bar_t / bar_s)))
    x = (x_t - float(np.sqrt(1 - bar_t)) * epsilon) / float(np.sqrt(bar_t))
    return float(np.sqrt(bar_s)) * x + float(np.sqrt(max(1 - bar_s - std**2, 0))) * epsilon + std * fresh


def convert(value, source, target, x_t, signal, noise):
    """Return the prediction ``value`` of kind ``source`` as one of kind ``target``, all of x_t's shape.

    Kinds: "noise" ε, "image" x, "v" = aε − bx, "velocity" x − ε, for x_t = ax + bε with a = ``signal`` and b =
    ``noise``, numbers ≥ 0 that are not both 0. Raises ``ValueError`` for unknown kinds, and for a noise prediction
    where a = 0 or an image prediction where b = 0: they do not tell the other part.
    """
    x_t = numbers("x_t", x_t)
    value = numbers("value", value, x_t)
    choice("source", source, PREDICTIONS), choice("target", target, PREDICTIONS)
    a, b = number("signal", signal, 0), number("noise", noise, 0)
    if a + b == 0:
        refuse("signal", "signal and noise that are not both 0", signal)
    if source == target:
        return value
    argument, reason = _IMPOSSIBLE.get(source, ("", ""))
    if (argument == "signal" and a == 0) or (argument == "noise" and b == 0):
        refuse(argument, f"more than 0, because the predicted {source} {reason} there", 0)
    x, epsilon = (p * x_t + q * value for p, q in PREDICTIONS[source](a, b))
    return {"noise": epsilon, "image": x, "v": a * epsilon - b * x, "velocity": x - epsilon}[target]


def flow_coordinates(x_t, bar):
    """Return (y, t): DDPM's x_t at ᾱ = ``bar`` divided by √ᾱ + √(1 − ᾱ), which is flow matching's x at time t.

    t = √ᾱ / (√ᾱ + √(1 − ᾱ)). In these coordinates a deterministic ``ddim_step`` is an Euler step.
    """
    x_t, bar = numbers("x_t", x_t), number("bar", bar, 0, 1)
    total = float(np.sqrt(bar) + np.sqrt(1 - bar))
    return x_t / total, float(np.sqrt(bar)) / total
