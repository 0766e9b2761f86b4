"""Train a model; the arguments are those of mmpose's tools/train.py.

python tools/train.py CONFIG [--work-dir DIR] [--resume [CKPT]] [--amp] [--cfg-options …]
"""

from directpose.check_hook import without_check_hook
from directpose.checkpoint import check_checkpoint
from directpose.checks import check_config, read_config
from directpose.errors import exit_on_input_error
from directpose.mmpose_tools import load_mmpose_tool
from mmengine.runner import Runner


@exit_on_input_error
def main():
    tool = load_mmpose_tool('train')
    args = tool.parse_args()
    cfg = tool.merge_args(read_config(args.config), args)
    check_config(cfg, ('train', 'val'))
    cfg.custom_hooks = without_check_hook(cfg.get('custom_hooks', []))
    runner = Runner.from_cfg(cfg)
    if cfg.get('resume') and cfg.get('load_from'):
        check_checkpoint(cfg.load_from, runner.model)
    runner.train()


if __name__ == '__main__':
    main()
