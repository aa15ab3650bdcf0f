// POST and GET api/syncTokens.

using System;
using System.Linq;

class TokenStories
{
    readonly Report report;
    readonly Wire wire;
    readonly Samples samples;

    public TokenStories(Report report, Wire wire, Samples samples)
    {
        this.report = report;
        this.wire = wire;
        this.samples = samples;
    }

    public void Run()
    {
        report.InBoth("a token without id is filled in", FilledIn);
        report.InBoth("a token without dates and ids in the body is filled in", Sparse);
        report.InBoth("the documented token comes back with its own id", Documented);
        report.InBoth("the documented token written by a client is the same token", Rewritten);
        report.InBoth("the same token again is answered again", Again);
        report.InBoth("the id of a token in use with other content is refused", InUse);
        report.InBoth("the last token of a user and application", Last);
        report.InBoth("no token of that user yet", NoneYet);
        report.InBoth("anchors are echoed as they came", Echoed);
        report.Across("a token is one in both formats", OneToken);
    }

    public static SyncTokenRepresentation Filled()
    {
        return new SyncTokenRepresentation
        {
            TenantId = Guid.NewGuid(),
            UserId = Guid.NewGuid(),
            UserGroupId = Guid.NewGuid(),
            DeviceId = Guid.NewGuid(),
            DeviceGroupId = Guid.NewGuid(),
            ApplicationId = Guid.NewGuid(),
            ApplicationVersionId = Guid.NewGuid(),
            PushToken = "push",
            Options = "a <b> & \"c\"",
        };
    }

    void FilledIn(Format format)
    {
        var sent = Filled();
        var answer = wire.Post("api/syncTokens", format, sent).Expect(201);
        Check.True("Location", !string.IsNullOrEmpty(answer.Header("Location")), answer.Header("Location"));
        var token = answer.Read<SyncTokenRepresentation>(format);
        Check.True("syncTokenId", token.SyncTokenId != Guid.Empty, token.SyncTokenId);
        AssertFilled(token);
        Check.Equal("what the client sent", SentOf(sent), SentOf(token));
    }

    void Sparse(Format format)
    {
        var tenant = Guid.NewGuid();
        var body = format == Format.Json
            ? "{\"tenantId\":\"" + tenant + "\"}"
            : "<SyncTokenRepresentation xmlns=\"" + Space.Rest + "\"><TenantId>" + tenant
                + "</TenantId></SyncTokenRepresentation>";
        var answer = wire.Post("api/syncTokens").Accept(format.Media).Body(body, format.Media).Send().Expect(201);
        var token = answer.Read<SyncTokenRepresentation>(format);
        AssertFilled(token);
        Check.Equal("tenantId", tenant, token.TenantId);
        Check.Equal("userId", Guid.Empty, token.UserId);
        Check.Equal("pushToken", null, token.PushToken);
    }

    // Also the second time, in the other format: it is the same token then.
    void Documented(Format format)
    {
        var sample = samples.Read<SyncTokenRepresentation>("sync-token", format);
        var bytes = samples.Bytes("sync-token", format);
        var answer = wire.Post("api/syncTokens").Accept(format.Media).Body(bytes, format.Media).Send().Expect(201);
        var token = answer.Read<SyncTokenRepresentation>(format);
        Check.Equal("syncTokenId", sample.SyncTokenId, token.SyncTokenId);
        Check.Equal("requestedAnchorHex", "sample string 9", token.RequestedAnchorHex);
        Check.Equal("what the client sent", SentOf(sample), SentOf(token));
        AssertFilled(token);
    }

    void Rewritten(Format format)
    {
        var sample = samples.Read<SyncTokenRepresentation>("sync-token", format);
        var token = wire.Post("api/syncTokens", format, sample).Expect(201).Read<SyncTokenRepresentation>(format);
        Check.Equal("what the client sent", SentOf(sample), SentOf(token));
    }

