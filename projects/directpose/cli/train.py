"""Train a model; the arguments are those of mmpose's tools/train.py.

directpose train CONFIG [--work-dir DIR] [--resume [CKPT]] [--amp] [--freeze backbone] [--ema]
                        [--patience N] [--logger NAME …] [--batch N|auto] [--cfg-options …]

--amp is float16 on a GPU and bfloat16 on a CPU.
"""

import argparse
import importlib.util
import os.path as osp
import shlex
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import RUNNERS
from mmengine.runner import Runner
from mmpose.registry import MODELS

from ..apis.visualization import check_show_options
from ..deploy.fast_form import check_bfloat16
from ..engine.batch_size import batch_for_gpu
from ..engine.checkpoint_hook import find_last_checkpoint
from ..engine.dist import run_on_rank0, start_processes
from ..engine.runner import ConsoleRunner
from ..engine.validation_hook import without_check_hook
from ..utils.cli import positive
from ..utils.config import (
    build_model,
    config_error_context,
    merge_options,
    mmpose_scope,
    read_config,
)
from ..utils.errors import InputError, exit_on_input_error
from ..utils.mmpose_tools import load_mmpose_tool
from ..validation.config import check_config
from ..weights.checkpoint import check_checkpoint, check_shapes, read_checkpoint
from ..weights.zoo import local_weights

# Of --logger: mmengine's backend, and the package that it needs
LOGGERS = dict(
    tensorboard=('TensorboardVisBackend', 'tensorboard'),
    wandb=('WandbVisBackend', 'wandb'),
    mlflow=('MLflowVisBackend', 'mlflow'),
    clearml=('ClearMLVisBackend', 'clearml'),
)


