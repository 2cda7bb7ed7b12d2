# %% [markdown]
# # Exercises 04 · Inside latent space
#
# Six tasks, 60 to 90 minutes: from one line to an experiment of your own design. They belong to
# `notebooks/04_latent_space.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $d$ latent variables, prior $\mathcal N(0, I)$, natural logarithms.

# %%
import numpy as np
from scipy.special import gammaln

from course_lib import checks, data, images, latent, plots, runtime, zoo

runtime.setup(0)

# %% [markdown]
# ## Task 1 · How long is a point on a line?
#
# $a$ and $b$ are independent draws of $\mathcal N(0, I)$ in $d$ dimensions. Return
# $\mathbb E\lVert(1-t)\,a + t\,b\rVert$, exactly, for every $d$ up to thousands.
#
# - `d`: an integer of at least 1; `t`: a number in [0, 1]
# - returns: a positive number
# - worked numbers: `norm_on_a_line(1, 0.0)` is `0.7979`, the mean of $|z|$ for one normal number;
#   `norm_on_a_line(1, 0.5)` is `0.5642`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “The norm”, knows the mean length of a draw; section 2, “A straight line leaves the shell”, knows the law of a point on the line.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Variances of independent Gaussians add up: $(1-t)a+tb\sim\mathcal N\big(0,((1-t)^2+t^2)I\big)$, so it is a standard draw times a number. For $d$ in the thousands $\Gamma$ overflows: stay with its logarithm, `gammaln`.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The answer is $\sqrt{(1-t)^2+t^2}$ times $\sqrt2\,\Gamma(\frac{d+1}2)/\Gamma(\frac d2)$, and the quotient is the exponential of a difference of two logarithms. For $d=1$ it is $\sqrt2/\sqrt\pi=0.7979$; at $t=0.5$ the factor $\sqrt{0.5}$ makes $0.5642$ of it.
#
# </details>


# %%
def norm_on_a_line(d, t):
    """E‖(1 − t) a + t b‖ for independent a, b ~ N(0, I) in d dimensions."""
    ### BEGIN SOLUTION
    of_a_draw = np.sqrt(2) * np.exp(gammaln((d + 1) / 2) - gammaln(d / 2))
    return np.sqrt(t**2 + (1 - t) ** 2) * of_a_draw
    ### END SOLUTION


# %%
checks.norm_on_a_line(norm_on_a_line)

# %% [markdown]
# ## Task 2 · The arc
#
# Return the point a share `t` of the way from `a` to `b` on the arc. The *direction* turns by the share `t` of the
# angle; the *norm* goes evenly from $\lVert a\rVert$ to $\lVert b\rVert$. Vectors of the same direction must work;
# opposite ones will not come.
#
# - `a`, `b`: NumPy arrays `(d,)` of any norm above 0; `t`: a number in [0, 1]
# - returns: `(d,)`
# - worked number: from `[3, 0]` to `[0, 1]` the middle has norm 2 and points along the diagonal: `[1.414, 1.414]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “The arc”. Treat direction and length as two separate questions.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The angle is that between the *unit* vectors, $\cos\theta=\frac{a\cdot b}{\lVert a\rVert\lVert b\rVert}$; rounding can carry this just above 1, so clip it before `arccos`. And the formula divides by $\sin\theta$: what if the directions agree?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With the unit vectors $\hat a,\hat b$ the direction is $\frac{\sin((1-t)\theta)\,\hat a+\sin(t\theta)\,\hat b}{\sin\theta}$, again of length 1; multiply it by the length $(1-t)\lVert a\rVert+t\lVert b\rVert$. Where $\sin\theta$ is tiny, the straight line is the answer. On the worked number $\theta=90°$: the direction is $(0.707,0.707)$, the length 2.
#
# </details>


