"""The Settings page: sections in a list, a form for each, all of them made from what the model's fields tell.

`settings_page` is the page: it reads, examines, saves · `sections` says which section has which part of a site ·
`plain_section`, `list_section` and `security_section` are the three shapes of a section · `field_form` is the form of
one struct, `editors` what a value is typed into · `secret_row` one secret · `trial_panel` the Test button and what
came of it · `adding` and `looking` are the two ways to more sources.

What is right and wrong is said by the site file's own rules, behind the bridge; nothing is judged here.
"""
