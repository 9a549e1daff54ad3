"""What MQTT 5 says about sessions, and of what ends at its time."""

import time

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCodes

from register import check
from visitors import properties, told


def lasting(seconds):
    return {"clean": False, "connect": {"SessionExpiryInterval": seconds}}


@check(5)
def session_expiry(scene):
    saw = {}
    for seconds in (0, 60):
        first = scene.visitor("a-%d" % seconds, **lasting(seconds))
        first.subscribe(("t", 1))
        first.leave()
        saw["ended with %d" % seconds] = scene.visitor("a-%d" % seconds, **lasting(seconds)).present
    # A session that the client has lost, too.
    scene.visitor("b", **lasting(60)).vanish()
    saw["vanished with 60"] = scene.visitor("b", **lasting(60)).present
    scene.visitor("c", **lasting(60)).leave(SessionExpiryInterval=0)
    saw["60, then 0"] = scene.visitor("c", **lasting(60)).present
    scene.visitor("d", clean=True, connect={"SessionExpiryInterval": 60}).leave()
    saw["clean start with 60"] = scene.visitor("d", **lasting(60)).present
    scene.visitor("d", clean=True, connect={"SessionExpiryInterval": 0}).leave()
    saw["ended by a clean start"] = scene.visitor("d", **lasting(60)).present
    wrong = scene.visitor("e", **lasting(0))
    # paho would not wait for the answer to its DISCONNECT.
    wrong.paho.socket().send(bytes([0xE0, 7, 0, 5, 0x11, 0, 0, 0, 5]))
    saw["0, then 5"] = wrong.ends()
    for name in ("f", "g"):
        scene.visitor(name, **lasting(60)).leave(SessionExpiryInterval=3)
    scene.settle(1)
    f = scene.visitor("f", **lasting(60))
    saw["3, after 1"] = f.present
    f.leave()
    scene.settle(2.5)
    saw["3, after 3.5"] = scene.visitor("g", **lasting(60)).present
    saw["again 60"] = scene.visitor("f", **lasting(60)).present
    return saw


@check(5)
def publication_expiry(scene):
    reader = scene.visitor("reader", **lasting(60))
    reader.subscribe(("for/#", 2))
    reader.leave()
    me = scene.visitor()
    me.publish("for/1", "short", 1, MessageExpiryInterval=1)
    me.publish("for/1", "long", 1, MessageExpiryInterval=10)
    me.publish("for/2", "short", 2, MessageExpiryInterval=1)
    me.publish("for/2", "ever", 2)
    me.publish("kept/short", "x", 1, True, MessageExpiryInterval=1)
    me.publish("kept/long", "x", 1, True, MessageExpiryInterval=10)
    scene.settle(2.2)
    again = scene.visitor("reader", **lasting(60))
    again.hears(2)
    again.subscribe(("kept/+", 1))
    heard = again.hears(3)
    left = [getattr(message.properties, "MessageExpiryInterval", None) for message in again.messages]
    return {"heard": heard, "left": [None if each is None else 6 <= each <= 8 or each for each in left]}


@check(5)
def will_delay(scene):
    """When wills come, from the end of their connections: a will is due within a second of its time."""
    watcher = scene.visitor("watcher")
    watcher.subscribe(("will/#", 1))
    ended = {}

    def dies(name, delay, expiry, how):
        props = properties("WILLMESSAGE", WillDelayInterval=delay)
        will = {"topic": scene.topic("will/" + name), "payload": "gone", "qos": 1, "properties": props}
        visitor = scene.visitor(name, will=will, **lasting(expiry))
        ended[name] = time.monotonic()
        how(visitor)

    for name, delay, expiry in (("delay", 1, 60), ("session", 60, 1), ("clean", 60, 0), ("back", 2, 60)):
        dies(name, delay, expiry, lambda visitor: visitor.vanish())
    with_will = ReasonCodes(PacketTypes.DISCONNECT, "Disconnect with will message")
    dies("reason", 0, 0, lambda visitor: visitor.leave(with_will))
    back = scene.visitor("back", **lasting(60))
    scene.settle(3)
    times = {}
    for message in watcher.messages:
        name = message.topic.split("/")[-1]
        seconds = message.timestamp - ended[name]
        times[name] = "at once" if seconds < 0.99 else "later" if seconds < 2.2 else seconds
    return {"times": times, "back": back.present, "count": len(watcher.heard)}


@check(5)
def server_keep_alive(scene):
    return {
        str(seconds): told(scene.visitor("k-%d" % seconds, keepalive=seconds).connack["props"], "ServerKeepAlive")
        for seconds in (0, 30, 60, 61, 120)
    }


@check(5)
def flow_control_of_server(scene):
    """The broker has as many on their way as the client said, also when it is back."""
    slow = scene.visitor("slow", acks=False, clean=False, connect={"ReceiveMaximum": 3, "SessionExpiryInterval": 60})
    slow.subscribe(("t", 2))
    me = scene.visitor()
    for number in range(10):
        me.publish("t", str(number), 1 + number % 2)
    scene.settle()
    first = len(slow.seen("PUBLISH"))
    for mid in (1, 2):
        slow.paho._send_command_with_mid(0x40 if mid == 1 else 0x50, mid, False)
    scene.until(lambda: len(slow.seen("PUBLISH")) > first, "more")
    scene.settle()
    more = len(slow.seen("PUBLISH")) - first
    slow.vanish()
    back = scene.visitor("slow", clean=False, connect={"ReceiveMaximum": 1, "SessionExpiryInterval": 60})
    back.hears(8)
    return {"first": first, "more": more, "back": [line.split(" ")[2] for line in back.heard]}
