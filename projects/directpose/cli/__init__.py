"""The command ``directpose``."""

import importlib
import sys

COMMANDS = dict(
    demo='find and draw people in images, videos or a camera stream',
    doctor='versions, what is compiled, and what fixes what is wrong',
    models='published models by name',
    train='train a model',
    test='evaluate a model',
    **{'to-coco': 'bring labels of other programs into COCO format'},
    infer='find people in many images, sharded and resumable',
    convert='convert weights of other programs',
    export='write a model as ONNX',
    web='a page that finds people in the browser',
    app='a page with photos, videos and a webcam, from this machine',
    analyze='why the AP of results is low',
    benchmark='time, memory and operations beside other detectors',
)


def usage() -> str:
    """What the command can do."""
    lines = [f'  {name:10} {what}' for name, what in COMMANDS.items()]
    return '\n'.join(
        ['usage: directpose COMMAND …', '', *lines, '', 'directpose COMMAND --help tells more.']
    )


def main() -> None:
    """Run a command; its arguments are those of the tool of the same name."""
    name, *arguments = sys.argv[1:] or ['--help']
    if name in ('-h', '--help'):
        print(usage())
        return
    if name not in COMMANDS:
        sys.exit(f'error: there is no command {name!r}\n\n{usage()}')
    if name == 'doctor':  # directpose_command has it, for what cannot be imported
        importlib.import_module('directpose_command').main()
    sys.argv = [f'directpose {name}', *arguments]  # which mmpose's tools read
    importlib.import_module(f'directpose.cli.{name.replace("-", "_")}').main()
