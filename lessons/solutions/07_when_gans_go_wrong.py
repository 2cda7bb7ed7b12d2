# %% [markdown]
# # Exercises 07 · Measure collapse, read a sick run, prove a cure
#
# Six tasks, 60 to 90 minutes: from one line to an experiment over seeds. They belong to
# `notebooks/07_when_gans_go_wrong.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $p$ is the density of the data, $q$ that of the samples; natural logarithms.

# %%
import numpy as np

from course_lib import checks, data, explore, planar, plots, runtime
from course_lib.explore import doctor_panel

runtime.setup(0)
ring, centres = data.gaussian_ring(400, modes=8, radius=2.0, std=0.1, seed=0)
half, _ = data.gaussian_ring(400, modes=4, radius=2.0, std=0.1, seed=1)  # every second mode of the same ring

# %% [markdown]
# ## Task 1 · Which modes are kept?
#
# A sample of a Gaussian mixture is *good* if it lies within $3\sigma$ of its nearest centre. A mode is *kept* if at
# least a tenth of its fair share $N/m$ of good samples fell to it.
#
# - `samples`: array `(N, 2)`; `centres`: array `(m, 2)`; `std`: the $\sigma$ of every mode
# - returns: a pair: the number of kept modes, an integer from 0 to $m$; and the share of good samples, in $[0, 1]$
# - worked number: 10 samples at the first of two centres and 10 samples far from both give `(1, 0.5)`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “How good is a sample? The 3σ share” and “How many modes?”. One table of distances serves both numbers.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A table `(N, m)` of distances by broadcasting; its smallest entry in a row says whether the sample is good, the place of this entry to which mode it belongs. Count *good* samples only. The fair share is $N/m$ with all $N$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Row minimum below $3\sigma$: good. For the good ones, count how often each mode is the nearest (`np.bincount` with `minlength`). Kept are the modes with at least $0.1\,N/m$; the share is the mean of “good”. On the worked number $N/m=10$, so a count of 1 would suffice: counts 10 and 0 give one kept mode, and 10 of 20 are good.
#
# </details>


# %%
def kept_modes(samples, centres, std):
    """(number of kept modes, share of good samples): (N, 2), (m, 2), number -> (int, float)."""
    ### BEGIN SOLUTION
    distances = np.linalg.norm(samples[:, None] - centres, axis=2)  # (N, m)
    good = distances.min(axis=1) < 3 * std
    counts = np.bincount(distances.argmin(axis=1)[good], minlength=len(centres))
    fair = len(samples) / len(centres)
    return int(np.sum(counts >= 0.1 * fair)), float(np.mean(good))
    ### END SOLUTION


# %%
checks.kept_modes(kept_modes)

# %%
for name, points in {"ring": ring, "half of it": half}.items():
    print(name, kept_modes(points, centres, 0.1))

# %% [markdown]
# ## Task 2 · How evenly?
#
# Write the reverse KL divergence from the histogram $h$ of the modes to the uniform distribution:
# $\mathrm{KL}(h\,\|\,u) = \sum_j h_j \ln (m\,h_j)$ with $u_j = 1/m$. Empty modes are allowed.
#
# - `counts`: integers `(m,)`, not all 0
# - returns: a number of nats, 0 or more
# - worked number: `counts = [5, 0, 0, 15]` gives `0.8240`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “How evenly? The reverse KL, and its bias”: counts first become shares.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# An empty mode contributes 0, because $h\ln h\to0$, but NumPy would say NaN. Leave these terms out of the sum, and yet let $m$ count *all* modes.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $h=$ counts over their sum; the sum of $h_j\ln(m\,h_j)$ over the modes with $h_j>0$. On the worked number $h=(\frac14,0,0,\frac34)$ and $m=4$: $\frac14\ln1+\frac34\ln3=0.8240$. All samples in one of $m$ modes give $\ln m$, the largest value there is.
#
# </details>


