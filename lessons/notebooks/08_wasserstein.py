# %% [markdown]
# # 08 · Wasserstein, penalties, spectral norm
#
# **After this lesson you can**
#
# - solve small transport problems exactly, and say what a transport plan is;
# - derive the duality that turns a distance between distributions into a contest between critics;
# - show why the Jensen–Shannon divergence gives a generator nothing to learn from, and a transport distance does;
# - write gradient penalty, R1 and spectral normalisation, and test each against a case whose answer is known;
# - say what weight clipping and the norm of a reshaped kernel really bound;
# - read a comparison of GAN losses with its seeds, and choose a loss for a reason.
#
# **Time.** Reading 40 minutes. Running all cells: about 40 seconds on two CPU cores. On a GPU the same cells
# train longer; its time has not been measured yet.
#
# **Builds on** lesson 05 (what a discriminator measures, the Dirac-GAN) and lesson 06 (a GAN and its `train_step`).
#
# **Exercises:** `exercises/08_wasserstein.ipynb`, 60 to 90 minutes.
#
# **Words:** [Glossary](../docs/glossary.md) of the field's terms, English and Chinese.

# %%
from course_lib import placement

placement.before("08")

# %%
import importlib.resources
import itertools
import json
import math

import keras
import numpy as np
import tensorflow as tf
from IPython.display import Markdown
from keras import layers
from scipy.optimize import linear_sum_assignment, linprog
from scipy.spatial.distance import cdist

from course_lib import data, divergences, gan, images, losses, metrics, nets, plots, runtime, transport
from course_lib.explore import TransportLab

SEED = 0
runtime.setup(SEED)

# %%
CRITIC_STEPS = runtime.pick(cpu=600, gpu=2000)  # critics on points of the plane
GAN_STEPS = runtime.pick(cpu=300, gpu=1500)  # the short live runs of section 9
rng = np.random.default_rng(SEED)

# %% [markdown]
# ## 1 · Moving mass
#
# Two heaps of sand, one distribution $p$ and one $q$, each of mass 1. What does it cost to carry the first to where the second is, if
# moving a mass $m$ over a distance $r$ costs $m\,r$? This question, asked by Monge in 1781, gives a distance between distributions that knows
# **how far apart** they lie. Here $p$ will be the data and $q$ what a generator makes.
#
# Take finitely many places: $p$ has mass $a_i \ge 0$ at $x_i$, $q$ has mass $b_j \ge 0$ at $y_j$, and both sum to 1. Monge asked for a map that sends each $x_i$
# to one $y_j$. That may not exist: a heap of mass 0.5 cannot become two heaps of 0.25 unless it may be split. Kantorovich (1942) allowed splitting. A
# **plan** says how much mass $\pi_{ij}$ goes from $x_i$ to $y_j$:
#
# $$\pi_{ij}\ge 0,\qquad \sum_j \pi_{ij} = a_i,\qquad \sum_i \pi_{ij} = b_j .$$
#
# So a plan is a joint distribution of a pair $(x, y)$ whose margins are $p$ and $q$. The cheapest one defines the **Wasserstein-1 distance**
#
# $$\boxed{\;W_1(p, q) = \min_{\pi}\ \sum_{i,j}\pi_{ij}\,\|x_i - y_j\|\;}$$
#
# The unknowns $\pi_{ij}$ enter the cost and the conditions linearly: this is a **linear program**, and solvers find its exact minimum. In
# general, with costs $\|x_i-y_j\|^r$ for a power $r\ge 1$, one writes $W_r = (\min\sum\pi\,\|x-y\|^r)^{1/r}$. The function also returns two vectors, `u` and `v`, that section 2 is about.


# %%
def transport_lp(x, y, a, b):
    """Cheapest plan from masses a (n,) at x (n, d) to b (m,) at y (m, d): its cost, the plan (n, m), and u (n,), v (m,)."""
    cost = cdist(x, y)
    n, m = cost.shape
    conditions = np.zeros((n + m, n, m))
    for i in range(n):
        conditions[i, i, :] = 1  # what leaves x_i
    for j in range(m):
        conditions[n + j, :, j] = 1  # what arrives at y_j
    found = linprog(cost.ravel(), A_eq=conditions.reshape(n + m, -1), b_eq=np.concatenate([a, b]), bounds=(0, None))
    prices = found.eqlin.marginals  # by how much the cost would rise with each a_i and b_j
    return found.fun, found.x.reshape(n, m), prices[:n], prices[n:]


x = rng.normal(size=(7, 2)) * 0.6 + [0.6, 0.2]
y = rng.normal(size=(5, 2)) * 0.6 - [0.6, 0.2]
a, b = rng.dirichlet(np.full(7, 3.0)), rng.dirichlet(np.full(5, 3.0))
w1, plan, u, v = transport_lp(x, y, a, b)
library = transport.solve(x, y, a, b)
print(f"W1 = {w1:.6f} (library {library.cost:.6f}); {np.sum(plan > 1e-9)} of {plan.size} pairs carry mass")
assert np.allclose(plan.sum(axis=1), a) and np.allclose(plan.sum(axis=0), b) and plan.min() >= 0
assert np.isclose(w1, library.cost, atol=1e-9)
product = np.sum(np.outer(a, b) * cdist(x, y))
print(f"the plan that spreads every mass over all targets, a_i·b_j, would cost {product:.3f}")
assert w1 < product

# %%
figure, axes = plots.canvas(6.2, 3.4)
for i, j in np.argwhere(plan > 1e-9):
    axes.plot(*zip(x[i], y[j], strict=True), color=plots.GREY, linewidth=25 * plan[i, j], alpha=0.6, zorder=1)
axes.scatter(*x.T, s=900 * a, color=plots.COLOURS[0], label="$p$ (data)", zorder=2)
axes.scatter(*y.T, s=900 * b, color=plots.COLOURS[1], marker="s", label="$q$ (generated)", zorder=2)
axes.set(aspect="equal", title=f"The cheapest plan, $W_1$ = {w1:.3f}", xlabel="$x_1$", ylabel="$x_2$")
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=0.6)
figure.alt_text = (
    "Seven blue circles on the right and five orange squares on the left, areas by mass, joined by eleven lines whose "
    "width is the mass that travels; circles that one square cannot take up are split between two."
)
figure

# %% [markdown]
# ### On a line, sorting solves it
#
# In one dimension no solver is needed. For two numbers, the distance can be written as an integral over levels $s$, because exactly the levels between them are passed by one number and not by the other:
#
# $$|x - y| = \int_{-\infty}^{\infty}\big|\mathbf 1[x\le s] - \mathbf 1[y\le s]\big|\,ds .$$
#
# Put this into the cost of *any* plan, and use that the absolute value of a sum is at most the sum of the absolute values:
#
# $$\sum_{ij}\pi_{ij}|x_i-y_j| = \int\sum_{ij}\pi_{ij}\big|\mathbf 1[x_i\le s]-\mathbf 1[y_j\le s]\big|ds
# \;\ge\; \int\Big|\sum_{ij}\pi_{ij}\mathbf 1[x_i\le s]-\sum_{ij}\pi_{ij}\mathbf 1[y_j\le s]\Big|ds = \int|F(s)-G(s)|\,ds .$$
#
# In the last step the margins were used: $\sum_{ij}\pi_{ij}\mathbf 1[x_i\le s] = \sum_i a_i\mathbf 1[x_i\le s] = F(s)$, the cumulative distribution function of $p$, and likewise $G$ for $q$.
# When is there equality? When, at each level, all differences $\mathbf 1[x_i\le s]-\mathbf 1[y_j\le s]$ that carry mass have one sign. Take $n$ points each, of mass $1/n$, and
# pair the smallest $x$ with the smallest $y$, the second with the second, and so on. At level $s$ the first $nF(s)$ of the sorted $x$ have been passed and the first $nG(s)$ of the sorted $y$; so a pair with only its $x$ passed and a pair with only its $y$
# passed cannot both exist. The sorted plan reaches the bound, so it is optimal, and
#
# $$\boxed{\;W_1(p,q)=\int_{-\infty}^\infty|F(s)-G(s)|\,ds=\int_0^1|F^{-1}(t)-G^{-1}(t)|\,dt=\frac1n\sum_{i=1}^n|x_{(i)}-y_{(i)}|\;}$$
#
# The second integral measures the same area in horizontal instead of vertical strips: the quantile function $F^{-1}$ is constant, equal to the $i$-th smallest number $x_{(i)}$, on an interval of length $1/n$. For two pairs this is the **exchange argument**: if two
# arrows cross, uncrossing them never costs more.


# %%
def w1_by_sorting(x, y):
    """W1 of two samples (n,) of one size: sorted pairs."""
    return np.mean(np.abs(np.sort(x) - np.sort(y)))


def w1_by_area(x, y):
    """W1 of two samples (n,), (m,): the area between their distribution functions, exactly."""
    s = np.sort(np.concatenate([x, y]))  # both functions are constant between neighbours
    F = np.searchsorted(np.sort(x), s[:-1], side="right") / len(x)
    G = np.searchsorted(np.sort(y), s[:-1], side="right") / len(y)
    return np.sum(np.abs(F - G) * np.diff(s))


x_line, y_line = rng.normal(-1, 0.7, 12), rng.normal(1, 1.5, 12)
even = np.full(12, 1 / 12)
by_lp, line_plan, _, _ = transport_lp(x_line[:, None], y_line[:, None], even, even)
values = {"linear program": by_lp, "sorting": w1_by_sorting(x_line, y_line), "area |F − G|": w1_by_area(x_line, y_line)}
values["library"] = divergences.wasserstein_1d(x_line, y_line)
values["pairs as they come"] = np.mean(np.abs(x_line - y_line))
for name, value in values.items():
    print(f"{name:20} {value:.9f}")
    assert np.isclose(value, by_lp, atol=1e-9) == (name != "pairs as they come")

lower, upper = np.sort(rng.normal(size=(2, 100_000, 2)), axis=-1)  # x ≤ x' and y ≤ y', many times
crossed = np.abs(lower - upper[:, ::-1]).sum(axis=1)
assert np.all(np.abs(lower - upper).sum(axis=1) <= crossed + 1e-12), "uncrossing never costs more"

figure, (left, right) = plots.canvas(9.5, 3.1, columns=2)
for i, j in np.argwhere(line_plan > 1e-9):
    left.plot([x_line[i], y_line[j]], [1, 0], color=plots.GREY, linewidth=1)
left.plot(x_line, np.ones(12), "o", color=plots.COLOURS[0], label="$x$")
left.plot(y_line, np.zeros(12), "s", color=plots.COLOURS[1], label="$y$")
left.set(
    yticks=[0, 1], yticklabels=["$q$", "$p$"], xlabel="place", title="The optimal plan never crosses", ylim=(-0.2, 1.2)
)
s = np.linspace(-3, 5, 2000)
F, G = ((sample[:, None] <= s).mean(axis=0) for sample in (x_line, y_line))
right.plot(s, F, color=plots.COLOURS[0], linewidth=2, label="$F$")
right.plot(s, G, "--", color=plots.COLOURS[1], linewidth=2, label="$G$")
right.fill_between(s, F, G, color=plots.COLOURS[4], alpha=0.3, label=f"area = $W_1$ = {by_lp:.3f}")
right.set(xlabel="level $s$", ylabel="share passed", title="The same as an area")
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: twelve points above and twelve below, joined by the optimal plan; no two lines cross. Right: the two staircase "
    "distribution functions and the shaded area between them."
)
figure

