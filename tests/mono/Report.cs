// What held and what did not.

using System;
using System.Collections.Generic;
using System.Linq;

class Mismatch : Exception
{
    public Mismatch(string message) : base(message) { }
}

class Report
{
    int held;
    int failed;

    // Runs one story. Whatever goes wrong in it ends it, and only it.
    public void Story(string name, Action body)
    {
        var title = string.Format("{0:000} {1}", held + failed + 1, name);
        try
        {
            body();
            held++;
            Console.WriteLine("ok " + title);
        }
        catch (Exception error)
        {
            failed++;
            Console.WriteLine("FAILED {0}: {1}", title, Text.OneLine(Words(error)));
        }
    }

    // The same story in JSON and in XML.
    public void InBoth(string name, Action<Format> body)
    {
        foreach (var format in Format.All)
        {
            var each = format;
            Story(string.Format("{0} [{1}]", name, each.Name), () => body(each));
        }
    }

    // The same story for each pair of a format to write in and one to read in.
    public void Across(string name, Action<Format, Format> body)
    {
        foreach (var write in Format.All)
        {
            foreach (var read in Format.All)
            {
                Format from = write, to = read;
                Story(string.Format("{0} [{1} to {2}]", name, from.Name, to.Name), () => body(from, to));
            }
        }
    }

    public int Finish()
    {
        Console.WriteLine("{0} stories, {1} held, {2} failed", held + failed, held, failed);
        return failed == 0 ? 0 : 1;
    }

    static string Words(Exception error)
    {
        if (error is Mismatch)
        {
            return error.Message;
        }
        var words = "expected no exception, came ";
        for (var cause = error; cause != null; cause = cause.InnerException)
        {
            words += cause.GetType().Name + ": " + cause.Message + (cause.InnerException == null ? "" : " <- ");
        }
        return words;
    }
}

static class Check
{
    public static void Equal(string what, object expected, object came)
    {
        if (!Equals(expected, came))
        {
            Fail(what, Text.Quoted(expected), came);
        }
    }

    public static void OneOf<T>(string what, T came, params T[] expected)
    {
        if (!expected.Contains(came))
        {
            Fail(what, string.Join(" or ", expected.Select(each => Text.Quoted(each))), came);
        }
    }

    // The same things, in whatever order.
    public static void Same<T>(string what, IEnumerable<T> expected, IEnumerable<T> came)
    {
        Func<IEnumerable<T>, string> sorted =
            all => string.Join(", ", all.Select(each => each.ToString()).OrderBy(each => each, StringComparer.Ordinal));
        Equal(what, sorted(expected), sorted(came));
    }

    public static void True(string what, bool holds, object came)
    {
        if (!holds)
        {
            Fail(what, "this to hold", came);
        }
    }

    static void Fail(string what, string expected, object came)
    {
        throw new Mismatch(string.Format("{0}: expected {1}, came {2}", what, expected, Text.Quoted(came)));
    }
}

static class Text
{
    const int Longest = 1500;

    // Readable whatever is in it: other than printable ASCII is escaped.
    public static string Quoted(object value)
    {
        return value == null ? "null" : "\"" + Escaped(value.ToString()) + "\"";
    }

    public static string OneLine(string text)
    {
        var line = text.Replace("\r", "").Replace("\n", " ");
        return line.Length <= Longest ? line : line.Substring(0, Longest) + "...";
    }

    static string Escaped(string text)
    {
        return string.Concat(
            text.Select(c => c < ' ' || c > '~' ? "\\u" + ((int)c).ToString("x4") : c.ToString()));
    }
}
