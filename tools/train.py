"""Train a model. The same as ``directpose train``."""

from directpose.cli.train import main

if __name__ == '__main__':
    main()
