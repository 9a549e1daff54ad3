"""
Plays all checks against a broker, several at a time, and prints what each saw, one JSON object a line. The arguments: a
JSON object with the ports and the file of the certificate authority, then the names of checks, where not all are wanted.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import checks_5  # noqa: F401
import checks_5_aliases  # noqa: F401
import checks_5_time  # noqa: F401
import checks_both  # noqa: F401
import checks_both_sessions  # noqa: F401
from register import CHECKS
from visitors import Scene

broker = json.loads(sys.argv[1])
wanted = sys.argv[2:]


def play(one):
    name, version, steps = one
    scene = Scene(broker["ports"], version, name, broker["authority"])
    try:
        return {"check": name, "version": version, "saw": steps(scene)}
    except Exception as error:  # The spec shows it.
        return {"check": name, "version": version, "error": "%s: %s" % (type(error).__name__, error)}
    finally:
        scene.over()


with ThreadPoolExecutor(max_workers=12) as pool:
    for result in pool.map(play, [each for each in CHECKS if not wanted or each[0] in wanted]):
        print(json.dumps(result), flush=True)
