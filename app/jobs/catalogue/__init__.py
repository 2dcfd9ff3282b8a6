"""What this computer keeps of a repository's content, so that one can look into it at once and also while it is away.

`listed` is the list of snapshots as it was read last · `tree_file` holds the names of one snapshot's tree in a file
that is searched in milliseconds, `needle` is what is sought in it · `tree_shelf` finds, checks and drops such files ·
`building` makes one out of restic's listing · `catalogue` is what pages ask (open this first) · `rows` what they get ·
`live` compares a tree with what is live now.
Everything here can be made again: names, sizes and times alone, no content, readable by its owner only.
"""
