//! Packs a text in several ways at once, in pieces that all cores share.
//!
//! Pieces are cut at fixed places, so the bytes do not depend on how many cores there are. Every apt takes several
//! members of gzip, several frames of zstd, and several blocks in one stream of xz; it takes no second stream of xz.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use flate2::write::GzEncoder;
use liblzma::stream::{Check, Filters, LzmaOptions, MtStreamBuilder};
use liblzma::write::XzEncoder;
use serde::{Deserialize, Serialize};
use zstd::zstd_safe::CParameter;

use crate::hash::{Hashing, Sha256};
use crate::index::IndexError;
use crate::store::Intake;

/// A megabyte costs two per cent of size against packing the whole, and 50 pieces keep any machine's cores busy.
const PIECE: usize = 1024 * 1024;

/// Each costs up to 16 MiB, and all this is to take 120 MiB with an index of 50 MB in memory; with four, hashing and
/// writing the index begin to be what takes the time.
const THREADS_MAX: usize = 4;

const GZ_LEVEL: u32 = 6;
const ZST_LEVEL: i32 = 9;

/// The level's own tables are eight times as large; for a megabyte of text they save a thousandth, and cost a fifth more
/// time and 10 MiB for each core.
const ZST_TABLE_LOG: u32 = 18;

/// Preset 6 takes nearly three times as long and saves a seventh; whoever wants few bytes takes zst, which is smaller.
const XZ_PRESET: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    Gz,
    Xz,
    Zst,
}

/// An object by its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    pub sha256: Sha256,
    pub size: u64,
}

/// Something that can be written more than once with the same result: first to be hashed, then to be packed.
pub(super) trait Text: Sync {
    fn write_to(&self, out: &mut dyn Write) -> io::Result<()>;
}

impl Compression {
    pub const ALL: [Self; 3] = [Self::Gz, Self::Xz, Self::Zst];

    /// How the file's name ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Gz => "gz",
            Self::Xz => "xz",
            Self::Zst => "zst",
        }
    }

    /// What made the bytes; another recipe makes others.
    pub(super) fn recipe(self) -> String {
        match self {
            Self::Gz => format!("gz level {GZ_LEVEL} in {PIECE}"),
            Self::Xz => format!("xz preset {XZ_PRESET} in {PIECE}"),
            Self::Zst => format!("zst level {ZST_LEVEL} tables {ZST_TABLE_LOG} in {PIECE}"),
        }
    }
}

/// As many threads as there are cores, within reason.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

/// Packs a text in each of these ways and takes the results in.
pub(super) fn compress(
    text: &dyn Text,
    wanted: &BTreeSet<Compression>,
    intake: &Intake<'_>,
    threads: usize,
) -> Result<BTreeMap<Compression, Blob>, IndexError> {
    let mut outputs = BTreeMap::new();
    for compression in wanted {
        outputs.insert(*compression, Output::create(&intake.temporary())?);
    }
    let paths: Vec<PathBuf> = outputs.values().map(|output| output.path.clone()).collect();
    let packed = pack(text, outputs, threads).and_then(|finished| {
        finished
            .into_iter()
            .map(|(compression, (path, blob))| {
                intake.adopt(&path, blob.sha256)?;
                Ok((compression, blob))
            })
            .collect()
    });
    if packed.is_err() {
        // What was adopted is no longer there under this name.
        paths.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    packed
}

struct Output {
    path: PathBuf,
    out: Hashing<BufWriter<File>>,
}

type Finished = BTreeMap<Compression, (PathBuf, Blob)>;

impl Output {
    fn create(path: &Path) -> Result<Self, IndexError> {
        let file =
            File::create(path).map_err(|source| IndexError::Write { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), out: Hashing::new(BufWriter::new(file)) })
    }

    fn failed(&self) -> impl FnOnce(io::Error) -> IndexError + use<> {
        let path = self.path.clone();
        move |source| IndexError::Write { path, source }
    }

    fn finish(mut self) -> Result<(PathBuf, Blob), IndexError> {
        let failed = self.failed();
        self.out.inner_mut().flush().map_err(failed)?;
        let (sha256, size) = self.out.finish();
        Ok((self.path, Blob { sha256, size }))
    }
}

struct Job {
    number: usize,
    piece: Arc<Vec<u8>>,
}

struct Done {
    number: usize,
    packed: io::Result<Vec<(Compression, Vec<u8>)>>,
}

