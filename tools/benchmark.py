"""Time, memory and operations of detectors. The same as ``directpose benchmark``."""

from directpose.cli.benchmark import main

if __name__ == '__main__':
    main()
