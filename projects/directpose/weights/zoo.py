"""Published models by name: downloaded, converted and kept on this machine.

The weights are their publishers'; nothing is distributed with this package.
"""

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from mmengine.runner import CheckpointLoader

from ..utils.config import config_path, read_config
from ..utils.errors import InputError
from ..utils.io import read_json, write_json
from .checkpoint import read_checkpoint, weight_problems
from .converters import CONVERTERS, model_weights, write_checkpoint
from .download import fetch, file_hash, make_folder

SCHEME = 'directpose://'
DEFAULT = 'keypoint-rcnn'
TORCHVISION = 'https://download.pytorch.org/models/'
DETECTRON2 = 'https://dl.fbaipublicfiles.com/detectron2/COCO-Keypoints/'
GLUONCV = 'https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/torch/models/'
BY_HAND = 'https://github.com/lingl-space/maskrcnn_keypoint_refined'


class PublishedModel(NamedTuple):
    """A model that somebody has trained and published.

    Attributes:
        name: ours.
        what: for people.
        config: relative to ``configs/``.
        program: which converter it needs.
        url: address of its weights; that of a page that tells where they are, if they can only be
            had by hand.
        algorithm, digest: how the hash of the file begins; empty if none is known.
        file: name of the file.
        ap: keypoint AP as published, in percent; ``''`` if none is stated.
        size: of the file, as published or computed from the model, for people.
        licence: as stated by the publisher.
    """

    name: str
    what: str
    config: str
    program: str
    url: str
    algorithm: str
    digest: str
    file: str
    ap: str
    size: str
    licence: str

    @property
    def by_hand(self) -> bool:
        """Whether it cannot be downloaded by a program."""
        return not self.digest


def _torchvision(name: str, what: str, digest: str, ap: str) -> PublishedModel:
    file = f'keypointrcnn_resnet50_fpn_coco-{digest}.pth'
    return PublishedModel(
        name,
        what,
        'keypoint_rcnn/keypoint-rcnn_r50_fpn_torchvision_coco-800x1333.py',
        'torchvision',
        TORCHVISION + file,
        'sha256',
        digest,
        file,
        ap,
        '226 MB',
        'code BSD-3-Clause; weights derived from COCO',
    )


def _detectron2(
    name: str, backbone: str, path: str, digest: str, ap: str, size: str
) -> PublishedModel:
    depth = name.split('_')[1]
    return PublishedModel(
        name,
        f'Keypoint R-CNN, {backbone}, detectron2',
        f'keypoint_rcnn/keypoint-rcnn_{depth}_fpn_detectron2_coco-800x1333.py',
        'detectron2',
        f'{DETECTRON2}{path}/model_final_{digest}.pkl',
        'md5',
        digest,
        f'model_final_{digest}.pkl',
        ap,
        size,
        'CC BY-SA 3.0',
    )


def _refined(depth: str, ap: str) -> PublishedModel:
    return PublishedModel(
        f'keypoint-rcnn-gcm_{depth}',
        f'Keypoint R-CNN with global context, {depth.upper()}, Li et al.',
        f'keypoint_rcnn/keypoint-rcnn_{depth}_fpn_gcm_detectron2_coco-800x1333.py',
        'detectron2',
        BY_HAND,
        '',
        '',
        f'model_{depth}.pth',
        ap,
        '',
        'repository Apache-2.0',
    )


MODELS = {
    model.name: model
    for model in (
        _torchvision(DEFAULT, 'Keypoint R-CNN, R-50, torchvision', 'fc266e95', '65.0'),
        _torchvision(
            'keypoint-rcnn_legacy', 'Keypoint R-CNN, R-50, torchvision, older', '9f466800', '61.1'
        ),
        _detectron2(
            'keypoint-rcnn_r50_detectron2',
            'R-50',
            'keypoint_rcnn_R_50_FPN_3x/137849621',
            'a6e10b',
            '65.5',
            '237 MB',
        ),
        _detectron2(
            'keypoint-rcnn_r50_1x_detectron2',
            'R-50, 1x',
            'keypoint_rcnn_R_50_FPN_1x/137261548',
            '04e291',
            '64.0',
            '237 MB',
        ),
        _detectron2(
            'keypoint-rcnn_r101_detectron2',
            'R-101',
            'keypoint_rcnn_R_101_FPN_3x/138363331',
            '997cc7',
            '66.1',
            '313 MB',
        ),
        _detectron2(
            'keypoint-rcnn_x101_detectron2',
            'X-101-32x8d',
            'keypoint_rcnn_X_101_32x8d_FPN_3x/139686956',
            '5ad38f',
            '66.0',
            '490 MB',
        ),
        PublishedModel(
            'directpose',
            'DirectPose, R-50, GluonCV',
            'directpose/directpose_r50-blur_fpn_gluoncv_coco-800x1333.py',
            'gluoncv',
            GLUONCV + 'directpose_resnet50_lpf_fpn_coco-0bac43a2.pth',
            'sha1',
            '0bac43a266b8927685190597610998d3e4ecc53c',
            'directpose_resnet50_lpf_fpn_coco-0bac43a2.pth',
            '',
            '132 MB',
            'repository Apache-2.0; weights unstated',
        ),
        _refined('r50', '68.1'),
        _refined('r101', '68.3'),
    )
}


def find(name: str) -> PublishedModel:
    """A model by name, with or without ``directpose://``.

    Raises:
        InputError: there is none of that name.
    """
    name = name.removeprefix(SCHEME)
    if name not in MODELS:
        raise InputError(f'there is no model {name!r}; the names are {", ".join(MODELS)}')
    return MODELS[name]


