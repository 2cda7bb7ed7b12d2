"""nbgrader's settings for this course: copy this file into the folder of your nbgrader course (see TEACHING.md)."""

c = get_config()  # noqa: F821  (nbgrader provides it)

c.CourseDirectory.course_id = "neural-image-generation"
# What a learner sees in place of a solution is what exercises/ shows.
c.ClearSolutions.code_stub = {"python": 'raise NotImplementedError("Your turn: replace this line with your solution.")'}
# Cells tagged "solution" hold model answers and figures that give an answer away: they are for solutions only.
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbconvert.preprocessors.TagRemovePreprocessor",
    "nbgrader.preprocessors.ClearSolutions",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.ClearHiddenTests",
    "nbgrader.preprocessors.ClearMarkScheme",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.TagRemovePreprocessor.enabled = True
c.TagRemovePreprocessor.remove_cell_tags = ("solution",)
# An answer that never ends is stopped; the other checks of the notebook still count.
c.ExecutePreprocessor.timeout = 300
c.ExecutePreprocessor.interrupt_on_timeout = True
# Answers run behind a wall: `python docs/nbgrader/guarded_kernel.py install` adds this kernel (Linux, bubblewrap).
# Without the line they run with your rights, in your files.
c.ExecutePreprocessor.kernel_name = "course-guarded"
