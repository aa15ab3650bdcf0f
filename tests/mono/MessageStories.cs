// GET api/messageBodies/..., api/messages and api/devices.

using System;
using System.Collections.Generic;
using System.Linq;

class MessageStories
{
    readonly Report report;
    readonly Wire wire;
    readonly Samples samples;

    public MessageStories(Report report, Wire wire, Samples samples)
    {
        this.report = report;
        this.wire = wire;
        this.samples = samples;
    }

    public void Run()
    {
        report.InBoth("the documented body of PutDataDelete", DocumentedBody);
        report.InBoth("an example body of PutData", ExampleBody);
        report.InBoth("PutData writes nodes", PutData);
        report.InBoth("PutDataDelete deletes by node id", DeleteById);
        report.InBoth("PutDataDelete deletes what nodes name", DeleteByNode);
        report.InBoth("PutDataDelete of what is not there changes nothing", DeleteNothing);
        report.InBoth("the same session and sequence again does nothing", Again);
        report.InBoth("the message of a session and sequence", BySession);
        report.InBoth("an unknown type is refused", UnknownType);
        report.InBoth("a body that is none is refused", NoBody);
        report.InBoth("a deleted node can be made again", MadeAgain);
        report.InBoth("a device is registered", Device);
    }

    // A message of that type; its body is the JSON text of a body, in XML as well.
    public static MessageRepresentation Of(string type, Guid tenant, object body)
    {
        return new MessageRepresentation
        {
            TenantId = tenant,
            MessageTypeLookupKey = type,
            SenderSessionId = Guid.NewGuid(),
            SenderSessionSequence = 1,
            SenderCorrelationId = "c",
            SenderNote = "line\r\nline",
            Body = JsonFormat.Text(body),
        };
    }

    Answer Send(Format format, MessageRepresentation message)
    {
        return wire.Post("api/messages", format, message);
    }

    static PutDataMessageBody Put(params NodeRepresentation[] nodes)
    {
        return new PutDataMessageBody { Nodes = nodes.ToList() };
    }

    void DocumentedBody(Format format)
    {
        var answer = wire.Get("api/messageBodies/putDataDelete").Accept(format.Media).Send().Expect(200);
        var body = answer.Read<PutDataDeleteMessageBody>(format);
        Check.Equal("nodeIds", 3, body.NodeIds.Count);
        Check.Equal("nodes", 3, body.Nodes.Count);
        var documented = samples.Read<PutDataDeleteMessageBody>("put-data-delete", format);
        Check.Equal("the body", JsonFormat.Text(documented), JsonFormat.Text(body));
    }

    void ExampleBody(Format format)
    {
        var answer = wire.Get("api/messageBodies/putData").Accept(format.Media).Send().Expect(200);
        var body = answer.Read<PutDataMessageBody>(format);
        Check.True("nodes", body.Nodes != null && body.Nodes.Count > 0, answer.Text);
    }

    void PutData(Format format)
    {
        var tenant = Guid.NewGuid();
        NodeRepresentation one = NodeStories.Named(tenant, "1"), two = NodeStories.Named(tenant, "2");
        one.Props = new Dictionary<string, object> { { "a\r\n<b>", "\u0001 \U0001F600" } };
        var answer = Send(format, Of("PutData", tenant, Put(one, two))).Expect(201, 202);
        var message = answer.Read<MessageRepresentation>(format);
        Check.True("messageId", message.MessageId != Guid.Empty, message.MessageId);
        Check.Equal("messageTypeLookupKey", "PutData", message.MessageTypeLookupKey);
        var found = wire.Nodes("nodeType=truck&nodeId=1", format, tenant);
        Check.Equal("nodes", 1, found.Length);
        Check.Equal("props", Plain.Of(one.Props), Plain.Of(found[0].Props));
        Check.Equal("the other", 1, wire.Nodes("nodeType=truck&nodeId=2", format, tenant).Length);
    }

    void AssertLeft(Format format, Guid tenant, params string[] expected)
    {
        var left = new[] { "1", "2", "3" }.Where(
            id => wire.Nodes("nodeType=truck&nodeId=" + id, format, tenant).Length > 0);
        Check.Same("what is left", expected, left);
    }

    Guid[] ThreeNodes(Format format, Guid tenant)
    {
        var all = new[] { "1", "2", "3" }.Select(id => wire.PostNode(format, NodeStories.Named(tenant, id)).NodeId);
        return all.ToArray();
    }

    void DeleteById(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = ThreeNodes(format, tenant);
        var body = new PutDataDeleteMessageBody { NodeIds = new List<Guid> { ids[0], ids[2] } };
        Send(format, Of("PutDataDelete", tenant, body)).Expect(201, 202);
        AssertLeft(format, tenant, "2");
    }