# %% [markdown]
# ### In the plane, an assignment
#
# In the plane there is no order to sort by. For $n$ points each, all of mass $1/n$, one more fact helps: among the optimal plans there is always one that splits nothing (a linear program has an optimum at a corner
# of its feasible set, and the corners of the set of plans with equal masses are the permutations: Birkhoff's theorem). So the problem is to **assign** to each $x_i$ one $y_j$, which the Hungarian algorithm does in about $n^3$ operations. For
# six points we can try all $6! = 720$ assignments.

# %%
six, other = rng.normal(size=(2, 6, 2))
cost = cdist(six, other)
tried = min(cost[np.arange(6), list(p)].mean() for p in itertools.permutations(range(6)))
rows, columns = linear_sum_assignment(cost)
by_lp, six_plan, _, _ = transport_lp(six, other, np.full(6, 1 / 6), np.full(6, 1 / 6))
print(
    f"all 720 assignments {tried:.9f}, Hungarian algorithm {cost[rows, columns].mean():.9f}, linear program {by_lp:.9f}"
)
assert np.isclose(tried, cost[rows, columns].mean()) and np.isclose(tried, by_lp, atol=1e-9)
assert np.allclose(np.sort(six_plan.ravel())[-6:], 1 / 6), "nothing is split"

# %% [markdown]
# ## 2 · The other side of the coin: critics
#
# A generator with millions of possible outputs is no list of points, and a linear program over all pairs is out of reach. What made the distance useful for GANs is a second problem with the same answer.
#
# ### Weak duality, in two lines
#
# Imagine a carrier who charges $u_i$ for loading at $x_i$ and $v_j$ for unloading at $y_j$, and who is never dearer than moving the sand ourselves: $u_i+v_j\le c_{ij}$ for all pairs, with $c_{ij}=\|x_i-y_j\|$. His income is, with the margins of any plan,
#
# $$\sum_i a_iu_i+\sum_j b_jv_j=\sum_{ij}\pi_{ij}(u_i+v_j)\ \le\ \sum_{ij}\pi_{ij}c_{ij} .$$
#
# Every such price list stays below every plan: so the best list is at most the cheapest plan. **Strong duality** of linear programming (a theorem that we quote) says that there is no gap: best prices and cheapest plan meet,
#
# $$W_1=\max_{u,v}\Big\{\sum_i a_iu_i+\sum_jb_jv_j\ :\ u_i+v_j\le c_{ij}\Big\} .$$
#
# Subtract the two sides of the first formula: $\sum_{ij}\pi_{ij}(c_{ij}-u_i-v_j)=0$ at the optimum. No term is negative, so every term is 0: **where mass moves, the price is exactly the cost**, $\pi_{ij}>0\Rightarrow u_i+v_j=c_{ij}$ (*complementary slackness*).
#
# ### From two price lists to one function
#
# So far prices exist only at the points. Define a function on the whole space,
#
# $$f(z)=\min_j\big(\|z-y_j\|-v_j\big).$$
#
# 1. $f$ is **1-Lipschitz**, $|f(z)-f(z')|\le\|z-z'\|$: each function in the minimum is, by the triangle inequality, and so is a minimum of such functions.
# 2. $f(x_i)\ge u_i$, because $u_i\le c_{ij}-v_j$ for every $j$.
# 3. $f(y_j)\le-v_j$, because the minimum includes this $j$ at distance 0.
#
# From 2 and 3, $\sum_ia_if(x_i)-\sum_jb_jf(y_j)\ge\sum_i a_iu_i+\sum_jb_jv_j=W_1$. The other way round, any 1-Lipschitz function gives admissible prices $u_i=f(x_i)$, $v_j=-f(y_j)$, since $f(x_i)-f(y_j)\le\|x_i-y_j\|$, so it cannot exceed $W_1$. Together:
#
# $$\boxed{\;W_1(p,q)=\max_{f\text{ 1-Lipschitz}}\ \mathbb E_{x\sim p}[f(x)]-\mathbb E_{y\sim q}[f(y)]\;}$$
#
# This is **Kantorovich–Rubinstein duality** (it holds for all distributions with finite means; we have proved it for finitely many points, up to the quoted theorem). The maximiser $f$ is called a *potential*, and in a GAN the **critic**: high on data, low on generated points, and nowhere steeper than 1.


# %%
def potential(z, y, v):
    """f(z) = min over j of |z − y_j| − v_j at points z (k, d), from the prices v (m,) at y (m, d)."""
    return np.min(cdist(z, y) - v, axis=1)


slack = cdist(x, y) - u[:, None] - v
dual = a @ u + b @ v
critic_value = a @ potential(x, y, v) - b @ potential(y, y, v)
print(f"cheapest plan {w1:.12f}\nbest prices   {dual:.12f}\nbest critic   {critic_value:.12f}")
assert abs(dual - w1) < 1e-8 and abs(critic_value - w1) < 1e-8
assert slack.min() > -1e-9, "prices never exceed the cost"
assert np.abs(slack[plan > 1e-9]).max() < 1e-9, "and equal it where mass moves"

everywhere = rng.uniform(-3, 3, (600, 2))
f = potential(everywhere, y, v)
steepness = np.abs(f[:, None] - f) / (cdist(everywhere, everywhere) + np.eye(600))
print(f"steepest slope of f between 600 random points: {steepness.max():.6f}")
assert steepness.max() <= 1 + 1e-12
assert np.allclose(f, transport.extend(everywhere, y, -v))

angles = np.linspace(0, 2 * np.pi, 360)
planes = np.stack([np.cos(angles), np.sin(angles)])  # every f(z) = z · direction is 1-Lipschitz too
print(f"best of 360 linear critics: {np.max(a @ x @ planes - b @ y @ planes):.6f}, below W1 as it must be")
assert np.max(a @ x @ planes - b @ y @ planes) <= w1

# %% [markdown]
# ### The slope on a ray is exactly 1
#
# Let mass move between $x$ and $y$: then $f(x)-f(y)=\|x-y\|$ (if it were less, this pair would leave a gap). For a point $z$ on the segment between them, $\|x-y\|=\|x-z\|+\|z-y\|$, and
#
# $$\|x-y\|=f(x)-f(y)=\big(f(x)-f(z)\big)+\big(f(z)-f(y)\big)\ \le\ \|x-z\|+\|z-y\|=\|x-y\| .$$
#
# Equality must hold in both parts. So along every such segment (a **transport ray**) $f$ rises with slope exactly 1 from the generated to the real point. No direction can be steeper than 1, hence the gradient, where it exists, is the unit vector towards the real point:
#
# $$\boxed{\;\|\nabla f(z)\|=1\quad\text{on transport rays, and } \nabla f(z)\text{ points from } y\text{ to } x\;}$$
#
# (Gulrajani et al. 2017, Proposition 1.) A generator that follows $\nabla f$ moves its points along the plan. This is what the gradient penalty of section 5 is built on. **Check** by central differences of the exact potential, on every ray of the plan above:

# %%
step = 1e-6
for i, j in np.argwhere(plan > 1e-9):
    direction = (x[i] - y[j]) / np.linalg.norm(x[i] - y[j])
    z = y[j] + np.linspace(0.1, 0.9, 9)[:, None] * (x[i] - y[j])
    gradient = np.stack(
        [(potential(z + step * e, y, v) - potential(z - step * e, y, v)) / (2 * step) for e in np.eye(2)], axis=1
    )
    assert np.allclose(gradient, direction, atol=1e-4), "slope 1, towards the real point"
print(f"gradient = unit vector from y to x at 9 points of each of the {np.sum(plan > 1e-9)} rays")

ends = np.linspace(-2.6, 2.6, 200)
plane = np.stack(np.meshgrid(ends, ends), axis=-1).reshape(-1, 2)
surface = potential(plane, y, v).reshape(200, 200)
figure, axes = plots.canvas(6.4, 4.4)
axes.contourf(ends, ends, surface, 24, cmap="RdBu", alpha=0.8)
axes.contour(ends, ends, surface, np.arange(-5, 5, 0.25), colors="#555555", linewidths=0.5, linestyles="solid")
for i, j in np.argwhere(plan > 1e-9):
    axes.plot(*zip(x[i], y[j], strict=True), color="black", linewidth=20 * plan[i, j], alpha=0.5)
axes.scatter(*x.T, s=900 * a, color=plots.COLOURS[0], edgecolor="white", zorder=2, label="$p$ (data)")
axes.scatter(*y.T, s=900 * b, color=plots.COLOURS[1], edgecolor="white", marker="s", zorder=2, label="$q$ (generated)")
axes.set(
    aspect="equal",
    xlabel="$x_1$",
    ylabel="$x_2$",
    title="Potential $f$: level lines 0.25 apart, crossed at right angles by the plan",
)
axes.legend(frameon=True, fontsize=9, loc="upper left", markerscale=0.5)
axes.grid(False)
figure.alt_text = (
    "The plan drawn over a map of the potential, which is low (red) around the generated squares and high (blue) around the data; "
    "the lines of the plan cross its evenly spaced level lines at right angles."
)
figure

# %% [markdown]
# ## 3 · Why bother? Two lines that never meet
#
# Lesson 05 shows what the discriminator of a GAN measures: the **Jensen–Shannon divergence** $\mathrm{JSD}=\tfrac12\mathrm{KL}(p\|m)+\tfrac12\mathrm{KL}(q\|m)$ with $m=\tfrac12(p+q)$. Arjovsky et al. (2017) give the example that shows what is wrong with it. Let $p$ be
# uniform on the vertical segment at $x_1=0$, and $q$ uniform on the same segment moved to $x_1=\theta$. The generator has one parameter, $\theta$, and should find 0.
#
# For $\theta\ne0$ the two never overlap. Where $p>0$ we have $q=0$ and $m=\tfrac12p$, so
#
# $$\mathrm{KL}(p\|m)=\mathbb E_p\Big[\ln\frac p{p/2}\Big]=\ln2,\qquad \mathrm{KL}(q\|m)=\ln2,\qquad
# \boxed{\;\mathrm{JSD}=\ln 2\ \text{ for every }\theta\ne0,\quad \mathrm{KL}(p\|q)=\mathbb E_p\big[\ln\tfrac p0\big]=\infty,\quad W_1=|\theta|\;}$$
#
# For $W_1$: moving everything horizontally is a plan and costs $|\theta|$; and the critic $f(z)=-\operatorname{sign}(\theta)\,z_1$ is 1-Lipschitz and gives $\mathbb E_pf-\mathbb E_qf=0+|\theta|$. A plan and a critic with one value: both are optimal. The gradient by $\theta$ is 0 for the JSD, and $\pm1$ for $W_1$.

# %%
heights = np.linspace(0, 1, 15)
thetas = np.round(np.linspace(-1, 1, 21), 1)
columns_of = np.linspace(-1, 1, 21)  # a histogram with one column for each θ
curves = {"JSD (nats)": [], "$W_1$": []}
for theta in thetas:
    line_p = np.stack([np.zeros(15), heights], axis=1)
    line_q = line_p + [theta, 0]
    p_table, q_table = (np.isclose(columns_of, place, atol=1e-6).astype(float) for place in (0, theta))
    curves["JSD (nats)"].append(divergences.js_discrete(p_table, q_table))
    curves["$W_1$"].append(transport.solve(line_p, line_q).cost)
    if theta != 0:
        assert np.isinf(divergences.kl_discrete(p_table, q_table))
