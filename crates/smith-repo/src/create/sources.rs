//! Source packages: those of the chosen packages, or all where everything is taken.

use std::collections::BTreeSet;

use crate::create::CreateError;
use crate::create::gather::Frozen;
use crate::create::run::Run;
use crate::deb822::{SourceFile, SourceRecord, Stanzas};
use crate::index::{IndexStanza, PackagesIndex};
use crate::lazy::ELSEWHERE;
use crate::name::{PartName, RelPath};
use crate::upstream::{Fault, Suite};

/// So many are named in a note.
const NAMED_MAX: usize = 5;

/// An index of source packages.
pub(super) struct SourceText {
    pub(super) upstream: usize,
    /// Which of the suites that were looked at.
    pub(super) suite: usize,
    /// None for the only index of a flat suite.
    pub(super) component: Option<PartName>,
    pub(super) text: Vec<u8>,
    /// The same index of the build before, where a rule may have kept something of it.
    pub(super) before: Vec<u8>,
}

/// The records of an index, and those of the same index of the build before.
type Read<'a> = (Vec<SourceRecord<'a>>, Vec<SourceRecord<'a>>);

/// A source package that is in the build.
pub(super) struct ChosenSource<'a> {
    pub(super) record: &'a SourceRecord<'a>,
    /// In which index it stands.
    pub(super) index: usize,
    /// Its folder below the pool of the upstream.
    folder: String,
    is_moved: bool,
}

/// What was chosen, and which sources of chosen packages are nowhere.
pub(super) struct ChosenSources<'a> {
    pub(super) chosen: Vec<ChosenSource<'a>>,
    pub(super) note: Option<String>,
}

impl Run<'_> {
    pub(super) fn read_sources<'b>(
        &self,
        frozen: &[Frozen],
        texts: &'b [SourceText],
    ) -> Result<Vec<Read<'b>>, CreateError> {
        let mut read = Vec::with_capacity(texts.len());
        for one in texts {
            let suite = self.suite_of(frozen[one.suite].upstream, &frozen[one.suite].suite);
            let index = match &one.component {
                Some(component) => format!("{component}/source/Sources"),
                None => "Sources".to_owned(),
            };
            read.push((records(&suite, &index, &one.text)?, records(&suite, &index, &one.before)?));
        }
        Ok(read)
    }

    /// `wanted` has the names and versions of the sources of all chosen packages of upstreams whose sources are asked for.
    pub(super) fn choose_sources<'b>(
        &self,
        texts: &[SourceText],
        read: &'b [Read<'b>],
        wanted: &BTreeSet<(&str, &str)>,
    ) -> ChosenSources<'b> {
        let mut chosen = Vec::new();
        let mut found: BTreeSet<(&str, &str)> = BTreeSet::new();
        for (at, (text, (now, before))) in texts.iter().zip(read).enumerate() {
            let takes_all = self.recipe.upstreams[text.upstream].filter.takes_all();
            let mut here = BTreeSet::new();
            for record in now {
                let key = (record.package, record.version);
                if takes_all || wanted.contains(&key) {
                    here.insert(key);
                    chosen.push(ChosenSource::new(record, at, From::Upstream));
                }
            }
            // What a rule has kept is no longer named by the upstream.
            for record in before {
                let key = (record.package, record.version);
                if wanted.contains(&key) && here.insert(key) {
                    chosen.push(ChosenSource::new(record, at, From::BuildBefore));
                }
            }
            found.append(&mut here);
        }
        let missing: Vec<String> =
            wanted.difference(&found).map(|(name, version)| format!("{name} {version}")).collect();
        let note = (!missing.is_empty() && !texts.is_empty()).then(|| {
            let more = if missing.len() > NAMED_MAX { ", …" } else { "" };
            let named = missing[..missing.len().min(NAMED_MAX)].join(", ");
            format!("the sources of {} packages are in no index: {named}{more}", missing.len())
        });
        ChosenSources { chosen, note }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Upstream,
    BuildBefore,
}

impl<'a> ChosenSource<'a> {
    fn new(record: &'a SourceRecord<'a>, index: usize, from: From) -> Self {
        let directory = record.directory.as_ref().map_or("", RelPath::as_str);
        let is_clear = |path: &&str| {
            from == From::BuildBefore
                || (!path.starts_with(ELSEWHERE) && *path != ELSEWHERE.trim_end_matches('/'))
        };
        match directory.strip_prefix("pool/").filter(is_clear) {
            Some(folder) => Self { record, index, folder: folder.to_owned(), is_moved: false },
            None => {
                let folder = format!("{ELSEWHERE}{directory}").trim_end_matches('/').to_owned();
                Self { record, index, folder, is_moved: true }
            }
        }
    }

    /// Its files, each with its path below the pool of the upstream.
    pub(super) fn files(&self) -> Result<Vec<(RelPath, &'a SourceFile)>, CreateError> {
        let record = self.record;
        let path =
            |file: &'a SourceFile| Ok((RelPath::new(&format!("{}/{}", self.folder, file.name))?, file));
        record.files.iter().map(path).collect()
    }

    fn stanza(&self) -> Result<IndexStanza<'a>, CreateError> {
        let stanza = IndexStanza::verbatim(self.record.stanza);
        Ok(if self.is_moved {
            stanza.in_folder(RelPath::new(&format!("pool/{}", self.folder))?)
        } else {
            stanza
        })
    }
}

/// The index that is written for one that was read.
pub(super) fn written<'a>(
    text: &SourceText,
    at: usize,
    chosen: &[ChosenSource<'a>],
) -> Result<PackagesIndex<'a>, CreateError> {
    let mut own: Vec<&ChosenSource<'a>> = chosen.iter().filter(|one| one.index == at).collect();
    // Source packages of the build before stand after the others; an index is in order.
    if !text.before.is_empty() {
        own.sort_by_key(|one| (one.record.package, one.record.version));
    }
    let stanzas = own.iter().map(|one| one.stanza()).collect::<Result<_, _>>()?;
    Ok(PackagesIndex::sources(text.component.as_ref(), stanzas)?)
}

fn records<'a>(suite: &Suite<'_>, index: &str, text: &'a [u8]) -> Result<Vec<SourceRecord<'a>>, CreateError> {
    let mut records = Vec::new();
    for stanza in Stanzas::new(text) {
        let stanza = stanza
            .map_err(|source| suite.refused(Fault::Scan { path: index.into(), source: Box::new(source) }))?;
        let record = SourceRecord::read(&stanza);
        records.push(record.map_err(|source| {
            suite.refused(Fault::Record { path: index.into(), source: Box::new(source) })
        })?);
    }
    Ok(records)
}
