"""A server over SSH as a host.

`host` is what a run sees · `links` keeps one connection per server for the whole program · `connection` opens it, by
`login` (keys, agent, password, ~/.ssh/config) and `host_keys` (pinned at first use) · `process` runs programs by what
`script` tells the shell there · `files` reads and writes small files, `walk` tells what is below a folder ·
`tunnels` leads connections through · `errors` says what went wrong.

asyncssh lives here alone, and is loaded only for a site that has such a host. Open `host` first, then `script`.
"""