# %%
def arc_point(a, b, t):
    """The point a share t of the way from a to b on the arc: (d,), (d,), number -> (d,)."""
    ### BEGIN SOLUTION
    norm_a, norm_b = np.linalg.norm(a), np.linalg.norm(b)
    theta = np.arccos(np.clip(a @ b / (norm_a * norm_b), -1, 1))
    if np.sin(theta) < 1e-6:
        return (1 - t) * a + t * b
    direction = (np.sin((1 - t) * theta) * a / norm_a + np.sin(t * theta) * b / norm_b) / np.sin(theta)
    return ((1 - t) * norm_a + t * norm_b) * direction
    ### END SOLUTION


# %%
checks.arc_point(arc_point)

# %% [markdown]
# **2b. Read three strips.** Each row was decoded from nine latent vectors of `faces-gan` ($d = 100$): one row along
# a straight line, one along an arc, one from nine independent draws. Below the rows are the norms of the nine
# vectors. Which is which?

# %%
first, second = np.random.default_rng(21).standard_normal((2, 100))
hidden = {
    "A": latent.slerp(first, second, 9),
    "B": latent.lerp(first, second, 9),
    "C": np.random.default_rng(22).standard_normal((9, 100)),
}
generator = zoo.load("faces-gan")
for name, z in hidden.items():
    print(name, "norms:", np.linalg.norm(z, axis=1).round(1))
plots.side_by_side(
    {name: generator.predict(z.astype(np.float32), verbose=0) for name, z in hidden.items()},
    alt="Three rows of nine generated faces, A, B and C.",
)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sections 1 and 2 of the lesson: the norms tell you nearly everything, and the pictures the rest. Do neighbours in a row resemble each other?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# In 100 dimensions a draw has a norm of about 10. What does a straight line between two independent draws do to the norm half-way, and what does an arc do?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# In the middle of a straight line the norm has fallen by the factor $\sqrt{0.5}$, to about 7. Along an arc it goes evenly from the first norm to the last. Nine independent draws scatter around 10 (by about 0.7) in no order, and their faces are nine strangers. Read the three printed rows with this.
#
# </details>

# %%
### BEGIN SOLUTION
which_path = {"A": "slerp", "B": "lerp", "C": "draws"}  # each one of "lerp", "slerp", "draws"
### END SOLUTION

# %%
checks.which_path(which_path)

# %% [markdown]
# ## Task 3 · An attribute vector
#
# Return the **unit** vector that points from the mean of the codes without an attribute to the mean of the codes
# with it.
#
# - `z`: `(N, d)`; `labels`: `(N,)` of 0 and 1, both present
# - returns: `(d,)` of norm 1
# - worked number: codes `[[0, 0], [0, 2], [3, 1]]` with labels `[0, 0, 1]` give `[1, 0]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “The direction that tells groups apart”.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two means over examples (axis 0), *with* minus *without*. Bring the difference to length 1 at the very end; the codes themselves stay as they are.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# On the worked number the mean with the attribute is $(3,1)$ and the mean without is $(0,1)$; their difference $(3,0)$ has the norm 3, so $(1,0)$. They must be means and not sums, because the groups differ in size; and the mean without must be taken off, because the codes need not be centred at 0.
#
# </details>


# %%
def attribute_vector(z, labels):
    """The unit vector from the mean without to the mean with an attribute: (N, d), (N,) -> (d,)."""
    ### BEGIN SOLUTION
    difference = z[labels == 1].mean(axis=0) - z[labels == 0].mean(axis=0)
    return difference / np.linalg.norm(difference)
    ### END SOLUTION


# %%
checks.attribute_vector(attribute_vector)

