"""Test a checkpoint. The same as ``directpose test``."""

from directpose.cli.test import main

if __name__ == '__main__':
    main()