# %%
def uniform_divergence(counts):
    """KL of the histogram from the uniform distribution, in nats: (m,) -> number."""
    ### BEGIN SOLUTION
    h = counts / counts.sum()
    hit = h > 0  # h ln h goes to 0 with h: an empty mode adds nothing
    return np.sum(h[hit] * np.log(len(counts) * h[hit]))
    ### END SOLUTION


# %%
checks.uniform_divergence(uniform_divergence)

# %% [markdown]
# ## Task 3 · What smooth labels teach
#
# **3a.** At one place $x$ the discriminator is told `real_target` $= a$ for data and `fake_target` $= b$ for samples ($a = 1$
# and $b = 0$ are the usual hard labels). Its cross-entropy there is
#
# $$-p\,\big[a \ln D + (1-a)\ln(1-D)\big] - q\,\big[b \ln D + (1-b)\ln(1-D)\big].$$
#
# Set the derivative with respect to $D$ to 0 and return the best $D$.
#
# - `p`, `q`: densities `(n,)` at $n$ places, 0 or more, not both 0; `real_target`, `fake_target`: numbers in $[0, 1]$
# - returns: `(n,)`, the best output of $D$ (a probability) at each place
# - worked number: `p = 0.2`, `q = 0.2`, targets 0.9 and 0 give `0.45`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “One-sided label smoothing”, for two targets instead of one.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Collect what stands before $\ln D$ and before $\ln(1-D)$; call them $A$ and $B$, so that the loss is $-A\ln D-B\ln(1-D)$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $A=ap+bq$ and $B=(1-a)p+(1-b)q$. The derivative $-\frac AD+\frac B{1-D}$ vanishes at $D=\frac A{A+B}$, and $A+B$ is simply $p+q$. On the worked number $0.18/0.4=0.45$.
#
# </details>


# %%
def smoothed_optimum(p, q, real_target, fake_target):
    """The D that minimises the expected cross-entropy with smoothed targets: (n,), (n,), a, b -> (n,)."""
    ### BEGIN SOLUTION
    return (real_target * p + fake_target * q) / (p + q)
    ### END SOLUTION


# %%
checks.smoothed_optimum(smoothed_optimum)

# %% [markdown]
# **3b.** With targets 0.9 and 0.2, what happens at a place that holds samples and no data, $p = 0 < q$?
#
# - **a** $D$ stays at 0, as with hard labels: smoothing changes nothing there
# - **b** $D$ is ½ there
# - **c** $D$ calls it 20 % real however many samples crowd there, so that samples far from all data meet a flat $D$ that
#   rewards them
# - **d** $D$ falls to 0 as the generator sends more samples there

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# You have the formula from 3a. Put the place of the question into it.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# With $p=0$, what is left above and below the fraction line? Does the answer depend on how many samples crowd there?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $D=\frac{bq}q=b$: with $b=0.2$ the same value wherever only samples are, few or many. Think of what the generator learns from there: $D$ rewards it a little, has no slope, and does not mind if more samples come. Which letter says so?
#
# </details>

# %%
### BEGIN SOLUTION
harm = "c"
### END SOLUTION
harm

# %%
checks.smoothing_harm(harm)

# %% [markdown] tags=["solution"]
# With $b = 0$ only $p$ stands in the numerator, and where $p = 0$ the best $D$ is 0 with one-sided smoothing as well. This
# is why only the data's side is smoothed (Salimans et al. 2016, [arXiv:1606.03498](https://arxiv.org/abs/1606.03498)).

# %% [markdown]
# ## Task 4 · A diversity that can be fooled
#
# **4a.** Write the mean Euclidean distance over all pairs of different samples, divided by the same mean of the data.
#
# - `samples`: array `(N, d)`; `data_points`: array `(M, d)`, with $M$ not always equal to $N$
# - returns: a number, 0 or more; 1 for samples as far apart as the data
# - worked number: samples at 0 and 1 of the line, data at 0, 2 and 4: `1 / (8 / 3) = 0.375`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# All pairs of *different* samples: build the table of all distances, and think about its diagonal.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Broadcasting gives `(N, N)` distances. The diagonal holds $N$ zeros that are not pairs, so that the mean is the sum over the table divided by $N(N-1)$. The data have their own number $M$.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# A helper for one set (sum of the table over $N(N-1)$), used twice, and the quotient. On the worked number the samples have the mean distance 1; the data have the pairs 2, 4 and 2, with the mean $\frac83$; so $0.375$. With $N^2$ below, small sets would seem less diverse than they are.
#
# </details>


