// A value of props in one form, however it was typed on its way: what JSON would make of it.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Numerics;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;

static class Plain
{
    public static string Of(object value)
    {
        if (value == null)
        {
            return "null";
        }
        if (value is JValue)
        {
            return Of(((JValue)value).Value);
        }
        if (value is JToken)
        {
            return "json " + Sorted((JToken)value).ToString(Formatting.None);
        }
        if (value is bool)
        {
            return (bool)value ? "true" : "false";
        }
        if (value.GetType() == typeof(object))
        {
            return "json {}";
        }
        return IsNumber(value) ? "number " + Number(value) : "text " + Words(value);
    }

    // All members of a node that a client can set, as one text to compare.
    public static string Of(NodeRepresentation node)
    {
        var lines = new List<string>
        {
            node.Type, node.Id, node.ParentType, node.ParentId, node.Title, node.SubjectToCleanup.ToString(),
        };
        var all = lines.Select(Of).ToList();
        all.Add(Of(node.Props));
        all.Add(Of(node.Refs));
        return string.Join("; ", all);
    }

    public static string Of(Dictionary<string, object> props)
    {
        return props == null ? "no props" : Pairs(props, Of);
    }

    public static string Of(Dictionary<string, NodeRefRepresentation> refs)
    {
        return refs == null ? "no refs" : Pairs(refs, Of);
    }

    public static string Of(NodeRefRepresentation reference)
    {
        return reference == null ? "null" : Of(reference.Type) + " " + Of(reference.Id);
    }

    static string Pairs<T>(Dictionary<string, T> all, Func<T, string> of)
    {
        var pairs = all.OrderBy(pair => pair.Key, StringComparer.Ordinal);
        return "{" + string.Join(", ", pairs.Select(pair => pair.Key + ": " + of(pair.Value))) + "}";
    }

    static bool IsNumber(object value)
    {
        var isText = value is string || value is char || value is DateTime;
        return value is BigInteger || (value is IConvertible && !isText);
    }

    static string Number(object value)
    {
        var text = value is double
            ? ((double)value).ToString("R", CultureInfo.InvariantCulture)
            : Convert.ToString(value, CultureInfo.InvariantCulture);
        decimal exact;
        if (!decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out exact))
        {
            return text;
        }
        text = exact.ToString(CultureInfo.InvariantCulture);
        return text.Contains(".") ? text.TrimEnd('0').TrimEnd('.') : text;
    }

    static string Words(object value)
    {
        if (value is DateTime)
        {
            return ((DateTime)value).ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFFK", CultureInfo.InvariantCulture);
        }
        if (value is byte[])
        {
            return Convert.ToBase64String((byte[])value);
        }
        var address = value as Uri;
        return address != null ? address.OriginalString : Convert.ToString(value, CultureInfo.InvariantCulture);
    }

    // Members in order of their names: their order says nothing.
    static JToken Sorted(JToken token)
    {
        var members = token as JObject;
        if (members != null)
        {
            var sorted = members.Properties().OrderBy(member => member.Name, StringComparer.Ordinal);
            return new JObject(sorted.Select(member => new JProperty(member.Name, Sorted(member.Value))));
        }
        var items = token as JArray;
        return items != null ? new JArray(items.Select(Sorted)) : token;
    }
}
