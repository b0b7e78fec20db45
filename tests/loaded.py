"""Which modules some code loads; run as a script, with tasks as JSON on standard input.

Each task is tried in a fork, so that a library is loaded once for all tasks of a group, not once
for each: starting Python and loading torch is what such tests cost.

A group is a list of modules to load first, and tasks: code by name. What comes back is, for each
name, the modules in memory once its code has run, or the last line of its traceback.
"""

import importlib
import json
import os
import subprocess
import sys
import traceback

from repository import ROOT


def loaded(groups, folder=ROOT):
    """Modules that tasks load: ``[(modules loaded first, {name: code})]`` gives a set a name."""
    ran = subprocess.run(
        [sys.executable, __file__],
        input=json.dumps(groups),
        cwd=folder,
        # a fork copes with one thread only
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    failed = {name: error for name, (_, error) in result.items() if error}
    assert not failed
    return {name: set(modules) for name, (modules, _) in result.items()}


def in_a_fork(code):
    """Modules in memory once some code has run, and its error if it failed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        error = None
        try:
            exec(compile(code, "task", "exec"), {"__name__": "task"})
        except BaseException:
            error = traceback.format_exc().splitlines()[-1]
        with os.fdopen(writing, "w") as pipe:
            json.dump([sorted(sys.modules), error], pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else [[], "the process died"]


if __name__ == "__main__":
    answers = {}
    for first, tasks in json.load(sys.stdin):
        for module in first:
            importlib.import_module(module)
        answers |= {name: in_a_fork(code) for name, code in tasks.items()}
    json.dump(answers, sys.stdout)
