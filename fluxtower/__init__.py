"""The command line: wires the parts together and holds no logic of its own."""
