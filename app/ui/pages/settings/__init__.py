"""The Settings page: sections in a list, a form for each, all of them made from what the model's fields tell.

`settings_page` is the page: it reads, examines, saves; `trials` tries connections for it, `growing` adds sources ·
`sections` says which section has which part of a site · `plain_section`, `list_section` and `security_section` are
the three shapes of a section · `field_form` is the form of one struct, `editors` what a value is typed into ·
`secret_row` is one secret, `secret_group` those of one thing · `trial_panel` is the Test button and what came of it ·
`adding`, `looking` and `trusting` ask in windows of their own.

What is right and wrong is said by the site file's own rules, behind the bridge; nothing is judged here.
"""
