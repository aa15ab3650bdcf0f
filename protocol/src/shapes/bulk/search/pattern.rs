//! A text with `*` for any text, even none. Matching goes through the text once, whatever the pattern is.

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    start: String,
    /// What has to come in between, in this order.
    middle: Vec<String>,
    end: String,
}

impl Pattern {
    /// The pattern of a text that has at least one `*`.
    pub(super) fn new(text: &str) -> Pattern {
        let (start, rest) = text.split_once('*').unwrap_or((text, ""));
        let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
        let parts = middle.split('*').filter(|part| !part.is_empty());
        Pattern { start: start.to_owned(), middle: parts.map(str::to_owned).collect(), end: end.to_owned() }
    }

    /// Whether the text is one that the pattern stands for. To take the first place where each part occurs leaves the
    /// most room for those that follow, so no other place has to be tried.
    pub(super) fn matches(&self, text: &str) -> bool {
        let rest = text.strip_prefix(self.start.as_str());
        let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(self.end.as_str())) else { return false };
        for part in &self.middle {
            match rest.split_once(part.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}
