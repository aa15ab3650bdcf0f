// A client of the Cyan shapes as a .NET program is one: its own contract classes, Microsoft's serializer, Json.NET.
//
//     client.exe BASE-URL FIXTURES
//
// Runs every story against the daemon at BASE-URL (http://127.0.0.1:7470/) with the documented samples in
// FIXTURES/shapes. One line a story, a count at the end; exit code 0 when all of them held.

using System;
using System.IO;
using System.Text;

static class Client
{
    static int Main(string[] arguments)
    {
        if (arguments.Length != 2)
        {
            Console.Error.WriteLine("usage: client.exe BASE-URL FIXTURES");
            return 2;
        }
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true });
        var report = new Report();
        var wire = new Wire(arguments[0]);
        var samples = new Samples(Path.Combine(arguments[1], "shapes"));
        new TokenStories(report, wire, samples).Run();
        new NodeStories(report, wire).Run();
        new ValueStories(report, wire).Run();
        new StringStories(report, wire).Run();
        new SyncStories(report, wire).Run();
        new MessageStories(report, wire, samples).Run();
        new NegotiationStories(report, wire).Run();
        new CharsetStories(report, wire).Run();
        new ErrorStories(report, wire).Run();
        new InputStories(report, wire).Run();
        return report.Finish();
    }
}

// The documented samples, verbatim.
class Samples
{
    readonly string folder;

    public Samples(string folder)
    {
        this.folder = folder;
    }

    public byte[] Bytes(string name, Format format)
    {
        return File.ReadAllBytes(Path.Combine(folder, name + "." + format.Name));
    }

    public T Read<T>(string name, Format format)
    {
        return format.Read<T>(Bytes(name, format));
    }
}
