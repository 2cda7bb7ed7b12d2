"""Explorers: a pure ``render(**values) -> uint8 image``, and a thin ipywidgets view of it.

Every explorer works without a notebook through ``render``, ``describe``, ``save`` and ``static``; in one,
``show()`` displays it, with the static picture for readers who have no kernel. Only widgets and traits that
ipywidgets 7.7.1 has are used, because Colab ships that version.
"""

from course_lib.explore.base import Control, Explorer
from course_lib.explore.comparer import Comparer
from course_lib.explore.denoising_strip import DenoisingStrip
from course_lib.explore.divergence_lab import DivergenceLab
from course_lib.explore.doctor_panel import DoctorPanel
from course_lib.explore.edit_bench import EditBench
from course_lib.explore.elbo_lab import ElboLab
from course_lib.explore.gallery import Gallery
from course_lib.explore.gan_lab import GanLab
from course_lib.explore.hint_painter import HintPainter
from course_lib.explore.latent_explorer import LatentExplorer
from course_lib.explore.latent_pair import LatentPair
from course_lib.explore.maps import BetaDial, LatentMap
from course_lib.explore.metric_lab import MetricLab
from course_lib.explore.style_mixer import StyleMixer
from course_lib.explore.transport_lab import TransportLab

__all__ = [
    "BetaDial",
    "Comparer",
    "Control",
    "DenoisingStrip",
    "DivergenceLab",
    "DoctorPanel",
    "EditBench",
    "ElboLab",
    "Explorer",
    "Gallery",
    "GanLab",
    "HintPainter",
    "LatentExplorer",
    "LatentMap",
    "LatentPair",
    "MetricLab",
    "StyleMixer",
    "TransportLab",
]