jsd, w1_lines = (np.array(values) for values in curves.values())
assert np.allclose(w1_lines, np.abs(thetas), atol=1e-9)
assert np.allclose(jsd[thetas != 0], np.log(2)) and jsd[thetas == 0][0] == 0
slopes = {"JSD": np.gradient(jsd, thetas)[:8], "W1": np.gradient(w1_lines, thetas)[:8]}
print({name: np.round(slope, 6).tolist() for name, slope in slopes.items()})
assert np.allclose(slopes["JSD"], 0) and np.allclose(slopes["W1"], -1)

figure, (left, right) = plots.canvas(9, 3, columns=2, width_ratios=[0.8, 1.2])
for place, colour, label in ((0, plots.COLOURS[0], "$p$"), (0.6, plots.COLOURS[1], "$q$, θ = 0.6")):
    left.plot([place, place], [0, 1], color=colour, linewidth=4)
    left.text(place, 1.06, label, color=colour, ha="center", fontsize=11)
left.annotate("", (0.03, 0.5), (0.57, 0.5), arrowprops={"arrowstyle": "->", "color": plots.GREY})
left.set(xlim=(-0.5, 1.1), ylim=(-0.1, 1.25), xlabel="$x_1$", ylabel="$x_2$", title="Two parallel lines")
right.plot(thetas, w1_lines, "-o", markersize=4, color=plots.COLOURS[2], label="$W_1$")
right.plot(thetas, jsd, "s", markersize=4, color=plots.COLOURS[6], label="JSD (nats): ln 2, except at 0")
right.set(xlabel="θ", ylabel="distance", title="Only $W_1$ says in which direction to go")
right.legend(frameon=False, fontsize=9, loc="upper center")
figure.alt_text = (
    "Left: two vertical segments, 0.6 apart. Right: against theta, W1 is a V with its tip at 0, while the JSD is constant at 0.693 "
    "with a single point at 0."
)
figure

# %% [markdown]
# Pictures lie on thin sets in a space of very many dimensions, and two such sets hardly ever meet. So this is not a corner case: it is how a GAN starts. A perfect discriminator then saturates, and only an imperfect one, or a non-saturating loss (lesson 06), leaves the generator something to follow.
#
# ### What a sample knows about $W_1$
#
# The distance has a price of its own. We never have $p$, only $n$ points $p_n$. Put the samples into the dual. The average of a maximum is at least the maximum of the averages (each critic's average is at most the average of the best), so
#
# $$\mathbb E\big[W_1(p_n,q_n)\big]=\mathbb E\Big[\max_f\ \mathbb E_{p_n}f-\mathbb E_{q_n}f\Big]\ \ge\ \max_f\ \mathbb E\big[\mathbb E_{p_n}f-\mathbb E_{q_n}f\big]=W_1(p,q):$$
#
# a sample's $W_1$ is **too large on average**, even for $p=q$, where the truth is 0. How fast does the excess fall? In $d$ dimensions $n$ points have to fill a cube: each has about $1/n$ of the volume to itself, a cell of side $n^{-1/d}$, and that is about how far its partner in the other sample will be. So expect $n^{-1/d}$ for large $d$ (on a line, random sums
# prevail instead and give $n^{-1/2}$). Measured with exact assignments between two samples of the uniform distribution on a cube:

# %%
sizes, repeats = [16, 32, 64, 128, 256], 8
excess = {}
for d in (1, 2, 5, 20):
    excess[d] = []
    for n in sizes:
        draws = [cdist(*rng.uniform(size=(2, n, d))) for _ in range(repeats)]
        excess[d].append(np.mean([c[linear_sum_assignment(c)].mean() for c in draws]))
    slope = np.polyfit(np.log(sizes), np.log(excess[d]), 1)[0]
    print(
        f"d = {d:2}: W1 of two samples of one distribution from {excess[d][0]:.3f} (n = 16) to {excess[d][-1]:.3f} (n = 256), like n^{slope:.2f}"
    )
    if d >= 5:
        assert abs(slope + 1 / d) < 0.06, "near −1/d in many dimensions"
assert excess[20][-1] > 0.5 * excess[20][0], "256 points are hardly better than 16 in 20 dimensions"
figure, axes = plots.canvas(7, 3.4)
for k, (d, values) in enumerate(excess.items()):
    axes.plot(sizes, values, plots.STYLES[k], marker=plots.MARKERS[k], color=plots.COLOURS[k], label=f"d = {d}")
axes.set(
    xscale="log",
    yscale="log",
    xlabel="sample size n",
    ylabel="measured $W_1$; truth 0",
    title="Samples exaggerate, in many dimensions for ever",
)
axes.set_xticks(sizes, sizes)
axes.set_yticks([0.03, 0.1, 0.3, 1], ["0.03", "0.1", "0.3", "1"])
axes.minorticks_off()
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
figure.alt_text = "Both axes logarithmic: the measured W1 falls with the sample size, steeply in one dimension, hardly at all in twenty."
figure

# %% [markdown]
# With pictures, $d$ is in the hundreds or thousands: no number of samples gives their $W_1$. A critic that is a *network* cannot fit itself to single samples in the way that an exact potential can; it estimates something smaller, smoother, and better behaved. Keep this in mind: what a WGAN computes is not the Wasserstein distance of anything, but
# the best separation by a limited family of smooth functions.

# %% [markdown]
# ## 4 · A network for a critic
#
# A **Wasserstein GAN** (Arjovsky et al. 2017) lets a network $f$ play the critic and a generator $G$ follow it. With $q$ the distribution of $G(z)$,
#
# $$\boxed{\;L_f=\mathbb E_{y\sim q}[f(y)]-\mathbb E_{x\sim p}[f(x)],\qquad L_G=-\mathbb E_{y\sim q}[f(y)]\;}$$
#
# and $-L_f$ estimates $W_1$, provided that $f$ is 1-Lipschitz. There is no logarithm and no sigmoid; $f$ is a height, not a probability. Everything now hangs on the proviso.
#
# ### Clipping bounds something else
#
# The first paper clips every weight to $[-c, c]$ after each step and calls it a terrible way to enforce the condition. How terrible? Take the simplest critic, $f(z)=w^\top z$. With $\Delta=\mathbb E_p[x]-\mathbb E_q[y]$ it reaches $w^\top\Delta=\sum_kw_k\Delta_k$. Under the honest condition $\|w\|_2\le1$ the best is, by the Cauchy–Schwarz inequality, $w=\Delta/\|\Delta\|_2$ with value $\|\Delta\|_2$. In a
# box each term is maximised separately, by $w_k=c\operatorname{sign}\Delta_k$:
#
# $$\boxed{\;\max_{|w_k|\le c}w^\top\Delta=c\sum_k|\Delta_k|=c\,\|\Delta\|_1,\qquad\text{not } \|\Delta\|_2\;}$$
#
# with slope $\|w\|_2=c\sqrt d$. For a picture with $d=784$ pixels and the paper's $c=0.01$ the slope is 0.28. Worse, the generator is pushed along $\operatorname{sign}\Delta$: a coordinate that is off by 0.001 is pushed as hard as one that is off by 10.


# %%
def clipped_supremum(difference, c):
    """What a linear critic with weights in [−c, c] reaches at most, for the difference of means (d,)."""
    return c * np.sum(np.abs(difference))


for d in (1, 2, 784):
    difference = rng.normal(size=d)
    solved = -linprog(-difference, bounds=(-0.01, 0.01)).fun  # the maximum over the box, by a solver
    assert np.isclose(clipped_supremum(difference, 0.01), solved)
    print(
        f"d = {d:3}: clipped {solved:.4f}, c·‖Δ‖₂ = {0.01 * np.linalg.norm(difference):.4f}, true ‖Δ‖₂ = {np.linalg.norm(difference):.4f}"
    )

difference = np.array([3.0, 0.01])
honest = difference / np.linalg.norm(difference)
clipped = 0.01 * np.sign(difference)
angle = np.degrees(np.arccos(honest @ clipped / np.linalg.norm(clipped)))
print(f"for Δ = (3, 0.01) the clipped critic points {angle:.0f}° away from Δ")
assert 40 < angle < 50

# %% [markdown]
# A deep critic multiplies the damage. A matrix of $n$ inputs and $m$ outputs with entries in $[-c,c]$ lengthens a vector at most $c\sqrt{nm}$ times (reached when all entries are $\pm c$ in a pattern of rank one), so $L$ layers of width $n$ allow a slope of up to about $(cn)^L$: it vanishes or explodes with depth unless $c\approx1/n$. We train the same
# critic on two clouds whose exact distance we know, with three values of $c$:


# %%
def point_critic(depth, width=32):
    """A critic of points in the plane, (N, 2) -> (N, 1), with LeakyReLU of slope 0.2."""
    network = [keras.Input((2,))]
    for _ in range(depth):
        network += [layers.Dense(width), layers.LeakyReLU(negative_slope=0.2)]
    return keras.Sequential([*network, layers.Dense(1)])


def train_critic(network, real, fake, penalty=None, clip=None, steps=CRITIC_STEPS, rate=2e-3):
    """Train a critic on two sets of points, with a penalty (network, real, fake) or with weights kept in [−clip, clip]."""
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps), beta_1=0.5, beta_2=0.9)
    weights = network.trainable_variables
    optimizer.build(weights)
    real, fake = tf.constant(real, tf.float32), tf.constant(fake, tf.float32)

    @tf.function(autograph=False)
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(network(fake)) - tf.reduce_mean(network(real))
            if penalty is not None:
                loss += penalty(network, real, fake)
        optimizer.apply(tape.gradient(loss, weights), weights)
        for w in weights:
            if clip is not None:
                w.assign(tf.clip_by_value(w, -clip, clip))

    for _ in range(steps):
        step()
    return network


def slope_at(network, points):
    """Norm of the network's gradient at each point (N, 2) -> (N,)."""
    points = tf.constant(points, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(points)
        total = tf.reduce_sum(network(points))
    return tf.norm(tape.gradient(total, points), axis=1).numpy()


cloud_p = rng.normal(size=(64, 2)) * 0.35 + [1.0, 0.5]
cloud_q = rng.normal(size=(64, 2)) * 0.35 - [1.0, 0.5]
exact = transport.solve(cloud_p, cloud_q)
print(f"exact W1 of the clouds: {exact.cost:.4f}")
clipped_slopes = {}
for c in (0.01, 0.1, 0.5):
    keras.utils.set_random_seed(SEED)
    network = train_critic(point_critic(4), cloud_p, cloud_q, clip=c, steps=300)
    value = float(tf.reduce_mean(network(cloud_p)) - tf.reduce_mean(network(cloud_q)))
    clipped_slopes[c] = np.median(slope_at(network, cloud_q))
    print(f"c = {c:<4}: estimate {value:12.6g}, slope of the critic at the generated points {clipped_slopes[c]:.3g}")
print(f"the slope grows {clipped_slopes[0.5] / clipped_slopes[0.01]:.1e} times while c grows 50 times")
assert clipped_slopes[0.01] < 1e-3 and clipped_slopes[0.5] > 100, "vanishing and exploding gradients"

# %%
figure, (left, right) = plots.canvas(9, 3.4, columns=2)
circle = np.linspace(0, 2 * np.pi, 200)
left.plot(np.cos(circle), np.sin(circle), color=plots.COLOURS[0], linewidth=2, label="slope at most 1")
left.plot([-1, 1, 1, -1, -1], [-1, -1, 1, 1, -1], "--", color=plots.COLOURS[1], linewidth=2, label="box, c = 1")
for best, colour, marker in ((honest, plots.COLOURS[0], "o"), (np.sign(difference), plots.COLOURS[1], "s")):
    left.annotate("", best, (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 2})
    left.plot(*best, marker, color=colour)
left.set(aspect="equal", xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), xlabel="$w_1$", ylabel="$w_2$")
left.set_title("Best weights for Δ = (3, 0.01)")
left.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
right.plot(list(clipped_slopes), list(clipped_slopes.values()), "-o", color=plots.COLOURS[1], label="five-layer critic")
right.axhline(1, color=plots.COLOURS[0], linestyle="--", label="the exact critic")
right.set(
    xscale="log",
    yscale="log",
    xlabel="clipping constant c",
    ylabel="slope at generated points",
    title="Vanishing or exploding",
)
right.set_xticks([0.01, 0.1, 0.5], ["0.01", "0.1", "0.5"])
right.minorticks_off()
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: the disc of slopes up to 1 and the box of clipped weights; the best weights in the disc point along the first axis, "
    "those in the box into its corner. Right: the slope of a clipped deep critic against c, rising over seven powers of ten."
)
figure

