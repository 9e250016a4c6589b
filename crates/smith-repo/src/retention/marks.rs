//! Which objects and names of builds that go are referred to by builds that stay.
//!
//! A mark is set on what goes, so that of the many builds that stay nothing is kept in memory. What was read is known by the
//! builds' keys: under the lock only builds that have come or changed since are read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use crate::hash::Sha256;
use crate::manifest::{Area, Line, Scanner};
use crate::name::BuildNumber;
use crate::retention::RetentionError;
use crate::retention::find::{Place, look};
use crate::retention::lines::{Key, Lists, each_line, gather};
use crate::retention::sweep::Dead;
use crate::store::{Store, StoreError};

/// What goes, as far as nobody else refers to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Candidates {
    objects: Vec<Candidate>,
    by_hash: HashMap<Sha256, usize>,
    /// Names in the pool, each with its place among the marks.
    names: HashMap<Box<str>, usize>,
    /// Which objects names lead to: more than one where builds had different files of the same name.
    leads: BTreeSet<(usize, usize)>,
}

/// An object of builds that go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) hash: Sha256,
    pub(super) size: u64,
    pub(super) whereabouts: Whereabouts,
}

/// Whether an object is in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whereabouts {
    /// A build that is whole has it.
    Here,
    /// It may have been left at its upstream, or be taken away already.
    Unknown,
}

/// What is referred to, by its place among the candidates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Marked {
    objects: Bits,
    names: Bits,
}

/// As long as the last that was set needs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Bits(Vec<bool>);

#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Marks {
    /// The builds that go.
    of: BTreeSet<Key>,
    candidates: Arc<Candidates>,
    /// The builds whose marks are set.
    by: BTreeSet<(Key, Place)>,
    marked: Marked,
}

/// One thread's.
#[derive(Debug, Default)]
struct Collector {
    scanner: Scanner,
    /// What the lines that the scanner has told were good for.
    last: Option<Whereabouts>,
    of: BTreeSet<Key>,
    candidates: Candidates,
}

#[derive(Debug, Default)]
struct Marker {
    scanner: Scanner,
    last: Option<Place>,
    by: BTreeSet<(Key, Place)>,
    marked: Marked,
}

impl fmt::Debug for Marks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let candidates = self.candidates.objects.len();
        f.debug_struct("Marks").field("of", &self.of).field("candidates", &candidates).finish_non_exhaustive()
    }
}

impl Marks {
    /// Of builds that shall go, and of those that are in the trash and not swept. Nothing is marked yet.
    pub(super) fn of(store: &Store, going: &[BuildNumber], dead: &[Dead]) -> Result<Self, RetentionError> {
        let going = gather(going, |collector: &mut Collector, number| collector.going(store, *number))?;
        let dead = gather(dead, |collector: &mut Collector, dead| {
            collector.dead(dead);
            Ok(())
        })?;
        let mut collectors = going.into_iter().chain(dead);
        let Collector { mut of, mut candidates, .. } = collectors.next().unwrap_or_default();
        for mut other in collectors {
            of.append(&mut other.of);
            candidates.absorb(&other.candidates);
        }
        Ok(Self { of, candidates: Arc::new(candidates), ..Self::default() })
    }

    /// Of objects, whosever they were.
    pub(super) fn of_objects(hashes: &BTreeSet<Sha256>) -> Self {
        let mut candidates = Candidates::default();
        for hash in hashes {
            candidates.object(*hash, 0, Whereabouts::Unknown);
        }
        Self { candidates: Arc::new(candidates), ..Self::default() }
    }