def home() -> Path:
    """Where models are kept: ``$DIRECTPOSE_HOME``, or a folder beside those of torch.hub."""
    return Path(os.environ.get('DIRECTPOSE_HOME') or Path(torch.hub.get_dir(), 'directpose'))


def checkpoint_of(name: str, offline: bool = False, weights: str | None = None) -> str:
    """Path of the weights of a model in our format; downloaded and converted if need be.

    Processes that want the same model wait for each other.

    Args:
        name: of the model.
        offline: do not download.
        weights: a file of these weights, as published or converted, in place of a download.

    Raises:
        InputError: there is no such model, or its weights cannot be had.
    """
    model = find(name)
    make_folder(home())
    writable = os.access(home(), os.W_OK)
    with FileLock(home() / f'{model.name}.lock') if writable else contextlib.nullcontext():
        if weights is not None:
            return convert_own(model, existing(weights))
        path = kept(model)
        if is_whole(path):
            return str(path)
        source = home() / 'downloads' / model.file
        by_user = source.exists()
        if by_user:
            check_hash(model, source)
        else:
            obtain(model, source, offline)
        converted = convert(model, source, path)
        if not by_user:
            source.unlink()
        return converted


def check_hash(model: PublishedModel, source: Path) -> None:
    """Check a file that was put there by hand.

    Raises:
        InputError: it is not the published one.
    """
    if model.digest and not file_hash(source, model.algorithm).startswith(model.digest):
        raise InputError(
            f'{source} is not the published file: its {model.algorithm} does not begin with '
            f'{model.digest}; remove it, or name it by --weights if it is meant'
        )


def obtain(model: PublishedModel, source: Path, offline: bool) -> None:
    """Download the weights of a model.

    Raises:
        InputError: that cannot be done.
    """
    by_hand = (
        f'put the file there by hand: {source}, or name it by --weights FILE of directpose demo '
        'or app'
    )
    if model.by_hand:
        raise InputError(f'{model.name} can only be had by hand, see {model.url}; {by_hand}')
    if offline:
        raise InputError(
            f'{model.name} is not on this machine, and nothing is downloaded with --offline; '
            f'the weights are at {model.url}; {by_hand}'
        )
    mirror = os.environ.get('DIRECTPOSE_MIRROR')
    url = f'{mirror.rstrip("/")}/{model.file}' if mirror else model.url
    advice = f'{by_hand}, or set DIRECTPOSE_MIRROR to an address that has {model.file}'
    fetch(url, source, model.algorithm, model.digest, advice)


def kept(model: PublishedModel) -> Path:
    """Where the converted weights of a model are, once they are there."""
    return home() / f'{model.name}-{(model.digest or "by-hand")[:8]}.pth'


def existing(path: str) -> Path:
    """A file.

    Raises:
        InputError: there is none.
    """
    if not os.path.isfile(path):
        raise InputError(f'--weights {path}: there is no such file')
    return Path(path)


def is_whole(path: Path) -> bool:
    """Whether a converted model is there.

    Raises:
        InputError: it is not what was written.
    """
    record = path.with_suffix('.json')
    if not path.exists() or not record.exists():
        return False
    if read_json(str(record)).get('sha256') != file_hash(path):
        raise InputError(
            f'{path} is not what was kept: somebody changed it, or the disk is damaged; remove it, '
            'and it will be made anew'
        )
    return True


def convert_own(model: PublishedModel, source: Path) -> str:
    """Path of the weights of a file of the user in our format, which they may have already.

    Raises:
        InputError: they are not of the model.
    """
    wanted = model_weights(read_config(config_path(model.config)))
    if not weight_problems(read_checkpoint(str(source))[0], wanted):
        return str(source)
    path = home() / f'{model.name}-{file_hash(source)[:8]}.pth'
    return str(path) if is_whole(path) else convert(model, source, path)


def convert(model: PublishedModel, source: Path, path: Path) -> str:
    """Convert the weights of a file.

    Args:
        model: whose they are.
        source: the file.
        path: where to write.

    Returns:
        The path.

    Raises:
        InputError: they are not of the model.
    """
    config = read_config(config_path(model.config))
    write_checkpoint(CONVERTERS[model.program](str(source), config), str(source), str(path))
    write_json(dict(sha256=file_hash(path), source=source.name), path.with_suffix('.json'))
    return str(path)


def model_of(argument: str) -> PublishedModel | None:
    """The model that an argument of a tool names, if it does and is no file."""
    return None if os.path.isfile(argument) else MODELS.get(argument.removeprefix(SCHEME))


def split_name(arguments: list[str]) -> list[str]:
    """Arguments of a tool, a model's name in the first place replaced by CONFIG and CHECKPOINT.

    The checkpoint is ``directpose://NAME``; see :func:`local_weights`.
    """
    model = model_of(arguments[0]) if arguments else None
    if model is None:
        return arguments
    return [config_path(model.config), SCHEME + model.name, *arguments[1:]]


def local_weights(checkpoint: str) -> str:
    """Path of a checkpoint on this machine, also of ``directpose://NAME``."""
    return checkpoint_of(checkpoint) if checkpoint.startswith(SCHEME) else checkpoint


def register_scheme() -> None:
    """Let mmengine load ``directpose://NAME`` wherever it loads a checkpoint."""

    @CheckpointLoader.register_scheme(prefixes=SCHEME, force=True)
    def load(filename: str, map_location=None):
        return torch.load(checkpoint_of(filename), map_location=map_location, weights_only=True)
