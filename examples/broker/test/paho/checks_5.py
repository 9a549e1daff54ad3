"""What MQTT 5 alone asks of a broker. Each check gives what it saw; the spec says what that must be."""

from paho.mqtt.subscribeoptions import SubscribeOptions

from register import check
from visitors import properties, told

LASTING = {"clean": False, "connect": {"SessionExpiryInterval": 60}}


@check(5)
def connack_says(scene):
    me = scene.visitor()
    return told(me.connack["props"])


@check(5)
def shared_subscriptions(scene):
    one, two, own = (scene.visitor(name) for name in ("one", "two", "own"))
    me = scene.visitor()
    me.publish("t", "kept", 1, True)
    share = "$share/%s/%s" % (scene.prefix, scene.topic("t"))
    for member in (one, two):
        member.subscribe((share, 2))
    own.subscribe(("t", 2))
    own.hears(1)
    for number in range(10):
        me.publish("t", str(number), number % 3)
    own.hears(11)
    both = one.heard + two.heard
    one.vanish()
    scene.settle()
    for number in range(10, 14):
        me.publish("t", str(number), 1)
    rest = two.hears(9)[5:]
    wrong = scene.visitor("wrong")
    wrong.paho.subscribe(share, options=SubscribeOptions(qos=1, noLocal=True))
    return {
        "each": [len(one.heard), len(two.heard[:5])],
        "both": sorted(int(line.split(" ")[2]) for line in both),
        "no retained": not any("kept" in line for line in both),
        "own": [line.split(" ")[2] for line in own.heard],
        "rest": rest,
        "no local": wrong.ends(),
    }


@check(5)
def subscribe_options(scene):
    me, other = scene.visitor(), scene.visitor("other")
    me.subscribe(("local/no", SubscribeOptions(qos=2, noLocal=True)), ("local/yes", SubscribeOptions(qos=2)))
    for each in (me, other):
        for name in ("local/no", "local/yes"):
            each.publish(name, "mine" if each is me else "other", 1)
    local = list(me.hears(3))
    reader = scene.visitor("reader")
    reader.subscribe(
        ("as/published", SubscribeOptions(qos=1, retainAsPublished=True)), ("as/usual", SubscribeOptions(qos=1))
    )
    for name in ("as/published", "as/usual"):
        other.publish(name, "kept", 1, True)
        other.publish(name, "live", 1)
    flags = list(reader.hears(4))
    handling = {}
    for how in (0, 1, 2):
        late = scene.visitor("late-%d" % how)
        wish = ("as/#", SubscribeOptions(qos=1, retainHandling=how, retainAsPublished=how == 1))
        late.subscribe(wish)
        first = len(late.hears(0))
        late.subscribe(wish)
        handling[str(how)] = [first, len(late.hears(0)) - first]
    return {"local": local, "flags": flags, "retain handling": handling}


@check(5)
def subscription_identifiers(scene):
    me = scene.visitor()
    me.subscribe(("a/+", 1), SubscriptionIdentifier=1)
    me.subscribe(("a/#", 2), SubscriptionIdentifier=268_435_455)
    me.subscribe(("#", 0))
    scene.visitor("other").publish("a/b", "x", 2, True)
    me.hears(1)
    me.subscribe(("a/+", 1), SubscriptionIdentifier=77)
    me.hears(2)
    me.unsubscribe("a/#")
    me.publish("a/b", "y", 1)
    me.hears(3)
    return [
        [line, sorted(getattr(message.properties, "SubscriptionIdentifier", []))]
        for line, message in zip(me.heard, me.messages)
    ]


@check(5)
def request_response(scene):
    asking, answering = scene.visitor("asking"), scene.visitor("answering")
    asking.subscribe(("answers", 1))
    answering.subscribe(("questions", 1))
    asking.publish("questions", "6 x 7", 1, ResponseTopic=scene.topic("answers"), CorrelationData=b"\x34\x00\x32")
    answering.hears(1)
    asked = answering.messages[0].properties
    topic = asked.ResponseTopic.replace(scene.prefix + "/", "")
    answering.publish(topic, "42", 1, CorrelationData=asked.CorrelationData)
    return {"topic": topic, "heard": asking.hears(1), "data": told(asking.messages[0].properties)}


@check(5)
def passed_on(scene):
    """Properties that go from one to the other, in a message, a retained message, a will, and over a queue."""
    user = [("b", "2"), ("a", "1"), ("b", "2"), ("", "ü"), ("c", "")]
    values = {"UserProperty": user, "PayloadFormatIndicator": 1, "ContentType": "text/plain"}
    reader, away = scene.visitor("reader"), scene.visitor("away", **LASTING)
    for each in (reader, away):
        each.subscribe(("#", 2))
    away.leave()
    me = scene.visitor()
    me.publish("live", "x", 2, **values)
    me.publish("kept", "x", 1, True, **values)
    will = {"topic": scene.topic("will"), "payload": "x", "qos": 1, "properties": properties("WILLMESSAGE", **values)}
    scene.visitor("dies", will=will).vanish()
    reader.hears(3)
    again, late = scene.visitor("away", **LASTING), scene.visitor("late")
    again.hears(3)
    late.subscribe(("kept", 1))
    late.hears(1)
    every = [message for each in (reader, again, late) for message in each.messages]
    return {
        "heard": [each.heard for each in (reader, again, late)],
        "user": all(message.properties.UserProperty == user for message in every),
        "others": [told(message.properties, "PayloadFormatIndicator", "ContentType") for message in every[:1]],
        "all alike": len({str(told(message.properties)) for message in every}) == 1,
    }


@check(5)
def maximum_packet_size(scene):
    small = scene.visitor("small", connect={"MaximumPacketSize": 100})
    small.subscribe(("t", 1))
    me = scene.visitor()
    for length in (20, 200, 30):
        me.publish("t", "x" * length, 1)
    heard = [len(line.split(" ")[2]) for line in small.hears(2)]
    maximum = me.connack["props"].MaximumPacketSize
    # The beginning of a PUBLISH one byte too long.
    length = maximum + 1 - 5
    digits = [length >> shift & 0x7F | (0x80 if shift < 21 else 0) for shift in (0, 7, 14, 21)]
    me.paho.socket().send(bytes([0x30, *digits]))
    return {"heard": heard, "still there": small.is_open, "too large": me.ends()}


@check(5)
def flow_control_of_client(scene):
    """A client may have as many messages on their way as CONNACK said, and not one more."""
    saw = {}
    for qos in (1, 2):
        me = scene.visitor("me-%d" % qos)
        maximum = me.connack["props"].ReceiveMaximum
        me.paho._send_pubrel = lambda mid: 0
        for number in range(maximum):
            me.send("t", str(number), 2)
        scene.until(lambda: len(me.seen("PUBREC")) == maximum, "every PUBREC")
        me.send("t", "of no count", 0)
        scene.settle()
        is_open = me.is_open
        me.send("t", "too many", qos)
        saw[str(qos)] = [maximum, is_open, me.ends()]
    return saw


@check(5)
def reasons(scene):
    me = scene.visitor()
    me.subscribe(("t", 2))
    me.publish("nobody", "x", 1)
    me.publish("t", "x", 1)
    method = scene.visitor("method", connect={"AuthenticationMethod": "none of ours"})
    bytes_ = scene.visitor("empty")
    bytes_.send("", "x", 1)
    return {"method": method.connack["code"], "empty topic": bytes_.ends(), "heard": me.hears(1)}