# %% [markdown]
# What a generator receives changes by a factor of millions with a constant that has no meaning of its own. (With Adam, which divides by the size of gradients, a small slope is not lost at once; but the *estimate* is worthless, and the critic spends its capacity on reaching the corners of a box.)
#
# ## 5 · The gradient penalty
#
# Section 2 told us what the best critic looks like: gradient of norm 1 on the rays between generated and real points. Gulrajani et al. (2017) ask for this directly, as a penalty at random points between random pairs:
#
# $$\boxed{\;L_f=\mathbb E_q[f]-\mathbb E_p[f]+\lambda\,\mathbb E\Big[\big(\|\nabla_{\hat x}f(\hat x)\|_2-1\big)^2\Big],\qquad\hat x=x+\alpha\,(y-x),\quad\alpha\sim U(0,1)\;}$$
#
# with $\lambda=10$. Each example has *one* $\alpha$, so that $\hat x$ lies on the segment. The gradient is taken with respect to the *input*; to train the weights, this gradient is then differentiated once more, which an inner tape inside the training step's tape does.


# %%
def gradient_penalty(critic, real, fake, seed=None):
    """E[(‖∇critic‖ − 1)²] between real and fake (N, ...), for a critic that returns (N, 1)."""
    one_per_example = [tf.shape(real)[0]] + [1] * (len(real.shape) - 1)
    alpha = keras.random.uniform(one_per_example, dtype=real.dtype, seed=seed)
    between = real + alpha * (fake - real)
    with tf.GradientTape() as tape:
        tape.watch(between)
        total = tf.reduce_sum(critic(between))  # a sum: each example's gradient stays its own
    gradient = tape.gradient(total, between)
    squared = tf.reduce_sum(gradient**2, axis=list(range(1, len(real.shape))))  # (N,)
    norm = tf.sqrt(tf.maximum(squared, 1e-12))  # √ has an infinite derivative at 0
    return tf.reduce_mean((norm - 1) ** 2)


# %% [markdown]
# This is among the most miscopied functions of the field. So it gets a test bench of four cases with known answers.
#
# **Case 1, a linear critic** $f(z)=w^\top z$. Its gradient is $w$ everywhere, so the penalty is exactly $(\|w\|-1)^2$, whatever the images.
#
# **Case 2, where is $\hat x$?** The critic $f(z)=\tfrac12\|z\|^2$ has $\nabla f(\hat x)=\hat x$: it reports where it was asked. Let the real image be 0 and the generated one have norm 1. On the segment $\|\hat x\|=\alpha$, so the penalty is
#
# $$\mathbb E[(\alpha-1)^2]=\int_0^1(\alpha-1)^2d\alpha=\tfrac13 .$$
#
# With one $\alpha$ for each *pixel*, $\|\hat x\|^2$ is the mean of $d$ values $\alpha_k^2$, which is near $\tfrac13$, and the penalty near $(1/\sqrt3-1)^2=0.179$. With a *normal* $\alpha$ it is $\mathbb E[(|\alpha|-1)^2]=2-2\sqrt{2/\pi}=0.404$; half of its points lie outside the segment's half-line.
#
# **Case 3, a critic that is constant** somewhere, like any network whose units are all off: the penalty is 1, and its derivative must be finite, or the first such example fills all weights with NaN.
#
# **Case 4, independence.** The penalty of one image must not depend on the others in the batch.

# %%
w_true = rng.normal(size=(28 * 28, 1))


def linear(z):
    return tf.reshape(z, (-1, 784)) @ w_true


real, fake = (tf.constant(rng.uniform(-1, 1, (16, 28, 28, 1))) for _ in range(2))
expected = (np.linalg.norm(w_true) - 1) ** 2
for name, function in (("notebook", gradient_penalty), ("library", losses.gradient_penalty)):
    print(f"case 1, {name}: {float(function(linear, real, fake)):.9f}, exact {expected:.9f}")
    assert np.isclose(function(linear, real, fake), expected)

N = 4000
origin = tf.zeros((N, 8, 8, 1), tf.float64)
unit = tf.fill((N, 8, 8, 1), tf.constant(1 / 8, tf.float64))  # 64 pixels of 1/8: norm 1


def bowl(z):
    return 0.5 * tf.reduce_sum(z**2, axis=[1, 2, 3])


def interpolation(alphas):
    """The penalty of the bowl with the given α: |x̂| is known, so it can be written down."""
    return np.mean((np.sqrt(np.sum((np.asarray(alphas) / 8) ** 2 * np.ones((1, 8, 8, 1)), axis=(1, 2, 3))) - 1) ** 2)


error = np.sqrt(4 / 45 / N)  # Var[(α−1)²] = 1/5 − 1/9 = 4/45
versions = {
    "one uniform α for each image": float(gradient_penalty(bowl, origin, unit, seed=1)),
    "library": float(losses.gradient_penalty(bowl, origin, unit, seed=1)),
    "one α for each pixel": interpolation(rng.uniform(size=(N, 8, 8, 1))),
    "a normal α": interpolation(rng.normal(size=(N, 1, 1, 1))),
}
for name, value in versions.items():
    print(f"case 2, {name:29}: {value:.4f}, off by {abs(value - 1 / 3) / error:5.1f} standard errors")
    assert (abs(value - 1 / 3) < 4 * error) == ("each image" in name or name == "library")

# %%
flat = tf.Variable(tf.zeros((784, 1), tf.float64))
with tf.GradientTape(persistent=True) as tape:
    guarded = gradient_penalty(lambda z: tf.reshape(z, (-1, 784)) @ flat, real, fake)
    unguarded = tf.reduce_mean((tf.norm(tf.reshape(flat, (1, -1)), axis=1) - 1) ** 2)  # the same without the floor
slopes = [tape.gradient(loss, flat).numpy() for loss in (guarded, unguarded)]
print(
    f"case 3: penalty {float(guarded):.1f}; gradients finite with the floor: {np.isfinite(slopes[0]).all()}, without: {np.isfinite(slopes[1]).all()}"
)
assert np.isclose(guarded, 1, atol=1e-5) and np.isfinite(slopes[0]).all() and np.isnan(slopes[1]).all()


