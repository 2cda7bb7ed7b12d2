# %% [markdown]
# # Exercises 09 · Measuring generators
#
# Six tasks, 60 to 90 minutes: from one formula to the design of a comparison. They belong to `notebooks/09_measuring_generators.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: features `(n, d)` of real and `(m, d)` of generated pictures; FD the Fréchet distance; $k$ the number of neighbours.

# %%
import numpy as np

from course_lib import checks, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · The Fréchet distance, from features
#
# $$\mathrm{FD}=\|\mu_a-\mu_b\|^2+\operatorname{tr}A+\operatorname{tr}B-2\sum_is_i(F_a^\top F_b),\qquad A=F_aF_a^\top,\ B=F_bF_b^\top$$
#
# Estimate the covariances with $n-1$ in the denominator. The check uses sets with fewer pictures than features and with constant features too, so that covariances are singular; and the distance of a set from itself has to be 0 up to $10^{-6}$.
#
# - `x` `(n, d)`, `y` `(m, d)`: features, NumPy arrays, $n, m\ge2$, $d\ge2$
# - returns: a number
# - worked number: `x = [[0, 0], [2, 0]]` and `y = [[3, 0], [3, 4]]` give $(1-3)^2+(0-2)^2+2+8=18$: the covariances are $\operatorname{diag}(2,0)$ and $\operatorname{diag}(0,8)$, which have no direction in common

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “In any dimension: a bound from two moments”: the formula needs no matrix root, only a *factor* of each covariance and singular values.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A factor is $F=V\sqrt\Lambda$ from `np.linalg.eigh`: each eigenvector times the root of its eigenvalue. Rounding makes some zero eigenvalues slightly negative or slightly positive: set what is tiny beside the largest to 0. Rows are pictures, so `rowvar=False`.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Both factors; $\operatorname{tr}A$ is the sum of all squares in $F_a$; the $s_i$ are the singular values of $F_a^\top F_b$ (`np.linalg.svd` without the vectors); add the squared distance of the means, and take off *twice* the sum of the $s_i$. On the worked number the two factors have no direction in common, so all $s_i=0$, and $4+4+2+8=18$.
#
# </details>


# %%
def frechet_from_features(x, y):
    """Fréchet distance of features (n, d) and (m, d), also where covariances are singular -> number."""
    ### BEGIN SOLUTION

    def factor(features):
        values, vectors = np.linalg.eigh(np.cov(features, rowvar=False))
        values[values < 1e-12 * values.max()] = 0
        return vectors * np.sqrt(values)

    F_x, F_y = factor(x), factor(y)
    overlap = np.linalg.svd(F_x.T @ F_y, compute_uv=False).sum()
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.sum(F_x**2) + np.sum(F_y**2) - 2 * overlap
    ### END SOLUTION


# %%
checks.frechet_from_features(frechet_from_features)

# %% [markdown] tags=["solution"]
# The trace of $FF^\top$ is the sum of all squares in $F$. There is an even shorter way without eigenvectors: the centred features themselves, divided by $\sqrt{n-1}$, are a factor, $A=X_c^\top X_c/(n-1)$, so that the $s_i$ are the singular values of $X_cY_c^\top/\sqrt{(n-1)(m-1)}$.

# %% [markdown]
# ## Task 2 · The kernel distance, without bias
#
# With $k(x,y)=(x^\top y/d+1)^3$,
#
# $$\widehat{\mathrm{MMD}}^2=\frac1{n(n-1)}\sum_{i\ne j}k(x_i,x_j)+\frac1{m(m-1)}\sum_{i\ne j}k(y_i,y_j)-\frac2{nm}\sum_{i,j}k(x_i,y_j).$$
#
# - `x` `(n, d)`, `y` `(m, d)`: NumPy arrays, $n, m\ge2$
# - returns: a number, which may be negative
# - worked number: `x = [[1], [2]]` and `y = [[0], [0]]` give $27+1-2\cdot1=26$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 4 of the lesson, “Without bias”: three tables of kernel values, and in two of them a diagonal that must not count.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# One matrix product makes a whole table $k(a_i,b_j)$; $d$ is the number of features. Within a set leave the diagonal out of the sum, and divide by $n(n-1)$ instead of $n^2$. Between the sets every pair counts.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# For one set: (sum of its table − its trace) over $n(n-1)$. Then set one + set two − 2 · mean of the mixed table. On the worked number $k(1,2)=(2+1)^3=27$, $k(0,0)=1$, and every mixed value is $(0+1)^3=1$: $27+1-2=26$.
#
# </details>


