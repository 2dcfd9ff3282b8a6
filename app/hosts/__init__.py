"""Where a command runs: this computer, later a server over SSH or a container; the same questions to each.

`host` says what every host can do · `local` is this computer · `process` the one home of starting programs, with
`output` (what they say) and `tree` (whom they started) · `orphans` ends those whose Overwinter died · `environment`
what they get of ours · `programs` finds them before they are started · `lines` makes lines of output · `files` small
questions and careful removal · `tunnel` is a socket that leads to a port here · `lifeline` ties a server to our own
life.
What a program means is not known here (that is `tools`). Open `host` first.
"""
