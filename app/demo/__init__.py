"""The practice greenhouse: a site made on the spot, to try Overwinter without touching anything of one's own.

`practice` says what is where and describes it as a site, out of presets · `greenhouse` makes the Laravel-like tree and
the broker's configuration, `telemetry` a SQLite file under a writer · `postgresql` and `mariadb` are private servers,
where their programs exist (`private_server`) · `proof` compares what was saved out with what was
there · `screen` tells whether there is one to show a window on, `beside` shows it all beside a window that is open.
The story that is told with it (the command `demo`) is in `cli`, since it needs the whole program. Open `practice`
first.
"""
