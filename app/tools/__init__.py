"""Who can do it: one package per outside program, typed in, typed out.

What a program is told, what it says and what its errors mean lives here. Sites, runs and the order of things do not
(that is `jobs`); programs are started by `hosts` alone. `found` says which programs are there and which are fit;
`restic` keeps snapshots; `rclone` serves them to other hosts; `postgres` takes dumps that agree with their counts;
`mysql` takes those of MySQL and MariaDB and reads them again; `sqlite` copies live files; `printer` prints; `dotenv`,
`systemd`, `mosquitto` and `compose` read the files of others. Open `found` first.
"""
