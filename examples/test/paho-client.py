"""Subscribes, publishes and tells what it heard, as MQTT clients in Python do; arguments are in one JSON object."""

import json
import sys
import time

import paho.mqtt.client as mqtt

wishes = json.loads(sys.argv[1])
version = wishes["version"]
heard = []
state = {"connected": None, "subscribed": False, "present": None, "published": 0, "pings": 0}

options = {} if version == 5 else {"clean_session": wishes["clean"]}
client = mqtt.Client(client_id=wishes["id"], protocol=version, **options)
client.max_inflight_messages_set(5)


def on_connect(_client, _userdata, flags, code, properties=None):
    state["connected"] = getattr(code, "value", code)
    state["present"] = flags["session present"]
    if version == 5 and hasattr(properties, "AssignedClientIdentifier"):
        state["assigned"] = properties.AssignedClientIdentifier


def on_subscribe(_client, _userdata, _mid, granted, properties=None):
    state["granted"] = [getattr(code, "value", code) for code in granted]


def on_message(_client, _userdata, message):
    heard.append("%d %s %s" % (message.qos, message.topic, message.payload.decode()))


def on_publish(_client, _userdata, _mid):
    state["published"] += 1


def on_log(_client, _userdata, _level, text):
    if "PINGRESP" in text:
        state["pings"] += 1


def until(is_true, what):
    limit = time.monotonic() + 10
    while not is_true():
        if time.monotonic() > limit:
            sys.exit("not in time: %s %r %r" % (what, state, heard))
        time.sleep(0.005)


client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.on_publish = on_publish
client.on_log = on_log
connecting = {}
if version == 5:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    connecting["clean_start"] = wishes["clean"]
    connecting["properties"] = Properties(PacketTypes.CONNECT)
    connecting["properties"].SessionExpiryInterval = 0 if wishes["clean"] else 3600
client.connect("127.0.0.1", wishes["port"], keepalive=wishes.get("keepalive", 60), **connecting)
client.loop_start()
until(lambda: state["connected"] is not None, "CONNACK")
if wishes.get("subscribe"):
    client.subscribe([(topic, 2) for topic in wishes["subscribe"]])
    until(lambda: "granted" in state, "SUBACK")
for topic, text, qos in wishes.get("publish", []):
    client.publish(topic, text, qos)
until(lambda: state["published"] == len(wishes.get("publish", [])), "every PUBACK and PUBCOMP")
until(lambda: len(heard) >= wishes.get("hear", 0), "every message")
time.sleep(wishes.get("wait", 0))
client.disconnect()
client.loop_stop()
print(json.dumps({**state, "heard": heard}))
