//! Pipelines in YAML. `docs/reference/pipelines.md` is the reference; `docs/errors` has a page for every code.

mod bag;
mod file;
mod folder;
mod gate;
mod limit;
mod order;
mod refer;
mod rules;
mod step;
mod times;

#[cfg(test)]
mod tests;

pub use file::load;
pub use folder::load_folder;
pub(super) use gate::loose_gates;
pub(super) use refer::pipeline_name;
pub(super) use rules::change;
pub(super) use times::zone;
