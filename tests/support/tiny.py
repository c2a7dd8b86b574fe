"""A training that takes no time: a network of timm's for tests, twenty pictures of noise, three steps an epoch."""

import copy
import functools
import io

import numpy as np
import torch

from engine.models import model, network
from engine.models.device import select_compute
from engine.runs.config import configure
from engine.training.batches import Images
from engine.training.finetune import FineTuning

SIZE, CLASSES, NETWORK = 32, ("forest", "glacier", "sea"), "timm:test_efficientnet"


@functools.cache
def _trunk():
    torch.manual_seed(0)
    return network.build_trunk(NETWORK, "none", SIZE)


def pictures(count, seed, size=SIZE, labels=None):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % len(CLASSES) if labels is None else labels
    return Images((rng.integers(0, 120, (count, size, size, 3)) + 60 * labels[:, None, None, None]).astype(np.uint8), labels)


def settings(**changes):
    plain = {"image_size": SIZE, "batch_size": 8, "epochs": 2, "precision": "float32", "trainable": 1.0, "patience": 0}
    return configure("tiny", method="finetune", model=NETWORK, **{**plain, **changes})


def trainer(train=None, validation=None, **changes):
    """A training from the same start each time."""
    config, trunk = settings(**changes), _trunk()
    own = network.Trunk(trunk.entry, copy.deepcopy(trunk.module), trunk.features, trunk.mean, trunk.std)
    where = select_compute("cpu", config.precision)
    current = model.create_model(own, CLASSES, config.image_size, where, config.seed, config.views)
    images = train or pictures(20, 1, config.image_size), validation or pictures(9, 2, config.image_size)
    return FineTuning(current.classifier, *images, config, current.preprocessing, where)


def saved(one):
    """What a checkpoint keeps of a training, as bytes."""
    buffer = io.BytesIO()
    torch.save({"network": one.network.state_dict(), "training": one.state()}, buffer)
    return buffer.getvalue()


def restored(content, **changes):
    """A training that goes on from what was saved, in a process that drew other random numbers meanwhile."""
    document = torch.load(io.BytesIO(content), weights_only=True)
    one = trainer(**changes)
    one.network.load_state_dict(document["network"])
    one.load_state(document["training"])
    torch.manual_seed(99)
    np.random.seed(99)
    return one


def story(facts):
    """What the facts say, without what depends on the machine."""
    measured = ("rate", "seconds", "waiting", "memory")
    return [(type(fact).__name__, {k: v for k, v in vars(fact).items() if k not in measured}) for fact in facts]


def weights(one):
    return {name: tensor.clone() for name, tensor in one.network.state_dict().items()}


def differing(a, b):
    return [name for name in a if not torch.equal(a[name], b[name])]