    void Again(Format format)
    {
        var sent = Filled();
        sent.SyncTokenId = Guid.NewGuid();
        var first = wire.Post("api/syncTokens", format, sent).Expect(201).Read<SyncTokenRepresentation>(format);
        Check.Equal("syncTokenId", sent.SyncTokenId, first.SyncTokenId);
        wire.PostNode(format, NodeStories.Named(sent.TenantId, "in between"));
        var second = wire.Post("api/syncTokens", format, sent).Expect(201).Read<SyncTokenRepresentation>(format);
        Check.Equal("the second answer", JsonFormat.Text(first), JsonFormat.Text(second));
    }

    void InUse(Format format)
    {
        var sent = Filled();
        sent.SyncTokenId = Guid.NewGuid();
        wire.Post("api/syncTokens", format, sent).Expect(201);
        sent.PushToken = "another";
        ErrorStories.Message(wire.Post("api/syncTokens", format, sent).Expect(409), format);
    }

    void Last(Format format)
    {
        var sent = Filled();
        wire.Post("api/syncTokens", format, sent).Expect(201);
        var second = wire.Post("api/syncTokens", format, sent).Expect(201).Read<SyncTokenRepresentation>(format);
        var other = Filled();
        other.TenantId = sent.TenantId;
        wire.Post("api/syncTokens", format, other).Expect(201);
        var query = "api/syncTokens?userId=" + sent.UserId + "&applicationId=" + sent.ApplicationId;
        var last = wire.Get(query, format, sent.TenantId).Expect(200).Read<SyncTokenRepresentation>(format);
        Check.Equal("the last one", JsonFormat.Text(second), JsonFormat.Text(last));
    }

    void NoneYet(Format format)
    {
        var query = "api/syncTokens?userId=" + Guid.NewGuid() + "&applicationId=" + Guid.NewGuid();
        ErrorStories.Message(wire.Get(query, format, Guid.NewGuid()).Expect(404), format);
    }

    void Echoed(Format format)
    {
        var anchors = new[] { null, "", "0", "0000000000000000", "0x00000000000007D1", "abc", "ABCDEF", "ü\r\n\"<" };
        foreach (var anchor in anchors)
        {
            var token = wire.PostToken(format, Guid.NewGuid(), anchor);
            Check.Equal("requestedAnchorHex", anchor, token.RequestedAnchorHex);
        }
    }

    void OneToken(Format write, Format read)
    {
        var sent = Filled();
        sent.RequestedAnchorHex = "00";
        var posted = wire.Post("api/syncTokens", write, sent).Expect(201).Read<SyncTokenRepresentation>(write);
        var query = "api/syncTokens?userId=" + sent.UserId + "&applicationId=" + sent.ApplicationId;
        var got = wire.Get(query, read, sent.TenantId).Expect(200).Read<SyncTokenRepresentation>(read);
        Check.Equal("what the client sent", SentOf(sent), SentOf(got));
        Check.Equal("syncTokenId", posted.SyncTokenId, got.SyncTokenId);
        Check.Equal("currentDatabaseAnchorHex", posted.CurrentDatabaseAnchorHex, got.CurrentDatabaseAnchorHex);
        var instants = new[] { posted.CreatedDateUtc, got.CreatedDateUtc }.Select(date => date.ToUniversalTime());
        Check.Equal("the instants", 1, instants.Distinct().Count());
    }

    static void AssertFilled(SyncTokenRepresentation token)
    {
        var anchor = token.CurrentDatabaseAnchorHex;
        var isHex = !string.IsNullOrEmpty(anchor) && anchor.Length % 2 == 0
            && anchor.All(c => "0123456789abcdefABCDEF".IndexOf(c) >= 0);
        Check.True("currentDatabaseAnchorHex is hex", isHex, anchor);
        Check.True("createdDateUtc", token.CreatedDateUtc != DateTime.MinValue, token.CreatedDateUtc);
        Check.True("updatedDateUtc", token.UpdatedDateUtc != DateTime.MinValue, token.UpdatedDateUtc);
    }

    // What the daemon does not fill in.
    static string SentOf(SyncTokenRepresentation token)
    {
        return JsonFormat.Text(new
        {
            token.TenantId,
            token.UserId,
            token.UserGroupId,
            token.DeviceId,
            token.DeviceGroupId,
            token.ApplicationId,
            token.ApplicationVersionId,
            token.RequestedAnchorHex,
            token.PushToken,
            token.Options,
        });
    }
}
