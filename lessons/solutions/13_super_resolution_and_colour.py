# %% [markdown]
# # Exercises 13 · Super-resolution and colour
#
# Six tasks, 60 to 90 minutes: from one formula to the size of a test set and the faults of whole studies. They belong to `notebooks/13_super_resolution_and_colour.ipynb`.
#
# Replace each `raise NotImplementedError(...)` by your solution and run the cell below it. A check either says
# `Passed`, or says what it called, what it expected and what came back, with a hint if it recognises the mistake.
# Checks test *properties* on cases of their own, so any correct solution passes.
#
# Stuck? Each task has two hints and a worked idea, folded below its statement: open them one at a time.
#
# Notation as in the lesson: $f$ is a frequency in periods per pixel where stripes are meant, and the factor of enlargement where networks are.

# %%
import numpy as np

from course_lib import checks, colour, data, images, plots, runtime

runtime.setup(0)

# %% [markdown]
# ## Task 1 · What a stripe turns into
#
# A stripe pattern $\cos(2\pi fn)$ is reduced by keeping every $s$-th pixel, without averaging. Which frequency does one *see*? Of all $|f-k/s|$ with whole $k$, it is the one in $[0,\frac1{2s}]$. (A frequency here is always per pixel of the *original*.)
#
# - `f`: a number in $[0, \frac12]$; `s`: a whole number, 2 or more
# - returns: a number in $[0, \frac1{2s}]$
# - worked number: `f = 0.45`, `s = 2`: $|0.45-\frac12|=0.05$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Aliasing”: at the pixels that are kept, frequencies that differ by a multiple of $\frac1s$ cannot be told apart.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The eye takes the lowest of them. So which multiple $k/s$ lies *nearest* to $f$, and how far is $f$ from it?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $k$ is $f\cdot s$ rounded to the nearest whole number, and the answer $|f-k/s|$. Multiples are $\frac1s$ apart, so the nearest is never further than $\frac1{2s}$: the range of the statement. On the worked number $0.45\cdot2=0.9$, so $k=1$ and $|0.45-0.5|=0.05$.
#
# </details>


# %%
def alias_frequency(f, s):
    """Frequency in [0, 1/(2s)] that is seen when every s-th pixel of a stripe f is kept -> number."""
    ### BEGIN SOLUTION
    return abs(f - np.round(f * s) / s)
    ### END SOLUTION


# %%
checks.alias_frequency(alias_frequency)

# %%
f = np.linspace(0, 0.5, 201)
plots.curves(
    {f"every {s}th pixel": (f, [alias_frequency(v, s) for v in f]) for s in (2, 4)},
    xlabel="true frequency (periods a pixel)",
    ylabel="frequency seen",
    title="Above the limit, frequencies fold back",
)

# %% [markdown]
# ## Task 2 · PSNR, as papers state it
#
# Luma is $Y=16+(65.481R+128.553G+24.966B)/255$, not rounded, for bytes $R, G, B$. Cut `crop` pixels off at each of the four sides, compute $10\log_{10}(255^2/\mathrm{MSE})$ of each picture, then the mean over pictures.
#
# - `restored`, `truth`: `(N, H, W, 3)` uint8, NumPy arrays; `crop`: a whole number, 0 or more
# - returns: a number of dB
# - worked number: one picture, all bytes 100 against all bytes 110: luma differs by $10\cdot219/255=8.588$, so $20\log_{10}(255/8.588)=29.45$ dB

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 2 of the lesson, “PSNR”, names the four things that make a number in dB comparable: damage, channel, border, and the order of mean and logarithm.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Bytes become floats *before* the difference. Luma is linear, so the difference needs only the three weights, and the 16 cancels. One MSE and one logarithm for each picture, and the mean at the very end. What does a slice that ends at `-crop` do when `crop` is 0?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Difference of the pictures, times the weights over 255, summed over channels: `(N, H, W)`. Cut the border off by rows `crop` to `H − crop` and columns likewise. Mean of squares over rows and columns, $10\log_{10}(255^2/\cdot)$, mean over pictures. On the worked number all errors are $8.588$: 29.45 dB. The peak stays 255 although luma spans 219 levels.
#
# </details>


# %%
def luma_psnr(restored, truth, crop):
    """Mean over pictures of the PSNR of luma without the border: uint8 (N, H, W, 3) twice -> dB."""
    ### BEGIN SOLUTION
    weights = np.array([65.481, 128.553, 24.966]) / 255
    error = (restored.astype(float) - truth.astype(float)) @ weights  # the 16 cancels
    height, width = error.shape[1:]
    error = error[:, crop : height - crop, crop : width - crop]
    return np.mean(10 * np.log10(255**2 / np.mean(error**2, axis=(1, 2))))
    ### END SOLUTION


