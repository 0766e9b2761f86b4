"""Who listens to Ctrl-C."""

import signal

from torch.utils.data import Dataset


class Interrupts(Dataset):
    """Whether the process that loads it leaves Ctrl-C to others."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return signal.getsignal(signal.SIGINT) == signal.SIG_IGN
