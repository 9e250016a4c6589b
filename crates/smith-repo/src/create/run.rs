//! From a recipe to a build.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Deref;
use std::thread;

use jiff::Timestamp;

use crate::create::CreateError;
use crate::create::finish::{Files, finish};
use crate::create::gather::{Frozen, Source, candidate, installed, records, stem};
use crate::create::indexes::{Indexes, ReadyIndex};
use crate::create::sources::{ChosenSource, ChosenSources, SourceText, written};
use crate::deb822::{PackageRecord, Stanzas};
use crate::fetch::{Fetcher, Progress, Want, encoded, without_password};
use crate::hash::Sha256;
use crate::index::{
    Blob, Compression, IndexStanza, Md5Sums, PackagesIndex, Presence, ReadyFile, SuiteIndex, write_suite,
};
use crate::ingest::{Destination, LocalDeb, find_debs, ingest};
use crate::lazy::ELSEWHERE;
use crate::manifest::{BuildInfo, Change, PackedList};
use crate::mirror::{Held, Objects, clear_stale, stale_folders, write_index};
use crate::name::{BuildNumber, PartName, RelPath, SuiteName, UpstreamName};
use crate::pgp::{Signer, check_text};
use crate::release::NewRelease;
use crate::select::{Candidate, Choice, Selection, choose};
use crate::store::{Intake, Lease, Store};
use crate::upstream::{Believed, LocalFolder, Recipe, Refused, Replay, RuleKind, Suite, Wanted};

/// What to do when the world is as it was for the build before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IfUnchanged {
    #[default]
    Stop,
    /// A new number for the same content.
    Build,
}

/// How a build is made.
#[expect(missing_debug_implementations, reason = "a signer need not be shown")]
pub struct Create<'a> {
    pub store: &'a Store,
    pub fetcher: &'a Fetcher,
    pub recipe: &'a Recipe,
    pub signer: &'a dyn Signer,
    /// When the youngest of the signing keys was made: nothing can be signed before that.
    pub signed_from: Timestamp,
    /// The number of the build; the next that is free unless said.
    pub number: Option<BuildNumber>,
    pub if_unchanged: IfUnchanged,
    pub replay: Replay,
    pub progress: &'a dyn Progress,
    pub now: Timestamp,
    pub made_by: &'a str,
}

/// Who signs a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signing {
    /// The signer.
    #[default]
    Here,
    /// Somebody on another machine; until then the build is whole and not yet published.
    Elsewhere,
}

/// Whether package files are brought when a build is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bring {
    #[default]
    Now,
    /// They stay at the upstream until somebody asks for them.
    OnFirstUse,
}

/// How a build is made where not as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    pub signing: Signing,
    pub bring: Bring,
}

/// A build that is being made.
pub(super) struct Run<'a> {
    create: &'a Create<'a>,
    pub(super) manner: Manner,
}

impl<'a> Deref for Run<'a> {
    type Target = Create<'a>;

    fn deref(&self) -> &Create<'a> {
        self.create
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// Nothing is new since this build.
    Unchanged(Box<BuildInfo>),
    Made {
        info: Box<BuildInfo>,
        /// What the recipe asks for and had no effect, and why.
        idle: Vec<String>,
    },
}

/// A package that is in the build.
pub(super) struct Chosen<'a> {
    pub(super) record: &'a PackageRecord<'a>,
    pub(super) from: Choice,
    pub(super) source: usize,
    /// Below the pool of the upstream.
    pub(super) path: RelPath,
    /// Where its file lies is not where the upstream says.
    moved: bool,
}

/// A listing of 256 folders takes as long as asking for a few hundred objects, in a store that is not much larger.
const LISTED_FROM: usize = 5_000;

/// Everything that was chosen, and the indexes that it was chosen from.
struct From<'a> {
    sources: &'a [Source],
    chosen: &'a [Chosen<'a>],
    texts: &'a [SourceText],
    chosen_sources: &'a [ChosenSource<'a>],
}

/// What a build is finished from.
struct Written {
    files: Files,
    packages: PackedList,
    changes: Vec<Change>,
    /// What suites do not have.
    notes: Vec<String>,
    /// What people's decisions did not do, or did besides.
    idle: Vec<String>,
    leases: [Lease; 2],
}

