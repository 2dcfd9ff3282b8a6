"""Where a command runs: this computer, a server over SSH, later a container; the same questions to each.

`host` says what every host can do · `running` is a program from its start to its end, wherever it runs, with `output`
(what it says) · `local` is this computer · `process` the one home of starting programs here, with `tree` (whom they
started) · `orphans` ends those whose Overwinter died · `environment` what they get of ours · `programs` finds them
before they are started · `lines` makes lines of output · `files` small questions and careful removal, `file_errors`
what may be wrong with a file · `tunnel` is a socket that leads to a port here · `lifeline` ties a server to our own
life · `ssh/` is a server.
What a program means is not known here (that is `tools`). Open `host` first, then `running`.
"""