# %%
def diversity_ratio(samples, data_points):
    """Mean distance of two different samples over that of two different data: (N, d), (M, d) -> number."""

    ### BEGIN SOLUTION
    def mean_distance(x):
        distances = np.linalg.norm(x[:, None] - x, axis=2)
        return distances.sum() / (len(x) * (len(x) - 1))  # the diagonal is 0 and must not count

    return mean_distance(samples) / mean_distance(data_points)
    ### END SOLUTION


# %%
checks.diversity_ratio(diversity_ratio)

# %% [markdown]
# **4b.** `half` has lost every second mode of the ring. Predict: which of the two numbers notices?
#
# - **a** the diversity ratio of task 4a only
# - **b** the divergence of task 2 only
# - **c** both
# - **d** neither

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “A measure that is blind”, asks this question about other measures. Draw the circle and mark the four modes that are left.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Estimate both numbers. The histogram has four empty modes and four with a quarter each. And how far apart are two random samples on the four remaining modes, compared with all eight?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Divergence: $\sum\frac14\ln(8\cdot\frac14)=\ln2$, where the whole ring has about 0. Distances: the four modes stand all around the circle, at the same radius and with the same diameter. The chords of the square (0, $\sqrt2R$, $2R$, $\sqrt2R$) have the mean $1.21R$, those of the octagon $1.26R$. Which of the two would make you look twice?
#
# </details>

# %%
### BEGIN SOLUTION
noticed = "b"
### END SOLUTION
noticed

# %%
checks.lost_half(noticed)

# %%
counts = [np.bincount(np.linalg.norm(x[:, None] - centres, axis=2).argmin(1), minlength=8) for x in (ring, half)]
print("diversity ratio of the half ring:", round(diversity_ratio(half, ring), 3))
print("divergence of ring and half ring:", [round(float(uniform_divergence(c)), 3) for c in counts])

# %% [markdown]
# ## Task 5 · Three patients
#
# Three recorded GANs without their names. From the upper left: the losses; $D$'s accuracy on data and on samples; the gap
# between their mean logits; the gradient norms; the variety of the samples (their mean distance, how many of ten regions
# of the data they fill, and the recall, each as a share of the data's); how far the samples of fixed codes moved since
# the last visit, with the share of dead ReLU channels. In a running notebook the cursor shows the samples of every visit.

# %%
panel = explore.DoctorPanel(doctor_panel.exercise_cases(), title="Three patients")
panel.show()

# %% [markdown]
# The same three cases at an early, a middle and the last visit, for readers without a kernel:

