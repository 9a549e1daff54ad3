"""Clients of the checks: paho, which does nothing but while its scene waits, so that what it leaves out is under control."""

import select
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

LIMIT = 10


def properties(kind, **values):
    made = Properties(getattr(PacketTypes, kind))
    for name, value in values.items():
        setattr(made, name, value)
    return made


def told(props, *names):
    """The properties that are there, by their names, all of them or these; bytes as text."""
    known = {} if props is None else props.json()
    found = {name: getattr(props, name) for name in known if not names or name in names}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


class Scene:
    """Where one check plays: topics and names of its own, and all its clients."""

    def __init__(self, ports, version, name, authority):
        self.ports = ports
        self.authority = authority
        self.version = version
        self.prefix = "%s-%d" % (name, version)
        self.all = []

    def topic(self, rest):
        return "%s/%s" % (self.prefix, rest)

    def visitor(self, name="me", **wishes):
        """A client that was let in."""
        visitor = Visitor(self, name, **wishes)
        self.until(lambda: visitor.connack is not None, "CONNACK for %s" % name)
        return visitor

    def until(self, is_true, what, seconds=LIMIT):
        limit = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > limit:
                raise TimeoutError("not in time: %s; heard %r" % (what, [each.heard for each in self.all]))
            self.turn()

    def settle(self, seconds=0.3):
        """What must not come has this long to come."""
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            self.turn()

    def turn(self):
        awake = {each.paho.socket(): each for each in self.all if each.is_open and not each.is_frozen}
        awake.pop(None, None)
        if not awake:
            return time.sleep(0.01)
        for each in awake.values():
            each.paho.loop_misc()
            if each.paho.want_write():
                each.paho.loop_write()
        sockets = [each.paho.socket() for each in awake.values() if each.paho.socket() is not None]
        # What TLS has decrypted already, select does not see.
        ready = [socket for socket in sockets if getattr(socket, "pending", lambda: 0)() > 0]
        for socket in ready or select.select(sockets, [], [], 0.02)[0]:
            awake[socket].paho.loop_read()

    def over(self):
        for each in self.all:
            each.vanish()