def reaches_others(critic):
    """Largest derivative of the first image's verdict by the pixels of the others."""
    batch = tf.constant(rng.normal(size=(8, 5)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(batch)
        first = critic(batch, training=True)[0, 0]
    return np.abs(tape.gradient(first, batch).numpy()[1:]).max()


keras.utils.set_random_seed(SEED)
plain = keras.Sequential([keras.Input((5,)), layers.Dense(8), layers.LeakyReLU(), layers.Dense(1)])
normed = keras.Sequential(
    [keras.Input((5,)), layers.Dense(8), layers.BatchNormalization(), layers.LeakyReLU(), layers.Dense(1)]
)
print(
    f"case 4: influence of other images without BatchNorm {reaches_others(plain):.3g}, with {reaches_others(normed):.3g}"
)
assert reaches_others(plain) == 0 < reaches_others(normed)

# %% [markdown]
# Case 4 is why a penalised critic has no BatchNorm: the sum trick of the code, one backward pass for all examples, would mix gradients of different images. (LayerNorm acts within one image and is allowed.) Cases 2 and 3 are not exotic: Keras's own WGAN-GP example
# [drew α from a normal distribution](https://github.com/keras-team/keras-io/issues/143) for years.
#
# The derivative of a derivative deserves a check as well. A small smooth critic in double precision, its penalty's gradient by the weights against central differences:

# %%
hidden = tf.Variable(rng.normal(size=(3, 4)))
last = tf.Variable(rng.normal(size=(4, 1)))
few_real, few_fake = (tf.constant(rng.normal(size=(6, 3))) for _ in range(2))


def smooth(z):
    return tf.tanh(z @ hidden) @ last


with tf.GradientTape() as tape:
    value = gradient_penalty(smooth, few_real, few_fake, seed=3)
by_tape = tape.gradient(value, hidden).numpy()
by_difference = np.zeros_like(by_tape)
start = hidden.numpy()
for index in np.ndindex(start.shape):
    ends = []
    for sign in (1, -1):
        moved = start.copy()
        moved[index] += sign * 1e-5
        hidden.assign(moved)
        ends.append(float(gradient_penalty(smooth, few_real, few_fake, seed=3)))  # the same α
    by_difference[index] = (ends[0] - ends[1]) / 2e-5
hidden.assign(start)
print(
    f"largest difference of the double gradient: {np.abs(by_tape - by_difference).max():.1e} of {np.abs(by_tape).max():.2f}"
)
assert np.allclose(by_tape, by_difference, atol=1e-7)

# %% [markdown]
# ### What the penalty costs
#
# A penalty is not a condition. How far does the penalised critic stray? For a linear critic $f(z)=w^\top z$ the loss is $-w^\top\Delta+\lambda(\|w\|-1)^2$. For a given length $s=\|w\|$ the first term is best along $\Delta$, which leaves one number to choose: maximise $s\|\Delta\|-\lambda(s-1)^2$. The derivative $\|\Delta\|-2\lambda(s-1)$ vanishes at
#
# $$\boxed{\;s^*=1+\frac{\|\Delta\|}{2\lambda}\;}\qquad\text{so the estimate is}\qquad s^*\|\Delta\|=\|\Delta\|+\frac{\|\Delta\|^2}{2\lambda}>\|\Delta\| .$$
#
# The critic is steeper than 1, the more so the farther the distributions are apart, and its estimate **too large** by the same factor. Gradient descent finds the same number:


# %%
def penalised_slope(distance, weight):
    """Slope of the best linear critic under a one-centred penalty of this weight λ, for means ``distance`` apart."""
    return 1 + distance / (2 * weight)


shift = np.array([[1.2, -1.6]])  # ‖Δ‖ = 2
at_origin = tf.zeros((4, 2), tf.float64)
for weight in (1.0, 10.0):
    direction = tf.Variable(rng.normal(size=(2, 1)))

    @tf.function(autograph=False)
    def descend(rate):
        with tf.GradientTape() as tape:
            penalty = gradient_penalty(lambda z: z @ direction, at_origin + shift, at_origin)  # real at Δ, fake at 0
            loss = -tf.reduce_sum(shift @ direction) + weight * penalty
        direction.assign_sub(rate * tape.gradient(loss, direction))

    for _ in range(400):
        descend(tf.constant(0.2 / weight, tf.float64))
    found = float(tf.norm(direction))
    print(f"λ = {weight:4}: slope by gradient descent {found:.6f}, formula {penalised_slope(2.0, weight):.6f}")
    assert np.isclose(found, penalised_slope(2.0, weight), atol=1e-5)
    assert np.allclose(direction.numpy()[:, 0] / found, shift[0] / 2, atol=1e-4)

# %% [markdown]
# Now a real critic on the two clouds of section 4, whose exact distance the linear program knows. Its estimate should be too large by about the factor $1+W_1/(2\lambda)$. Dividing $f$ by its steepest slope makes it 1-Lipschitz where we looked, and hence an honest *lower* bound:

# %%
keras.utils.set_random_seed(SEED)
alphas = keras.random.SeedGenerator(SEED)
learned = train_critic(
    point_critic(2), cloud_p, cloud_q, penalty=lambda f, x, y: 10.0 * gradient_penalty(f, x, y, seed=alphas)
)
estimate = float(tf.reduce_mean(learned(cloud_p)) - tf.reduce_mean(learned(cloud_q)))
pairs = cloud_q[:, None] + np.linspace(0, 1, 21)[:, None, None, None] * (cloud_p - cloud_q[:, None])
steepest = slope_at(learned, pairs.reshape(-1, 2)).max()
print(
    f"exact W1 {exact.cost:.3f}; learned estimate {estimate:.3f} = {estimate / exact.cost:.3f} × exact (linear critic: {penalised_slope(exact.cost, 10.0):.3f} ×)"
)
print(f"steepest slope between the clouds {steepest:.3f}; estimate over slope {estimate / steepest:.3f}")
assert 0.95 < estimate / exact.cost < 1.05 * penalised_slope(exact.cost, 10.0)
assert estimate / steepest < 1.01 * exact.cost

# %% [markdown]
# ### TransportLab
#
# Four pairs of clouds. The slider moves the generated cloud onto the real one, along the best plan for squared distances. Left: the exact plan. Middle: the exact critic, $f(z)=\min_j(\|z-y_j\|-v_j)$. Right: a critic recorded at each position, trained with the gradient penalty as above. Below: both Wasserstein distances fall steadily, while the Jensen–Shannon divergence of the clouds, each blurred a little
# so that it exists, stays at $\ln2$ until they almost touch.
#
# Look for: lines of the plan that cross level lines at right angles; places where the learned critic is smooth and the exact one has kinks; in *wrong shares*, that only the surplus travels; in *two lines*, a learned estimate of $2.200 = 2\,(1+2/20)$ at the start, the formula above to three digits.

# %%
lab = TransportLab()
lines_at_start = lab.numbers(lab.values(scene=2, position=0))
print({name: round(value, 3) for name, value in lines_at_start.items()})
assert np.isclose(lines_at_start["w1"], 2) and np.isclose(
    lines_at_start["learned"], 2 * penalised_slope(2.0, 10.0), rtol=0.02
)
lab.show()

# %% [markdown]
# ## 6 · R1: a penalty that can rest
#
# Suppose the generator has won: $q=p$. Then no critic can tell anything, and a good one should be flat. But the penalty of section 5 asks for slope 1 for ever. It keeps a tilted critic, and a tilted critic keeps pushing the generator: lesson 05 shows on the Dirac-GAN that this game does not converge. Mescheder et al. (2018) therefore penalise any slope **on real data**:
#
# $$\boxed{\;R_1=\frac\gamma2\,\mathbb E_{x\sim p}\big[\|\nabla f(x)\|^2\big]\;}$$
#
# It is *zero-centred*, and needs no pairs and no $\alpha$. (On the Dirac-GAN it adds friction $-\gamma$ to the critic's motion; its eigenvalues get a negative real part, and the spiral winds inwards.) The square is smooth at 0, so no floor is needed.
#
# **A closed form to test with.** For $f(z)=\tfrac12z^\top Az+b^\top z$ with symmetric $A$, $\nabla f=Az+b$. Let $p$ have mean $\mu$ and covariance $\Sigma$, and write $z=\mu+\delta$ with $\mathbb E[\delta]=0$ and $\mathbb E[\delta\delta^\top]=\Sigma$. Then
#
# $$\mathbb E\|A\mu+b+A\delta\|^2=\|A\mu+b\|^2+2(A\mu+b)^\top A\,\mathbb E[\delta]+\mathbb E[\delta^\top A^\top A\delta]
# =\|A\mu+b\|^2+\operatorname{tr}(A\Sigma A),$$
#
# because $\delta^\top A^\top A\delta=\operatorname{tr}(A\delta\delta^\top A^\top)$. For a sample this holds exactly with the sample's own mean and covariance (divided by $n$).


# %%
def r1_penalty(critic, real):
    """E[‖∇critic(x)‖²] over real examples (N, ...) -> scalar."""
    with tf.GradientTape() as tape:
        tape.watch(real)
        total = tf.reduce_sum(critic(real))
    return tf.reduce_mean(tf.reduce_sum(tape.gradient(total, real) ** 2, axis=list(range(1, len(real.shape)))))


A = rng.normal(size=(3, 3))
A = (A + A.T) / 2
slope = rng.normal(size=3)
sample = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)) + 1
mean, covariance = sample.mean(axis=0), np.cov(sample.T, bias=True)
closed = np.sum((A @ mean + slope) ** 2) + np.trace(A @ covariance @ A)
for name, function in (("notebook", r1_penalty), ("library", losses.r1_penalty)):
    value = float(
        function(lambda z: 0.5 * tf.reduce_sum((z @ A) * z, axis=1) + tf.linalg.matvec(z, slope), tf.constant(sample))
    )
    print(f"{name}: {value:.9f}, closed form {closed:.9f}")
    assert np.isclose(value, closed)

# %% [markdown]
# **What does a critic under R1 say?** Once more the linear one: maximise $w^\top\Delta-\tfrac\gamma2\|w\|^2$. The gradient $\Delta-\gamma w$ vanishes at $w=\Delta/\gamma$, with slope $\|\Delta\|/\gamma$ and value $\|\Delta\|^2/(2\gamma)$. So the slope *shrinks with the distance*, and the generator's push dies out as it arrives; under the one-centred penalty the slope never falls below 1. That is the whole difference, in one picture:

# %%
distance = np.linspace(0, 3, 61)
shapes = {
    "one-centred penalty, λ = 10": penalised_slope(distance, 10.0),
    "exact 1-Lipschitz critic": np.ones_like(distance),
    "R1, γ = 1 (Wasserstein loss)": distance / 1.0,
    "clipping, c = 0.01, d = 2": np.full_like(distance, 0.01 * np.sqrt(2)),
}
by_search = [
    np.linspace(0, 4, 40_001)[np.argmax(np.linspace(0, 4, 40_001) * r - 0.5 * np.linspace(0, 4, 40_001) ** 2)]
    for r in distance
]
assert np.allclose(by_search, distance / 1.0, atol=1e-4), "w = Δ/γ is the maximum"
plots.curves(
    {name: (distance, values) for name, values in shapes.items()},
    xlabel="distance ‖Δ‖ between the means",
    ylabel="slope of the best linear critic",
    title="How hard the critic pushes, by how far the generator is off",
    alt="Slope of the best linear critic against distance: just above 1 and rising slowly for the one-centred penalty, 1 for the exact critic, proportional to distance for R1, near 0 for clipping.",
)

# %% [markdown]
# ## 7 · Spectral normalisation
#
# Penalties look at the critic where data and fakes happen to be. Spectral normalisation (Miyato et al. 2018) builds the bound into the network, everywhere.
#
# ### The Lipschitz constant of a stack of layers
#
# If $g$ is $L_g$-Lipschitz and $h$ is $L_h$-Lipschitz, then $\|h(g(z))-h(g(z'))\|\le L_h\|g(z)-g(z')\|\le L_hL_g\|z-z'\|$: the constants of layers multiply. LeakyReLU has slopes 0.2 and 1, so its constant is 1. For a linear map $z\mapsto zW$ the constant is the largest stretch $\max_{z\ne0}\|zW\|/\|z\|$, which is the **largest singular value** $\sigma(W)$; the bias has no part in it. Hence
#
# $$\boxed{\;\|f\|_{\text{Lip}}\le\prod_\ell\sigma(W_\ell)\;}$$
#
# and replacing each $W_\ell$ by $W_\ell/\sigma(W_\ell)$ makes $f$ 1-Lipschitz.
#
# ### Power iteration
#
# A full singular value decomposition in every training step would be dear. Let $W=\sum_k\sigma_kv_ku_k^\top$ with orthonormal $v_k$ (inputs) and $u_k$ (outputs), $\sigma_1>\sigma_2\ge\dots$ Start from any vector $u=\sum_kc_ku_k$ with $c_1\ne0$. One round computes $v=Wu$ and $u=W^\top v$, each scaled to length 1. Without the scaling, $W^\top Wu=\sum_k\sigma_k^2c_ku_k$, so after $t$ rounds the coefficients are in the ratio
#
# $$\boxed{\;\frac{c_k^{(t)}}{c_1^{(t)}}=\Big(\frac{\sigma_k}{\sigma_1}\Big)^{2t}\frac{c_k}{c_1}\;}$$
#
# and $u\to\pm u_1$, $v\to\pm v_1$, $v^\top Wu\to\sigma_1$. The weights change little from one training step to the next, so $u$ is kept between steps and **one** round a step follows $\sigma$.
#
# ### The gradient passes through σ
#
# Training differentiates $W/\sigma(W)$, so we need $\partial\sigma/\partial W$. Vary $\sigma=v^\top Wu$, where $v$, $u$ are the unit vectors at the maximum:
#
# $$d\sigma=dv^\top Wu+v^\top dW\,u+v^\top W\,du .$$
#
# Here $Wu=\sigma v$, and $v$ keeps its length, so $dv^\top v=0$: the first term is $\sigma\,dv^\top v=0$, and the last, $\sigma\,u^\top du$, is 0 likewise. What remains is
#
# $$\boxed{\;\frac{\partial\sigma}{\partial W}=v\,u^\top\;}$$
#
# so in code $v$ and $u$ may be held still (`stop_gradient`), but $W$ inside $v^\top Wu$ may **not**.


# %%
def spectrally_normalised(W, u, rounds=1):
    """W / σ(W) for a matrix W (inputs, outputs), by power iteration from u (outputs,); also the new u, and σ."""
    for _ in range(rounds):
        v = tf.math.l2_normalize(tf.linalg.matvec(W, u))
        u = tf.math.l2_normalize(tf.linalg.matvec(W, v, transpose_a=True))
    v, u = tf.stop_gradient(tf.math.l2_normalize(tf.linalg.matvec(W, u))), tf.stop_gradient(u)
    sigma = tf.reduce_sum(v * tf.linalg.matvec(W, u))  # vᵀWu
    return W / sigma, u, sigma


