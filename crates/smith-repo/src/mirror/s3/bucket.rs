//! A bucket, and the few things that are done with one.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path as FilePath;
use std::time::Instant;

use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::list::{PaginatedListOptions, PaginatedListStore as _};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, ClientConfigKey, Error, GetOptions, ObjectStore as _, ObjectStoreExt as _,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, RetryConfig, UpdateVersion, WriteMultipart,
};
use tokio::runtime::{Builder, Runtime};

use crate::fetch::{Bandwidth, chain};
use crate::hash::Sha256;
use crate::mirror::Bucket;
use crate::mirror::s3::S3Error;
use crate::store::StoreError;

/// Uploads at a time; with the bodies below at most 130 MB are in memory.
pub(super) const CONNECTIONS: usize = 8;

/// Up to this a file goes in one request, which can be told to create and not to replace.
const SINGLE_MAX: u64 = 16 << 20;

/// Larger ones go in parts of this size; services take no smaller ones than 5 MiB and up to 10,000 of them.
const PART: usize = 8 << 20;

/// For a whole request: a file of the size above over a line of 4 Mbit/s that eight share.
const REQUEST: &str = "5 minutes";

/// About ten seconds of a service that refuses, half a minute of one that does not answer.
const RETRIES: usize = 5;

/// Of things that are read back: a build's words, a channel's pointer.
const SMALL_MAX: u64 = 4 << 20;

/// The service keeps this text beside the bytes.
const HASH: &str = "sha256";

/// What opens a bucket.
#[derive(Clone)]
pub enum Keys {
    /// As the tools of the service find them: variables, or the identity of the machine.
    FromEnvironment,
    Given {
        access: String,
        secret: String,
    },
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromEnvironment => f.write_str("FromEnvironment"),
            Self::Given { access, .. } => {
                f.debug_struct("Given").field("access", access).finish_non_exhaustive()
            }
        }
    }
}

/// A mirror in a bucket. All calls block.
#[derive(Debug)]
pub struct S3 {
    runtime: Runtime,
    bucket: AmazonS3,
    /// Before every key; empty, or with a slash at its end.
    prefix: String,
    bandwidth: Option<Bandwidth>,
}

/// Bytes, and the tag that they have as long as they do not change.
pub(super) type Tagged = (Vec<u8>, Option<String>);

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Made,
    WasThere,
}

