"""Export a model as ONNX. The same as ``directpose export``."""

from directpose.cli.export import main

if __name__ == '__main__':
    main()
