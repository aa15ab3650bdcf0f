// HTTP as a Cyan client speaks it.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;

// A request that is put together by what a story wants to say, and says nothing else.
class Request
{
    readonly Wire wire;
    readonly string method;
    readonly string path;
    readonly List<KeyValuePair<string, string>> headers = new List<KeyValuePair<string, string>>();
    byte[] body;
    string contentType;
    bool chunked;

    public Request(Wire wire, string method, string path)
    {
        this.wire = wire;
        this.method = method;
        this.path = path;
    }

    public Request With(string name, string value)
    {
        headers.Add(new KeyValuePair<string, string>(name, value));
        return this;
    }

    public Request Accept(string value)
    {
        return value == null ? this : With("Accept", value);
    }

    public Request Tenant(Guid tenant)
    {
        return With("X-Cyan-TenantAccessKey", tenant.ToString());
    }

    public Request Body(byte[] bytes, string type)
    {
        body = bytes;
        contentType = type;
        return this;
    }

    public Request Body(string text, string type)
    {
        return Body(Encoding.UTF8.GetBytes(text), type);
    }

    // Without a Content-Length.
    public Request InChunks()
    {
        chunked = true;
        return this;
    }

    public Answer Send()
    {
        using (var message = new HttpRequestMessage(new HttpMethod(method), wire.Uri(path)))
        {
            foreach (var header in headers)
            {
                message.Headers.TryAddWithoutValidation(header.Key, header.Value);
            }
            if (chunked)
            {
                message.Headers.TransferEncodingChunked = true;
            }
            if (body != null)
            {
                message.Content = new ByteArrayContent(body);
                if (contentType != null)
                {
                    message.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
                }
            }
            return wire.Send(message, method + " " + path);
        }
    }
}

class Answer
{
    readonly string what;
    readonly HttpResponseMessage message;

    public readonly byte[] Bytes;

    public Answer(string what, HttpResponseMessage message, byte[] bytes)
    {
        this.what = what;
        this.message = message;
        Bytes = bytes;
    }

    public int Status
    {
        get { return (int)message.StatusCode; }
    }

    public string ContentType
    {
        get { return Header("Content-Type"); }
    }

    public string Text
    {
        get { return Encoding.UTF8.GetString(Bytes); }
    }

    // A header of the answer, null when there is none.
    public string Header(string name)
    {
        IEnumerable<string> values;
        var found = message.Headers.TryGetValues(name, out values)
            || (message.Content != null && message.Content.Headers.TryGetValues(name, out values));
        return found ? string.Join(", ", values) : null;
    }

    public Answer Expect(params int[] statuses)
    {
        if (!statuses.Contains(Status))
        {
            var wanted = string.Join(" or ", statuses);
            throw new Mismatch(string.Format("{0}: expected {1}, came {2} {3}", what, wanted, Status, Text));
        }
        return this;
    }

    // The body, which must be in that format and say so.
    public T Read<T>(Format format)
    {
        Check.Equal(what + ": Content-Type", format.Media + "; charset=utf-8", ContentType);
        try
        {
            return format.Read<T>(Bytes);
        }
        catch (Exception error)
        {
            throw new Mismatch(string.Format(
                "{0}: expected a {1}, came {2} ({3})", what, typeof(T).Name, Text, error.Message));
        }
    }
}

class Wire
{
    // Far more than any answer takes; a daemon that hangs is to be seen as one.
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    readonly Uri root;
    readonly HttpClient client;

    public Wire(string root)
    {
        this.root = new Uri(root.EndsWith("/") ? root : root + "/");
        client = new HttpClient(new HttpClientHandler { UseProxy = false, AllowAutoRedirect = false });
        client.Timeout = Patience;
        var account = Convert.ToBase64String(Encoding.UTF8.GetBytes("driver:secret"));
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Basic", account);
        client.DefaultRequestHeaders.Add("X-Api-Version", "1");
    }

    public Uri Uri(string path)
    {
        return new Uri(root, path);
    }

    public Answer Send(HttpRequestMessage message, string what)
    {
        var response = client.SendAsync(message).GetAwaiter().GetResult();
        var bytes = response.Content == null
            ? new byte[0]
            : response.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        return new Answer(what, response, bytes);
    }

    public Request Get(string path)
    {
        return new Request(this, "GET", path);
    }

    public Request Post(string path)
    {
        return new Request(this, "POST", path);
    }

    public Request Call(string method, string path)
    {
        return new Request(this, method, path);
    }

    // As a typed client does it: one format for what is sent and for what is wanted.
    public Answer Post(string path, Format format, object value)
    {
        return Post(path).Accept(format.Media).Body(format.Write(value), format.Media + "; charset=utf-8").Send();
    }

    public Answer Get(string path, Format format, Guid tenant)
    {
        return Get(path).Accept(format.Media).Tenant(tenant).Send();
    }

    // Posts a node; gives it as the daemon answered it.
    public NodeRepresentation PostNode(Format format, NodeRepresentation node)
    {
        return Post("api/nodes", format, node).Expect(201).Read<NodeRepresentation>(format);
    }

    // What a query finds, which is always an array.
    public NodeRepresentation[] Nodes(string query, Format format, Guid tenant)
    {
        return Get("api/nodes?" + query, format, tenant).Expect(200).Read<NodeRepresentation[]>(format);
    }

    // The only node of that id.
    public NodeRepresentation Node(Guid nodeId, Format format, Guid tenant)
    {
        var found = Nodes("nodeNodeId=" + nodeId, format, tenant);
        Check.Equal("nodes with nodeId " + nodeId, 1, found.Length);
        return found[0];
    }

    public SyncTokenRepresentation PostToken(Format format, Guid tenant, string anchor)
    {
        var token = new SyncTokenRepresentation { TenantId = tenant, RequestedAnchorHex = anchor };
        return Post("api/syncTokens", format, token).Expect(201).Read<SyncTokenRepresentation>(format);
    }
}
