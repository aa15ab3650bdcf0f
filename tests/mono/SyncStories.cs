// GET api/sync: a token is a window, read page by page.

using System;
using System.Collections.Generic;
using System.Linq;

class SyncStories
{
    const int Nodes = 7;
    const int PageSize = 3;

    readonly Report report;
    readonly Wire wire;

    public SyncStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        report.InBoth("a window is read in pages, each node once", Pages);
        report.InBoth("a node of a window is as it was posted", Whole);
        report.InBoth("what comes after a token is not in its window", Immutable);
        report.InBoth("the window that begins at the current anchor is empty", Empty);
        report.InBoth("then it has what was edited, and nothing else", Edited);
        report.InBoth("a node that was deleted is in deletedNodeIds", Deleted);
        report.InBoth("an anchor that is none means everything", NoAnchor);
        report.InBoth("a client that does not know deletedNodeIds reads on", OldClient);
        report.InBoth("an unknown tenant is empty", UnknownTenant);
    }

    // A fresh tenant with nodes in it; gives their ids.
    Guid[] Fill(Guid tenant, Format format)
    {
        var numbers = Enumerable.Range(1, Nodes);
        return numbers.Select(n => wire.PostNode(format, NodeStories.Named(tenant, "n" + n)).NodeId).ToArray();
    }

    Answer AskPage(SyncTokenRepresentation token, int size, int number, Format format)
    {
        var path = "api/sync?syncTokenId=" + token.SyncTokenId + "&pageSize=" + size + "&pageNumber=" + number;
        return wire.Get(path, format, token.TenantId).Expect(200);
    }

    SyncRepresentation Page(SyncTokenRepresentation token, int size, int number, Format format)
    {
        return AskPage(token, size, number, format).Read<SyncRepresentation>(format);
    }

    // The whole window in one page.
    SyncRepresentation Window(Guid tenant, string anchor, Format format)
    {
        return Page(wire.PostToken(format, tenant, anchor), 1000, 1, format);
    }

    static IEnumerable<Guid> Ids(SyncRepresentation page)
    {
        return page.Data.Select(node => node.NodeId);
    }

    void Pages(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var token = wire.PostToken(format, tenant, null);
        var seen = new List<Guid>();
        for (var number = 1; number <= 3; number++)
        {
            var page = Page(token, PageSize, number, format);
            Check.Equal("pageSize", PageSize, page.PageSize);
            Check.Equal("pageNumber", number, page.PageNumber);
            Check.Equal("totalCount", Nodes, page.TotalCount);
            Check.Equal("recordCount", page.Data.Count, page.RecordCount);
            Check.Equal("nodes of page " + number, number < 3 ? PageSize : 1, page.Data.Count);
            Check.Same("page " + number + " again", Ids(page), Ids(Page(token, PageSize, number, format)));
            seen.AddRange(Ids(page));
        }
        Check.Same("all pages", ids, seen);
        Check.Equal("a page behind the last", 0, Page(token, PageSize, 4, format).Data.Count);
    }

    void Whole(Format format)
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.ParentType = "fleet";
        node.ParentId = "7";
        node.Props = new Dictionary<string, object> { { "Key", "a\r\nb" }, { "n", 5 }, { "yes", true } };
        node.Refs = new Dictionary<string, NodeRefRepresentation>
        {
            { "r", new NodeRefRepresentation { Type = "a", Id = "b" } },
        };
        var id = wire.PostNode(format, node).NodeId;
        var came = Window(node.TenantId, null, format).Data.Single();
        var expected = new[] { node.Type, node.Id, node.ParentType, node.ParentId, node.Title };
        var got = new[] { came.Type, came.Id, came.ParentType, came.ParentId, came.Title };
        Check.Equal("nodeId", id, came.NodeId);
        Check.Equal("members", string.Join("|", expected), string.Join("|", got));
        Check.Equal("props", Plain.Of(node.Props), Plain.Of(came.Props));
        Check.Equal("refs", Plain.Of(node.Refs), Plain.Of(came.Refs));
    }

    void Immutable(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var token = wire.PostToken(format, tenant, null);
        wire.PostNode(format, NodeStories.Named(tenant, "later"));
        var page = Page(token, 1000, 1, format);
        Check.Same("the window", ids, Ids(page));
        Check.Equal("totalCount", Nodes, page.TotalCount);
    }

    void Empty(Format format)
    {
        var tenant = Guid.NewGuid();
        Fill(tenant, format);
        var anchor = wire.PostToken(format, tenant, null).CurrentDatabaseAnchorHex;
        var second = wire.PostToken(format, tenant, anchor);
        Check.Equal("requestedAnchorHex", anchor, second.RequestedAnchorHex);
        var page = Page(second, 1000, 1, format);
        Check.Equal("data", 0, page.Data.Count);
        Check.Equal("totalCount", 0, page.TotalCount);
        Check.Equal("deletedNodeIds", 0, (page.DeletedNodeIds ?? new List<Guid>()).Count);
    }

    void Edited(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var anchor = wire.PostToken(format, tenant, null).CurrentDatabaseAnchorHex;
        var edit = NodeStories.Named(tenant, "n4");
        edit.Title = "edited";
        wire.PostNode(format, edit);
        var page = Window(tenant, anchor, format);
        Check.Same("the window", new[] { ids[3] }, Ids(page));
        Check.Equal("title", "edited", page.Data[0].Title);
    }

    // Deletes by message; gives the answer to the window from before it.
    Answer AfterDeletion(Guid tenant, Guid gone, Format format)
    {
        var anchor = wire.PostToken(format, tenant, null).CurrentDatabaseAnchorHex;
        var body = new PutDataDeleteMessageBody { NodeIds = new List<Guid> { gone } };
        wire.Post("api/messages", format, MessageStories.Of("PutDataDelete", tenant, body)).Expect(201, 202);
        return AskPage(wire.PostToken(format, tenant, anchor), 1000, 1, format);
    }

    void Deleted(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var page = AfterDeletion(tenant, ids[2], format).Read<SyncRepresentation>(format);
        Check.Same("deletedNodeIds", new[] { ids[2] }, page.DeletedNodeIds ?? new List<Guid>());
        Check.Equal("data", 0, page.Data.Count);
        var rest = Window(tenant, null, format);
        Check.Same("what is left", ids.Where(id => id != ids[2]), Ids(rest));
    }

    void NoAnchor(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var foreign = wire.PostToken(format, Guid.NewGuid(), null).CurrentDatabaseAnchorHex;
        foreach (var anchor in new[] { null, "", "0000000000000000", "sample string 9", "0x07D1", foreign })
        {
            Check.Same("the window from " + Text.Quoted(anchor), ids, Ids(Window(tenant, anchor, format)));
        }
    }

    void OldClient(Format format)
    {
        var tenant = Guid.NewGuid();
        var ids = Fill(tenant, format);
        var answer = AfterDeletion(tenant, ids[0], format);
        var page = answer.Read<OldSyncRepresentation>(format);
        Check.Equal("data", 0, page.Data.Count);
        Check.Equal("pageNumber", 1, page.PageNumber);
        Check.Equal("pageSize", 1000, page.PageSize);
    }

    void UnknownTenant(Format format)
    {
        var page = Window(Guid.NewGuid(), null, format);
        Check.Equal("data", 0, page.Data.Count);
        Check.Equal("totalCount", 0, page.TotalCount);
    }
}
