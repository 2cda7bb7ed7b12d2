"""The machinery of the mutants itself: a proof must hold for the real formula and fail for a broken one."""

import numpy as np
import pytest
from mutation import Mutant

from course_lib import divergences


def proof(kl):
    np.testing.assert_allclose(kl([[2.0]], [[0.0]]), [2.0])


HALF = Mutant(proof, divergences.kl_to_standard_normal, "0.5", "1.0")


def test_a_mutant_is_the_function_with_the_changed_source():
    np.testing.assert_allclose(HALF.broken()([[2.0]], [[0.0]]), [4.0])
    proof(divergences.kl_to_standard_normal)


def test_a_proof_that_notices_kills_the_mutant():
    HALF.is_killed()


def test_a_proof_that_does_not_notice_is_reported():
    with pytest.raises(pytest.fail.Exception):
        HALF._replace(proof=lambda kl: None).is_killed()


def test_a_mutant_whose_text_has_gone_is_reported():
    with pytest.raises(AssertionError, match="0 times"):
        HALF._replace(old="not there").broken()
