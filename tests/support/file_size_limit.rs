//! Runs a test again in a child process with a limit on the size of its files.
#![cfg(unix)]

use std::{env, ffi::OsStr, process::Command};

/// Runs a test of this binary with files of at most 4 blocks. `given`: an environment variable and
/// its value.
pub(crate) fn with_file_size_limit(test: &str, given: (&str, &OsStr)) {
    let mut child = Command::new("sh");
    // With the signal ignored, exceeding the limit becomes a write error.
    child.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" --exact \"$1\" --nocapture"]);
    let child = child.arg(env::current_exe().unwrap()).arg(test).env(given.0, given.1).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("all is well"), "{said}");
}
