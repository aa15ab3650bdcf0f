//! Writes HTML. Markup is only what stands in this program's source; everything else is escaped.

const STYLE: &str = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}\
    table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3em .6em;\
    border-bottom:1px solid #ccc}pre{background:#f4f4f4;padding:1em;overflow:auto;max-height:30em}\
    code{overflow-wrap:anywhere}a{color:#0645ad}";

/// A page in the making.
pub(super) struct Html(String);

impl Html {
    /// A page with that title.
    pub(super) fn new(title: &str) -> Self {
        let mut page = Self(String::new());
        page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
        page.text(title);
        page.raw("</title>\n<style>").raw(STYLE).raw("</style>\n</head>\n<body>\n<h1>");
        page.text(title);
        page.raw("</h1>\n");
        page
    }

    /// Adds markup.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text, safe between tags and in quoted attributes.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        self
    }

    /// Adds sentences, in which backticks enclose code.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        for (index, part) in text.split('`').enumerate() {
            if index % 2 == 1 {
                self.raw("<code>").text(part).raw("</code>");
            } else {
                self.text(part);
            }
        }
        self
    }

    /// Adds a heading of the second level.
    pub(super) fn heading(&mut self, text: &str) -> &mut Self {
        self.raw("<h2>").text(text).raw("</h2>\n")
    }

    /// Adds a heading of the third level.
    pub(super) fn subheading(&mut self, text: &str) -> &mut Self {
        self.raw("<h3>").text(text).raw("</h3>\n")
    }

    /// Adds a paragraph of sentences, where there are any.
    pub(super) fn paragraph(&mut self, text: &str) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        self.raw("<p>").prose(text).raw("</p>\n")
    }

    /// Adds a table whose cells are sentences.
    pub(super) fn table<const N: usize>(&mut self, heads: [&str; N], rows: &[[String; N]]) -> &mut Self {
        self.raw("<table>\n<thead><tr>");
        for head in heads {
            self.raw("<th>").text(head).raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.raw("<td>").prose(cell).raw("</td>");
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table>\n")
    }

    /// Adds text as it stands.
    pub(super) fn listing(&mut self, text: &str) -> &mut Self {
        self.raw("<pre>").text(text).raw("</pre>\n")
    }

    /// The page.
    pub(super) fn finish(mut self) -> String {
        self.raw("</body>\n</html>\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_told_becomes_markup() {
        const HOSTILE: &str = "</title><script>alert('x')</script>\" onload=\"`<b>`&amp;";
        let mut page = Html::new(HOSTILE);
        page.heading(HOSTILE).paragraph(HOSTILE).listing(HOSTILE).table([HOSTILE], &[[HOSTILE.to_owned()]]);
        let page = page.finish();
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("\" onload"), "{page}");
        assert!(page.contains("&amp;amp;") && page.contains("<code>&lt;b&gt;</code>"));
    }
}
