//! The packages of a build that is there, signed or not yet.

use crate::create::CreateError;
use crate::manifest::PackageList;
use crate::mirror::{Held, packages_text};
use crate::name::BuildNumber;
use crate::store::Store;

pub fn packages_of(store: &Store, number: BuildNumber) -> Result<PackageList, CreateError> {
    let info = Held::info_of_any(store, number)?;
    Ok(PackageList::decompress(&packages_text(store, number)?, &info.packages)?)
}