W = tf.constant(rng.normal(size=(6, 4)))
normal, u_end, sigma = spectrally_normalised(W, tf.constant(rng.normal(size=4)), rounds=60)
v1, s, u1 = np.linalg.svd(W.numpy(), full_matrices=False)
print(f"σ by power iteration {float(sigma):.10f}, by SVD {s[0]:.10f}; norm of W/σ {np.linalg.norm(normal, 2):.10f}")
assert np.isclose(sigma, s[0]) and np.isclose(np.linalg.norm(normal, 2), 1)

# Rate: start between the first two singular vectors, where the ratio of the coefficients is exact at every round.
coefficients, u = [], tf.constant(u1[0] + u1[1])
for _ in range(6):
    coefficients.append(abs(u.numpy() @ u1[1]) / abs(u.numpy() @ u1[0]))
    _, u, _ = spectrally_normalised(W, u)
print(
    "ratio of the coefficients:",
    np.round(coefficients, 5).tolist(),
    " formula:",
    np.round((s[1] / s[0]) ** (2 * np.arange(6)), 5).tolist(),
)
assert np.allclose(coefficients, (s[1] / s[0]) ** (2 * np.arange(6)), rtol=1e-6)

bumped = [
    (np.linalg.norm(W.numpy() + 1e-6 * e, 2) - np.linalg.norm(W.numpy() - 1e-6 * e, 2)) / 2e-6
    for e in np.eye(24).reshape(24, 6, 4)
]
print(
    f"∂σ/∂W = vuᵀ: largest difference from central differences {np.abs(np.reshape(bumped, (6, 4)) - np.outer(v1[:, 0], u1[0])).max():.1e}"
)
assert np.allclose(np.reshape(bumped, (6, 4)), np.outer(v1[:, 0], u1[0]), atol=1e-8)

# %% [markdown]
# The normalised matrix does not change when $W$ is doubled. A loss that sees only $W/\sigma$ therefore has a gradient at right angles to $W$: $\langle\partial L/\partial W,W\rangle=\frac{d}{ds}L(sW)\big|_{s=1}=0$. This is a sharp test of the gradient through $\sigma$, and it separates two layers that both call themselves spectral normalisation. The course's `nets.SpectralNorm` computes as above. `keras.layers.SpectralNormalization`
# instead **overwrites the trained weight** with $W/\sigma$ on every call with `training=True`, outside of any gradient:

# %%
keras.utils.set_random_seed(SEED)
inputs = tf.constant(rng.normal(size=(32, 6)), tf.float32)
wanted = tf.constant(rng.normal(size=(32, 4)), tf.float32)
for name, wrap in (
    ("course_lib.nets.SpectralNorm", nets.SpectralNorm),
    ("keras.layers.SpectralNormalization", keras.layers.SpectralNormalization),
):
    layer = wrap(layers.Dense(4, kernel_initializer=keras.initializers.Constant(W.numpy())))
    for _ in range(60):  # let σ settle
        layer(inputs, training=True)
    kernel = layer.layer.kernel
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean((layer(inputs, training=True) - wanted) ** 2)
    gradient = tape.gradient(loss, kernel)
    cosine = float(tf.reduce_sum(gradient * kernel) / (tf.norm(gradient) * tf.norm(kernel)))
    kept = np.allclose(kernel, W, atol=1e-5)
    print(f"{name:36} trained weight left alone: {kept!s:5}  cosine of gradient and weight: {cosine:+.4f}")
    if wrap is nets.SpectralNorm:
        assert kept and abs(cosine) < 1e-4
        assert np.allclose(layer(inputs), inputs @ tf.cast(normal, tf.float32), atol=1e-4)
    else:
        assert not kept and abs(cosine) > 1e-2

# %% [markdown]
# Keras's layer is a projection after the fact: an optimizer step first lengthens $W$, the next forward pass cuts it back. That also works in practice, but it is another method than the paper's, its weights jump when a batch is merely *looked at* with `training=True`, and Adam's memory is about a matrix that has been replaced.
#
# ### The norm of a reshaped kernel is not the norm of the convolution
#
# A convolution is a linear map too, but its kernel, an array $(k_h,k_w,c_{in},c_{out})$, is not its matrix. The paper (and every library) normalises the kernel **reshaped** to $(k_hk_wc_{in})\times c_{out}$. Does that bound the layer? Take a $3\times3$ kernel with one channel and all entries $\tfrac19$. Reshaped, it is a column of nine numbers, of norm $\sqrt{9\cdot\tfrac1{81}}=\tfrac13$. But it replaces
# each pixel by the mean of its neighbourhood, and leaves a constant image as it is: its norm is 1.
#
# The right norm, with the image continued periodically, comes from the Fourier transform: a convolution multiplies each frequency $\omega$ by the $c_{in}\times c_{out}$ matrix $\hat k(\omega)=\sum_{ab}k_{ab}e^{-i(\omega_1a+\omega_2b)}$, and different frequencies do not mix, so its norm is $\max_\omega\sigma(\hat k(\omega))$ (Sedghi et al. 2019).
#
# How far can the two be apart? Let $M$ be the reshaped kernel. The output at one position is $M^\top$ times the patch of the input that the kernel covers, so its squared length is at most $\sigma(M)^2\|\text{patch}\|^2$. Sum over all positions: with stride $s$ each input pixel lies in at most $\lceil k_h/s\rceil\lceil k_w/s\rceil$ patches, hence
#
# $$\boxed{\;\|\text{conv}\|\ \le\ \sqrt{\lceil k_h/s\rceil\lceil k_w/s\rceil}\;\sigma(\text{reshaped kernel})\;}$$
#
# (compare Tsuzuku et al. 2018, who give $\sqrt{k_hk_w}$ for stride 1). The box kernel reaches it: factor 3. For the kernels 4 with stride 2 of this course it is 2 for each layer.


# %%
def reshaped_norm(kernel):
    """Largest singular value of a kernel (kh, kw, in, out) read as a matrix (kh·kw·in, out)."""
    return np.linalg.norm(np.reshape(kernel, (-1, kernel.shape[-1])), 2)


def periodic_norm(kernel, size):
    """Norm of the convolution with this kernel, stride 1, on size × size images continued periodically."""
    frequencies = np.fft.fft2(kernel, (size, size), axes=(0, 1))  # (size, size, in, out)
    return np.linalg.svd(frequencies, compute_uv=False).max()


def convolution_norm(kernel, size, stride=1, rounds=200):
    """The same for a layer as it is used, zeros outside the image, by power iteration on the layer itself."""
    z = tf.constant(np.random.default_rng(1).normal(size=(1, size, size, kernel.shape[2])))
    for _ in range(rounds):
        with tf.GradientTape() as tape:
            tape.watch(z)
            out = tf.nn.conv2d(z, kernel, stride, "SAME")
        z = tape.gradient(out, z, output_gradients=out)  # the transposed map, applied to the output
        squared, z = float(tf.norm(z)), z / tf.norm(z)
    return np.sqrt(squared)


box = np.ones((3, 3, 1, 1)) / 9
print(
    f"box kernel: reshaped {reshaped_norm(box):.4f}, periodic convolution {periodic_norm(box, 32):.4f}, with zeros outside {convolution_norm(box, 32):.4f}"
)
assert np.isclose(reshaped_norm(box), 1 / 3) and np.isclose(periodic_norm(box, 32), 1)

shapes = [((3, 3, 8, 16), 1), ((4, 4, 1, 16), 2), ((4, 4, 16, 32), 2), ((5, 5, 3, 8), 2)]
for shape, stride in shapes:
    kernel = rng.normal(size=shape)
    bound = np.sqrt(np.prod([np.ceil(k / stride) for k in shape[:2]]))
    ratio = convolution_norm(kernel, 16, stride, rounds=60) / reshaped_norm(kernel)
    print(f"random kernel {shape}, stride {stride}: convolution / reshaped = {ratio:.3f}, bound {bound:.0f}")
    assert ratio <= bound + 1e-9

# %%
figure, (left, right) = plots.canvas(9, 3.1, columns=2)
left.plot(range(6), (s[1] / s[0]) ** (2 * np.arange(6)), color=plots.COLOURS[0], label="$(\\sigma_2/\\sigma_1)^{2t}$")
left.plot(range(6), coefficients, "o", color=plots.COLOURS[1], label="measured")
left.set(yscale="log", xlabel="rounds t", ylabel="share of the second vector", title="Power iteration")
left.legend(frameon=False, fontsize=9)
response = np.abs(np.fft.fft2(box[..., 0, 0], (64, 64)))[0, :33]
right.plot(
    np.linspace(0, 0.5, 33), response, color=plots.COLOURS[0], linewidth=2, label="gain of each horizontal frequency"
)
right.axhline(1 / 3, color=plots.COLOURS[1], linestyle="--", label="norm of the reshaped kernel, 1/3")
right.set(
    xlabel="frequency (cycles per pixel)", ylabel="gain", title="The 3 × 3 mean: norm 1, at frequency 0", ylim=(0, 1.05)
)
right.legend(frameon=False, fontsize=9)
figure.alt_text = (
    "Left: the share of the second singular vector falls by the same factor in each round, on the formula's line. Right: the gain of the "
    "box kernel is 1 at frequency 0 and falls below the dashed line at one third only for fine patterns."
)
figure

# %% [markdown]
# So a “1-Lipschitz” convolutional critic with spectral normalisation is not one. For the discriminator of this lesson's comparison, two convolutions 4 / stride 2, one 3 / stride 1 and a Dense layer, the guarantee is $2\cdot2\cdot3\cdot1=12$. It is a *fixed* number, however, and that is what counts: scale is no longer something that training can run away with. How steep is such a network really?

# %%
keras.utils.set_random_seed(SEED)
spectral = nets.dcgan_discriminator((28, 28, 1), width=16, spectral_norm=True)
pictures = images.to_float(data.load_fashion("test").images[:64])
for _ in range(100):
    spectral(pictures, training=True)  # only σ is followed; the weights stay
wrapped = [layer for layer in spectral.layers if isinstance(layer, nets.SpectralNorm)]
guarantee, product = 1.0, 1.0
side = 28
for layer in wrapped:
    kernel = layer.layer.kernel.numpy() / float(layer.sigma())
    if kernel.ndim == 4:
        stride = layer.layer.strides[0]
        guarantee *= np.sqrt(np.prod([np.ceil(k / stride) for k in kernel.shape[:2]]))
        product *= convolution_norm(tf.cast(kernel, tf.float64), side, stride, rounds=60)
        side //= stride
steepest = slope_at(lambda z: spectral(tf.reshape(z, (-1, 28, 28, 1))), pictures.reshape(-1, 784)).max()
print(
    f"guarantee {guarantee:.0f}; product of the layers' true norms {product:.2f}; steepest slope at 64 garments {steepest:.4f}"
)
assert np.isclose(guarantee, 12) and steepest < product <= guarantee

