use std::io::{self, Write};

use super::writer::Sink;

/// Any writer that the user provides.
pub(super) struct WriterSink<W>(pub(super) W);

impl<W: Write + Send + 'static> Sink for WriterSink<W> {
    /// A write that was cut short continues where it stopped, so that no line is torn.
    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < lines.len() {
            match self.0.write(&lines[done..]) {
                Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (done, Err(error)),
            }
        }
        (done, self.0.flush())
    }

    fn name(&self) -> String {
        "writer".to_owned()
    }
}
