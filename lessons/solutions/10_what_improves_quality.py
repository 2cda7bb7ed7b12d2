# %% [markdown]
# # Exercises 10 · What improves quality?
#
# Six tasks, 60 to 90 minutes: from a count to the plan of a study. They belong to `notebooks/10_what_improves_quality.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.

# %%
import importlib.resources
import itertools
import json

import numpy as np
from scipy import stats

from course_lib import checks, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · What a transposed convolution costs
#
# A transposed convolution with biases turns `(height, width, c_in)` into `(stride · height, stride · width, c_out)` with a square kernel. Return its number of parameters and
# its floating point operations for one example; a multiplication and an addition are two. Leave out the operations of the biases, and count the border like the rest.
#
# - all six arguments: positive integers
# - returns: a tuple of two integers (parameters, operations)
# - worked number: `c_in = 2, c_out = 1, kernel = 3, stride = 2, height = width = 1`: `(19, 36)`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “Parameters and operations”: in a transposed convolution, who meets the whole kernel, a pixel that comes in or one that goes out?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Weights: kernel² · $c_{\text{in}}$ · $c_{\text{out}}$, and one bias for each output channel. Every *incoming* pixel is multiplied with all weights once, so the stride changes the picture and not the count.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Parameters: weights + $c_{\text{out}}$. Operations: 2 · weights · height · width. On the worked number there are $9\cdot2\cdot1=18$ weights: 19 parameters and $2\cdot18\cdot1=36$ operations. Whoever counts the kernel for each *outgoing* pixel is wrong by stride².
#
# </details>


# %%
def transposed_cost(c_in, c_out, kernel, stride, height, width):
    """Parameters and operations of a transposed convolution, six integers -> (int, int)."""
    ### BEGIN SOLUTION
    weights = kernel * kernel * c_in * c_out
    return weights + c_out, 2 * weights * height * width  # each pixel that comes in meets the whole kernel
    ### END SOLUTION


# %%
checks.transposed_cost(transposed_cost)

# %% [markdown]
# ## Task 2 · How far a unit sees
#
# Return the side, in image pixels, of the receptive field of one unit after a chain of convolutions, given from the image on.
#
# - `convolutions`: a list of tuples (kernel, stride)
# - returns: an integer
# - worked number: `[(3, 2), (3, 1)]` gives `7`: the second layer sees three units that are two pixels apart, and each of these sees three pixels

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “The receptive field”. Walk from the image to the unit and keep two numbers.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The numbers are the field and the *jump*, the distance of two neighbouring units in image pixels. A layer widens the field by $(k-1)$ jumps, and only then does its stride multiply the jump.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Start with a field and a jump of 1. For each layer the field grows by kernel − 1 jumps, and then the jump grows by the factor stride. On the worked number: $(3,2)$ makes the field 3 and the jump 2; $(3,1)$ adds $2\cdot2$: 7. In the other order the first layer would already count its own stride.
#
# </details>


# %%
def field_of_view(convolutions):
    """Side of the receptive field in pixels: list of (kernel, stride) -> int."""
    ### BEGIN SOLUTION
    field, jump = 1, 1
    for kernel, stride in convolutions:
        field += (kernel - 1) * jump
        jump *= stride
    return field
    ### END SOLUTION


# %%
checks.field_of_view(field_of_view)

# %% [markdown]
# ## Task 3 · An average that does not change with the batch
#
# You compare batch sizes, and every run keeps an exponential average of its weights, $a\leftarrow\beta a+(1-\beta)w$ after each step. With the same $\beta$ for all, a large batch would average over more *images*: two things change at once. Return the decay $\beta$ for which the weight of an old value is
# halved after `half_life` images, whatever the batch.
#
# - `batch`: images per step; `half_life`: images after which half is left; positive numbers
# - returns: a number in (0, 1)
# - worked number: `batch = 100, half_life = 200` gives $\sqrt{0.5} = 0.7071$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson, “An average of the weights”: with which weight does an old value stand in the average after some steps?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# After $s$ steps it is $\beta^s$. How many steps are `half_life` images, with this batch?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\beta^{\text{half\_life}/\text{batch}}=\frac12$, so $\beta=(\frac12)^{\text{batch}/\text{half\_life}}$. On the worked number two steps must halve it: $\sqrt{0.5}$. A larger batch makes fewer steps of the same images and needs a smaller $\beta$: check that direction.
#
# </details>


