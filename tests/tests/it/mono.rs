//! The Cyan shapes as a .NET program sees them: Microsoft's serializer and Json.NET under Mono, with contract
//! classes of their own (`tests/mono`).

use quire_tests::process::Daemon;
use quire_tests::wait::eventually;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Some four hundred small stories, which take seconds; more than a busy machine needs for them.
const DEADLINE: Duration = Duration::from_secs(180);

/// Where Debian's libnewtonsoft-json5.0-cil puts Json.NET. Its other assemblies the compiler finds by name.
const JSON_NET: &str = "/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll";

/// Assemblies that the program refers to.
const REFERENCES: [&str; 6] = [
    "System.Core.dll",
    "System.Net.Http.dll",
    "System.Numerics.dll",
    "System.Runtime.Serialization.dll",
    "System.Xml.dll",
    JSON_NET,
];

#[test]
fn a_dotnet_program_reads_and_writes_every_cyan_shape_in_both_formats() {
    if let Err(missing) = look_for_mono() {
        eprintln!(
            "SKIPPED: the Cyan shapes were NOT tested with a .NET program, {missing} is not here (Debian: \
             apt-get install mono-mcs libmono-system-runtime-serialization4.0-cil \
             libmono-system-net-http4.0-cil libnewtonsoft-json5.0-cil)"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path());
    let desk = Daemon::named("desk");
    let (status, said) = run(&program, folder.path(), &format!("http://{}/", desk.api()));
    eprintln!("{said}");
    assert_eq!(status.code(), Some(0), "the program ended with {status}; what it said is above");
    let count = said.lines().next_back().unwrap_or_default();
    assert!(count.ends_with(" 0 failed"), "the program did not run to its end: {count:?}");
}

/// What is missing, if anything is.
fn look_for_mono() -> Result<(), &'static str> {
    for program in ["mcs", "mono"] {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if !command.status().is_ok_and(|status| status.success()) {
            return Err(program);
        }
    }
    if Path::new(JSON_NET).is_file() { Ok(()) } else { Err("Json.NET") }
}

fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles the program into that folder.
fn compile(folder: &Path) -> PathBuf {
    let program = folder.join("client.exe");
    let mut sources: Vec<PathBuf> = std::fs::read_dir(tests_folder().join("mono"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "cs"))
        .collect();
    sources.sort();
    let mut compiler = mono_command("mcs", folder);
    compiler.args(["-nologo", "-warnaserror"]).arg(format!("-out:{}", program.display()));
    compiler.args(REFERENCES.map(|reference| format!("-r:{reference}"))).args(sources);
    let output = compiler.output().expect("mcs runs");
    assert!(
        output.status.success(),
        "{compiler:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// A command that keeps its settings in that folder and its times in UTC.
fn mono_command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", folder).env("TZ", "UTC").stdin(Stdio::null());
    command
}

/// Runs the program to its end; gives how it ended and all that it said.
fn run(program: &Path, folder: &Path, daemon: &str) -> (ExitStatus, String) {
    let path = folder.join("output");
    let output = File::create(&path).unwrap();
    let mut command = mono_command("mono", folder);
    command.arg(program).arg(daemon).arg(tests_folder().join("fixtures"));
    command.stdout(output.try_clone().unwrap()).stderr(output);
    let mut client = Running { child: command.spawn().expect("mono starts"), output: path };
    let status = eventually("the end of the .NET program; see its output", DEADLINE, || {
        client.child.try_wait().expect("the state of a child")
    });
    let said = client.said();
    (status, said)
}

/// A program that does not outlive its test, and whose words are not lost when that fails.
struct Running {
    child: Child,
    output: PathBuf,
}

impl Running {
    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.output).unwrap_or_default()).into_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the .NET program said:\n{}", self.said());
        }
    }
}
