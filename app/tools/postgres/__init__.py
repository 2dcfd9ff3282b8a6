"""PostgreSQL: dumps that agree with the counts taken beside them.

`server` says where a database is and how a program logs in · `errors` is what refusals mean · `session` is one
connection that can be ended at any moment · `snapshot` exports the moment that is dumped and counts its rows (open
this first) · `facts` is what a database says of itself · `programs` finds a pg_dump that fits the server · `dump`
tells it what to do · `connected` is a database that is asked · `making` makes one anew, `roles` what it needs, `load`
tells pg_restore what to do · `swapping` closes databases and gives them other names, `surroundings` is what hangs on
one that is to be replaced.

Connections are made from this computer, by psycopg in threads of their own; programs run on hosts.
"""
