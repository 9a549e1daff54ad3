"""Topic aliases of MQTT 5, both ways."""

from register import check
from visitors import properties


def alias(number):
    """Also one that paho would not let pass."""
    props = properties("PUBLISH")
    object.__setattr__(props, "TopicAlias", number)
    return props


@check(5)
def client_topic_alias(scene):
    reader, me = scene.visitor("reader"), scene.visitor(clean=False, connect={"SessionExpiryInterval": 60})
    reader.subscribe(("#", 2))
    maximum = me.connack["props"].TopicAliasMaximum
    for qos in (0, 1, 2):
        me.publish("a", "named", qos, TopicAlias=1)
        me.publish("", "by alias", qos, TopicAlias=1)
    me.publish("b", "named", 1, TopicAlias=maximum)
    me.publish("c", "renamed", 1, TopicAlias=1)
    for number in (1, maximum):
        me.publish("", "by alias", 1, TopicAlias=number)
    heard = list(reader.hears(10))
    has_none = not any(hasattr(message.properties, "TopicAlias") for message in reader.messages)
    me.vanish()
    ends = {}
    for number, topic in ((1, ""), (0, "a"), (maximum + 1, "a")):
        wrong = scene.visitor(clean=False, connect={"SessionExpiryInterval": 60})
        name = scene.topic(topic) if topic else topic
        wrong.paho.publish(name, "x", 0, properties=alias(number))
        ends["%d %s" % (number, topic)] = wrong.ends()
    return {"maximum": maximum, "heard": heard, "passed on": not has_none, "ends": ends, "after": len(reader.hears(10))}


@check(5)
def server_topic_alias(scene):
    """Topics as they came, and their aliases."""
    me = scene.visitor()
    saw = {}
    for maximum in (None, 0, 1, 2):
        # paho hands a message over as it came: without its topic where it has an alias.
        reader = scene.visitor("reader", connect={} if maximum is None else {"TopicAliasMaximum": maximum})
        reader.subscribe(("t/#", 2))
        for qos in (0, 1, 2):
            for name in ("t/a", "t/b", "t/c"):
                me.publish(name, str(qos), qos)
        reader.hears(9)
        saw[str(maximum)] = [
            "%s %s" % (message.topic.replace(scene.prefix + "/", ""), getattr(message.properties, "TopicAlias", "-"))
            for message in reader.messages
        ]
        reader.leave()
    reader = scene.visitor("reader", connect={"TopicAliasMaximum": 1})
    reader.subscribe(("t/a", 2))
    for qos in (0, 1, 2):
        me.publish("t/a", str(qos), qos)
    reader.hears(3)
    saw["one topic"] = [[message.topic != "", message.properties.TopicAlias] for message in reader.messages]
    return saw
