"""The runbook of a site: one document that tells a stranger at night what there is, whom to call, and what to type.

`contents` says what stands in it · `recipes` are the commands that bring each source back, with no program of ours ·
`document` is its paragraphs, as Markdown and as a page to print · `made` remembers when one was made.
It is made from the site's description and the names of its secrets alone: no value, no question to a server. Open
`contents` first.
"""