# %%
checks.luma_psnr(luma_psnr)

# %% [markdown]
# What do six photographs lose when they are halved and enlarged again by bicubic interpolation?

# %%
for work in data.load_photos("test"):
    truth = images.crop_to_multiple(work.image[None], 2)
    bicubic = images.enlarge(images.downscale(truth, 2), 2)
    print(f"{work.title:18} {luma_psnr(bicubic, truth, 2):.2f} dB")

# %% [markdown]
# ## Task 3 · The sub-pixel shuffle
#
# Lay the channels of each pixel out as a block of $f\times f$ pixels: the value `t[n, i, j, (a f + b) C + c]` goes to `[n, f i + a, f j + b, c]`. No loops are needed: `reshape`, `transpose`, `reshape`.
#
# - `t`: `(N, H, W, f² C)`, a NumPy array; `f`: a whole number
# - returns: `(N, f H, f W, C)`
# - worked number: one pixel with the channels `[1, 2, 3, 4]` and `f = 2` gives the picture `[[1, 2], [3, 4]]` of one channel

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 3 of the lesson: no value changes, each only finds a new place. Give every index of the formula an axis of its own.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The channel number is $(af+b)C+c$: split the last axis into three, in this order, sizes $f$, $f$ and $C$. Now there are six axes, $n,i,j,a,b,c$. Two neighbours merge in a `reshape`: which axes have to be neighbours, so that $fi+a$ and $fj+b$ come out?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# The row is $fi+a$, so $a$ has to stand directly behind $i$; the column is $fj+b$, so $b$ directly behind $j$. Bring the axes into the order $n,i,a,j,b,c$, then merge them two and two. On the worked number `[1, 2, 3, 4]` are $(a,b)=(0,0),(0,1),(1,0),(1,1)$: first row 1, 2, second row 3, 4. (Splitting into $C,f,f$ works by chance for one channel only.)
#
# </details>