# %%
def average_decay(batch, half_life):
    """Decay per step of an average with a half-life in images: two numbers -> number in (0, 1)."""
    ### BEGIN SOLUTION
    return 0.5 ** (batch / half_life)  # half_life / batch steps, and β to that power is ½
    ### END SOLUTION


# %%
checks.average_decay(average_decay)

# %% [markdown]
# ## Task 4 · A test without assumptions
#
# Write the exact two-sided permutation test of the difference of two means: of all ways to choose which $n$ of the $2n$ results were the first group, the share whose difference of means is at least as large in size as the observed one (allow $10^{-12}$ for rounding).
#
# - `a`, `b`: NumPy arrays `(n,)`
# - returns: a number in (0, 1]
# - worked number: `a = [1, 2]`, `b = [5, 6]` gives 2 of 6 dealings, `0.3333`
#
# `itertools.combinations(range(2 * n), n)` gives all choices.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “No assumption at all: permutations”: pool the results and deal them out again, in all possible ways.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Each choice of $n$ positions of the $2n$ is a first group; what is left is the second. Compare *absolute* differences of means with the observed one, “at least as large”, less $10^{-12}$. The dealing that really happened is one of them.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Loop over the choices, count those with $|\text{difference}|\ge\text{observed}-10^{-12}$, divide by the number of choices. On the worked number the difference is 4; of the six dealings only $\{1,2\}$ and $\{5,6\}$ reach it: $\frac26$. It can never be 0, which is why three seeds against three cannot go below 0.1.
#
# </details>


# %%
def permutation_test(a, b):
    """Exact two-sided p-value of the difference of means: (n,), (n,) -> number."""
    ### BEGIN SOLUTION
    pooled, observed = np.concatenate([a, b]), abs(b.mean() - a.mean())
    choices = list(itertools.combinations(range(len(pooled)), len(a)))
    found = 0
    for choice in choices:
        first = pooled[list(choice)]
        second = np.delete(pooled, list(choice))
        found += abs(second.mean() - first.mean()) >= observed - 1e-12
    return found / len(choices)
    ### END SOLUTION


# %%
checks.permutation_test(permutation_test)

# %% [markdown]
# ## Task 5 · Read an ablation
#
# **5a. Which differences are real?** You are given results on the log scale. Compare each setting with the baseline by a two-sided $t$ test whose spread is *pooled* over all settings, the baseline included,
#
# $$s_p^2=\frac{\sum_j\sum_i(y_{ji}-\bar y_j)^2}{\sum_j(n_j-1)},\qquad|\bar y_j-\bar y_0|>t^*\,s_p\sqrt{\tfrac1{n_j}+\tfrac1{n_0}} ,$$
#
# at Bonferroni's level: `alpha` divided by the number of settings that are compared.
#
# - `results`: a dictionary, name -> NumPy array `(n_j,)` of $\ln d$; `baseline`: the name of the one to compare with; `alpha`: the level of the whole study
# - returns: the names of the settings that differ, in a list in alphabetical order
# - worked number: `{"base": [0.0, 0.2], "b": [0.1, 0.3], "a": [1.0, 1.2]}` as arrays, at `alpha = 0.05`: $s_p=0.141$ with 3 degrees of freedom, $t^*=4.18$ at level 0.025, so differences above 0.59 count: `["a"]`
#
# `stats.t.ppf(1 - level / 2, freedom)` is $t^*$.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “A common yardstick”, and section 1, “Forty comparisons”. Find three things: the pooled spread, its degrees of freedom, the critical value.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Squares are taken around *each setting's own* mean and summed over all settings, the baseline included; so are the degrees of freedom $n_j-1$. The level is divided by the number of *comparisons*, one less than there are settings, and the test is two-sided.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# On the worked number every setting has squares $0.02$: $s_p=\sqrt{0.06/3}=0.141$. Two comparisons, so level 0.025 and $t^*=4.18$ with 3 degrees of freedom; the threshold is $4.18\cdot0.141\cdot\sqrt{\frac12+\frac12}=0.59$. `a` differs by 1.0, `b` by 0.1. Return the names in alphabetical order, those that are lower than the baseline as well.
#
# </details>


