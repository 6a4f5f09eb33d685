"""ResFlow: its density, the coupling layers, and what their training gains."""

import math

import numpy as np
import pytest
import torch
from sklearn.datasets import make_moons

from heat_core import HeatError
from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.names import BUILT_IN
from heat_core.energies.priors import Constants, GaussianMixture, ResidualFlow, couplings
from heat_core.features.features import Features

RNG = np.random.default_rng(0)
MOONS, MOON = make_moons(1200, noise=0.12, random_state=0)
NEW_MOONS = make_moons(800, noise=0.12, random_state=1)[0]
ONE = np.zeros(len(MOONS), int)


def drawn(dim: int, seed: int = 0) -> couplings.Weights:
    """Layers that are no identity: also the last linear maps are random."""
    generator = torch.Generator().manual_seed(seed)
    weights = couplings.identity(dim, generator)
    for name in ("weight_3", "bias_3"):
        weights[name] = torch.randn(weights[name].shape, generator=generator, dtype=torch.float64) / 10
    return weights


def log_density(prior: GaussianMixture, z: np.ndarray) -> np.ndarray:
    """The log of the normalised density: -E_q less the log of the integral of exp(-E_q)."""
    dim, weights = z.shape[1], np.exp(prior.scoring_constants()["log_weights"])
    half_log_det = 0.5 * np.linalg.slogdet(prior.precision_)[1]
    return -prior.energy(z) + half_log_det - 0.5 * dim * math.log(2 * math.pi) - math.log(weights.sum())


@pytest.fixture(scope="module")
def flow() -> ResidualFlow:
    return ResidualFlow().fit(MOONS, ONE)


@pytest.fixture(scope="module")
def of_classes() -> ResidualFlow:
    """Fit a flow on two classes with unequal shares, until it has learned."""
    rows = np.r_[np.flatnonzero(MOON == 0), np.flatnonzero(MOON == 1)[:200]]
    return ResidualFlow(weights="empirical").fit(MOONS[rows], MOON[rows])


@pytest.mark.parametrize("dim", [1, 2, 3, 8, 13])
def test_layers_have_an_inverse_and_the_jacobians_determinant(dim):
    weights = drawn(dim)
    u = 2 * torch.from_numpy(RNG.normal(size=(20, dim)))
    v, log_det = couplings.transform(u, weights)
    assert (v - u).abs().max() > 0.1
    torch.testing.assert_close(couplings.invert(v, weights), u, rtol=1e-12, atol=1e-12)
    jacobians = torch.stack([torch.func.jacrev(lambda x: couplings.transform(x, weights)[0])(x) for x in u])
    torch.testing.assert_close(log_det, torch.linalg.slogdet(jacobians)[1], rtol=1e-10, atol=1e-10)


def test_every_coordinate_moves_and_depends_on_every_other():
    """The halves mix: with four layers no entry of the Jacobian is zero."""
    jacobian = torch.func.jacrev(lambda x: couplings.transform(x, drawn(12))[0])(torch.ones(12, dtype=torch.float64))
    assert (jacobian.abs() > 1e-9).all()


def test_layers_begin_at_the_identity():
    u = torch.from_numpy(RNG.normal(size=(9, 6)))
    v, log_det = couplings.transform(u, couplings.identity(6, torch.Generator()))
    torch.testing.assert_close(v.sort(dim=1).values, u.sort(dim=1).values, rtol=0, atol=0)  # in another order
    assert (log_det == 0).all()


@pytest.mark.parametrize("name", ["flow", "of_classes"])
def test_the_density_integrates_to_one(name, request):
    prior = request.getfixturevalue(name)
    assert prior.gain_ > 0.1
    side = np.linspace(-6, 7, 800)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = np.exp(log_density(prior, grid)).sum() * (side[1] - side[0]) ** 2
    assert total == pytest.approx(1, abs=1e-3)


