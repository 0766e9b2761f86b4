"""Detect and draw people. The same as ``directpose demo``."""

from directpose.cli.demo import main

if __name__ == '__main__':
    main()
