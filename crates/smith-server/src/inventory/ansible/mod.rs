//! Ansible's inventories. Three notations of one thing: hosts in groups in groups, with variables on all of them.

mod groups;
mod ini;
mod list;
mod range;
mod yaml;

pub(super) use ini::read as read_ini;
pub(super) use list::read as read_json;
pub(super) use yaml::read as read_yaml;
