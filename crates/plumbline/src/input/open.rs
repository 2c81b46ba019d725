//! Files as they come: plain, gzip or zstd, told apart by their first bytes; `-` is standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use indicatif::ProgressBar;

/// A line longer than this is not held in memory. A plan in an exported log has at most 1 MiB.
pub(crate) const MAX_LINE: usize = 16 << 20;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file for reading; bytes taken from it (compressed, as they lie) move `progress`.
pub(crate) fn open(path: &Path, progress: &ProgressBar) -> io::Result<Box<dyn BufRead>> {
    if is_standard(path) {
        return decompress(io::stdin());
    }
    decompress(progress.wrap_read(File::open(path)?))
}

/// Whether the name means standard input or output.
pub(crate) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn decompress(raw: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    let mut raw = BufReader::with_capacity(1 << 16, raw);
    // One read may hand over fewer bytes than a magic number has, so its bytes are put back in front.
    let mut head = Vec::with_capacity(ZSTD.len());
    raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let (gzip, zstd) = (head.starts_with(&GZIP), head == ZSTD);
    let whole = io::Cursor::new(head).chain(raw);
    Ok(if gzip {
        Box::new(BufReader::with_capacity(1 << 16, flate2::bufread::MultiGzDecoder::new(whole)))
    } else if zstd {
        Box::new(BufReader::with_capacity(1 << 16, zstd::Decoder::with_buffer(whole)?))
    } else {
        Box::new(whole)
    })
}

/// Creates a file for writing, compressed where its name ends in `.gz` or `.zst`.
pub(crate) fn create(path: &Path) -> io::Result<Box<dyn FinishWrite>> {
    if is_standard(path) {
        return Ok(Box::new(BufWriter::new(io::stdout())));
    }
    let file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    Ok(match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => Box::new(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
        Some("zst") => Box::new(zstd::Encoder::new(file, 3)?),
        _ => Box::new(file),
    })
}

/// A writer whose end must be written too.
pub(crate) trait FinishWrite: Write {
    /// Writes what is left, with the trailer of a compressed file.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

impl<W: Write> FinishWrite for BufWriter<W> {
    fn finish(mut self: Box<Self>) -> io::Result<()> {
        self.flush()
    }
}

impl<W: Write> FinishWrite for flate2::write::GzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish()?.flush()
    }
}

impl<W: Write> FinishWrite for zstd::Encoder<'_, W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish()?.flush()
    }
}

/// What [`read_line`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line, in the buffer without its end.
    Whole,
    /// More than [`MAX_LINE`] bytes; passed over.
    TooLong,
    /// Nothing more.
    End,
}

/// Reads the next line into `line`, holding at most `max` bytes of it.
pub(crate) fn read_line(reader: &mut dyn BufRead, max: usize, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let mut too_long = false;
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(match (too_long, line.is_empty()) {
                (true, _) => Line::TooLong,
                (false, true) => Line::End,
                (false, false) => Line::Whole,
            });
        }
        let end = available.iter().position(|b| *b == b'\n');
        let part = &available[..end.unwrap_or(available.len())];
        too_long |= line.len() + part.len() > max;
        if too_long {
            line.clear();
        } else {
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            return Ok(if too_long { Line::TooLong } else { Line::Whole });
        }
    }
}