# %%
def unbiased_kernel_distance(x, y):
    """Unbiased squared MMD with the cubic kernel: (n, d), (m, d) -> number."""
    ### BEGIN SOLUTION

    def kernel(a, b):
        return (a @ b.T / a.shape[1] + 1) ** 3

    def mean_of_pairs(a):
        table, n = kernel(a, a), len(a)
        return (table.sum() - np.trace(table)) / (n * (n - 1))

    return mean_of_pairs(x) + mean_of_pairs(y) - 2 * kernel(x, y).mean()
    ### END SOLUTION


# %%
checks.unbiased_kernel_distance(unbiased_kernel_distance)

# %% [markdown]
# ## Task 3 · Neighbours
#
# **3a.** You are given distances, not features. Return precision (the share of generated points inside the ball of at least one real point) and recall (the share of real points inside the ball of at least one generated point). A ball reaches to the $k$-th nearest *other* point of its own set, and its surface belongs to it.
#
# - `real_real` `(n, n)`, `fake_fake` `(m, m)`: distances within each set, with zeros on the diagonal; `fake_real` `(m, n)`: the distance of each generated point (row) to each real point (column); `k` ≥ 1
# - returns: a tuple (precision, recall) of numbers in $[0, 1]$
# - worked number: real points 0, 1, 2 on a line, generated points 1.5 and 9, $k=1$: radii 1, 1, 1 and 7.5, 7.5. Precision ½; recall 1, because the ball of 1.5 holds all real points

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: two questions, “is a sample near data?” and “are data near a sample?”. First find the radius of every ball.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Sort each row of a set's own distances: entry 0 is the point itself, so the $k$-th nearest *other* point is entry $k$. Rows of `fake_real` are generated points, columns are real ones: along which axis do the real radii lie?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Precision: compare each column with its real radius (≤, since the surface belongs to the ball); for each row ask whether *any* column fits; take the mean. Recall: compare each row with its generated radius; for each column ask whether any row fits; mean. On the worked number 1.5 lies within 1 of the points 1 and 2, and 9 is far from all: precision ½.
#
# </details>


# %%
def precision_recall_from_distances(real_real, fake_fake, fake_real, k):
    """Precision and recall from distances (n, n), (m, m), (m, n) -> (number, number)."""
    ### BEGIN SOLUTION
    real_radii = np.sort(real_real, axis=1)[:, k]  # entry 0 is the point itself
    fake_radii = np.sort(fake_fake, axis=1)[:, k]
    precision = (fake_real <= real_radii).any(axis=1).mean()
    recall = (fake_real <= fake_radii[:, None]).any(axis=0).mean()
    return precision, recall
    ### END SOLUTION


# %%
checks.precision_recall_from_distances(precision_recall_from_distances)

# %% [markdown]
# **3b.** Coverage: the share of real points whose ball holds at least one generated point.
#
# - `real_real` `(n, n)` and `fake_real` `(m, n)` as above; `k` ≥ 1
# - returns: a number in $[0, 1]$
# - worked number: the points of 3a with $k=1$ give ⅔

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson: the balls are those of the *real* points, and it is the balls that are counted.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The same comparison as for precision in 3a, with the same radii. Only the question is another one: any generated point in this ball? Which axis is “any” taken over now?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Compare the columns of `fake_real` with the real radii; a real point is covered if any *row* of its column fits; the mean over columns. On the worked number the ball of 0 (radius 1) is empty, since 1.5 is too far; those of 1 and 2 hold it: ⅔.
#
# </details>


# %%
def coverage_from_distances(real_real, fake_real, k):
    """Coverage from distances (n, n) and (m, n) -> number."""
    ### BEGIN SOLUTION
    return (fake_real <= np.sort(real_real, axis=1)[:, k]).any(axis=0).mean()
    ### END SOLUTION


# %%
checks.coverage_from_distances(coverage_from_distances)

# %% [markdown]
# **3c.** Predict: which coverage does a *perfect* generator reach on average with $k=2$, if there are only $n=10$ real and $m=10$ generated points? (Think of the 19 other points, ordered by their distance to one real point.)

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “What does a perfect generator get?”. If real and generated points have one distribution, nothing but chance orders the 19 others.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A real point is *not* covered if no generated point comes nearer than its second real neighbour. What does that say about the two nearest of the 19?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Not covered means: the nearest is one of the 9 other real points, and so is the second. The first has the probability $\frac9{19}$; given that, the second has $\frac8{18}$. Coverage is 1 minus the product; it has to come out near $1-2^{-2}$, which it is for many points.
#
# </details>

