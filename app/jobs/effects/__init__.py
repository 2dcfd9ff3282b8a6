"""Single changes of a live site that know their way back, and can be asked whether they happened.

`effect` says what all have in common · `paths` changes trees and files, `commands` runs the site's own commands,
`names` are those that databases have meanwhile · `every` is the table of all kinds, as they are written down. In which
order effects are done, and what becomes of them when something dies, is the cutover's (`jobs.cutover`). Open `effect`
first.
"""