# %% [markdown]
# ## Task 4 · Glasses, and only glasses
#
# Return the part of `vector` that is perpendicular to `other`. Neither has to be a unit vector, and the result is not
# normalised.
#
# - `vector`, `other`: `(d,)`
# - returns: `(d,)` with scalar product 0 with `other`
# - worked number: `[1, 1]` without `[0, 5]` is `[1, 0]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “Project the others out”: take off as much of `other` as `vector` contains.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Look for the number $c$ for which $v-c\,u$ is perpendicular to $u$. Neither vector has length 1, so watch how the length of $u$ enters.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $(v-c\,u)\cdot u=0$ gives $c=\frac{v\cdot u}{u\cdot u}$. On the worked number $v\cdot u=5$ and $u\cdot u=25$, so $c=0.2$, and $(1,1)-0.2\cdot(0,5)=(1,0)$. A test: making `other` ten times longer must change nothing.
#
# </details>


# %%
def keep_attribute(vector, other):
    """The part of vector that is perpendicular to other: (d,), (d,) -> (d,)."""
    ### BEGIN SOLUTION
    return vector - (vector @ other) / (other @ other) * other
    ### END SOLUTION


# %%
checks.keep_attribute(keep_attribute)

# %% [markdown]
# ## Task 5 · The gap of one factor
#
# You get a list of joint tables of counts, one for each latent coordinate: `table[b, v]` says how often the
# coordinate fell into bin `b` when the factor had value `v`. Return the factor's gap: the largest mutual
# information less the second largest, over the factor's entropy. Some cells are empty, and $0\log 0 = 0$.
#
# - `tables`: a list of at least two arrays `(bins, values)` of counts; all have the same column sums
# - returns: a number in [0, 1]
# - worked numbers: a diagonal table beside a constant one gives 1; two diagonal tables give 0

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “Information and entropy” and “The gap”. First turn the counts into joint probabilities.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For one table: $p_{bv}$ = count over total, row sums $p_b$, column sums $p_v$, and $I=\sum p_{bv}\log\frac{p_{bv}}{p_bp_v}$ over the cells that are not empty. The entropy below the line is that of the *factor*, so of the columns.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A helper for the information of one table; apply it to all and sort. Then (largest − second) over $-\sum_vp_v\log p_v$, empty values left out. Check it on the worked numbers: a diagonal table has $I=H$, a constant one $I=0$, so the gap is $H/H=1$; two diagonal ones give $H-H=0$. The base of the logarithm cancels.
#
# </details>


# %%
def table_gap(tables):
    """(largest − second largest I(z_j; v)) / H(v) from joint counts (bins, values) of each coordinate j."""

    ### BEGIN SOLUTION
    def information(counts):
        p = counts / counts.sum()
        independent = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
        return np.sum(p[p > 0] * np.log(p[p > 0] / independent[p > 0]))

    ordered = sorted(information(table) for table in tables)
    factor = tables[0].sum(axis=0) / tables[0].sum()
    factor = factor[factor > 0]
    return (ordered[-1] - ordered[-2]) / -np.sum(factor * np.log(factor))
    ### END SOLUTION


# %%
checks.table_gap(table_gap)

# %% [markdown]
# **5b. Judge a claim.** A model reconstructs every sprite perfectly and has a MIG of 0.05. What follows?
#
# - **a.** Its codes do not contain the factors.
# - **b.** It was not trained long enough.
# - **c.** The information is there, but not on single axes: a rotation, or a factor that needs two coordinates, is
#   enough.
# - **d.** The factors of these pictures cannot be disentangled by any model.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 6 of the lesson, “Why the axes cannot be found from data alone”; and what does the gap of section 5 compare?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Two facts are given. “Reconstructs perfectly”: are the factors in the codes, or not? “A small gap”: a statement about *single coordinates*, the best against the second best.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Think of a model with a large gap and rotate its codes by 45°, with a decoder that turns them back. Every picture is reconstructed as before; but each coordinate now knows as much of a factor as its neighbour, and the gap is nearly 0. Which answer describes just that, and which ones claim more than the two numbers can tell?
#
# </details>

# %%
### BEGIN SOLUTION
low_gap = "c"
### END SOLUTION

# %%
checks.low_gap(low_gap)