def parse_own_args() -> argparse.Namespace:
    """Our arguments, taken out of the command line; the others are left to mmpose's tool."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(
        '--patience',
        type=positive,
        metavar='N',
        help='stop when the AP was not better for N validations (EarlyStoppingHook)',
    )
    parser.add_argument(
        '--ema', action='store_true', help='validate and keep averaged weights (EMAHook)'
    )
    parser.add_argument(
        '--logger', nargs='+', choices=LOGGERS, default=[], help='log there too (vis_backends)'
    )
    parser.add_argument(
        '--batch', type=batch_size, help='images of a step on each GPU; auto fills the only GPU'
    )
    parser.add_argument('--freeze', choices=['backbone'], help='do not train this part')
    args, sys.argv[1:] = parser.parse_known_args()
    if {'-h', '--help'} & set(sys.argv):
        print(parser.format_help(), end='\n' + '-' * 79 + '\n')
    return args


def batch_size(text: str) -> int | str:
    """A whole number of at least 1, or ``auto``.

    Raises:
        ValueError: it is neither.
    """
    return text if text == 'auto' else positive(text)


def set_batch(cfg: Config, batch: int | str) -> None:
    """Set the batch of a training; auto is measured on its GPU.

    Raises:
        InputError: it is auto, and there is not one GPU.
    """
    cfg.train_dataloader.batch_size = batch_for_gpu(cfg) if batch == 'auto' else batch
    if batch == 'auto':
        print(f'--batch auto: {cfg.train_dataloader.batch_size} images of a step fill the GPU')


def freeze_backbone(cfg: Config) -> None:
    """Freeze all stages of the backbone, by mmdet's own means.

    Raises:
        InputError: the backbone has no such means.
    """
    backbone = cfg.model.backbone
    backbone.update(frozen_stages=backbone.get('num_stages', 4), norm_eval=True)
    part = f'--freeze backbone: model.backbone of {cfg.filename}'
    with config_error_context(part), mmpose_scope():
        MODELS.build({**backbone, 'init_cfg': None})


def add_options(cfg: Config, args: argparse.Namespace) -> None:
    """Bring our arguments into a config, as hooks and backends of mmengine.

    Raises:
        InputError: a package is missing, or the backbone cannot be frozen.
    """
    hooks = cfg.setdefault('custom_hooks', [])
    if args.freeze:
        freeze_backbone(cfg)
    if args.patience:
        watched = cfg.get('default_hooks', {}).get('checkpoint', {}).get('save_best')
        watched = watched[0] if isinstance(watched, list) else watched
        hooks.append(
            dict(
                type='EarlyStoppingHook',
                monitor=watched if watched and watched != 'auto' else 'coco/AP',
                rule='greater',
                min_delta=1e-4,
                patience=args.patience,
            )
        )
    if args.ema and not any(hook['type'] == 'EMAHook' for hook in hooks):
        average = dict(type='EMAHook', ema_type='ExpMomentumEMA', momentum=0.0002)
        hooks.append(dict(average, update_buffers=True, priority=49))
    if not args.logger:
        return
    visualizer = cfg.setdefault('visualizer', dict(type='PoseLocalVisualizer'))
    backends = visualizer.setdefault('vis_backends', [])
    for name in args.logger:
        backend, package = LOGGERS[name]
        if importlib.util.find_spec(package) is None:
            raise InputError(f'--logger {name} needs a package: pip install {package}')
        if backend not in [known['type'] for known in backends]:
            backends.append(dict(type=backend))


def tell_what_next(runner: Runner, config: str) -> None:
    """Say where the best checkpoint of a training is, and what can be done with it."""
    best, last = runner.message_hub.get_info('best_ckpt'), Path(runner.work_dir, 'last_checkpoint')
    if not best and not last.exists():
        return
    checkpoint = best or last.read_text(encoding='utf-8').strip()
    model = f'{shlex.quote(config)} {shlex.quote(str(checkpoint))}'
    print(
        f'{"best" if best else "last"} checkpoint: {checkpoint}\n'
        f'  directpose test {model}\n'
        f'  directpose demo {model} photo.jpg\n'
        f'  directpose export {model} model.onnx'
    )


def check_start(cfg: Config) -> None:
    """Check the weights that a training starts with, if it does not start with its own.

    Addresses with ``://``, but for models by name, are left to mmengine.

    Raises:
        InputError: they are not plain weights, or of another skeleton, or what is resumed is of
            another model or not there.
    """
    path = cfg.get('load_from')
    if cfg.get('resume') and not path:
        path = find_last_checkpoint(Path(cfg.work_dir))
    path = local_weights(path or '')
    if not path or '://' in path:
        return
    path = osp.expanduser(path)
    if not osp.isfile(path):
        raise InputError(f'the weights to start with, {path}, are not there; check the path')
    if cfg.get('resume'):
        check_checkpoint(path, build_model(cfg))
        if not {'meta', 'message_hub'} <= set(read_checkpoint(path)[1]):
            raise InputError(
                f'{path} has weights, but no state of a training to resume; start from them with '
                f'--cfg-options load_from={path}, without --resume'
            )
    else:
        check_shapes(path, build_model(cfg))


@exit_on_input_error
def main():
    own = parse_own_args()
    tool = load_mmpose_tool('train')
    args = tool.parse_args()
    check_show_options(args.show, args.show_dir)
    cfg = read_config(args.config)
    # Such a config is in half precision already.
    args.amp &= cfg.get('optim_wrapper', {}).get('type') != 'BFloat16OptimWrapper'
    options, args.cfg_options = args.cfg_options, None
    cfg = tool.merge_args(cfg, args)
    merge_options(cfg, options)
    add_options(cfg, own)
    if args.amp and not torch.cuda.is_available():
        check_bfloat16()
        cfg.optim_wrapper.type = 'BFloat16OptimWrapper'
        del cfg.optim_wrapper.loss_scale
    start_processes(cfg)
    run_on_rank0(check_config, cfg, ('train', 'val'))
    run_on_rank0(check_start, cfg)
    if own.batch:
        set_batch(cfg, own.batch)
    cfg.custom_hooks = without_check_hook(cfg.get('custom_hooks', []))
    runner = RUNNERS.build(cfg) if 'runner_type' in cfg else ConsoleRunner.from_cfg(cfg)
    runner.train()
    run_on_rank0(tell_what_next, runner, args.config)
