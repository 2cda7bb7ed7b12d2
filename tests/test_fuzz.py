"""Nothing public is forgotten: every function either meets hostile arguments, or is excepted here with a reason."""

import ast
import inspect
from pathlib import Path

import pytest
import test_fuzz_arrays
import test_fuzz_tensors

import course_lib

FOLDER = Path(course_lib.__file__).parent
CASES = [*test_fuzz_arrays.CASES, *test_fuzz_tensors.CASES]
NO_ARGUMENTS = "takes no argument that could be wrong"
TRAINED = "a Keras model or layer: fit, its networks and their shapes are tested in the module's own tests"
WIDGETS = "widgets: tests/test_explore*.py press their buttons; render() is given values by its own controls only"
EXCEPTIONS = {
    "callbacks": "called by Keras during fit; the arguments of their constructors are in tests/test_callbacks.py",
    "checks": "their argument is a learner's answer, wrong in every way: tests/exercises/catalogue_NN.py",
    "explore": WIDGETS,
    "placement": "its widgets offer only what can be answered: tests/test_placement.py",
    "plots": "figures for arrays that were checked where they were made: tests/test_plots.py",
    "progress": "files and not arrays: tests/test_progress.py, tests/test_robustness.py",
    "gallery": "files and titles: tests/test_gallery.py, tests/test_robustness.py; its arrays go to images",
    "runtime": "settings of TensorFlow for the whole process: tests/test_runtime.py",
    "zoo": "names and files: tests/test_zoo.py, tests/test_robustness.py",
    "vae": TRAINED,
    "gan": TRAINED,
    "diffusion.FlowMatching": TRAINED,
    "translation.Translator": TRAINED,
    "planar.Game": "its settings are tested in tests/test_planar.py; what is asked of a game is here",
    "planar.Game.change": "takes the same settings as the constructor",
    "planar.Game.state": NO_ARGUMENTS,
    "planar.Pack": TRAINED,
    "style.AdaIN": TRAINED,
    "style.StyleTransfer": "its arguments go through style.fitted and its like; tests/test_style.py has all of them",
    "style.FeatureNetwork": "a tuple of a network and names",
    "nets.SpaceToDepth": TRAINED,
    "nets.BicubicUpsampling": TRAINED,
    "nets.flops": "its argument is a model",
    "nets.lite0": NO_ARGUMENTS,
    "losses.Minimax": NO_ARGUMENTS,
    "losses.NonSaturating": NO_ARGUMENTS,
    "losses.LeastSquares": NO_ARGUMENTS,
    "losses.Hinge": NO_ARGUMENTS,
    "losses.Wasserstein": NO_ARGUMENTS,
    "losses.Relativistic": NO_ARGUMENTS,
    "metrics.FeatureExtractor": "a network of the zoo; its images are tested in tests/test_metrics.py",
    "editing.reader": "its argument is a model",
    "provenance.pixels_of": "its argument is a file: tests/test_robustness.py",
    "interpret.UnitEffects": "a result",
    "style.Snapshot": "a result",
    "restoration.Interval": "a result",
    "transport.Transport": "a result",
    "data.Fashion": "a result",
    "data.Faces": "a result",
    "data.Work": "a result",
    "data.Patches": "a result",
    "data.load_keras": "fetches from the network",
    "data.load_paintings": NO_ARGUMENTS,
    "data.face_names": NO_ARGUMENTS,
    "data.face_palettes": NO_ARGUMENTS,
    "conditions.faces": NO_ARGUMENTS,
    "conditions.fashion": NO_ARGUMENTS,
}


def exported(module):
    """Return the public names of a module: its own, those in __all__, and what it imports ``x as x``."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)} | {
        *getattr(module, "__all__", ())
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {a.name for a in node.names if a.asname == a.name}
    return sorted(name for name in names if not name.startswith("_"))


def public():
    """Return the dotted names of all public functions, classes and their own public methods."""
    found = []
    for module_name in course_lib._MODULES:
        module = getattr(course_lib, module_name)
        for name in exported(module):
            value = getattr(module, name)
            if callable(value):
                found.append(f"{module_name}.{name}")
            if inspect.isclass(value):
                inherited = {attribute for base in value.__mro__[1:] for attribute in vars(base)}
                methods = [n for n, m in vars(value).items() if inspect.isfunction(m) and not n.startswith("_")]
                found += [f"{module_name}.{name}.{n}" for n in methods if n not in inherited]
    return found


def is_excepted(name):
    """Say whether a name or whatever it is part of is an exception; the methods of an excepted class are, too."""
    parts = name.split(".")
    return any(".".join(parts[:k]) in EXCEPTIONS for k in range(1, len(parts) + 1))


def test_every_public_function_is_fuzzed_or_excepted():
    fuzzed = {case.name for case in CASES}
    forgotten = [name for name in public() if name not in fuzzed and not is_excepted(name)]
    assert not forgotten, "give each a Case in tests/test_fuzz_*.py, or an exception with its reason here"


def test_cases_and_exceptions_name_what_exists():
    known = {*public(), *course_lib._MODULES}
    inherited = {f"losses.{type(loss).__name__}.{player}" for loss in test_fuzz_tensors.losses.GAN_LOSSES.values()
                 for player in ("discriminator", "generator")}  # fmt: skip
    assert sorted({case.name for case in CASES} - known - inherited) == []
    assert sorted(EXCEPTIONS.keys() - known) == []
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("argument", [None, "x" * 10_000, [[1.0], [2.0, 3.0]], 10**400, 1j])
def test_messages_stay_short(argument):
    with pytest.raises(ValueError) as refused:
        course_lib.divergences.kl_discrete(argument, [1.0])
    assert str(refused.value).startswith("p: ") and len(str(refused.value)) < 400


def test_imaginary_parts_decimals_and_texts_are_not_dropped_silently():
    for value in ([0.5 + 1j, 0.5], ["0.5", "0.5"], [None, 1.0]):
        with pytest.raises(ValueError, match="^p: expected numbers"):
            course_lib.divergences.kl_discrete(value, [0.5, 0.5])
    with pytest.raises(ValueError, match="^turns: expected whole numbers"):
        course_lib.translation.turned(test_fuzz_tensors.IMAGES, [0.5, 1, 2, 3])


def test_paired_logits_of_different_shapes_are_refused_instead_of_spread():
    real, fake = test_fuzz_tensors.LOGITS, test_fuzz_tensors.FAKE_LOGITS
    with pytest.raises(ValueError, match="^fake_logits: expected the shape of real_logits"):
        course_lib.losses.GAN_LOSSES["relativistic"].discriminator(real, fake[:, 0])
