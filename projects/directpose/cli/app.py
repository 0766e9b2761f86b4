"""A page with photos, videos and a webcam, served from this machine.

    directpose app [NAME] [--port 7860]
    directpose app CONFIG CHECKPOINT [--port 7860]

NAME is a published model, downloaded the first time. Only this machine can open the page, unless
--host says something else. Uploads are limited in bytes and pixels, and deleted after five minutes.
"""

import argparse
import os
import tempfile

from ..apis.inference import load_model
from ..apis.visualization import keypoint_threshold
from ..utils.cli import port, positive
from ..utils.config import config_path
from ..utils.errors import InputError, exit_on_input_error
from ..weights.zoo import DEFAULT, checkpoint_of, find, model_of


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', nargs='?', help='of a model of your own, or NAME')
    parser.add_argument('checkpoint', nargs='?', help='its weights')
    parser.add_argument('--model', default=DEFAULT, help='a published model (default: %(default)s)')
    parser.add_argument('--weights', help='a file of its weights, in place of a download')
    parser.add_argument('--offline', action='store_true', help='download nothing')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to listen on; 0.0.0.0 lets other machines in (default: %(default)s)',
    )
    parser.add_argument('--port', type=port, default=7860, help='default: %(default)s')
    parser.add_argument('--device', help='cpu, cuda:0, … (the GPU if there is one)')
    parser.add_argument(
        '--max-mb',
        type=positive,
        default=100,
        help='largest upload, in megabytes (default: %(default)s)',
    )
    parser.add_argument(
        '--max-megapixels', type=positive, default=50, help='largest photo (default: %(default)s)'
    )
    parser.add_argument(
        '--max-frames',
        type=positive,
        default=1500,
        help='frames of a video, at most (default: %(default)s)',
    )
    args = parser.parse_args(argv)
    if args.config and model_of(args.config):
        if args.checkpoint:
            parser.error(f'{args.config} takes no checkpoint; give its weights by --weights')
        args.model, args.config = args.config, None
    if args.config and not args.checkpoint:
        parser.error('after CONFIG comes CHECKPOINT')
    if args.config and (args.weights or args.offline):
        parser.error('--weights and --offline are for published models, not CONFIG')
    return args


@exit_on_input_error
def main(argv=None):
    args = parse_args(argv)
    with tempfile.TemporaryDirectory(prefix='directpose-app-') as folder:
        # gradio reads these when it is imported.
        os.environ['GRADIO_TEMP_DIR'] = folder
        os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
        serve(args, folder)


def serve(args: argparse.Namespace, folder: str, wait: bool = True):
    """Serve the page, until Ctrl-C; returns it."""
    from ..apis.app import App, build_app

    name = args.config or args.model
    if args.config is None:
        args.config = config_path(find(args.model).config)
        args.checkpoint = checkpoint_of(args.model, args.offline, args.weights)
    model = load_model(args.config, args.checkpoint, args.device)
    app = App(model, folder, args.max_megapixels * 10**6, args.max_frames)
    page = build_app(app, os.path.basename(name), keypoint_threshold(model.cfg))
    try:
        page.launch(
            server_name=args.host,
            server_port=args.port,
            max_file_size=f'{args.max_mb}mb',
            allowed_paths=[folder],
            footer_links=[],
            ssr_mode=False,
            prevent_thread_lock=not wait,
            quiet=not wait,
        )
    except OSError as error:  # so gradio says that the port is taken
        raise InputError(
            f'port {args.port} of {args.host} cannot be used; give another --port'
        ) from error
    return page
