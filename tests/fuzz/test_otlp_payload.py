"""The fuzz target itself works: on its seeds, and on what hypothesis thinks of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .otlp_payload import SEEDS, one_input


@pytest.mark.parametrize("seed", SEEDS)
def test_seeds(seed: bytes) -> None:
    one_input(seed)


@given(st.sampled_from(SEEDS), st.integers(0, 200), st.binary(max_size=20), st.integers(0, 255))
def test_mutated_seeds(seed: bytes, at: int, noise: bytes, choice: int) -> None:
    one_input(bytes([choice]) + seed[1:at] + noise + seed[at:])
