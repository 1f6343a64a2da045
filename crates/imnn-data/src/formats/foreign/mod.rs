//! Files that are no arrays: what they are, and how to make arrays of them. Each recipe works as it is typed.

mod pickle;
mod recipe;

use std::fs::File;
use std::io::Read;
use std::path::Path;

pub(super) use self::pickle::LOOKED_AT;
pub(super) use self::recipe::objects;
use self::recipe::{TRUST, UNPACKED, beside, converts, python, unpacks};

/// The first bytes that are looked at.
const START: u64 = 1024;

/// What a file is that is neither an array nor a table, and what to do about it; nothing where it may be one.
pub(super) fn what(file: &Path) -> Option<String> {
    let start = start(file, START)?;
    let text = String::from_utf8_lossy(&start);
    let text = text.trim_start().to_ascii_lowercase();
    Some(match &start[..] {
        [] => "is empty: whatever wrote it did not come to its end; write or copy it again".to_owned(),
        _ if text.starts_with("version https://git-lfs") => {
            "is a pointer of Git LFS, not the data that it stands for; fetch them: git lfs install && git lfs pull".to_owned()
        }
        _ if text.starts_with("/annex/objects/") => {
            format!("is a pointer of git-annex, not the data that it stands for; fetch them: git annex get {}", recipe::shell(file))
        }
        _ if text.starts_with("<!doctype html") || text.starts_with("<html") => {
            "is a web page, as a server sends where one has to log in or the address has changed; open it in a browser, and download the file again".to_owned()
        }
        _ if text.starts_with("<?xml") || text.starts_with("<error>") => {
            "is XML, as a server sends when it refuses a file; read it, and download the file again".to_owned()
        }
        [b'{', ..] if text.contains('"') => {
            let load = "json.load(open(<from>))";
            let save = "{k: np.array(v, dtype=float) for k, v in d.items()}";
            format!(
                "is JSON; if it holds numbers: {}",
                python(file, "import json, numpy as np", &format!("d = {load}; np.savez(<to>, **{save})"), "npz")
            )
        }
        [0x1f, 0x8b, ..] => format!("is compressed by gzip; {}", unpacks(file, "gzip -dc")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => format!("is compressed by bzip2; {}", unpacks(file, "bzip2 -dc")),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => format!("is compressed by xz; {}", unpacks(file, "xz -dc")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => format!("is compressed by zstd; {}", unpacks(file, "zstd -dc")),
        _ if is_zlib(&start) => {
            let unpack = "open(<to>, 'wb').write(zlib.decompress(open(<from>, 'rb').read()))";
            format!("is compressed by zlib; unpack it: {}", python(file, "import zlib", unpack, UNPACKED))
        }
        [b'S', b'I', b'M', b'P', b'L', b'E', b' ', ..] => {
            let save = "np.save(<to>, fits.getdata(<from>).astype(float))";
            format!("is a FITS file; {}", converts(file, "from astropy.io import fits; import numpy as np", save, "npy"))
        }
        _ if start.starts_with(b"MATLAB 5.0 MAT-file") => {
            let save = "np.savez(<to>, **{k: v for k, v in loadmat(<from>).items() if k[0] != '_'})";
            let import = "import numpy as np; from scipy.io import loadmat";
            format!("is a file of MATLAB; {}", converts(file, import, save, "npz"))
        }
        [b'C', b'D', b'F', 1 | 2 | 5, ..] => {
            let save = "np.savez(<to>, **{k: v[:].astype(float) for k, v in netcdf_file(<from>, mmap=False).variables.items()})";
            let import = "import numpy as np; from scipy.io import netcdf_file";
            format!("is a netCDF file of version 3; {}", converts(file, import, save, "npz"))
        }
        _ if start.starts_with(b"PAR1") => {
            let save = "np.save(<to>, pd.read_parquet(<from>).to_numpy(dtype=float))";
            format!("is a Parquet file; {}", converts(file, "import pandas as pd, numpy as np", save, "npy"))
        }
        _ if start.get(257..262) == Some(b"ustar") => {
            format!("is a tar archive; unpack it: tar -xf {}", recipe::shell(file))
        }
        _ if start.starts_with(b"\x89PNG") || start.starts_with(b"\xff\xd8\xff") => {
            let save = "np.save(<to>, np.asarray(Image.open(<from>), dtype=float))";
            format!("is an image; {}", converts(file, "from PIL import Image; import numpy as np", save, "npy"))
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] if start.get(2..).is_some_and(|rest| rest.contains(&0)) => {
            format!("is text in UTF-16; write it in UTF-8: iconv -f UTF-16 -t UTF-8 {} > {}", recipe::shell(file), beside(file, "utf8.txt"))
        }
        [0x80, 2..=5, ..] => pickle_file(file),
        _ if [&b"(dp"[..], b"(lp", b"ccopy_reg\n", b"cnumpy"].iter().any(|begin| start.starts_with(begin)) => pickle_file(file),
        _ => return None,
    })
}

/// What a zip archive of another program is, by the names in it; nothing where it may be one of arrays.
pub(super) fn archive(file: &Path, names: &[String]) -> Option<String> {
    let has = |end: &str| names.iter().any(|name| name == end || name.ends_with(&format!("/{end}")));
    if has("data.pkl") {
        return Some(torch(file));
    }
    if has("workbook.xml") {
        let save = "np.save(<to>, pd.read_excel(<from>, header=None).to_numpy(dtype=float))";
        return Some(format!("is a spreadsheet; {}", converts(file, "import pandas as pd, numpy as np", save, "npy")));
    }
    None
}

/// What a Python pickle is.
fn pickle_file(file: &Path) -> String {
    // Of the second protocol, with the number that PyTorch begins with.
    let bytes = start(file, LOOKED_AT).unwrap_or_default();
    if bytes.windows(10).take(16).any(|part| part == b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") {
        return torch(file);
    }
    let object = pickle::object(&bytes);
    let what = object.name();
    format!("is a pickle of Python: {what}; {}; {TRUST}", object.recipe(file))
}

fn torch(file: &Path) -> String {
    let save = "np.save(<to>, torch.load(<from>, map_location='cpu').numpy())";
    let recipe = converts(file, "import torch, numpy as np", save, "npy");
    format!("is a file of PyTorch; if it is one tensor: {}", recipe.trim_start_matches("make an array of it: "))
}

/// Two bytes that zlib begins with: deflate, and a check of both.
fn is_zlib(start: &[u8]) -> bool {
    !start.is_ascii() && matches!(start, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..])
}

fn start(file: &Path, most: u64) -> Option<Vec<u8>> {
    let mut start = vec![];
    File::open(file).ok()?.take(most).read_to_end(&mut start).ok()?;
    Some(start)
}

#[cfg(test)]
mod tests;
