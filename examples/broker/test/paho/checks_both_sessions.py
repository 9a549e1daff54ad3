"""What MQTT 3.1.1 and MQTT 5 ask of sessions alike."""

from register import check

BOTH = (4, 5)
LASTING = {"clean": False, "connect": {"SessionExpiryInterval": 60}}


@check(*BOTH)
def offline_queue(scene):
    reader = scene.visitor("reader", **LASTING)
    reader.subscribe(("for/#", 2))
    reader.leave()
    me = scene.visitor()
    for qos in (0, 1, 2):
        for number in (1, 2):
            me.publish("for/%d" % qos, str(number), qos)
    again = scene.visitor("reader", **LASTING)
    heard = again.hears(4)
    return {
        "present": [reader.present, again.present],
        "heard": heard,
        "dup": [message.dup for message in again.messages],
    }


@check(*BOTH)
def redelivery(scene):
    """Messages that a reader does not acknowledge, three times; then it does."""
    reader = scene.visitor("reader", acks=False, **LASTING)
    reader.subscribe(("for/#", 2))
    me = scene.visitor()
    me.publish("for/1", "one", 1)
    me.publish("for/2", "two", 2)
    publishes = []
    for _ in range(2):
        scene.until(lambda: len(reader.seen("PUBLISH")) == 2, "two PUBLISH")
        publishes.append([text[len("PUBLISH ("):].split(")")[0] for text in reader.seen("PUBLISH")])
        reader.vanish()
        reader = scene.visitor("reader", acks=False, **LASTING)
    scene.until(lambda: len(reader.seen("PUBLISH")) == 2, "two PUBLISH")
    reader.vanish()
    # PUBREC without PUBCOMP: then PUBREL must come again.
    half = scene.visitor("reader", **LASTING)
    half.paho._send_pubcomp = lambda mid: 0
    half.hears(2)
    half.vanish()
    last = scene.visitor("reader", **LASTING)
    scene.until(lambda: len(last.seen("PUBREL")) == 1, "PUBREL")
    last.hears(0)
    last.leave()
    empty = scene.visitor("reader", **LASTING)
    return {
        "publishes": publishes,
        "half": half.heard,
        "last": [text.split(" (")[0] for text in last.got if not text.startswith("CONNACK")],
        "empty": [empty.present, empty.hears(0)],
    }


@check(*BOTH)
def exactly_once(scene):
    """A PUBLISH of QoS 2 that comes again, on the same connection and on the next, is one message."""
    reader = scene.visitor("reader")
    reader.subscribe(("t", 2))
    me = scene.visitor(**LASTING)
    me.paho._send_pubrel = lambda mid: 0
    info = me.send("t", "once", 2)
    scene.until(lambda: len(me.seen("PUBREC")) == 1, "PUBREC")
    me.paho._send_publish(info.mid, scene.topic("t").encode(), b"once", 2, False, True)
    scene.until(lambda: len(me.seen("PUBREC")) == 2, "PUBREC again")
    me.vanish()
    again = scene.visitor(**LASTING)
    again.paho._send_publish(info.mid, scene.topic("t").encode(), b"once", 2, False, True)
    scene.until(lambda: len(again.seen("PUBREC")) == 1, "PUBREC once more")
    again.paho._send_pubrel(info.mid)
    scene.until(lambda: len(again.seen("PUBCOMP")) == 1, "PUBCOMP")
    once = list(reader.hears(1))
    again.paho._send_publish(info.mid, scene.topic("t").encode(), b"next", 2, False, False)
    return {"once": once, "next": reader.hears(2)[1:]}


@check(*BOTH)
def many_in_order(scene):
    reader = scene.visitor("reader")
    reader.subscribe(("n/#", 2))
    me = scene.visitor()
    # As many at a time as the broker takes.
    for start in range(0, 200, 20):
        infos = [me.send("n/%d" % (n % 3), str(n), n % 3) for n in range(start, start + 20)]
        scene.until(lambda: all(info.mid in me.published for info in infos), "every PUBACK and PUBCOMP")
    heard = reader.hears(200)
    return {
        "count": len(heard),
        "in order": all(
            [int(line.split(" ")[2]) for line in heard if line[0] == str(qos)] == list(range(qos, 200, 3))
            for qos in (0, 1, 2)
        ),
    }


@check(*BOTH)
def take_over(scene):
    first = scene.visitor(**LASTING)
    first.subscribe(("t", 1))
    second = scene.visitor(**LASTING)
    reason = first.ends()
    second.publish("t", "x", 1)
    heard = list(second.hears(1))
    third = scene.visitor(clean=True)
    second.ends()
    third.publish("t", "y", 1)
    return {"reason": reason, "present": [second.present, third.present], "heard": heard, "third": third.hears(0)}


@check(*BOTH)
def clean_session(scene):
    first = scene.visitor(clean=True)
    first.subscribe(("t", 1))
    first.leave()
    second = scene.visitor(clean=False)
    second.publish("t", "x", 1)
    return {"present": second.present, "heard": second.hears(0)}


@check(3, 4, 5)
def over_each_transport(scene):
    saw = {}
    for via in ("tcp", "tls", "ws"):
        me = scene.visitor("me-" + via, via=via)
        reader = scene.visitor("reader-" + via, via=via, **LASTING)
        reader.subscribe((via + "/#", 2))
        for qos in (0, 1, 2):
            me.publish("%s/%d" % (via, qos), "now", qos)
        now = list(reader.hears(3))
        reader.vanish()
        scene.settle()
        for qos in (1, 2):
            me.publish("%s/%d" % (via, qos), "x" * 20_000, qos)
        again = scene.visitor("reader-" + via, via=via, **LASTING)
        saw[via] = [now, [[message.topic[-1], len(message.payload)] for message in again.hears(2) and again.messages]]
    return saw