    /// Nothing goes.
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.objects.is_empty()
    }

    /// Whether it is of exactly these builds that were purged.
    pub(super) fn is_of(&self, dead: &[Dead]) -> bool {
        let keys: Option<BTreeSet<Key>> = dead.iter().map(Dead::key).collect();
        keys.is_some_and(|keys| keys == self.of)
    }

    /// Whether a build that goes is as it was when its lists were read.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.of.contains(key)
    }

    /// Marks what builds that stay refer to: all files of live ones, the indexes of archived ones. Builds that were read
    /// and are the same are not read again; where one has gone, or changed, all are.
    ///
    /// A build whose manifest cannot be read keeps everything: what it refers to is not known.
    pub(super) fn renew(
        &mut self,
        store: &Store,
        going: &BTreeSet<BuildNumber>,
    ) -> Result<(), RetentionError> {
        let mut staying = keys_of_staying(store, going)?;
        if !self.by.iter().all(|(key, place)| staying.get(key) == Some(place)) {
            self.by.clear();
            self.marked = Marked::default();
        }
        staying.retain(|key, place| !self.by.contains(&(key.clone(), *place)));
        let numbers: Vec<BuildNumber> = staying.keys().map(Key::number).collect();
        let candidates = &*self.candidates;
        let markers =
            gather(&numbers, |marker: &mut Marker, number| marker.read(store, *number, candidates))?;
        for mut marker in markers {
            self.by.append(&mut marker.by);
            self.marked.objects.join(&marker.marked.objects);
            self.marked.names.join(&marker.marked.names);
        }
        Ok(())
    }

    pub(super) fn refers_to(&self, hash: &Sha256) -> bool {
        self.candidates.by_hash.get(hash).is_some_and(|at| self.marked.objects.has(*at))
    }

    pub(super) fn has_candidate(&self, hash: &Sha256) -> bool {
        self.candidates.by_hash.contains_key(hash)
    }

    /// Objects that nobody refers to.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Candidate> {
        let all = self.candidates.objects.iter().enumerate();
        all.filter(|(at, _)| !self.marked.objects.has(*at)).map(|(_, object)| object)
    }

    /// Names in the pool that nobody refers to, with the objects that they lead to.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, Vec<Sha256>)> {
        let all = self.candidates.names.iter().filter(|(_, at)| !self.marked.names.has(**at));
        all.map(|(path, at)| {
            let leads = self.candidates.leads.range((*at, 0)..(*at + 1, 0));
            (&**path, leads.map(|(_, object)| self.candidates.objects[*object].hash).collect())
        })
    }
}

