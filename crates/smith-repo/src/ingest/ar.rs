//! The outer form of a package file: an `ar` archive of three members in a fixed order.

use std::io::{self, Read};

use crate::ingest::DebError;

const MAGIC: &[u8; 8] = b"!<arch>\n";

/// dpkg's own control archives have some kilobytes, the largest (many changed configuration files) under one megabyte.
const CONTROL_MAX: u64 = 8 * 1024 * 1024;

/// Signatures may be appended; nothing else is.
const MEMBERS_MAX: usize = 32;

/// How the control archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Gz,
    Xz,
    Zst,
}

/// The control archive as it lies in the file.
#[derive(Debug)]
pub(super) struct ControlMember {
    pub(super) packing: Packing,
    pub(super) bytes: Vec<u8>,
}

/// Walks the archive to its end, so that whoever hashes what is read has hashed the whole file.
pub(super) fn walk(reader: &mut impl Read) -> Result<ControlMember, DebError> {
    let mut walk = Walk { reader, at: 0 };
    let mut magic = [0; 8];
    if walk.fill(&mut magic)? != magic.len() || magic != *MAGIC {
        return Err(walk.unexpected("an ar archive", &magic));
    }
    walk.version()?;
    let control = walk.control()?;
    walk.data()?;
    walk.rest()?;
    Ok(control)
}

struct Walk<'a, R> {
    reader: &'a mut R,
    at: u64,
}

struct Member {
    name: String,
    size: u64,
}

impl<R: Read> Walk<'_, R> {
    fn version(&mut self) -> Result<(), DebError> {
        let member = self.needed("debian-binary first")?;
        if member.name != "debian-binary" || member.size > 64 {
            return Err(self.unexpected("debian-binary first", member.name.as_bytes()));
        }
        let text = self.take(&member)?;
        if text.starts_with(b"2.") { Ok(()) } else { Err(self.unexpected("a package of format 2", &text)) }
    }

    fn control(&mut self) -> Result<ControlMember, DebError> {
        let member = self.needed("control.tar")?;
        let packing = match member.name.strip_prefix("control.tar") {
            Some("") => Packing::None,
            Some(".gz") => Packing::Gz,
            Some(".xz") => Packing::Xz,
            Some(".zst") => Packing::Zst,
            Some(_) | None => {
                let expected = "control.tar, packed by gz, xz, zst or not";
                return Err(self.unexpected(expected, member.name.as_bytes()));
            }
        };
        if member.size > CONTROL_MAX {
            return Err(DebError::TooLong { limit: CONTROL_MAX });
        }
        Ok(ControlMember { packing, bytes: self.take(&member)? })
    }

    fn data(&mut self) -> Result<(), DebError> {
        let member = self.needed("data.tar")?;
        if !member.name.starts_with("data.tar") {
            return Err(self.unexpected("data.tar", member.name.as_bytes()));
        }
        self.skip(&member)
    }

    /// dpkg passes over members whose names begin with an underscore, and refuses others.
    fn rest(&mut self) -> Result<(), DebError> {
        for _ in 0..MEMBERS_MAX {
            let Some(member) = self.member()? else { return Ok(()) };
            if !member.name.starts_with('_') {
                return Err(
                    self.unexpected("nothing behind data.tar but members of `_`", member.name.as_bytes())
                );
            }
            self.skip(&member)?;
        }
        Err(self.unexpected("the end of the archive", b"more members"))
    }

    fn needed(&mut self, expected: &'static str) -> Result<Member, DebError> {
        match self.member()? {
            Some(member) => Ok(member),
            None => Err(self.unexpected(expected, b"")),
        }
    }

    /// 16 bytes of name, 12 of time, 6 and 6 of owners, 8 of mode, 10 of size, 2 that end the header.
    fn member(&mut self) -> Result<Option<Member>, DebError> {
        let mut header = [0; 60];
        match self.fill(&mut header)? {
            0 => return Ok(None),
            60 if header.ends_with(b"`\n") => {}
            read => return Err(self.unexpected("the header of a member", &header[..read])),
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let size = text(&header[48..58]);
        let is_number = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_digit());
        let Some(size) = size.parse().ok().filter(|_| is_number) else {
            return Err(self.unexpected("the size of a member", &header[48..58]));
        };
        // GNU's ar puts a slash behind the name.
        let name = text(&header[..16]);
        Ok(Some(Member { name: name.strip_suffix('/').unwrap_or(&name).to_owned(), size }))
    }

    fn take(&mut self, member: &Member) -> Result<Vec<u8>, DebError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(member.size).read_to_end(&mut bytes)? as u64;
        self.passed(member, read)?;
        Ok(bytes)
    }

    fn skip(&mut self, member: &Member) -> Result<(), DebError> {
        let mut buffer = vec![0; 256 * 1024];
        let mut left = member.size;
        while left > 0 {
            let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.reader.read(&mut buffer[..wanted]) {
                Ok(0) => break,
                Ok(read) => left -= read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.passed(member, member.size - left)
    }

    /// Members begin at even places. The last may lack the byte that fills up.
    fn passed(&mut self, member: &Member, read: u64) -> Result<(), DebError> {
        self.at += read;
        if read < member.size {
            return Err(DebError::Truncated {
                member: member.name.clone(),
                expected: member.size,
                found: read,
            });
        }
        if read % 2 == 1 {
            self.fill(&mut [0])?;
        }
        Ok(())
    }

    /// As much as there is.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, DebError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.at += filled as u64;
        Ok(filled)
    }

    fn unexpected(&self, expected: &'static str, found: &[u8]) -> DebError {
        let found = String::from_utf8_lossy(&found[..found.len().min(40)]).into_owned();
        DebError::Archive { at: self.at, expected, found }
    }
}
