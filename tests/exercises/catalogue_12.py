"""Right and wrong answers to the exercises of lesson 12, with a piece of the hint that each wrong one must get."""

import numpy as np
from scipy.special import ndtr, ndtri

from course_lib import checks


def elbo(x, c, encode, decode, noise, std, inner=None, outer=None, half=0.5, constant=1, sign=-1, total=np.sum):
    mean, logvar = encode(x, c if inner is None else inner(c))
    z = mean + np.exp(half * logvar) * noise
    squares = ((x - decode(z, c if outer is None else outer(c))) / std) ** 2
    log_px = -0.5 * total(squares + constant * np.log(2 * np.pi * std**2), axis=1)
    return log_px + sign * 0.5 * np.sum(mean**2 + np.exp(logvar) - logvar - 1, axis=1)


def logit(phi, c, V, w, b, scale=lambda f: f**-0.5, plain=1):
    return scale(phi.shape[1]) * np.einsum("nk,kf,nf->n", c, V, phi) + plain * (phi @ w + b)


def draws(p, sure, risk=lambda sure: 1 - sure, whole=np.ceil, join=np.prod):
    return int(whole(np.log(risk(sure)) / np.log(1 - join(p))))


VERDICT = {"A": "told", "B": "names lost", "C": "told", "D": "names lost", "E": "names lost"}


def truncated(u, t):
    return ndtri(ndtr(-t) + u * (ndtr(t) - ndtr(-t)))


def loss(x, made, known, z, weight, mask=None, values=None, target=np.sqrt, price=None, power=2):
    m = (known if mask is None else mask(known))[..., None].astype(float)
    count = m.sum(axis=(1, 2, 3)) * x.shape[-1] if values is None else values(m, x)
    norm = np.sqrt((z**2).sum(axis=1))
    off = (norm / target(z.shape[1]) - 1) ** 2 if price is None else price(norm, z.shape[1])
    return (m * abs(made - x) ** power).sum(axis=(1, 2, 3)) / count + weight * off


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


def scores(edited, original, truth, inside=None):
    if inside is None:
        inside = (truth != original).any(axis=-1)
    moved = np.abs(edited.astype(float) - original)
    return {
        "inside": psnr(edited[inside], truth[inside]),
        "outside": moved[~inside].mean(),
        "gain": psnr(edited, truth) - psnr(original, truth),
    }


def wrapped(edited, original, truth):
    inside = (truth != original).any(axis=-1)

    def wrong_psnr(a, b):
        return 10 * np.log10(255**2 / np.mean((a - b) ** 2))

    return {
        "inside": wrong_psnr(edited[inside], truth[inside]),
        "outside": np.mean((edited - original)[~inside]),
        "gain": wrong_psnr(edited, truth) - wrong_psnr(original, truth),
    }


def gain_inside(e, o, t):
    inside = (t != o).any(axis=-1)
    return scores(e, o, t) | {"gain": psnr(e[inside], t[inside]) - psnr(o[inside], t[inside])}


WAYS = {"A": "leaking", "B": "nothing", "C": "noisy", "D": "another person", "E": "half"}


def swapped(a, b):
    return WAYS | {a: WAYS[b], b: WAYS[a]}


def plan(failing, risk, number=None, cost=lambda steps, r: steps * r):
    number = number or (lambda p: max(1, int(np.ceil(np.log(risk) / np.log(p) - 1e-9))))
    return min((cost(steps, number(p)), steps, number(p)) for steps, p in failing.items())[1:]


