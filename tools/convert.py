"""Convert weights of other programs. The same as ``directpose convert``."""

from directpose.cli.convert import main

if __name__ == '__main__':
    main()