# %% [markdown]
# At the start it is far *flatter* than 1: the product of norms is reached only if every layer stretches exactly the direction that the layer before stretched most, and random layers do not cooperate.
#
# ## 8 · The other losses, and where they belong
#
# The critic's output can be put into other losses than a difference of means, and the regularisers of this lesson can be combined with all of them. Written with $a$ for the output at a real $x\sim p$, $\tilde a$ at a generated $y\sim q$:
#
# | loss | discriminator minimises | generator minimises | best discriminator, at fixed $p$, $q$ |
# |---|---|---|---|
# | minimax | $\mathbb E[\operatorname{softplus}(-a)]+\mathbb E[\operatorname{softplus}(\tilde a)]$ | $-\mathbb E[\operatorname{softplus}(\tilde a)]$ | $\ln(p/q)$, loss $\ln4-2\,\mathrm{JSD}$ |
# | non-saturating | the same | $\mathbb E[\operatorname{softplus}(-\tilde a)]$ | the same |
# | least squares | $\tfrac12\mathbb E[(a-1)^2]+\tfrac12\mathbb E[\tilde a^2]$ | $\tfrac12\mathbb E[(\tilde a-1)^2]$ | $p/(p+q)$ |
# | hinge | $\mathbb E[\max(0,1-a)]+\mathbb E[\max(0,1+\tilde a)]$ | $-\mathbb E[\tilde a]$ | $\operatorname{sign}(p-q)$, loss $2-2\,\mathrm{TV}$ |
# | Wasserstein | $\mathbb E[\tilde a]-\mathbb E[a]$ | $-\mathbb E[\tilde a]$ | none without a bound on the slope; with it the potential, loss $-W_1$ |
# | relativistic | $\mathbb E[\operatorname{softplus}(\tilde a-a)]$ | $\mathbb E[\operatorname{softplus}(a-\tilde a)]$ | only differences count: $a+\text{const}$ is as good |
#
# *Hinge*: at one point the discriminator minimises $p\max(0,1-a)+q\max(0,1+a)$. Between $-1$ and $1$ this is $p+q-(p-q)a$, falling if $p>q$ and rising if $p<q$; outside it only grows. So $a^*=\operatorname{sign}(p-q)$ costs $2\min(p,q)$, and $\sum2\min(p,q)=2-2\,\mathrm{TV}$, since $\min(p,q)=\tfrac12(p+q-|p-q|)$ and
# $\mathrm{TV}=\tfrac12\sum|p-q|$. *Least squares*: $p(a-1)+qa=0$ gives $a^*=p/(p+q)$. In both cases the output is bounded by itself: the discriminator gains nothing from growing beyond its targets. The Wasserstein loss has no target at all, so **without a regulariser it has no minimum**. That is a prediction for the table below.

# %%
p_table, q_table = rng.dirichlet(np.ones(8), size=2)
answers = np.linspace(-6, 6, 120_001)


def best_answers(real_cost, fake_cost):
    """The best answer at each of the 8 places, by brute force, and the discriminator's loss with these answers."""
    totals = p_table[:, None] * real_cost(answers) + q_table[:, None] * fake_cost(answers)
    return answers[totals.argmin(axis=1)], totals.min(axis=1).sum()


found, value = best_answers(lambda a: np.logaddexp(0, -a), lambda a: np.logaddexp(0, a))
assert np.allclose(found, np.log(p_table / q_table), atol=2e-4)
assert np.isclose(value, np.log(4) - 2 * divergences.js_discrete(p_table, q_table), atol=1e-7)
found, _ = best_answers(lambda a: 0.5 * (a - 1) ** 2, lambda a: 0.5 * a**2)
assert np.allclose(found, p_table / (p_table + q_table), atol=2e-4)
found, value = best_answers(lambda a: np.maximum(0, 1 - a), lambda a: np.maximum(0, 1 + a))
assert np.allclose(found, np.sign(p_table - q_table), atol=2e-4)
assert np.isclose(value, 2 - 2 * divergences.tv_discrete(p_table, q_table), atol=1e-7)
print(f"hinge: best loss {value:.6f} = 2 − 2·TV with TV = {divergences.tv_discrete(p_table, q_table):.6f}")

real_out, fake_out = (tf.constant(rng.normal(size=(16, 1))) for _ in range(2))
for name, loss in losses.GAN_LOSSES.items():
    moved = loss.discriminator(real_out + 5, fake_out + 5) - loss.discriminator(real_out, fake_out)
    wider = loss.discriminator(9 + 0 * real_out, -9 + 0 * fake_out)
    print(
        f"{name:15} adding 5 to every output changes D's loss by {float(moved):+7.3f}; D's loss at outputs ±9: {float(wider):8.3f}"
    )
    assert np.isclose(moved, 0) == (name in ("wasserstein", "relativistic"))

# %% [markdown]
# Only the Wasserstein loss is never satisfied: the wider apart the outputs, the lower it gets, without end.
#
# ## 9 · The loss zoo
#
# Papers compare losses, and each finds its own to be best. The honest comparison holds everything else fixed and repeats with other seeds. Here it is for six losses and four regularisers, on Fashion-MNIST, each with three seeds: **one** pair of networks, **one** optimizer, **one** number of steps, nothing tuned for any combination. The runs are recorded (`tools/record_lesson_08.py` made them); first, a few of them live, shortened, to see that the code is what it says.
#
# The measure is the Fréchet distance between features of generated and of test images (lesson 09 derives it; 0 is perfect). The features come from the course's own classifier, so its values compare with each other only, **not** with any FID in a paper. Two marks give the scale: other real images, and pure noise.

# %%
zoo_record = json.loads(
    (importlib.resources.files("course_lib") / "assets/lessons/08_loss_zoo.json").read_text(encoding="utf-8")
)
extract = metrics.FeatureExtractor("fashion")
fashion, held_out = data.load_fashion("train"), data.load_fashion("test")
LIVE = [("non_saturating", "none"), ("hinge", "spectral_norm"), ("wasserstein", "gradient_penalty")]
PENALTIES = {
    "r1": {"penalty": "r1", "penalty_weight": 0.5},
    "gradient_penalty": {"penalty": "gradient_penalty", "penalty_weight": 10.0},
}


def zoo_model(loss, regulariser, seed):
    """The networks and optimizers of the recorded comparison."""
    keras.utils.set_random_seed(seed)
    generator = nets.dcgan_generator((28, 28, 1), 64, width=16)
    discriminator = nets.dcgan_discriminator((28, 28, 1), width=16, spectral_norm=regulariser == "spectral_norm")
    model = gan.GAN(generator, discriminator, loss, ema=0.99, seed=seed, **PENALTIES.get(regulariser, {}))
    model.compile(*(keras.optimizers.Adam(4e-4, beta_1=0.5, beta_2=0.99) for _ in range(2)))
    return model


real_features = extract(held_out.images[:1000])
live_samples = {}
for loss, regulariser in LIVE:
    model = zoo_model(loss, regulariser, SEED)
    model.fit(data.pipeline(fashion.images[: 32 * GAN_STEPS], 32, seed=SEED), shuffle=False, verbose=0)
    samples = np.asarray(model.sample(1000, seed=1))
    live_samples[f"{loss},\n{regulariser}"] = samples
    distance = metrics.frechet_distance(real_features, extract(samples))
    print(
        f"live, {GAN_STEPS} steps: {loss:14} with {regulariser:16} Fréchet {distance:6.0f} ({extract.name}, 1,000 samples)"
    )
    assert np.isfinite(distance)
plots.side_by_side(
    {label: samples[:12] for label, samples in live_samples.items()},
    title=f"Live: after {GAN_STEPS} steps",
    alt="Twelve samples each of three GANs after a very short training: blurred grey shapes of garments.",
)

# %% [markdown]
# After so few steps all look alike: bad. A fifth of the recorded budget tells nothing about losses. Now the record.

# %%
names = {"none": "none", "r1": "R1, γ = 1", "gradient_penalty": "GP, λ = 10", "spectral_norm": "spectral norm"}
runs = zoo_record["runs"]
seeds = sorted({run["seed"] for run in runs})
table = {
    loss: {
        reg: np.array([run["frechet"] for run in runs if (run["loss"], run["regulariser"]) == (loss, reg)])
        for reg in names
    }
    for loss in losses.GAN_LOSSES
}
lines = ["| loss | " + " | ".join(names.values()) + " |", "|---|" + "---|" * len(names)]
for loss, row in table.items():
    cells = [f"**{np.median(values):.0f}** [{values.min():.0f}, {values.max():.0f}]" for values in row.values()]
    lines.append(f"| {loss.replace('_', '-')} | " + " | ".join(cells) + " |")
print(f"{len(runs)} runs, seeds {seeds}; {zoo_record['budget']}; {zoo_record['optimizer']}")
print(f"{zoo_record['metric']}; other real images {zoo_record['floor']:.2f}, noise {zoo_record['noise']:.0f}")
print(
    f"{zoo_record['hardware']}; {zoo_record['minutes']} minutes; TensorFlow {zoo_record['versions']['tensorflow']}; {zoo_record['created']}"
)
Markdown("**Fréchet distance, median [lowest, highest] over the seeds; lower is better**\n\n" + "\n".join(lines))

# %%
figure, axes = plots.canvas(8.6, 5.4)
for k, (reg, label) in enumerate(names.items()):
    for line, row in enumerate(table.values()):
        at = line + (k - 1.5) * 0.19
        axes.plot(
            row[reg],
            np.full(len(row[reg]), at),
            plots.MARKERS[k],
            color=plots.COLOURS[k],
            markersize=5,
            alpha=0.8,
            label=label if line == 0 else None,
        )
        axes.plot([row[reg].min(), row[reg].max()], [at, at], color=plots.COLOURS[k], linewidth=1)
        axes.plot([np.median(row[reg])] * 2, [at - 0.08, at + 0.08], color=plots.COLOURS[k], linewidth=2.5)
for line in range(1, len(table)):
    axes.axhline(line - 0.5, color="#DDDDDD", linewidth=0.8)
axes.set(
    xscale="log",
    yticks=range(len(table)),
    yticklabels=[loss.replace("_", "-") for loss in table],
    xlabel=f"Fréchet distance ({extract.name}), logarithmic; lower is better",
    title="Six losses, four regularisers, each dot one seed",
)
axes.set_xticks([200, 300, 500, 1000, 2000], ["200", "300", "500", "1000", "2000"])
axes.minorticks_off()
axes.invert_yaxis()
axes.grid(axis="y", visible=False)
axes.legend(frameon=True, fontsize=9, loc="lower right", title="regulariser")
figure.alt_text = "Fréchet distance of every recorded run by loss and regulariser. " + " ".join(
    f"{loss}: " + ", ".join(f"{names[reg]} {np.median(values):.0f}" for reg, values in row.items()) + "."
    for loss, row in table.items()
)
figure

# %%
with np.load(importlib.resources.files("course_lib") / "assets/lessons/08_loss_zoo.npz") as file:
    recorded = file["samples"]  # (run, picture, 28, 28, 1), uint8
first = [run for run in runs if run["seed"] == seeds[0]]
plots.side_by_side(
    {
        loss.replace("_", "-"): np.concatenate(
            [pictures for pictures, run in zip(recorded, first, strict=True) if run["loss"] == loss]
        )
        for loss in table
    },
    title=f"Recorded, {first[0]['steps']} steps, seed {seeds[0]}; four samples each of: " + ", ".join(names.values()),
    size=0.6,
    alt="Four samples for each loss and regulariser after the recorded training: garments with ragged edges, "
    "but noise for the Wasserstein loss without a regulariser.",
)

