//! All that is configured about names, and what it makes of one.

use std::collections::BTreeMap;

use crate::id::AttrName;

use super::super::attribute::WellKnown;
use super::pattern::NamePattern;
use super::template::Template;
use super::zone::Zones;

/// How names are read.
#[derive(Debug, Clone, Default)]
pub struct Naming {
    /// Tried in this order; the first that fits a name is taken.
    pub patterns: Vec<NamePattern>,
    /// Attributes that are put together from the parts of a name, such as a cluster's full name.
    pub templates: BTreeMap<AttrName, Template>,
    /// The region of each zone.
    pub zones: Zones,
}

impl Naming {
    /// Names such as `prod-dal10-carrier3-worker-1001`, with clusters named `prod-dal10-carrier3` and the regions of
    /// the usual zones. The text language for fleets reads names so.
    pub fn conventional() -> Naming {
        const ZONES: [(&str, &str); 11] = [
            ("dal*", "us-south"),
            ("fra*", "eu-central"),
            ("lon*", "uk-south"),
            ("mad*", "eu-es"),
            ("osa*", "jp-osa"),
            ("par*", "eu-fr2"),
            ("sao*", "br-sao"),
            ("syd*", "ap-south"),
            ("tok*", "ap-north"),
            ("tor*", "ca-tor"),
            ("wdc*", "us-east"),
        ];
        let patterns = [
            "{environment}-{zone}-{cluster}-{role...}[-]{number}",
            "{environment}-{zone}-{cluster}-{role...}",
        ];
        Naming {
            patterns: patterns.iter().filter_map(|text| NamePattern::parse(text).ok()).collect(),
            templates: Template::parse("{environment}-{zone}-{cluster}")
                .map(|template| (WellKnown::Cluster.attr(), template))
                .into_iter()
                .collect(),
            zones: Zones::new(ZONES).unwrap_or_default(),
        }
    }

    /// What the name says, or nothing where no pattern fits it. Regions are a matter of `region_of`.
    pub fn derive(&self, name: &str) -> Option<BTreeMap<AttrName, String>> {
        let parts = self.patterns.iter().find_map(|pattern| pattern.read(name))?;
        let mut attrs: BTreeMap<AttrName, String> =
            parts.iter().map(|(attr, text)| ((*attr).clone(), (*text).to_owned())).collect();
        for (attr, template) in &self.templates {
            // Templates speak of the parts of the name, never of each other: their order has no meaning.
            if let Some(text) = template.fill(&parts) {
                attrs.insert(attr.clone(), text);
            }
        }
        Some(attrs)
    }

    pub fn region_of(&self, zone: &str) -> Option<&str> {
        self.zones.region_of(zone)
    }
}
