"""The support bundle: what a colleague needs to help with a site, seen by a person before it is saved.

Begin with `bundle`; `cleaning` is what keeps secrets out of it, `facts` what is told of the computer and of runs.
"""
