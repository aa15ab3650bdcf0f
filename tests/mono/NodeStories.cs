// POST and GET api/nodes.

using System;
using System.Collections.Generic;
using System.Linq;

class NodeStories
{
    readonly Report report;
    readonly Wire wire;

    public NodeStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        report.Across("a node with props, refs and a parent", RoundTrip);
        report.InBoth("a node is found by its id, by type and id, by its parent", Found);
        report.InBoth("a node is found by its title and dates", FoundByOthers);
        report.InBoth("what is not there is an empty array", NotFound);
        report.InBoth("the tenant of the header counts where the body names none", TenantOfHeader);
        report.InBoth("tenants do not see one another", Tenants);
        report.Across("keys that are not named stay, null clears", Partial);
        report.InBoth("two ids of one type and id are one node", OneNode);
        report.Across("null and empty are two things", NullAndEmpty);
        report.Across("an empty key", EmptyKey);
        report.Across("dates of a node are data", Dates);
        report.InBoth("members that are left out are as never set", Sparse);
    }

    public static NodeRepresentation Named(Guid tenant, string id)
    {
        return new NodeRepresentation { TenantId = tenant, Type = "truck", Id = id, Title = "Truck " + id };
    }

    static NodeRepresentation Full(Guid tenant)
    {
        return new NodeRepresentation
        {
            TenantId = tenant,
            NodeId = Guid.NewGuid(),
            Type = "truck",
            Id = "17",
            ParentType = "fleet",
            ParentId = "north & east",
            Title = "Truck 17",
            SubjectToCleanup = true,
            Props = new Dictionary<string, object> { { "AssignedTo", "DGOOD" }, { "miles", 120000 } },
            Refs = new Dictionary<string, NodeRefRepresentation>
            {
                { "Driver", new NodeRefRepresentation { Type = "person", Id = "4" } },
                { "owner", new NodeRefRepresentation { Type = "company", Id = null } },
            },
        };
    }

    void RoundTrip(Format write, Format read)
    {
        var sent = Full(Guid.NewGuid());
        var posted = wire.PostNode(write, sent);
        Check.Equal("nodeId of the answer", sent.NodeId, posted.NodeId);
        var got = wire.Node(sent.NodeId, read, sent.TenantId);
        Check.Equal("the node", Plain.Of(sent), Plain.Of(got));
        Check.Equal("nodeId", sent.NodeId, got.NodeId);
        Check.Equal("tenantId", sent.TenantId, got.TenantId);
    }

    void Found(Format format)
    {
        var tenant = Guid.NewGuid();
        var first = wire.PostNode(format, Full(tenant)).NodeId;
        var brother = Named(tenant, "18");
        brother.ParentType = "fleet";
        brother.ParentId = "north & east";
        var second = wire.PostNode(format, brother).NodeId;
        wire.PostNode(format, Named(tenant, "19"));
        Check.True("nodeId is given", second != Guid.Empty, second);
        AssertFinds(format, tenant, "nodeNodeId=" + second, second);
        AssertFinds(format, tenant, "nodeType=truck&nodeId=17", first);
        var parent = "nodeParentType=fleet&nodeParentId=" + Uri.EscapeDataString("north & east");
        AssertFinds(format, tenant, parent, first, second);
        AssertFinds(format, tenant, "NODEPARENTTYPE=fleet&nodeparentid=north+%26+east", first, second);
    }

    void AssertFinds(Format format, Guid tenant, string query, params Guid[] expected)
    {
        Check.Same(query, expected, wire.Nodes(query, format, tenant).Select(node => node.NodeId));
    }

    // Before a time excludes it, after a time includes it.
    void FoundByOthers(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = new List<Guid>();
        foreach (var day in new[] { 1, 2, 3 })
        {
            var node = Named(tenant, day.ToString());
            node.Title = "day " + day;
            node.CreatedDateUtc = new DateTime(2026, 1, day, 0, 0, 0, DateTimeKind.Utc);
            ids.Add(wire.PostNode(format, node).NodeId);
        }
        AssertFinds(format, tenant, "nodeTitle=day%202", ids[1]);
        AssertFinds(format, tenant, "nodeCreatedBeforeUtc=2026-01-02T00:00:00Z", ids[0]);
        AssertFinds(format, tenant, "nodeCreatedAfterUtc=2026-01-02T00:00:00Z", ids[1], ids[2]);
        AssertFinds(format, tenant, "nodeCreatedAfterUtc=2026-01-02&nodeCreatedBeforeUtc=2026-01-03", ids[1]);
    }

    void NotFound(Format format)
    {
        var tenant = Guid.NewGuid();
        AssertFinds(format, tenant, "nodeNodeId=" + Guid.NewGuid());
        wire.PostNode(format, Full(tenant));
        AssertFinds(format, tenant, "nodeType=truck&nodeId=none");
        AssertFinds(format, tenant, "nodeParentType=truck&nodeParentId=none");
    }

    void TenantOfHeader(Format format)
    {
        var tenant = Guid.NewGuid();
        var body = format.Write(Named(Guid.Empty, "1"));
        var request = wire.Post("api/nodes").Accept(format.Media).Tenant(tenant).Body(body, format.Media);
        var posted = request.Send().Expect(201).Read<NodeRepresentation>(format);
        Check.Equal("tenantId", tenant, wire.Node(posted.NodeId, format, tenant).TenantId);
    }

    void Tenants(Format format)
    {
        Guid mine = Guid.NewGuid(), yours = Guid.NewGuid();
        var one = wire.PostNode(format, Named(mine, "1")).NodeId;
        var other = wire.PostNode(format, Named(yours, "1")).NodeId;
        AssertFinds(format, mine, "nodeType=truck&nodeId=1", one);
        AssertFinds(format, yours, "nodeType=truck&nodeId=1", other);
        AssertFinds(format, yours, "nodeNodeId=" + one);
    }

    void Partial(Format first, Format second)
    {
        var tenant = Guid.NewGuid();
        var node = Named(tenant, "1");
        node.Props = new Dictionary<string, object> { { "kept", "k" }, { "changed", 1 }, { "cleared", true } };
        node.Refs = new Dictionary<string, NodeRefRepresentation>
        {
            { "kept", new NodeRefRepresentation { Type = "a", Id = "1" } },
        };
        var id = wire.PostNode(first, node).NodeId;
        var edit = Named(tenant, "1");
        edit.Props = new Dictionary<string, object> { { "changed", 2 }, { "cleared", null }, { "added", "a" } };
        edit.Refs = new Dictionary<string, NodeRefRepresentation>
        {
            { "added", new NodeRefRepresentation { Type = "b", Id = "2" } },
        };
        wire.PostNode(second, edit);
        var got = wire.Node(id, second, tenant);
        Check.Equal("kept", "text k", Plain.Of(got.Props["kept"]));
        Check.Equal("changed", "number 2", Plain.Of(got.Props["changed"]));
        Check.Equal("added", "text a", Plain.Of(got.Props["added"]));
        var cleared = !got.Props.ContainsKey("cleared") || got.Props["cleared"] == null;
        Check.True("cleared is null or gone", cleared, Plain.Of(got.Props));
        Check.Same("refs", new[] { "kept", "added" }, got.Refs.Keys);
    }

    void OneNode(Format format)
    {
        var tenant = Guid.NewGuid();
        NodeRepresentation one = Named(tenant, "1"), other = Named(tenant, "1");
        one.NodeId = Guid.NewGuid();
        other.NodeId = Guid.NewGuid();
        wire.PostNode(format, one);
        wire.PostNode(format, other);
        var shown = wire.Nodes("nodeType=truck&nodeId=1", format, tenant);
        Check.Equal("nodes of that type and id", 1, shown.Length);
        AssertFinds(format, tenant, "nodeNodeId=" + one.NodeId, shown[0].NodeId);
        AssertFinds(format, tenant, "nodeNodeId=" + other.NodeId, shown[0].NodeId);
    }

    void NullAndEmpty(Format write, Format read)
    {
        var node = Named(Guid.NewGuid(), "1");
        node.Title = "";
        node.ParentType = null;
        node.Props = new Dictionary<string, object> { { "empty", "" } };
        var id = wire.PostNode(write, node).NodeId;
        var answer = wire.Get("api/nodes?nodeNodeId=" + id, read, node.TenantId).Expect(200);
        var got = answer.Read<NodeRepresentation[]>(read)[0];
        Check.Equal("title", "", got.Title);
        Check.Equal("parentType", null, got.ParentType);
        Check.Equal("parentId", null, got.ParentId);
        Check.Equal("props", Plain.Of(node.Props), Plain.Of(got.Props));
        // Not left out: a typed client may rely on the element or member.
        var said = read == Format.Xml ? "<ParentType i:nil=\"true\"" : "\"parentType\":null";
        Check.True("null is said: " + said, answer.Text.Contains(said), answer.Text);
    }

    void EmptyKey(Format write, Format read)
    {
        var node = Named(Guid.NewGuid(), "1");
        node.Props = new Dictionary<string, object> { { "", "of an empty key" } };
        node.Refs = new Dictionary<string, NodeRefRepresentation>
        {
            { "", new NodeRefRepresentation { Type = "t", Id = "1" } },
        };
        var id = wire.PostNode(write, node).NodeId;
        var got = wire.Node(id, read, node.TenantId);
        Check.Equal("props", Plain.Of(node.Props), Plain.Of(got.Props));
        Check.Equal("refs", Plain.Of(node.Refs), Plain.Of(got.Refs));
    }

    void Dates(Format write, Format read)
    {
        var node = Named(Guid.NewGuid(), "1");
        node.CreatedDateUtc = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(1234567);
        node.UpdatedDateUtc = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(1000000);
        var id = wire.PostNode(write, node).NodeId;
        var got = wire.Node(id, read, node.TenantId);
        Check.Equal("createdDateUtc", Instant(node.CreatedDateUtc), Instant(got.CreatedDateUtc));
        Check.Equal("updatedDateUtc", Instant(node.UpdatedDateUtc), Instant(got.UpdatedDateUtc));
    }

    static string Instant(DateTime date)
    {
        return date.ToUniversalTime().ToString("o");
    }

    void Sparse(Format format)
    {
        var tenant = Guid.NewGuid();
        var body = format == Format.Json
            ? "{\"tenantId\":\"" + tenant + "\",\"type\":\"t\",\"id\":\"1\"}"
            : "<NodeRepresentation xmlns=\"" + Space.Rest + "\"><Id>1</Id><TenantId>" + tenant
                + "</TenantId><Type>t</Type></NodeRepresentation>";
        wire.Post("api/nodes").Body(body, format.Media).Send().Expect(201);
        var found = wire.Nodes("nodeType=t&nodeId=1", format, tenant);
        Check.Equal("nodes", 1, found.Length);
        Check.Equal("title", null, found[0].Title);
        Check.Equal("subjectToCleanup", false, found[0].SubjectToCleanup);
    }
}
