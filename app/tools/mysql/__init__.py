"""MySQL and MariaDB: dumps that are read once more before they count.

`server` says where a database is and how a program logs in · `programs` finds client programs and tells MySQL's from
MariaDB's · `errors` is what refusals mean · `facts` is what a server says of a database and of the account's rights ·
`grants` reads those rights · `dump` tells mariadb-dump or mysqldump what to do · `written` reads a dump that was
written: whether it is whole, and the rows it holds (open this first) · `load` makes a database and loads one ·
`split` takes a dump apart into tables and programs · `exchanging` is what is asked and told while one database takes
another's place, `accounts` who uses it and how they are kept out, `surroundings` what is around it.

Everything is done by programs on the database's own host; nothing here connects by itself.
"""
