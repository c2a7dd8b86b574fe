"""Augmentation: seeded, and made of transforms that do what their names say."""

import math

import pytest
import torch
from torchvision.transforms import v2

from engine.core.errors import UserError
from engine.models.augment import Blur, PixelDropout, RandomGamma, augment, build_pipeline, draw_pipeline, draw_seeds, draw_steps
from engine.runs.pipelines import BUILT_IN, Pipeline, PipelineStep, parse_pipeline
from engine.runs.transforms import TRANSFORMS

pytestmark = pytest.mark.usefixtures("one_thread")

RANDOM = [name for name in BUILT_IN if name != "none"]


@pytest.fixture
def image():
    return torch.randint(1, 256, (3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_seed_gives_the_same_draws_of_the_same_kind(image, name):
    first, again = draw_pipeline(image, name, 6, seed=1), draw_pipeline(image, name, 6, seed=1)
    assert (first.shape, first.dtype) == ((6, 3, 48, 48), torch.uint8)
    assert torch.equal(first, again)


@pytest.mark.parametrize("name", RANDOM)
def test_another_seed_and_every_image_of_a_batch_get_draws_of_their_own(image, name):
    first, other = draw_pipeline(image, name, 6, seed=1), draw_pipeline(image, name, 6, seed=2)
    assert not torch.equal(first, other)
    assert len({draw.numpy().tobytes() for draw in first}) > 2


def test_no_augmentation_changes_no_pixel(image):
    assert torch.equal(draw_pipeline(image, "none", 3, seed=0), image.expand(3, -1, -1, -1))


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_preview_leaves_the_global_generator_alone(image, name):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    draw_pipeline(image, name, 2, seed=1)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", RANDOM)
def test_the_batch_and_the_preview_go_the_same_way(image, name):
    batch = augment(torch.stack([image] * 4), build_pipeline(name, 48), draw_seeds(5, 0, range(4)))
    assert torch.equal(batch, draw_pipeline(image, name, 4, seed=5))


@pytest.mark.parametrize("name", RANDOM)
def test_a_draw_depends_on_neither_the_batch_nor_its_place_in_it(image, name):
    seeds = draw_seeds(5, 2, range(4))
    batch = augment(torch.stack([image] * 4), build_pipeline(name, 48), seeds)
    alone = augment(image[None], build_pipeline(name, 48), seeds[2:3])
    assert torch.equal(batch[2], alone[0])
    assert len({*seeds, *draw_seeds(5, 3, range(4)), *draw_seeds(6, 2, range(4))}) == 12


def test_gamma_is_the_closed_form(image):
    expected = (255 * (image.double() / 255) ** 0.5).round()
    assert (RandomGamma((0.5, 0.5))(image).double() - expected).abs().max() <= 1


def test_gamma_is_drawn_evenly_from_its_range():
    torch.manual_seed(0)
    grey = torch.full((3, 4, 4), 64, dtype=torch.uint8)
    seen = [math.log(RandomGamma((0.4, 0.6))(grey)[0, 0, 0].item() / 255) / math.log(64 / 255) for _ in range(300)]
    assert 0.395 < min(seen) < 0.42
    assert 0.58 < max(seen) < 0.605
    assert sum(seen) / 300 == pytest.approx(0.5, abs=0.02)


def test_dropout_blackens_its_share_in_all_channels_and_leaves_the_rest():
    torch.manual_seed(0)
    image = torch.randint(1, 256, (3, 300, 300), dtype=torch.uint8)
    dropped = PixelDropout(0.1)(image)
    black = (dropped == 0).any(dim=0)
    assert torch.equal(black, (dropped == 0).all(dim=0))
    assert black.float().mean().item() == pytest.approx(0.1, abs=0.01)
    assert torch.equal(dropped[:, ~black], image[:, ~black])


@pytest.mark.parametrize(("share", "black"), [(0.0, 0), (1.0, 3 * 48 * 48)])
def test_dropout_of_nothing_and_of_everything(image, share, black):
    assert int((PixelDropout(share)(image) == 0).sum()) == black


def test_an_unknown_pipeline_is_told_with_the_known_ones():
    with pytest.raises(UserError, match=r"There is no augmentation 'wild'\. Choose one of: none, light, standard"):
        build_pipeline("wild", 32)


def test_an_empty_batch_stays_one():
    assert augment(torch.empty(0, 3, 8, 8, dtype=torch.uint8), build_pipeline("strong", 8), []).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_every_transform_gives_pictures_of_the_same_kind_and_changes_them(image, name):
    done = draw_pipeline(image, Pipeline((PipelineStep(name),)), 8, seed=1)
    assert (done.shape, done.dtype) == ((8, 3, 48, 48), torch.uint8)
    assert any(not torch.equal(one, image) for one in done)


@pytest.mark.parametrize("name", [name for name in TRANSFORMS if TRANSFORMS[name].strengths])
def test_a_transform_without_strength_changes_nothing(image, name):
    neutral = PipelineStep(name).stronger(0)
    assert torch.equal(draw_pipeline(image, Pipeline((neutral,)), 2, seed=1), image.expand(2, -1, -1, -1))


@pytest.mark.parametrize("name", TRANSFORMS)
def test_the_strongest_still_gives_a_picture(image, name):
    assert draw_pipeline(image, Pipeline((PipelineStep(name).stronger(1000),)), 4, seed=1).shape == (4, 3, 48, 48)


def test_a_step_is_done_as_often_as_it_says(image):
    done = draw_pipeline(image, "flip@0.25", 400, seed=1)
    flipped = sum(torch.equal(one, image.flip(-1)) for one in done)
    assert flipped + sum(torch.equal(one, image) for one in done) == 400
    assert 70 <= flipped <= 130


def test_each_step_alone_is_that_step_done_for_certain(image):
    flipped, black = draw_steps(image, parse_pipeline("flip@0.01/dropout@0.01:share=1"), seed=1)
    assert torch.equal(flipped, image.flip(-1))
    assert not black.any()
    assert draw_steps(image, parse_pipeline("none"), seed=1).shape == (0, 3, 48, 48)


def test_blur_is_torchvisions_gaussian_blur(image):
    torch.manual_seed(1)
    ours = Blur((0.1, 2.0))(image)
    torch.manual_seed(1)
    theirs = v2.GaussianBlur(13, (0.1, 2.0))(image)
    assert (ours.int() - theirs.int()).abs().max() <= 1
    assert not torch.equal(ours, image)
