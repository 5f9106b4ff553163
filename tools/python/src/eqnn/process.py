"""Calls the eqnn command. All that computes is in the command: this package asks it, and reads what it writes."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

PREFIX = "eqnn: error: "
SWITCHES = {"force", "online", "prune", "quiet", "resume", "retry-failed"}


class EqnnError(RuntimeError):
    """What the command said in its one line of error; `exit_code` as in docs/reliability.md (127: there is no command),
    `output` what it had written to stdout."""

    def __init__(self, message, exit_code=None, output=""):
        super().__init__(message)
        self.exit_code, self.output = exit_code, output


def program():
    """The path of the command: what EQNN names, else `eqnn` on the PATH. EqnnError where there is none."""
    named = os.environ.get("EQNN")
    found = shutil.which(named or "eqnn")
    if found:
        return found
    where = f"EQNN is '{named}', which is no program that can be run" if named else "there is no 'eqnn' on the PATH"
    raise EqnnError(f"{where}; build the command (tools/quickstart in a clone makes build/tools/eqnn), "
                    "and set EQNN to its path or put its folder on the PATH", 127)


def arguments(flags):
    """Python's flags as the command's: width=8, head_width=8, control=True, lr=None is ["--width=8", "--head-width=8",
    "--control=true"]. TypeError for a value that is no number, text, path or truth value, and for a name in both
    spellings, head_width and head-width."""
    spelt = []
    for name, value in flags.items():
        if "_" in name and name.replace("_", "-") in flags:
            raise TypeError(f"{name} is given twice, as {name.replace('_', '-')} too; leave one of them out")
        value = value.item() if hasattr(value, "item") else value  # NumPy's and PyTorch's scalars
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, os.PathLike):
            value = os.fspath(value)
        elif value is not None and not isinstance(value, (str, int, float)):
            raise TypeError(f"{name} is {value!r}; a flag takes a number, a text, a path, True, False, or None")
        if value is not None:
            spelt.append(f"--{name.replace('_', '-')}={value}")
    return spelt


def call(*words, watcher=None, **flags):
    """Runs `eqnn WORDS... --FLAGS... --json`, and returns the JSON document that it writes (of `train` the last line).

    call("bound", "gnn-degree-parity", n=64, tau=0.1), for every subcommand that has no function of its own here.
    What it notes goes to sys.stderr at its end. A watcher (progress.Progress) is told of each line as it comes. An interrupt
    (KeyboardInterrupt) has the command write its checkpoint before it is raised. Raises EqnnError for every exit code but 0.
    """
    command = [program(), *map(os.fspath, words), *arguments(flags), "--json"]
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   encoding="utf-8", errors="replace")
    except OSError as error:
        raise EqnnError(f"{command[0]} cannot be started: {error.strerror}", 127) from None
    lines, notes = [], []
    reader = threading.Thread(target=_read_notes, args=(process.stderr, notes, watcher), daemon=True)
    reader.start()
    with process:
        try:
            for line in process.stdout:
                lines.append(line)
                if watcher:
                    watcher.line(json.loads(line))
            process.wait()
        except BaseException:
            _interrupt(process)
            raise
        finally:
            reader.join()
            if watcher:
                watcher.close()
            sys.stderr.writelines(in_python(note) + "\n" for note in notes if not note.startswith(PREFIX))
    if process.returncode != 0:
        raise EqnnError(_message(process.returncode, notes), process.returncode, "".join(lines))
    return json.loads(lines[-1] if watcher else "".join(lines)) if lines else None


def _read_notes(stream, notes, watcher):
    for line in stream:
        line = line.rstrip("\n")
        if not (watcher and watcher.note(line)):
            notes.append(line)


def _interrupt(process):
    """Ends it as Ctrl-C does, which the terminal may have sent it already, and waits until its checkpoint is written."""
    try:
        process.send_signal(signal.SIGINT)
        for _ in process.stdout:
            pass
        process.wait()
    except BaseException:  # a second Ctrl-C
        process.kill()
        raise


def in_python(text):
    """What the command says of its flags, as they are written here: resume=True for --resume, test_samples for
    --test-samples. What it says to type stays: "eqnn collect DIR --db runs.db makes one"."""
    def keyword(found):
        return found[1].replace("-", "_") + ("=True" if found[1] in SWITCHES else "")
    clauses = re.split("(;)", text)
    return "".join(clause if re.search(r"(?<!')\beqnn [a-z]", clause) else re.sub(r"(?<![\w-])--(?!help\b)([a-z]+(?:-[a-z]+)*)", keyword, clause)
                   for clause in clauses)


def _message(code, notes):
    errors = [in_python(note[len(PREFIX):]) for note in notes if note.startswith(PREFIX)] or notes[-1:]
    if not errors:
        return f"the command was ended by signal {-code}" if code < 0 else f"the command ended with exit code {code}"
    return errors[0] + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")