# %% [markdown]
# None of these pictures is good, and none could be: 1,500 steps of 32 pictures are less than one pass through the data. The zoo compares how the losses *start*. Whether their order is the same ten times later, it does not say.
#
# ### How to read it
#
# **What can three seeds prove?** Let two cells of the table be equally good. Then the six values are three of one and three of the other in random order, and of the $\binom63=20$ orders one has all of the first below all of the second. So even a clean separation happens by chance in 1 of 20 cases (2 of 20, if we did not say beforehand which would win), and the table has 276 pairs of cells. **Single cells with overlapping
# dots must not be ranked, and a clean separation of two cells is a hint, no proof.**
#
# Pooling helps. To compare two regularisers, pair the runs with the same loss and the same seed, and count in how many pairs the first is better. If there were no difference, each pair would be a fair coin, and the probability of at least $k$ heads in $n$ throws is $2^{-n}\sum_{i\ge k}\binom ni$, doubled because either side might have won (*sign test*). The pairs of one loss are not perfectly independent of each other, so take the numbers as a scale, not to the letter.


# %%
def sign_test(first, second):
    """Pairs in which ``first`` is lower, number of pairs, and the two-sided probability of so uneven a count by chance."""
    wins, n = int(np.sum(np.asarray(first) < np.asarray(second))), len(first)
    k = max(wins, n - wins)
    tail = sum(math.comb(n, heads) for heads in range(k, n + 1)) / 2**n
    return wins, n, min(1.0, 2 * tail)


assert sign_test([1] * 10, [2] * 10) == (10, 10, 2 / 2**10)
result = {(run["loss"], run["regulariser"], run["seed"]): run["frechet"] for run in runs}
bounded = [loss for loss in table if loss != "wasserstein"]  # the five that have a minimum of their own
summary = {}
for group, members in (("five losses without Wasserstein", bounded), ("Wasserstein", ["wasserstein"])):
    for reg in ("r1", "gradient_penalty", "spectral_norm"):
        keys = [
            (loss, seed)
            for loss in members
            for seed in seeds
            if {(loss, reg, seed), (loss, "none", seed)} <= result.keys()
        ]
        pair = [[result[loss, which, seed] for loss, seed in keys] for which in (reg, "none")]
        wins, n, chance = sign_test(*pair)
        change = np.median(np.array(pair[0]) / np.array(pair[1]))
        summary[group, reg] = (wins, n, chance, change)
        print(
            f"{group:32} {names[reg]:14} better than none in {wins:2} of {n:2} pairs (by chance: {chance:.4f}), median ratio {change:.2f}"
        )

spread = np.mean(
    [np.ptp(row[reg]) / np.median(row[reg]) for loss, row in table.items() for reg in names if loss in bounded]
)
best = {loss: min(np.median(values) for values in row.values()) for loss, row in table.items()}
seconds = {reg: np.median([run["seconds"] for run in runs if run["regulariser"] == reg]) for reg in names}
print(
    "processor time of a run relative to none:",
    {names[reg]: round(float(value / seconds["none"]), 2) for reg, value in seconds.items()},
)
print(f"typical spread over seeds, (highest − lowest) / median: {spread:.0%}")
print("best median of each loss:", {loss: round(value) for loss, value in best.items()})
early = [run["curve"][0][1] for run in runs if run["loss"] in bounded]
late = [run["frechet"] for run in runs if run["loss"] in bounded]
order = np.corrcoef(np.argsort(np.argsort(early)), np.argsort(np.argsort(late)))[0, 1]
print(f"rank correlation of all runs after {runs[0]['curve'][0][0]} and after {runs[0]['steps']} steps: {order:.2f}")
versus = {}
for loss in ("minimax", "least_squares", "hinge", "relativistic"):
    keys = [
        (reg, seed)
        for reg in names
        for seed in seeds
        if {(loss, reg, seed), ("non_saturating", reg, seed)} <= result.keys()
    ]
    pair = [[result[which, reg, seed] for reg, seed in keys] for which in (loss, "non_saturating")]
    versus[loss] = wins, n, chance = sign_test(*pair)
    change = np.median(np.array(pair[0]) / np.array(pair[1]))
    print(
        f"{loss:14} better than non-saturating in {wins:2} of {n:2} pairs (by chance: {chance:.4f}), median ratio {change:.2f}"
    )
recalls = {}
for loss in table:
    kept = [[run["precision"], run["recall"]] for run in runs if run["loss"] == loss and run["regulariser"] != "none"]
    precision, recall = np.median(kept, axis=0)
    recalls[loss] = recall
    print(f"{loss:14} with a regulariser: precision {precision:.2f}, recall {recall:.2f} (medians)")

assert min(recalls, key=recalls.get) == "wasserstein"
assert versus["minimax"][0] == versus["minimax"][1] and versus["least_squares"][0] < versus["least_squares"][1] / 2
assert max((np.median(values), loss, reg) for loss, row in table.items() for reg, values in row.items())[1:] == (
    "wasserstein",
    "none",
)
assert (
    summary["five losses without Wasserstein", "r1"][3]
    < 1
    < summary["five losses without Wasserstein", "gradient_penalty"][3]
)
assert summary["Wasserstein", "gradient_penalty"][3] < summary["Wasserstein", "r1"][3] < 1

# %% [markdown]
# - **The prediction of section 8 holds.** The Wasserstein loss without a regulariser is the worst cell of the table and the least reproducible one. Every regulariser improves it, and the one-centred penalty, which was made for it, improves it most.
# - **The regulariser is not a matter of “the more the better”.** For the five losses that have a minimum of their own, R1 helps in nearly every pair; spectral norm makes no clear difference at this budget; and the one-centred penalty, the cure of the Wasserstein loss, makes all of them *worse*. Section 6 offers an explanation: it forces a slope of 1 on a discriminator whose logits want to find their own scale, and keeps
#   pushing a generator that has arrived. (An explanation, not a measurement: to test it, vary λ.)
# - **Losses differ about as much as regularisers do, and in an order that no textbook predicts.** At this budget minimax, the saturating loss that lesson 06 warns of, is *ahead* of the non-saturating one in every pair, and least squares is behind; for hinge and relativistic compare their counts with the probability printed beside them. A possible reason for the first (not measured here): a discriminator of this size is never so sure of a fake that the gradient dies, and Adam rescales what is left of it.
#   Lucic et al. (2018) came to a similar verdict on a far larger scale: with enough search, most losses reach similar scores.
# - **One number is not enough.** Precision, the share of samples that look like data, is the same for all losses. Recall, the share of the data's variety that the samples cover, is not: the Wasserstein loss covers far less than the others here.
# - **The budget decides too.** The rank correlation above says how little the order after a third of the training predicts the order at its end; so do not carry the final order over to a training a hundred times as long. All cells are far from the mark of other real images. And one critic step for each generator step is not what the WGAN papers use (five); a Wasserstein loss with more critic steps is another, dearer, entry that this table does not have.
#
# **Choosing.** Non-saturating with R1 is a sound default: a gradient on real images only, no pairs, and known local convergence (lesson 05). Take hinge with spectral norm where the second derivative is too dear. Take the Wasserstein loss with a gradient penalty when you want a critic whose *value* means something while training goes on, and pay for its steps. Whatever you take: three seeds before you believe a difference.
#
# ## 10 · What goes wrong, and how to read it
#
# | you see | it means | do |
# |---|---|---|
# | critic loss falls without end, outputs in the thousands | no bound on the slope | add a penalty or spectral norm |
# | “Wasserstein estimate” larger than possible | the critic is steeper than 1 | divide by its steepest slope; it is a lower bound then |
# | estimate near 0, samples bad | clipped too hard, or too few critic steps | penalty instead of clipping; train the critic on |
# | NaN in the first steps with a penalty | $\sqrt{\cdot}$ at a zero gradient | a floor inside the root |
# | penalty never approaches 0 | BatchNorm in the critic, or a wrong $\alpha$ | run the four cases of section 5 |
# | samples drift for ever around a good solution | one-centred penalty at the end of training | R1, or a smaller step |
# | spectral norm on, critic still steep | reshaped norm is not the operator norm | expected: the bound is the box of section 7 |
#
# ### Try this
#
# 1. In section 4, try depths 1, 2 and 6. For which $c$ is the slope near 1 at each? Compare with $c\approx1/n$.
# 2. Give the learned critic of section 5 $\lambda=1$ and $\lambda=100$. Predict its estimate first, with the box on the penalised slope.
# 3. Replace the penalty by the *one-sided* $\max(0,\|\nabla f\|-1)^2$. Which of the four cases change?
# 4. In TransportLab, find a position where the plans for $W_1$ and for $W_2$ differ. Why does $W_2$ avoid one long way?
# 5. Wrap `point_critic`'s layers in `nets.SpectralNorm` and train it without a penalty. How close does its estimate come to the exact $W_1$?
#
# ## Summary
#
# - $W_1$ is the cheapest plan, a linear program; on a line it is the area between distribution functions.
# - Plans and critics meet: $W_1=\max_{f\ 1\text{-Lipschitz}}\mathbb E_pf-\mathbb E_qf$. The best critic has slope 1 along the rays on which mass moves.
# - Where supports do not meet, the Jensen–Shannon divergence is $\ln2$ and flat; $W_1$ is not. Samples exaggerate $W_1$, like $n^{-1/d}$.
# - Clipping bounds $c\|\Delta\|_1$. The one-centred penalty settles at slope $1+\|\Delta\|/2\lambda$. R1 lets the slope go to 0.
# - Spectral norm: power iteration, gradient $vu^\top$; a convolution may be $\sqrt{\lceil k_h/s\rceil\lceil k_w/s\rceil}$ times steeper than its reshaped kernel says.
# - Compare losses with seeds, and say what three seeds can show.
#
# ## References
#
# - Arjovsky, Chintala & Bottou (2017), *Wasserstein GAN*, [arXiv:1701.07875](https://arxiv.org/abs/1701.07875)
# - Gulrajani, Ahmed, Arjovsky, Dumoulin & Courville (2017), *Improved Training of Wasserstein GANs*, [arXiv:1704.00028](https://arxiv.org/abs/1704.00028)
# - Mescheder, Geiger & Nowozin (2018), *Which Training Methods for GANs do actually Converge?*, [arXiv:1801.04406](https://arxiv.org/abs/1801.04406)
# - Miyato, Kataoka, Koyama & Yoshida (2018), *Spectral Normalization for Generative Adversarial Networks*, [arXiv:1802.05957](https://arxiv.org/abs/1802.05957)
# - Sedghi, Gupta & Long (2019), *The Singular Values of Convolutional Layers*, [arXiv:1805.10408](https://arxiv.org/abs/1805.10408)
# - Tsuzuku, Sato & Sugiyama (2018), *Lipschitz-Margin Training*, [arXiv:1802.04034](https://arxiv.org/abs/1802.04034)
# - Mao et al. (2016), *Least Squares GANs*, [arXiv:1611.04076](https://arxiv.org/abs/1611.04076); Lim & Ye (2017), *Geometric GAN* (hinge), [arXiv:1705.02894](https://arxiv.org/abs/1705.02894); Jolicoeur-Martineau (2018), *The relativistic discriminator*, [arXiv:1807.00734](https://arxiv.org/abs/1807.00734)
# - Lucic, Kurach, Michalski, Gelly & Bousquet (2018), *Are GANs Created Equal?*, [arXiv:1711.10337](https://arxiv.org/abs/1711.10337)
# - Peyré & Cuturi (2019), *Computational Optimal Transport*, [arXiv:1803.00567](https://arxiv.org/abs/1803.00567)
#
# **Next:** the exercises of this lesson, `exercises/08_wasserstein.ipynb`; then lesson 09, *Measuring generators*.
#
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