    void DeleteByNode(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = ThreeNodes(format, tenant);
        var byId = new NodeRepresentation { NodeId = ids[1] };
        var byKey = new NodeRepresentation { Type = "truck", Id = "3" };
        var body = new PutDataDeleteMessageBody { Nodes = new List<NodeRepresentation> { byId, byKey } };
        Send(format, Of("putdatadelete", tenant, body)).Expect(201, 202);
        AssertLeft(format, tenant, "1");
    }

    void DeleteNothing(Format format)
    {
        var tenant = Guid.NewGuid();
        ThreeNodes(format, tenant);
        var stranger = new NodeRepresentation { Type = "truck", Id = "9" };
        var body = new PutDataDeleteMessageBody
        {
            NodeIds = new List<Guid> { Guid.NewGuid() },
            Nodes = new List<NodeRepresentation> { stranger },
        };
        Send(format, Of("PutDataDelete", tenant, body)).Expect(201, 202);
        AssertLeft(format, tenant, "1", "2", "3");
    }

    void Again(Format format)
    {
        var tenant = Guid.NewGuid();
        var node = NodeStories.Named(tenant, "1");
        node.Title = "by message";
        var message = Of("PutData", tenant, Put(node));
        var first = Send(format, message).Expect(201, 202);
        node.Title = "since then";
        var id = wire.PostNode(format, node).NodeId;
        var second = Send(format, message).Expect(first.Status);
        Check.Equal("the second answer", first.Text, second.Text);
        Check.Equal("title", "since then", wire.Node(id, format, tenant).Title);
        message.SenderSessionSequence = 2;
        Send(format, message).Expect(201, 202);
        Check.Equal("title after the next", "by message", wire.Node(id, format, tenant).Title);
    }

    void BySession(Format format)
    {
        var tenant = Guid.NewGuid();
        var sent = Of("PutData", tenant, Put(NodeStories.Named(tenant, "1")));
        var posted = Send(format, sent).Expect(201, 202).Read<MessageRepresentation>(format);
        var query = "api/messages?senderSessionId=" + sent.SenderSessionId + "&senderSessionSequence=1";
        var got = Single(wire.Get(query, format, tenant).Expect(200), format);
        Check.Equal("messageId", posted.MessageId, got.MessageId);
        Check.Equal("senderSessionId", sent.SenderSessionId, got.SenderSessionId);
        Check.Equal("senderSessionSequence", 1L, got.SenderSessionSequence);
        Check.Equal("senderNote", sent.SenderNote, got.SenderNote);
        Check.Equal("body", sent.Body, got.Body);
    }

    // Its page does not say whether it is an array; both are read.
    static MessageRepresentation Single(Answer answer, Format format)
    {
        var text = answer.Text.TrimStart();
        return text.StartsWith("[") || text.StartsWith("<ArrayOf")
            ? answer.Read<MessageRepresentation[]>(format).Single()
            : answer.Read<MessageRepresentation>(format);
    }

    void UnknownType(Format format)
    {
        var tenant = Guid.NewGuid();
        var body = Put(NodeStories.Named(tenant, "1"));
        ErrorStories.Message(Send(format, Of("PutNothing", tenant, body)).Expect(400), format);
        ErrorStories.Message(Send(format, Of(null, tenant, body)).Expect(400), format);
        AssertLeft(format, tenant);
    }

    void NoBody(Format format)
    {
        foreach (var body in new[] { "{", "[]", "\"text\"", "{\"nodes\":{}}" })
        {
            var message = Of("PutData", Guid.NewGuid(), null);
            message.Body = body;
            ErrorStories.Message(Send(format, message).Expect(400), format);
        }
    }

    void MadeAgain(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = ThreeNodes(format, tenant);
        var body = new PutDataDeleteMessageBody { NodeIds = ids.ToList() };
        Send(format, Of("PutDataDelete", tenant, body)).Expect(201, 202);
        AssertLeft(format, tenant);
        wire.PostNode(format, NodeStories.Named(tenant, "2"));
        AssertLeft(format, tenant, "2");
    }

    void Device(Format format)
    {
        var tenant = Guid.NewGuid();
        var device = new DeviceRepresentation
        {
            DeviceGroupId = Guid.NewGuid(), Name = "Tablet <7>", Description = "in\r\nthe cab",
        };
        var request = wire.Post("api/devices").Accept(format.Media).Tenant(tenant);
        var answer = request.Body(format.Write(device), format.Media).Send().Expect(201);
        var got = answer.Read<DeviceRepresentation>(format);
        Check.True("deviceId", got.DeviceId != Guid.Empty, got.DeviceId);
        Check.Equal("tenantId", tenant, got.TenantId);
        Check.Equal("deviceGroupId", device.DeviceGroupId, got.DeviceGroupId);
        Check.Equal("name", device.Name, got.Name);
        Check.Equal("description", device.Description, got.Description);
        Check.True("createdDateUtc", got.CreatedDateUtc != DateTime.MinValue, got.CreatedDateUtc);
    }
}
