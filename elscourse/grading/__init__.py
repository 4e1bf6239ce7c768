"""Assignments for a lecture: a lesson to hand out, and the grades of what is handed in.

What a learner wrote runs in a process of its own (`worker`) that knows no answers: the judging process (`pupil`) sends
it arguments and gets outputs back, as plain data (`wire`), and examines them with the checks of the lessons. `fences`
holds what that process may not do, `reading` what of a notebook is run, `attempt` a learner's function as the checks
see it. `grades` goes through the folder (`learners`) and keeps the `table`, so that it goes on where it was stopped.
"""
