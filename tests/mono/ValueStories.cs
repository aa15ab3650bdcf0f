// What a prop may hold: everything that Microsoft's serializer can send as anyType, and what only JSON can say.

using System;
using System.Collections.Generic;
using System.Linq;
using Newtonsoft.Json.Linq;

class ValueStories
{
    static readonly Guid SomeGuid = new Guid("4d4ed693-a216-4352-bb3b-870390d7a3a1");

    static readonly DateTime SomeTime = new DateTime(2026, 1, 2, 3, 4, 5);

    readonly Report report;
    readonly Wire wire;

    public ValueStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        foreach (var value in Values())
        {
            var each = value;
            report.Across("a prop that is " + each.Name, (write, read) => RoundTrip(each, write, read));
        }
        report.Across("a null prop", NullProp);
        report.Story("an object or array is JSON text in XML", AsText);
        report.Story("posting that text back through XML leaves object and array", PostedBack);
        report.Story("another text in its place is a string", TextInstead);
        report.InBoth("a string that looks like JSON stays a string", LooksLikeJson);
        report.InBoth("a string that looks like a number, date or boolean stays a string", LooksTyped);
    }

    class Value
    {
        public string Name;
        public object Sent;
        public string[] Expected;
    }

    // More than one answer where nothing is documented.
    static IEnumerable<Value> Values()
    {
        yield return Of("an int", -5, "number -5");
        yield return Of("a long", long.MaxValue, "number 9223372036854775807");
        yield return Of("the least long", long.MinValue, "number -9223372036854775808");
        yield return Of("an unsigned long", ulong.MaxValue, "number 18446744073709551615");
        yield return Of("an unsigned int", uint.MaxValue, "number 4294967295");
        yield return Of("a short", short.MinValue, "number -32768");
        yield return Of("an unsigned short", ushort.MaxValue, "number 65535");
        yield return Of("a byte", (byte)200, "number 200");
        yield return Of("a signed byte", (sbyte)-6, "number -6");
        yield return Of("a double", 0.1, "number 0.1");
        yield return Of("a whole double", 3.0, "number 3");
        yield return Of("a large double", 1e300, "number 1E+300");
        yield return Of("a small double", -5e-7, "number -0.0000005");
        yield return Of("a float", 1.5f, "number 1.5");
        yield return Of("a decimal", 1234567.50m, "number 1234567.5");
        yield return Of("true", true, "true");
        yield return Of("false", false, "false");
        yield return Of("a UTC time", DateTime.SpecifyKind(SomeTime, DateTimeKind.Utc), "text 2026-01-02T03:04:05Z");
        yield return Of("a time without zone", SomeTime.AddTicks(1234567), "text 2026-01-02T03:04:05.1234567");
        yield return Of("a guid", SomeGuid, "text 4d4ed693-a216-4352-bb3b-870390d7a3a1");
        yield return Of("a string", "some <text> & \"more\"", "text some <text> & \"more\"");
        yield return Of("bytes", new byte[] { 0, 1, 254, 255 }, "text AAH+/w==");
        yield return Of("no bytes", new byte[0], "text ");
        yield return Of("a span of time", new TimeSpan(1, 2, 3, 4, 500), "text 1.02:03:04.5000000", "text P1DT2H3M4.5S");
        yield return Of("a character", 'x', "text x");
        yield return Of("an address", new Uri("http://example.org/a?b=c"), "text http://example.org/a?b=c");
        yield return Of("a relative address", new Uri("a/b", UriKind.Relative), "text a/b");
        yield return Of("an empty object", new object(), "json {}", "text {}");
        yield return Of("not a number", double.NaN, "number NaN", "text NaN");
        yield return Of("infinite", double.PositiveInfinity, "number Infinity", "text Infinity", "text INF");
    }

    static Value Of(string name, object sent, params string[] expected)
    {
        return new Value { Name = name, Sent = sent, Expected = expected };
    }

    void RoundTrip(Value value, Format write, Format read)
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.Props = new Dictionary<string, object> { { "value", value.Sent } };
        var id = wire.PostNode(write, node).NodeId;
        var props = wire.Node(id, read, node.TenantId).Props;
        Check.Same("keys", new[] { "value" }, props.Keys);
        Check.OneOf("value", Plain.Of(props["value"]), value.Expected);
    }

    void NullProp(Format write, Format read)
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.Props = new Dictionary<string, object> { { "nothing", null }, { "something", 1 } };
        var id = wire.PostNode(write, node).NodeId;
        var props = wire.Node(id, read, node.TenantId).Props;
        Check.Equal("something", "number 1", Plain.Of(props["something"]));
        var isNull = !props.ContainsKey("nothing") || props["nothing"] == null;
        Check.True("nothing is null or not there", isNull, Plain.Of(props));
    }

    const string List = "[1,\"a\\n\\u20ac\",{\"b\":null},[],1.5]";
    const string Map = "{\"x\":{\"y\":[true,{}]},\"z\":\"<&>\"}";

    NodeRepresentation PostNested(Guid tenant)
    {
        var node = NodeStories.Named(tenant, "1");
        node.Props = new Dictionary<string, object>
        {
            { "list", JToken.Parse(List) }, { "map", JToken.Parse(Map) }, { "plain", "p" }, { "none", JToken.Parse("[]") },
        };
        node.NodeId = wire.PostNode(Format.Json, node).NodeId;
        return node;
    }

    void AssertNested(Guid nodeId, Guid tenant)
    {
        var props = wire.Node(nodeId, Format.Json, tenant).Props;
        Check.Equal("list", Plain.Of(JToken.Parse(List)), Plain.Of(props["list"]));
        Check.Equal("map", Plain.Of(JToken.Parse(Map)), Plain.Of(props["map"]));
        Check.Equal("none", "json []", Plain.Of(props["none"]));
    }

    void AsText()
    {
        var node = PostNested(Guid.NewGuid());
        AssertNested(node.NodeId, node.TenantId);
        var props = wire.Node(node.NodeId, Format.Xml, node.TenantId).Props;
        foreach (var key in new[] { "list", "map", "none" })
        {
            Check.True(key + " is a string", props[key] is string, props[key] == null ? null : props[key].GetType());
            Check.Equal(key, Plain.Of(node.Props[key]), Plain.Of(JToken.Parse((string)props[key])));
        }
    }

    void PostedBack()
    {
        var tenant = Guid.NewGuid();
        var node = PostNested(tenant);
        var read = wire.Node(node.NodeId, Format.Xml, tenant);
        read.Props["plain"] = "edited";
        wire.PostNode(Format.Xml, read);
        AssertNested(node.NodeId, tenant);
        var plain = wire.Node(node.NodeId, Format.Json, tenant).Props["plain"];
        Check.Equal("the prop that was edited", "text edited", Plain.Of(plain));
    }

    void TextInstead()
    {
        var tenant = Guid.NewGuid();
        var node = PostNested(tenant);
        var read = wire.Node(node.NodeId, Format.Xml, tenant);
        read.Props["list"] = "no longer a list";
        wire.PostNode(Format.Xml, read);
        var props = wire.Node(node.NodeId, Format.Json, tenant).Props;
        Check.Equal("list", "text no longer a list", Plain.Of(props["list"]));
        Check.Equal("map", Plain.Of(JToken.Parse(Map)), Plain.Of(props["map"]));
    }

    void LooksLikeJson(Format format)
    {
        AssertVerbatim(format, "[1]", "{}", "{\"a\":1}", "null", "\"quoted\"", "[");
    }

    void LooksTyped(Format format)
    {
        AssertVerbatim(format, "5", "1.50", "1e5", "true", "2026-01-02T03:04:05+01:00", "/Date(0)/");
        AssertVerbatim(format, SomeGuid.ToString().ToUpperInvariant(), "AAH+/w==", "PT1S", "NaN", "INF");
    }

    // Written, read through XML and written back: still the same strings.
    void AssertVerbatim(Format write, params string[] texts)
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.Props = texts.ToDictionary(text => "p" + text.Length + text, text => (object)text);
        var expected = Plain.Of(node.Props);
        var id = wire.PostNode(write, node).NodeId;
        Check.Equal("as JSON", expected, Plain.Of(wire.Node(id, Format.Json, node.TenantId).Props));
        var read = wire.Node(id, Format.Xml, node.TenantId);
        Check.Equal("as XML", expected, Plain.Of(read.Props));
        wire.PostNode(Format.Xml, read);
        Check.Equal("as JSON, posted back", expected, Plain.Of(wire.Node(id, Format.Json, node.TenantId).Props));
    }
}