/// A local folder's packages.
pub(super) struct Local<'a> {
    pub(super) folder: &'a LocalFolder,
    pub(super) debs: Vec<LocalDeb>,
}

impl Create<'_> {
    pub fn run(&self) -> Result<Created, CreateError> {
        self.run_as(Manner::default())
    }

    pub fn run_as(&self, manner: Manner) -> Result<Created, CreateError> {
        Run { create: self, manner }.run()
    }
}

impl Run<'_> {
    fn run(&self) -> Result<Created, CreateError> {
        if self.recipe.upstreams.is_empty() && self.recipe.local.is_empty() {
            return Err(CreateError::EmptyRecipe);
        }
        if let Some(number) = self.number {
            self.check_number(number)?;
        }
        clear_stale(&stale_folders(self.store))?;
        let parent =
            self.store.builds_present()?.last().map(|number| Held::read(self.store, *number)).transpose()?;
        let mut frozen = self.releases()?;
        let intake = self.store.intake()?;
        let locals = self.locals(&intake)?;
        let config = self.config(&locals)?;
        if self.if_unchanged == IfUnchanged::Stop
            && let Some(newest) = self.newest(parent.as_ref())?
            && is_unchanged(&newest, &frozen, config)
        {
            self.remember(&frozen)?;
            // A run that was killed when its build had just appeared may have left the list of builds behind.
            let locked = self.store.lock_now()?;
            self.store.note_numbers(&locked)?;
            write_index(self.store, &locked)?;
            return Ok(Created::Unchanged(Box::new(newest)));
        }
        self.make(&mut frozen, parent.as_ref(), &intake, &locals, config)
    }

    /// The build of a world that has changed.
    fn make(
        &self,
        frozen: &mut [Frozen],
        parent: Option<&Held>,
        intake: &Intake<'_>,
        locals: &[Local<'_>],
        config: Sha256,
    ) -> Result<Created, CreateError> {
        let written = self.write_all(frozen, parent, intake, locals)?;
        let Written { files, packages, changes, mut notes, idle, leases } = written;
        let info = |number| self.info(number, parent, config, frozen, (&changes, &idle));
        let info = finish(self, &files, packages, parent, info)?;
        drop(leases);
        self.remember(frozen)?;
        notes.extend(idle);
        Ok(Created::Made { info: Box::new(info), idle: notes })
    }

    /// Chooses, brings and writes. The texts of all indexes are in memory as long as this runs and no longer.
    fn write_all(
        &self,
        frozen: &mut [Frozen],
        parent: Option<&Held>,
        intake: &Intake<'_>,
        locals: &[Local<'_>],
    ) -> Result<Written, CreateError> {
        let Indexes { packages: sources, sources: source_texts, extras, mut notes } =
            self.indexes(frozen, parent)?;
        let read_sources = self.read_sources(frozen, &source_texts)?;
        let mut read = Vec::with_capacity(sources.len());
        for source in &sources {
            let suite = self.suite(&frozen[source.suite]);
            let index = stem(source.part.as_ref());
            read.push((records(&suite, &index, &source.text)?, records(&suite, &index, &source.before)?));
        }
        let (candidates, places) = self.candidates(frozen, &sources, &read);
        let upstreams = self.recipe.upstreams.iter();
        let installed_on = upstreams.map(|upstream| installed(&upstream.filter.installed));
        let installed_on: Vec<BTreeSet<String>> = installed_on.collect::<Result<_, _>>()?;
        let selection = choose(self.recipe, &installed_on, &candidates)?;
        let chosen: Vec<Chosen<'_>> = selection
            .chosen
            .iter()
            .map(|at| self.place(places[*at], &candidates[*at]))
            .collect::<Result<_, _>>()?;
        drop((candidates, places));
        let wanted = self.wanted_sources(&sources, &chosen);
        let ChosenSources { chosen: chosen_sources, note } =
            self.choose_sources(&source_texts, &read_sources, &wanted);
        notes.extend(note);
        let from = From {
            sources: &sources,
            chosen: &chosen,
            texts: &source_texts,
            chosen_sources: &chosen_sources,
        };
        let mut files = Files::default();
        self.pool(&from, locals, &mut files)?;
        files.check_pool(self.store, parent)?;
        let lease = self.store.lease(files.pool.values().map(|(hash, _)| *hash))?;
        match self.manner.bring {
            Bring::Now => self.bring(&from, parent, intake)?,
            Bring::OnFirstUse => self.check_addresses()?,
        }
        intake.settle()?;
        let write = |files: &mut Files| -> Result<(), CreateError> {
            for (at, suite) in frozen.iter().enumerate() {
                self.write(intake, suite, at, &from, &extras, files)?;
            }
            locals.iter().try_for_each(|local| self.write_local(intake, local, files))?;
            Ok(intake.settle().map(drop)?)
        };
        write(&mut files)?;
        let tree_lease = self.store.lease(files.tree_objects())?;
        // What stood there from a build that a purge took before the lease is written again.
        if !files.tree_objects().all(|hash| self.store.has(&hash)) {
            write(&mut files)?;
        }
        let packages = self.packages(frozen, &sources, &chosen, locals, parent)?;
        let Selection { changes, idle, .. } = selection;
        Ok(Written { files, packages, changes, notes, idle, leases: [lease, tree_lease] })
    }

    fn remember(&self, frozen: &[Frozen]) -> Result<(), CreateError> {
        Ok(frozen.iter().try_for_each(|one| self.suite(one).remember(&one.believed))?)
    }

    /// A number is given once, and a build that is made later has a higher one: the newest is the one with the highest.
    pub(super) fn check_number(&self, number: BuildNumber) -> Result<(), CreateError> {
        let store = self.store;
        let places = [store.build(number), store.archived(number), store.unsigned_build(number)];
        if places.iter().any(|place| place.exists()) {
            return Err(CreateError::Taken { number });
        }
        if number.0 == u32::MAX {
            return Err(CreateError::Last { number });
        }
        match store.highest_number()?.filter(|highest| number <= *highest) {
            Some(highest) => Err(CreateError::Given { number, highest }),
            None => Ok(()),
        }
    }

    /// The newest build: the parent, unless a newer one waits for its signatures.
    fn newest(&self, parent: Option<&Held>) -> Result<Option<BuildInfo>, CreateError> {
        let waiting = self.store.builds_unsigned()?.last().copied();
        match waiting.filter(|number| parent.is_none_or(|parent| parent.info.number < *number)) {
            Some(number) => Ok(Some(Held::info_of_any(self.store, number)?)),
            None => Ok(parent.map(|parent| parent.info.clone())),
        }
    }

    fn suite<'b>(&'b self, frozen: &'b Frozen) -> Suite<'b> {
        self.suite_of(frozen.upstream, &frozen.suite)
    }

    pub(super) fn suite_of<'b>(&'b self, upstream: usize, suite: &'b SuiteName) -> Suite<'b> {
        let Create { store, fetcher, now, replay, .. } = *self.create;
        Suite { store, fetcher, upstream: &self.recipe.upstreams[upstream], suite, now, replay }
    }

    /// Every suite's Release, all at the same time.
    fn releases(&self) -> Result<Vec<Frozen>, CreateError> {
        let wanted: Vec<(usize, &SuiteName)> = (0..)
            .zip(&self.recipe.upstreams)
            .flat_map(|(at, upstream)| upstream.suites.iter().map(move |suite| (at, suite)))
            .collect();
        let found: Vec<Result<Believed, Refused>> = thread::scope(|scope| {
            let asked: Vec<_> = wanted
                .iter()
                .map(|(upstream, suite)| {
                    let suite = Asked {
                        store: self.store,
                        fetcher: self.fetcher,
                        recipe: self.recipe,
                        upstream: *upstream,
                        suite,
                        now: self.now,
                        replay: self.replay,
                    };
                    scope.spawn(move || suite.release())
                })
                .collect();
            asked
                .into_iter()
                .map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let mut frozen = Vec::with_capacity(found.len());
        for ((upstream, suite), believed) in wanted.into_iter().zip(found) {
            frozen.push(Frozen {
                upstream,
                suite: suite.clone(),
                believed: believed?,
                indexes: Vec::new(),
                absent: Vec::new(),
            });
        }
        Ok(frozen)
    }

    /// Our own packages, taken into the store.
    fn locals(&self, intake: &Intake<'_>) -> Result<Vec<Local<'_>>, CreateError> {
        let mut locals = Vec::with_capacity(self.recipe.local.len());
        for folder in &self.recipe.local {
            let failed = |source| CreateError::Folder { path: folder.folder.clone(), source };
            let debs = ingest(
                &find_debs(&folder.folder).map_err(failed)?,
                &folder.component,
                Destination::Store(intake),
            );
            if let Some(refused) = debs.refused.into_iter().next() {
                return Err(CreateError::Deb { path: refused.path, source: Box::new(refused.error) });
            }
            locals.push(Local { folder, debs: debs.debs });
        }
        Ok(locals)
    }

    /// Changes with the recipe, with our own packages, and with what machines have installed.
    fn config(&self, locals: &[Local<'_>]) -> Result<Sha256, CreateError> {
        let mut text = serde_json::to_string(self.recipe)?;
        for deb in locals.iter().flat_map(|local| &local.debs) {
            text.push_str(&deb.sha256.hex());
        }
        for upstream in &self.recipe.upstreams {
            for name in installed(&upstream.filter.installed)? {
                text.push('\n');
                text.push_str(&name);
            }
        }
        Ok(Sha256::of(text.as_bytes()))
    }

    fn candidates<'b>(
        &'b self,
        frozen: &'b [Frozen],
        sources: &'b [Source],
        read: &'b [(Vec<PackageRecord<'b>>, Vec<PackageRecord<'b>>)],
    ) -> (Vec<Candidate<'b>>, Vec<&'b PackageRecord<'b>>) {
        let (mut candidates, mut places) = (Vec::new(), Vec::new());
        for (at, (source, (now, before))) in sources.iter().zip(read).enumerate() {
            let upstream = &self.recipe.upstreams[source.upstream];
            let distribution = upstream.distribution_of(&frozen[source.suite].suite);
            for (records, from) in [(now, Choice::Upstream), (before, Choice::BuildBefore)] {
                for record in records {
                    candidates.push(candidate(record, source, at, distribution, from));
                    places.push(record);
                }
            }
        }
        (candidates, places)
    }

    fn place<'b>(
        &self,
        record: &'b PackageRecord<'b>,
        candidate: &Candidate<'_>,
    ) -> Result<Chosen<'b>, CreateError> {
        let source = candidate.index;
        // From its path here it must be clear what the upstream calls it. What the build before had is where it was.
        let is_clear = |path: &&str| candidate.from == Choice::BuildBefore || !path.starts_with(ELSEWHERE);
        match record.filename.as_str().strip_prefix("pool/").filter(is_clear) {
            Some(path) => {
                Ok(Chosen { record, from: candidate.from, source, path: RelPath::new(path)?, moved: false })
            }
            // Not every repository has a pool; in ours every file is in one.
            None => {
                let path = RelPath::new(&format!("{ELSEWHERE}{}", record.filename))?;
                Ok(Chosen { record, from: candidate.from, source, path, moved: true })
            }
        }
    }

    /// Where files of an upstream can be fetched: where it is, and where it was for the build before, of which a rule may
    /// have kept something.
    pub(super) fn addresses(&self, upstream: usize, parent: Option<&Held>) -> Vec<String> {
        let upstream = &self.recipe.upstreams[upstream];
        let mut addresses = upstream.addresses();
        let keeps = self.recipe.rules.iter().any(|rule| !matches!(rule.kind, RuleKind::Exclude));
        if let Some(held) = parent.filter(|held| keeps && held.info.lazy_count > 0) {
            for one in held.info.upstreams.iter().filter(|one| one.name == upstream.name) {
                let new = one.uris.iter().filter(|uri| !addresses.contains(uri)).cloned();
                addresses.extend(new.collect::<Vec<_>>());
            }
        }
        addresses
    }

    /// A lazy build tells whoever has it where its files are, which must not need a secret.
    fn check_addresses(&self) -> Result<(), CreateError> {
        let has_password = |uri: &String| without_password(uri) != *uri;
        let secret = self.recipe.upstreams.iter().find(|one| one.addresses().iter().any(has_password));
        secret.map_or(Ok(()), |one| Err(CreateError::Password { upstream: one.name.clone() }))
    }

    /// The sources of chosen packages, where they are asked for.
    fn wanted_sources<'b>(&self, sources: &[Source], chosen: &[Chosen<'b>]) -> BTreeSet<(&'b str, &'b str)> {
        let are_asked_for = |one: &&Chosen<'_>| {
            self.recipe.upstreams[sources[one.source].upstream].extras.sources == Wanted::Yes
        };
        let wanted = chosen.iter().filter(are_asked_for);
        wanted.map(|one| (one.record.source_name(), one.record.source_version())).collect()
    }

    /// The names that the build's files have in the pool.
    fn pool(&self, from: &From<'_>, locals: &[Local<'_>], files: &mut Files) -> Result<(), CreateError> {
        for one in from.chosen {
            let upstream = &self.recipe.upstreams[from.sources[one.source].upstream].name;
            files.add_pool(upstream, &one.path, one.record.sha256, one.record.size)?;
        }
        for one in from.chosen_sources {
            let upstream = &self.recipe.upstreams[from.texts[one.index].upstream].name;
            for (path, file) in one.files()? {
                files.add_pool(upstream, &path, file.sha256, file.size)?;
            }
        }
        for local in locals {
            for deb in &local.debs {
                let path = deb.filename.as_str().strip_prefix("pool/").unwrap_or(deb.filename.as_str());
                files.add_pool(&local.folder.name, &RelPath::new(path)?, deb.sha256, deb.size)?;
            }
        }
        Ok(())
    }

    fn bring(&self, from: &From<'_>, parent: Option<&Held>, intake: &Intake<'_>) -> Result<(), CreateError> {
        let all = 0..self.recipe.upstreams.len();
        let addresses: Vec<Vec<String>> = all.map(|upstream| self.addresses(upstream, parent)).collect();
        // To list all objects is cheaper than to ask for very many. What only waits to be settled is asked for all the same.
        let listed = if from.chosen.len() > LISTED_FROM { Objects::names(self.store)? } else { Vec::new() };
        let listed: HashSet<Sha256> = listed.into_iter().collect();
        let want = |upstream: usize, filename: &str, hash: Sha256, size: u64| {
            if listed.contains(&hash) || intake.has(&hash) {
                return None;
            }
            let filename = encoded(filename);
            let sources = addresses[upstream].iter().map(|uri| format!("{uri}/{filename}"));
            Some(Want { hash, size, sources: sources.collect() })
        };
        let packages = from.chosen.iter().filter_map(|one| {
            let record = one.record;
            let upstream = from.sources[one.source].upstream;
            want(upstream, record.filename.as_str(), record.sha256, record.size)
        });
        let mut wants: Vec<Want> = packages.collect();
        for one in from.chosen_sources {
            let upstream = from.texts[one.index].upstream;
            let files = one.record.files.iter();
            wants.extend(
                files.filter_map(|file| want(upstream, &one.record.path(file), file.sha256, file.size)),
            );
        }
        let fetched = self.fetcher.objects(&wants, intake, self.progress);
        let of_sources: usize = from.chosen_sources.iter().map(|one| one.record.files.len()).sum();
        fetched.map_err(|failed| CreateError::Objects { wanted: from.chosen.len() + of_sources, failed })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "everything that a suite is written from, gathered step by step"
    )]
    fn write(
        &self,
        intake: &Intake<'_>,
        frozen: &Frozen,
        at: usize,
        from: &From<'_>,
        extras: &[(usize, ReadyIndex)],
        files: &mut Files,
    ) -> Result<(), CreateError> {
        let upstream = &self.recipe.upstreams[frozen.upstream];
        let mut packages = Vec::new();
        let (mut components, mut architectures) = (BTreeSet::new(), BTreeSet::new());
        for (number, source) in from.sources.iter().enumerate().filter(|(_, source)| source.suite == at) {
            let mut own: Vec<&Chosen<'_>> = from.chosen.iter().filter(|one| one.source == number).collect();
            // Packages of the build before stand after the others; an index is in order.
            if !source.before.is_empty() {
                own.sort_by_key(|one| {
                    (one.record.package, one.record.architecture, one.record.version.as_str())
                });
            }
            let stanzas: Vec<IndexStanza<'_>> =
                own.iter().map(|one| stanza(one)).collect::<Result<_, _>>()?;
            packages.push(match &source.part {
                Some((component, architecture)) => {
                    components.insert(component.clone());
                    architectures.insert(architecture.clone());
                    PackagesIndex::of(component, architecture, stanzas)?
                }
                None => PackagesIndex::flat(stanzas),
            });
        }
        for (number, text) in from.texts.iter().enumerate().filter(|(_, text)| text.suite == at) {
            packages.push(written(text, number, from.chosen_sources)?);
        }
        let mut release = NewRelease::like(&frozen.believed.release, frozen.believed.release.date);
        release.components = components.into_iter().collect();
        release.architectures = architectures.into_iter().collect();
        let ready = ready(intake, extras.iter().filter(|(suite, _)| *suite == at).map(|(_, ready)| ready))?;
        self.write_tree(intake, &upstream.name, &frozen.suite, release, packages, ready, files)?;
        let folder = format!("provenance/{}", frozen.suite.as_str().replace('/', "%"));
        let message = &frozen.believed.message;
        match &frozen.believed.detached {
            None => files.put(intake, &upstream.name, &format!("{folder}/InRelease"), message),
            Some(signature) => {
                files.put(intake, &upstream.name, &format!("{folder}/Release"), message)?;
                files.put(intake, &upstream.name, &format!("{folder}/Release.gpg"), signature)
            }
        }
    }

    fn write_local(
        &self,
        intake: &Intake<'_>,
        local: &Local<'_>,
        files: &mut Files,
    ) -> Result<(), CreateError> {
        let folder = local.folder;
        // A package of its own for each architecture, and one that fits all in each of them.
        let mut stanzas: BTreeMap<PartName, Vec<IndexStanza<'_>>> = BTreeMap::new();
        let mut for_all = Vec::new();
        for deb in &local.debs {
            for stanza in Stanzas::new(&deb.stanza).flatten() {
                let arch = stanza.field("Architecture").ok().flatten().and_then(|field| field.text().ok());
                match arch.map(str::trim) {
                    Some("all") | None => for_all.push(IndexStanza::verbatim(stanza)),
                    Some(arch) => {
                        stanzas.entry(PartName::new(arch)?).or_default().push(IndexStanza::verbatim(stanza));
                    }
                }
            }
        }
        let known = self.recipe.upstreams.iter().flat_map(|upstream| &upstream.architectures);
        for architecture in known {
            stanzas.entry(architecture.clone()).or_default();
        }
        if stanzas.is_empty() && !for_all.is_empty() {
            // Nobody says for which architectures; clients of any look into this index too.
            stanzas.insert(PartName::new("all")?, Vec::new());
        }
        for one in stanzas.values_mut() {
            one.extend(for_all.iter().cloned());
        }
        let date = self.signed_from;
        let mut release = NewRelease::new(date);
        release.origin = Some("smith".to_owned());
        release.label = Some(folder.name.to_string());
        release.suite = Some(folder.suite.to_string());
        release.codename = Some(folder.suite.to_string());
        release.components = vec![folder.component.clone()];
        release.architectures = stanzas.keys().cloned().collect();
        let packages = stanzas
            .into_iter()
            .map(|(architecture, stanzas)| PackagesIndex::of(&folder.component, &architecture, stanzas))
            .collect::<Result<_, _>>()?;
        self.write_tree(intake, &folder.name, &folder.suite, release, packages, Vec::new(), files)
    }

    #[expect(clippy::too_many_arguments, reason = "a suite, and where it goes")]
    fn write_tree(
        &self,
        intake: &Intake<'_>,
        upstream: &UpstreamName,
        suite: &SuiteName,
        mut release: NewRelease,
        packages: Vec<PackagesIndex<'_>>,
        ready: Vec<ReadyFile>,
        files: &mut Files,
    ) -> Result<(), CreateError> {
        let publish = &self.recipe.publish;
        for (field, value) in &publish.fields {
            match field.as_str() {
                "Origin" => release.origin = Some(value.clone()),
                "Label" => release.label = Some(value.clone()),
                _ => release.description = Some(value.clone()),
            }
        }
        if let Some(days) = publish.valid_for_days {
            release.valid_until = Some(release.date + jiff::SignedDuration::from_hours(24 * i64::from(days)));
        }
        let base = publish.snapshots_uri.as_deref().map(|uri| uri.trim_end_matches('/'));
        release.snapshots = base.map(|uri| format!("{uri}/builds/@SNAPSHOTID@/{upstream}/"));
        let packings = &publish.compressions;
        let compressions = [
            (Compression::Gz, packings.gz),
            (Compression::Xz, packings.xz),
            (Compression::Zst, packings.zst),
        ];
        let compressions = compressions.into_iter().filter(|(_, wanted)| *wanted == Wanted::Yes);
        // The same state of the world is signed as of the same time, so that it gives the same bytes.
        let at = release.date.max(self.signed_from);
        let index = SuiteIndex {
            suite: suite.clone(),
            release,
            packages,
            ready,
            compressions: compressions.map(|(compression, _)| compression).collect(),
            md5: if publish.md5 == Wanted::Yes { Md5Sums::Listed } else { Md5Sums::LeftOut },
        };
        let signer = match self.manner.signing {
            Signing::Here => Some((self.signer, at)),
            Signing::Elsewhere => None,
        };
        let tree = write_suite(self.store, intake, index, signer)?;
        let unsigned = match self.manner.signing {
            Signing::Here => None,
            Signing::Elsewhere => {
                check_text(&tree.release)?;
                Some(Sha256::of(tree.release.as_bytes()))
            }
        };
        for file in tree.files {
            if unsigned == Some(file.sha256) && file.path.file_name() == "Release" {
                files.sign_apart(upstream, &file.path, file.sha256)?;
            }
            files.add_tree(upstream, &file.path, file.sha256, file.size)?;
        }
        Ok(())
    }
}

