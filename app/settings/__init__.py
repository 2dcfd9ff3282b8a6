"""What a site is, and what this computer keeps of it: its description, its secrets, its places.

`model` is the one description of a site, whose parts stand beside it (`host`, `source`, `repository`, `command`,
`retention`, `checks`, `contacts`; `shapes` is what they share); forms, reader and writer are made from it · `fields`
is what a field tells of itself · `kinds` are the words of its choices · `draft` is a site while it is edited ·
`presets` fill it for software that is met often · `rules` what must fit together · `addresses` repository addresses:
credentials cut out, two compared · `paths` paths as text · `site_file` reads and writes the file, `toml_lines` says
where a key stands in it · `sites` the stored ones · `places` folders and files of this computer, `private_files`
writes them so that they survive a power cut · `kit` is the sealed recovery kit, with `passphrases` and the
`check_characters` of what is typed from paper · `secrets` is the door to all secrets, `missing_secrets` says which a
site lacks, `secret_store` what a place for them can do: the keyring (`keyring_secrets`, `secret_service`) and the
`vault` (`passphrase_file`).

What happened to a site is in `records`; nothing here starts a program. Open `model` first, then `secrets`.
"""
