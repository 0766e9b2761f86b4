"""Test a checkpoint; the arguments are those of mmpose's tools/test.py.

python tools/test.py CONFIG CHECKPOINT [--work-dir DIR] [--out FILE] [--show-dir DIR]
"""

from directpose.checks import check_checkpoint, check_config
from directpose.errors import exit_on_input_error
from directpose.inference import write_json
from directpose.mmpose_tools import load_mmpose_tool
from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner


@exit_on_input_error
def main():
    tool = load_mmpose_tool('test')
    args = tool.parse_args()
    cfg = tool.merge_args(Config.fromfile(args.config), args)
    check_config(cfg, ('test',))
    # The checkpoint brings all weights; those of the backbone's training are not needed.
    cfg.model.backbone.init_cfg = None
    runner = Runner.from_cfg(cfg)
    check_checkpoint(args.checkpoint, runner.model)
    metrics = runner.test()
    if args.out and is_main_process():
        write_json(metrics, args.out)


if __name__ == '__main__':
    main()
