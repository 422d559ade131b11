//! A test that is run again as a child which may write only so much into a file.
#![cfg(unix)]

use std::{env, ffi::OsStr, process::Command};

/// Runs a test of this binary with files of at most 4 blocks. `given`: a variable of its environment, with a value.
pub(crate) fn in_little_room(test: &str, given: (&str, &OsStr)) {
    let mut child = Command::new("sh");
    // Ignored, the signal of the limit becomes an error of the write.
    child.args(["-c", "trap '' XFSZ; ulimit -f 4; exec \"$0\" --exact \"$1\" --nocapture"]);
    let child = child.arg(env::current_exe().unwrap()).arg(test).env(given.0, given.1).output().unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && said.contains("all is well"), "{said}");
}
