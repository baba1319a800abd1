//! The command line of DuckDB: where it is, and how it is run.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use miette::{Context, IntoDiagnostic, miette};
use tokio::process::Command;

use crate::cli::variables;

/// Where `make duckdb` puts it, below the root of the repository.
const INSTALLED: &str = ".venv-duckdb/bin/duckdb";

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As a table.
    Table,
    /// As JSON.
    Json,
    /// As CSV.
    Csv,
}

/// Where it is looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The working directory.
    pub working: PathBuf,
    /// This program.
    pub program: Option<PathBuf>,
    /// The folders of programs.
    pub path: Vec<PathBuf>,
}

impl Places {
    /// Those of this process.
    pub fn here() -> Self {
        Self {
            working: std::env::current_dir().unwrap_or_default(),
            program: std::env::current_exe().ok(),
            path: variables::program_folders(),
        }
    }

    /// The program: the one that was named, or the first that is found in the working directory, above this program, or
    /// in the folders of programs.
    ///
    /// # Errors
    /// Where there is none.
    pub fn find(&self, named: Option<&Path>) -> miette::Result<PathBuf> {
        if let Some(path) = named {
            let help = "name the program itself by --duckdb or IGUAZU_DUCKDB, or leave both out to have it looked for";
            let missing = || miette!(help = help, "there is no DuckDB at {}", path.display());
            return if path.is_file() { Ok(path.to_owned()) } else { Err(missing()) };
        }
        let above =
            self.program.iter().flat_map(|program| program.ancestors().skip(1)).map(|folder| folder.join(INSTALLED));
        let in_path = self.path.iter().map(|folder| folder.join("duckdb"));
        let mut places = std::iter::once(self.working.join(INSTALLED)).chain(above).chain(in_path);
        let help = "install it by `make duckdb`, or by `pip install duckdb-cli`, or say by --duckdb where it is";
        places.find(|path| path.is_file()).ok_or_else(|| {
            miette!(help = help, "DuckDB, which runs the query, is neither in {INSTALLED} nor among the programs")
        })
    }
}

/// Statements in a file, for as long as they are needed. An argument would be too short for many files.
struct Script(PathBuf);

impl Script {
    fn write(text: &str) -> miette::Result<Self> {
        let path = std::env::temp_dir().join(format!("iguazu-{:016x}.sql", SystemHost.random()));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let unwritable = || format!("{} cannot be written", path.display());
        let mut file = file.into_diagnostic().wrap_err_with(unwritable)?;
        let script = Self(path.clone());
        file.write_all(text.as_bytes()).into_diagnostic().wrap_err_with(unwritable)?;
        Ok(script)
    }
}

impl Script {
    /// The command that reads it. In single quotes nothing is an escape, and in double quotes a backslash is one.
    fn read(&self) -> String {
        let path = self.0.display().to_string();
        if path.contains('\'') {
            return format!(".read \"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
        }
        format!(".read '{path}'")
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // What is left of it is one file in the folder of temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// DuckDB, ready to be asked.
pub struct Session {
    command: Command,
    /// It is read when the command begins.
    _script: Script,
}

impl Session {
    /// DuckDB that runs the statements and then `sql`, or waits for a person who types.
    ///
    /// # Errors
    /// Where the statements cannot be handed over.
    pub fn new(program: &Path, statements: &str, sql: Option<&str>, format: Format) -> miette::Result<Self> {
        let script = Script::write(statements)?;
        let mut command = Command::new(program);
        match format {
            Format::Table => {}
            Format::Json => drop(command.arg("-json")),
            Format::Csv => drop(command.arg("-csv")),
        }
        // What a person likes is in their own settings; a program wants the same everywhere.
        if sql.is_some() {
            command.args(["-no-init", "-batch", "-bail"]);
        }
        command.arg("-cmd").arg(script.read());
        if let Some(sql) = sql {
            command.arg("-c").arg(sql);
        }
        Ok(Self { command, _script: script })
    }

    /// Runs it to its end, and returns whether it succeeded.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub async fn run(mut self) -> miette::Result<bool> {
        let program = self.command.as_std().get_program().to_string_lossy().into_owned();
        let mut child =
            self.command.spawn().into_diagnostic().wrap_err_with(|| format!("{program} cannot be started"))?;
        loop {
            tokio::select! {
                status = child.wait() => return Ok(status.into_diagnostic()?.success()),
                // Whoever interrupts a query means the query: DuckDB hears of it as well, and goes on or ends by itself.
                heard = tokio::signal::ctrl_c() => heard.into_diagnostic()?,
            }
        }
    }

    /// Runs it to its end, and returns whether it succeeded, what it answered and what it complained of.
    #[cfg(test)]
    pub async fn output(mut self) -> (bool, String, String) {
        let output = self.command.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(at: &Path) -> PathBuf {
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::write(at, "").unwrap();
        at.to_owned()
    }

    #[test]
    fn it_is_looked_for_where_it_is_installed_and_then_among_the_programs() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| folder.path().join(name);
        let places =
            Places { working: of("work"), program: Some(of("checkout/target/debug/iguazu")), path: vec![of("bin")] };
        let missing = places.find(None).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "DuckDB, which runs the query, is neither in .venv-duckdb/bin/duckdb nor among the programs"
        );
        assert!(missing.help().unwrap().to_string().contains("pip install duckdb-cli"));
        let in_path = program(&of("bin/duckdb"));
        assert_eq!(places.find(None).unwrap(), in_path);
        let beside = program(&of("checkout").join(INSTALLED));
        assert_eq!(places.find(None).unwrap(), beside);
        let here = program(&of("work").join(INSTALLED));
        assert_eq!(places.find(None).unwrap(), here);
        let named = program(&of("else/where"));
        assert_eq!(places.find(Some(&named)).unwrap(), named);
        let error = places.find(Some(&of("nowhere"))).unwrap_err().to_string();
        assert_eq!(error, format!("there is no DuckDB at {}", of("nowhere").display()));
    }

    #[test]
    fn statements_are_in_a_file_only_while_they_are_needed() {
        let script = Script::write("SELECT 1;").unwrap();
        let path = script.0.clone();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "SELECT 1;");
        assert_eq!(script.read(), format!(".read '{}'", path.display()));
        drop(script);
        assert!(!path.exists());
    }
}