CATALOGUE = [
    (
        checks.conditional_elbo,
        elbo,
        {
            "mean of pixels": (lambda *a: elbo(*a, total=np.mean), "independent pixels add up"),
            "encoder blind": (lambda *a: elbo(*a, inner=np.zeros_like), "Both networks take"),
            "other's condition": (
                lambda *a: elbo(*a, outer=lambda c: c[[-1, *range(len(c) - 1)]]),
                "its own condition",
            ),
            "scale": (lambda *a: elbo(*a, half=1), "By what is ε multiplied"),
            "no constant": (lambda *a: elbo(*a, constant=0), "for every pixel"),
            "sign": (lambda *a: elbo(*a, sign=1), "Does it raise the bound"),
            "no KL": (lambda *a: elbo(*a, sign=0), "what does z cost"),
            "half": (lambda *a: elbo(*a, sign=-0.5), "factor of the KL"),
            "loss": (lambda *a: -elbo(*a), "not what an optimiser lowers"),
            "one number": (lambda *a: elbo(*a).mean(), "One number for each picture"),
        },
    ),
    (
        checks.projection_logit,
        logit,
        {
            "all pairs": (
                lambda phi, c, V, w, b: c @ V @ phi.T / phi.shape[1] ** 0.5 + phi @ w + b,
                "with condition i only",
            ),
            "no plain part": (lambda *a: logit(*a, plain=0), "a picture at all"),
            "no condition": (lambda phi, c, V, w, b: phi @ w + b, "exchanged conditions"),
            "all values": (
                lambda phi, c, V, w, b: logit(phi, np.ones_like(c), V, w, b),
                "Only the values that are asked for",
            ),
            "no scale": (lambda *a: logit(*a, scale=lambda f: 1), "grows with the number of features"),
            "f": (lambda *a: logit(*a, scale=lambda f: 1 / f), "add up to about √f"),
            "all scaled": (
                lambda phi, c, V, w, b: logit(phi, c, V, w / phi.shape[1] ** 0.5, b),
                "does the formula divide",
            ),
            "sigmoid": (lambda *a: 1 / (1 + np.exp(-logit(*a))), "take logits"),
        },
    ),
    (
        checks.blind_loops,
        VERDICT,
        {
            "A": (VERDICT | {"A": "names lost"}, "Both networks see c"),
            "B": (VERDICT | {"B": "told"}, "under the name of bags"),
            "C": (VERDICT | {"C": "names lost"}, "conditions of their own"),
            "D": (VERDICT | {"D": "told"}, "are shuffled"),
            "E": (VERDICT | {"E": "told"}, "Whom does that punish"),
        },
    ),
    (
        checks.draws_until,
        draws,
        {
            "mean wait": (lambda p, sure: int(np.ceil(1 / np.prod(p))), "needed on average"),
            "exchanged": (lambda p, sure: draws(p, sure, risk=lambda s: s), "must (1 − p)ⁿ not exceed"),
            "added": (lambda p, sure: draws(p, sure, join=lambda q: min(sum(q), 0.999)), "by the same picture"),
            "rarest": (lambda p, sure: draws(p, sure, join=np.min), "have to come true as well"),
            "down": (lambda p, sure: draws(p, sure, whole=np.floor), "one draw fewer"),
            "shared": (lambda p, sure: int(np.ceil(sure / np.prod(p))), "do not add up"),
            "half a draw": (lambda p, sure: np.log(1 - sure) / np.log(1 - np.prod(p)), "Half a draw"),
        },
    ),
    (
        checks.truncated_from_uniform,
        truncated,
        {
            "clipped": (lambda u, t: np.clip(ndtri(u), -t, t), "piles up at the edge"),
            "scaled": (lambda u, t: t * ndtri(u), "has no bound at all"),
            "not at all": (lambda u, t: ndtri(u), "beyond the threshold are left"),
            "uniform": (lambda u, t: 2 * t * u - t, "highest in the middle"),
            "probabilities": (lambda u, t: ndtr(-t) + u * (ndtr(t) - ndtr(-t)), "which function leads back"),
            "one side": (lambda u, t: ndtri(u * ndtr(t)), "Both tails"),
            "sign": (lambda u, t: truncated(1 - u, t), "larger u"),
        },
    ),
    (
        checks.masked_search_loss,
        loss,
        {
            "all pixels": (lambda *a: loss(*a, values=lambda m, x: x[0].size), "number of values that count"),
            "inverted": (lambda *a: loss(*a, mask=np.logical_not), "True where the picture is known"),
            "no mask": (lambda *a: loss(*a, mask=np.ones_like), "nothing that should be found"),
            "channels": (lambda *a: loss(*a, values=lambda m, x: m.sum(axis=(1, 2, 3))), "contributes C squares"),
            "sum": (lambda *a: loss(*a, values=lambda m, x: 1), "weigh less for a larger"),
            "absolute": (lambda *a: loss(*a, power=1), "is squared"),
            "to zero": (lambda *a: loss(*a, price=lambda norm, d: norm**2 / d), "a typical draw"),
            "own unit": (lambda *a: loss(*a, price=lambda norm, d: (norm - d**0.5) ** 2), "by division"),
            "d": (lambda *a: loss(*a, target=lambda d: d), "In which distance"),
            "no price": (lambda *a: loss(*a, price=lambda norm, d: 0 * norm), "Nothing keeps z"),
            "one number": (lambda *a: loss(*a).mean(), "a search of its own"),
        },
    ),
    (
        checks.edit_scores,
        scores,
        {
            "uint8": (wrapped, "3 − 5 is 254"),
            "edited region": (lambda e, o, t: scores(e, o, t, (e != o).any(axis=-1)), "what it should have changed"),
            "all channels": (lambda e, o, t: scores(e, o, t, (t != o).all(axis=-1)), "if any of its channels"),
            "exchanged": (lambda e, o, t: scores(e, o, t, (t == o).all(axis=-1)), "Which of the two is where"),
            "sign": (
                lambda e, o, t: scores(e, o, t) | {"gain": psnr(o, t) - psnr(e, t)},
                "its gain is positive",
            ),
            "no comparison": (lambda e, o, t: scores(e, o, t) | {"gain": psnr(e, t)}, "may be the original's"),
            "all outside": (
                lambda e, o, t: scores(e, o, t) | {"outside": np.abs(e.astype(float) - o).mean()},
                "must not count as damage",
            ),
            "gain inside": (gain_inside, "damage outside included"),
        },
    ),
    (
        checks.edit_verdict,
        WAYS,
        {
            "nothing": (swapped("B", "E"), "Start with the original"),
            "another": (swapped("D", "A"), "see a stranger"),
            "half": (swapped("E", "C"), "one column is 0"),
            "leaking": (swapped("A", "C"), "counts attributes"),
            "twice": (WAYS | {"A": "half"}, "exactly once"),
        },
    ),
    (
        checks.restart_plan,
        plan,
        {
            "one start": (lambda f, risk: plan(f, risk, lambda p: 1), "fail together"),
            "divided": (lambda f, risk: plan(f, risk, lambda p: int(np.ceil(p / risk - 1e-9))), "failures multiply"),
            "success": (lambda f, risk: plan({s: 1 - p for s, p in f.items()}, risk), "starts that fail"),
            "certainty": (lambda f, risk: plan(f, 1 - risk), "not with 1 − risk"),
            "longest": (lambda f, risk: plan(dict([max(f.items())]), risk), "cheaper than few long"),
            "shortest": (lambda f, risk: plan(dict([min(f.items())]), risk), "repeated very often"),
            "fewest": (lambda f, risk: plan(f, risk, cost=lambda steps, r: r), "Not the number of restarts"),
            "down": (
                lambda f, risk: plan(f, risk, lambda p: max(1, int(np.log(risk) / np.log(p)))),
                "larger than allowed",
            ),
            "mean wait": (
                lambda f, risk: plan(f, risk, lambda p: int(np.ceil(1 / (1 - p)))),
                "needed on average; the task",
            ),
        },
    ),
]