# %%
def real_differences(results, baseline, alpha=0.05):
    """Names of the settings that differ from the baseline: dict name -> (n,) arrays, name, number -> sorted list."""
    ### BEGIN SOLUTION
    squares = sum(np.sum((y - y.mean()) ** 2) for y in results.values())
    freedom = sum(len(y) - 1 for y in results.values())
    spread = np.sqrt(squares / freedom)
    names = sorted(name for name in results if name != baseline)
    critical = stats.t.ppf(1 - alpha / len(names) / 2, freedom)
    base = results[baseline]
    return [
        name
        for name in names
        if abs(results[name].mean() - base.mean()) > critical * spread * np.sqrt(1 / len(results[name]) + 1 / len(base))
    ]
    ### END SOLUTION


# %%
checks.real_differences(real_differences)

# %% [markdown]
# Apply it to the recorded study of the lesson. Before you run the cell: will the list grow or shrink when the settings that have hardly learned are left out?

# %%
study = json.loads(
    (importlib.resources.files("course_lib") / "assets/lessons/10_study.json").read_text(encoding="utf-8")
)
runs = {name: [r["frechet"] for r in study["runs"] if r["setting"] == name] for name in study["changed"]}
recorded = {name: np.log(found) for name, found in runs.items() if all(found)}  # a run that diverged has no distance
learned = {name: y for name, y in recorded.items() if y.mean() < np.log(study["noise"] / 2)}
for title, chosen in (("all settings", recorded), ("those that have learned", learned)):
    named = real_differences(chosen, "baseline")
    print(f"{title}:", ", ".join(f"{name} ({chosen[name].mean() - chosen['baseline'].mean():+.2f})" for name in named))

# %% [markdown] tags=["solution"]
# One restless setting makes the yardstick longer for all, and real differences disappear behind it. That is the weak point of pooling, and
# the reason why the lesson pools only what has learned.

# %% [markdown]
# **5b. What do two settings do together?** Return the interaction, on the log scale, of a table of distances: the effect of the row setting when the column setting is on, minus its effect when it is off.
#
# - `table`: NumPy array `(2, 2)` of distances; row 1 and column 1 have the settings on
# - returns: a number
# - worked number: `[[8, 4], [4, 4]]` gives `0.6931`: alone, each halves the distance, and together they do no more

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “What one at a time misses: interaction”: a difference of two differences, on the right scale.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Logarithms first. The effect of the row setting is row 1 minus row 0, and it exists twice: once for each column.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# With $y=\ln(\text{table})$: $(y_{11}-y_{01})-(y_{10}-y_{00})$. On the worked number $(\ln4-\ln4)-(\ln4-\ln8)=\ln2=0.6931$. Zero would mean that the effects multiply; here the two together do no more than one alone, and the distance stays above what the product of both effects would give.
#
# </details>


# %%
def interaction(table):
    """Interaction of two settings on the log scale: (2, 2) array of distances -> number."""
    ### BEGIN SOLUTION
    y = np.log(table)
    return (y[1, 1] - y[0, 1]) - (y[1, 0] - y[0, 0])
    ### END SOLUTION


# %%
checks.interaction(interaction)

# %% tags=["solution"]
figure, axes = plots.canvas(5, 3)
example = np.array([[100, 90], [95, 300]])
for row, label in enumerate(("off", "on")):
    axes.plot(
        [0, 1],
        example[row],
        plots.STYLES[row] + plots.MARKERS[row],
        color=plots.COLOURS[row],
        label=f"row setting {label}",
    )
