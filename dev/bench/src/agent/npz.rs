//! Reads numpy arrays: `.npz` archives of `.npy` files.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;

/// The numeric arrays of one archive, by name; arrays of other types are skipped.
pub(crate) struct Archive(BTreeMap<String, Array>);

/// A numeric array, row by row.
struct Array {
    values: Vec<f64>,
    columns: usize,
}

impl Archive {
    /// Reads an archive.
    ///
    /// # Panics
    /// If it cannot be read or is no archive written by numpy.
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let files = files(&bytes).into_iter();
        let arrays = files.filter_map(|(name, file)| {
            let name = name.strip_suffix(".npy")?.to_owned();
            Some((name, array(&file)?))
        });
        Self(arrays.collect())
    }

    /// Returns the names of the arrays.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns all numbers of an array.
    pub(crate) fn numbers(&self, name: &str) -> &[f64] {
        &self.get(name).values
    }

    /// Returns the rows of an array.
    pub(crate) fn rows(&self, name: &str) -> Vec<Vec<f64>> {
        let array = self.get(name);
        let rows = array.values.chunks(array.columns);
        rows.map(<[f64]>::to_vec).collect()
    }

    fn get(&self, name: &str) -> &Array {
        let array = self.0.get(name);
        array.unwrap_or_else(|| {
            panic!("missing array {name}: expected numbers of type f8, f4 or i8")
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> usize {
    usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn u32_at(bytes: &[u8], at: usize) -> usize {
    u16_at(bytes, at) | u16_at(bytes, at + 2) << 16
}

/// Returns the files of a ZIP archive by its central directory (APPNOTE.TXT, 4.3.12).
fn files(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let end = bytes.windows(4).rposition(|mark| mark == b"PK\x05\x06");
    let end = end.expect("no end of central directory: expected a ZIP archive");
    let mut at = u32_at(bytes, end + 16);
    let mut files = Vec::new();
    for _ in 0..u16_at(bytes, end + 10) {
        let name = &bytes[at + 46..at + 46 + u16_at(bytes, at + 28)];
        let local = u32_at(bytes, at + 42);
        let start = local + 30 + u16_at(bytes, local + 26) + u16_at(bytes, local + 28);
        let packed = &bytes[start..start + u32_at(bytes, at + 20)];
        let mut file = Vec::new();
        match u16_at(bytes, at + 10) {
            0 => file.extend_from_slice(packed),
            8 => {
                let decompressed = DeflateDecoder::new(packed).read_to_end(&mut file);
                decompressed.expect("invalid deflate data in the ZIP archive");
            }
            method => panic!("compression method {method}: expected stored or deflated"),
        }
        files.push((String::from_utf8_lossy(name).into_owned(), file));
        at += 46 + name.len() + u16_at(bytes, at + 30) + u16_at(bytes, at + 32);
    }
    files
}

/// Parses a `.npy` file (numpy.lib.format, version 1.0); `None` for types other than numbers.
fn array(file: &[u8]) -> Option<Array> {
    let header = 10..10 + u16_at(file, 8);
    let data = &file[header.end..];
    let header = String::from_utf8_lossy(&file[header]).into_owned();
    let field = |name: &str| header.split(&format!("'{name}': ")).nth(1);
    let mut sizes = field("shape")?.split(['(', ')']).nth(1)?.split(',');
    let columns = sizes.nth(1).and_then(|size| size.trim().parse().ok());
    let values = match field("descr")?.split('\'').nth(1)? {
        "<f8" => numbers(data, f64::from_le_bytes),
        "<f4" => numbers(data, |bytes| f32::from_le_bytes(bytes).into()),
        "<i8" => numbers(data, |bytes| i64::from_le_bytes(bytes) as f64),
        _ => return None,
    };
    Some(Array {
        values,
        columns: columns.unwrap_or(1),
    })
}

fn numbers<const N: usize>(data: &[u8], number: fn([u8; N]) -> f64) -> Vec<f64> {
    let (chunks, _) = data.as_chunks::<N>();
    chunks.iter().map(|bytes| number(*bytes)).collect()
}
