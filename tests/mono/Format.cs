// The two formats, each by the library that a .NET client uses for it.

using System;
using System.Globalization;
using System.IO;
using System.Runtime.Serialization;
using System.Text;
using System.Xml;
using Newtonsoft.Json;
using Newtonsoft.Json.Serialization;

abstract class Format
{
    public static readonly Format Json = new JsonFormat();
    public static readonly Format Xml = new XmlFormat();
    public static readonly Format[] All = { Json, Xml };

    public abstract string Name { get; }

    public string Media
    {
        get { return "application/" + Name; }
    }

    public abstract byte[] Write(object value);

    public abstract T Read<T>(byte[] bytes);
}

class JsonFormat : Format
{
    // Strings that look like dates stay strings: what is compared is what came.
    public static readonly JsonSerializerSettings Settings = new JsonSerializerSettings
    {
        ContractResolver = new MemberNames(),
        DateParseHandling = DateParseHandling.None,
        Culture = CultureInfo.InvariantCulture,
    };

    public override string Name
    {
        get { return "json"; }
    }

    public override byte[] Write(object value)
    {
        return Encoding.UTF8.GetBytes(Text(value));
    }

    public static string Text(object value)
    {
        return JsonConvert.SerializeObject(value, Settings);
    }

    public override T Read<T>(byte[] bytes)
    {
        return JsonConvert.DeserializeObject<T>(Encoding.UTF8.GetString(bytes), Settings);
    }

    // Members in camel case. Keys of dictionaries are data and stay as they are, which Json.NET's own
    // CamelCasePropertyNamesContractResolver of this version does not do.
    class MemberNames : DefaultContractResolver
    {
        protected override string ResolvePropertyName(string name)
        {
            return char.ToLowerInvariant(name[0]) + name.Substring(1);
        }

        protected override JsonDictionaryContract CreateDictionaryContract(Type type)
        {
            var contract = base.CreateDictionaryContract(type);
            contract.PropertyNameResolver = key => key;
            return contract;
        }
    }
}

class XmlFormat : Format
{
    public override string Name
    {
        get { return "xml"; }
    }

    // To a stream, not to an XmlWriter: that one would turn CR into LF and refuse control characters.
    public override byte[] Write(object value)
    {
        using (var stream = new MemoryStream())
        {
            new DataContractSerializer(value.GetType()).WriteObject(stream, value);
            return stream.ToArray();
        }
    }

    // By both readers that .NET programs use; they must agree.
    public override T Read<T>(byte[] bytes)
    {
        var serializer = new DataContractSerializer(typeof(T));
        T value;
        using (var reader = XmlDictionaryReader.CreateTextReader(bytes, XmlDictionaryReaderQuotas.Max))
        {
            value = (T)serializer.ReadObject(reader);
        }
        var settings = new XmlReaderSettings { CheckCharacters = false };
        using (var reader = XmlReader.Create(new MemoryStream(bytes), settings))
        {
            var other = serializer.ReadObject(reader);
            Check.Equal("what XmlReader reads", JsonFormat.Text(value), JsonFormat.Text(other));
        }
        return value;
    }
}
