"""Where a command runs: this computer, later a server over SSH or a container; the same questions to each.

`host` says what every host can do; `process` is the one home of starting programs; `local` is this computer;
`programs` finds a program before it is started; `durable` writes files so that they survive a power cut.
What a program means is not known here (that is `tools`). Open `host` first.
"""
