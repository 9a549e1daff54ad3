"""Which checks there are."""

CHECKS = []


def check(*versions):
    """A function that plays a check in a scene, once for each version."""

    def add(play):
        CHECKS.extend((play.__name__, version, play) for version in versions)
        return play

    return add