# %%
### BEGIN SOLUTION
perfect = 1 - (9 * 8) / (19 * 18)  # uncovered if the two nearest of the 19 others are both among the 9 real ones
### END SOLUTION
perfect

# %%
checks.perfect_coverage(perfect)

# %% [markdown]
# ## Task 4 · To infinitely many samples
#
# From Fréchet distances measured at several sample sizes, estimate the value at $n=\infty$ with $\mathrm{FD}_n\approx\mathrm{FD}_\infty+c/n$ and least squares.
#
# - `sizes` `(s,)`: sample sizes; `values` `(s,)`: Fréchet distances; NumPy arrays, $s\ge2$
# - returns: a number
# - worked number: sizes 100 and 200 with values 30 and 20 give `10.0`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “To infinity”: which plot turns this curve into a straight line?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The values are linear in $\frac1n$, not in $n$. Fit a straight line by least squares; which of its two coefficients is the value where $\frac1n=0$?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Fit the values against $1/n$ (`np.polyfit` of degree 1 returns the slope first) and return the intercept. On the worked number $30=F+\frac c{100}$ and $20=F+\frac c{200}$: $c=2000$ and $F=10$.
#
# </details>


# %%
def infinite_samples(sizes, values):
    """Estimate of the value at n = ∞: (s,), (s,) -> number."""
    ### BEGIN SOLUTION
    slope, intercept = np.polyfit(1 / sizes, values, 1)
    return intercept
    ### END SOLUTION


# %%
checks.infinite_samples(infinite_samples)

# %% [markdown]
# Two models (with invented numbers) were measured at different sizes, and the best number of model A is the lower one. Extrapolate both:

# %%
A = np.array([1_000, 2_000, 5_000, 10_000]), np.array([28.1, 25.0, 23.2, 22.6])
B = np.array([250, 500, 1_000]), np.array([45.8, 32.1, 25.2])
limits = {name: infinite_samples(*measured) for name, measured in {"A": A, "B": B}.items()}
print({name: round(float(limit), 1) for name, limit in limits.items()})
plots.curves(
    {name: (1 / sizes, values) for name, (sizes, values) in {"A": A, "B": B}.items()},
    xlabel="1 / n",
    ylabel="Fréchet distance",
    title="Follow the lines to the left edge",
)

# %% [markdown] tags=["solution"]
# At $n = 1{,}000$, model B is ahead of A (25.2 against 28.1), and its limit is lower too. Only the best printed numbers, 22.6 at $n = 10{,}000$ against 25.2 at $n = 1{,}000$, put them in the other order.

# %% [markdown]
# ## Task 5 · Read what others publish
#
# **5a.** This routine is put together from lines with faults that occur in published code. The arrays are `(pictures, features)`. One line takes covariances of the wrong things; one takes a root that is not a *matrix* root; one loses a factor. Which?
#
# ```python
# 1  mu1, mu2 = act1.mean(axis=0), act2.mean(axis=0)
# 2  sigma1, sigma2 = np.cov(act1), np.cov(act2)
# 3  diff = mu1 - mu2
# 4  covmean = np.sqrt(sigma1 @ sigma2)
# 5  fid = diff @ diff + np.trace(sigma1) + np.trace(sigma2) - np.trace(covmean)
# ```

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “Where popular code goes wrong”, and your own function of task 1.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Ask for the shapes: with arrays `(pictures, features)`, what does `np.cov` take for variables unless told otherwise? Ask what a NumPy root does to a table of numbers. And compare the last line with the formula.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# One line would make matrices of the size pictures × pictures: covariances of the wrong things. One takes the root of each entry, where $RR=AB$ is meant. And in the formula a number stands before the last trace: in which line is it missing?
#
# </details>

# %%
### BEGIN SOLUTION
faults = {"covariances": 2, "root": 4, "factor": 5}
### END SOLUTION
faults

# %%
checks.fid_faults(faults)

# %% [markdown]
# **5b.** Five anonymous sets of 1,500 pictures, measured against 1,500 held-out pictures of Fashion-MNIST in the features of the classifier. One set is `fresh` data; one is `blurred`; one `collapsed` to half of the classes; one `memorised`, that is, copied from the training set; and one is `polluted`: one picture in eight is noise. Name each set.

