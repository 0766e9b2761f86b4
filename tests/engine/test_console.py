"""What a user reads on the console."""

import logging
import os
import re
import sys

from directpose.utils.quiet import shorten_console
from helpers.commands import CONFIG, data_options, run


def test_a_training_is_short_on_the_console_and_whole_in_its_log(synthetic_set, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONWARNINGS'}
    done = run(
        *(sys.executable, 'tools/train.py', CONFIG, '--work-dir', tmp_path),
        *('--cfg-options', *data_options(synthetic_set), 'default_hooks.logger.interval=1'),
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    printed = (done.stdout + done.stderr).split('Epoch(train)')[0]
    assert len(printed.splitlines()) < 30, printed
    assert 'Warning' not in printed, printed
    (log,) = tmp_path.glob('*/*.log')
    assert str(log) in printed
    for part in ('System environment', 'Config:', 'Hooks will be executed', 'paramwise_options'):
        assert part in log.read_text() and part not in done.stderr + done.stdout


def test_what_matters_is_still_said(caplog):
    logger = logging.Logger('quiet')
    logger.addHandler(handler := logging.StreamHandler())
    shorten_console(logger)
    record = logger.makeRecord('', logging.WARNING, '', 0, 'The Config: is odd', (), None)
    assert handler.filter(record)
    record = logger.makeRecord('', logging.INFO, '', 0, 'Config:\nx = 1', (), None)
    assert not handler.filter(record)


def test_the_demo_says_what_it_found(trained, synthetic_set, tmp_path):
    command = [sys.executable, 'tools/demo.py', CONFIG, trained / 'epoch_1.pth']
    command += [synthetic_set / 'images/000001.jpg', '--out', tmp_path]
    environment = {k: v for k, v in os.environ.items() if k != 'PYTHONWARNINGS'}
    done = run(*command, env=environment)
    assert done.returncode == 0 and 'Warning' not in done.stderr, done.stderr
    assert re.search(r'^\d+ people in 1 images; pictures are', done.stdout, re.MULTILINE)
