//! The `[[bulk.users]]` of the file. A password is never repeated: it may stand where its hash belongs.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::{ConfigError, value};
use super::Reader;
use crate::bulk::users::User;
use crate::passwords::stored::StoredPassword;

impl Reader<'_> {
    pub(super) fn users(&self, found: &Spanned<DeValue<'_>>) -> Result<Vec<User>, ConfigError> {
        let DeValue::Array(items) = found.get_ref() else {
            return Err(self.wrong_type(found, "[[bulk.users]]"));
        };
        let mut users: Vec<User> = Vec::new();
        for item in items {
            let DeValue::Table(table) = item.get_ref() else {
                return Err(self.wrong_type(item, "{ name = …, site = …, password = … }"));
            };
            let user = self.user(item, table)?;
            if users.iter().any(|other| other.is(&user.name, &user.site)) {
                return Err(
                    self.bad(item, format!("the user {:?} of site {:?} is set twice", user.name, user.site))
                );
            }
            users.push(user);
        }
        Ok(users)
    }

    fn user(&self, item: &Spanned<DeValue<'_>>, table: &DeTable<'_>) -> Result<User, ConfigError> {
        let (mut name, mut site, mut password) = (None, String::new(), None);
        for (key, found) in table {
            match key.get_ref().as_ref() {
                "name" => name = Some(self.string(found, value::user_name)?),
                // Empty means any, as it does when it is left out.
                "site" if found.get_ref().as_str() == Some("") => {}
                "site" => site = self.string(found, value::site)?,
                "password" => password = Some(self.string(found, StoredPassword::parse)?),
                other => {
                    let reason = format!("a user has no key {other:?}; the keys are name, site, password");
                    return Err(self.bad_at(key.span().start, reason));
                }
            }
        }
        let name = name.ok_or_else(|| self.bad(item, "a user has no name".to_owned()))?;
        let password = password.ok_or_else(|| {
            self.bad(item, format!("the user {name:?} has no password; `quire user add` writes one"))
        })?;
        Ok(User { name, site, password })
    }
}