# %%
print(checks.mystery_table())

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 10 of the lesson, “How each is fooled”, says what each number sees. Begin with the number that only *one* kind of set can move (section 6).
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What does `fresh` have to look like? Closer near ½, density near 1, coverage near $1-2^{-k}$, sharpness near 1. For every other set find the column in which it departs most.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A copier is nearer to the training set than fresh data are: closer goes to 1, and all else looks perfect. Blurred pictures lose sharpness. One noise picture in eight costs precision about an eighth and coverage little, and noise is sharp. A collapse to half of the classes leaves each picture good (precision, density), but nothing near half of the data: coverage. What is left is fresh.
#
# </details>

# %%
### BEGIN SOLUTION
verdict = {"A": "collapsed", "B": "memorised", "C": "polluted", "D": "fresh", "E": "blurred"}
### END SOLUTION
verdict

# %%
checks.mystery_verdict(verdict)

# %% [markdown] tags=["solution"]
# - **closer** near 1 names the copier at once; nothing else tells it from fresh data.
# - **collapsed**: nothing is wrong with the single pictures (precision, density), but much of the data has nothing near it: coverage falls far, and recall as well, though less, because its balls may be large.
# - **polluted**: precision falls by about an eighth, while coverage hardly suffers, because seven in eight pictures are good.
# - **blurred**: sharpness far below 1; all the others notice, too.
# - **fresh** is what is left: closer ½, coverage near $1-2^{-5}=0.97$, density 1.

# %% [markdown]
# ## Task 6 · Design a comparison
#
# You want to know which of two training recipes is better, at a difference $D$ of the Fréchet distance, visible at two standard errors. Seeds scatter with standard deviation $\sigma$; measuring with $n$ samples adds the variance $\tau^2/n$. Each recipe is trained $r$ times. The lesson's condition is
#
# $$r\ \ge\ \frac{8\,(\sigma^2+\tau^2/n)}{D^2},\qquad r\text{ a whole number, at least 2 (or there is no spread to report).}$$
#
# A training takes 20 minutes, and 1,000 samples with their features take 1 minute, for each of the $2r$ models. **Choose the cheapest design** with $n$ from 1,000, 2,000, 5,000, 10,000, 20,000 and 50,000.
#
# - `difference` $D$, `training_std` $\sigma$, `sampling_std` $\tau$: numbers
# - returns: a tuple $(n, r)$ of whole numbers
# - worked number: $D=3$, $\sigma=2$, $\tau=100$. With $n=1{,}000$: $8\cdot(4+10)/9=12.4$, so $r=13$ and $26\cdot21=546$ minutes. With $n=10{,}000$: $r=5$ and $10\cdot30=300$ minutes. The cheapest of all is `(5000, 6)`: 300 minutes too, and of two equally cheap designs the one with more seeds is preferred

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “How large a difference is real?”. With only six values of $n$ you can try them all.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# For each $n$ the condition gives the least $r$: round *up*, and never below 2. Then the minutes: $2r$ models, each 20 minutes of training and $n/1{,}000$ of measuring. Mind the rule for equal costs.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Make a list of (cost, $r$, $n$) and take the cheapest, among equals the one with the larger $r$ (sorting by cost and then by $-r$ does both). On the worked number $n=5{,}000$ gives $8\cdot(4+2)/9=5.3$, so $r=6$ and $12\cdot25=300$ minutes; $n=10{,}000$ costs as much with $r=5$.
#
# </details>


# %%
def study_design(difference, training_std, sampling_std):
    """Cheapest n (samples) and r (trainings of each recipe) that show the difference -> (n, r)."""
    ### BEGIN SOLUTION
    designs = []
    for n in (1_000, 2_000, 5_000, 10_000, 20_000, 50_000):
        r = max(2, int(np.ceil(8 * (training_std**2 + sampling_std**2 / n) / difference**2)))
        designs.append((2 * r * (20 + n / 1_000), -r, n))
    _, r, n = min(designs)
    return n, -r
    ### END SOLUTION


# %%
checks.study_design(study_design)

# %%
for difference in (1.0, 2.0, 5.0):
    n, r = study_design(difference, 2.0, 100.0)
    hours = 2 * r * (20 + n / 1_000) / 60
    print(f"to see a difference of {difference:g}: {r} trainings of each recipe, {n:,} samples each, {hours:.0f} hours")

# %% [markdown] tags=["solution"]
# Half the difference costs four times the hours. That is why small improvements in papers so often are none, and why lesson 10 begins with the question of how large an effect one could see at all.
