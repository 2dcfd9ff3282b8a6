"""How well a site is protected: judged from what its repository holds, by ages and thresholds.

`inventory` is what was read of the repository, `memory` the last of it for when the repository is away · `judgement`
turns it into conditions, `verdict` into one sentence · `band` is what can be brought back to when · `notices` is what a
person should look at · `overview` puts these together, `overviews` answers a page's questions with it.
Nothing but `memory` and `overviews` reads or writes anything. Open `judgement` first.
"""