# %%
def pixel_shuffle(t, f):
    """Sub-pixel rearrangement: (N, H, W, f²C) -> (N, fH, fW, C)."""
    ### BEGIN SOLUTION
    n, height, width, channels = t.shape
    t = t.reshape(n, height, width, f, f, channels // f**2)  # axes n, i, j, a, b, c
    return t.transpose(0, 1, 3, 2, 4, 5).reshape(n, f * height, f * width, channels // f**2)
    ### END SOLUTION


# %%
checks.pixel_shuffle(pixel_shuffle)

# %% [markdown]
# ## Task 4 · Colour: the mean, the bins, the weights
#
# **4a.** Predict before you compute. Pixels of one lightness have one of three colours $(a, b)$: $(-10, 10)$ with probability 0.5, $(10, 20)$ with probability 0.2, and $(40, 25)$ with probability 0.3. Which colour does a network learn for them with the L2 loss?
#
# - an array of shape `(2,)`, in Lab units
# - worked number: two equally likely colours $(0, 10)$ and $(20, 30)$ give $(10, 20)$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “Why L2 paints brown”, which is section 5 once more: which number minimises the expected square?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The conditional *mean*, for $a$ and for $b$ separately, each colour with its probability. Not the most frequent colour, and not the colours' plain average.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $a=0.5\cdot(-10)+0.2\cdot10+0.3\cdot40$, and $b$ in the same way. Afterwards look at the result: is it one of the three colours, and how colourful is it, compared with them?
#
# </details>

# %%
### BEGIN SOLUTION
colours, probabilities = np.array([[-10, 10], [10, 20], [40, 25]]), np.array([0.5, 0.2, 0.3])
learned = probabilities @ colours
### END SOLUTION
learned

# %%
checks.l2_colour(learned)

# %% [markdown]
# **4b.** From the logits of $Q$ bins to one colour: $f_T(q)_k\propto q_k^{1/T}$ with $q=\operatorname{softmax}(\text{logits})$, then the mean of the bins' centres under $f_T(q)$. The check also sends logits near 5,000.
#
# - `logits` `(N, Q)`, `centres` `(Q, 2)`: NumPy arrays; `T` > 0
# - returns: `(N, 2)`
# - worked number: logits `[[0, log 2]]`, centres `[[0, 0], [3, 0]]`, `T = 0.5`: $q=(\frac13,\frac23)$, squared and normalised $(0.2, 0.8)$, so `[[2.4, 0]]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “Classification: learn the distribution, then choose”. Do you need $q$ itself?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# $q_k^{1/T}\propto e^{\text{logit}_k/T}$: the denominator of the softmax is the same for all bins, and the later normalisation removes it. Subtract each row's largest logit before the exponential, because of the 5,000.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Shifted logits over $T$, exponential, each row divided by its sum, and the matrix product with the centres. On the worked number $T=0.5$ doubles the logits, $(0,2\log2)$, whose exponentials are 1 and 4: $(0.2,0.8)$, and $0.8\cdot3=2.4$. A small $T$ must approach the most probable bin: check the direction.
#
# </details>


# %%
def annealed_colour(logits, centres, T):
    """Annealed mean of the bins: (N, Q), (Q, 2), number -> (N, 2)."""
    ### BEGIN SOLUTION
    sharp = np.exp((logits - logits.max(axis=1, keepdims=True)) / T)
    return sharp / sharp.sum(axis=1, keepdims=True) @ centres
    ### END SOLUTION


# %%
checks.annealed_colour(annealed_colour)

# %% [markdown]
# **4c.** Rebalancing. From the frequencies $p$ of the bins, weights $w_k\propto\frac1{(1-\lambda)p_k+\lambda/Q}$, scaled so that they are 1 *on average over the data*, $\sum_kp_kw_k=1$.
#
# - `p` `(Q,)`: frequencies, which sum to 1; `share` $\lambda$ in $(0, 1]$
# - returns: `(Q,)`
# - worked number: `p = [0.75, 0.25]`, `share = 0.5`: the denominators are $0.625$ and $0.375$, their inverses $1.6$ and $2.667$, the average over the data $1.867$; so `[0.857, 1.429]`

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 8 of the lesson, “Classification: learn the distribution, then choose”. Two steps: the proportions, then the scale.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# The proportions are inverses of a mixture of $p$ and the uniform distribution. The scale is fixed by an average *over the data*, in which a bin counts with its frequency $p_k$, and not over bins.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $\tilde w_k=1/\big((1-\lambda)p_k+\frac\lambda Q\big)$, and then $w=\tilde w/\sum_kp_k\tilde w_k$. On the worked number $\tilde w=(1.6,\,2.667)$, their average over the data $0.75\cdot1.6+0.25\cdot2.667=1.867$, so $(0.857,\,1.429)$. With $\lambda=1$ all weights are 1.
#
# </details>


# %%
def class_weights(p, share):
    """Weights that let rare bins count more: (Q,), number in (0, 1] -> (Q,) with Σ p w = 1."""
    ### BEGIN SOLUTION
    w = 1 / ((1 - share) * p + share / len(p))
    return w / (p @ w)
    ### END SOLUTION


# %%
checks.class_weights(class_weights)

# %%
bins = colour.gamut_bins(10)
_, ab = colour.split_lab(data.load_faces("test").images[:200])
frequencies = bins.frequencies(ab[:, ::4, ::4])
for share in (1.0, 0.5, 0.1):
    w = class_weights(frequencies, share)
    print(
        f"share {share}: the most frequent bin counts {w[frequencies.argmax()]:.2f}, a bin that never occurs {w.max():.1f}"
    )

# %% [markdown]
# ## Task 5 · Price and proof
#
# **5a.** The price of sharpness. The best guess has the squared error `least` $=D^*$ and lies at the distance `gap` $=P^*>0$ from the distribution of real pictures. You want a distance of at most `distance` $=P$. How far along the way from the best guess ($t=0$) to a real-looking picture ($t=1$) must you go *at least*, and what is the smallest error you must pay?
#
# - `least`, `gap`, `distance`: numbers
# - returns: a tuple $(t, D)$ of numbers
# - worked number: `least = 2`, `gap = 1`, `distance = 0.25`: $t=0.75$ and $D=2+0.75^2=2.5625$

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 5 of the lesson, “What sharpness costs”, has the curve in a box, and shows how to reach it by going part of the way.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# At the share $t$ of the way the distance left is $(1-t)P^*$. How large must $t$ be for it to be at most $P$? And what if the best guess is near enough already?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# $t=\frac{P^*-P}{P^*}$, but never below 0; the error grows by the square of the way, $(tP^*)^2$. On the worked number $t=0.75$ and $2+0.75^2=2.5625$. If $P\ge P^*$, nothing has to be paid: $t=0$ and the error is $D^*$.
#
# </details>


# %%
def sharpness_price(least, gap, distance):
    """Share of the way and smallest squared error for a wanted distance -> (t, D)."""
    ### BEGIN SOLUTION
    missing = max(0.0, gap - distance)
    return missing / gap, least + missing**2
    ### END SOLUTION


# %%
checks.sharpness_price(sharpness_price)

# %% [markdown]
# **5b.** Design an experiment. You want to prove a gain in dB on *photographs at large*. Gains of whole photographs scatter with the standard deviation `between` $=\sigma_b$; the patches of one photograph scatter around its own mean with `within` $=\sigma_e$; each photograph gives `patches` $=m$ of them. The mean over $G$ photographs has the variance $\sigma_b^2/G+\sigma_e^2/(Gm)$. How many photographs make $\pm1.96$ standard errors reach at most $\pm h$, `half_width`? With fewer than two there would be no spread to report.
#
# - `between`, `within`, `half_width`: numbers of dB; `patches`: a whole number
# - returns: a whole number, at least 2
# - worked number: $\sigma_b=0.3$, $\sigma_e=0.6$, $m=100$, $h=0.1$: $(0.09+0.0036)\cdot(1.96/0.1)^2=35.96$, so `36`. With ten thousand patches from each it would still be 35

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Section 1 of the lesson, “Split by photograph”: only one of the two variances gets smaller with more patches.
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# Write the variance of the mean as $\frac1G\big(\sigma_b^2+\frac{\sigma_e^2}m\big)$ and ask when $1.96$ times its *root* is at most $h$. Variances are squares of what you are given.
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Solve for $G$: $G\ge\big(\sigma_b^2+\frac{\sigma_e^2}m\big)\big(\frac{1.96}h\big)^2$; round up, and return at least 2. On the worked number $0.0936\cdot384.2=35.96$, so 36. Even infinitely many patches would leave $0.09\cdot384.2=34.6$.
#
# </details>


# %%
def photographs_needed(between, within, patches, half_width):
    """Number of photographs for an interval of ± half_width -> whole number, at least 2."""
    ### BEGIN SOLUTION
    variance = between**2 + within**2 / patches
    return max(2, int(np.ceil(variance * (1.96 / half_width) ** 2)))
    ### END SOLUTION


# %%
checks.photographs_needed(photographs_needed)

# %%
for patches in (1, 10, 100, 1_000):
    print(f"{patches:5} patches of each: {photographs_needed(0.3, 0.6, patches, 0.1)} photographs")

# %% [markdown] tags=["solution"]
# Patches are cheap and stop helping soon. The course's six held-out photographs cannot give a narrow interval, however many patches are cut from them; that is why the lesson's interval is wide, and why it is nevertheless the one to print.

# %% [markdown]
# ## Task 6 · What went wrong?
#
# Five studies, each with one fault (or one thing that only looks like a fault). Causes: `"leak"` (test data known from training), `"channel"` (two numbers of different measures compared), `"damage"` (the damage in use is not the damage in training), `"mean"` (the loss does what it asks for), `"metric"` (the number that was optimised is not what the user wants).
#
# - **A.** All patches of 30 photographs are cut with overlap, shuffled, and every tenth goes into the test set. The gain over bicubic is 2.1 dB. On new photographs it is 0.6 dB.
# - **B.** “Our ×2 network reaches 36.1 dB”, against 34.4 dB for bicubic in a table of another paper. The authors measured $Y$; the table was measured in RGB.
# - **C.** A network, trained on bicubically reduced pictures and 1 dB better than bicubic on such pictures, makes pictures of a mobile phone *worse*: it sharpens their noise and the blocks of their JPEG.
# - **D.** A colorizer of cars, trained with L2 for a long time on a million pictures, paints all cars in a greyish brown. The loss is at its minimum, and longer training does not help.
# - **E.** Among ten super-resolvers a photographer's shop picks the one with the highest PSNR. Customers prefer the prints of the shop next door, whose PSNR is 2 dB lower.

# %% [markdown]
# <details><summary>Hint 1</summary>
#
# Sections 1, 2, 5 and 8 of the lesson each explain one or two of these. For every study ask: what is different between the place where the number looks good and the place where it disappoints?
#
# </details>
#
# <details><summary>Hint 2</summary>
#
# A: what do overlapping patches have in common? B: was the same thing measured? C: which pictures had the network never seen? D: the loss *is* at its minimum; what is the minimum of L2 if cars come in many colours? E: is PSNR what customers look at?
#
# </details>
#
# <details><summary>Worked idea</summary>
#
# Every cause occurs once. Begin with the sure ones: a table in RGB against a measurement in $Y$ (section 2), and patches of one photograph on both sides of the split (section 1). Noise and JPEG blocks were not in the training pairs. Of the last two, one is a loss that does exactly what it says (section 8), and one a number that is optimised although it is not what is wanted (section 5: sharpness costs dB).
#
# </details>

# %%
### BEGIN SOLUTION
faults = {"A": "leak", "B": "channel", "C": "damage", "D": "mean", "E": "metric"}
### END SOLUTION
faults

# %%
checks.restoration_faults(faults)
