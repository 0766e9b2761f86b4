"""The command ``directpose``, also where directpose itself cannot be imported.

It stands beside the package, as importing anything of the package imports torch and OpenMMLab.
"""

import importlib
import importlib.util
import platform
import sys
from pathlib import Path

# Commands that need a package beside the required ones: the package, and how to get it
EXTRAS = {
    'export': ('onnxscript', 'pip install "directpose[onnx]"'),
    'web': ('onnxruntime', 'pip install "directpose[onnx]"'),
    'app': ('gradio', 'pip install "directpose[app]"'),
}
BUILD_MMCV = (
    "CUDA_VISIBLE_DEVICES='' MMCV_WITH_OPS=1 pip install --no-build-isolation --no-deps "
    '--no-binary mmcv --force-reinstall "mmcv>=2.0.1,<2.2"'
)


def main() -> None:
    """Run a command, or say why none can run."""
    if sys.argv[1:2] == ['doctor']:
        sys.exit(print(doctor.__doc__) if sys.argv[2:] else doctor())
    try:
        from directpose.cli import main as run
    except (ImportError, OSError) as error:  # OSError: a library of torch is missing
        sys.exit(f'error: {error}\ndirectpose doctor tells what is wrong, and what fixes it')
    run()


def doctor() -> int:
    """Print versions, what is compiled, GPUs, and what is wrong; 1 if something is, else 0."""
    print(f'Python {platform.python_version()}, {platform.platform()}')
    faults = [*check_packages(), *check_operators()]
    report_gpus()
    for command, (package, advice) in EXTRAS.items():
        there = importlib.util.find_spec(package) is not None
        print(f'directpose {command:7} {"ready" if there else f"needs a package: {advice}"}')
    if not faults:
        print('\nAll is well.')
        return 0
    print('\nWhat is wrong:')
    for fault, advice in faults:
        print(f'- {fault}\n    {advice}')
    return 1


def supported() -> dict[str, tuple[str, str]]:
    """Least and too high version of each package, from a file that imports none of them."""
    path = Path(__file__).parent / 'directpose/utils/dependencies.py'
    spec = importlib.util.spec_from_file_location('dependencies', path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SUPPORTED


def check_packages() -> list[tuple[str, str]]:
    """Print the version of each package; the faults, and what fixes them."""
    from packaging.version import Version

    faults = []
    for name, (low, high) in supported().items():
        wanted = f'{name}>={low},<{high}'
        install = BUILD_MMCV if name == 'mmcv' else f'pip install "{wanted}"'
        try:
            found = str(importlib.import_module(name).__version__)
        except Exception as error:  # a broken package raises anything
            print(f'{name:10} does not import')
            faults.append((f'{name} does not import: {error}', install))
            continue
        print(f'{name:10} {found}')
        if not Version(low) <= Version(found.split('+')[0]) < Version(high):
            faults.append((f'{name} is {found}; directpose needs {wanted}', install))
    return faults


def check_operators() -> list[tuple[str, str]]:
    """Whether mmcv has its compiled operators."""
    try:
        ops = importlib.import_module('mmcv.ops')
    except Exception as error:
        print('mmcv.ops   does not import')
        return [(f'the compiled operators of mmcv do not import: {error}', BUILD_MMCV)]
    compiled = getattr(ops, 'get_compiling_cuda_version', lambda: 'unknown')()
    where = 'for the CPU only' if 'not available' in compiled.lower() else f'with CUDA {compiled}'
    print(f'mmcv.ops   compiled {where}')
    return []


def report_gpus() -> None:
    """Print what torch sees."""
    try:
        import torch
    except Exception:
        return
    count = torch.cuda.device_count()
    names = ', '.join(torch.cuda.get_device_name(k) for k in range(count))
    print(f'GPU        {names or "none that torch can use"}')


if __name__ == '__main__':
    main()