axes.set(yscale="log", ylabel="distance", title=f"Interaction {interaction(example):+.2f}: the lines are not parallel")
axes.set_xticks([0, 1], ["column setting off", "on"])
axes.set_yticks([100, 200, 300], ["100", "200", "300"])
axes.minorticks_off()
axes.legend(frameon=False)
figure.alt_text = "Two lines that are far from parallel: the distance falls slightly with the column setting, and trebles with both settings."
figure

# %% [markdown]
# ## Task 6 · Judge a comparison, and plan a better one
#
# **6a. The confounders.** Published comparisons often read like this invented one:
#
# > *We add an **attention block** to the generator. On **the same data set** our model, trained for 200 epochs, reaches a Fréchet distance of 18.2; the baseline's authors report 25.4 after 50 epochs. Both numbers use **the same feature network**; ours is computed from
# > 50,000 samples, theirs from 10,000. We trained five times and report the best run; theirs is a single run. The attention block therefore lowers the distance by 28 %.*
#
# For each item say whether it **confounds** the claim "the attention block lowers the distance", that is, whether it is another reason for which the second number could be smaller.
#
# - returns: nothing; replace each `...` by `True` or `False`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson says what *confounded* means. For each item ask two questions: do the two models differ in it? And is it something else than the question?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# What is the same on both sides cannot explain a difference. What differs *and* could lower the distance without any attention block is a confounder. Section 3 of lesson 09 knows what the number of samples does.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Go through them: the block is what is asked about. 200 epochs against 50: would the baseline have improved as well? 50,000 samples against 10,000: the distance is biased upwards by about $c/n$. The best of five runs against a single one: what does choosing the best do? And can the two things that are the same on both sides explain anything?
#
# </details>

# %%
verdict = {
    "attention block": ...,
    "number of epochs": ...,
    "number of samples": ...,
    "choice of the seed": ...,
    "data set": ...,
    "feature network": ...,
}
### BEGIN SOLUTION
verdict = {
    "attention block": False,  # it is the question
    "number of epochs": True,
    "number of samples": True,  # the distance is biased upwards by about 1/n
    "choice of the seed": True,  # the best of five against a typical one
    "data set": False,
    "feature network": False,
}
### END SOLUTION

# %%
checks.confounders(verdict)

# %% [markdown]
# **6b. Your study.** You may train on 240,000 images in all. The question: *does averaging the weights help at rate 1e-3, and does the help depend on the learning rate?* Write the list of runs.
#
# - returns: a list of dictionaries with the keys `"rate"` (number), `"average"` (decay, or `None` for the last weights), `"batch"`, `"images"` (of this run, at least 10,000) and `"seed"`
# - the check looks for a control, seeds, equal budgets, a design that can show an interaction, and nothing that confounds the answer
# - worked number: `[{"rate": 1e-3, "average": 0.99, "batch": 16, "images": 20_000, "seed": 0}]` is a list of one run, and not a study

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sections 1 and 4 of the lesson. Two factors, each at two levels, and chance: how many cells has the table, and what must each of them hold?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# To see whether the help depends on the rate you need average on *and* off at *both* rates, with at least three seeds in each cell, and the same batch and images everywhere. Then divide the budget.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Two rates (one of them 1e-3) × two averages (`None` and a decay) × three seeds are twelve runs; $240{,}000/12=20{,}000$ images for each. Every combination exactly once, which is three nested loops. The runs with `None` are the control.
#
# </details>


# %%
def study_plan():
    """The runs of the study: () -> list of dictionaries."""
    ### BEGIN SOLUTION
    return [
        {"rate": rate, "average": average, "batch": 16, "images": 20_000, "seed": seed}
        for rate in (1e-3, 4e-3)
        for average in (None, 0.99)
        for seed in (0, 1, 2)
    ]
    ### END SOLUTION


# %%
checks.study_plan(study_plan)

# %% [markdown] tags=["solution"]
# Twelve runs of 20,000 images use the whole budget. Since an average does not touch the training, a clever plan trains each rate and seed once and measures both generators: the same answer for half of the images, or twice as many seeds.
