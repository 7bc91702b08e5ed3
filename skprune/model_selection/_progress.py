"""What a search prints while it runs, and what it tells the callbacks of scikit-learn."""

import time

from skprune._compat import begin_task, end_task, subtask


class Progress:
    """Counts the fits of a search, and says how long the rest will take.

    Parameters
    ----------
    search : PruningSearchCV
        Whose `verbose` asks for lines, and whose callbacks are called.
    context : object
        Context of the callbacks for its `fit`; None without any.
    """

    def __init__(self, search, context):
        self.search, self.context = search, context
        self.started, self.n_done, self.n_fits = time.time(), 0, 0

    @property
    def is_watched(self):
        """Whether anybody sees the progress."""
        return self.search.verbose > 0 or self.context is not None

    def say(self, text):
        """Print a line, if lines are asked for."""
        if self.search.verbose > 0:
            print(text, flush=True)  # noqa: T201 - what verbose asks for

    def run(self, parallel, what, tasks, labels):
        """Run tasks, and report each one when it is done.

        Parameters
        ----------
        parallel : Parallel
            Returns results one after the other, in the order of the tasks.
        what : str
            What the tasks are; for the callbacks.
        tasks : list of delayed calls
            What to run.
        labels : list of str
            What each task is; for the lines.

        Returns
        -------
        list
            The results.
        """
        whole = subtask(self.context, what, max_subtasks=len(tasks))
        begin_task(whole, self.search)
        parts = [subtask(whole, label) for label in labels]

        def announced():
            for task, part in zip(tasks, parts, strict=True):
                begin_task(part, self.search)
                yield task

        results = []
        for result, label, part in zip(parallel(announced()), labels, parts, strict=True):
            results.append(result)
            end_task(part, self.search)
            self.n_done += 1
            self.say(f"[{self.n_done} of {self.n_fits}] {label}; {self._times()}")
        end_task(whole, self.search)
        return results

    def _times(self):
        elapsed = time.time() - self.started
        left = elapsed / self.n_done * (self.n_fits - self.n_done)
        rest = f", about {_duration(left)} left" if self.n_done < self.n_fits else ""
        return f"{_duration(elapsed)} elapsed{rest}"


def _duration(seconds):
    """Return a time as "7.2 s" or "3 min 20 s"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
