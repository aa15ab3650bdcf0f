//! The `[[api.apps]]` of the file. A password is never repeated: it may stand where its hash belongs.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::{ConfigError, value};
use super::Reader;
use crate::apps::{App, Grant, origin};
use crate::passwords::stored::StoredPassword;

impl Reader<'_> {
    pub(super) fn apps(&self, found: &Spanned<DeValue<'_>>) -> Result<Vec<App>, ConfigError> {
        let DeValue::Array(items) = found.get_ref() else {
            return Err(self.wrong_type(found, "[[api.apps]]"));
        };
        let mut apps: Vec<App> = Vec::new();
        for item in items {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(self.wrong_type(item, "{ name = …, password = …, spaces = […], origins = […] }"));
            };
            let app = self.app(item, table)?;
            if apps.iter().any(|other| other.name == app.name) {
                return Err(self.bad(item, format!("the app {:?} is set twice", app.name)));
            }
            apps.push(app);
        }
        Ok(apps)
    }

    fn app(&self, item: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> Result<App, ConfigError> {
        let (mut name, mut password) = (None, None);
        let (mut spaces, mut origins) = (Vec::new(), Vec::new());
        for (key, found) in table {
            match key.get_ref().as_ref() {
                "name" => name = Some(self.string(found, value::app_name)?),
                "password" => password = Some(self.string(found, StoredPassword::parse)?),
                "spaces" => {
                    spaces = self.list(found, |item| self.string(item, Grant::parse))?;
                    if spaces.is_empty() {
                        let why = "names no space; leave `spaces` out for all of them";
                        return Err(self.bad(found, why.to_owned()));
                    }
                }
                "origins" => origins = self.list(found, |item| self.string(item, origin::parse))?,
                other => {
                    let reason =
                        format!("an app has no key {other:?}; the keys are name, password, spaces, origins");
                    return Err(self.bad_at(key.span().start, reason));
                }
            }
        }
        let name = name.ok_or_else(|| self.bad(item, "an app has no name".to_owned()))?;
        let password = password.ok_or_else(|| {
            self.bad(item, format!("the app {name:?} has no password; `quire app add` writes one"))
        })?;
        Ok(App { name, password, spaces, origins })
    }
}
