//! Provenance as text.

use std::fmt::Write as _;

use crate::provenance::{Evidence, PackageProvenance, Provenance, Signature, SuiteProvenance, Trail};

impl Provenance {
    /// Writing to a string cannot fail.
    pub fn to_text(&self) -> String {
        let mut text = format!("build {}, {}\n", self.build, self.state);
        let _ = writeln!(text, "  made at {} by {}", self.created_at, self.made_by);
        let parents: Vec<String> = self.parents.iter().map(ToString::to_string).collect();
        let parents = if parents.is_empty() { "none".to_owned() } else { parents.join(", ") };
        let _ = writeln!(text, "  builds before   {parents}");
        let _ = writeln!(text, "  recipe          sha256 {}", self.recipe);
        let _ = writeln!(text, "  manifest        sha256 {}", self.manifest);
        let _ = writeln!(text, "  packages        sha256 {}, {} of them", self.packages, self.package_count);
        if !self.signed_by.is_empty() {
            let _ = writeln!(text, "  indexes signed  by {}", self.signed_by.join(", "));
        }
        let signature = match &self.signature {
            Signature::Good { signers, at } => {
                let signed = signers.iter().zip(at).map(|(signer, at)| format!("by {signer} at {at}"));
                format!("good: {}", signed.collect::<Vec<_>>().join(", "))
            }
            Signature::Waiting => "none: it waits for `smith build sign`".to_owned(),
            Signature::NotBelieved { why } => format!("not believed: {why}"),
        };
        let _ = writeln!(text, "  signature       {signature}");
        for suite in &self.suites {
            suite.write(&mut text);
        }
        for one in &self.changes {
            let _ =
                writeln!(text, "\n{} {}: {}\n  because {}", one.kind, one.package, one.detail, one.reason);
        }
        text
    }
}

impl SuiteProvenance {
    fn write(&self, text: &mut String) {
        let suite = &self.suite;
        let _ = writeln!(text, "\nupstream {}, suite {}", suite.name, suite.suite);
        let _ = writeln!(text, "  from            {}", suite.uri);
        let _ = writeln!(text, "  Release         of {}, sha256 {}", suite.date, suite.release);
        if let Some(until) = suite.valid_until {
            let _ = writeln!(text, "  valid until     {until}");
        }
        let _ = writeln!(text, "  signed          by {}", suite.signers.join(", "));
        let evidence = match self.evidence {
            Evidence::Same => "with the signatures of the upstream",
            Evidence::Another => "and is NOT the one that the build names",
            Evidence::Missing => "and is missing",
        };
        let _ = writeln!(text, "  kept            as {}, {evidence}", self.kept_at.display());
        for (path, hash) in &suite.indexes {
            let _ = writeln!(text, "  index           {path} sha256 {hash}");
        }
        if !suite.absent.is_empty() {
            let _ = writeln!(text, "  not offered     {}", suite.absent.join(", "));
        }
    }
}

impl PackageProvenance {
    pub fn to_text(&self) -> String {
        let one = &self.package;
        let mut text = format!("{} {} {}\n", one.name, one.version, one.arch);
        let _ = writeln!(text, "  file            pool/{}/{}", one.origin.upstream, one.path);
        let _ = writeln!(text, "  sha256          {}, {} bytes", one.sha256, one.size);
        let _ = writeln!(text, "  source          {} {}", one.source_name(), one.source_version());
        let origin = &one.origin;
        let place =
            format!("upstream {}, suite {}, component {}", origin.upstream, origin.suite, origin.component);
        let _ = writeln!(text, "  from            {place}");
        for step in &self.trail {
            match step {
                Trail::Kept { build, index, line } => {
                    let _ = writeln!(text, "  kept            from build {build}, its {index}, line {line}");
                }
                Trail::Upstream { build, index, line, index_sha256, release, addresses } => {
                    let _ =
                        writeln!(text, "  index           {index}, line {line}, as build {build} was made");
                    if let (Some(index), Some(release)) = (index_sha256, release) {
                        let _ = writeln!(text, "                  sha256 {index}");
                        let _ = writeln!(text, "  Release         sha256 {release}");
                    }
                    for address in addresses {
                        let _ = writeln!(text, "  address         {address}");
                    }
                }
                Trail::Lost { build } => {
                    let _ = writeln!(text, "  before          unknown: build {build} is no longer here");
                }
            }
        }
        if self.trail.is_empty() {
            let _ = writeln!(text, "  index           none: it is from a folder of our own");
        }
        text
    }
}
