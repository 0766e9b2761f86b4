"""Sharded inference on many images. The same as ``directpose infer``."""

from directpose.cli.infer import main

if __name__ == '__main__':
    main()