def test_untrained_it_is_the_mixture():
    """Classes of nine have no image to hold out."""
    y = np.repeat([0, 1, 5], 9)
    z = RNG.normal(size=(27, 4)) + 3 * y[:, None]
    for weights in ("uniform", "empirical"):
        prior, mixture = (kind("auto", weights).fit(z, y) for kind in (ResidualFlow, GaussianMixture))
        assert prior.gain_ == 0
        points = 5 * RNG.normal(size=(40, 4))
        np.testing.assert_allclose(prior.energy(points), mixture.energy(points), rtol=1e-10)


def test_samples_without_flow_have_the_mixtures_moments():
    z = RNG.normal(size=(9, 3)) @ RNG.normal(size=(3, 3))
    prior = ResidualFlow().fit(z, np.zeros(9))
    samples = prior.sample(60_000, torch.Generator().manual_seed(0)).double().numpy()
    np.testing.assert_allclose(samples.mean(0), z.mean(0), atol=0.05)
    np.testing.assert_allclose(np.cov(samples.T), np.cov(z.T, bias=True), atol=0.05 * np.abs(np.cov(z.T)).max())


def test_samples_are_those_of_the_density(flow):
    """The shares of samples in squares are the integrals of the density there."""
    samples = flow.sample(40_000, torch.Generator().manual_seed(0)).double().numpy()
    edges = np.linspace(-2, 3, 6)
    found = np.histogram2d(*samples.T, bins=(edges, edges))[0] / len(samples)
    middle = np.linspace(-2, 3, 501)[:-1] + 0.005
    grid = np.stack(np.meshgrid(middle, middle, indexing="ij"), axis=-1).reshape(-1, 2)
    expected = (np.exp(log_density(flow, grid)) * 1e-4).reshape(5, 100, 5, 100).sum(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize("name", ["flow", "of_classes"])
def test_the_gradient_is_the_slope(name, request):
    """In float64, by central differences."""
    prior, z = request.getfixturevalue(name), torch.from_numpy(2 * RNG.normal(size=(30, 2)))
    step = 1e-6 * torch.eye(2, dtype=torch.float64)
    slope = torch.stack([(prior.energy(z + s) - prior.energy(z - s)) / 2e-6 for s in step], dim=1)
    torch.testing.assert_close(prior.gradient(z), slope, rtol=1e-6, atol=1e-6)
    with torch.no_grad():  # as in a Langevin chain
        torch.testing.assert_close(prior.gradient(z.float()).double(), slope, rtol=1e-2, atol=1e-2)


def test_training_raises_the_likelihood_of_new_points(flow):
    """By more than 0.4 nats on two moons, of which the Gaussian sees one cloud."""
    gaussian = GaussianMixture().fit(MOONS, ONE)
    assert log_density(flow, NEW_MOONS).mean() > log_density(gaussian, NEW_MOONS).mean() + 0.4
    assert flow.gain_ > 0.4


def test_a_gaussian_gains_nothing():
    """The flow of points that are Gaussian is the identity, or nearly."""
    z = RNG.normal(size=(1500, 6)) @ RNG.normal(size=(6, 6))
    prior, new = ResidualFlow().fit(z, np.zeros(1500)), RNG.normal(size=(500, 6)) @ np.eye(6)
    assert prior.gain_ < 0.05
    assert np.isfinite(prior.energy(new)).all()


def test_few_images_teach_what_holds_for_new_ones():
    """With fewer images than dimensions new images become more likely, not only those of the training."""
    rng = np.random.default_rng(1)
    mixing = rng.normal(size=(20, 300)) * np.geomspace(3, 0.1, 300)

    def sampled(n: int) -> np.ndarray:
        return np.maximum(rng.normal(size=(n, 20)) @ mixing + rng.normal(size=(n, 300)), 0)

    z, y, new = sampled(200), np.arange(200) % 4, sampled(300)
    prior, mixture = ResidualFlow("auto").fit(z, y), GaussianMixture("auto").fit(z, y)
    assert prior.covariance_used_ == "ledoit-wolf"
    assert prior.gain_ > 10
    assert log_density(prior, new).mean() > log_density(mixture, new).mean() + 10
    assert np.isfinite(prior.energy(1e4 * new)).all()


def test_a_seed_gives_the_same_numbers(flow):
    again, other = ResidualFlow().fit(MOONS, ONE), ResidualFlow(seed=1).fit(MOONS, ONE)
    np.testing.assert_array_equal(again.energy(NEW_MOONS), flow.energy(NEW_MOONS))
    assert not np.allclose(other.energy(NEW_MOONS), flow.energy(NEW_MOONS), rtol=1e-3)
    clone = ResidualFlow(seed=1).fit(MOONS[::2], ONE[::2])
    np.testing.assert_array_equal(other.fit_clone(MOONS[::2], ONE[::2]).energy(NEW_MOONS), clone.energy(NEW_MOONS))


def test_packed_it_gives_the_same_numbers(flow):
    packed = ResidualFlow.from_constants(Constants(**flow.scoring_constants()))
    points = NEW_MOONS.astype(np.float32)  # as features are
    np.testing.assert_allclose(packed.energy(points), flow.energy(points), rtol=1e-10, atol=1e-10)
    assert {a.dtype for a in flow.scoring_constants().values()} == {np.dtype(np.float32), np.dtype(np.float64)}


def test_only_the_nearest_classes_are_evaluated():
    """With many classes the sum over the three nearest ones equals the sum over all of them, near the classes."""
    y = np.arange(300) % 30
    z = RNG.normal(size=(300, 5)) + 12 * RNG.normal(size=(30, 5))[y]
    prior, mixture = ResidualFlow().fit(z, y), GaussianMixture().fit(z, y)
    assert prior.gain_ == 0
    np.testing.assert_allclose(prior.energy(z), mixture.energy(z), rtol=1e-6, atol=1e-6)


def test_the_prior_in_a_run_reads_what_gmm_reads():
    z = np.abs(RNG.normal(size=(60, 4))).astype(np.float32)
    train = Features(z, z, np.arange(60) % 2, [""] * 60)
    part = fit_prior("resflow", train, None)
    assert np.allclose(np.linalg.norm(part.view.array(train), axis=1), 1)
    assert not BUILT_IN["resflow"].needs_head
    with pytest.raises(HeatError, match="needs the label of every"):
        ResidualFlow().fit(z, None)


class Energy(torch.nn.Module):
    """The energy of a packed flow as a network whose buffers are its constants, as in a guard that is exported."""

    def __init__(self, prior: ResidualFlow) -> None:
        super().__init__()
        for name, values in prior.scoring_constants().items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        return dict(self.named_buffers())

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return ResidualFlow.from_constants(self).energy(z)


@pytest.mark.slow
def test_the_energy_is_the_same_in_onnxruntime(tmp_path):
    """For batches of any size, with five classes, of which three are evaluated."""
    onnxruntime = pytest.importorskip("onnxruntime")
    y = np.arange(len(MOONS)) % 5
    z = MOONS + np.c_[y, y % 2]
    prior = ResidualFlow().fit(z, y)
    assert prior.gain_ > 0.4
    points, names = torch.from_numpy(z[:7]).float(), {"input_names": ["z"], "output_names": ["energy"]}
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    network = Energy(prior).eval()
    program = torch.onnx.export(network, (points,), dynamo=True, dynamic_shapes=shapes, verbose=False, **names)
    program.save(tmp_path / "energy.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "energy.onnx")
    for n in (1, 3, 7):
        found = session.run(None, {"z": points[:n].numpy()})[0]
        np.testing.assert_allclose(found, prior.energy(z[:n]), rtol=1e-4, atol=1e-4)