class Visitor:
    """One connection of a client. `acks`: without them it answers no message."""

    def __init__(self, scene, name, clean=True, keepalive=60, will=None, acks=True, connect=None, whole_id=None, via="tcp"):
        self.scene = scene
        self.version = scene.version
        self.heard = []
        self.messages = []
        self.connack = None
        self.answers = []
        self.published = []
        self.got = []
        self.goodbye = None
        self.is_frozen = False
        self.is_open = True
        self.began = time.monotonic()
        if whole_id is None:
            # MQTT 3.1 allows 23 characters.
            whole_id = scene.topic(name).replace("/", "-")[-23 if self.version == 3 else 0 :]
        older = {} if self.version == 5 else {"clean_session": clean}
        self.paho = paho = mqtt.Client(
            client_id=whole_id or "x",
            protocol=self.version,
            transport="websockets" if via == "ws" else "tcp",
            reconnect_on_failure=False,
            **older
        )
        paho._client_id = whole_id.encode()
        if via == "tls":
            paho.tls_set(ca_certs=scene.authority)
        paho.max_inflight_messages_set(0)
        paho.on_connect = self._on_connect
        paho.on_message = self._on_message
        paho.on_subscribe = self._on_answer
        paho.on_unsubscribe = self._on_answer
        paho.on_disconnect = self._on_disconnect
        paho.on_publish = lambda _client, _data, mid: self.published.append(mid)
        paho.on_log = self._on_log
        # paho forgets the reason of a DISCONNECT that has no properties.
        handle_disconnect = paho._handle_disconnect

        def keep_reason():
            packet = paho._in_packet["packet"]
            self.goodbye = packet[0] if len(packet) > 0 else 0
            return handle_disconnect()

        paho._handle_disconnect = keep_reason
        # Of a refusal in MQTT 3.1.1 it tells nobody.
        handle_connack = paho._handle_connack

        def keep_code():
            flags, code = paho._in_packet["packet"][:2]
            self.connack = {"code": code, "present": flags, "props": None}
            return handle_connack()

        paho._handle_connack = keep_code
        if not acks:
            for name in ("_send_puback", "_send_pubrec", "_send_pubcomp"):
                setattr(paho, name, lambda mid: mqtt.MQTT_ERR_SUCCESS)
        if will is not None:
            paho.will_set(**will)
        newer = {} if self.version < 5 else {"clean_start": clean, "properties": properties("CONNECT", **(connect or {}))}
        scene.all.append(self)
        paho.connect("127.0.0.1", scene.ports[via], keepalive=keepalive, **newer)

    def _on_connect(self, _client, _data, flags, code, props=None):
        self.connack = {"code": getattr(code, "value", code), "present": flags["session present"], "props": props}

    def _on_message(self, _client, _data, message):
        topic = message.topic.replace(self.scene.prefix + "/", "")
        retain = " retain" if message.retain else ""
        self.heard.append("%d %s %s%s" % (message.qos, topic, message.payload.decode(), retain))
        self.messages.append(message)

    def _on_answer(self, _client, _data, _mid, *rest):
        # SUBACK of MQTT 3.1.1: the granted; of MQTT 5: the reasons, properties. UNSUBACK of MQTT 5: properties, the reasons.
        lists = [each for each in rest if isinstance(each, (list, tuple))]
        codes = lists[0] if lists else ([rest[1]] if len(rest) > 1 else [])
        self.answers.append([getattr(code, "value", code) for code in codes])

    def _on_disconnect(self, *_):
        self.is_open = False

    def _on_log(self, _client, _data, _level, text):
        if text.startswith("Received "):
            self.got.append(text[len("Received "):])

    @property
    def present(self):
        return self.connack["present"] == 1

    def subscribe(self, *wishes, **props):
        """Filters with their QoS, or with options; gives what SUBACK says."""
        whole = [(self.scene.topic(name) if name[0] not in "$/" else name, how) for name, how in wishes]
        count = len(self.answers)
        newer = {"properties": properties("SUBSCRIBE", **props)} if self.version == 5 else {}
        self.paho.subscribe(whole, **newer)
        self.scene.until(lambda: len(self.answers) > count, "SUBACK")
        return self.answers[-1]

    def unsubscribe(self, *names):
        count = len(self.answers)
        self.paho.unsubscribe([self.scene.topic(name) for name in names])
        self.scene.until(lambda: len(self.answers) > count, "UNSUBACK")
        return self.answers[-1]

    def send(self, name, text, qos=0, retain=False, **props):
        """Publishes, and does not wait."""
        topic = name if name[:1] in ("", "$") else self.scene.topic(name)
        newer = {"properties": properties("PUBLISH", **props)} if self.version == 5 else {}
        return self.paho.publish(topic, text, qos, retain, **newer)

    def publish(self, name, text, qos=0, retain=False, **props):
        """Publishes, and waits until it is acknowledged."""
        info = self.send(name, text, qos, retain, **props)
        self.scene.until(lambda: info.mid in self.published, "PUBACK or PUBCOMP for %s" % name)

    def hears(self, count, seconds=LIMIT):
        """Waits for so many messages, and for more that must not come; gives all."""
        self.scene.until(lambda: len(self.heard) >= count, "%d messages" % count, seconds)
        self.scene.settle()
        return self.heard

    def ends(self, seconds=LIMIT):
        """Waits until the server ends the connection; gives the reason that it told."""
        self.scene.until(lambda: not self.is_open, "the end", seconds)
        return self.goodbye

    def seen(self, start):
        """The packets that it got which begin so, as paho logs them."""
        return [text for text in self.got if text.startswith(start)]

    def leave(self, reason=None, **props):
        """Says goodbye."""
        newer = {"reasoncode": reason, "properties": properties("DISCONNECT", **props)} if self.version == 5 else {}
        self.paho.disconnect(**newer)
        self.scene.until(lambda: not self.is_open, "the goodbye")

    def vanish(self):
        """Ends the connection without a word."""
        self.is_open = False
        self.paho._sock_close()
        self.paho._reset_sockets()
