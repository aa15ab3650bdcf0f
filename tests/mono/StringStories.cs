// Strings that formats like to lose: each in a title, a prop, a key, a ref, an id; in and across both formats.

using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

class StringStories
{
    readonly Report report;
    readonly Wire wire;

    public StringStories(Report report, Wire wire)
    {
        this.report = report;
        this.wire = wire;
    }

    public void Run()
    {
        foreach (var text in Strings())
        {
            var each = text;
            report.Across("text with " + each.Key, (write, read) => RoundTrip(each.Value, write, read));
        }
        report.Across("a long text", (write, read) => RoundTrip(Long(), write, read));
        report.Story("control characters leave escaped", Escaped);
    }

    static Dictionary<string, string> Strings()
    {
        return new Dictionary<string, string>
        {
            { "line ends", "a\r\nb\nc\rd\n\re" },
            { "line ends around it", "\r\n text \r" },
            { "nothing but line ends", "\n\r\n" },
            { "nothing but blanks", "  \t " },
            { "tabs and blanks", "\t a \t" },
            { "quotes and brackets", "<a href=\"x\">'&amp;' ]]> <!-- --> <![CDATA[ \\ / &#13; &#xD;" },
            { "control characters", "a\u0001b\u0008c\u000b\u000c\u001f" },
            { "the characters after ASCII", "\u007f\u0080\u0085\u009f\u00a0\u00ad" },
            { "line separators", "a\u2028b\u2029c" },
            { "a byte order mark", "\ufeffa\ufeff" },
            { "characters that are none", "a\ufffeb\uffffc\ufdd0" },
            { "a null character", "a\0b" },
            { "emoji", "\U0001F600 \U0001F468\u200d\U0001F469\u200d\U0001F467 \U0010FFFF" },
            { "many scripts", "\u00fc \u0394\u044f \u4e2d\u6587 \u0627\u0644\u0639\u0631\u0628\u064a\u0629 e\u0301 \u00e9" },
        };
    }

    static string Long()
    {
        const string line = "0123456789 <&> \u20ac \U0001F600\r\n";
        return new StringBuilder().Insert(0, line, 5000).ToString();
    }

    void RoundTrip(string text, Format write, Format read)
    {
        var tenant = Guid.NewGuid();
        var node = new NodeRepresentation
        {
            TenantId = tenant,
            NodeId = Guid.NewGuid(),
            Type = "t",
            Id = "1",
            ParentType = "p",
            ParentId = text.Length > 100 ? "1" : text,
            Title = text,
            Props = new Dictionary<string, object> { { "value", text }, { "plain", "p" } },
            Refs = new Dictionary<string, NodeRefRepresentation>
            {
                { "ref", new NodeRefRepresentation { Type = "r", Id = text.Length > 100 ? "1" : text } },
            },
        };
        wire.PostNode(write, node);
        var got = wire.Node(node.NodeId, read, tenant);
        Check.Equal("title", node.Title, got.Title);
        Check.Equal("parentId", node.ParentId, got.ParentId);
        Check.Equal("the value of a prop", text, got.Props["value"]);
        Check.Equal("the id of a ref", node.Refs["ref"].Id, got.Refs["ref"].Id);
        if (text.Length <= 100)
        {
            AssertKey(text, write, read);
        }
    }

    void AssertKey(string key, Format write, Format read)
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.Props = new Dictionary<string, object> { { key, 1 } };
        var id = wire.PostNode(write, node).NodeId;
        Check.Same("keys", new[] { key }, wire.Node(id, read, node.TenantId).Props.Keys);
    }

    void Escaped()
    {
        var node = NodeStories.Named(Guid.NewGuid(), "1");
        node.Title = "a\u0001b\rc";
        var id = wire.PostNode(Format.Json, node).NodeId;
        var said = wire.Get("api/nodes?nodeNodeId=" + id, Format.Xml, node.TenantId).Expect(200).Text;
        Check.True("no raw control character", !said.Any(c => c < ' '), said);
        Check.True("CR as &#xD;", said.IndexOf("&#xD;", StringComparison.OrdinalIgnoreCase) >= 0, said);
    }
}
