"""One file or folder for each page: small, declared, asking through the bridge; none touches records or a process.

`page` is what the frame asks of each.
"""
