"""The restore wizard: a window of its own, six steps from a recovery point to the report.

`wizard` is the window, with its `rail` on the left · `wish` what was chosen so far · one file for each step:
`point_step`, `what_step`, `check_step`, `confirm_step`, `progress_step`, `report_step` · `asking` what goes to the
engine: everything through the bridge, the runs through `RunWatch` · `recovery_dialog` one that stopped in the
middle, looked at closely. Open `wizard` first.
"""