fn stanza<'a>(one: &Chosen<'a>) -> Result<IndexStanza<'a>, CreateError> {
    let stanza = IndexStanza::of(one.record);
    Ok(if one.moved { stanza.at(RelPath::new(&format!("pool/{}", one.path))?) } else { stanza })
}

/// A Release that is asked for on a thread of its own, which the signer need not be able to go to.
struct Asked<'a> {
    store: &'a Store,
    fetcher: &'a Fetcher,
    recipe: &'a Recipe,
    upstream: usize,
    suite: &'a SuiteName,
    now: Timestamp,
    replay: Replay,
}

impl Asked<'_> {
    fn release(&self) -> Result<Believed, Refused> {
        let Self { store, fetcher, suite, now, replay, .. } = *self;
        Suite { store, fetcher, upstream: &self.recipe.upstreams[self.upstream], suite, now, replay }
            .release()
    }
}

fn ready<'a>(
    intake: &Intake<'_>,
    indexes: impl Iterator<Item = &'a ReadyIndex>,
) -> Result<Vec<ReadyFile>, CreateError> {
    let mut ready = Vec::new();
    for ReadyIndex { stem, index } in indexes {
        let sha256 = intake.put(&index.packed)?;
        let blob = Blob { sha256, size: index.packed.len() as u64 };
        ready.push(ReadyFile { path: RelPath::new(&index.path)?, blob, presence: Presence::Stored });
        if index.path != *stem {
            let blob = Blob { sha256: Sha256::of(&index.text), size: index.text.len() as u64 };
            ready.push(ReadyFile { path: RelPath::new(stem)?, blob, presence: Presence::ListedOnly });
        }
    }
    Ok(ready)
}

/// Whether a build was made from the same Releases and the same configuration.
fn is_unchanged(parent: &BuildInfo, frozen: &[Frozen], config: Sha256) -> bool {
    let then = parent.upstreams.iter().map(|one| one.release);
    parent.config == config && then.eq(frozen.iter().map(|one| one.believed.hash))
}
