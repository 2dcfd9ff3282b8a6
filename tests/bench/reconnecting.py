"""An application in a process of its own that connects again and again; prints when it got which answer."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.real.cutting_over import Cutover, Reconnecting
from tests.real.servers.postgresql import PostgresServer


class Somewhere(PostgresServer):
    """A server that another process has started."""

    def __init__(self, port: int) -> None:
        """Nothing is started."""
        self.port = port


def main(port: int) -> None:
    """Until its standard input is closed; times are those of the system's monotonic clock."""
    with Reconnecting(Cutover(Somewhere(port), Path()), clients=4) as client:
        print("begun", flush=True)
        sys.stdin.read()
    for at, state in sorted(client.answers):
        print(at, state or "-")
    for mixture in client.wrong:
        print(f"0 mixture: {mixture}")


if __name__ == "__main__":
    main(int(sys.argv[1]))