impl S3 {
    pub fn open(bucket: &Bucket, keys: &Keys) -> Result<Self, S3Error> {
        let set_up = |why: String| S3Error::SetUp { bucket: bucket.bucket.clone(), why };
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name("s3").enable_all().build();
        let runtime = runtime.map_err(|error| set_up(error.to_string()))?;
        let mut builder = match keys {
            Keys::FromEnvironment => AmazonS3Builder::from_env(),
            Keys::Given { access, secret } => {
                AmazonS3Builder::new().with_access_key_id(access).with_secret_access_key(secret)
            }
        };
        builder = builder
            .with_bucket_name(&bucket.bucket)
            .with_region(&bucket.region)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST)
            .with_retry(RetryConfig { max_retries: RETRIES, ..RetryConfig::default() });
        if let Some(endpoint) = &bucket.endpoint {
            // Who writes http:// means it: a service in the same room, or a trial.
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        let store = builder.build().map_err(|error| set_up(chain(&error)))?;
        let prefix = bucket.prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { runtime, bucket: store, prefix, bandwidth: None })
    }

    /// The same with so many bytes per second for what is put there.
    #[must_use]
    pub fn limited(self, bandwidth: Option<u64>) -> Self {
        Self { bandwidth: bandwidth.map(|rate| Bandwidth::new(rate, Instant::now())), ..self }
    }

    /// Waits until a file of this size may go.
    pub(super) fn wait_for(&self, size: u64) {
        if let Some(bandwidth) = &self.bandwidth {
            let wait = bandwidth.take(usize::try_from(size).unwrap_or(usize::MAX), Instant::now());
            std::thread::sleep(wait);
        }
    }

    /// Every key below a folder, without the prefix, and its size.
    pub(super) fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>, S3Error> {
        let prefix = format!("{}{folder}", self.prefix);
        let failed = |error: &Error| service("listing", &prefix, error);
        let mut found = BTreeMap::new();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions { page_token, ..PaginatedListOptions::default() };
            let page = self.runtime.block_on(self.bucket.list_paginated(Some(&prefix), options));
            let page = page.map_err(|error| failed(&error))?;
            for object in page.result.objects {
                let key = object.location.as_ref();
                let key = key.strip_prefix(&self.prefix).unwrap_or(key);
                found.insert(key.to_owned(), object.size);
            }
            page_token = page.page_token;
            if page_token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The hash that a key was given when it was made; `None` if there is no such key, or it has no hash.
    pub(super) fn hash_of(&self, key: &str) -> Result<Option<Sha256>, S3Error> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let path = self.path(key)?;
        match self.runtime.block_on(self.bucket.get_opts(&path, options)) {
            Ok(found) => {
                let hash = found.attributes.get(&Attribute::Metadata(HASH.into()));
                Ok(hash.and_then(|hash| hash.as_ref().parse().ok()))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(service("asking for", key, &error)),
        }
    }

    /// A small thing, and its tag.
    pub(super) fn get(&self, key: &str) -> Result<Option<Tagged>, S3Error> {
        self.get_up_to(key, SMALL_MAX)
    }

    pub(super) fn get_up_to(&self, key: &str, max: u64) -> Result<Option<Tagged>, S3Error> {
        let path = self.path(key)?;
        let read = async {
            let found = self.bucket.get(&path).await?;
            let tag = found.meta.e_tag.clone();
            if found.meta.size > max {
                return Ok(Err(found.meta.size));
            }
            Ok(Ok((found.bytes().await?.to_vec(), tag)))
        };
        match self.runtime.block_on(read) {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(size)) => {
                let expected = format!("at most {max} bytes");
                Err(S3Error::Conflict { key: key.to_owned(), expected, found: format!("{size} bytes") })
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(service("reading", key, &error)),
        }
    }

    /// A file under a key that never changes. What is there already must be the same.
    pub(super) fn put_file(
        &self,
        key: &str,
        file: &FilePath,
        size: u64,
        hash: &Sha256,
    ) -> Result<Put, S3Error> {
        if size > SINGLE_MAX {
            return self.put_large(key, file, hash);
        }
        let bytes = crate::mirror::held::read_some(file, SINGLE_MAX)?;
        let found = Sha256::of(&bytes);
        if found != *hash {
            return Err(S3Error::Damaged { path: file.display().to_string(), expected: *hash, found });
        }
        self.put_once(key, bytes)
    }

    /// A file over what is there, which was found to be wrong.
    pub(super) fn put_again(
        &self,
        key: &str,
        file: &FilePath,
        size: u64,
        hash: &Sha256,
    ) -> Result<(), S3Error> {
        if size > SINGLE_MAX {
            return self.put_parts(key, file, hash);
        }
        let bytes = crate::mirror::held::read_some(file, SINGLE_MAX)?;
        let found = Sha256::of(&bytes);
        if found != *hash {
            return Err(S3Error::Damaged { path: file.display().to_string(), expected: *hash, found });
        }
        let options = PutOptions { attributes: attributes(hash), ..PutOptions::default() };
        let path = self.path(key)?;
        let put = self.runtime.block_on(self.bucket.put_opts(&path, PutPayload::from(bytes), options));
        put.map(drop).map_err(|error| service("writing", key, &error))
    }

    /// What is gone already is well.
    pub(super) fn delete(&self, key: &str) -> Result<(), S3Error> {
        let path = self.path(key)?;
        match self.runtime.block_on(self.bucket.delete(&path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(service("deleting", key, &error)),
        }
    }

    /// Bytes under a key that never changes.
    pub(super) fn put_once(&self, key: &str, bytes: Vec<u8>) -> Result<Put, S3Error> {
        let hash = Sha256::of(&bytes);
        let options =
            PutOptions { mode: PutMode::Create, attributes: attributes(&hash), ..PutOptions::default() };
        let path = self.path(key)?;
        match self.runtime.block_on(self.bucket.put_opts(&path, PutPayload::from(bytes), options)) {
            Ok(_) => Ok(Put::Made),
            Err(Error::AlreadyExists { .. }) => self.same(key, &hash),
            Err(error) => Err(service("writing", key, &error)),
        }
    }

    /// Bytes under a key that changes, whatever is there.
    pub(super) fn put_over(&self, key: &str, bytes: Vec<u8>) -> Result<(), S3Error> {
        let options = PutOptions { attributes: attributes(&Sha256::of(&bytes)), ..PutOptions::default() };
        let path = self.path(key)?;
        let put = self.runtime.block_on(self.bucket.put_opts(&path, PutPayload::from(bytes), options));
        put.map(drop).map_err(|error| service("writing", key, &error))
    }

    /// Replaces what has this tag, or makes what is not there. `None` if somebody else was faster.
    pub(super) fn swap(
        &self,
        key: &str,
        bytes: Vec<u8>,
        tag: Option<String>,
    ) -> Result<Option<String>, S3Error> {
        let mode = match tag {
            Some(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag), version: None }),
            None => PutMode::Create,
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let path = self.path(key)?;
        match self.runtime.block_on(self.bucket.put_opts(&path, PutPayload::from(bytes), options)) {
            Ok(put) => Ok(put.e_tag),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                Ok(None)
            }
            Err(error) => Err(service("writing", key, &error)),
        }
    }

    /// A copy within the bucket; the service does it.
    pub(super) fn copy(&self, from: &str, to: &str) -> Result<(), S3Error> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        let copied = self.runtime.block_on(self.bucket.copy(&source, &target));
        copied.map_err(|error| service("copying to", to, &error))
    }

    fn put_large(&self, key: &str, file: &FilePath, hash: &Sha256) -> Result<Put, S3Error> {
        // Parts cannot be told to create only, so it is asked first. Whoever puts the same key puts the same bytes.
        if self.hash_of(key)?.is_some() {
            return self.same(key, hash);
        }
        self.put_parts(key, file, hash)?;
        Ok(Put::Made)
    }

    fn put_parts(&self, key: &str, file: &FilePath, hash: &Sha256) -> Result<(), S3Error> {
        let (found, _) = Sha256::of_file(file).map_err(StoreError::io("reading", file))?;
        if found != *hash {
            return Err(S3Error::Damaged { path: file.display().to_string(), expected: *hash, found });
        }
        let path = self.path(key)?;
        let options = PutMultipartOptions { attributes: attributes(hash), ..PutMultipartOptions::default() };
        let mut reader = File::open(file).map_err(StoreError::io("opening", file))?;
        let upload = self.runtime.block_on(self.bucket.put_multipart_opts(&path, options));
        let upload = upload.map_err(|error| service("writing", key, &error))?;
        // Begun within the runtime, since parts are sent by tasks of it.
        let _inside = self.runtime.enter();
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
        let mut buffer = vec![0; PART];
        let read = loop {
            match reader.read(&mut buffer) {
                Ok(0) => break Ok(()),
                Ok(length) => writer.write(&buffer[..length]),
                Err(error) => break Err(error),
            }
            if let Err(error) = self.runtime.block_on(writer.wait_for_capacity(1)) {
                return Err(service("writing", key, &error));
            }
        };
        if let Err(error) = read {
            let _ = self.runtime.block_on(writer.abort());
            return Err(StoreError::io("reading", file)(error).into());
        }
        self.runtime.block_on(writer.finish()).map_err(|error| service("writing", key, &error))?;
        Ok(())
    }

    fn same(&self, key: &str, hash: &Sha256) -> Result<Put, S3Error> {
        match self.hash_of(key)? {
            Some(found) if found == *hash => Ok(Put::WasThere),
            found => {
                let found = found.map_or_else(|| "no hash".to_owned(), |found| format!("sha256 {found}"));
                Err(S3Error::Conflict { key: key.to_owned(), expected: format!("sha256 {hash}"), found })
            }
        }
    }

    fn path(&self, key: &str) -> Result<Path, S3Error> {
        let key = format!("{}{key}", self.prefix);
        // Kept as it is: `~` and `%` are common in names of packages, and clients ask for them as they are.
        Path::parse(&key).map_err(|error| S3Error::Service { doing: "naming", key, why: chain(&error) })
    }
}

fn attributes(hash: &Sha256) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(HASH.into()), hash.hex())])
}

fn service(doing: &'static str, key: &str, error: &Error) -> S3Error {
    S3Error::Service { doing, key: key.to_owned(), why: chain(error) }
}
