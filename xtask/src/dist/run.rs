//! The command: what is built, where it goes, and whether it is tried.

use std::fs;
use std::path::{Path, PathBuf};

use super::target::Target;
use super::{binary, package, trial};
use crate::failure::Failure;
use crate::metadata::Metadata;

/// Whether what was made is installed in a machine that is made for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trial {
    Make,
    Leave,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    targets: Vec<Target>,
    trial: Trial,
}

pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let options = Options::parse(args)?;
    let mut targets = options.targets;
    if targets.is_empty() {
        targets.push(Target::own()?);
    }
    for target in targets {
        let (binary, package) = make(target)?;
        if options.trial == Trial::Leave {
            continue;
        }
        is_reproduced(target, &binary, &package)?;
        if let Some(why) = trial::run(target, &binary, &package)? {
            println!("not tried: {why}");
        }
    }
    Ok(())
}

/// Makes what this machine can run and tries it; why not, where it cannot be tried here.
pub(crate) fn try_here() -> Result<Option<String>, Failure> {
    let target = Target::own()?;
    let (binary, package) = make(target)?;
    is_reproduced(target, &binary, &package)?;
    trial::run(target, &binary, &package)
}

/// A second package of the same program, made elsewhere and at another moment, is the same.
fn is_reproduced(target: Target, binary: &Path, package: &Path) -> Result<(), Failure> {
    let folder = package.with_extension("again");
    let again = package::make(binary, target, &folder)?;
    let read = |path: &Path| {
        fs::read(path).map_err(|source| Failure::Read { path: path.display().to_string(), source })
    };
    let same = read(package)? == read(&again)?;
    fs::remove_dir_all(&folder)
        .map_err(|source| Failure::Remove { path: folder.display().to_string(), source })?;
    if same {
        return Ok(());
    }
    let (what, expected) = (package.display().to_string(), "the same bytes a second time".to_owned());
    Err(Failure::Dist { what, expected, found: "others".to_owned() })
}

fn make(target: Target) -> Result<(PathBuf, PathBuf), Failure> {
    let directory = Metadata::load()?.target_directory;
    let folder = directory.join("dist");
    let built = binary::build(target, &directory)?;
    fs::create_dir_all(&folder)
        .map_err(|source| Failure::Write { path: folder.display().to_string(), source })?;
    let binary = folder.join(format!("smith-agent-{}", target.triple));
    fs::copy(&built, &binary)
        .map_err(|source| Failure::Write { path: binary.display().to_string(), source })?;
    let package = package::make(&binary, target, &folder)?;
    for path in [&binary, &package] {
        let length = fs::metadata(path).map_or(0, |meta| meta.len());
        println!("{} ({} KiB)", path.display(), length.div_ceil(1024));
    }
    Ok((binary, package))
}

impl Options {
    fn parse(args: &[String]) -> Result<Self, Failure> {
        let mut options = Self { targets: Vec::new(), trial: Trial::Leave };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--target" => {
                    let triple = args.next().map_or("nothing", String::as_str);
                    options.targets.push(Target::named(triple)?);
                }
                "--try" => options.trial = Trial::Make,
                other => {
                    let known = "--target TRIPLE or --try";
                    return Err(Failure::Usage(format!("dist: expected {known}, found {other:?}")));
                }
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, Failure> {
        Options::parse(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn targets_are_named_and_others_refused() {
        let options = parse(&["--try", "--target", "aarch64-unknown-linux-musl"]).unwrap();
        assert_eq!((options.targets[0].debian, options.trial), ("arm64", Trial::Make));
        for bad in [&["--target"][..], &["--target", "x"], &["x"]] {
            assert!(matches!(parse(bad), Err(Failure::Usage(_))), "{bad:?}");
        }
    }
}