# %% [markdown]
# ## Task 6 · Design the collection
#
# In a collection of faces nearly everybody with glasses has facial hair, so the vector for glasses grows beards.
# You may choose which faces enter the means. Return which to keep, such that facial hair has the same share among
# faces with and without glasses, and keep as many faces as an *equal* number of each of the four combinations
# allows (more is welcome).
#
# - `wanted`, `other`: booleans `(N,)`; all four combinations occur
# - returns: booleans `(N,)`
# - worked number: with 30, 2, 3 and 20 faces of the four combinations, keep 2 of each, 8 in all

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson found that attributes which go together in the labels leak into the vector. Think of a table with four cells: with and without glasses, with and without facial hair.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The smallest of the four cells limits you: keep that many of each. Which examples of a cell you take does not matter.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For each of the four combinations find the positions of its examples (`np.flatnonzero` of a Boolean array); let $n$ be the length of the shortest list; mark the first $n$ of each list in an array of `False`. On the worked number $n=2$: eight faces, and facial hair has the share ½ on both sides.
#
# </details>


# %%
def balanced_collection(wanted, other):
    """Which examples to keep so that `other` is as frequent with `wanted` as without: (N,), (N,) -> (N,), booleans."""
    ### BEGIN SOLUTION
    cells = [np.flatnonzero((wanted == w) & (other == o)) for w in (False, True) for o in (False, True)]
    n = min(len(cell) for cell in cells)
    kept = np.zeros(len(wanted), dtype=bool)
    kept[np.concatenate([cell[:n] for cell in cells])] = True
    return kept
    ### END SOLUTION


# %%
checks.balanced_collection(balanced_collection)

# %% [markdown]
# **6b. Run the experiment.** The cell below makes a biased collection of composed faces, and decodes three vectors
# for glasses: from the biased collection, the same with facial hair projected out (your task 4), and from your
# balanced collection. **Predict first**: which of the two repairs leaves fewer beards, and which picture of glasses
# is better?

# %%
n = 1500
codes_of = data.random_attributes(n, seed=5)
coin = np.random.default_rng(6).random(n) < 0.95
codes_of["facial_hair"] = np.where(coin == (codes_of["glasses"] > 0), 1, 0)
model, judge = zoo.load("faces-vae"), zoo.load("faces-classifier")
z = model.encoder.predict(images.to_float(data.compose_faces(codes_of)), batch_size=250, verbose=0)[0].astype(
    np.float64
)
glasses, beard = codes_of["glasses"] > 0, codes_of["facial_hair"] > 0


def difference(keep, labels):
    return z[keep & labels].mean(axis=0) - z[keep & ~labels].mean(axis=0)


everyone = np.ones(n, dtype=bool)
kept = balanced_collection(glasses, beard)
biased, clean = difference(everyone, glasses), difference(kept, glasses)
vectors = {
    "biased": biased,
    "projected": keep_attribute(biased, difference(kept, beard)),
    "balanced": clean,
}
plain = z[~glasses & ~beard][:100]
rows = {"before": plain}
for name, vector in vectors.items():
    edited = plain + 2 * vector
    said = judge.predict(np.asarray(model.decode(edited)), batch_size=250, verbose=0)
    share = {k: np.mean(said[k].argmax(axis=1) > 0) for k in ("glasses", "facial_hair")}
    print(f"{name:10} glasses {share['glasses']:.2f}, facial hair {share['facial_hair']:.2f}")
    rows[name] = edited
print(f"kept {kept.sum()} of {n} faces")
plots.side_by_side({name: model.decode(v[:9]) for name, v in rows.items()}, alt="Faces before and after three edits.")

# %% [markdown] tags=["solution"]
# Both repairs remove the beards. The balanced collection needs no second vector, but it throws most of the faces
# away; the projection keeps them all, and needs a *clean* vector for facial hair, which here came from the balanced
# collection too. With few examples of the rare combinations both are noisy: the remedy is to collect those
# combinations, which is a decision about data and no formula can take it for you.
