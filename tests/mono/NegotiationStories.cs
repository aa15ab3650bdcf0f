// Which format an answer has: the rules of Web API's content negotiation, row by row.

using System;
using System.Text;

class NegotiationStories
{
    const string Json = "application/json";
    const string Xml = "application/xml";
    const string Browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8";

    readonly Report report;
    readonly Wire wire;

    public NegotiationStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        Reads();
        ByScript();
        Writes();
        report.Story("errors are negotiated too", Errors);
    }

    void Reads()
    {
        Read(null, Json);
        Read("*/*", Json);
        Read(Json, Json);
        Read("text/json", "text/json");
        Read(Xml, Xml);
        Read("text/xml", "text/xml");
        Read("text/*", "text/json");
        Read("application/*", Json);
        Read(Browser, Xml);
        Read("image/png", Json);
        Read("text/html", Json);
        Read("text/html, */*;q=0.1", Json);
        Read("APPLICATION/XML", Xml);
        Read("Text/Xml", "text/xml");
        Read("application/xml; charset=iso-8859-1; version=2", Xml);
        Read("application/json;q=0.5, application/xml", Xml);
        Read("application/xml;q=0.5, application/json;q=0.6", Json);
        Read("application/json;q=0, application/xml", Xml);
        Read("application/xml;q=0", Json);
        Read("*/*, application/xml", Xml);
        Read("*/*, text/xml;q=0.9", Json);
        Read("text/*, application/xml", Xml);
        Read("application/xml, application/json", Json);
        Read("application/xml;q=0.9, */*;q=0.9", Xml);
    }

    void Read(string accept, string expected)
    {
        report.Story("Accept " + Text.Quoted(accept) + " is answered in " + expected, () =>
            AssertAnswer(wire.Get("api/messageBodies/putDataDelete").Accept(accept).Send().Expect(200), expected));
    }

    // A script in a page says so, and then gets JSON unless it asks for something else.
    void ByScript()
    {
        Script(null, Json);
        Script("*/*", Json);
        Script(Xml, Xml);
        Script("text/*", "text/json");
    }

    void Script(string accept, string expected)
    {
        report.Story("X-Requested-With and Accept " + Text.Quoted(accept) + " is answered in " + expected, () =>
        {
            var request = wire.Get("api/messageBodies/putDataDelete").With("X-Requested-With", "XMLHttpRequest");
            AssertAnswer(request.Accept(accept).Send().Expect(200), expected);
        });
    }

    // Where Accept matches nothing, the format of what was sent decides.
    void Writes()
    {
        Write(Xml, null, Xml);
        Write(Xml + "; charset=utf-8", null, Xml);
        Write("text/xml", null, "text/xml");
        Write(Xml, "image/png", Xml);
        Write(Xml, "*/*", Json);
        Write(Xml, Json, Json);
        Write(Json, null, Json);
        Write("text/json", null, "text/json");
        Write("Application/JSON; Charset=\"UTF-8\"", null, Json);
        Write(Json, Xml, Xml);
        Write(Json, "text/xml", "text/xml");
    }

    void Write(string sent, string accept, string expected)
    {
        var name = "a body in " + sent + " and Accept " + Text.Quoted(accept) + " is answered in " + expected;
        report.Story(name, () =>
        {
            var format = sent.ToLowerInvariant().Contains("xml") ? Format.Xml : Format.Json;
            var body = format.Write(TokenStories.Filled());
            var answer = wire.Post("api/syncTokens").Accept(accept).Body(body, sent).Send().Expect(201);
            AssertAnswer(answer, expected);
        });
    }

    void Errors()
    {
        var nowhere = wire.Get("api/nowhere").Accept("text/xml").Send().Expect(404);
        Check.Equal("Content-Type of a 404", "text/xml; charset=utf-8", nowhere.ContentType);
        Check.True("an XML error", nowhere.Text.StartsWith("<Error>"), nowhere.Text);
        var garbled = wire.Post("api/syncTokens").Body("<", Xml).Send().Expect(400);
        Check.Equal("Content-Type of a 400", "application/xml; charset=utf-8", garbled.ContentType);
        Check.True("an XML error", garbled.Text.StartsWith("<Error>"), garbled.Text);
    }

    static void AssertAnswer(Answer answer, string expected)
    {
        Check.Equal("Content-Type", expected + "; charset=utf-8", answer.ContentType);
        var first = expected.EndsWith("xml") ? '<' : '{';
        Check.Equal("the first byte", first, (char)answer.Bytes[0]);
    }
}

class CharsetStories
{
    readonly Report report;
    readonly Wire wire;

    public CharsetStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        report.InBoth("a utf-16 request gets a utf-16 answer with a byte order mark", Utf16Request);
        report.InBoth("a utf-16 request with a byte order mark", Utf16WithMark);
        report.InBoth("a utf-8 request with a byte order mark", Utf8WithMark);
        Charset("utf-16", "utf-16");
        Charset("utf-8;q=0.5, UTF-16", "utf-16");
        Charset("utf-8, utf-16;q=0.5", "utf-8");
        Charset("iso-8859-1", "utf-8");
        report.InBoth("Accept-Charset counts more than the charset of the request", Both);
    }

    Answer PostUtf16(Format format, bool mark, string charset)
    {
        var text = Encoding.UTF8.GetString(format.Write(TokenStories.Filled()));
        var body = Encoding.Unicode.GetBytes((mark ? "\ufeff" : "") + text);
        var request = wire.Post("api/syncTokens").Accept(format.Media).Body(body, format.Media + "; charset=utf-16");
        return (charset == null ? request : request.With("Accept-Charset", charset)).Send().Expect(201);
    }

    void Utf16Request(Format format)
    {
        AssertUtf16<SyncTokenRepresentation>(PostUtf16(format, false, null), format);
    }

    void Utf16WithMark(Format format)
    {
        AssertUtf16<SyncTokenRepresentation>(PostUtf16(format, true, null), format);
    }

    void Both(Format format)
    {
        PostUtf16(format, true, "utf-8").Read<SyncTokenRepresentation>(format);
    }

    void Utf8WithMark(Format format)
    {
        var text = Encoding.UTF8.GetString(format.Write(TokenStories.Filled()));
        var request = wire.Post("api/syncTokens").Accept(format.Media).Body("\ufeff" + text, format.Media);
        request.Send().Expect(201).Read<SyncTokenRepresentation>(format);
    }

    void Charset(string accepted, string expected)
    {
        report.InBoth("Accept-Charset " + accepted + " is answered in " + expected, format =>
        {
            var request = wire.Get("api/messageBodies/putDataDelete").Accept(format.Media);
            var answer = request.With("Accept-Charset", accepted).Send().Expect(200);
            if (expected == "utf-16")
            {
                AssertUtf16<PutDataDeleteMessageBody>(answer, format);
            }
            else
            {
                answer.Read<PutDataDeleteMessageBody>(format);
            }
        });
    }

    static void AssertUtf16<T>(Answer answer, Format format)
    {
        Check.Equal("Content-Type", format.Media + "; charset=utf-16", answer.ContentType);
        var bytes = answer.Bytes;
        var mark = bytes.Length > 1 && bytes[0] == 0xff && bytes[1] == 0xfe;
        Check.True("begins with FF FE", mark, BitConverter.ToString(bytes, 0, Math.Min(8, bytes.Length)));
        var text = Encoding.Unicode.GetString(bytes, 2, bytes.Length - 2);
        Check.True("a " + typeof(T).Name, format.Read<T>(Encoding.UTF8.GetBytes(text)) != null, text);
    }
}