/// One thread cuts, some pack, one puts the pieces in order; xz has threads of its own. All queues are bounded, and
/// whoever fails lets the others run dry, so that nobody waits for somebody who has left.
fn pack(
    text: &dyn Text,
    mut outputs: BTreeMap<Compression, Output>,
    threads: usize,
) -> Result<Finished, IndexError> {
    let xz = outputs.remove(&Compression::Xz);
    let kinds: Vec<Compression> = outputs.keys().copied().collect();
    let (jobs_in, jobs) = sync_channel::<Job>(threads);
    let (done_in, done) = sync_channel::<Done>(threads * 2);
    let (jobs, kinds) = (Mutex::new(jobs), kinds.as_slice());
    thread::scope(|scope| {
        for _ in 0..if kinds.is_empty() { 0 } else { threads } {
            let (done_in, jobs) = (done_in.clone(), &jobs);
            scope.spawn(move || work(jobs, &done_in, kinds));
        }
        drop(done_in);
        let collecting = scope.spawn(move || collect(&done, outputs));
        let (xz_in, xz_pieces) = sync_channel::<Arc<Vec<u8>>>(2);
        let packing_xz = xz.map(|output| scope.spawn(move || pack_xz(&xz_pieces, output, threads)));
        let jobs_in = (!kinds.is_empty()).then_some(jobs_in);
        let xz_in = packing_xz.is_some().then_some(xz_in);
        let mut cutter = Cutter { piece: Vec::with_capacity(PIECE), number: 0, jobs: jobs_in, xz: xz_in };
        let written = text.write_to(&mut cutter);
        cutter.finish();
        let mut finished = joined(collecting)?;
        if let Some(packing_xz) = packing_xz {
            finished.insert(Compression::Xz, joined(packing_xz)?);
        }
        let failed = |source| IndexError::Write { path: PathBuf::from("an index"), source };
        written.map(|()| finished).map_err(failed)
    })
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Cuts what is written to it into pieces. The last is never empty unless the text is.
struct Cutter {
    piece: Vec<u8>,
    number: usize,
    jobs: Option<SyncSender<Job>>,
    xz: Option<SyncSender<Arc<Vec<u8>>>>,
}

impl Cutter {
    /// A receiver that has left has an error to tell, which is heard when it is joined.
    fn send(&mut self) {
        let piece = Arc::new(std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE)));
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job { number: self.number, piece: Arc::clone(&piece) });
        }
        if let Some(xz) = &self.xz {
            let _ = xz.send(piece);
        }
        self.number += 1;
    }

    fn finish(mut self) {
        if !self.piece.is_empty() || self.number == 0 {
            self.send();
        }
    }
}

impl Write for Cutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.send();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, done: &SyncSender<Done>, kinds: &[Compression]) {
    let mut packer = Packer { zst: None };
    let mut is_wanted = true;
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { number, piece }) = job else { return };
        if is_wanted {
            let packed = kinds.iter().map(|kind| Ok((*kind, packer.pack(*kind, &piece)?))).collect();
            is_wanted = done.send(Done { number, packed }).is_ok();
        }
    }
}

struct Packer {
    zst: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    fn pack(&mut self, kind: Compression, piece: &[u8]) -> io::Result<Vec<u8>> {
        match kind {
            Compression::Gz => {
                let mut encoder =
                    GzEncoder::new(Vec::with_capacity(PIECE / 3), flate2::Compression::new(GZ_LEVEL));
                encoder.write_all(piece)?;
                encoder.finish()
            }
            Compression::Zst => {
                let packer = match &mut self.zst {
                    Some(packer) => packer,
                    none => none.insert(zst_packer()?),
                };
                packer.compress(piece)
            }
            Compression::Xz => Err(io::Error::other("xz is packed as one stream")),
        }
    }
}

fn zst_packer() -> io::Result<zstd::bulk::Compressor<'static>> {
    let mut packer = zstd::bulk::Compressor::new(ZST_LEVEL)?;
    packer.set_parameter(CParameter::HashLog(ZST_TABLE_LOG))?;
    packer.set_parameter(CParameter::ChainLog(ZST_TABLE_LOG))?;
    Ok(packer)
}

