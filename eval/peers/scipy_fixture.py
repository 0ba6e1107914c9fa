"""SciPy's correlations of 10,000 pairs of random vectors, for tests/it/scipy.rs.

The vectors are not stored: the test draws them again from the same seeds, bit by bit, with the
generator of src/noise.rs. Half of them have ties. Writes scipy_correlations.npy, (10000, 2)
float64: Pearson, Spearman; NaN where a side is constant.

    python eval/peers/scipy_fixture.py --output tests/fixtures
"""

import argparse
import pathlib
import warnings

import numpy as np
import scipy.stats

CASES = 10_000
MASK = (1 << 64) - 1
STEP = 0x9E37_79B9_7F4A_7C15


def mix(x):
    """The finaliser of SplitMix64."""
    x = ((x ^ (x >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D0_49BB_1331_11EB) & MASK
    return x ^ (x >> 31)


class Sequence:
    """`Key::new(seed).sequence()` of src/noise.rs."""

    def __init__(self, seed):
        self.state = mix(seed ^ 0x7477_696E_6472_6F70)

    def bits(self):
        self.state = (self.state + STEP) & MASK
        return mix(self.state)

    def below(self, bound):
        return (self.bits() * bound) >> 64

    def uniform(self):
        return ((self.bits() >> 11) + 0.5) / (1 << 53)


def vectors(case):
    """The two sides of a case; tests/it/scipy.rs draws the same."""
    draws = Sequence(case)
    pairs = 2 + draws.below(199)
    share = (case // 2 % 5) / 4
    if case % 2 == 0:
        x = [1000.0 * (case % 3) + draws.uniform() for _ in range(pairs)]
        y = [share * value + draws.uniform() for value in x]
    else:
        levels = 1 + draws.below(20)
        x = [float(draws.below(levels)) for _ in range(pairs)]
        y = [float(np.floor(share * value)) + float(draws.below(levels)) for value in x]
    return x, y


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    output = parser.parse_args().output
    warnings.simplefilter("ignore", scipy.stats.ConstantInputWarning)
    rows = np.empty((CASES, 2))
    for case in range(CASES):
        x, y = vectors(case)
        rows[case] = scipy.stats.pearsonr(x, y)[0], scipy.stats.spearmanr(x, y)[0]
    np.save(output / "scipy_correlations.npy", rows)
    undefined = int(np.isnan(rows[:, 0]).sum())
    print(f"scipy {scipy.__version__}: {CASES} cases, {undefined} without a correlation")


if __name__ == "__main__":
    main()
