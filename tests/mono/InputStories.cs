// What is read and what is refused, in XML, JSON and form bodies.

using System;
using System.Linq;

class InputStories
{
    readonly Report report;
    readonly Wire wire;

    public InputStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        report.Story("XML that is refused", RefusedXml);
        report.Story("JSON that is refused", RefusedJson);
        report.Story("XML elements in reverse order", Reversed);
        report.Story("XML with unknown elements, other prefixes, comments and a declaration", Decorated);
        report.Story("XML names are case-sensitive, unknown ones are skipped", WrongCase);
        report.Story("XML of an untyped value with text is taken as a string", UntypedText);
        report.Story("JSON as Json.NET reads it", LenientJson);
        report.InBoth("routes in any case and with a slash at the end", AnyCase);
        report.Story("member names in any case", MemberCase);
        report.Story("a guid in each of its forms", Guids);
        report.InBoth("a body in chunks", Chunked);
        report.Story("a token as a form", FormToken);
        report.Story("a node as a form", FormNode);
    }

    const string Nil = " xmlns:i=\"" + Space.Instance + "\"";

    Answer PostXml(string path, string body)
    {
        return wire.Post(path).Accept(Format.Xml.Media).Body(body, Format.Xml.Media).Send();
    }

    Answer PostJson(string path, string body)
    {
        return wire.Post(path).Accept(Format.Json.Media).Body(body, Format.Json.Media).Send();
    }

    static string Token(string members)
    {
        return "<SyncTokenRepresentation" + Nil + " xmlns=\"" + Space.Rest + "\">" + members + "</SyncTokenRepresentation>";
    }

    static SyncTokenRepresentation Read(Answer answer, Format format)
    {
        return answer.Expect(201).Read<SyncTokenRepresentation>(format);
    }

    void RefusedXml()
    {
        var all = new[]
        {
            Token("<TenantId i:nil=\"true\"/>"),
            Token("<TenantId></TenantId>"),
            Token("<TenantId>nope</TenantId>"),
            "<!DOCTYPE x [<!ENTITY e \"v\">]>" + Token("<Options>&e;</Options>"),
            "<!DOCTYPE SyncTokenRepresentation>" + Token(""),
            "<SyncTokenRepresentation><Options>no namespace</Options></SyncTokenRepresentation>",
            Token("").Replace(Space.Rest, Space.Messaging),
            Token("").Replace("SyncTokenRepresentation", "SyncToken"),
            Token("<Options>&undefined;</Options>"),
            Token("<Options>").Replace("</", "<"),
            "not XML",
            "{}",
        };
        foreach (var body in all)
        {
            var answer = PostXml("api/syncTokens", body);
            Check.Equal("status of " + body, 400, answer.Status);
            var keys = ErrorStories.ModelState(answer, Format.Xml).Keys;
            Check.Same("keys of " + body, new[] { "syncTokenRepresentation" }, keys);
        }
    }

    void RefusedJson()
    {
        var all = new[]
        {
            "{\"tenantId\":null}", "{\"tenantId\":\"\"}", "{\"tenantId\":5}", "{\"options\":[]}", "[]", "\"text\"",
            "{\"options\":\"cut", "{\"options\" 1}", "{\"createdDateUtc\":\"\"}", "{\"createdDateUtc\":\"yesterday\"}",
        };
        foreach (var body in all)
        {
            var answer = PostJson("api/syncTokens", body);
            Check.Equal("status of " + body, 400, answer.Status);
            ErrorStories.ModelState(answer, Format.Json);
        }
    }

    void Reversed()
    {
        Guid tenant = Guid.NewGuid(), id = Guid.NewGuid();
        var members = "<UserId>" + id + "</UserId><TenantId>" + tenant + "</TenantId><SyncTokenId>" + id
            + "</SyncTokenId><PushToken>p</PushToken><ApplicationId>" + id + "</ApplicationId>"
            + "<CreatedDateUtc>2026-01-02T03:04:05Z</CreatedDateUtc>";
        var token = Read(PostXml("api/syncTokens", Token(members)), Format.Xml);
        var expected = string.Join(" ", tenant, id, id, id, "p");
        var came = string.Join(" ", token.TenantId, token.UserId, token.SyncTokenId, token.ApplicationId, token.PushToken);
        Check.Equal("members", expected, came);
    }

    void Decorated()
    {
        var tenant = Guid.NewGuid();
        var body = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<!-- a comment --><c:SyncTokenRepresentation xmlns:c=\""
            + Space.Rest + "\">\r\n  <c:Unknown><c:TenantId>nope</c:TenantId></c:Unknown>\r\n"
            + "  <c:Options><![CDATA[a<b]]><!-- in between -->&#x1;&#xD;&amp;</c:Options>\r\n"
            + "  <other xmlns=\"urn:other\">x</other>\r\n  <c:TenantId> " + tenant + " </c:TenantId>\r\n"
            + "</c:SyncTokenRepresentation>\r\n";
        var token = Read(PostXml("api/syncTokens", body), Format.Xml);
        Check.Equal("tenantId", tenant, token.TenantId);
        Check.Equal("options", "a<b\u0001\r&", token.Options);
    }

    void WrongCase()
    {
        var members = "<TenantId>" + Guid.NewGuid() + "</TenantId><options>lower</options><Options>right</Options>";
        Check.Equal("options", "right", Read(PostXml("api/syncTokens", Token(members)), Format.Xml).Options);
    }

    void UntypedText()
    {
        var value = "<a:KeyValueOfstringanyType><a:Key>k</a:Key><a:Value>text</a:Value></a:KeyValueOfstringanyType>";
        var body = "<NodeRepresentation" + Nil + " xmlns=\"" + Space.Rest + "\"><Id>1</Id><Props xmlns:a=\"" + Space.Arrays
            + "\">" + value + "</Props><TenantId>" + Guid.NewGuid() + "</TenantId><Type>t</Type></NodeRepresentation>";
        PostXml("api/nodes", body).Expect(201);
        var typed = body.Replace("<a:Value>", "<a:Value i:type=\"x:string\" xmlns:x=\"" + Space.Schema + "\">");
        PostXml("api/nodes", typed).Expect(201);
    }

    void LenientJson()
    {
        var tenant = Guid.NewGuid();
        var body = "/* c */ {'tenantId': '" + tenant + "', options: 5, \"unknown\": {\"a\": [1]}, "
            + "\"pushToken\": \"first\", \"pushToken\": true, // last\n} and what follows";
        var token = Read(PostJson("api/syncTokens", body), Format.Json);
        Check.Equal("tenantId", tenant, token.TenantId);
        Check.Equal("options", "5", token.Options);
        Check.Equal("pushToken", "True", token.PushToken);
    }

    void AnyCase(Format format)
    {
        foreach (var path in new[] { "API/SYNCTOKENS", "api/synctokens", "Api/SyncTokens/" })
        {
            wire.Post(path, format, TokenStories.Filled()).Expect(201);
        }
        wire.Get("API/MessageBodies/PUTDATADELETE").Accept(format.Media).Send().Expect(200);
        var token = wire.PostToken(format, Guid.NewGuid(), null);
        var query = "api/Sync?SYNCTOKENID=" + token.SyncTokenId.ToString("N") + "&pagesize=2&PageNumber=1";
        wire.Get(query, format, token.TenantId).Expect(200).Read<SyncRepresentation>(format);
    }

    void MemberCase()
    {
        var tenant = Guid.NewGuid();
        var body = "{\"TENANTID\":\"" + tenant + "\",\"Options\":\"o\",\"pushtoken\":\"p\"}";
        var token = Read(PostJson("api/syncTokens", body), Format.Json);
        Check.Equal("members", tenant + "op", token.TenantId + token.Options + token.PushToken);
    }

    void Guids()
    {
        var tenant = Guid.NewGuid();
        foreach (var form in new[] { "N", "D", "B", "P" })
        {
            var text = tenant.ToString(form).ToUpperInvariant();
            var json = Read(PostJson("api/syncTokens", "{\"tenantId\":\"" + text + "\"}"), Format.Json);
            Check.Equal(text + " in JSON", tenant, json.TenantId);
            var xml = Read(PostXml("api/syncTokens", Token("<TenantId>" + text + "</TenantId>")), Format.Xml);
            Check.Equal(text + " in XML", tenant, xml.TenantId);
        }
    }

    void Chunked(Format format)
    {
        var sent = TokenStories.Filled();
        var request = wire.Post("api/syncTokens").Accept(format.Media).Body(format.Write(sent), format.Media);
        Check.Equal("tenantId", sent.TenantId, Read(request.InChunks().Send(), format).TenantId);
    }

    const string Form = "application/x-www-form-urlencoded";

    void FormToken()
    {
        var tenant = Guid.NewGuid();
        var body = "tenantId=" + tenant + "&USERID=" + tenant
            + "&options=a+b%26c%3D%E2%82%AC&requestedAnchorHex=00&unknown=1";
        var answer = wire.Post("api/syncTokens").Body(body, Form).Send();
        var token = Read(answer, Format.Json);
        Check.Equal("tenantId", tenant, token.TenantId);
        Check.Equal("userId", tenant, token.UserId);
        Check.Equal("options", "a b&c=\u20ac", token.Options);
        Check.Equal("requestedAnchorHex", "00", token.RequestedAnchorHex);
    }

    void FormNode()
    {
        var tenant = Guid.NewGuid();
        var body = "tenantId=" + tenant + "&type=truck&id=1&title=A+truck&subjectToCleanup=true"
            + "&props[0].Key=color&props[0].Value=red&props%5B1%5D.Key=Size&props%5B1%5D.Value=10"
            + "&refs[0].Key=driver&refs[0].Value.Type=person&refs[0].Value.Id=4";
        wire.Post("api/nodes").Body(body, Form).Send().Expect(201);
        var node = wire.Nodes("nodeType=truck&nodeId=1", Format.Xml, tenant).Single();
        Check.Equal("title", "A truck", node.Title);
        Check.Equal("subjectToCleanup", true, node.SubjectToCleanup);
        Check.Equal("props", "{Size: text 10, color: text red}", Plain.Of(node.Props));
        Check.Equal("refs", "{driver: text person text 4}", Plain.Of(node.Refs));
    }
}
