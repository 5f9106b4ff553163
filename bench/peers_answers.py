"""How a peer answers `eqnn bench`: one line of JSON an answer, on the standard output that the process was started with."""
import json
import os
import sys


def sayer():
    """What writes an answer. What libraries print goes to stderr from now on, so that it does not come between."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda answer: print(json.dumps(answer), file=answers, flush=True)


def answering(serve, a, say):
    """Calls serve(a, say); whatever a library throws is the engine's to tell: {"error": ..} and exit code 1."""
    try:
        serve(a, say)
    except Exception as error:
        say({"error": f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"})
        sys.exit(1)
