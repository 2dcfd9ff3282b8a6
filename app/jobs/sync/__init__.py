"""Makes a live tree what a snapshot holds, where it stands: what a swap cannot move is changed file by file.

`region` is what of a tree may be touched at all · `difference` compares the live tree with the snapshot, before and
after · `carrying` removes, restores and looks again (open this first) · `note` is what stays written on the target's
host meanwhile, so that a sync that died goes on. As an effect of a cutover it is in `effects.syncing`.
"""
