//! `threadchat picture`: from the traces of a conversation to one page that shows it.
//!
//! The page holds everything it needs, so that it can be mailed, printed, and opened without a
//! network. This file only strings the steps together: [`reading`] takes the traces in,
//! [`clocks`] finds out how far the computers' clocks are apart, [`layout`] joins the ends of
//! arrows and puts the lanes in order, and [`page`] writes it down for the browser, where
//! `page.js` draws it. All but the first are pure rules.

pub mod clocks;
pub mod error;
pub mod layout;
pub mod page;
pub mod reading;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::picture::error::Error;
use crate::picture::reading::Trace;

/// Draws the picture of these traces into `output`, or to stdout where that is `-`.
///
/// # Errors
/// A file that cannot be read or is no trace, and an output that cannot be written. Nothing is
/// written before all traces have been read.
pub fn draw(files: &[PathBuf], output: &Path) -> Result<(), Error> {
    let to_stdout = output == Path::new("-");
    if !to_stdout && files.iter().any(|file| is_same(file, output)) {
        return Err(Error::PictureOverTrace { file: name_of(output) });
    }
    let traces = files.iter().map(|file| read(file)).collect::<Result<Vec<Trace>, Error>>()?;
    let page = page::write(&layout::lay_out(traces));
    if to_stdout {
        let mut stdout = io::stdout().lock();
        return match stdout.write_all(page.as_bytes()).and_then(|()| stdout.flush()) {
            // `threadchat picture ... -o - | head` has seen enough.
            Err(why) if why.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::NoPicture { file: "stdout".to_owned(), why })
            }
            _ => Ok(()),
        };
    }
    fs::write(output, page).map_err(|why| Error::NoPicture { file: name_of(output), why })
}

fn read(file: &Path) -> Result<Trace, Error> {
    let name = name_of(file);
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(why) => return Err(Error::NoTrace { file: name, why }),
    };
    reading::read(&name, &bytes)
}

fn name_of(file: &Path) -> String {
    file.display().to_string()
}

/// Whether two paths are one file. A path to nothing is no file's.
fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}
