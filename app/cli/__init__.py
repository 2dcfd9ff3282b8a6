"""The command line: one file per noun, each turning arguments into a question or a run and the result into text.

`commands` is the root and the exit codes · `session` opens the program for one command · `output` prints, for people
or as JSON. The contract is the specification's "command line" page. Open `commands` first.
"""
