"""What MQTT 3.1.1 and MQTT 5 ask of a broker alike. Each check gives what it saw; the spec says what that must be."""

import time

from register import check

BOTH = (4, 5)


@check(*BOTH)
def retained(scene):
    me = scene.visitor()
    for qos in (0, 1, 2):
        me.publish("kept/%d" % qos, "first", qos, True)
    me.publish("kept/1", "second", 1, True)
    reader = scene.visitor("reader")
    reader.subscribe(("kept/+", 2))
    reader.hears(3)
    before = sorted(reader.heard)
    me.publish("kept/0", "live", 1, True)
    live = reader.hears(4)[3:]
    reader.subscribe(("kept/+", 1))
    again = sorted(reader.hears(7)[4:])
    for qos in (0, 1, 2):
        me.publish("kept/%d" % qos, "", 1, True)
    cleared = sorted(reader.hears(10)[7:])
    late = scene.visitor("late")
    late.subscribe(("#", 2), ("kept/+", 2))
    return {"before": before, "live": live, "again": again, "cleared": cleared, "late": late.hears(0)}


@check(*BOTH)
def wills(scene):
    watcher = scene.visitor("watcher")
    watcher.subscribe(("will/#", 2))
    for qos in (0, 1, 2):
        will = {"topic": scene.topic("will/%d" % qos), "payload": "gone", "qos": qos, "retain": qos == 2}
        scene.visitor("dies-%d" % qos, will=will).vanish()
        scene.until(lambda: len(watcher.heard) == qos + 1, "the will %d" % qos)
    polite = scene.visitor("polite", will={"topic": scene.topic("will/never"), "payload": "gone", "qos": 1})
    polite.leave()
    heard = watcher.hears(3)
    late = scene.visitor("late")
    late.subscribe(("will/#", 2))
    return {"heard": heard, "kept": late.hears(1)}


@check(*BOTH)
def keep_alive(scene):
    watcher = scene.visitor("watcher")
    watcher.subscribe(("will", 1))
    pinging = scene.visitor("pinging", keepalive=1)
    silent = scene.visitor("silent", keepalive=2, will={"topic": scene.topic("will"), "payload": "gone", "qos": 1})
    silent.is_frozen = True
    since = time.monotonic()
    scene.until(lambda: len(watcher.heard) > 0, "the will")
    seconds = time.monotonic() - since
    silent.is_frozen = False
    reason = silent.ends()
    return {
        "heard": watcher.heard,
        "in time": 2 <= seconds <= 5 or seconds,
        "reason": reason,
        "pinging": pinging.is_open,
        "pings": len(pinging.seen("PINGRESP")) > 0,
    }


@check(*BOTH)
def overlapping_subscriptions(scene):
    me = scene.visitor()
    granted = me.subscribe(("a/+", 1), ("a/#", 2), ("#", 0))
    me.publish("a/b", "x", 2)
    me.publish("a/b/c", "y", 2)
    return {"granted": granted, "heard": me.hears(2)}


@check(*BOTH)
def subscribe_failure(scene):
    me = scene.visitor()
    shared = [("$share/g/test/nosubscribe", 1)]
    granted = me.subscribe(("a", 0), ("/test", 1), ("b", 2))
    me.paho.subscribe([("test/nosubscribe", 2), (scene.topic("c"), 1), *shared])
    scene.until(lambda: len(me.answers) == 2, "SUBACK")
    me.paho.publish("test/nosubscribe", "x", 1)
    return {"granted": granted, "refused": me.answers[1], "heard": me.hears(0)}


@check(*BOTH)
def dollar_topics(scene):
    me = scene.visitor()
    own = "$" + scene.prefix
    me.subscribe(("/#", 1))
    me.paho.subscribe([("#", 1), ("+/b", 1)])
    scene.until(lambda: len(me.answers) == 2, "SUBACK")
    me.publish(own + "/b", "x", 1)
    me.publish(own + "/b", "kept", 1, True)
    scene.settle()
    heard = [message.topic for message in me.messages if message.topic.startswith("$")]
    named = scene.visitor("named")
    named.subscribe((own + "/#", 1))
    me.publish(own + "/b", "y", 1)
    named.hears(2)
    me.publish(own + "/b", "", 1, True)
    return {"by wildcards": heard, "by name": [line.replace(own, "$") for line in named.hears(3)]}


@check(*BOTH)
def sys_figures(scene):
    me = scene.visitor()
    me.subscribe(("$SYS/#", 0))
    scene.until(lambda: len(me.heard) > 8, "$SYS", 15)
    topics = sorted({message.topic for message in me.messages})
    return {"count": len(topics) >= 9, "all": all(topic.startswith("$SYS/broker/") for topic in topics)}


@check(*BOTH)
def unsubscribe(scene):
    me = scene.visitor()
    me.subscribe(("a", 2), ("b", 2), ("c/#", 2))
    first = me.unsubscribe("a", "never", "c/#")
    for name in ("a", "b", "c/d"):
        me.publish(name, "x", 2)
    return {"answers": first, "heard": me.hears(1)}


@check(*BOTH)
def zero_length_client_id(scene):
    def dial(clean):
        visitor = scene.visitor("nobody", whole_id="", clean=clean)
        scene.settle(0.2)
        return visitor

    clean, kept = dial(True), dial(False)
    assigned = [getattr(each.connack["props"], "AssignedClientIdentifier", "") for each in (clean, kept)]
    return {
        "codes": [clean.connack["code"], kept.connack["code"]],
        "open": [clean.is_open, kept.is_open],
        "assigned": [len(assigned[0]) > 0, len(assigned[1]) > 0, assigned[0] != assigned[1]],
    }


@check(*BOTH)
def second_connect(scene):
    me = scene.visitor()
    me.paho._send_connect(60)
    return {"reason": me.ends()}
