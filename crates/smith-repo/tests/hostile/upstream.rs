//! An upstream as it should be, each part of which a test can make something else.

use std::io::Write as _;

use jiff::Timestamp;
use smith_repo::hash::Sha256;
use smith_repo::pgp::Signer;

use crate::deb;
use crate::server::Files;
use crate::world::Outcome;

/// How the Release is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    InRelease,
    Pair,
}

/// What becomes an upstream when it is laid out.
pub(crate) struct Draft {
    pub(crate) suite: &'static str,
    pub(crate) date: Timestamp,
    pub(crate) valid_until: Timestamp,
    pub(crate) form: Form,
    pub(crate) by_hash: bool,
    /// How the indexes are packed.
    pub(crate) packings: Vec<&'static str>,
    pub(crate) packages: Vec<u8>,
    pub(crate) translation: Vec<u8>,
    pub(crate) debs: Vec<(String, Vec<u8>)>,
    /// Lines that the Release has besides.
    pub(crate) fields: String,
}

/// A stanza for a package file.
pub(crate) fn stanza(name: &str, version: &str, path: &str, bytes: &[u8]) -> String {
    format!(
        "{}Filename: {path}\nSize: {}\nSHA256: {}\n",
        deb::control(name, version),
        bytes.len(),
        Sha256::of(bytes)
    )
}

impl Draft {
    /// Three packages, the version of the first being the number.
    pub(crate) fn good(number: u32, date: Timestamp) -> Self {
        let mut draft = Self {
            suite: "stable",
            date,
            valid_until: date + jiff::SignedDuration::from_hours(24 * 7),
            form: Form::InRelease,
            by_hash: true,
            packings: vec!["", ".xz"],
            packages: Vec::new(),
            translation: b"Package: alpha\nDescription-md5: 0\nDescription-en: alpha\n long\n\n".repeat(50),
            debs: Vec::new(),
            fields: String::new(),
        };
        for (name, version) in [("alpha", number), ("beta", 1), ("gamma", 1)] {
            draft.add(name, &version.to_string(), 40_000);
        }
        draft
    }

    pub(crate) fn add(&mut self, name: &str, version: &str, size: usize) {
        let (path, bytes) = (format!("pool/main/{name}_{version}_amd64.deb"), deb::good(name, version, size));
        self.packages.extend_from_slice(stanza(name, version, &path, &bytes).as_bytes());
        self.packages.push(b'\n');
        self.debs.push((path, bytes));
    }

    /// The same with a text of the index changed; both must have been there.
    pub(crate) fn replace(&mut self, from: &[u8], to: &[u8]) -> Outcome {
        let at = self.packages.windows(from.len()).position(|window| window == from).ok_or("no such text")?;
        self.packages.splice(at..at + from.len(), to.iter().copied());
        Ok(())
    }

    /// The indexes as they lie on the server, below the suite.
    pub(crate) fn indexes(&self) -> Outcome<Vec<(String, Vec<u8>)>> {
        let mut indexes = Vec::new();
        for (stem, text) in
            [("main/binary-amd64/Packages", &self.packages), ("main/i18n/Translation-en", &self.translation)]
        {
            for packing in &self.packings {
                indexes.push((format!("{stem}{packing}"), pack(packing, text)?));
            }
        }
        Ok(indexes)
    }

    pub(crate) fn release(&self, indexes: &[(String, Vec<u8>)]) -> String {
        let date = |at: Timestamp| at.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
        let yes = if self.by_hash { "Acquire-By-Hash: yes\n" } else { "" };
        let mut text = format!(
            "Suite: {}\nDate: {}\nValid-Until: {}\n{yes}Architectures: amd64\nComponents: main\n{}SHA256:\n",
            self.suite,
            date(self.date),
            date(self.valid_until),
            self.fields
        );
        for (path, bytes) in indexes {
            text.push_str(&format!(" {} {} {path}\n", Sha256::of(bytes), bytes.len()));
        }
        text
    }

    /// Everything, signed.
    pub(crate) fn lay(&self, signer: &dyn Signer) -> Outcome<Files> {
        let indexes = self.indexes()?;
        self.lay_with(&indexes, self.release(&indexes).as_bytes(), signer)
    }

    /// With indexes or a Release that were changed before it was signed.
    pub(crate) fn lay_with(
        &self,
        indexes: &[(String, Vec<u8>)],
        release: &[u8],
        signer: &dyn Signer,
    ) -> Outcome<Files> {
        let mut files = Files::new();
        let folder = format!("/dists/{}", self.suite);
        for (path, bytes) in indexes {
            files.insert(format!("{folder}/{path}"), bytes.clone());
            let (parent, _) = path.rsplit_once('/').ok_or("no folder")?;
            if self.by_hash {
                files
                    .insert(format!("{folder}/{parent}/by-hash/SHA256/{}", Sha256::of(bytes)), bytes.clone());
            }
        }
        for (path, bytes) in &self.debs {
            files.insert(format!("/{path}"), bytes.clone());
        }
        match self.form {
            Form::InRelease => {
                let message = signer.sign_cleartext(std::str::from_utf8(release)?, self.date)?;
                files.insert(format!("{folder}/InRelease"), message.into_bytes());
            }
            Form::Pair => {
                let signature = signer.sign_armored(release, self.date)?;
                files.insert(format!("{folder}/Release"), release.to_vec());
                files.insert(format!("{folder}/Release.gpg"), signature.into_bytes());
            }
        }
        Ok(files)
    }
}

pub(crate) fn pack(packing: &str, text: &[u8]) -> Outcome<Vec<u8>> {
    Ok(match packing {
        ".gz" => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(text)?;
            out.finish()?
        }
        ".xz" => {
            let mut out = liblzma::write::XzEncoder::new(Vec::new(), 1);
            out.write_all(text)?;
            out.finish()?
        }
        ".zst" => zstd::bulk::compress(text, 1)?,
        _ => text.to_vec(),
    })
}