# %%
last = len(panel.cases[0]["records"]) - 1
for case in (1, 2, 3):
    samples = [panel.samples(case, visit) for visit in (last // 3, last - 2, last)]
    plots.show(panel.render(case=case), alt=panel.text(case=case))
    visits = [f"visit {v}" for v in (last // 3, last - 2, last)]
    alt = f"Case {case}: the generator's samples at {', '.join(visits)}, one sheet each."
    plots.show(plots.image_grid(np.stack(samples), 3, visits, size=2.0, alt=alt))

# %% [markdown]
# Name them: a dictionary with one of `"healthy"`, `"collapse"`, `"discriminator overpowering"`, `"oscillation"`, `"range
# mismatch"`, `"dead units"` for each of the cases 1, 2, 3. They are three different ones. Worked form:
# `{1: "collapse", 2: "collapse", 3: "collapse"}`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson has the table: what happens in each sickness, and what shows it. Section 9 is the same quiz with the doctor's answers.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Three questions for each case. Is $D$ right about everything, with a logit gap far larger than in the other cases? How many regions do the samples fill? And do they stay where they are from one visit to the next?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $D$ always right, a large gap, and samples that hardly move and look like no data: $D$ has won. Samples close together at each visit, but at another place at the next one: that is no collapse at rest but a game that wanders. Rough curves with the regions filled, and filled still at the last visit: GAN curves are rough. Look for faults of construction only if ranges or silent units show them.
#
# </details>

# %%
### BEGIN SOLUTION
names = {1: "oscillation", 2: "healthy", 3: "discriminator overpowering"}
### END SOLUTION
names

# %%
checks.case_names(names)

# %% [markdown] tags=["solution"]
# What the doctor says of the three, with his evidence:

# %% tags=["solution"]
for number, case in enumerate(panel.cases, 1):
    print(f"case {number}, “{case['name']}”, {case['label']}\n{doctor_panel.findings(case)}\n")

# %% [markdown]
# ## Task 6 · Prove a cure
#
# The game below loses modes. Choose **one** change of its rules and show over at least three seeds that it keeps more.
#
# - `SICK` are its settings, `STEPS` its length; `kept_by(settings, seed)` is yours to write: play
#   `planar.Game(points, seed=seed, **settings)`, `.advance(STEPS)` it, and return the number of modes that 2,000 `.samples`
#   keep, with your `kept_modes`
# - `change`: a dictionary with one changed setting, such as `{"packing": 2}`. Candidates: `momentum` (0 to 0.9), `penalty`
#   (`"r1"`, with a `penalty_weight` if you like), `packing`, `spectral_norm`, `generator_rate` with `discriminator_rate`,
#   `loss`. Steps, width, depth and batch stay.
# - the check judges the kept modes over the seeds, not how you got there: at least 8 of 9 with every seed
#
# A game takes a few seconds.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, parts B and C, has tried these changes on other games; the most telling clue is in the settings called `SICK`.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# `kept_by` plays, advances and counts, and `kept_modes` returns *two* numbers, of which you need one. For the change: which of the three sick settings does section 4 of the lesson warn of?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# `kept_by`: make the game with these settings and this seed, advance it by all steps, take 2,000 samples, and return the first number of your `kept_modes` for the nine centres and the width `STD`. For the change, compare the growth of section 4, $\alpha^2\frac\beta{1-\beta}$, at the present $\beta$ and at a moderate one, and change that alone. At least three seeds, the same for both.
#
# </details>

# %%
STEPS = 2000
STD = 0.15
SICK = {"generator_rate": 1e-3, "discriminator_rate": 1e-3, "momentum": 0.9}
points, grid_centres = data.gaussian_grid(5000, side=3, spacing=2.0, std=STD, seed=0)


def kept_by(settings, seed):
    """Play one game and return how many of the nine modes its samples keep: settings, seed -> int."""
    ### BEGIN SOLUTION
    game = planar.Game(points, seed=seed, **settings)
    game.advance(STEPS)
    return kept_modes(game.samples(2000), grid_centres, STD)[0]
    ### END SOLUTION


### BEGIN SOLUTION
change = {"momentum": 0.5}
seeds = (0, 1, 2)
### END SOLUTION
experiment = {
    "change": change,
    "sick": {seed: kept_by(SICK, seed) for seed in seeds},
    "cured": {seed: kept_by(SICK | change, seed) for seed in seeds},
}
experiment

# %%
checks.cure(experiment)

# %% [markdown] tags=["solution"]
# Momentum remembers where $D$ pushed $G$ some steps ago, and $D$ has moved since: section 4 of the lesson derives why that
# feeds the rotation. Three seeds are few. What they can show is a difference larger than the seeds' own spread.

# %% [markdown]
# **Think further** (no check). Play the same with packing or R1. Which of the remedies would you try first on images, where
# you cannot count modes, and which measurement would tell you whether it helped?

# %% [markdown]
# ---
# *Text and figures: CC BY 4.0. Code: Apache-2.0. Data and weights: see `DATA.md`.*