/// Writes pieces in their order, whichever is ready first.
fn collect(
    done: &Receiver<Done>,
    mut outputs: BTreeMap<Compression, Output>,
) -> Result<Finished, IndexError> {
    let (mut early, mut next) = (BTreeMap::new(), 0);
    for Done { number, packed } in done {
        early.insert(number, packed);
        while let Some(packed) = early.remove(&next) {
            next += 1;
            let failed = |source| IndexError::Write { path: PathBuf::from("an index"), source };
            for (kind, bytes) in packed.map_err(failed)? {
                if let Some(output) = outputs.get_mut(&kind) {
                    let failed = output.failed();
                    output.out.write_all(&bytes).map_err(failed)?;
                }
            }
        }
    }
    outputs.into_iter().map(|(kind, output)| Ok((kind, output.finish()?))).collect()
}

fn pack_xz(
    pieces: &Receiver<Arc<Vec<u8>>>,
    output: Output,
    threads: usize,
) -> Result<(PathBuf, Blob), IndexError> {
    let (path, failed) = (output.path, |path: &Path| {
        let path = path.to_owned();
        move |source| IndexError::Write { path, source }
    });
    let stream = xz_stream(threads).map_err(|error| failed(&path)(io::Error::other(error)))?;
    let mut encoder = XzEncoder::new_stream(output.out, stream);
    for piece in pieces {
        encoder.write_all(&piece).map_err(failed(&path))?;
    }
    let out = encoder.finish().map_err(failed(&path))?;
    Output { path, out }.finish()
}

/// The dictionary need not be larger than a block, which saves most of the memory.
fn xz_stream(threads: usize) -> Result<liblzma::stream::Stream, liblzma::stream::Error> {
    let mut options = LzmaOptions::new_preset(XZ_PRESET)?;
    options.dict_size(u32::try_from(PIECE).unwrap_or(u32::MAX));
    let mut filters = Filters::new();
    filters.lzma2(&options);
    MtStreamBuilder::new()
        .threads(u32::try_from(threads).unwrap_or(1))
        .block_size(PIECE as u64)
        .filters(filters)
        .check(Check::Crc64)
        .encoder()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::store::Store;

    impl Text for &[u8] {
        fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
            // In odd portions, as stanzas come.
            self.chunks(70_001).try_for_each(|portion| out.write_all(portion))
        }
    }

    /// Text that packs like an index, longer than a few pieces.
    fn text(length: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(length + 100);
        for number in 0u64.. {
            if text.len() >= length {
                break;
            }
            let odd = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            text.extend_from_slice(format!("Package: p{odd:x}\nVersion: 1.{number}\n\n").as_bytes());
        }
        text.truncate(length);
        text
    }

    fn packed(text: &[u8], threads: usize) -> BTreeMap<Compression, Vec<u8>> {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        let blobs = compress(&text, &Compression::ALL.into(), &intake, threads).expect("packed");
        intake.settle().expect("settled");
        let read = |blob: &Blob| {
            let bytes = fs::read(store.object(&blob.sha256)).expect("an object");
            assert_eq!((bytes.len() as u64, Sha256::of(&bytes)), (blob.size, blob.sha256));
            bytes
        };
        blobs.iter().map(|(kind, blob)| (*kind, read(blob))).collect()
    }

    fn unpacked(kind: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        match kind {
            Compression::Gz => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut text),
            // One stream only, as apt reads it.
            Compression::Xz => liblzma::read::XzDecoder::new(bytes).read_to_end(&mut text),
            Compression::Zst => {
                zstd::Decoder::new(bytes).and_then(|mut decoder| decoder.read_to_end(&mut text))
            }
        }
        .expect("unpacked");
        text
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads_and_hold_the_text() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 12345] {
            let text = text(length);
            let one = packed(&text, 1);
            for (kind, bytes) in &one {
                assert!(unpacked(*kind, bytes) == text, "{kind:?} of {length}");
            }
            assert!(one == packed(&text, 3), "{length}");
            assert_eq!(one.len(), 3);
        }
    }

    struct Failing;

    impl Text for Failing {
        fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
            out.write_all(&text(3 * PIECE))?;
            Err(io::Error::other("no more"))
        }
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::create(folder.path()).expect("a store");
        let intake = store.intake().expect("an intake");
        let error = compress(&Failing, &Compression::ALL.into(), &intake, 2).expect_err("fails");
        assert!(matches!(error, IndexError::Write { .. }), "{error}");
        assert_eq!(fs::read_dir(store.incoming()).expect("read").count(), 0);
    }
}