/// Builds that are not going, wherever they are.
fn keys_of_staying(
    store: &Store,
    going: &BTreeSet<BuildNumber>,
) -> Result<BTreeMap<Key, Place>, RetentionError> {
    let mut keys = BTreeMap::new();
    for number in staying(store, going)? {
        match look(store, number, |place, folder| Key::read(folder, number, Lists::of(place))) {
            Ok((place, _, (key, _))) => {
                keys.insert(key, place);
            }
            // Somebody else has taken it away since the folder was read.
            Err(RetentionError::Unknown { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(keys)
}

pub(super) fn staying(store: &Store, going: &BTreeSet<BuildNumber>) -> Result<Vec<BuildNumber>, StoreError> {
    let mut staying = store.builds_present()?;
    staying.extend(store.builds_archived()?);
    staying.extend(store.builds_unsigned()?);
    staying.retain(|number| !going.contains(number));
    Ok(staying)
}

impl Candidates {
    fn add(&mut self, line: &Line<'_>, whereabouts: Whereabouts) {
        let object = self.object(line.hash, line.size, whereabouts);
        if line.area == Area::Pool {
            self.name(line.path, object);
        }
    }

    fn object(&mut self, hash: Sha256, size: u64, whereabouts: Whereabouts) -> usize {
        let at = *self.by_hash.entry(hash).or_insert(self.objects.len());
        match self.objects.get_mut(at) {
            Some(known) if whereabouts == Whereabouts::Here => known.whereabouts = whereabouts,
            Some(_) => {}
            None => self.objects.push(Candidate { hash, size, whereabouts }),
        }
        at
    }

    fn name(&mut self, path: &str, object: usize) {
        let next = self.names.len();
        let at = match self.names.get(path) {
            Some(at) => *at,
            None => *self.names.entry(path.into()).or_insert(next),
        };
        self.leads.insert((at, object));
    }

    fn absorb(&mut self, other: &Self) {
        let places: Vec<usize> =
            other.objects.iter().map(|one| self.object(one.hash, one.size, one.whereabouts)).collect();
        for (path, at) in &other.names {
            for (_, object) in other.leads.range((*at, 0)..(*at + 1, 0)) {
                self.name(path, places[*object]);
            }
        }
    }
}

impl Collector {
    fn going(&mut self, store: &Store, number: BuildNumber) -> Result<(), RetentionError> {
        let read = look(store, number, |place, folder| {
            let lists = Lists::of(place);
            let is_whole = Key::read(folder, number, lists)?.1.lazy_count == 0;
            // Of what was left at its upstream only what has come since can be freed.
            let whereabouts = if is_whole { Whereabouts::Here } else { Whereabouts::Unknown };
            self.use_for(whereabouts);
            let Self { scanner, candidates, .. } = self;
            each_line(scanner, folder, number, lists, |line| candidates.add(line, whereabouts))
        });
        match read {
            Ok((_, _, (key, _))) => {
                self.of.insert(key);
                Ok(())
            }
            // Another purge beside this one was faster.
            Err(RetentionError::Unknown { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Of one that could not be read when it was purged nothing is known, and nothing of it is taken away.
    fn dead(&mut self, dead: &Dead) {
        self.use_for(Whereabouts::Unknown);
        let Self { scanner, candidates, of, .. } = self;
        let mut read = |lists| {
            each_line(scanner, &dead.folder, dead.number, lists, |line| {
                candidates.add(line, Whereabouts::Unknown);
            })
        };
        of.extend(read(Lists::All).or_else(|_| read(Lists::Bare)).ok().map(|(key, _)| key));
    }

    fn use_for(&mut self, whereabouts: Whereabouts) {
        if self.last.replace(whereabouts) != Some(whereabouts) {
            self.scanner.forget();
        }
    }
}

impl Marker {
    fn read(
        &mut self,
        store: &Store,
        number: BuildNumber,
        candidates: &Candidates,
    ) -> Result<(), RetentionError> {
        let read = look(store, number, |place, folder| {
            // An archived build does without its package files, so what was told of it is told again of a live one.
            if self.last.replace(place) != Some(place) {
                self.scanner.forget();
            }
            let Self { scanner, marked, .. } = self;
            each_line(scanner, folder, number, Lists::of(place), |line| marked.add(place, line, candidates))
        });
        match read {
            Ok((place, _, (key, _))) => {
                self.by.insert((key, place));
                Ok(())
            }
            Err(RetentionError::Unknown { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Marked {
    fn add(&mut self, place: Place, line: &Line<'_>, candidates: &Candidates) {
        if (place, line.area) == (Place::Archived, Area::Pool) {
            return;
        }
        if let Some(at) = candidates.by_hash.get(&line.hash) {
            self.objects.set(*at);
        }
        let name = if line.area == Area::Pool { candidates.names.get(line.path) } else { None };
        if let Some(at) = name {
            self.names.set(*at);
        }
    }
}

impl Bits {
    fn has(&self, at: usize) -> bool {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn set(&mut self, at: usize) {
        if self.0.len() <= at {
            self.0.resize(at + 1, false);
        }
        self.0[at] = true;
    }

    fn join(&mut self, other: &Self) {
        (0..other.0.len()).filter(|at| other.0[*at]).for_each(|at| self.set(at));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::fixture::{Recipe, store};
    use crate::hash::Sha256;
    use crate::manifest::FileEntry;
    use crate::retention::find::find;
    use crate::retention::sweep::dead;

    /// What the marks are to say, from whole manifests: the objects and the names in the pool that only these builds have.
    fn reference(store: &Store, going: &[BuildNumber]) -> (BTreeSet<Sha256>, BTreeSet<String>) {
        let files = |number: BuildNumber| {
            let found = find(store, number).expect("the build");
            (found.place, found.held.manifest.files().to_vec())
        };
        let name = |file: &FileEntry| (file.area == Area::Pool).then(|| file.path.to_string());
        let gone: Vec<FileEntry> = going.iter().flat_map(|number| files(*number).1).collect();
        let mut objects: BTreeSet<Sha256> = gone.iter().map(|file| file.hash).collect();
        let mut names: BTreeSet<String> = gone.iter().filter_map(name).collect();
        for number in staying(store, &going.iter().copied().collect()).expect("read") {
            let (place, files) = files(number);
            for file in files.iter().filter(|file| place != Place::Archived || file.area == Area::Tree) {
                objects.remove(&file.hash);
                names.remove(&name(file).unwrap_or_default());
            }
        }
        (objects, names)
    }

    fn found(marks: &Marks) -> (BTreeSet<Sha256>, BTreeSet<String>) {
        (
            marks.objects().map(|object| object.hash).collect(),
            marks.names().map(|(name, _)| name.to_owned()).collect(),
        )
    }

    /// Where a build is: nobody makes a fixture that waits for its signatures, so one is moved there.
    fn put(store: &Store, number: BuildNumber, place: usize) {
        let to =
            [store.build(number), store.archived(number), store.unsigned_build(number)][place % 3].clone();
        let from = find(store, number).expect("the build").folder;
        if from != to {
            fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            fs::rename(from, to).expect("moved");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        /// Of random builds in random places the marks say what whole manifests say; and again, read anew or not, when
        /// builds have come, gone and moved.
        #[test]
        fn marks_say_what_whole_manifests_say(
            versions in prop::collection::vec(prop::collection::vec(0..3u32, 8), 2..7),
            shared in prop::collection::vec(any::<bool>(), 8),
            places in prop::collection::vec(0..3usize, 7),
            going in prop::collection::vec(any::<bool>(), 7),
            moved in prop::collection::vec((0..7usize, 0..3usize), 0..3),
            late in prop::collection::vec(0..3u32, 8),
        ) {
            let (_folder, store) = store();
            let make = |number: u32, versions: &[u32]| {
                let mut recipe = Recipe::of(8, |package| versions[package]);
                // The same content by other names, in the pool and as an index, is the same object.
                for (package, _) in shared.iter().enumerate().filter(|(_, shared)| **shared) {
                    let path = format!("debian/main/p{package}/p{package}_{}_all.deb", versions[package]);
                    let content = recipe.pool[&path].clone();
                    recipe.tree.insert(format!("debian/extra/{package}-{}", number % 2), content.clone());
                    recipe.pool.insert(format!("debian/other/{package}-{}", number % 3), content);
                }
                recipe.make(&store, number, None);
            };
            for (number, versions) in (1..).zip(&versions) {
                // Names in the pool have one content in a real store, whatever came before.
                let _ = fs::remove_dir_all(store.root().join("pool"));
                make(number, versions);
            }
            let all: Vec<BuildNumber> = (1..=versions.len()).map(|n| BuildNumber(u32::try_from(n).expect("few"))).collect();
            for (number, place) in all.iter().zip(&places) {
                put(&store, *number, *place);
            }
            let going: Vec<BuildNumber> =
                all.iter().zip(&going).filter(|(_, going)| **going).map(|(number, _)| *number).collect();
            let set: BTreeSet<BuildNumber> = going.iter().copied().collect();
            let mut marks = Marks::of(&store, &going, &dead(&store).expect("read")).expect("read");
            marks.renew(&store, &set).expect("read");
            prop_assert_eq!(found(&marks), reference(&store, &going));

            for (at, place) in moved {
                put(&store, all[at % all.len()], place);
            }
            let _ = fs::remove_dir_all(store.root().join("pool"));
            make(99, &late);
            marks.renew(&store, &set).expect("read");
            prop_assert_eq!(found(&marks), reference(&store, &going));

            if let Some(gone) = all.iter().find(|number| !set.contains(number)) {
                fs::remove_dir_all(find(&store, *gone).expect("the build").folder).expect("removed");
                marks.renew(&store, &set).expect("read");
                prop_assert_eq!(found(&marks), reference(&store, &going));
            }
        }
    }

    #[test]
    fn what_did_not_change_is_not_read_again_and_what_did_is() {
        let (_folder, store) = store();
        for number in 1..=3 {
            Recipe::of(6, |package| if package < 2 { number } else { 0 }).make(&store, number, None);
        }
        let (going, set) = ([BuildNumber(1)], BTreeSet::from([BuildNumber(1)]));
        let mut marks = Marks::of(&store, &going, &[]).expect("read");
        marks.renew(&store, &set).expect("read");
        let before = marks.clone();
        // Of a manifest that is still named by the same hash everything is known.
        let manifest = store.build(BuildNumber(2)).join("manifest.zst");
        let good = fs::read(&manifest).expect("read");
        fs::write(&manifest, "damaged").expect("written");
        marks.renew(&store, &set).expect("nothing is read");
        assert_eq!(marks, before);
        // Once a build has gone all are read, and the damage shows.
        fs::rename(store.build(BuildNumber(3)), store.root().join("elsewhere")).expect("moved");
        assert!(matches!(marks.renew(&store, &set), Err(RetentionError::Held(_))));
        // An unreadable build keeps everything, also from one that knows nothing yet.
        assert!(matches!(
            Marks::of(&store, &going, &[]).expect("read").renew(&store, &set),
            Err(RetentionError::Held(_))
        ));
        fs::write(&manifest, good).expect("written");
        marks.renew(&store, &set).expect("read");
        assert_eq!(found(&marks), reference(&store, &going));
    }
}
