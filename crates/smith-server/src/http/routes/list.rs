//! All routes, and the document about them.

use std::sync::OnceLock;

use serde_json::Value;

use super::super::describe::Api;
use super::{access, audit, builds, changes, clock, cycles, fleet, projects, site, sources, trains};

const ABOUT: &str = "Patches fleets of Linux machines. Requests come over the unix socket of the server, or over TCP with a \
                     token. Faults are application/problem+json with a code that /v1/errors/CODE explains. \
                     docs/reference/api.md has examples.";

pub(in crate::http) fn all() -> Api {
    let add = [
        site::add_open,
        site::add,
        projects::add,
        projects::add_requests,
        projects::add_known,
        projects::add_events,
        changes::add,
        trains::add,
        cycles::add,
        clock::add,
        fleet::add,
        sources::add,
        builds::add,
        access::add,
        audit::add,
    ];
    add.into_iter().fold(Api::new(), |api, add| add(api))
}

/// The OpenAPI document of everything that is served.
pub fn document() -> &'static Value {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    DOCUMENT.get_or_init(|| all().document(ABOUT))
}
