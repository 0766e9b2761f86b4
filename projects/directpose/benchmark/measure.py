"""Time, memory and floating-point operations of a prediction or a training step."""

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from .cases import Case
from .detectors import detector_of
from .onnx_form import OnnxForm


class Device:
    """Where the models run, in which precision, and what time it is there.

    Args:
        name: for example ``cpu`` or ``cuda:0``.
        amp: half precision, ``'float16'``, ``'bfloat16'`` or what is usual on the device,
            ``'default'``; None for float32.
    """

    def __init__(self, name: str, amp: str | None) -> None:
        self.name = name
        self.amp = amp is not None
        self.on_gpu = name.startswith('cuda')
        usual = 'float16' if self.on_gpu else 'bfloat16'
        self.half = amp if amp in ('float16', 'bfloat16') else usual
        if self.on_gpu:
            torch.cuda.set_device(torch.device(name).index or 0)

    def precision(self, half: bool = False) -> torch.autocast:
        """Context of a forward pass; a new one each time casts the weights anew, as in use.

        Args:
            half: of a model whose weights are in half precision.
        """
        dtype = getattr(torch, self.half)
        return torch.autocast(self.name.split(':')[0], dtype, enabled=self.amp or half)

    def now(self):
        """A point of time; on a GPU it is taken where the work is done."""
        if not self.on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def milliseconds(self, start, end) -> float:
        """Between two points of time; waits for the device."""
        if not self.on_gpu:
            return 1000 * (end - start)
        torch.cuda.synchronize()
        return start.elapsed_time(end)


@contextlib.contextmanager
def watch(modules: list[nn.Module], device: Device) -> Iterator[list[tuple]]:
    """Collect (start, end) of every call of the modules."""
    calls: list[tuple] = []
    started: list = []
    handles: list = []
    for module in modules:
        handles.append(module.register_forward_pre_hook(lambda *_: started.append(device.now())))
        handles.append(
            module.register_forward_hook(lambda *_: calls.append((started.pop(), device.now())))
        )
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def predict(case: Case) -> list:
    """Data samples with the predictions."""
    model = case.entry.model
    detector_of(model).options['score_thr'] = case.score_thr
    return model(**case.data, mode='predict')


def time_call(case: Case, device: Device) -> float:
    """Milliseconds of a prediction."""
    with device.precision():
        start = device.now()
        predict(case)
        return device.milliseconds(start, device.now())


def time_prediction(case: Case, device: Device) -> dict[str, float]:
    """Milliseconds of a prediction, and of the parts of another one that is watched.

    What happens in none of the parts is decoding, suppression and packing; with it counts what
    KPAlign does at the candidates only. A compiled or exported model has no parts.
    """
    total, model = time_call(case, device), case.entry.model
    if hasattr(model, '_orig_mod'):
        return dict(total=total)
    features = [m for m in (model.backbone, getattr(model, 'neck', None)) if m is not None]
    watched = dict(backbone_neck=features, **detector_of(model).parts())
    with contextlib.ExitStack() as stack:
        calls = {part: stack.enter_context(watch(m, device)) for part, m in watched.items()}
        rest = time_call(case, device)
    parts = {part: sum(device.milliseconds(*c) for c in found) for part, found in calls.items()}
    return dict(total=total, **parts, decode_nms=rest - sum(parts.values()))


def time_training_step(case: Case, device: Device) -> dict[str, float]:
    """Milliseconds of one step of SGD and of its parts."""
    model = case.entry.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=1e-9)
    start = device.now()
    with device.precision():
        losses = model(**case.data, mode='loss')
    loss, _ = model.parse_losses(losses)
    forward = device.now()
    loss.backward()
    backward = device.now()
    optimizer.step()
    end = device.now()
    optimizer.zero_grad(set_to_none=True)
    return dict(
        total=device.milliseconds(start, end),
        forward=device.milliseconds(start, forward),
        backward=device.milliseconds(forward, backward),
    )


def peak_memory(call: Callable, device: Device) -> float:
    """Most memory that tensors take during a call beyond what they take before it, in MiB."""
    if device.on_gpu:
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        call()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == '[memory]']
    events.sort(key=lambda e: e.start_ns())
    return max(itertools.accumulate(e.nbytes() for e in events), default=0) / 2**20


def count_flops(call: Callable) -> float:
    """Billions of floating-point operations of convolutions and matrix products in a call."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def measure(cases: list[Case], device: Device, train: bool, runs: int, warmup: int) -> list[dict]:
    """One row of numbers for each case, the cases taking turns.

    Args:
        train: training steps, not predictions.
        runs, warmup: measured calls of each case, and calls before them.
    """
    step = time_training_step if train else time_prediction
    call = time_training_step if train else time_call
    samples: list = [[] for _ in cases]
    with torch.set_grad_enabled(train):
        for number in tqdm(range(warmup + runs), 'rounds'):
            for case, times in zip(cases, samples, strict=True):
                found = step(case, device)
                if number >= warmup:
                    times.append(found)
        extras = [
            {}
            if isinstance(case.entry.model, OnnxForm)  # torch sees nothing of it
            else dict(
                peak_mib=peak_memory(lambda case=case: call(case, device), device),
                gflops=count_flops(lambda case=case: call(case, device)),
            )
            for case in tqdm(cases, 'memory and FLOPs')
        ]
        if not train:
            with device.precision():
                for case, extra in zip(cases, extras, strict=True):
                    extra['detections'] = len(predict(case)[0].pred_instances.bboxes)
    return [
        summarize(case, times) | extra
        for case, times, extra in zip(cases, samples, extras, strict=True)
    ]


def summarize(case: Case, times: list[dict]) -> dict:
    """Median, 10th and 90th percentile, and medians of the parts, in milliseconds."""
    totals = [t['total'] for t in times]
    low, high = np.percentile(totals, (10, 90))
    median = statistics.median(totals)
    weights = case.entry.model.named_parameters()
    # A branch of the training only does not count as a part of what predicts.
    trained = case.people is not None
    parameters = sum(p.numel() for n, p in weights if trained or 'heatmap_head.' not in n)
    return dict(
        model=case.entry.label,
        config=Path(case.entry.cfg.filename).stem,
        size=case.size,
        batch=case.batch,
        candidates=case.candidates,
        people=case.people,
        median_ms=median,
        p10_ms=float(low),
        p90_ms=float(high),
        images_per_s=1000 * case.batch / median,
        parameters_m=parameters / 1e6,
        parts_ms={
            part: statistics.median(t[part] for t in times) for part in times[0] if part != 'total'
        },
    )
