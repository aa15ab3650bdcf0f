// What a client is told when something is wrong: the bodies that Web API's HttpError has.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Xml;
using Newtonsoft.Json.Linq;

class ErrorStories
{
    readonly Report report;
    readonly Wire wire;

    public ErrorStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        report.InBoth("400 names the member", BadMember);
        report.InBoth("400 of an XML body names the parameter", BadXml);
        report.InBoth("404 of an unknown route", UnknownRoute);
        report.InBoth("404 of an unknown token", UnknownToken);
        report.InBoth("405 says what is allowed", NotAllowed);
        report.Story("405 of OPTIONS", Options);
        report.InBoth("415 of an unknown content type", UnknownType);
        report.InBoth("415 without a content type", NoType);
        report.InBoth("a page of no size is refused", BadPage);
        report.InBoth("an id that is no guid is refused", BadQuery);
    }

    // The Message of an error in that format, which there must be.
    public static string Message(Answer answer, Format format)
    {
        var message = Member(answer, format, "Message");
        Check.True("an error has a Message", !string.IsNullOrEmpty(message), answer.Text);
        return message;
    }

    // A top-level member of an error, null when there is none.
    static string Member(Answer answer, Format format, string name)
    {
        Check.Equal("Content-Type", format.Media + "; charset=utf-8", answer.ContentType);
        if (format == Format.Json)
        {
            return (string)JObject.Parse(answer.Text)[name];
        }
        var element = Root(answer).SelectSingleNode(name);
        return element == null ? null : element.InnerText;
    }

    static XmlElement Root(Answer answer)
    {
        var document = new XmlDocument();
        document.LoadXml(answer.Text);
        Check.Equal("the root", "Error", document.DocumentElement.Name);
        Check.Equal("its namespace", "", document.DocumentElement.NamespaceURI);
        return document.DocumentElement;
    }

    // ModelState as one text a key, as XML has it.
    public static Dictionary<string, string> ModelState(Answer answer, Format format)
    {
        Check.Equal("Message", "The request is invalid.", Message(answer, format));
        if (format == Format.Xml)
        {
            var children = Root(answer).SelectNodes("ModelState/*").Cast<XmlElement>();
            return children.ToDictionary(child => XmlConvert.DecodeName(child.Name), child => child.InnerText);
        }
        var state = JObject.Parse(answer.Text)["ModelState"] as JObject;
        Check.True("a ModelState", state != null, answer.Text);
        return state.Properties().ToDictionary(
            member => member.Name, member => string.Join(" ", member.Value.Select(each => (string)each)));
    }

    static void AssertState(Answer answer, Format format, string key, string said)
    {
        var state = ModelState(answer.Expect(400), format);
        Check.True("ModelState has " + key, state.ContainsKey(key), string.Join(", ", state.Keys));
        Check.Equal(key, said, state[key]);
    }

    Answer PostJson(string path, string body, Format answerIn)
    {
        return wire.Post(path).Accept(answerIn.Media).Body(body, Format.Json.Media).Send();
    }

    void BadMember(Format format)
    {
        AssertState(
            PostJson("api/syncTokens", "{\"tenantId\":\"nope\"}", format),
            format,
            "syncTokenRepresentation.tenantId",
            "Error converting value \"nope\" to type 'System.Guid'. Path 'tenantId', line 1, position 18.");
        var answer = PostJson("api/syncTokens", "{\"pushToken\":{}}", format).Expect(400);
        var state = ModelState(answer, format);
        Check.Same("keys", new[] { "syncTokenRepresentation.pushToken" }, state.Keys);
        var text = state.Values.Single();
        Check.True("why", text.StartsWith("Error reading string. Unexpected token: StartObject."), text);
    }

    void BadXml(Format format)
    {
        var body = "<SyncTokenRepresentation xmlns=\"" + Space.Rest + "\"><TenantId>nope</TenantId>"
            + "</SyncTokenRepresentation>";
        var answer = wire.Post("api/syncTokens").Accept(format.Media).Body(body, Format.Xml.Media).Send().Expect(400);
        Check.Same("keys", new[] { "syncTokenRepresentation" }, ModelState(answer, format).Keys);
    }

    void UnknownRoute(Format format)
    {
        var path = "api/nowhere?a=b%20c&d";
        var answer = wire.Get(path).Accept(format.Media).Send().Expect(404);
        var said = "No HTTP resource was found that matches the request URI '" + wire.Uri(path).AbsoluteUri + "'.";
        Check.Equal("Message", said, Message(answer, format));
        var detail = Member(answer, format, "MessageDetail");
        Check.Equal("MessageDetail", "No type was found that matches the controller named 'nowhere'.", detail);
    }

    void UnknownToken(Format format)
    {
        var path = "api/sync?syncTokenId=" + Guid.NewGuid() + "&pageSize=3&pageNumber=1";
        Message(wire.Get(path, format, Guid.NewGuid()).Expect(404), format);
    }

    void NotAllowed(Format format)
    {
        var answer = wire.Call("DELETE", "api/syncTokens").Accept(format.Media).Send().Expect(405);
        var said = "The requested resource does not support http method 'DELETE'.";
        Check.Equal("Message", said, Message(answer, format));
        AssertAllows(answer, "GET", "POST");
        var post = wire.Post("api/sync").Accept(format.Media).Body("{}", Format.Json.Media).Send().Expect(405);
        AssertAllows(post, "GET");
    }

    void Options()
    {
        AssertAllows(wire.Call("OPTIONS", "api/syncTokens").Send().Expect(405), "GET", "POST");
    }

    static void AssertAllows(Answer answer, params string[] methods)
    {
        var allow = answer.Header("Allow");
        Check.True("Allow", allow != null, allow);
        Check.Same("Allow", methods, allow.Split(',').Select(each => each.Trim()));
    }

    void UnknownType(Format format)
    {
        foreach (var type in new[] { "text/plain", "application/octet-stream", "multipart/form-data" })
        {
            var request = wire.Post("api/syncTokens").Accept(format.Media).Body("{}", type);
            var said = "The request entity's media type '" + type + "' is not supported for this resource.";
            Check.Equal("Message", said, Message(request.Send().Expect(415), format));
        }
        var csv = wire.Post("api/nodes").Accept(format.Media).Body("a,b", "text/csv").Send().Expect(415);
        Message(csv, format);
    }

    void NoType(Format format)
    {
        var said = "The request contains an entity body but no Content-Type header. The inferred media type "
            + "'application/octet-stream' is not supported for this resource.";
        var answer = wire.Post("api/syncTokens").Accept(format.Media).Body("{}", null).Send().Expect(415);
        Check.Equal("Message", said, Message(answer, format));
    }

    void BadPage(Format format)
    {
        var tenant = Guid.NewGuid();
        var token = wire.PostToken(format, tenant, null).SyncTokenId;
        foreach (var page in new[] { "pageSize=0&pageNumber=1", "pageSize=-1&pageNumber=1", "pageSize=x&pageNumber=1" })
        {
            Message(wire.Get("api/sync?syncTokenId=" + token + "&" + page, format, tenant).Expect(400), format);
        }
    }

    void BadQuery(Format format)
    {
        var tenant = Guid.NewGuid();
        Message(wire.Get("api/sync?syncTokenId=nope&pageSize=3&pageNumber=1", format, tenant).Expect(400), format);
        Message(wire.Get("api/syncTokens?userId=nope&applicationId=nope", format, tenant).Expect(400), format);
    }
}
