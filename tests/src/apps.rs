//! Apps with passwords of their own, made by the command line as a person would.

use crate::bulk::basic;
use crate::config::Config;
use crate::process::quire;

impl Config {
    /// Adds an app with further arguments of `quire app add`, and gives its `Authorization` header.
    ///
    /// # Panics
    /// When the command fails, or prints something else than one password.
    pub fn app(&self, name: &str, arguments: &[&str]) -> String {
        basic(name, &self.app_password(name, arguments))
    }

    /// Adds an app, and gives its password.
    ///
    /// # Panics
    /// As [`Config::app`].
    pub fn app_password(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = quire(["app", "add", name]);
        command.args(arguments).arg("--config").arg(self.path());
        let output = command.output().expect("quire app add");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let password = String::from_utf8(output.stdout).expect("a password");
        let password = password.strip_suffix('\n').expect("a line").to_owned();
        assert!(
            password.len() == 32 && !password.contains(char::is_whitespace),
            "only the password on stdout"
        );
        assert!(!said.contains(&password), "the password is printed once");
        password
    }

    /// Removes an app.
    ///
    /// # Panics
    /// When the command fails.
    pub fn remove_app(&self, name: &str) {
        let mut command = quire(["app", "remove", name]);
        let output = command.arg("--config").arg(self.path()).output().expect("quire app remove");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
